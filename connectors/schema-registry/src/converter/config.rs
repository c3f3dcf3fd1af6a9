//! Settings that the converters of all formats have, besides those of the connection.

use connect_core::config::{Parsed, Props, Validator};
use connect_core::converter::ConverterRole;
use connect_core::error::ConnectError;

use crate::registry::NameStrategy;

connect_core::config! {
    /// Settings of a converter with a registry.
    pub(super) struct CommonConfig {
        /// Register the schema of what is written.
        auto_register: bool = "auto.register.schemas", Medium, default "true";
        /// Write with the newest schema of the subject; only without `auto.register.schemas`.
        use_latest: bool = "use.latest.version", Low, default "false";
        /// Write with the schema of this id; only without `auto.register.schemas`.
        use_id: i32 = "use.schema.id", Low, default "-1";
        /// Refuse to write with a newest schema that does not fit the data. Data that does not fit is refused in
        /// any case.
        latest_strict: bool = "latest.compatibility.strict", Low, default "true";
        /// Refuse to write with a schema of the given id that does not fit the data. Data that does not fit is
        /// refused in any case.
        id_strict: bool = "id.compatibility.strict", Low, default "true";
        /// Let the registry ignore order where it does not matter.
        normalize: bool = "normalize.schemas", Low, default "false";
        /// How long the newest schema of a subject is taken to be so, in seconds; -1 is for ever.
        latest_ttl_s: i64 = "latest.cache.ttl.sec", Low, default "-1";
        /// How many schemas are kept.
        cache_size: usize = "schemas.cache.config", Low, default "1000";
        /// Under which subject the schemas of keys are.
        key_strategy: Option<String> = "key.subject.name.strategy", Medium, default None,
            valid Validator::Custom(NameStrategy::check);
        /// Under which subject the schemas of values are.
        value_strategy: Option<String> = "value.subject.name.strategy", Medium, default None,
            valid Validator::Custom(NameStrategy::check);
    }
}

/// How the schema to write with is found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Choice {
    /// The value's own, registered if need be.
    Register,
    /// The value's own, which must be registered.
    LookUp,
    /// The newest of the subject.
    Latest,
    /// The one with this id.
    Id(i32),
}

impl CommonConfig {
    /// Reads the settings.
    ///
    /// # Errors
    /// Fails with a config error that lists every bad key.
    pub(super) fn read(props: &Props) -> Result<Self, ConnectError> {
        Ok(Self::parse(props)?)
    }

    /// Returns how the schema to write with is found.
    pub(super) fn choice(&self) -> Choice {
        match self {
            Self { auto_register: true, .. } => Choice::Register,
            Self { use_id: id @ 0.., .. } => Choice::Id(*id),
            Self { use_latest: true, .. } => Choice::Latest,
            _ => Choice::LookUp,
        }
    }

    /// Returns the strategy for keys or values.
    ///
    /// # Errors
    /// Fails (config) when the strategy is unknown.
    pub(super) fn strategy(&self, role: ConverterRole) -> Result<NameStrategy, ConnectError> {
        let (key, class) = match role {
            ConverterRole::Key => ("key.subject.name.strategy", &self.key_strategy),
            _ => ("value.subject.name.strategy", &self.value_strategy),
        };
        let Some(class) = class else { return Ok(NameStrategy::default()) };
        NameStrategy::of_class(class).ok_or_else(|| {
            let error = NameStrategy::check(key, &Parsed::Text(class.clone())).err();
            ConnectError::config(error.unwrap_or_default())
        })
    }
}
