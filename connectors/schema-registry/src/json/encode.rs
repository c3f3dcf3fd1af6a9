//! Connect values into JSON payloads under a schema.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use connect_core::data::coerce::logical as convert;
use connect_core::data::json::{write_float32, write_float64, write_str};
use connect_core::data::{Map, Schema, Struct, Type, Value, java_text, logical};
use connect_core::error::ConnectError;

use super::config::{self, JsonSchemaConfig};

/// Appends a value; returns whether there was anything to write: a null that may not be leaves its place empty.
///
/// # Errors
/// Fails with a data error when the value is not one of the schema.
pub(super) fn write(
    config: &JsonSchemaConfig,
    schema: &Schema,
    value: &Value,
    out: &mut Vec<u8>,
) -> Result<bool, ConnectError> {
    if value.is_null() {
        return match &schema.default {
            Some(default) if !config.ignore_default && !default.is_null() => {
                write(config, schema, default, out)
            }
            _ if schema.optional => {
                out.extend_from_slice(b"null");
                Ok(true)
            }
            _ => Ok(false),
        };
    }
    match (schema.ty, value) {
        (Type::Boolean, Value::Boolean(flag)) => push(out, flag),
        (Type::Int8, Value::Int8(number)) => push(out, number),
        (Type::Int16, Value::Int16(number)) => push(out, number),
        (Type::Int32, Value::Int32(number)) => push(out, number),
        (Type::Int64, Value::Int64(number)) => push(out, number),
        (Type::Float32, Value::Float32(number)) => write_float32(out, *number),
        (Type::Float64, Value::Float64(number)) => write_float64(out, *number),
        (Type::String, Value::String(text)) => write_str(out, text),
        (Type::Bytes, Value::Bytes(bytes)) => write_str(out, &STANDARD.encode(bytes)),
        (Type::Bytes, Value::Decimal(number)) if config.is_numeric() => {
            out.extend_from_slice(java_text::decimal(number).as_bytes());
        }
        (Type::Bytes, Value::Decimal(number)) => {
            write_str(out, &STANDARD.encode(convert::decimal_to_bytes(schema, number)?));
        }
        (Type::Int32 | Type::Int64, Value::Date(millis)) => push(out, &date(schema, *millis)?),
        (Type::Array, Value::Array(items)) => array(config, schema, items, out)?,
        (Type::Map, Value::Map(entries)) => map(config, schema, entries, out)?,
        (Type::Struct, Value::Struct(structure)) => return self::structure(config, schema, structure, out),
        (_, other) => return Err(mismatch(schema, other)),
    }
    Ok(true)
}

fn push(out: &mut Vec<u8>, value: &impl ToString) {
    out.extend_from_slice(value.to_string().as_bytes());
}

fn mismatch(schema: &Schema, value: &Value) -> ConnectError {
    ConnectError::data(format!("Invalid type for {}: class {}", schema.ty.name(), value.java_class()))
}

fn date(schema: &Schema, millis: i64) -> Result<i64, ConnectError> {
    match schema.name.as_deref() {
        Some(logical::DATE) => convert::date_to_days(millis).map(i64::from),
        Some(logical::TIME) => convert::time_to_millis(millis).map(i64::from),
        Some(logical::TIMESTAMP) => Ok(millis),
        _ => Err(mismatch(schema, &Value::Date(millis))),
    }
}

/// An element whose place would stay empty is null.
fn element(
    config: &JsonSchemaConfig,
    schema: Option<&Schema>,
    value: &Value,
    out: &mut Vec<u8>,
) -> Result<(), ConnectError> {
    let schema = schema.ok_or_else(|| ConnectError::data("Array or map schema without element schema"))?;
    if !write(config, schema, value, out)? {
        out.extend_from_slice(b"null");
    }
    Ok(())
}

fn array(
    config: &JsonSchemaConfig,
    schema: &Schema,
    items: &[Value],
    out: &mut Vec<u8>,
) -> Result<(), ConnectError> {
    out.push(b'[');
    for (index, item) in items.iter().enumerate() {
        if index > 0 {
            out.push(b',');
        }
        element(config, schema.value_schema.as_deref(), item, out)?;
    }
    out.push(b']');
    Ok(())
}

fn map(config: &JsonSchemaConfig, schema: &Schema, map: &Map, out: &mut Vec<u8>) -> Result<(), ConnectError> {
    let key_schema = schema.key_schema.as_deref();
    let is_object = key_schema.is_some_and(config::is_object);
    out.push(if is_object { b'{' } else { b'[' });
    for (index, (key, value)) in map.entries.iter().enumerate() {
        if index > 0 {
            out.push(b',');
        }
        if is_object {
            write_str(out, key.as_str().unwrap_or("null"));
            out.push(b':');
            element(config, schema.value_schema.as_deref(), value, out)?;
        } else {
            out.extend_from_slice(b"{\"key\":");
            element(config, key_schema, key, out)?;
            out.extend_from_slice(b",\"value\":");
            element(config, schema.value_schema.as_deref(), value, out)?;
            out.push(b'}');
        }
    }
    out.push(if is_object { b'}' } else { b']' });
    Ok(())
}

fn structure(
    config: &JsonSchemaConfig,
    schema: &Schema,
    structure: &Struct,
    out: &mut Vec<u8>,
) -> Result<bool, ConnectError> {
    let own: &Schema = structure.schema();
    // Whether the struct is optional is said around it, not by its own schema.
    if !std::ptr::eq(own, schema) && own != schema && own.fields != schema.fields {
        return Err(ConnectError::data("Mismatching schema."));
    }
    let fields = own.fields.iter().zip(structure.values());
    if config::is_union(schema) {
        for (field, value) in fields {
            if !value.is_null() {
                return write(config, &field.schema, value, out);
            }
        }
        return write(config, schema, &Value::Null, out);
    }
    out.push(b'{');
    let mut is_first = true;
    for (field, value) in fields {
        let start = out.len();
        if !is_first {
            out.push(b',');
        }
        write_str(out, &field.name);
        out.push(b':');
        match write(config, &field.schema, value, out)? {
            true => is_first = false,
            false => out.truncate(start),
        }
    }
    out.push(b'}');
    Ok(true)
}
