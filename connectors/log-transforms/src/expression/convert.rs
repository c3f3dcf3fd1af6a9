//! Values of records as values of expressions, and back.

use std::collections::HashMap;
use std::sync::Arc;

use bytes::Bytes;
use cel::Value as Cel;
use cel::objects::Key;
use connect_core::data::{Map, Value};
use connect_core::headers::Headers;

/// Returns a value for an expression. Whole numbers of any width become `int`, decimals `double`, dates milliseconds.
pub(super) fn to_cel(value: &Value) -> Cel {
    match value {
        Value::Null => Cel::Null,
        Value::Boolean(value) => Cel::Bool(*value),
        Value::Int8(number) => Cel::Int(i64::from(*number)),
        Value::Int16(number) => Cel::Int(i64::from(*number)),
        Value::Int32(number) => Cel::Int(i64::from(*number)),
        Value::Int64(number) | Value::Date(number) => Cel::Int(*number),
        Value::Float32(number) => Cel::Float(f64::from(*number)),
        Value::Float64(number) => Cel::Float(*number),
        Value::Decimal(number) => Cel::Float(number.to_string().parse().unwrap_or(f64::NAN)),
        Value::String(text) => Cel::from(&**text),
        Value::Bytes(bytes) => Cel::Bytes(Arc::new(bytes.to_vec())),
        Value::Array(items) => Cel::List(Arc::new(items.iter().map(to_cel).collect())),
        Value::Map(map) => {
            let entry = |(name, value): &(Value, Value)| Some((Key::from(name.as_str()?), to_cel(value)));
            map_of(map.entries.iter().filter_map(entry).collect())
        }
        Value::Struct(structure) => {
            let fields = structure.schema().fields.iter().zip(structure.values());
            map_of(fields.map(|(field, value)| (Key::from(&*field.name), to_cel(value))).collect())
        }
    }
}

/// Returns the headers, the last of each name.
pub(super) fn headers(headers: &Headers) -> Cel {
    map_of(headers.iter().map(|header| (Key::from(&*header.key), to_cel(&header.value.value()))).collect())
}

/// Returns a number that may be missing.
pub(super) fn optional(number: Option<i64>) -> Cel {
    number.map_or(Cel::Null, Cel::Int)
}

/// Returns the value of a record for the result of an expression, `None` when it has none, as a function.
pub(super) fn from_cel(value: &Cel) -> Option<Value> {
    Some(match value {
        Cel::Null => Value::Null,
        Cel::Bool(value) => Value::Boolean(*value),
        Cel::Int(number) => Value::Int64(*number),
        Cel::UInt(number) => Value::Int64(i64::try_from(*number).ok()?),
        Cel::Float(number) => Value::Float64(*number),
        Cel::String(text) => Value::string(text.as_str()),
        Cel::Bytes(bytes) => Value::Bytes(Bytes::copy_from_slice(bytes)),
        Cel::List(items) => Value::Array(items.iter().map(from_cel).collect::<Option<_>>()?),
        Cel::Map(map) => {
            let entry = |(key, value): (&Key, &Cel)| Some((key_text(key), from_cel(value)?));
            let mut entries = map.map.iter().map(entry).collect::<Option<Vec<_>>>()?;
            // The maps of expressions have no order; records are the same each time.
            entries.sort_by(|(one, _), (other, _)| one.cmp(other));
            let entries = entries.into_iter().map(|(name, value)| (Value::string(name), value)).collect();
            Value::Map(Map { entries })
        }
        _ => return None,
    })
}

fn key_text(key: &Key) -> String {
    match key {
        Key::Int(number) => number.to_string(),
        Key::Uint(number) => number.to_string(),
        Key::Bool(value) => value.to_string(),
        Key::String(text) => text.as_str().to_owned(),
    }
}

fn map_of(map: HashMap<Key, Cel>) -> Cel {
    Cel::Map(cel::objects::Map { map: Arc::new(map) })
}
