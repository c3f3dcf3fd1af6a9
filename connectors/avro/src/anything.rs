//! Values without a schema: a record `Anything` with one optional field for each type.

use std::sync::LazyLock;

use connect_core::data::coerce::logical as convert;
use connect_core::data::{Map, Value, java_map};
use connect_core::error::ConnectError;

use crate::encode::{write_bytes, write_long};
use crate::reader::{Read, Reader};

/// Values may not nest deeper.
const MAX_DEPTH: usize = 64;
const FIELDS: usize = 9;

/// The text of the schema, as Avro's Java library prints it.
pub static SCHEMA: LazyLock<String> = LazyLock::new(|| {
    let simple = ["boolean", "bytes", "double", "float", "int", "long", "string"];
    let mut fields: Vec<String> = simple
        .iter()
        .map(|ty| format!("{{\"name\":\"{ty}\",\"type\":[\"null\",\"{ty}\"],\"default\":null}}"))
        .collect();
    let entry = "{\"type\":\"record\",\"name\":\"MapEntry\",\"fields\":[{\"name\":\"key\",\"type\":\"Anything\"},\
                 {\"name\":\"value\",\"type\":\"Anything\"}]}";
    for (name, items) in [("array", "\"Anything\""), ("map", entry)] {
        fields.push(format!(
            "{{\"name\":\"{name}\",\"type\":[\"null\",{{\"type\":\"array\",\"items\":{items}}}],\"default\":null}}"
        ));
    }
    format!(
        "{{\"type\":\"record\",\"name\":\"Anything\",\"namespace\":\"io.confluent.connect.avro\",\"fields\":[{}]}}",
        fields.join(",")
    )
});

/// Reads a value: the first field that is not null.
pub fn decode(reader: &mut Reader<'_>, depth: usize) -> Read<Value> {
    if depth > MAX_DEPTH {
        return Err(Box::new(ConnectError::data("reading Avro data: values nest too deeply")));
    }
    let mut found = Value::Null;
    for field in 0..FIELDS {
        let is_null = match reader.long()? {
            0 => true,
            1 => false,
            index => {
                let what = format!("reading Avro data: the union has no branch {index}");
                return Err(Box::new(ConnectError::data(what)));
            }
        };
        if is_null {
            continue;
        }
        let value = match field {
            0 => Value::Boolean(reader.boolean()?),
            1 => Value::Bytes(reader.bytes()?),
            2 => Value::Float64(reader.double()?),
            3 => Value::Float32(reader.float()?),
            4 => Value::Int32(reader.int()?),
            5 => Value::Int64(reader.long()?),
            6 => Value::String(reader.string()?),
            7 => array(reader, depth)?,
            _ => map(reader, depth)?,
        };
        if found.is_null() {
            found = value;
        }
    }
    Ok(found)
}

fn array(reader: &mut Reader<'_>, depth: usize) -> Read<Value> {
    let mut items = Vec::new();
    loop {
        let count = reader.block()?;
        if count == 0 {
            return Ok(Value::Array(items));
        }
        for _ in 0..count {
            items.push(decode(reader, depth + 1)?);
        }
    }
}

fn map(reader: &mut Reader<'_>, depth: usize) -> Read<Value> {
    let mut entries = Vec::new();
    loop {
        let count = reader.block()?;
        if count == 0 {
            return Ok(Value::Map(Map { entries: convert::in_hash_order(crate::unique::by_last(entries)) }));
        }
        for _ in 0..count {
            let key = decode(reader, depth + 1)?;
            entries.push((key, decode(reader, depth + 1)?));
        }
    }
}

/// Appends a value.
///
/// # Errors
/// Fails with a data error for values that do not exist without a schema.
pub fn encode(value: &Value, out: &mut Vec<u8>) -> Result<(), ConnectError> {
    let field = match value {
        Value::Null => FIELDS,
        Value::Boolean(_) => 0,
        Value::Bytes(_) => 1,
        Value::Float64(_) => 2,
        Value::Float32(_) => 3,
        Value::Int8(_) | Value::Int16(_) | Value::Int32(_) => 4,
        Value::Int64(_) => 5,
        Value::String(_) => 6,
        Value::Array(_) => 7,
        Value::Map(_) => 8,
        other => {
            let class = other.java_class();
            return Err(ConnectError::data(format!("Unknown Java type for schemaless data: class {class}")));
        }
    };
    out.extend(std::iter::repeat_n(0, field));
    if field == FIELDS {
        return Ok(());
    }
    out.push(2);
    match value {
        Value::Boolean(flag) => out.push(u8::from(*flag)),
        Value::Bytes(bytes) => write_bytes(out, bytes),
        Value::Float64(number) => out.extend_from_slice(&number.to_le_bytes()),
        Value::Float32(number) => out.extend_from_slice(&number.to_le_bytes()),
        Value::Int8(number) => write_long(out, i64::from(*number)),
        Value::Int16(number) => write_long(out, i64::from(*number)),
        Value::Int32(number) => write_long(out, i64::from(*number)),
        Value::Int64(number) => write_long(out, *number),
        Value::String(text) => write_bytes(out, text.as_bytes()),
        Value::Array(items) => {
            write_blocks(out, items.len(), |out| items.iter().try_for_each(|item| encode(item, out)))?;
        }
        Value::Map(map) => write_blocks(out, map.entries.len(), |out| {
            map.entries.iter().try_for_each(|(key, value)| {
                encode(key, out)?;
                encode(value, out)
            })
        })?,
        _ => {}
    }
    out.extend(std::iter::repeat_n(0, FIELDS - 1 - field));
    Ok(())
}

/// Appends the elements of an array or map as one block.
pub fn write_blocks(
    out: &mut Vec<u8>,
    len: usize,
    write: impl FnOnce(&mut Vec<u8>) -> Result<(), ConnectError>,
) -> Result<(), ConnectError> {
    if len > 0 {
        write_long(out, i64::try_from(len).unwrap_or(i64::MAX));
        write(out)?;
    }
    out.push(0);
    Ok(())
}

/// Returns the entries of a map with string keys in the order in which a `HashMap` of them iterates.
pub fn in_java_order(map: &Map) -> impl Iterator<Item = &(Value, Value)> {
    let keys: Vec<&str> = map.entries.iter().map(|(key, _)| key.as_str().unwrap_or_default()).collect();
    java_map::iteration_order(keys.into_iter()).into_iter().filter_map(|index| map.entries.get(index))
}
