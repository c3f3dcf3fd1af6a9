//! `SimpleHeaderConverter`: values as text, and text as whatever it looks like.

use bytes::Bytes;
use connect_core::config::{ConfigDef, Props};
use connect_core::converter::HeaderConverter;
use connect_core::data::{Datum, Value, coerce};
use connect_core::error::ConnectError;

use crate::charset::Charset;

/// `org.apache.kafka.connect.storage.SimpleHeaderConverter`.
#[derive(Debug, Default)]
pub struct SimpleHeaderConverter;

impl HeaderConverter for SimpleHeaderConverter {
    fn configure(&mut self, _props: &Props) -> Result<(), ConnectError> {
        Ok(())
    }

    fn config_def(&self) -> ConfigDef {
        ConfigDef::default()
    }

    fn to_connect_header(
        &self,
        _topic: &str,
        _key: &str,
        value: Option<&Bytes>,
    ) -> Result<Datum, ConnectError> {
        let Some(bytes) = value else { return Ok(Datum::NULL) };
        let parsed = coerce::parse_string(&Charset::Utf8.decode(bytes));
        Ok(Datum::new(parsed.schema, parsed.value))
    }

    fn from_connect_header(
        &self,
        _topic: &str,
        _key: &str,
        value: &Datum,
    ) -> Result<Option<Bytes>, ConnectError> {
        match value.value().as_ref() {
            Value::Null => Ok(None),
            Value::String(text) => Ok(Some(text.as_bytes().clone())),
            other => {
                let mut text = String::new();
                coerce::write_value_text(&mut text, other);
                Ok(Some(Bytes::from(text)))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use connect_core::data::{Type, Value};

    use super::*;

    #[test]
    fn headers_are_text_both_ways() {
        let converter = SimpleHeaderConverter;
        let bytes = Bytes::from_static(b"[1,300]");
        let datum = converter.to_connect_header("t", "k", Some(&bytes)).unwrap();
        assert_eq!(datum.schema().unwrap().ty, Type::Array);
        assert_eq!(datum.value().into_owned(), Value::Array(vec![Value::Int16(1), Value::Int16(300)]));
        assert_eq!(converter.from_connect_header("t", "k", &datum).unwrap(), Some(bytes));
        assert_eq!(converter.from_connect_header("t", "k", &Datum::NULL).unwrap(), None);
        assert!(converter.to_connect_header("t", "k", None).unwrap().is_null());
    }
}
