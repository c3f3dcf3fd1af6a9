//! Schemaless documents: from the bytes of a record to canonical text, and what to do where text cannot say it.

use bytes::{Bytes, BytesMut};

use crate::data::Datum;
use crate::data::json::{JsonError, Node, decode_canonical, read, to_value, write_node};

/// Returns the schemaless datum of a JSON document. Canonical text is appended to `scratch` and split off it.
///
/// # Errors
/// Fails with Jackson's text when the bytes do not begin with a JSON value.
pub fn schemaless_datum(input: &Bytes, scratch: &mut BytesMut) -> Result<Datum, JsonError> {
    Ok(datum_of_node(input, &read(input)?, scratch))
}

/// Returns the schemaless datum of a tree that was read from `source`.
pub fn datum_of_node(source: &Bytes, node: &Node<'_>, scratch: &mut BytesMut) -> Datum {
    if matches!(node, Node::Missing | Node::Null) {
        return Datum::NULL;
    }
    // An infinite number would come back from text as a string.
    if holds_infinity(node) {
        return Datum::schemaless(to_value(source, node));
    }
    let mut text = Vec::with_capacity(source.len());
    write_node(&mut text, node);
    scratch.extend_from_slice(&text);
    Datum::from_json(scratch.split().freeze(), decode_canonical)
}

fn holds_infinity(node: &Node<'_>) -> bool {
    match node {
        Node::Number(number) => !number.is_integral() && number.as_f64().is_infinite(),
        Node::Array(items) => items.iter().any(holds_infinity),
        Node::Object(members) => members.iter().any(|(_, value)| holds_infinity(value)),
        _ => false,
    }
}
