//! Any converter as a header converter: Kafka's converters treat a header like a value.

use bytes::{Bytes, BytesMut};
use connect_core::config::{ConfigDef, Props};
use connect_core::converter::{Converter, ConverterRole, HeaderConverter};
use connect_core::data::Datum;
use connect_core::error::ConnectError;

/// Serves headers with a key or value converter.
#[derive(Debug, Default)]
pub struct AsHeaderConverter<C>(C);

impl<C: Converter> HeaderConverter for AsHeaderConverter<C> {
    fn configure(&mut self, props: &Props) -> Result<(), ConnectError> {
        self.0.configure(props, ConverterRole::Header)
    }

    fn config_def(&self) -> ConfigDef {
        self.0.config_def()
    }

    fn to_connect_header(
        &self,
        topic: &str,
        _key: &str,
        value: Option<&Bytes>,
    ) -> Result<Datum, ConnectError> {
        // Room enough that a header does not take a batch's whole chunk of memory.
        let mut scratch = BytesMut::with_capacity(value.map_or(0, |bytes| bytes.len() * 2));
        self.0.to_connect_data(topic, None, value, &mut scratch)
    }

    fn from_connect_header(
        &self,
        topic: &str,
        _key: &str,
        value: &Datum,
    ) -> Result<Option<Bytes>, ConnectError> {
        self.0.from_datum(topic, value)
    }
}

/// Returns the properties with `converter.type` set, as the worker sets it for each converter.
pub(crate) fn with_role(props: &Props, role: ConverterRole) -> Props {
    let mut props = props.clone();
    props.insert("converter.type".to_owned(), role.name().to_owned());
    props
}

connect_core::config! {
    /// Settings every converter has.
    pub(crate) struct ConverterConfig {
        /// How this converter will be used.
        role: String = "converter.type", Low, valid connect_core::config::Validator::OneOf(ROLES);
    }
}

/// Values of `converter.type`.
pub(crate) const ROLES: &[&str] = &["key", "value", "header"];

/// Checks the settings of a converter that has no key but `converter.type`.
pub(crate) fn check_role(props: &Props, role: ConverterRole) -> Result<(), ConnectError> {
    let config = ConverterConfig::parse(&with_role(props, role))?;
    debug_assert_eq!(config.role, role.name());
    Ok(())
}
