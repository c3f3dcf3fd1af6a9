//! `ByteArrayConverter`: bytes as they are.

use bytes::{Bytes, BytesMut};
use connect_core::config::{ConfigDef, Props};
use connect_core::converter::{Converter, ConverterRole};
use connect_core::data::{Datum, SchemaRef, Type, Value, logical};
use connect_core::error::ConnectError;
use connect_core::record::RawHeaders;

use crate::header::{ConverterConfig, check_role};

/// `org.apache.kafka.connect.converters.ByteArrayConverter`.
#[derive(Debug, Default)]
pub struct ByteArrayConverter;

impl Converter for ByteArrayConverter {
    fn configure(&mut self, props: &Props, role: ConverterRole) -> Result<(), ConnectError> {
        check_role(props, role)
    }

    fn config_def(&self) -> ConfigDef {
        ConverterConfig::config_def()
    }

    fn to_connect_data(
        &self,
        _topic: &str,
        _headers: Option<&RawHeaders>,
        value: Option<&Bytes>,
        _scratch: &mut BytesMut,
    ) -> Result<Datum, ConnectError> {
        let value = value.map_or(Value::Null, |bytes| Value::Bytes(bytes.clone()));
        Ok(Datum::new(Some(SchemaRef::clone(&logical::OPTIONAL_BYTES)), value))
    }

    fn from_connect_data(
        &self,
        _topic: &str,
        schema: Option<&SchemaRef>,
        value: &Value,
    ) -> Result<Option<Bytes>, ConnectError> {
        if let Some(schema) = schema.filter(|schema| schema.ty != Type::Bytes) {
            let ty = schema.ty.name();
            return Err(ConnectError::data(format!("Invalid schema type for ByteArrayConverter: {ty}")));
        }
        match value {
            Value::Null => Ok(None),
            Value::Bytes(bytes) => Ok(Some(bytes.clone())),
            other => Err(ConnectError::data(format!(
                "ByteArrayConverter is not compatible with objects of type class {}",
                other.java_class()
            ))),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use connect_core::data::Schema;

    use super::*;

    #[test]
    fn bytes_pass_and_other_types_are_refused() {
        let converter = ByteArrayConverter;
        let bytes = Bytes::from_static(b"\x00\xff");
        let datum = converter.to_connect_data("t", None, Some(&bytes), &mut BytesMut::new()).unwrap();
        assert_eq!(converter.from_datum("t", &datum).unwrap(), Some(bytes));
        assert_eq!(converter.from_connect_data("t", None, &Value::Null).unwrap(), None);
        let text = converter.from_connect_data("t", None, &Value::string("x")).unwrap_err();
        assert_eq!(
            text.context(),
            "ByteArrayConverter is not compatible with objects of type class java.lang.String"
        );
        let schema = Arc::new(Schema::of(Type::String));
        let text = converter.from_connect_data("t", Some(&schema), &Value::string("x")).unwrap_err();
        assert_eq!(text.context(), "Invalid schema type for ByteArrayConverter: STRING");
    }
}
