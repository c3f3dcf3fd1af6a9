//! What differs between expected and actual records and outputs, each difference at its place. Pure.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::Serialize;
use serde_json::{Map, Value as Json};

use crate::preview::mask::BASE64;
use crate::preview::report::OutputReport;
use crate::preview::shown::View;
use crate::preview::suite::ExpectedOutput;

const NOTHING: &str = "nothing";

/// One difference.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Difference {
    /// Where it is, such as `record 0, value.level`.
    pub(crate) at: String,
    pub(crate) expected: String,
    pub(crate) actual: String,
}

impl Difference {
    pub(super) fn new(at: impl Into<String>, expected: String, actual: String) -> Self {
        Self { at: at.into(), expected, actual }
    }
}

/// Compares records after the chain: only members that are expected count.
pub(super) fn records(expected: &[Map<String, Json>], actual: &[&View]) -> Vec<Difference> {
    let mut found = Vec::new();
    for index in 0..expected.len().max(actual.len()) {
        let at = format!("record {index} after the chain");
        match (expected.get(index), actual.get(index)) {
            (Some(expected), Some(actual)) => {
                for (name, value) in expected {
                    member(&format!("{at}, {name}"), name, value, actual, &mut found);
                }
            }
            (Some(expected), None) => {
                found.push(Difference::new(at, Json::from(expected.clone()).to_string(), NOTHING.to_owned()));
            }
            (None, Some(actual)) => {
                found.push(Difference::new(
                    at,
                    NOTHING.to_owned(),
                    Json::from((*actual).clone()).to_string(),
                ));
            }
            (None, None) => {}
        }
    }
    found
}

fn member(at: &str, name: &str, expected: &Json, actual: &View, found: &mut Vec<Difference>) {
    let given = actual.get(name).cloned().unwrap_or_default();
    match (expected, given) {
        // Bytes of a source's record are text here: JSON is compared as JSON.
        (Json::Object(_) | Json::Array(_) | Json::Number(_) | Json::Bool(_), Json::String(text)) => {
            let parsed = serde_json::from_str(&text).unwrap_or(Json::String(text));
            json(at, expected, &parsed, found);
        }
        (Json::Object(wanted), Json::Array(list)) if name == "headers" => {
            json(at, &Json::Array(headers(wanted)), &Json::Array(plain_headers(&list)), found);
        }
        (Json::Array(_), Json::Array(list)) if name == "headers" => {
            json(at, expected, &Json::Array(plain_headers(&list)), found);
        }
        (Json::Null, Json::Null) if actual.contains_key(&format!("{name}{BASE64}")) => {
            found.push(Difference::new(at, "null".to_owned(), "bytes".to_owned()));
        }
        (expected, given) => json(at, expected, &given, found),
    }
}

/// Headers as an object of names and values, in the form of a list.
fn headers(members: &Map<String, Json>) -> Vec<Json> {
    members.iter().map(|(key, value)| serde_json::json!({"key": key, "value": value})).collect()
}

/// Headers without their schemas.
fn plain_headers(list: &[Json]) -> Vec<Json> {
    let plain = |header: &Json| {
        let mut header = header.clone();
        if let Json::Object(members) = &mut header {
            members.shift_remove("value_schema");
        }
        header
    };
    list.iter().map(plain).collect()
}

/// Compares JSON, each leaf at its path.
fn json(at: &str, expected: &Json, actual: &Json, found: &mut Vec<Difference>) {
    match (expected, actual) {
        (Json::Object(expected), Json::Object(actual)) => {
            for (name, value) in expected {
                let path = format!("{at}.{name}");
                match actual.get(name) {
                    Some(other) => json(&path, value, other, found),
                    None => found.push(Difference::new(path, value.to_string(), NOTHING.to_owned())),
                }
            }
            for (name, value) in actual.iter().filter(|(name, _)| !expected.contains_key(*name)) {
                found.push(Difference::new(format!("{at}.{name}"), NOTHING.to_owned(), value.to_string()));
            }
        }
        (Json::Array(expected), Json::Array(actual)) => {
            for index in 0..expected.len().max(actual.len()) {
                let path = format!("{at}[{index}]");
                match (expected.get(index), actual.get(index)) {
                    (Some(expected), Some(actual)) => json(&path, expected, actual, found),
                    (expected, actual) => {
                        let text =
                            |side: Option<&Json>| side.map_or_else(|| NOTHING.to_owned(), Json::to_string);
                        found.push(Difference::new(path, text(expected), text(actual)));
                    }
                }
            }
        }
        (expected, actual) if is_same(expected, actual) => {}
        (expected, actual) => found.push(Difference::new(at, expected.to_string(), actual.to_string())),
    }
}

/// Numbers are the same when they have one value, however they are written.
fn is_same(expected: &Json, actual: &Json) -> bool {
    match (expected, actual) {
        (Json::Number(left), Json::Number(right)) => match (left.as_i64(), right.as_i64()) {
            (Some(left), Some(right)) => left == right,
            _ => left == right || left.as_f64() == right.as_f64(),
        },
        _ => expected == actual,
    }
}

/// Compares what would be sent.
pub(super) fn outputs(expected: &[ExpectedOutput], actual: &[OutputReport]) -> Vec<Difference> {
    let mut found = Vec::new();
    for index in 0..expected.len().max(actual.len()) {
        let at = format!("output {index}");
        match (expected.get(index), actual.get(index)) {
            (Some(expected), Some(actual)) => output(&at, expected, actual, &mut found),
            (Some(expected), None) => {
                let target = expected.target.clone().unwrap_or_else(|| "an output".to_owned());
                found.push(Difference::new(at, target, NOTHING.to_owned()));
            }
            (None, Some(actual)) => {
                found.push(Difference::new(at, NOTHING.to_owned(), actual.target.clone()));
            }
            (None, None) => {}
        }
    }
    found
}

fn output(at: &str, expected: &ExpectedOutput, actual: &OutputReport, found: &mut Vec<Difference>) {
    let mut differ = |what: &str, expected: &str, actual: &str| {
        if expected != actual {
            found.push(Difference::new(format!("{at}, {what}"), expected.to_owned(), actual.to_owned()));
        }
    };
    if let Some(target) = &expected.target {
        differ("target", target, &actual.target);
    }
    if let Some(records) = &expected.records {
        differ("records", &format!("{records:?}"), &format!("{:?}", actual.records));
    }
    let text = actual.content.get("content").and_then(Json::as_str);
    let encoded = actual.content.get(&format!("content{BASE64}")).and_then(Json::as_str);
    let shown = || text.map_or_else(|| format!("base64 {}", encoded.unwrap_or_default()), str::to_owned);
    if let Some(content) = &expected.content {
        differ("content", content, &shown());
    }
    if let Some(content) = &expected.content_base64 {
        let given = encoded.map_or_else(|| STANDARD.encode(text.unwrap_or_default()), str::to_owned);
        differ("content_base64", content.trim(), &given);
    }
    if let Some(lines) = &expected.lines {
        let content = shown();
        let given = content.lines().zip(lines).map(|(line, expected)| line_as(expected, line));
        let mut given: Vec<Json> = given.collect();
        given.extend(content.lines().skip(lines.len()).map(Json::from));
        json(&format!("{at}, line "), &Json::Array(lines.clone()), &Json::Array(given), found);
    }
}

/// A line in the form that is expected: a text as it is, anything else as JSON.
fn line_as(expected: &Json, line: &str) -> Json {
    match expected {
        Json::String(_) => Json::from(line),
        _ => serde_json::from_str(line).unwrap_or_else(|_| Json::from(line)),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn at(expected: &Json, actual: &Json) -> Vec<(String, String, String)> {
        let (Json::Object(expected), Json::Object(actual)) = (expected, actual) else { panic!("no records") };
        let found = records(std::slice::from_ref(expected), &[actual]);
        let short = |text: String| text.replace("record 0 after the chain, ", "");
        found.into_iter().map(|found| (short(found.at), found.expected, found.actual)).collect()
    }

    #[test]
    fn only_members_that_are_expected_count_and_numbers_by_value() {
        let actual = json!({"topic": "t", "key": null, "value": {"a": 1.0, "b": [1, "x"]}, "headers": [
            {"key": "h", "value": "v", "value_schema": "string"}]});
        for expected in [
            json!({}),
            json!({"key": null, "value": {"a": 1, "b": [1, "x"]}}),
            json!({"headers": {"h": "v"}}),
            json!({"headers": [{"key": "h", "value": "v"}]}),
        ] {
            assert_eq!(at(&expected, &actual), []);
        }
    }

    #[test]
    fn differences_are_told_at_their_paths() {
        let expected = json!({"value": {"a": 1, "b": [1, 2], "c": true}});
        let actual = json!({"value": {"a": "1", "b": [1], "d": null}});
        let found = [
            ("value.a", "1", "\"1\""),
            ("value.b[1]", "2", "nothing"),
            ("value.c", "true", "nothing"),
            ("value.d", "nothing", "null"),
        ];
        let found = found.map(|(at, left, right)| (at.to_owned(), left.to_owned(), right.to_owned()));
        assert_eq!(at(&expected, &actual), found);
    }

    #[test]
    fn json_in_bytes_is_compared_as_json() {
        assert_eq!(at(&json!({"value": {"a": 1}}), &json!({"value": "{\"a\": 1}"})), []);
        assert_eq!(at(&json!({"value": "{}"}), &json!({"value": "{ }"})).len(), 1);
    }
}
