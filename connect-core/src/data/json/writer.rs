//! Writes JSON as Jackson does: trees in canonical form, and Connect values.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::data::java_text;
use crate::data::json::text::{hash, write_bytes};
use crate::data::json::{Node, Number, write_str};
use crate::data::{Map, Struct, Value, java_map};

/// Appends a schemaless tree in canonical form: what decoding to Connect data and encoding again gives.
pub fn write_node(out: &mut Vec<u8>, node: &Node<'_>) {
    match node {
        Node::Missing | Node::Null => out.extend_from_slice(b"null"),
        Node::Boolean(true) => out.extend_from_slice(b"true"),
        Node::Boolean(false) => out.extend_from_slice(b"false"),
        Node::Number(number) => write_number(out, *number),
        Node::String(bytes) => write_bytes(out, bytes),
        Node::Array(items) => {
            out.push(b'[');
            for (index, item) in items.iter().enumerate() {
                if index > 0 {
                    out.push(b',');
                }
                write_node(out, item);
            }
            out.push(b']');
        }
        Node::Object(members) => {
            out.push(b'{');
            for (place, index) in
                hash_order(members.iter().map(|(key, _)| key.as_ref())).into_iter().enumerate()
            {
                if place > 0 {
                    out.push(b',');
                }
                let (key, value) = &members[index];
                write_bytes(out, key);
                out.push(b':');
                write_node(out, value);
            }
            out.push(b'}');
        }
    }
}

/// Returns the positions of distinct keys in the iteration order of a `HashMap` filled in slice order.
pub(super) fn hash_order<'k>(keys: impl ExactSizeIterator<Item = &'k [u8]>) -> Vec<usize> {
    let mask = u32::try_from(java_map::table_size(keys.len()) - 1).unwrap_or(u32::MAX);
    let mut order: Vec<(u32, usize)> =
        keys.enumerate().map(|(index, key)| (spread(hash(key)) & mask, index)).collect();
    order.sort_unstable();
    order.into_iter().map(|(_, index)| index).collect()
}

/// Mixes a hash code as `HashMap` does before it picks a bucket.
pub(super) fn spread(hash: u32) -> u32 {
    hash ^ (hash >> 16)
}

fn write_number(out: &mut Vec<u8>, number: Number<'_>) {
    if number.is_integral() {
        out.extend_from_slice(number.as_i64().to_string().as_bytes());
    } else {
        write_float64(out, number.as_f64());
    }
}

/// Appends a `double` as Java prints it; one that is not finite as a string.
pub fn write_float64(out: &mut Vec<u8>, number: f64) {
    write_float_text(out, number.is_finite(), &java_text::float64(number));
}

/// Appends a `float` as Java prints it; one that is not finite as a string.
pub fn write_float32(out: &mut Vec<u8>, number: f32) {
    write_float_text(out, number.is_finite(), &java_text::float32(number));
}

fn write_float_text(out: &mut Vec<u8>, is_finite: bool, text: &str) {
    let quote: &[u8] = if is_finite { b"" } else { b"\"" };
    out.extend_from_slice(quote);
    out.extend_from_slice(text.as_bytes());
    out.extend_from_slice(quote);
}

/// Appends a value as a plain `ObjectMapper` writes the Java object it stands for: bytes in base64, dates in milliseconds, decimals as numbers, structs as objects of all fields, keys of maps as their text.
pub fn write_value(out: &mut Vec<u8>, value: &Value) {
    match value {
        Value::Null => out.extend_from_slice(b"null"),
        Value::Boolean(true) => out.extend_from_slice(b"true"),
        Value::Boolean(false) => out.extend_from_slice(b"false"),
        Value::Int8(number) => out.extend_from_slice(number.to_string().as_bytes()),
        Value::Int16(number) => out.extend_from_slice(number.to_string().as_bytes()),
        Value::Int32(number) => out.extend_from_slice(number.to_string().as_bytes()),
        Value::Int64(number) => out.extend_from_slice(number.to_string().as_bytes()),
        Value::Float32(number) => write_float32(out, *number),
        Value::Float64(number) => write_float64(out, *number),
        Value::String(text) => write_str(out, text),
        Value::Bytes(bytes) => write_str(out, &STANDARD.encode(bytes)),
        Value::Array(items) => {
            out.push(b'[');
            for (index, item) in items.iter().enumerate() {
                if index > 0 {
                    out.push(b',');
                }
                write_value(out, item);
            }
            out.push(b']');
        }
        Value::Map(map) => write_map(out, map),
        Value::Struct(structure) => write_struct(out, structure),
        Value::Decimal(number) => out.extend_from_slice(java_text::decimal(number).as_bytes()),
        Value::Date(millis) => out.extend_from_slice(millis.to_string().as_bytes()),
    }
}

fn write_map(out: &mut Vec<u8>, map: &Map) {
    out.push(b'{');
    for (index, (key, value)) in map.entries.iter().enumerate() {
        if index > 0 {
            out.push(b',');
        }
        match key.as_str() {
            Some(text) => write_str(out, text),
            None => write_str(out, &java_text::to_text(key)),
        }
        out.push(b':');
        write_value(out, value);
    }
    out.push(b'}');
}

fn write_struct(out: &mut Vec<u8>, structure: &Struct) {
    out.push(b'{');
    for (index, (field, value)) in structure.schema().fields.iter().zip(structure.values()).enumerate() {
        if index > 0 {
            out.push(b',');
        }
        write_str(out, &field.name);
        out.push(b':');
        write_value(out, value);
    }
    out.push(b'}');
}
