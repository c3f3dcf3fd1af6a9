//! One JSON value a line, as Confluent's `JsonFormat` writes it: a struct by the rules of the JSON converter with
//! schemas off, everything else as Jackson writes the Java object.

use std::fmt;
use std::sync::Arc;

use connect_core::config::Props;
use connect_core::converter::{Converter, ConverterRole};
use connect_core::data::coerce;
use connect_core::data::json::{write_str, write_value};
use connect_core::data::{Datum, Value};
use connect_core::error::ConnectError;
use connect_core::headers::Headers;
use connector_converters::JsonConverter;

/// Writes JSON lines.
#[derive(Clone)]
pub struct JsonFormat {
    structs: Arc<JsonConverter>,
}

impl JsonFormat {
    /// Returns the format; decimals of structs are numbers if `decimals_are_numeric`, else base64.
    pub fn new(decimals_are_numeric: bool) -> Self {
        let decimal_format = if decimals_are_numeric { "NUMERIC" } else { "BASE64" };
        let settings = [("schemas.enable", "false"), ("decimal.format", decimal_format)];
        let props: Props =
            settings.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
        let mut structs = JsonConverter::default();
        structs.configure(&props, ConverterRole::Value).expect("both settings are valid");
        Self { structs: Arc::new(structs) }
    }

    /// Appends a record.
    ///
    /// # Errors
    /// A data error when the value does not fit its schema.
    pub fn append(&self, datum: &Datum, out: &mut Vec<u8>) -> Result<(), ConnectError> {
        match datum.json_text() {
            // The text is what Kafka Connect would write after decoding it: nothing is parsed here.
            Some(text) => out.extend_from_slice(&text),
            None => self.append_value(datum, out)?,
        }
        out.push(b'\n');
        Ok(())
    }

    /// Appends the headers of a record: an object with one array of names and texts.
    ///
    /// # Errors
    /// A data error when a value has no text.
    pub fn append_headers(&self, headers: &Headers, out: &mut Vec<u8>) -> Result<(), ConnectError> {
        out.extend_from_slice(b"{\"headers\":[");
        for (index, header) in headers.iter().enumerate() {
            if index > 0 {
                out.push(b',');
            }
            out.extend_from_slice(b"{\"key\":");
            write_str(out, &header.key);
            out.extend_from_slice(b",\"value\":");
            append_text(&header.value, out)?;
            out.push(b'}');
        }
        out.extend_from_slice(b"]}\n");
        Ok(())
    }

    fn append_value(&self, datum: &Datum, out: &mut Vec<u8>) -> Result<(), ConnectError> {
        match datum.value().as_ref() {
            value @ Value::Struct(_) => {
                let bytes = self.structs.from_connect_data("", datum.schema(), value)?;
                out.extend_from_slice(bytes.as_deref().unwrap_or(b"null"));
            }
            value => write_value(out, value),
        }
        Ok(())
    }
}

impl fmt::Debug for JsonFormat {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("JsonFormat").finish_non_exhaustive()
    }
}

/// Appends a header's value as `Values.convertToString` prints it, in quotes; null stays null.
fn append_text(datum: &Datum, out: &mut Vec<u8>) -> Result<(), ConnectError> {
    write_value(out, &coerce::to_string(datum.schema().map(AsRef::as_ref), &datum.value())?);
    Ok(())
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use connect_core::data::{Schema, SchemaBuilder, Struct, Type, logical};

    use super::*;

    fn line(format: &JsonFormat, datum: &Datum) -> String {
        let mut out = Vec::new();
        format.append(datum, &mut out).expect("a JSON form");
        String::from_utf8(out).expect("text")
    }

    #[test]
    fn canonical_text_is_copied() {
        let datum = Datum::from_json(Bytes::from_static(b"{\"a\":1}"), |_| unreachable!("never decoded"));
        assert_eq!(line(&JsonFormat::new(false), &datum), "{\"a\":1}\n");
    }

    #[test]
    fn values_without_struct_are_written_as_jackson_writes_them() {
        let cases = [
            (Value::string("a\"b"), "\"a\\\"b\"\n"),
            (Value::Bytes(Bytes::from_static(b"\x00\x01")), "\"AAE=\"\n"),
            (Value::Int64(-7), "-7\n"),
            (Value::Array(vec![Value::Boolean(true), Value::Null]), "[true,null]\n"),
        ];
        for (value, expected) in cases {
            assert_eq!(line(&JsonFormat::new(false), &Datum::schemaless(value)), expected);
        }
    }

    #[test]
    fn decimals_of_structs_are_base64_or_numbers() {
        let schema = SchemaBuilder::structure()
            .field("price", logical::decimal(2))
            .field("name", Schema::optional(Type::String))
            .build()
            .expect("valid");
        let mut value = Struct::new(schema.clone());
        value.put("price", Value::Decimal("1.25".parse().expect("a number"))).expect("a decimal");
        let datum = Datum::new(Some(schema), Value::Struct(Box::new(value)));
        assert_eq!(line(&JsonFormat::new(false), &datum), "{\"price\":\"fQ==\",\"name\":null}\n");
        assert_eq!(line(&JsonFormat::new(true), &datum), "{\"price\":1.25,\"name\":null}\n");
    }
}
