//! One configuration key, and the list of keys of a component.

use std::borrow::Cow;

use crate::config::Validator;

/// The type of a configuration value; names as Kafka's `ConfigDef` prints them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs, reason = "the names are Kafka's and say it all")]
pub enum ConfigType {
    Boolean,
    String,
    Int,
    Short,
    Long,
    Double,
    List,
    Class,
    Password,
}

impl ConfigType {
    /// Returns Kafka's upper-case name.
    pub fn name(self) -> &'static str {
        match self {
            ConfigType::Boolean => "BOOLEAN",
            ConfigType::String => "STRING",
            ConfigType::Int => "INT",
            ConfigType::Short => "SHORT",
            ConfigType::Long => "LONG",
            ConfigType::Double => "DOUBLE",
            ConfigType::List => "LIST",
            ConfigType::Class => "CLASS",
            ConfigType::Password => "PASSWORD",
        }
    }
}

/// How much a user should care about a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs, reason = "the names are Kafka's and say it all")]
pub enum Importance {
    High,
    Medium,
    Low,
}

impl Importance {
    /// Returns Kafka's upper-case name.
    pub fn name(self) -> &'static str {
        match self {
            Importance::High => "HIGH",
            Importance::Medium => "MEDIUM",
            Importance::Low => "LOW",
        }
    }
}

/// Width hint for user interfaces.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs, reason = "the names are Kafka's and say it all")]
pub enum Width {
    None,
    Short,
    Medium,
    Long,
}

impl Width {
    /// Returns Kafka's upper-case name.
    pub fn name(self) -> &'static str {
        match self {
            Width::None => "NONE",
            Width::Short => "SHORT",
            Width::Medium => "MEDIUM",
            Width::Long => "LONG",
        }
    }
}

/// One configuration key.
#[derive(Debug, Clone)]
pub struct ConfigKey {
    /// Name as in property files.
    pub name: Cow<'static, str>,
    /// Type of the value.
    pub ty: ConfigType,
    /// Whether a value must be given: there is no default, not even null.
    pub is_required: bool,
    /// Default as text; `None` with `is_required == false` is the null default.
    pub default: Option<Cow<'static, str>>,
    /// Check on the parsed value.
    pub validator: Validator,
    /// Importance.
    pub importance: Importance,
    /// What the key does.
    pub doc: Cow<'static, str>,
    /// Group for user interfaces.
    pub group: Option<Cow<'static, str>>,
    /// Position in the group; −1 without a group.
    pub order: i32,
    /// Width hint.
    pub width: Width,
    /// Name for user interfaces.
    pub display_name: Cow<'static, str>,
    /// Keys whose validity depends on this one.
    pub dependents: Vec<Cow<'static, str>>,
    /// Values to offer.
    pub recommended: Vec<String>,
    /// Whether the key is left out of `validate` and documentation.
    pub is_internal: bool,
}

impl ConfigKey {
    /// Returns a required key without group, as `ConfigDef.define(name, type, importance, doc)` does.
    pub fn new(
        name: impl Into<Cow<'static, str>>,
        ty: ConfigType,
        importance: Importance,
        doc: impl Into<Cow<'static, str>>,
    ) -> Self {
        let name = name.into();
        Self {
            display_name: name.clone(),
            name,
            ty,
            is_required: true,
            default: None,
            validator: Validator::Any,
            importance,
            doc: doc.into(),
            group: None,
            order: -1,
            width: Width::None,
            dependents: Vec::new(),
            recommended: Vec::new(),
            is_internal: false,
        }
    }

    /// Sets the default: text, or `None` for null.
    #[must_use]
    pub fn default(mut self, default: impl Into<Option<&'static str>>) -> Self {
        self.is_required = false;
        self.default = default.into().map(Cow::Borrowed);
        self
    }

    /// Sets the default to a text made at run time.
    #[must_use]
    pub fn default_text(mut self, default: impl Into<String>) -> Self {
        self.is_required = false;
        self.default = Some(Cow::Owned(default.into()));
        self
    }

    /// Sets the check on the parsed value.
    #[must_use]
    pub fn valid(mut self, validator: Validator) -> Self {
        self.validator = validator;
        self
    }

    /// Sets the group.
    #[must_use]
    pub fn group(mut self, group: impl Into<Cow<'static, str>>) -> Self {
        self.group = Some(group.into());
        self
    }

    /// Sets the position in the group.
    #[must_use]
    pub fn order(mut self, order: i32) -> Self {
        self.order = order;
        self
    }

    /// Sets the width hint.
    #[must_use]
    pub fn width(mut self, width: Width) -> Self {
        self.width = width;
        self
    }

    /// Sets the name for user interfaces.
    #[must_use]
    pub fn display(mut self, display_name: impl Into<Cow<'static, str>>) -> Self {
        self.display_name = display_name.into();
        self
    }

    /// Sets the keys whose validity depends on this one.
    #[must_use]
    pub fn dependents(mut self, dependents: &[&'static str]) -> Self {
        self.dependents = dependents.iter().map(|name| Cow::Borrowed(*name)).collect();
        self
    }

    /// Sets the values to offer.
    #[must_use]
    pub fn recommended(mut self, values: Vec<String>) -> Self {
        self.recommended = values;
        self
    }

    /// Leaves the key out of `validate` and documentation.
    #[must_use]
    pub fn internal(mut self, is_internal: bool) -> Self {
        self.is_internal = is_internal;
        self
    }
}

/// The keys of a component in definition order.
#[derive(Debug, Clone, Default)]
pub struct ConfigDef {
    /// The keys; names are unique.
    pub keys: Vec<ConfigKey>,
}

impl ConfigDef {
    /// Returns a definition of the given keys.
    pub fn new(keys: Vec<ConfigKey>) -> Self {
        Self { keys }
    }

    /// Returns a key by name.
    pub fn key(&self, name: &str) -> Option<&ConfigKey> {
        self.keys.iter().find(|key| key.name == name)
    }

    /// Returns the definition under a prefix, as used for the keys of converters and transforms.
    #[must_use]
    pub fn prefixed(mut self, prefix: &str) -> Self {
        for key in &mut self.keys {
            key.name = Cow::Owned(format!("{prefix}{}", key.name));
        }
        self
    }
}
