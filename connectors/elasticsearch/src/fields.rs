//! Fields added to documents that are JSON text, without reading the rest into a tree.

use bytes::Bytes;

use connect_core::data::json::{self, Node, write_node, write_str};
use connect_core::error::ConnectError;

use crate::settings::StreamTime;

const TIMESTAMP: &str = "@timestamp";

/// Returns the document with its `@timestamp`, as data streams want it.
///
/// # Errors
/// A data error when the document is no object, or needs a timestamp that the record does not have.
pub(crate) fn with_timestamp(
    document: Bytes,
    rule: &StreamTime,
    timestamp: Option<i64>,
) -> Result<Bytes, ConnectError> {
    if *rule == StreamTime::Unchanged {
        return Ok(document);
    }
    let root = json::read(&document)
        .map_err(|error| ConnectError::data("reading the document").because(error.to_string()))?;
    let Node::Object(members) = &root else {
        return Err(ConnectError::data(format!(
            "Top level payload contains data of Json type {}. Required Json object.",
            root.type_name()
        )));
    };
    let mut quoted = Vec::new();
    match rule {
        StreamTime::Fields(fields) => match fields.iter().find_map(|field| root.get(field)) {
            Some(node) => write_as_text(&mut quoted, node),
            None => return Ok(document),
        },
        StreamTime::RecordIfMissing if root.get(TIMESTAMP).is_some() => return Ok(document),
        _ => {
            let missing = || ConnectError::data("Record timestamp hasn't been set");
            quoted.extend_from_slice(timestamp.ok_or_else(missing)?.to_string().as_bytes());
        }
    }
    let mut out = Vec::with_capacity(document.len() + 40);
    out.push(b'{');
    for (key, value) in members.iter().filter(|(key, _)| key.as_ref() != TIMESTAMP.as_bytes()) {
        write_node(&mut out, &Node::String(key.clone()));
        out.push(b':');
        write_node(&mut out, value);
        out.push(b',');
    }
    write_str(&mut out, TIMESTAMP);
    out.push(b':');
    out.extend_from_slice(&quoted);
    out.push(b'}');
    Ok(Bytes::from(out))
}

/// Writes a node as Jackson's `asText` in quotes: numbers and booleans by their text, containers empty.
fn write_as_text(out: &mut Vec<u8>, node: &Node<'_>) {
    match node {
        Node::String(_) => write_node(out, node),
        Node::Array(_) | Node::Object(_) | Node::Missing => out.extend_from_slice(b"\"\""),
        other => {
            out.push(b'"');
            write_node(out, other);
            out.push(b'"');
        }
    }
}

/// Returns the document with one more field at its end; `value` is JSON. A document that is no object stays as it
/// is: the cluster refuses it with its own words.
pub(crate) fn with_field(document: Bytes, name: &str, value: &str) -> Bytes {
    let Some(inside) = document.strip_prefix(b"{").and_then(|rest| rest.strip_suffix(b"}")) else {
        return document;
    };
    let mut out = Vec::with_capacity(document.len() + name.len() + value.len() + 8);
    out.push(b'{');
    out.extend_from_slice(inside);
    if !inside.is_empty() {
        out.push(b',');
    }
    write_str(&mut out, name);
    out.push(b':');
    out.extend_from_slice(value.as_bytes());
    out.push(b'}');
    Bytes::from(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stamped(document: &'static str, rule: &StreamTime) -> Result<String, String> {
        let stamped = with_timestamp(Bytes::from_static(document.as_bytes()), rule, Some(5));
        stamped.map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).map_err(|error| error.to_string())
    }

    #[test]
    fn timestamps_come_from_the_record_or_the_first_field_present() {
        let fields = StreamTime::Fields(vec!["b".to_owned(), "a".to_owned()]);
        for (document, rule, expected) in [
            (r#"{"a":1}"#, &StreamTime::Record, r#"{"a":1,"@timestamp":5}"#),
            (r#"{"@timestamp":9,"a":1}"#, &StreamTime::Record, r#"{"a":1,"@timestamp":5}"#),
            (r#"{"@timestamp":9}"#, &StreamTime::RecordIfMissing, r#"{"@timestamp":9}"#),
            (r#"{}"#, &StreamTime::RecordIfMissing, r#"{"@timestamp":5}"#),
            (r#"{"a":"x"}"#, &fields, r#"{"a":"x","@timestamp":"x"}"#),
            (r#"{"a":"x","b":7}"#, &fields, r#"{"a":"x","b":7,"@timestamp":"7"}"#),
            (r#"{"c":1}"#, &fields, r#"{"c":1}"#),
            (r#"{"c":1}"#, &StreamTime::Unchanged, r#"{"c":1}"#),
        ] {
            assert_eq!(stamped(document, rule).as_deref(), Ok(expected), "{document} by {rule:?}");
        }
        let refused = "Top level payload contains data of Json type ARRAY. Required Json object.";
        assert_eq!(stamped("[1]", &StreamTime::Record), Err(refused.to_owned()));
    }

    #[test]
    fn a_field_is_added_at_the_end_of_objects_only() {
        let added =
            |document: &'static str| with_field(Bytes::from_static(document.as_bytes()), "t", "\"now\"");
        assert_eq!(added(r#"{"a":1}"#), r#"{"a":1,"t":"now"}"#);
        assert_eq!(added("{}"), r#"{"t":"now"}"#);
        assert_eq!(added("[1]"), "[1]");
    }
}
