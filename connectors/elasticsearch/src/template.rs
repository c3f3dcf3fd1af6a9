//! Texts with variables, filled in from a record: names of indices, ids, routing. Pure.

use std::fmt::Write as _;

use jiff::Timestamp;
use jiff::tz::TimeZone;

use connect_core::data::{Datum, Value, java_text};
use connect_core::error::ConnectError;
use connect_core::record::SinkRecord;

/// A text with variables.
#[derive(Debug, Clone, Default)]
pub(crate) struct Template {
    parts: Vec<Part>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Part {
    Text(String),
    Topic,
    Partition,
    Offset,
    /// Path into the key; empty for the key itself.
    Key(Vec<String>),
    Value(Vec<String>),
    Header(String),
    Time(Vec<TimePart>),
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum TimePart {
    Year,
    Month,
    Day,
    Hour,
    Minute,
    Text(char),
}

impl Template {
    /// Parses a text. `${` begins a variable, `}` ends it.
    ///
    /// # Errors
    /// Returns what is wrong with a variable.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let mut parts = Vec::new();
        let mut rest = text;
        while let Some((before, after)) = rest.split_once("${") {
            if !before.is_empty() {
                parts.push(Part::Text(before.to_owned()));
            }
            let (variable, after) =
                after.split_once('}').ok_or_else(|| format!("`${{{after}` has no closing brace"))?;
            parts.push(variable_of(variable)?);
            rest = after;
        }
        if !rest.is_empty() {
            parts.push(Part::Text(rest.to_owned()));
        }
        Ok(Self { parts })
    }

    /// Returns whether the text is the topic and nothing else, or constant: so that it need not be filled in again
    /// for each record of a topic.
    pub(crate) fn depends_on_topic_only(&self) -> bool {
        self.parts.iter().all(|part| matches!(part, Part::Text(_) | Part::Topic))
    }

    /// Fills in the variables.
    ///
    /// # Errors
    /// A data error when the record has no such field, header or timestamp.
    pub(crate) fn fill(&self, record: &SinkRecord) -> Result<String, ConnectError> {
        let mut out = String::new();
        for part in &self.parts {
            match part {
                Part::Text(text) => out.push_str(text),
                Part::Topic => out.push_str(&record.topic),
                Part::Partition => push(&mut out, record.origin.partition),
                Part::Offset => push(&mut out, record.offset),
                Part::Key(path) => out.push_str(&text_at(&record.key, path, "key")?),
                Part::Value(path) => out.push_str(&text_at(&record.value, path, "value")?),
                Part::Header(name) => {
                    let header = record.headers.last_with_name(name);
                    let header = header
                        .ok_or_else(|| ConnectError::data(format!("the record has no header `{name}`")))?;
                    out.push_str(&text_at(&header.value, &[], "header")?);
                }
                Part::Time(parts) => push_time(&mut out, parts, record.timestamp)?,
            }
        }
        Ok(out)
    }
}

fn variable_of(name: &str) -> Result<Part, String> {
    let path = |text: &str| -> Vec<String> { text.split('.').map(str::to_owned).collect() };
    match name.split_once('.') {
        None if name == "topic" => return Ok(Part::Topic),
        None if name == "partition" => return Ok(Part::Partition),
        None if name == "offset" => return Ok(Part::Offset),
        None if name == "key" => return Ok(Part::Key(Vec::new())),
        Some(("key", rest)) if !rest.is_empty() => return Ok(Part::Key(path(rest))),
        Some(("value", rest)) if !rest.is_empty() => return Ok(Part::Value(path(rest))),
        Some(("header", rest)) if !rest.is_empty() => return Ok(Part::Header(rest.to_owned())),
        _ => {}
    }
    time_parts(name).map(Part::Time).ok_or_else(|| {
        format!(
            "`${{{name}}}` is no variable; use topic, partition, offset, key, key.FIELD, value.FIELD, header.NAME, \
             or a time such as yyyy.MM.dd"
        )
    })
}

fn time_parts(pattern: &str) -> Option<Vec<TimePart>> {
    let mut parts = Vec::new();
    let mut rest = pattern;
    while let Some(first) = rest.chars().next() {
        let known = [
            ("yyyy", TimePart::Year),
            ("MM", TimePart::Month),
            ("dd", TimePart::Day),
            ("HH", TimePart::Hour),
            ("mm", TimePart::Minute),
        ];
        match known.into_iter().find(|(letters, _)| rest.starts_with(letters)) {
            Some((letters, part)) => {
                parts.push(part);
                rest = &rest[letters.len()..];
            }
            None if matches!(first, '.' | '-' | '_') => {
                parts.push(TimePart::Text(first));
                rest = &rest[1..];
            }
            None => return None,
        }
    }
    parts.iter().any(|part| !matches!(part, TimePart::Text(_))).then_some(parts)
}

fn push(out: &mut String, shown: impl std::fmt::Display) {
    write!(out, "{shown}").expect("writing to a string cannot fail");
}

fn push_time(out: &mut String, parts: &[TimePart], timestamp: Option<i64>) -> Result<(), ConnectError> {
    let missing = || ConnectError::data("the record has no timestamp for the name of its index");
    let time = Timestamp::from_millisecond(timestamp.ok_or_else(missing)?).map_err(|_| missing())?;
    let time = time.to_zoned(TimeZone::UTC);
    for part in parts {
        match part {
            TimePart::Year => push(out, format_args!("{:04}", time.year())),
            TimePart::Month => push(out, format_args!("{:02}", time.month())),
            TimePart::Day => push(out, format_args!("{:02}", time.day())),
            TimePart::Hour => push(out, format_args!("{:02}", time.hour())),
            TimePart::Minute => push(out, format_args!("{:02}", time.minute())),
            TimePart::Text(character) => out.push(*character),
        }
    }
    Ok(())
}

/// Returns the text of the value at a path.
fn text_at(datum: &Datum, path: &[String], part: &str) -> Result<String, ConnectError> {
    let root = datum.value();
    let place = || if path.is_empty() { part.to_owned() } else { format!("{part}.{}", path.join(".")) };
    let Some(value) = value_at(&root, path) else {
        return Err(ConnectError::data(format!("the record has no `{}`", place())));
    };
    match value {
        Value::Null | Value::Array(_) | Value::Map(_) | Value::Struct(_) => Err(ConnectError::data(format!(
            "`{}` of the record is null or has parts, so it has no text",
            place()
        ))),
        value => Ok(java_text::to_text(value)),
    }
}

/// Returns the value at a path of field names, and of positions in arrays.
pub(crate) fn value_at<'v>(root: &'v Value, path: &[String]) -> Option<&'v Value> {
    path.iter().try_fold(root, |value, name| match value {
        Value::Map(map) => map.get(name),
        Value::Struct(structure) => structure.get(name).ok(),
        Value::Array(items) => items.get(name.parse::<usize>().ok()?),
        _ => None,
    })
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use connect_core::data::{Map, json};
    use connect_core::testkit::record;

    use super::*;

    fn filled(template: &str) -> Result<String, String> {
        let text = Bytes::from_static(br#"{"a":{"b":[1,"x"]},"level":"WARN"}"#);
        let mut record =
            record("Logs", 3, 7, json::schemaless_datum(&text, &mut Default::default()).expect("JSON"));
        record.key = Datum::schemaless(Value::string("k"));
        record.headers.add("tenant", Datum::schemaless(Value::string("t1")));
        let template = Template::parse(template)?;
        template.fill(&record).map_err(|error| error.to_string())
    }

    #[test]
    fn variables_are_filled_in() {
        for (template, expected) in [
            ("plain", "plain"),
            ("${topic}-${yyyy.MM.dd}", "Logs-2026.01.01"),
            ("${partition}+${offset}", "3+7"),
            ("${key}/${header.tenant}/${value.level}", "k/t1/WARN"),
            ("${value.a.b.1}", "x"),
            ("${yyyy-MM-dd_HHmm}", "2026-01-01_0000"),
        ] {
            assert_eq!(filled(template).as_deref(), Ok(expected), "{template}");
        }
    }

    #[test]
    fn what_cannot_be_filled_in_is_named() {
        for (template, expected) in [
            ("${value.none}", "the record has no `value.none`"),
            ("${key.a}", "the record has no `key.a`"),
            ("${header.none}", "the record has no header `none`"),
            ("${value.a}", "`value.a` of the record is null or has parts, so it has no text"),
            ("${topic", "`${topic` has no closing brace"),
        ] {
            assert_eq!(filled(template), Err(expected.to_owned()), "{template}");
        }
        assert!(filled("${unknown}").is_err_and(|text| text.starts_with("`${unknown}` is no variable")));
        assert!(value_at(&Value::Map(Map::default()), &["a".to_owned()]).is_none());
    }
}
