//! Connect values into messages.

use connect_core::data::coerce::logical as convert;
use connect_core::data::{Map, Schema, Struct, Value, logical};
use connect_core::error::ConnectError;
use prost_reflect::{
    DynamicMessage, FieldDescriptor, Kind, MapKey, MessageDescriptor, ReflectMessage as _, Value as Proto,
};

use super::calendar;
use super::config::{self, ProtobufConfig};

/// Returns the message of a record.
///
/// # Errors
/// Fails with a data error when the message type has no place for a value.
pub(super) fn root(
    config: &ProtobufConfig,
    descriptor: &MessageDescriptor,
    schema: &Schema,
    value: &Value,
) -> Result<DynamicMessage, ConnectError> {
    match value {
        Value::Struct(structure) => message(config, descriptor, structure),
        value => of_message(config, descriptor, schema, value),
    }
}

/// Returns the message of a struct.
///
/// # Errors
/// Fails with a data error when the message type has no place for a value.
pub(super) fn message(
    config: &ProtobufConfig,
    descriptor: &MessageDescriptor,
    structure: &Struct,
) -> Result<DynamicMessage, ConnectError> {
    let mut message = DynamicMessage::new(descriptor.clone());
    fill(config, &mut message, structure)?;
    Ok(message)
}

fn fill(
    config: &ProtobufConfig,
    message: &mut DynamicMessage,
    structure: &Struct,
) -> Result<(), ConnectError> {
    for (field, value) in structure.schema().fields.iter().zip(structure.values()) {
        let value = match (&field.schema.default, value) {
            (Some(default), Value::Null) if !config.ignore_default => default,
            _ => value,
        };
        match value {
            // What is missing is left out, also where it is required: `ProtobufData.fromConnectData` does not ask.
            Value::Null => {}
            Value::Struct(choice) if config::is_union(&field.schema) => fill(config, message, choice)?,
            value => {
                let name = &field.name;
                let descriptor = message
                    .descriptor()
                    .get_field_by_name(&config.scrubbed(name))
                    .ok_or_else(|| ConnectError::data(format!("Cannot find field with name {name}")))?;
                let proto = self::value(config, &descriptor, &field.schema, value)?;
                message.try_set_field(&descriptor, proto).map_err(|error| {
                    ConnectError::data(format!("writing field `{name}`")).because(error.to_string())
                })?;
            }
        }
    }
    Ok(())
}

fn value(
    config: &ProtobufConfig,
    field: &FieldDescriptor,
    schema: &Schema,
    value: &Value,
) -> Result<Proto, ConnectError> {
    match value {
        Value::Array(items) => {
            let child = child(schema)?;
            let items: Result<Vec<Proto>, _> =
                items.iter().map(|item| single(config, &field.kind(), child, item)).collect();
            items.map(Proto::List)
        }
        Value::Map(map) => entries(config, field, schema, map),
        value => single(config, &field.kind(), schema, value),
    }
}

fn child(schema: &Schema) -> Result<&Schema, ConnectError> {
    let missing = || ConnectError::data("Array or map schema without element schema");
    schema.value_schema.as_deref().ok_or_else(missing)
}

fn mismatch(schema: &Schema, value: &Value) -> ConnectError {
    ConnectError::data(format!("Invalid type for {}: class {}", schema.ty.name(), value.java_class()))
}

fn entries(
    config: &ProtobufConfig,
    field: &FieldDescriptor,
    schema: &Schema,
    map: &Map,
) -> Result<Proto, ConnectError> {
    let whole = || mismatch(schema, &Value::Map(Map::default()));
    let Kind::Message(entry) = field.kind() else { return Err(whole()) };
    let (Some(key_field), Some(value_field)) = (entry.get_field(1), entry.get_field(2)) else {
        return Err(whole());
    };
    let key_schema = schema.key_schema.as_deref().ok_or_else(whole)?;
    let value_schema = child(schema)?;
    let mut pairs = Vec::with_capacity(map.entries.len());
    for (key, value) in &map.entries {
        let part = |field: &FieldDescriptor, schema: &Schema, value: &Value| match value.is_null() {
            true => Ok(None),
            false => self::value(config, field, schema, value).map(Some),
        };
        pairs.push((part(&key_field, key_schema, key)?, part(&value_field, value_schema, value)?));
    }
    if !field.is_map() {
        let mut items = Vec::with_capacity(pairs.len());
        for (key, value) in pairs {
            let mut message = DynamicMessage::new(entry.clone());
            for (field, part) in [(&key_field, key), (&value_field, value)] {
                if let Some(part) = part {
                    message.try_set_field(field, part).map_err(|error| whole().because(error.to_string()))?;
                }
            }
            items.push(Proto::Message(message));
        }
        return Ok(Proto::List(items));
    }
    let mut members = std::collections::HashMap::with_capacity(pairs.len());
    for (key, value) in pairs {
        let key = key.and_then(map_key).ok_or_else(whole)?;
        members.insert(key, value.unwrap_or_else(|| Proto::default_value(&value_field.kind())));
    }
    Ok(Proto::Map(members))
}

fn map_key(value: Proto) -> Option<MapKey> {
    Some(match value {
        Proto::Bool(flag) => MapKey::Bool(flag),
        Proto::I32(number) => MapKey::I32(number),
        Proto::I64(number) => MapKey::I64(number),
        Proto::U32(number) => MapKey::U32(number),
        Proto::U64(number) => MapKey::U64(number),
        Proto::String(text) => MapKey::String(text),
        _ => return None,
    })
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "narrowing drops bits, as Java's casts do"
)]
fn single(
    config: &ProtobufConfig,
    kind: &Kind,
    schema: &Schema,
    value: &Value,
) -> Result<Proto, ConnectError> {
    if let Kind::Message(descriptor) = kind {
        return of_message(config, descriptor, schema, value).map(Proto::Message);
    }
    let integer = match value {
        Value::Int8(number) => Some(i64::from(*number)),
        Value::Int16(number) => Some(i64::from(*number)),
        Value::Int32(number) => Some(i64::from(*number)),
        Value::Int64(number) => Some(*number),
        _ => None,
    };
    Ok(match (kind, value, integer) {
        (Kind::Int32 | Kind::Sint32 | Kind::Sfixed32, _, Some(number)) => Proto::I32(number as i32),
        (Kind::Int64 | Kind::Sint64 | Kind::Sfixed64, _, Some(number)) => Proto::I64(number),
        (Kind::Uint32 | Kind::Fixed32, _, Some(number)) => Proto::U32(number as u32),
        (Kind::Uint64 | Kind::Fixed64, _, Some(number)) => Proto::U64(number as u64),
        (Kind::Enum(_), _, Some(number)) => Proto::EnumNumber(number as i32),
        (Kind::Float, Value::Float32(number), _) => Proto::F32(*number),
        (Kind::Double, Value::Float64(number), _) => Proto::F64(*number),
        (Kind::Double, Value::Float32(number), _) => Proto::F64(f64::from(*number)),
        (Kind::Bool, Value::Boolean(flag), _) => Proto::Bool(*flag),
        (Kind::String, Value::String(text), _) => Proto::String(text.to_string()),
        (Kind::Bytes, Value::Bytes(bytes), _) => Proto::Bytes(bytes.clone()),
        (Kind::Enum(symbols), Value::String(text), _) => {
            let symbol = symbols.get_value_by_name(text);
            let symbol =
                symbol.ok_or_else(|| ConnectError::data(format!("`{text}` is no symbol of the enum")))?;
            Proto::EnumNumber(symbol.number())
        }
        (_, value, _) => return Err(mismatch(schema, value)),
    })
}

fn of_message(
    config: &ProtobufConfig,
    descriptor: &MessageDescriptor,
    schema: &Schema,
    value: &Value,
) -> Result<DynamicMessage, ConnectError> {
    let mut message = DynamicMessage::new(descriptor.clone());
    let mut set = |name: &str, proto: Proto| {
        message
            .try_set_field_by_name(name, proto)
            .map_err(|error| mismatch(schema, value).because(error.to_string()))
    };
    let small = |number: i64| Proto::I32(i32::try_from(number).unwrap_or(0));
    match (descriptor.full_name(), value) {
        (config::DECIMAL, Value::Decimal(decimal)) => {
            set("value", Proto::Bytes(convert::decimal_to_bytes(schema, decimal)?.into()))?;
            let digits = u32::try_from(decimal.digits()).unwrap_or(u32::MAX);
            set("precision", Proto::U32(digits))?;
            set("scale", small(decimal.as_bigint_and_exponent().1))?;
        }
        (config::DATE, Value::Date(millis)) => {
            let date = calendar::date_of(i64::from(convert::date_to_days(*millis)?));
            let (year, month, day) = date.ok_or_else(|| mismatch(schema, value))?;
            set("year", small(year))?;
            set("month", small(month))?;
            set("day", small(day))?;
        }
        (config::TIME, Value::Date(millis)) => {
            let millis = i64::from(convert::time_to_millis(*millis)?);
            set("hours", small(millis / 3_600_000))?;
            set("minutes", small(millis / 60_000 % 60))?;
            set("seconds", small(millis / 1000 % 60))?;
            set("nanos", small(millis % 1000 * 1_000_000))?;
        }
        (config::TIMESTAMP, Value::Date(millis)) if schema.is_named(logical::TIMESTAMP) => {
            set("seconds", Proto::I64(millis.div_euclid(1000)))?;
            set("nanos", small(millis.rem_euclid(1000) * 1_000_000))?;
        }
        (_, Value::Struct(structure)) => return self::message(config, descriptor, structure),
        (name, value) if config::wrapped(name).is_some() => {
            let field = descriptor.get_field(1).ok_or_else(|| mismatch(schema, value))?;
            set("value", single(config, &field.kind(), schema, value)?)?;
        }
        (_, value) => return Err(mismatch(schema, value)),
    }
    Ok(message)
}
