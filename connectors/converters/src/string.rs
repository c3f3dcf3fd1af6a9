//! `StringConverter`: text in a chosen encoding.

use bytes::{Bytes, BytesMut};
use connect_core::config::{ConfigDef, Parsed, Props, Validator, Width};
use connect_core::converter::{Converter, ConverterRole};
use connect_core::data::{Datum, SchemaRef, Value, java_text, logical};
use connect_core::error::ConnectError;
use connect_core::record::RawHeaders;

use crate::charset::Charset;
use crate::header::{ROLES, with_role};

connect_core::config! {
    /// Settings of the string converter.
    struct StringConverterConfig {
        /// How this converter will be used.
        role: String = "converter.type", Low, valid Validator::OneOf(ROLES);
        /// The name of the Java character set to use for encoding strings as byte arrays.
        encoding: String = "converter.encoding", High, default "UTF-8", valid Validator::Custom(check_encoding),
            width Width::Medium, display "Encoding";
    }
}

/// Unlike the JVM, which fails at the first record, an unknown name is refused with the configuration.
fn check_encoding(name: &str, value: &Parsed) -> Result<(), String> {
    match value {
        Parsed::Text(text) if Charset::by_name(text).is_none() => {
            Err(format!("Invalid value {text} for configuration {name}: Unknown encoding"))
        }
        _ => Ok(()),
    }
}

/// `org.apache.kafka.connect.storage.StringConverter`.
#[derive(Debug, Default)]
pub struct StringConverter {
    charset: Charset,
}

impl Converter for StringConverter {
    fn configure(&mut self, props: &Props, role: ConverterRole) -> Result<(), ConnectError> {
        let config = StringConverterConfig::parse(&with_role(props, role))?;
        debug_assert_eq!(config.role, role.name());
        self.charset = Charset::by_name(&config.encoding)
            .ok_or_else(|| ConnectError::config(format!("unknown encoding `{}`", config.encoding)))?;
        Ok(())
    }

    fn config_def(&self) -> ConfigDef {
        StringConverterConfig::config_def()
    }

    fn to_connect_data(
        &self,
        _topic: &str,
        _headers: Option<&RawHeaders>,
        value: Option<&Bytes>,
        _scratch: &mut BytesMut,
    ) -> Result<Datum, ConnectError> {
        let value = value.map_or(Value::Null, |bytes| Value::String(self.charset.decode(bytes)));
        Ok(Datum::new(Some(SchemaRef::clone(&logical::OPTIONAL_STRING)), value))
    }

    fn from_connect_data(
        &self,
        _topic: &str,
        _schema: Option<&SchemaRef>,
        value: &Value,
    ) -> Result<Option<Bytes>, ConnectError> {
        Ok(match value {
            Value::Null => None,
            Value::String(text) if self.charset == Charset::Utf8 => Some(text.as_bytes().clone()),
            Value::String(text) => Some(self.charset.encode(text)),
            other => Some(self.charset.encode(&java_text::to_text(other))),
        })
    }

    fn from_datum(&self, topic: &str, datum: &Datum) -> Result<Option<Bytes>, ConnectError> {
        let Some(json) = datum.json_text().filter(|_| self.charset == Charset::Utf8) else {
            return self.from_connect_data(topic, datum.schema(), &datum.value());
        };
        let mut text = Vec::with_capacity(json.len() + json.len() / 4);
        crate::json_as_java_text(&json, &mut text);
        Ok(Some(Bytes::from(text)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn converter(props: &[(&str, &str)]) -> Result<StringConverter, ConnectError> {
        let props = props.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
        let mut converter = StringConverter::default();
        converter.configure(&props, ConverterRole::Key)?;
        Ok(converter)
    }

    #[test]
    fn utf8_shares_the_bytes() {
        let converter = converter(&[]).unwrap();
        let bytes = Bytes::from_static("é".as_bytes());
        let datum = converter.to_connect_data("t", None, Some(&bytes), &mut BytesMut::new()).unwrap();
        let Value::String(text) = datum.value().into_owned() else { panic!("a string") };
        assert_eq!(text.as_bytes().as_ptr(), bytes.as_ptr());
        assert_eq!(converter.from_datum("t", &datum).unwrap(), Some(bytes));
        assert_eq!(converter.from_connect_data("t", None, &Value::Null).unwrap(), None);
    }

    #[test]
    fn encoding_is_a_java_name() {
        let latin = converter(&[("converter.encoding", "ISO-8859-1")]).unwrap();
        let bytes = latin.from_connect_data("t", None, &Value::string("é")).unwrap();
        assert_eq!(bytes, Some(Bytes::from_static(b"\xe9")));
        let error = converter(&[("converter.encoding", "x-nope")]).unwrap_err();
        assert_eq!(
            error.context(),
            "Invalid value x-nope for configuration converter.encoding: Unknown encoding"
        );
    }

    #[test]
    fn an_undecoded_document_prints_as_a_map() {
        let text = Bytes::from_static(br#"{"b":1.5,"a":["x",null]}"#);
        let datum = Datum::from_json(text, connect_core::data::json::decode_canonical);
        let printed = converter(&[]).unwrap().from_datum("t", &datum).unwrap();
        assert_eq!(printed, Some(Bytes::from_static(b"{b=1.5, a=[x, null]}")));
        let decoded = Datum::schemaless(datum.value().into_owned());
        assert_eq!(converter(&[]).unwrap().from_datum("t", &decoded).unwrap(), printed);
    }
}
