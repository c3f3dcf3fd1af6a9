//! Messages into Connect values.

use std::sync::Arc;

use bytestring::ByteString;
use connect_core::data::coerce::logical as convert;
use connect_core::data::{Map, Schema, SchemaRef, Struct, Type, Value, logical};
use connect_core::error::ConnectError;
use num_bigint::BigInt;
use prost_reflect::{
    DynamicMessage, FieldDescriptor, Kind, MapKey, ReflectMessage as _, Syntax, Value as Proto,
};

use super::calendar;
use super::config::{self, ProtobufConfig};
use super::to_connect::{oneof_of, union_field};

/// Returns the value of a message under the schema of its type.
///
/// # Errors
/// Fails with a data error when a value has no counterpart in Connect.
pub(super) fn message(
    config: &ProtobufConfig,
    schema: &SchemaRef,
    message: &DynamicMessage,
) -> Result<Value, ConnectError> {
    if schema.ty != Type::Struct {
        return wrapped(schema, message);
    }
    let descriptor = message.descriptor();
    let mut structure = Struct::new(Arc::clone(schema));
    if !config.flatten_unions {
        for (index, oneof) in descriptor.oneofs().enumerate().filter(|(_, oneof)| !oneof.is_synthetic()) {
            let name = union_field(config, &oneof, index);
            let Some(position) = schema.field_index(&name) else { continue };
            let Some(chosen) = oneof.fields().find(|field| message.has_field(field)) else { continue };
            let union = &schema.fields[position].schema;
            let mut choice = Struct::new(Arc::clone(union));
            if let Some(member) = union.field_index(chosen.name()) {
                choice.put_at(member, field(config, &union.fields[member].schema, message, &chosen)?);
                structure.put_at(position, Value::Struct(Box::new(choice)));
            }
        }
    }
    for descriptor in descriptor.fields().filter(|field| config.flatten_unions || oneof_of(field).is_none()) {
        if let Some(position) = schema.field_index(descriptor.name()) {
            let value = field(config, &schema.fields[position].schema, message, &descriptor)?;
            structure.put_at(position, value);
        }
    }
    Ok(Value::Struct(Box::new(structure)))
}

/// A field that can say that it is not there is null then; any other has its type's default.
fn field(
    config: &ProtobufConfig,
    schema: &SchemaRef,
    message: &DynamicMessage,
    field: &FieldDescriptor,
) -> Result<Value, ConnectError> {
    if says_absence(config, field) && !message.has_field(field) {
        return Ok(Value::Null);
    }
    given(config, schema, message, field)
}

/// The value of a field, its type's default if it is not there.
fn given(
    config: &ProtobufConfig,
    schema: &SchemaRef,
    message: &DynamicMessage,
    field: &FieldDescriptor,
) -> Result<Value, ConnectError> {
    let value = message.get_field(field);
    match value.as_ref() {
        Proto::List(items) if schema.ty == Type::Map => entries(config, schema, items),
        Proto::List(items) => {
            let child = child(schema.value_schema.as_ref())?;
            let items: Result<Vec<Value>, _> =
                items.iter().map(|item| single(config, child, &field.kind(), item)).collect();
            items.map(Value::Array)
        }
        Proto::Map(map) => {
            let Kind::Message(entry) = field.kind() else { return Err(mismatch(schema)) };
            let (Some(key_field), Some(value_field)) = (entry.get_field(1), entry.get_field(2)) else {
                return Err(mismatch(schema));
            };
            let (key_schema, value_schema) =
                (child(schema.key_schema.as_ref())?, child(schema.value_schema.as_ref())?);
            let mut entries = Vec::with_capacity(map.len());
            for (key, value) in map {
                let key = single(config, key_schema, &key_field.kind(), &key_value(key))?;
                entries.push((key, single(config, value_schema, &value_field.kind(), value)?));
            }
            // The message's own map has no order; one by key makes the order below repeatable.
            entries.sort_by_cached_key(|(key, _)| format!("{key:?}"));
            Ok(Value::Map(Map { entries: convert::in_hash_order(entries) }))
        }
        value => single(config, schema, &field.kind(), value),
    }
}

/// A scalar of proto2 has its default instead, unless optional fields of proto2 are supported.
fn says_absence(config: &ProtobufConfig, field: &FieldDescriptor) -> bool {
    let is_message = matches!(field.kind(), Kind::Message(_));
    match field.parent_file().syntax() {
        _ if config.struct_for_nulls && oneof_of(field).is_none() => false,
        Syntax::Proto2 if !is_message && !config.optional_for_proto2 && oneof_of(field).is_none() => false,
        _ => field.supports_presence(),
    }
}

fn child(schema: Option<&SchemaRef>) -> Result<&SchemaRef, ConnectError> {
    schema.ok_or_else(|| ConnectError::data("Array or map schema without element schema"))
}

fn mismatch(schema: &Schema) -> ConnectError {
    ConnectError::data(format!("a Protobuf value is none of type {}", schema.ty.name()))
}

fn key_value(key: &MapKey) -> Proto {
    Proto::from(key.clone())
}

/// The entries of a map that is written as a list of messages. A part that is not there is not null, as the JVM does
/// not ask for it.
fn entries(config: &ProtobufConfig, schema: &SchemaRef, items: &[Proto]) -> Result<Value, ConnectError> {
    let (key_schema, value_schema) =
        (child(schema.key_schema.as_ref())?, child(schema.value_schema.as_ref())?);
    let mut entries = Vec::with_capacity(items.len());
    for item in items {
        let message = item.as_message().ok_or_else(|| mismatch(schema))?;
        let descriptor = message.descriptor();
        let (Some(key), Some(value)) = (descriptor.get_field(1), descriptor.get_field(2)) else {
            return Err(mismatch(schema));
        };
        let key = given(config, key_schema, message, &key)?;
        entries.push((key, given(config, value_schema, message, &value)?));
    }
    Ok(Value::Map(Map { entries: convert::in_hash_order(connector_avro::unique::by_last(entries)) }))
}

#[expect(clippy::cast_possible_truncation, reason = "narrowing drops bits, as Java's casts do")]
fn single(
    config: &ProtobufConfig,
    schema: &SchemaRef,
    kind: &Kind,
    value: &Proto,
) -> Result<Value, ConnectError> {
    Ok(match (schema.ty, value) {
        (_, Proto::Message(inner)) => match schema.name.as_deref() {
            Some(logical::DECIMAL | logical::DATE | logical::TIME | logical::TIMESTAMP) => {
                logical_value(inner)?
            }
            _ => message(config, schema, inner)?,
        },
        (Type::Int8, Proto::I32(number)) => Value::Int8(*number as i8),
        (Type::Int16, Proto::I32(number)) => Value::Int16(*number as i16),
        (_, Proto::I32(number)) => Value::Int32(*number),
        (_, Proto::I64(number)) => Value::Int64(*number),
        (_, Proto::U32(number)) => Value::Int64(i64::from(*number)),
        (_, Proto::U64(number)) => Value::Int64(number.cast_signed()),
        (_, Proto::F32(number)) => Value::Float32(*number),
        (_, Proto::F64(number)) => Value::Float64(*number),
        (_, Proto::Bool(flag)) => Value::Boolean(*flag),
        (_, Proto::String(text)) => Value::String(ByteString::from(text.as_str())),
        (_, Proto::Bytes(bytes)) => Value::Bytes(bytes.clone()),
        (Type::Int32, Proto::EnumNumber(number)) => Value::Int32(*number),
        (_, Proto::EnumNumber(number)) => {
            let Kind::Enum(symbols) = kind else { return Err(mismatch(schema)) };
            match symbols.get_value(*number) {
                Some(symbol) => Value::string(symbol.name()),
                // As Java's library names a number that the enum does not have.
                None => Value::string(format!("UNKNOWN_ENUM_VALUE_{}_{number}", symbols.name())),
            }
        }
        _ => return Err(mismatch(schema)),
    })
}

/// Returns the value in a message of a wrapper type.
fn wrapped(schema: &SchemaRef, message: &DynamicMessage) -> Result<Value, ConnectError> {
    let field = message.descriptor().get_field(1).ok_or_else(|| mismatch(schema))?;
    single(&ProtobufConfig::default(), schema, &field.kind(), &message.get_field(&field))
}

/// Returns the value of Google's and Confluent's types for decimals, dates and times.
fn logical_value(message: &DynamicMessage) -> Result<Value, ConnectError> {
    let number = |name: &str| match message.get_field_by_name(name).as_deref() {
        Some(Proto::I64(number)) => *number,
        Some(Proto::I32(number)) => i64::from(*number),
        _ => 0,
    };
    Ok(match message.descriptor().full_name() {
        config::DECIMAL => {
            let value = message.get_field_by_name("value");
            let bytes =
                value.as_deref().and_then(Proto::as_bytes).map(|bytes| bytes.to_vec()).unwrap_or_default();
            if bytes.is_empty() {
                return Err(ConnectError::data("Zero length BigInteger"));
            }
            let scale = number("scale");
            Value::Decimal(bigdecimal::BigDecimal::new(BigInt::from_signed_bytes_be(&bytes), scale))
        }
        config::DATE => {
            let days = calendar::days_of(number("year"), number("month"), number("day"));
            let millis = days.and_then(|days| days.checked_mul(logical::MILLIS_PER_DAY));
            let invalid = || ConnectError::data("a date of a Protobuf message does not exist");
            Value::Date(millis.ok_or_else(invalid)?)
        }
        config::TIME => {
            let seconds = (number("hours") * 60 + number("minutes")) * 60 + number("seconds");
            Value::Date(convert::time_from_millis(seconds * 1000 + number("nanos") / 1_000_000)?)
        }
        _ => {
            let millis = number("seconds").checked_mul(1000);
            let millis = millis.and_then(|millis| millis.checked_add(number("nanos") / 1_000_000));
            Value::Date(
                millis
                    .ok_or_else(|| ConnectError::data("a timestamp of a Protobuf message is out of range"))?,
            )
        }
    })
}
