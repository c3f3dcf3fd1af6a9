//! Parses and checks the values of a framework's keys. Unlike a connector's own keys these may hold null, name
//! plug-ins, and be embedded under a prefix.

use connect_core::config::{ConfigKey, ConfigValue, Parsed};
use connect_core::plugin::{LookupError, PluginInfo, PluginKind, Registry};

use crate::config::files::RawConfig;

/// A key, and what the worker knows of it beyond its definition.
#[derive(Clone)]
pub(super) struct Entry {
    /// Definition.
    pub(super) key: ConfigKey,
    /// The kind of plug-in a CLASS key names.
    pub(super) class_of: Option<PluginKind>,
    /// Bytes of the prefix under which another definition is embedded: validators name the key without it
    /// (`ConfigDef.embeddedValidator`).
    pub(super) prefix_len: usize,
    /// Whether user interfaces should show the key.
    pub(super) is_visible: bool,
}

impl From<ConfigKey> for Entry {
    fn from(key: ConfigKey) -> Self {
        Self { key, class_of: None, prefix_len: 0, is_visible: true }
    }
}

impl Entry {
    /// Names the kind of plug-in the value must be.
    pub(super) fn naming(mut self, kind: PluginKind) -> Self {
        self.class_of = Some(kind);
        self
    }

    /// Checks the value given in `props`, or the default.
    pub(super) fn check(&self, registry: &Registry, props: &RawConfig) -> ConfigValue {
        let mut errors = Vec::new();
        let parsed = self.parse(registry, props, &mut errors);
        let inner_name = self.key.name.get(self.prefix_len..).unwrap_or(&self.key.name);
        // The validator sees null even after a failed parse, as in `ConfigDef.parseForValidate`.
        errors.extend(self.key.validator.check(inner_name, &parsed).err());
        ConfigValue {
            name: self.key.name.to_string(),
            parsed,
            recommended: self.key.recommended.clone(),
            errors,
            is_visible: self.is_visible,
        }
    }

    fn parse(&self, registry: &Registry, props: &RawConfig, errors: &mut Vec<String>) -> Parsed {
        let key = &self.key;
        let text = match (props.get(key.name.as_ref()), &key.default) {
            (Some(given), _) => given.as_deref(),
            (None, Some(default)) => Some(default.as_ref()),
            (None, None) if key.is_required => {
                let name = &key.name;
                errors.push(format!("Missing required configuration \"{name}\" which has no default value."));
                None
            }
            (None, None) => None,
        };
        let Some(text) = text else { return Parsed::Null };
        let parsed = match self.class_of {
            Some(kind) => plugin_class(registry, kind, &key.name, text.trim(), errors),
            None => Parsed::parse(&key.name, key.ty, text),
        };
        parsed.unwrap_or_else(|error| {
            errors.push(error);
            Parsed::Null
        })
    }
}

/// Returns the full name of a plug-in class; a class of another kind keeps its value and adds an error.
fn plugin_class(
    registry: &Registry,
    kind: PluginKind,
    name: &str,
    text: &str,
    errors: &mut Vec<String>,
) -> Result<Parsed, String> {
    if let Ok(plugin) = registry.find(&[kind], text) {
        return Ok(Parsed::Text(plugin.class.to_owned()));
    }
    let Ok(other) = find_any(registry, text) else {
        return Err(format!(
            "Invalid value {text} for configuration {name}: Class {text} could not be found."
        ));
    };
    errors.push(match kind {
        PluginKind::Converter | PluginKind::HeaderConverter => {
            format!("Class class {} does not implement the {} interface", other.class, interface(kind))
        }
        _ => {
            format!("Invalid value class {} for configuration {name}: Not a {}", other.class, interface(kind))
        }
    });
    Ok(Parsed::Text(format!("class {}", other.class)))
}

/// Returns the plug-in of any kind with a class name or alias.
pub(super) fn find_any<'a>(registry: &'a Registry, name: &str) -> Result<&'a PluginInfo, LookupError> {
    use PluginKind::{ConfigProvider, Converter, HeaderConverter, Predicate, Sink, Source, Transformation};
    let kinds = [Sink, Source, Transformation, Predicate, Converter, HeaderConverter, ConfigProvider];
    registry.find(&kinds, name)
}

fn interface(kind: PluginKind) -> &'static str {
    match kind {
        PluginKind::Sink => "SinkConnector",
        PluginKind::Source => "SourceConnector",
        PluginKind::Transformation => "Transformation",
        PluginKind::Predicate => "Predicate",
        PluginKind::Converter => "Converter",
        PluginKind::HeaderConverter => "HeaderConverter",
        PluginKind::ConfigProvider => "ConfigProvider",
    }
}
