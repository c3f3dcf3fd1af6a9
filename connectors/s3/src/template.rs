//! Directories by template: text with places for the topic, the key, fields, headers and the time of a record.

use std::fmt::Write;

use jiff::tz::TimeZone;

use connect_core::data::{Datum, Value, coerce};
use connect_core::error::ConnectError;
use connect_core::record::SinkRecord;

use crate::joda::JodaPattern;
use crate::naming::partition_of;
use crate::time_zone::zoned;
use crate::timestamps::{TimestampExtractor, nested};

/// A compiled template.
#[derive(Debug, Clone)]
pub(crate) struct Template {
    parts: Vec<TemplatePart>,
    extractor: TimestampExtractor,
    zone: TimeZone,
}

#[derive(Debug, Clone)]
enum TemplatePart {
    Text(String),
    Topic,
    Partition,
    /// The key, or a part of it by path.
    Key(Vec<String>),
    /// A part of the value, by path.
    Field(Vec<String>),
    Header(String),
    Time(JodaPattern),
}

impl Template {
    /// Compiles a template.
    ///
    /// # Errors
    /// Returns what is wrong with it.
    pub(crate) fn compile(text: &str, extractor: TimestampExtractor, zone: TimeZone) -> Result<Self, String> {
        let mut parts = Vec::new();
        let mut rest = text.trim_matches('/');
        if rest.is_empty() {
            return Err("TemplatePartitioner needs a template".to_owned());
        }
        while let Some(start) = rest.find("${") {
            let (before, place) = rest.split_at(start);
            let end = place.find('}').ok_or_else(|| "a place `${…}` is not closed".to_owned())?;
            if !before.is_empty() {
                parts.push(TemplatePart::Text(before.to_owned()));
            }
            parts.push(place_of(&place[2..end])?);
            rest = &place[end + 1..];
        }
        if !rest.is_empty() {
            parts.push(TemplatePart::Text(rest.to_owned()));
        }
        Ok(Self { parts, extractor, zone })
    }

    /// Returns whether directories depend on time.
    pub(crate) fn is_time_based(&self) -> bool {
        self.parts.iter().any(|part| matches!(part, TemplatePart::Time(_)))
    }

    /// Returns the time of a record.
    ///
    /// # Errors
    /// A data error when the record has none.
    pub(crate) fn time(&self, record: &SinkRecord, now_ms: i64) -> Result<i64, ConnectError> {
        self.extractor.extract(record, now_ms)
    }

    /// Appends the directory of a record.
    ///
    /// # Errors
    /// A data error when a field is asked of a value that has no fields, or holds more than one value.
    pub(crate) fn encode(
        &self,
        record: &SinkRecord,
        time_ms: i64,
        out: &mut String,
    ) -> Result<(), ConnectError> {
        for part in &self.parts {
            match part {
                TemplatePart::Text(text) => out.push_str(text),
                TemplatePart::Topic => escape(&record.topic, out),
                TemplatePart::Partition => {
                    write!(out, "{}", partition_of(record)).expect("writing to a string");
                }
                TemplatePart::Key(path) => part_of(&record.key, path, "key", out)?,
                TemplatePart::Field(path) => part_of(&record.value, path, "field", out)?,
                TemplatePart::Header(name) => match record.headers.last_with_name(name) {
                    Some(header) => part_of(&header.value, &[], "header", out)?,
                    None => out.push_str("null"),
                },
                TemplatePart::Time(pattern) => pattern.print(&zoned(time_ms, &self.zone), out),
            }
        }
        Ok(())
    }
}

fn place_of(text: &str) -> Result<TemplatePart, String> {
    let (name, argument) = match text.split_once(':') {
        Some((name, argument)) => (name.trim(), Some(argument)),
        None => (text.trim(), None),
    };
    let path = |text: &str| text.split('.').map(str::to_owned).collect();
    Ok(match (name, argument) {
        ("topic", None) => TemplatePart::Topic,
        ("partition", None) => TemplatePart::Partition,
        ("key", None) => TemplatePart::Key(Vec::new()),
        ("key", Some(argument)) => TemplatePart::Key(path(argument)),
        ("field", Some(argument)) if !argument.is_empty() => TemplatePart::Field(path(argument)),
        ("header", Some(argument)) if !argument.is_empty() => TemplatePart::Header(argument.to_owned()),
        ("time", Some(pattern)) => TemplatePart::Time(JodaPattern::compile(pattern)?),
        _ => {
            return Err(format!(
                "`${{{text}}}` is no place; there are topic, partition, key, field, header and time"
            ));
        }
    })
}

fn part_of(datum: &Datum, path: &[String], what: &str, out: &mut String) -> Result<(), ConnectError> {
    let value = datum.value();
    let name = || path.join(".");
    let found = match value.as_ref() {
        // JSON objects leave out what they have not.
        Value::Map(_) => nested(&value, path).unwrap_or_default(),
        _ => nested(&value, path)
            .map_err(|reason| ConnectError::data(format!("partitioning by {what} `{}`: {reason}", name())))?,
    };
    match found {
        None => out.push_str("null"),
        Some(Value::Struct(_) | Value::Map(_) | Value::Array(_)) => {
            let text = format!("partitioning by {what} `{}`: it holds more than one value", name());
            return Err(ConnectError::data(text));
        }
        Some(value) => {
            let text =
                coerce::to_string(datum.schema().filter(|_| path.is_empty()).map(AsRef::as_ref), value)?;
            escape(text.as_str().unwrap_or("null"), out);
        }
    }
    Ok(())
}

/// Appends a text as one step of a path: what ends steps, or names none, is written in hexadecimal digits.
fn escape(text: &str, out: &mut String) {
    if matches!(text, "" | "." | "..") {
        out.push_str(&text.replace('.', "%2E"));
        if text.is_empty() {
            out.push_str("empty");
        }
        return;
    }
    let mut buffer = [0; 4];
    for letter in text.chars() {
        if letter.is_alphanumeric() || "-_.!*'()=:@+,".contains(letter) {
            out.push(letter);
            continue;
        }
        for byte in letter.encode_utf8(&mut buffer).bytes() {
            write!(out, "%{byte:02X}").expect("writing to a string");
        }
    }
}

#[cfg(test)]
mod tests {
    use connect_core::data::Map;
    use connect_core::testkit::record;
    use proptest::prelude::*;

    use super::*;

    fn compile(text: &str) -> Result<Template, String> {
        Template::compile(text, TimestampExtractor::Record, TimeZone::UTC)
    }

    fn sample() -> SinkRecord {
        let inner = Map { entries: vec![(Value::string("b"), Value::string("x/y"))] };
        let value = Map { entries: vec![(Value::string("a"), Value::Map(inner))] };
        let mut sample = record("t", 3, 0, Datum::schemaless(Value::Map(value)));
        sample.key = Datum::schemaless(Value::string("k 1"));
        sample.headers.add("tenant", Datum::schemaless(Value::Int32(7)));
        sample
    }

    #[test]
    fn places_are_filled_and_made_safe() {
        let cases = [
            ("${topic}/p=${partition}", "t/p=3"),
            ("f=${field:a.b}/${field:none}", "f=x%2Fy/null"),
            ("${key}-${header:tenant}-${header:none}", "k%201-7-null"),
            ("/${time:'d'=yyyy-MM-dd}/", "d=2026-01-01"),
        ];
        for (template, expected) in cases {
            let mut out = String::new();
            let template = compile(template).expect("valid");
            template.encode(&sample(), 1_767_261_600_000, &mut out).expect("filled");
            assert_eq!(out, expected);
        }
        assert!(compile("${field:a}").expect("valid").encode(&sample(), 0, &mut String::new()).is_err());
    }

    #[test]
    fn bad_templates_are_refused() {
        for template in ["", "/", "${", "${what}", "${field}", "${time:bb}"] {
            assert!(compile(template).is_err(), "{template}");
        }
    }

    proptest! {
        #[test]
        fn escaped_texts_are_one_step_and_differ_when_the_texts_do(left in ".{0,8}", right in ".{0,8}") {
            let escaped = |text: &str| {
                let mut out = String::new();
                escape(text, &mut out);
                out
            };
            prop_assert!(!escaped(&left).contains('/') && !escaped(&left).is_empty());
            let is_special = |text: &str| text.is_empty() || text == "empty";
            if left != right && !is_special(&left) && !is_special(&right) {
                prop_assert_ne!(escaped(&left), escaped(&right));
            }
        }
    }
}
