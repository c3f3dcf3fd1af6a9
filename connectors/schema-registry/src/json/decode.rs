//! JSON payloads into Connect values under a schema.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use bytestring::ByteString;
use connect_core::data::coerce::logical as convert;
use connect_core::data::json::{Node, to_utf8};
use connect_core::data::{Map, Schema, SchemaRef, Struct, Type, Value, java_map, logical};
use connect_core::error::ConnectError;

use super::config;

/// Returns the value of a node; strings share `source`.
///
/// # Errors
/// Fails with a data error when the node is none of the schema.
pub(super) fn decode(schema: &SchemaRef, node: &Node<'_>, source: &Bytes) -> Result<Value, ConnectError> {
    if node.is_null() {
        return match &schema.default {
            Some(default) => Ok(default.clone()),
            None if schema.optional => Ok(Value::Null),
            None => {
                Err(ConnectError::data(format!("Invalid null value for required {} field", schema.ty.name())))
            }
        };
    }
    if let Some(value) = logical_value(schema, node)? {
        return Ok(value);
    }
    Ok(match (schema.ty, node) {
        (Type::Boolean, _) => Value::Boolean(*node == Node::Boolean(true)),
        (Type::String, Node::String(bytes)) => Value::String(shared(source, bytes)),
        // `JsonNode.textValue` of anything else is null.
        (Type::String, _) => Value::Null,
        (Type::Bytes, _) => Value::Bytes(base64(node, "Invalid bytes field")?),
        (Type::Array, Node::Array(items)) => {
            let child = child(schema.value_schema.as_ref())?;
            let items: Result<Vec<Value>, _> = items.iter().map(|item| decode(child, item, source)).collect();
            Value::Array(items?)
        }
        (Type::Array, _) => Value::Array(Vec::new()),
        (Type::Map, _) => map(schema, node, source)?,
        (Type::Struct, _) if config::is_union(schema) => union(schema, node, source)?,
        (Type::Struct, _) => structure(schema, node, source)?,
        _ => number(schema.ty, node),
    })
}

/// Anything that is no number counts as 0, as with Jackson.
#[expect(clippy::cast_possible_truncation, reason = "narrowing drops bits, as Java's casts do")]
fn number(ty: Type, node: &Node<'_>) -> Value {
    let number = node.as_number();
    let long = number.map_or(0, |number| number.as_i64());
    match ty {
        Type::Int8 => Value::Int8(long as i8),
        Type::Int16 => Value::Int16(long as i16),
        Type::Int32 => Value::Int32(long as i32),
        Type::Int64 => Value::Int64(long),
        Type::Float32 => Value::Float32(number.map_or(0.0, |number| number.as_f32())),
        _ => Value::Float64(number.map_or(0.0, |number| number.as_f64())),
    }
}

fn logical_value(schema: &Schema, node: &Node<'_>) -> Result<Option<Value>, ConnectError> {
    let integer = |name: &str, word: &str, fits: bool| match node.as_number().filter(|_| fits) {
        Some(number) => Ok(number.as_i64()),
        None => Err(ConnectError::data(format!(
            "Invalid type for {name}, underlying representation should be {word} but was {}",
            node.type_name()
        ))),
    };
    let is_int = node.as_number().is_some_and(|number| number.is_int());
    let is_integral = node.as_number().is_some_and(|number| number.is_integral());
    Ok(Some(match schema.name.as_deref() {
        Some(logical::DECIMAL) => match node {
            Node::Number(number) => Value::Decimal(number.as_decimal()),
            Node::String(_) => {
                let bytes = base64(node, "Invalid bytes for Decimal field")?;
                Value::Decimal(convert::decimal_from_bytes(schema, &bytes)?)
            }
            other => {
                return Err(ConnectError::data(format!(
                    "Invalid type for Decimal, underlying representation should be numeric or bytes but was {}",
                    other.type_name()
                )));
            }
        },
        Some(logical::DATE) => Value::Date(integer("Date", "integer", is_int)? * logical::MILLIS_PER_DAY),
        Some(logical::TIME) => Value::Date(convert::time_from_millis(integer("Time", "integer", is_int)?)?),
        Some(logical::TIMESTAMP) => Value::Date(integer("Timestamp", "integral", is_integral)?),
        _ => return Ok(None),
    }))
}

fn child(schema: Option<&SchemaRef>) -> Result<&SchemaRef, ConnectError> {
    schema.ok_or_else(|| ConnectError::data("Array or map schema without element schema"))
}

fn shared(source: &Bytes, bytes: &[u8]) -> ByteString {
    if source.as_ptr_range().contains(&bytes.as_ptr())
        && let Ok(text) = ByteString::try_from(source.slice_ref(bytes))
    {
        return text;
    }
    ByteString::from(to_utf8(bytes).into_owned())
}

fn base64(node: &Node<'_>, context: &str) -> Result<Bytes, ConnectError> {
    let text = node.as_text().ok_or_else(|| ConnectError::data(context))?;
    STANDARD
        .decode(text.as_bytes())
        .map(Bytes::from)
        .map_err(|error| ConnectError::data(context).because(error))
}

fn map(schema: &Schema, node: &Node<'_>, source: &Bytes) -> Result<Value, ConnectError> {
    let (key_schema, value_schema) =
        (child(schema.key_schema.as_ref())?, child(schema.value_schema.as_ref())?);
    if config::is_object(key_schema) {
        let Node::Object(members) = node else {
            let found = node.type_name();
            return Err(ConnectError::data(format!(
                "Maps with string fields should be encoded as JSON objects, but found {found}"
            )));
        };
        let keys: Vec<ByteString> = members.iter().map(|(key, _)| shared(source, key)).collect();
        let order = java_map::iteration_order(keys.iter().map(|key| &**key).collect::<Vec<_>>().into_iter());
        let mut entries = Vec::with_capacity(members.len());
        for index in order {
            if let (Some(key), Some((_, value))) = (keys.get(index), members.get(index)) {
                entries.push((Value::String(key.clone()), decode(value_schema, value, source)?));
            }
        }
        return Ok(Value::Map(Map { entries }));
    }
    let Node::Array(pairs) = node else {
        let found = node.type_name();
        return Err(ConnectError::data(format!(
            "Maps with non-string fields should be encoded as JSON array of objects, but found {found}"
        )));
    };
    let mut entries: Vec<(Value, Value)> = Vec::with_capacity(pairs.len());
    for pair in pairs {
        let Node::Object(members) = pair else {
            let found = pair.type_name();
            return Err(ConnectError::data(format!("Found invalid map entry instead of object: {found}")));
        };
        if members.len() != 2 {
            let len = members.len();
            return Err(ConnectError::data(format!(
                "Found invalid map entry, expected length 2 but found :{len}"
            )));
        }
        let part = |name: &str| pair.get(name).unwrap_or(&Node::Null);
        let key = decode(key_schema, part(config::KEY), source)?;
        entries.push((key, decode(value_schema, part(config::VALUE), source)?));
    }
    Ok(Value::Map(Map { entries: convert::in_hash_order(connector_avro::unique::by_last(entries)) }))
}

fn structure(schema: &SchemaRef, node: &Node<'_>, source: &Bytes) -> Result<Value, ConnectError> {
    let Node::Object(members) = node else {
        let found = node.type_name();
        return Err(ConnectError::data(format!(
            "Structs should be encoded as JSON objects, but found {found}"
        )));
    };
    let mut values = Vec::with_capacity(schema.fields.len());
    for (index, field) in schema.fields.iter().enumerate() {
        // Payloads are mostly written in the order of the schema's fields: look there first.
        let expected = members.get(index).filter(|(name, _)| name.as_ref() == field.name.as_bytes());
        let member = expected.map(|(_, member)| member).or_else(|| node.get(&field.name));
        let value = match member {
            Some(member) => decode(&field.schema, member, source)?,
            None => field.schema.default.clone().unwrap_or(Value::Null),
        };
        if !value.is_null() {
            value.validate(&field.schema, Some(&field.name))?;
        }
        values.push(value);
    }
    Ok(Value::Struct(Box::new(Struct::from_parts(Arc::clone(schema), values))))
}

/// The first field of the right type, else the struct that shares most properties with the value.
fn union(schema: &SchemaRef, node: &Node<'_>, source: &Bytes) -> Result<Value, ConnectError> {
    let simple = schema.fields.iter().position(|field| is_simple(&field.schema, node));
    let index = simple.or_else(|| {
        let scored =
            schema.fields.iter().enumerate().map(|(index, field)| (score(&field.schema, node), index));
        let best = scored.reduce(|best, other| if other.0 > best.0 { other } else { best });
        best.filter(|(score, _)| *score > 0).map(|(_, index)| index)
    });
    let index = index.ok_or_else(|| ConnectError::data("Did not find matching oneof field for data"))?;
    let mut structure = Struct::new(Arc::clone(schema));
    if let Some(field) = schema.fields.get(index) {
        structure.put_at(index, decode(&field.schema, node, source)?);
    }
    Ok(Value::Struct(Box::new(structure)))
}

fn is_simple(schema: &Schema, node: &Node<'_>) -> bool {
    match schema.ty {
        Type::Int8 | Type::Int16 | Type::Int32 | Type::Int64 => {
            node.as_number().is_some_and(|number| number.is_integral())
        }
        Type::Float32 | Type::Float64 => node.as_number().is_some(),
        Type::Boolean => matches!(node, Node::Boolean(_)),
        Type::String => matches!(node, Node::String(_)),
        // Text read from bytes is never binary.
        Type::Bytes | Type::Struct => false,
        Type::Array => matches!(node, Node::Array(_)),
        Type::Map => matches!(node, Node::Array(_) | Node::Object(_)),
    }
}

fn score(schema: &Schema, node: &Node<'_>) -> usize {
    let Node::Object(members) = node else { return 0 };
    if schema.ty != Type::Struct {
        return 0;
    }
    let known = members.iter().filter_map(|(name, member)| Some((schema.field(&to_utf8(name))?, member)));
    known.map(|(field, member)| 1 + score(&field.schema, member)).sum()
}
