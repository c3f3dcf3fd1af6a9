//! Schemaless decoding: a tree into Connect values.

use std::borrow::Cow;

use bytes::Bytes;
use bytestring::ByteString;

use crate::data::json::direct::value_at;
use crate::data::json::text::to_utf8;
use crate::data::json::writer::hash_order;
use crate::data::json::{Node, read};
use crate::data::{Map, Value};

/// Returns the schemaless value of a tree, as `JsonConverter` infers it: integers are `Int64`, reals `Float64`, and
/// maps iterate in `HashMap` order. `source` is the text that the tree was read from: strings share its bytes.
pub fn to_value(source: &Bytes, node: &Node<'_>) -> Value {
    decode(source, node, false)
}

/// Returns the value of canonical text. A text that is not JSON gives null: callers pass only what
/// [`schemaless_datum`](crate::data::json::schemaless_datum) has returned.
pub fn decode_canonical(text: &Bytes) -> Value {
    value_at(text, 0..text.len())
}

/// As [`decode_canonical`], but always by reading a tree: slower, and the measure of the other.
pub(super) fn decode_canonical_by_tree(text: &Bytes) -> Value {
    match read(text) {
        Ok(node) => decode(text, &node, true),
        Err(error) => {
            debug_assert!(false, "canonical text is valid: {error}");
            Value::Null
        }
    }
}

fn decode(source: &Bytes, node: &Node<'_>, is_canonical: bool) -> Value {
    match node {
        Node::Missing | Node::Null => Value::Null,
        Node::Boolean(flag) => Value::Boolean(*flag),
        Node::Number(number) if number.is_integral() => Value::Int64(number.as_i64()),
        // Canonical text has been through `double` once, so that its `-0.0` is a real negative zero.
        Node::Number(number) if is_canonical => Value::Float64(number.text().parse().unwrap_or(f64::NAN)),
        Node::Number(number) => Value::Float64(number.as_f64()),
        Node::String(bytes) => Value::String(shared_text(source, bytes)),
        Node::Array(items) => {
            Value::Array(items.iter().map(|item| decode(source, item, is_canonical)).collect())
        }
        Node::Object(members) => {
            let entry = |(key, value): &(Cow<'_, [u8]>, Node<'_>)| {
                (Value::String(shared_text(source, key)), decode(source, value, is_canonical))
            };
            let entries = if is_canonical {
                members.iter().map(entry).collect()
            } else {
                let order = hash_order(members.iter().map(|(key, _)| key.as_ref()));
                order.into_iter().map(|index| entry(&members[index])).collect()
            };
            Value::Map(Map { entries })
        }
    }
}

/// Returns a string of the tree, sharing the source's bytes where the tree borrows them.
pub(super) fn shared_text(source: &Bytes, bytes: &[u8]) -> ByteString {
    if source.as_ptr_range().contains(&bytes.as_ptr())
        && let Ok(text) = ByteString::try_from(source.slice_ref(bytes))
    {
        return text;
    }
    ByteString::from(to_utf8(bytes).into_owned())
}
