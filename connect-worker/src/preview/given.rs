//! Records given by a user: lines of a file, or JSON objects with the members of a record.

use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::{Bytes, BytesMut};
use connect_core::data::json::schemaless_datum;
use connect_core::data::{Datum, Schema, Type, Value, logical};
use connect_core::headers::Headers;
use connect_core::record::{ConnectRecord, RawHeaders, TimestampType};
use serde::Deserialize;
use serde_json::Value as Json;

use crate::kafka::batch::RawRecord;

const CONTENT: [&str; 4] = ["key", "key_base64", "value", "value_base64"];
const OTHERS: [&str; 5] = ["headers", "timestamp", "topic", "partition", "offset"];

/// A record as a user gives it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Given {
    topic: Option<String>,
    partition: Option<i32>,
    offset: Option<i64>,
    timestamp: Option<i64>,
    key: Part,
    value: Part,
    headers: Vec<(String, Part)>,
}

/// A key, a value or a header.
#[derive(Debug, Clone, PartialEq)]
enum Part {
    Json(Json),
    Bytes(Bytes),
}

/// What records have that do not say it.
#[derive(Debug, Clone)]
pub(crate) struct Defaults {
    pub(crate) topic: Arc<str>,
    pub(crate) timestamp: i64,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Object {
    topic: Option<String>,
    partition: Option<i32>,
    offset: Option<i64>,
    timestamp: Option<i64>,
    key: Option<Json>,
    key_base64: Option<String>,
    value: Option<Json>,
    value_base64: Option<String>,
    #[serde(default)]
    headers: Option<Json>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct HeaderObject {
    key: String,
    value: Option<Json>,
    value_base64: Option<String>,
}

impl Given {
    /// Reads a record from a JSON object.
    ///
    /// # Errors
    /// Says what is wrong with it.
    pub(crate) fn from_json(json: Json) -> Result<Self, String> {
        let object: Object = serde_json::from_value(json).map_err(|error| error.to_string())?;
        if object.partition.is_some_and(i32::is_negative) || object.offset.is_some_and(i64::is_negative) {
            return Err("`partition` and `offset` begin at 0".to_owned());
        }
        Ok(Self {
            topic: object.topic,
            partition: object.partition,
            offset: object.offset,
            timestamp: object.timestamp,
            key: part("key", object.key, object.key_base64)?,
            value: part("value", object.value, object.value_base64)?,
            headers: headers(object.headers.unwrap_or_default())?,
        })
    }

    /// Reads the records of a file: a line each. A line is a JSON object with members of a record only, or a key
    /// and a value with a tab between them, or a value.
    ///
    /// # Errors
    /// Says what is wrong with which line.
    pub(crate) fn from_lines(content: &[u8]) -> Result<Vec<Self>, String> {
        let lines = content.split(|byte| *byte == b'\n').map(|line| line.strip_suffix(b"\r").unwrap_or(line));
        let numbered = (1..).zip(lines).filter(|(_, line)| !line.is_empty());
        numbered
            .map(|(number, line)| Self::from_line(line).map_err(|error| format!("line {number}: {error}")))
            .collect()
    }

    fn from_line(line: &[u8]) -> Result<Self, String> {
        if let Ok(json) = serde_json::from_slice::<Json>(line)
            && is_record(&json)
        {
            return Self::from_json(json);
        }
        let bytes = |slice: &[u8]| Part::Bytes(Bytes::copy_from_slice(slice));
        let (key, value) = match line.iter().position(|byte| *byte == b'\t') {
            Some(tab) => (bytes(&line[..tab]), bytes(&line[tab + 1..])),
            None => (Part::Json(Json::Null), bytes(line)),
        };
        Ok(Self { topic: None, partition: None, offset: None, timestamp: None, key, value, headers: vec![] })
    }

    /// Returns the record as a consumer would: JSON that is no string stands for its text.
    pub(super) fn raw(self, defaults: &Defaults, offset: i64) -> RawRecord {
        let headers: RawHeaders =
            self.headers.into_iter().map(|(name, part)| (Arc::from(name), part.bytes())).collect();
        RawRecord {
            topic: self.topic.map_or_else(|| Arc::clone(&defaults.topic), Arc::from),
            partition: self.partition.unwrap_or(0),
            offset: self.offset.unwrap_or(offset),
            timestamp: Some(self.timestamp.unwrap_or(defaults.timestamp)),
            timestamp_type: TimestampType::CreateTime,
            key: self.key.bytes(),
            value: self.value.bytes(),
            headers: (!headers.is_empty()).then(|| Arc::new(headers)),
        }
    }

    /// Returns the record as a source would: JSON as data without a schema, text with that of a string.
    pub(super) fn data(self, defaults: &Defaults) -> ConnectRecord {
        let mut headers = Headers::new();
        for (name, part) in self.headers {
            headers.add(name, part.datum());
        }
        ConnectRecord {
            topic: self.topic.map_or_else(|| Arc::clone(&defaults.topic), Arc::from),
            partition: self.partition,
            key: self.key.datum(),
            value: self.value.datum(),
            timestamp: self.timestamp,
            headers,
        }
    }

    /// Returns where the record says it was read from: topic, partition and offset.
    pub(super) fn place(&self) -> (Option<&str>, i32, Option<i64>) {
        (self.topic.as_deref(), self.partition.unwrap_or(0), self.offset)
    }
}

impl Part {
    fn bytes(self) -> Option<Bytes> {
        match self {
            Part::Json(Json::Null) => None,
            Part::Json(Json::String(text)) => Some(Bytes::from(text)),
            Part::Json(json) => Some(Bytes::from(json.to_string())),
            Part::Bytes(bytes) => Some(bytes),
        }
    }

    fn datum(self) -> Datum {
        match self {
            Part::Json(Json::String(text)) => string(&text),
            Part::Json(json) => {
                let text = Bytes::from(json.to_string());
                // Text that was printed from JSON is JSON.
                schemaless_datum(&text, &mut BytesMut::new()).unwrap_or(Datum::NULL)
            }
            Part::Bytes(bytes) => match std::str::from_utf8(&bytes) {
                Ok(text) => string(text),
                Err(_) => Datum::new(Some(Arc::new(Schema::of(Type::Bytes))), Value::Bytes(bytes)),
            },
        }
    }
}

fn string(text: &str) -> Datum {
    Datum::new(Some(Arc::clone(&logical::STRING)), Value::string(text))
}

fn is_record(json: &Json) -> bool {
    let is_content = |name: &String| CONTENT.contains(&name.as_str());
    json.as_object().is_some_and(|object| {
        object.keys().any(is_content)
            && object.keys().all(|name| is_content(name) || OTHERS.contains(&name.as_str()))
    })
}

fn part(name: &str, json: Option<Json>, encoded: Option<String>) -> Result<Part, String> {
    match (json, encoded) {
        (Some(_), Some(_)) => Err(format!("`{name}` and `{name}_base64` are both given")),
        (json, None) => Ok(Part::Json(json.unwrap_or_default())),
        (None, Some(text)) => match STANDARD.decode(text.trim()) {
            Ok(bytes) => Ok(Part::Bytes(Bytes::from(bytes))),
            Err(error) => Err(format!("`{name}_base64` is not base64: {error}")),
        },
    }
}

/// Reads headers: an object of names and values, or a list of objects with `key` and `value`.
fn headers(json: Json) -> Result<Vec<(String, Part)>, String> {
    match json {
        Json::Null => Ok(Vec::new()),
        Json::Object(members) => {
            Ok(members.into_iter().map(|(name, value)| (name, Part::Json(value))).collect())
        }
        list => {
            let list: Vec<HeaderObject> =
                serde_json::from_value(list).map_err(|error| format!("`headers`: {error}"))?;
            let header =
                |header: HeaderObject| Ok((header.key, part("value", header.value, header.value_base64)?));
            list.into_iter().map(header).collect()
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn raw(given: Given) -> (Option<Bytes>, Option<Bytes>, i32, i64) {
        let raw = given.raw(&Defaults { topic: Arc::from("t"), timestamp: 0 }, 7);
        (raw.key, raw.value, raw.partition, raw.offset)
    }

    #[test]
    fn lines_are_records_pairs_or_values() {
        let lines = "{\"level\":1}\n\nk\t{\"value\":1}\r\n{\"value\":{\"a\":1.50},\"partition\":3,\"offset\":2}\n\
                     {\"key_base64\":\"/w==\"}";
        let records = Given::from_lines(lines.as_bytes()).expect("readable");
        let text = |text: &'static str| Some(Bytes::from_static(text.as_bytes()));
        assert_eq!(
            records.into_iter().map(raw).collect::<Vec<_>>(),
            [
                (None, text("{\"level\":1}"), 0, 7),
                (text("k"), text("{\"value\":1}"), 0, 7),
                (None, text("{\"a\":1.50}"), 3, 2),
                (Some(Bytes::from_static(b"\xff")), None, 0, 7),
            ]
        );
    }

    #[test]
    fn records_with_mistakes_are_refused() {
        for (json, expected) in [
            (json!({"valeu": 1}), "unknown field `valeu`"),
            (json!({"value": 1, "value_base64": ""}), "`value` and `value_base64` are both given"),
            (json!({"value_base64": "?"}), "`value_base64` is not base64"),
            (json!({"value": 1, "offset": -1}), "begin at 0"),
            (json!({"headers": [{"name": "x"}]}), "`headers`: unknown field `name`"),
        ] {
            let error = Given::from_json(json).expect_err("a mistake");
            assert!(error.contains(expected), "{error}");
        }
    }

    #[test]
    fn headers_are_an_object_or_a_list() {
        let expected = vec![("a".to_owned(), Part::Json(json!("x")))];
        for json in [json!({"a": "x"}), json!([{"key": "a", "value": "x"}])] {
            assert_eq!(headers(json), Ok(expected.clone()));
        }
    }
}
