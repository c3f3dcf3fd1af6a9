//! Payloads into Connect data by a schema: lenient about JSON types, as Jackson's nodes are.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use bytestring::ByteString;
use connect_core::data::coerce::logical as convert;
use connect_core::data::json::{Node, to_utf8, to_value};
use connect_core::data::{Map, Schema, SchemaRef, Struct, Type, Value, java_map, logical};
use connect_core::error::ConnectError;

use super::schema::low_32;

/// What decoding depends on.
#[derive(Clone, Copy)]
pub(super) struct Decoder<'a> {
    /// The bytes the nodes were read from; strings share them.
    pub(super) source: &'a Bytes,
    pub(super) replace_null_with_default: bool,
}

/// Returns the value of a JSON node under a schema, or as inferred without one.
pub(super) fn to_typed(
    schema: Option<&SchemaRef>,
    node: &Node<'_>,
    decoder: Decoder<'_>,
) -> Result<Value, ConnectError> {
    let Some(schema) = schema else { return Ok(to_value(decoder.source, node)) };
    if node.is_null() {
        return null_value(schema, decoder);
    }
    match schema.name.as_deref() {
        Some(logical::DECIMAL) => return decimal(schema, node),
        Some(logical::DATE) => return date("Date", node, schema),
        Some(logical::TIME) => return date("Time", node, schema),
        Some(logical::TIMESTAMP) => return timestamp(node),
        _ => {}
    }
    let number = || node.as_number();
    let int = || number().map_or(0, |number| low_32(number.as_i64()));
    Ok(match schema.ty {
        Type::Boolean => Value::Boolean(*node == Node::Boolean(true)),
        Type::Int8 => Value::Int8(low_8(int())),
        Type::Int16 => Value::Int16(low_16(int())),
        Type::Int32 => Value::Int32(int()),
        Type::Int64 => Value::Int64(number().map_or(0, |number| number.as_i64())),
        Type::Float32 => Value::Float32(number().map_or(0.0, |number| number.as_f32())),
        Type::Float64 => Value::Float64(number().map_or(0.0, |number| number.as_f64())),
        Type::String => match node {
            Node::String(bytes) => Value::String(shared(decoder.source, bytes)),
            _ => Value::Null,
        },
        Type::Bytes => match node {
            Node::String(bytes) => Value::Bytes(base64(bytes, "Invalid bytes field")?),
            _ => Value::Null,
        },
        Type::Array => array(schema, node, decoder)?,
        Type::Map => map(schema, node, decoder)?,
        Type::Struct => structure(schema, node, decoder)?,
    })
}

#[expect(clippy::cast_possible_truncation, reason = "narrowing drops bits, as Java's casts do")]
pub(super) fn low_8(number: i32) -> i8 {
    number as i8
}

#[expect(clippy::cast_possible_truncation, reason = "narrowing drops bits, as Java's casts do")]
pub(super) fn low_16(number: i32) -> i16 {
    number as i16
}

pub(super) fn null_value(schema: &Schema, decoder: Decoder<'_>) -> Result<Value, ConnectError> {
    match &schema.default {
        Some(default) if decoder.replace_null_with_default => Ok(default.clone()),
        _ if schema.optional => Ok(Value::Null),
        _ => Err(ConnectError::data(format!("Invalid null value for required {} field", schema.ty.name()))),
    }
}

fn shared(source: &Bytes, bytes: &[u8]) -> ByteString {
    if source.as_ptr_range().contains(&bytes.as_ptr())
        && let Ok(text) = ByteString::try_from(source.slice_ref(bytes))
    {
        return text;
    }
    ByteString::from(to_utf8(bytes).into_owned())
}

/// Decodes base64 as Jackson does: white space may stand between units of four characters, padding is required.
fn base64(text: &[u8], context: &str) -> Result<Bytes, ConnectError> {
    let mut packed = Vec::with_capacity(text.len());
    for byte in text.iter().copied() {
        if byte > b' ' {
            packed.push(byte);
        } else if packed.len() % 4 != 0 {
            let place = packed.len() % 4 + 1;
            let cause = format!(
                "Illegal white space character (code 0x{byte:x}) as character #{place} of 4-char base64 unit: can only \
                 used between units"
            );
            return Err(ConnectError::data(context).because(cause));
        }
    }
    STANDARD.decode(packed).map(Bytes::from).map_err(|error| ConnectError::data(context).because(error))
}

fn decimal(schema: &Schema, node: &Node<'_>) -> Result<Value, ConnectError> {
    match node {
        Node::Number(number) => Ok(Value::Decimal(number.as_decimal())),
        Node::String(text) => {
            let context = "Invalid bytes for Decimal field";
            let bytes = base64(text, context)?;
            let decimal = convert::decimal_from_bytes(schema, &bytes);
            decimal.map(Value::Decimal).map_err(|error| ConnectError::data(context).because(error))
        }
        other => Err(ConnectError::data(format!(
            "Invalid type for Decimal, underlying representation should be numeric or bytes but was {}",
            other.type_name()
        ))),
    }
}

fn date(name: &str, node: &Node<'_>, schema: &Schema) -> Result<Value, ConnectError> {
    let Some(number) = node.as_number().filter(|number| number.is_int()) else {
        return Err(ConnectError::data(format!(
            "Invalid type for {name}, underlying representation should be integer but was {}",
            node.type_name()
        )));
    };
    let number = number.as_i64();
    if schema.is_named(logical::DATE) {
        return Ok(Value::Date(number * logical::MILLIS_PER_DAY));
    }
    convert::time_from_millis(number).map(Value::Date)
}

fn timestamp(node: &Node<'_>) -> Result<Value, ConnectError> {
    match node.as_number().filter(|number| number.is_integral()) {
        Some(number) => Ok(Value::Date(number.as_i64())),
        None => Err(ConnectError::data(format!(
            "Invalid type for Timestamp, underlying representation should be integral but was {}",
            node.type_name()
        ))),
    }
}

/// A list of the node's children: of an object its values, of a scalar none.
fn array(schema: &Schema, node: &Node<'_>, decoder: Decoder<'_>) -> Result<Value, ConnectError> {
    let element = schema.value_schema.as_ref();
    let items: Result<Vec<Value>, ConnectError> = match node {
        Node::Array(items) => items.iter().map(|item| to_typed(element, item, decoder)).collect(),
        Node::Object(members) => members.iter().map(|(_, item)| to_typed(element, item, decoder)).collect(),
        _ => Ok(Vec::new()),
    };
    items.map(Value::Array)
}

fn map(schema: &Schema, node: &Node<'_>, decoder: Decoder<'_>) -> Result<Value, ConnectError> {
    let (key_schema, value_schema) = (schema.key_schema.as_ref(), schema.value_schema.as_ref());
    let mut entries: Vec<(Value, Value)> = Vec::new();
    if key_schema.is_some_and(|schema| schema.ty == Type::String) {
        let Node::Object(members) = node else {
            let found = node.type_name();
            return Err(ConnectError::data(format!(
                "Maps with string fields should be encoded as JSON objects, but found {found}"
            )));
        };
        for (key, value) in members {
            let key = Value::String(shared(decoder.source, key));
            entries.push((key, to_typed(value_schema, value, decoder)?));
        }
        let order = java_map::iteration_order(
            entries.iter().map(|(key, _)| key.as_str().unwrap_or("")).collect::<Vec<_>>().into_iter(),
        );
        let entries = order.into_iter().map(|index| std::mem::replace(&mut entries[index], NONE)).collect();
        return Ok(Value::Map(Map { entries }));
    }
    let Node::Array(pairs) = node else {
        let found = node.type_name();
        return Err(ConnectError::data(format!(
            "Maps with non-string fields should be encoded as JSON array of tuples, but found {found}"
        )));
    };
    for pair in pairs {
        let (key, value) = pair_of(pair)?;
        let key = to_typed(key_schema, key, decoder)?;
        let value = to_typed(value_schema, value, decoder)?;
        match entries.iter_mut().find(|(other, _)| *other == key) {
            Some((_, place)) => *place = value,
            None => entries.push((key, value)),
        }
    }
    Ok(Value::Map(Map { entries: convert::in_hash_order(entries) }))
}

const NONE: (Value, Value) = (Value::Null, Value::Null);

fn pair_of<'n, 'a>(pair: &'n Node<'a>) -> Result<(&'n Node<'a>, &'n Node<'a>), ConnectError> {
    match pair {
        Node::Array(items) => match items.as_slice() {
            [key, value] => Ok((key, value)),
            other => {
                let len = other.len();
                Err(ConnectError::data(format!(
                    "Found invalid map entry, expected length 2 but found :{len}"
                )))
            }
        },
        other => Err(ConnectError::data(format!(
            "Found invalid map entry instead of array tuple: {}",
            other.type_name()
        ))),
    }
}

fn structure(schema: &SchemaRef, node: &Node<'_>, decoder: Decoder<'_>) -> Result<Value, ConnectError> {
    let Node::Object(members) = node else {
        let found = node.type_name();
        return Err(ConnectError::data(format!(
            "Structs should be encoded as JSON objects, but found {found}"
        )));
    };
    let mut structure = Struct::new(SchemaRef::clone(schema));
    for (index, field) in schema.fields.iter().enumerate() {
        // Payloads are mostly written in the order of the schema's fields: look there first.
        let expected = members.get(index).filter(|(name, _)| name.as_ref() == field.name.as_bytes());
        let member = match expected {
            Some((_, member)) => Some(member),
            None => node.get(&field.name),
        };
        let value = to_typed(Some(&field.schema), member.unwrap_or(&Node::Null), decoder)?;
        value.validate(&field.schema, Some(&field.name))?;
        structure.put_at(index, value);
    }
    Ok(Value::Struct(Box::new(structure)))
}
