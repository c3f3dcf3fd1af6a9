//! The answers of `/connector-plugins/…` as JSON: field names and their order are Kafka Connect's.

use connect_core::config::{ConfigKey, ConfigValue, Parsed, Secret};
use serde::Serialize;

/// The outcome of a validation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ConfigInfos {
    /// Connector class as it was given.
    pub name: String,
    /// Errors in all values; overrides and converter settings count once a key.
    pub error_count: usize,
    /// Groups of the keys, in order of first use.
    pub groups: Vec<String>,
    /// One entry a key.
    pub configs: Vec<ConfigInfo>,
}

/// A key and its value.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ConfigInfo {
    /// Definition; `None` for a key that nothing defines.
    pub definition: Option<ConfigKeyInfo>,
    /// Value; `None` if the connector's own validation left the key out.
    pub value: Option<ConfigValueInfo>,
}

/// The definition of a key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ConfigKeyInfo {
    /// Key.
    pub name: String,
    /// Type in upper case.
    #[serde(rename = "type")]
    pub ty: &'static str,
    /// Whether there is no default.
    pub required: bool,
    /// Default as text.
    pub default_value: Option<String>,
    /// Importance in upper case.
    pub importance: &'static str,
    /// What the key does.
    pub documentation: String,
    /// Group for user interfaces.
    pub group: Option<String>,
    /// Position in the group; -1 without a group.
    pub order_in_group: i32,
    /// Width hint in upper case.
    pub width: &'static str,
    /// Name for user interfaces.
    pub display_name: String,
    /// Keys whose validity depends on this one.
    pub dependents: Vec<String>,
}

/// The value of a key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ConfigValueInfo {
    /// Key.
    pub name: String,
    /// Value as text; `None` for null and for a value that could not be parsed.
    pub value: Option<String>,
    /// Values to offer.
    pub recommended_values: Vec<String>,
    /// What is wrong.
    pub errors: Vec<String>,
    /// Whether the key applies.
    pub visible: bool,
}

impl ConfigInfos {
    /// Returns the number of keys with an error together with the errors, by key, in order.
    pub fn errors(&self) -> impl Iterator<Item = (&str, &[String])> {
        let values = self.configs.iter().filter_map(|config| config.value.as_ref());
        values.filter(|value| !value.errors.is_empty()).map(|value| (value.name.as_str(), &*value.errors))
    }
}

impl From<&ConfigKey> for ConfigKeyInfo {
    fn from(key: &ConfigKey) -> Self {
        Self {
            name: key.name.to_string(),
            ty: key.ty.name(),
            required: key.is_required,
            default_value: default_text(key),
            importance: key.importance.name(),
            documentation: key.doc.to_string(),
            group: key.group.as_ref().map(ToString::to_string),
            order_in_group: key.order,
            width: key.width.name(),
            display_name: key.display_name.to_string(),
            dependents: key.dependents.iter().map(ToString::to_string).collect(),
        }
    }
}

/// Returns the default as the JVM prints it: a list without blanks, a password hidden.
fn default_text(key: &ConfigKey) -> Option<String> {
    let text = key.default.as_deref()?;
    match Parsed::parse(&key.name, key.ty, text) {
        Ok(Parsed::Password(_)) => Some(Secret::HIDDEN.to_owned()),
        Ok(parsed) => parsed.shown(),
        Err(_) => Some(text.to_owned()),
    }
}

impl From<ConfigValue> for ConfigValueInfo {
    fn from(value: ConfigValue) -> Self {
        Self {
            name: value.name,
            value: value.parsed.shown(),
            recommended_values: value.recommended,
            errors: value.errors,
            visible: value.is_visible,
        }
    }
}
