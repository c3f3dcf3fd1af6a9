//! Schemaless documents: from the bytes of a record to canonical text, and what to do where text cannot say it.

use bytes::{Bytes, BytesMut};

use crate::data::Datum;
use crate::data::json::fast::{Found, FoundMap, find_map, rewrite};
use crate::data::json::{JsonError, Node, TextMap, decode_canonical, in_utf8, read, to_value, write_node};

/// How much a batch's buffer grows by when it is full.
const SCRATCH_CHUNK: usize = 64 * 1024;

/// Returns the schemaless datum of a JSON document. Canonical text is appended to `scratch` and split off it, or
/// shares the input where that is canonical already.
///
/// # Errors
/// Fails with Jackson's text when the bytes do not begin with a JSON value.
pub fn schemaless_datum(input: &Bytes, scratch: &mut BytesMut) -> Result<Datum, JsonError> {
    match rewrite(input, |found| found.map(|found| datum_of(found, input, scratch))) {
        Some(datum) => Ok(datum),
        None => schemaless_datum_by_tree(input, scratch),
    }
}

/// As [`schemaless_datum`], for values whose fields transforms will ask for: of an object only the places of its keys
/// are found, and nothing is put in order before something asks for it.
///
/// # Errors
/// Fails with Jackson's text when the bytes do not begin with a JSON value.
pub fn schemaless_fields(input: &Bytes, scratch: &mut BytesMut) -> Result<Datum, JsonError> {
    let fast = find_map(input, |found| {
        found.map(|found| match found {
            FoundMap::Span { start, end, layout } => {
                Datum::from_text_map(TextMap::new(input.slice(start..end), layout))
            }
            FoundMap::Text { text, layout } => {
                Datum::from_text_map(TextMap::new(split_off(scratch, text), layout))
            }
            FoundMap::Other(found) => datum_of(found, input, scratch),
        })
    });
    match fast {
        Some(datum) => Ok(datum),
        None => schemaless_datum_by_tree(input, scratch),
    }
}

/// Returns the map of canonical text, its fields left where they are; `None` when it is no map or rare in some way.
pub(in crate::data) fn text_map(text: &Bytes) -> Option<TextMap> {
    find_map(text, |found| match found? {
        // What is canonical is in order.
        FoundMap::Span { start, end, layout } if end - start == text.len() => {
            Some(TextMap::new(text.clone(), layout))
        }
        _ => None,
    })
}

fn datum_of(found: Found<'_>, input: &Bytes, scratch: &mut BytesMut) -> Datum {
    match found {
        Found::Null => Datum::NULL,
        Found::Span { start, end } => Datum::from_json(input.slice(start..end), decode_canonical),
        Found::Text(text) => Datum::from_json(split_off(scratch, text), decode_canonical),
    }
}

/// As [`schemaless_datum`], but always by reading a tree and writing it: slower, and the measure of the other.
///
/// # Errors
/// Fails with Jackson's text when the bytes do not begin with a JSON value.
pub fn schemaless_datum_by_tree(input: &Bytes, scratch: &mut BytesMut) -> Result<Datum, JsonError> {
    let input = &in_utf8(input);
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
    Datum::from_json(split_off(scratch, &text), decode_canonical)
}

/// Appends text to the batch's buffer and splits it off.
fn split_off(scratch: &mut BytesMut, text: &[u8]) -> Bytes {
    if scratch.capacity() - scratch.len() < text.len() {
        scratch.reserve(text.len().max(SCRATCH_CHUNK));
    }
    scratch.extend_from_slice(text);
    scratch.split().freeze()
}

fn holds_infinity(node: &Node<'_>) -> bool {
    match node {
        Node::Number(number) => !number.is_integral() && number.as_f64().is_infinite(),
        Node::Array(items) => items.iter().any(holds_infinity),
        Node::Object(members) => members.iter().any(|(_, value)| holds_infinity(value)),
        _ => false,
    }
}
