//! Values without a schema, made to fit one.

use std::sync::Arc;

use connect_core::data::json::write_value;
use connect_core::data::{Map, Schema, SchemaRef, Struct, Type, Value, logical};
use connect_core::error::ConnectError;
use connector_avro::config::AvroConfig;
use connector_avro::{schema, to_connect};

/// Returns the Connect schema of an Avro schema's text.
///
/// # Errors
/// A data error when the text is no Avro schema, or not that of a record.
pub fn schema_of_avro(text: &str) -> Result<SchemaRef, ConnectError> {
    let avro = schema::parse(text, &[])?;
    let schema = to_connect::convert(&AvroConfig::default(), &avro, None)?;
    match schema.ty {
        Type::Struct => Ok(schema),
        _ => Err(ConnectError::data("the schema of a file must be that of a record")),
    }
}

/// Returns a value in the types of a schema. Fields that the schema has not are left out; those that the value has not
/// are null.
///
/// # Errors
/// A data error when the value cannot stand for one of the schema.
pub(super) fn conform(schema: &SchemaRef, value: &Value) -> Result<Value, ConnectError> {
    if value.is_null() {
        return Ok(schema.default.clone().unwrap_or(Value::Null));
    }
    Ok(match (schema.ty, value) {
        (Type::Struct, Value::Map(map)) => {
            let absent = Value::Null;
            let values: Result<Vec<Value>, ConnectError> = schema
                .fields
                .iter()
                .map(|field| conform(&field.schema, map.get(&field.name).unwrap_or(&absent)))
                .collect();
            Value::Struct(Box::new(Struct::from_parts(Arc::clone(schema), values?)))
        }
        (Type::Array, Value::Array(items)) => {
            let element = schema.value_schema.as_ref().ok_or_else(|| unfit(schema, value))?;
            Value::Array(items.iter().map(|item| conform(element, item)).collect::<Result<_, _>>()?)
        }
        (Type::Map, Value::Map(map)) => {
            let element = schema.value_schema.as_ref().ok_or_else(|| unfit(schema, value))?;
            let entry = |(key, value): &(Value, Value)| Ok((key.clone(), conform(element, value)?));
            Value::Map(Map { entries: map.entries.iter().map(entry).collect::<Result<_, ConnectError>>()? })
        }
        (Type::String, Value::String(_)) => value.clone(),
        (Type::String, other) => Value::string(text_of(other)),
        (Type::Boolean, Value::Boolean(_)) | (Type::Bytes, Value::Bytes(_)) => value.clone(),
        _ => number(schema, value).ok_or_else(|| unfit(schema, value))?,
    })
}

fn number(schema: &Schema, value: &Value) -> Option<Value> {
    let integer = match value {
        Value::Int8(number) => Some(i64::from(*number)),
        Value::Int16(number) => Some(i64::from(*number)),
        Value::Int32(number) => Some(i64::from(*number)),
        Value::Int64(number) => Some(*number),
        _ => None,
    };
    let float = match value {
        Value::Float32(number) => Some(f64::from(*number)),
        Value::Float64(number) => Some(*number),
        #[expect(clippy::cast_precision_loss, reason = "as Java widens")]
        _ => integer.map(|number| number as f64),
    };
    match schema.name.as_deref() {
        Some(logical::TIMESTAMP | logical::TIME) => return integer.map(Value::Date),
        Some(logical::DATE) => {
            return integer.map(|days| Value::Date(days.saturating_mul(logical::MILLIS_PER_DAY)));
        }
        _ => {}
    }
    Some(match schema.ty {
        Type::Int8 => Value::Int8(i8::try_from(integer?).ok()?),
        Type::Int16 => Value::Int16(i16::try_from(integer?).ok()?),
        Type::Int32 => Value::Int32(i32::try_from(integer?).ok()?),
        Type::Int64 => Value::Int64(integer?),
        #[expect(clippy::cast_possible_truncation, reason = "the schema asks for the narrow type")]
        Type::Float32 => Value::Float32(float? as f32),
        Type::Float64 => Value::Float64(float?),
        _ => return None,
    })
}

/// Returns the JSON text of a value.
pub(super) fn text_of(value: &Value) -> String {
    let mut out = Vec::new();
    write_value(&mut out, value);
    String::from_utf8_lossy(&out).into_owned()
}

fn unfit(schema: &Schema, value: &Value) -> ConnectError {
    ConnectError::data(format!(
        "writing a value of class `{}` to a column of type {}",
        value.java_class(),
        schema.ty.name()
    ))
}
