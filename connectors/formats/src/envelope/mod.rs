//! Several parts of a record in one place, as Aiven's sinks write them: key, value, offset, timestamp and headers as
//! columns of a line, members of a JSON object, or fields of an Avro record.

mod csv;
mod json;
mod wrap;

use std::fmt;
use std::sync::Arc;

use connect_core::config::Props;
use connect_core::converter::{Converter, ConverterRole};
use connect_core::data::java_map;
use connect_core::error::ConnectError;
use connect_core::record::SinkRecord;
use connector_converters::JsonConverter;

pub(crate) use wrap::{Wrapper, strip_own_name};

/// A part of a record that is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OutputField {
    /// The key.
    Key,
    /// The value.
    Value,
    /// The offset.
    Offset,
    /// Kafka's timestamp.
    Timestamp,
    /// The headers.
    Headers,
}

impl OutputField {
    /// Returns the field of a name, in any case.
    pub fn parse(name: &str) -> Option<Self> {
        let all = [Self::Key, Self::Value, Self::Offset, Self::Timestamp, Self::Headers];
        all.into_iter().find(|field| field.name().eq_ignore_ascii_case(name))
    }

    /// Returns the name, which is that of the member or field.
    pub fn name(self) -> &'static str {
        match self {
            Self::Key => "key",
            Self::Value => "value",
            Self::Offset => "offset",
            Self::Timestamp => "timestamp",
            Self::Headers => "headers",
        }
    }
}

/// Which parts are written, and whether they are members of something.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Envelope {
    /// The parts.
    pub fields: Vec<OutputField>,
    /// Whether the only part is written as a member; it stands for itself otherwise.
    pub wraps: bool,
}

/// How the records of a text file are laid out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EnvelopeStyle {
    /// A line of columns for each record.
    Csv {
        /// Whether values are written as they are, and not in base64.
        has_raw_values: bool,
    },
    /// A line with a JSON value for each record.
    JsonLines,
    /// One JSON array.
    JsonArray,
}

/// Writes parts of records as text. Records are parted by what stands between them: nothing follows the last one but
/// the end of an array.
#[derive(Clone)]
pub struct EnvelopeFormat {
    /// In the order in which they are written.
    fields: Vec<OutputField>,
    wraps: bool,
    style: EnvelopeStyle,
    json: Arc<JsonConverter>,
}

impl EnvelopeFormat {
    /// Returns the format.
    pub fn new(envelope: Envelope, style: EnvelopeStyle) -> Self {
        let Envelope { mut fields, wraps } = envelope;
        if !matches!(style, EnvelopeStyle::Csv { .. }) {
            // Aiven's writers keep the members of an object in a hash map.
            let mut known = Vec::new();
            fields.retain(|field| {
                let is_new = !known.contains(field);
                known.push(*field);
                is_new
            });
            let order = java_map::iteration_order(fields.iter().map(|field| field.name()));
            fields = order.into_iter().map(|index| fields[index]).collect();
        }
        let settings: Props = [("schemas.enable".to_owned(), "false".to_owned())].into_iter().collect();
        let mut json = JsonConverter::default();
        json.configure(&settings, ConverterRole::Value).expect("the setting is valid");
        Self { fields, wraps, style, json: Arc::new(json) }
    }

    /// Returns what stands before a record.
    pub(crate) fn before(&self, is_first: bool) -> &'static [u8] {
        match (self.style, is_first) {
            (EnvelopeStyle::JsonArray, true) => b"[\n",
            (_, true) => b"",
            (EnvelopeStyle::JsonArray, false) => b",\n",
            (_, false) => b"\n",
        }
    }

    /// Returns what ends a file.
    pub(crate) fn end(&self) -> &'static [u8] {
        if self.style == EnvelopeStyle::JsonArray { b"\n]" } else { b"" }
    }

    /// Appends a record.
    ///
    /// # Errors
    /// A data error when the format cannot hold it; `out` may then hold part of it.
    pub(crate) fn append(&self, record: &SinkRecord, out: &mut Vec<u8>) -> Result<(), ConnectError> {
        match self.style {
            EnvelopeStyle::Csv { has_raw_values } => csv::append(&self.fields, has_raw_values, record, out),
            _ => json::append(&self.json, &self.fields, self.wraps, record, out),
        }
    }
}

impl fmt::Debug for EnvelopeFormat {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("EnvelopeFormat")
            .field("fields", &self.fields)
            .field("wraps", &self.wraps)
            .field("style", &self.style)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use connect_core::data::{Datum, Schema, SchemaBuilder, Struct, Type, Value};
    use connect_core::testkit::record;

    use super::*;

    fn text(format: &EnvelopeFormat, records: &[SinkRecord]) -> String {
        let mut out = Vec::new();
        for (index, record) in records.iter().enumerate() {
            out.extend_from_slice(format.before(index == 0));
            format.append(record, &mut out).expect("a form");
        }
        out.extend_from_slice(format.end());
        String::from_utf8(out).expect("text")
    }

    fn format(names: &str, wraps: bool, style: EnvelopeStyle) -> EnvelopeFormat {
        let fields = names.split(',').map(|name| OutputField::parse(name).expect("a field")).collect();
        EnvelopeFormat::new(Envelope { fields, wraps }, style)
    }

    fn bytes(text: &str) -> Datum {
        let schema = Some(Arc::new(Schema::optional(Type::Bytes)));
        Datum::new(schema, Value::Bytes(Bytes::copy_from_slice(text.as_bytes())))
    }

    fn sample() -> SinkRecord {
        let mut sample = record("t", 3, 1_232_155, bytes("Lorem ipsum dolor sit amet"));
        sample.key = bytes("key");
        sample.timestamp = Some(1_554_210_895);
        sample
    }

    #[test]
    fn columns_are_as_aivens_readme_shows_them() {
        let csv = EnvelopeStyle::Csv { has_raw_values: false };
        let all = "key,value,offset,timestamp";
        let expected = "a2V5,TG9yZW0gaXBzdW0gZG9sb3Igc2l0IGFtZXQ=,1232155,1554210895";
        assert_eq!(text(&format(all, true, csv), &[sample()]), expected);
        let raw = EnvelopeStyle::Csv { has_raw_values: true };
        assert_eq!(text(&format("value,key", true, raw), &[sample()]), "Lorem ipsum dolor sit amet,a2V5");
        let mut empty = sample();
        (empty.key, empty.value, empty.timestamp) = (Datum::NULL, Datum::NULL, None);
        let two = text(&format("key,value,timestamp,offset", true, csv), &[empty, sample()]);
        assert_eq!(
            two,
            format!(",,,1232155\n{}", "a2V5,TG9yZW0gaXBzdW0gZG9sb3Igc2l0IGFtZXQ=,1554210895,1232155")
        );
        let mut headed = sample();
        headed.headers.add("a", bytes("x"));
        headed.headers.add("b", Datum::schemaless(Value::Int32(7)));
        assert_eq!(text(&format("headers,offset", true, csv), &[headed]), "YQ==:eA==;Yg==:Nw==;,1232155");
    }

    #[test]
    fn members_of_objects_stand_in_the_order_of_aivens_hash_map() {
        let mut sample = record("topic0", 0, 10, Datum::schemaless(Value::string("value0")));
        sample.key = Datum::schemaless(Value::string("key0"));
        sample.timestamp = Some(1_577_836_801_000);
        sample.headers.add("h", Datum::schemaless(Value::string("x")));
        let lines = EnvelopeStyle::JsonLines;
        let short = format("key,value", true, lines);
        assert_eq!(text(&short, std::slice::from_ref(&sample)), r#"{"value":"value0","key":"key0"}"#);
        let all = format("key,value,offset,timestamp,headers", true, lines);
        let expected = concat!(
            r#"{"headers":[{"key":"h","value":"x"}],"offset":10,"value":"value0","#,
            r#""key":"key0","timestamp":"2020-01-01T00:00:01Z"}"#
        );
        assert_eq!(text(&all, std::slice::from_ref(&sample)), expected);
        sample.timestamp = Some(1_577_836_801_120);
        let time = format("timestamp", true, lines);
        assert_eq!(text(&time, &[sample]), r#"{"timestamp":"2020-01-01T00:00:01.120Z"}"#);
    }

    #[test]
    fn arrays_and_bare_values_are_as_aivens() {
        let schema =
            SchemaBuilder::structure().field("name", Schema::of(Type::String)).build().expect("valid");
        let named = |offset: i64| {
            let mut value = Struct::new(schema.clone());
            value.put("name", Value::string(format!("name{offset}"))).expect("a text");
            record("t", 0, offset, Datum::new(Some(schema.clone()), Value::Struct(Box::new(value))))
        };
        let array = format("value", false, EnvelopeStyle::JsonArray);
        assert_eq!(text(&array, &[named(0)]), "[\n{\"name\":\"name0\"}\n]");
        let both = text(&array, &[named(0), record("t", 0, 1, Datum::NULL)]);
        assert_eq!(both, "[\n{\"name\":\"name0\"},\nnull\n]");
        let keyed = format("key,value", true, EnvelopeStyle::JsonLines);
        let both = text(&keyed, &[named(0), named(1)]);
        assert_eq!(
            both,
            "{\"value\":{\"name\":\"name0\"},\"key\":null}\n{\"value\":{\"name\":\"name1\"},\"key\":null}"
        );
    }
}
