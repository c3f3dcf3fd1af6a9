//! Records as bytes: what the original writes for bytes, text and numbers, JSON for everything else.

use std::fmt;
use std::sync::Arc;

use connect_core::Bytes;
use connect_core::config::Props;
use connect_core::converter::{Converter, ConverterRole};
use connect_core::data::json::{write_str, write_value};
use connect_core::data::{Datum, Value};
use connect_core::error::ConnectError;
use connect_core::record::SinkRecord;
use connector_converters::JsonConverter;

/// Form of a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    /// The value: bytes and text as they are, numbers big-endian, the rest as JSON.
    Raw,
    /// The value as JSON.
    Json,
    /// A JSON object of value, key, headers and coordinates.
    Envelope,
}

/// Makes the bytes of records.
#[derive(Clone)]
pub(crate) struct Encoding {
    form: Form,
    delimiter: Vec<u8>,
    /// Writes structs; everything else has its JSON form by itself.
    structs: Arc<JsonConverter>,
}

impl fmt::Debug for Encoding {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Encoding").field("form", &self.form).finish_non_exhaustive()
    }
}

impl Encoding {
    pub(crate) fn new(form: Form, delimiter: Vec<u8>) -> Self {
        let props = Props::from([("schemas.enable".to_owned(), "false".to_owned())]);
        let mut structs = JsonConverter::default();
        structs.configure(&props, ConverterRole::Value).expect("the setting is valid");
        Self { form, delimiter, structs: Arc::new(structs) }
    }

    /// Returns the bytes of a record, with the delimiter.
    ///
    /// # Errors
    /// A data error when the value does not fit its schema.
    pub(crate) fn encode(&self, record: &SinkRecord) -> Result<Bytes, ConnectError> {
        // Text that is sent as it is needs no copy.
        if self.form != Form::Envelope
            && self.delimiter.is_empty()
            && let Some(text) = record.value.json_text()
            && (self.form == Form::Json || text.first() != Some(&b'"'))
        {
            return Ok(text.into_owned());
        }
        let mut out = Vec::new();
        match self.form {
            Form::Raw => self.append_raw(&record.value, &mut out)?,
            Form::Json => self.append_json(&record.value, &mut out)?,
            Form::Envelope => self.append_envelope(record, &mut out)?,
        }
        out.extend_from_slice(&self.delimiter);
        Ok(Bytes::from(out))
    }

    fn append_raw(&self, datum: &Datum, out: &mut Vec<u8>) -> Result<(), ConnectError> {
        if let Some(text) = datum.json_text() {
            return match text.first() {
                // A JSON string is a string: `raw` sends its text.
                Some(b'"') => self.append_raw_value(datum, out),
                _ => {
                    out.extend_from_slice(&text);
                    Ok(())
                }
            };
        }
        self.append_raw_value(datum, out)
    }

    /// Numbers with a schema are written as the original does; without one it writes nothing at all.
    fn append_raw_value(&self, datum: &Datum, out: &mut Vec<u8>) -> Result<(), ConnectError> {
        let value = datum.value();
        match value.as_ref() {
            Value::String(text) => out.extend_from_slice(text.as_bytes()),
            Value::Bytes(bytes) => out.extend_from_slice(bytes),
            _ if datum.schema().is_none() => return self.append_json(datum, out),
            Value::Boolean(flag) => out.push(u8::from(*flag)),
            Value::Int8(number) => out.extend_from_slice(&number.to_be_bytes()),
            Value::Int16(number) => out.extend_from_slice(&number.to_be_bytes()),
            Value::Int32(number) => out.extend_from_slice(&number.to_be_bytes()),
            Value::Int64(number) => out.extend_from_slice(&number.to_be_bytes()),
            Value::Float32(number) => out.extend_from_slice(&number.to_be_bytes()),
            Value::Float64(number) => out.extend_from_slice(&number.to_be_bytes()),
            _ => return self.append_json(datum, out),
        }
        Ok(())
    }

    fn append_json(&self, datum: &Datum, out: &mut Vec<u8>) -> Result<(), ConnectError> {
        if let Some(text) = datum.json_text() {
            out.extend_from_slice(&text);
            return Ok(());
        }
        match datum.value().as_ref() {
            value @ Value::Struct(_) => {
                let bytes = self.structs.from_connect_data("", datum.schema(), value)?;
                out.extend_from_slice(bytes.as_deref().unwrap_or(b"null"));
            }
            value => write_value(out, value),
        }
        Ok(())
    }

    fn append_envelope(&self, record: &SinkRecord, out: &mut Vec<u8>) -> Result<(), ConnectError> {
        out.extend_from_slice(b"{\"topic\":");
        write_str(out, &record.topic);
        let place = format!(",\"partition\":{},\"offset\":{}", record.origin.partition, record.offset);
        out.extend_from_slice(place.as_bytes());
        if let Some(timestamp) = record.timestamp {
            out.extend_from_slice(format!(",\"timestamp\":{timestamp}").as_bytes());
        }
        out.extend_from_slice(b",\"key\":");
        self.append_json(&record.key, out)?;
        out.extend_from_slice(b",\"headers\":[");
        for (index, header) in record.headers.iter().enumerate() {
            out.extend_from_slice(if index > 0 { b",{\"key\":" } else { b"{\"key\":" });
            write_str(out, &header.key);
            out.extend_from_slice(b",\"value\":");
            self.append_json(&header.value, out)?;
            out.push(b'}');
        }
        out.extend_from_slice(b"],\"value\":");
        self.append_json(&record.value, out)?;
        out.push(b'}');
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use connect_core::data::{Schema, SchemaBuilder, Struct, Type};
    use connect_core::testkit::record;

    use super::*;

    fn encoded(form: Form, delimiter: &str, value: Datum) -> Vec<u8> {
        let mut record = record("logs", 3, 7, value);
        record.key = Datum::schemaless(Value::string("k"));
        record.headers.add("h", Datum::schemaless(Value::Int32(1)));
        Encoding::new(form, delimiter.into()).encode(&record).expect("encoded").to_vec()
    }

    fn typed(ty: Type, value: Value) -> Datum {
        Datum::new(Some(Arc::new(Schema::of(ty))), value)
    }

    #[test]
    fn bytes_text_and_numbers_are_those_of_the_original() {
        let cases = [
            (typed(Type::String, Value::string("é")), "é".as_bytes().to_vec()),
            (typed(Type::Bytes, Value::Bytes(Bytes::from_static(b"\0\xff"))), b"\0\xff".to_vec()),
            (typed(Type::Int8, Value::Int8(-1)), vec![0xff]),
            (typed(Type::Int16, Value::Int16(258)), vec![1, 2]),
            (typed(Type::Int32, Value::Int32(1)), vec![0, 0, 0, 1]),
            (typed(Type::Int64, Value::Int64(1)), vec![0, 0, 0, 0, 0, 0, 0, 1]),
            (typed(Type::Float32, Value::Float32(1.0)), vec![0x3f, 0x80, 0, 0]),
            (typed(Type::Float64, Value::Float64(1.0)), vec![0x3f, 0xf0, 0, 0, 0, 0, 0, 0]),
            (typed(Type::Boolean, Value::Boolean(true)), vec![1]),
        ];
        for (datum, expected) in cases {
            assert_eq!(encoded(Form::Raw, "", datum.clone()), expected, "{datum:?}");
        }
    }

    #[test]
    fn what_the_original_cannot_write_is_json() {
        let schema = SchemaBuilder::structure()
            .field("a", Schema::of(Type::Int32))
            .field("b", Schema::optional(Type::String))
            .build()
            .expect("a schema");
        let structure = Struct::from_parts(Arc::clone(&schema), vec![Value::Int32(5), Value::Null]);
        let text = Datum::from_json(Bytes::from_static(b"{\"a\":5}"), |_| unreachable!("never decoded"));
        let cases = [
            (Datum::new(Some(schema), Value::Struct(Box::new(structure))), "{\"a\":5,\"b\":null}\n"),
            (Datum::schemaless(Value::Int64(5)), "5\n"),
            (Datum::schemaless(Value::Array(vec![Value::Null])), "[null]\n"),
            (text, "{\"a\":5}\n"),
        ];
        for (datum, expected) in cases {
            assert_eq!(encoded(Form::Raw, "\n", datum.clone()), expected.as_bytes(), "{datum:?}");
        }
    }

    #[test]
    fn json_text_without_a_delimiter_is_not_copied_and_a_string_loses_its_quotes() {
        let text = |source: &'static str| {
            let value = Datum::from_json(Bytes::from_static(source.as_bytes()), |bytes| {
                Value::string(String::from_utf8_lossy(&bytes[1..bytes.len() - 1]))
            });
            move |form, delimiter: &str| {
                let encoding = Encoding::new(form, delimiter.as_bytes().to_vec());
                encoding.encode(&record("logs", 3, 7, value.clone())).expect("bytes")
            }
        };
        let source = "{\"a\":5}";
        for form in [Form::Raw, Form::Json] {
            assert_eq!(text(source)(form, "").as_ptr(), source.as_ptr(), "the same bytes, not a copy");
            assert_eq!(text(source)(form, "\n"), "{\"a\":5}\n");
        }
        assert_eq!(text("\"a\"")(Form::Raw, ""), "a");
        assert_eq!(text("\"a\"")(Form::Json, ""), "\"a\"");
    }

    #[test]
    fn json_and_envelope_hold_every_value_as_json() {
        let datum = typed(Type::String, Value::string("a\"b"));
        assert_eq!(encoded(Form::Json, "\r\n", datum.clone()), b"\"a\\\"b\"\r\n");
        let envelope = String::from_utf8(encoded(Form::Envelope, "", datum)).expect("text");
        assert_eq!(
            envelope,
            "{\"topic\":\"logs\",\"partition\":3,\"offset\":7,\"timestamp\":1767225600007,\"key\":\"k\",\
             \"headers\":[{\"key\":\"h\",\"value\":1}],\"value\":\"a\\\"b\"}"
        );
    }
}
