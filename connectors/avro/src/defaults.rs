//! Default values between Connect and the JSON in which Avro schemas hold them.

use bytes::Bytes;
use connect_core::data::coerce::logical as convert;
use connect_core::data::json::{write_float32, write_float64};
use connect_core::data::{Map, Schema, Struct, Type, Value, java_map, logical};
use connect_core::error::ConnectError;
use serde_json::Value as Json;

use crate::config::AvroConfig;
use crate::names;
use crate::schema::{Avro, Kind};

/// Returns the JSON of a default value.
///
/// # Errors
/// Fails with a data error when the value is not one of the schema.
pub fn to_json(config: &AvroConfig, schema: &Schema, value: &Value) -> Result<Json, ConnectError> {
    let element = |key: bool| {
        let child = if key { &schema.key_schema } else { &schema.value_schema };
        child.as_deref().ok_or_else(|| ConnectError::data("Array or map schema without element schema"))
    };
    Ok(match value {
        Value::Null => Json::Null,
        Value::Boolean(flag) => (*flag).into(),
        Value::Int8(number) => (*number).into(),
        Value::Int16(number) => (*number).into(),
        Value::Int32(number) => (*number).into(),
        Value::Int64(number) => (*number).into(),
        Value::Float32(number) => float(|out| write_float32(out, *number)),
        Value::Float64(number) => float(|out| write_float64(out, *number)),
        Value::String(text) => text.to_string().into(),
        Value::Bytes(bytes) => latin1(bytes).into(),
        Value::Decimal(decimal) => latin1(&convert::decimal_to_bytes(schema, decimal)?).into(),
        Value::Date(millis) => match schema.name.as_deref() {
            Some(logical::DATE) => convert::date_to_days(*millis)?.into(),
            Some(logical::TIME) => convert::time_to_millis(*millis)?.into(),
            _ => (*millis).into(),
        },
        Value::Array(items) => {
            let element = element(false)?;
            let items: Result<Vec<Json>, _> =
                items.iter().map(|item| to_json(config, element, item)).collect();
            Json::Array(items?)
        }
        Value::Map(map) => map_to_json(config, element(true)?, element(false)?, map)?,
        Value::Struct(structure) => struct_to_json(config, structure)?,
    })
}

fn map_to_json(config: &AvroConfig, key: &Schema, value: &Schema, map: &Map) -> Result<Json, ConnectError> {
    if key.ty == Type::String && (!key.optional || config.optional_map_keys) {
        let mut members = serde_json::Map::new();
        for (name, item) in &map.entries {
            members.insert(name.as_str().unwrap_or_default().to_owned(), to_json(config, value, item)?);
        }
        return Ok(Json::Object(members));
    }
    let mut pairs = Vec::with_capacity(map.entries.len());
    for (name, item) in &map.entries {
        pairs.push(Json::Array(vec![to_json(config, key, name)?, to_json(config, value, item)?]));
    }
    Ok(Json::Array(pairs))
}

fn struct_to_json(config: &AvroConfig, structure: &Struct) -> Result<Json, ConnectError> {
    let schema = structure.schema();
    let mut members = serde_json::Map::new();
    for field in &schema.fields {
        let json = to_json(config, &field.schema, structure.get(&field.name)?)?;
        if names::is_union(schema) {
            return Ok(json);
        }
        members.insert(config.scrubbed(&field.name), json);
    }
    Ok(Json::Object(members))
}

/// JSON has no words for what is no number; Jackson writes them as texts.
fn float(write: impl FnOnce(&mut Vec<u8>)) -> Json {
    let mut out = Vec::new();
    write(&mut out);
    serde_json::from_slice(&out).unwrap_or(Json::Null)
}

fn latin1(bytes: &[u8]) -> String {
    bytes.iter().copied().map(char::from).collect()
}

/// Returns the value of a default, `None` when it is none of the schema: it is then ignored, as on the JVM.
pub fn from_json(config: &AvroConfig, schema: &Schema, avro: &Avro, json: &Json) -> Option<Value> {
    let value = untyped(config, schema, avro, json)?;
    let value = to_logical(schema, value)?;
    value.validate(schema, None).ok().map(|()| value)
}

fn untyped(config: &AvroConfig, schema: &Schema, avro: &Avro, json: &Json) -> Option<Value> {
    let integer = || json.as_i64().or_else(|| json.to_string().parse().ok());
    // With arbitrary precision a number is known by its text.
    let float = || if json.is_number() { json.to_string().parse::<f64>().ok() } else { None };
    Some(match &avro.kind {
        Kind::Boolean => Value::Boolean(json.as_bool()?),
        Kind::Int => match schema.ty {
            Type::Int8 => Value::Int8(i8::try_from(integer()?).ok()?),
            Type::Int16 => Value::Int16(i16::try_from(integer()?).ok()?),
            _ => Value::Int32(i32::try_from(integer()?).ok()?),
        },
        Kind::Long => Value::Int64(integer()?),
        #[expect(clippy::cast_possible_truncation, reason = "a float's default is narrowed, as in Java")]
        Kind::Float => Value::Float32(float()? as f32),
        Kind::Double => Value::Float64(float()?),
        Kind::String | Kind::Enum(_) => Value::string(json.as_str()?),
        Kind::Bytes | Kind::Fixed(_) => {
            let bytes: Option<Vec<u8>> =
                json.as_str()?.chars().map(|letter| u8::try_from(u32::from(letter)).ok()).collect();
            Value::Bytes(Bytes::from(bytes?))
        }
        Kind::Array(element) if schema.ty == Type::Array => {
            let child = schema.value_schema.as_deref()?;
            let items: Option<Vec<Value>> =
                json.as_array()?.iter().map(|item| member(config, child, element, item)).collect();
            Value::Array(items?)
        }
        Kind::Map(values) => {
            let child = schema.value_schema.as_deref()?;
            let members = json.as_object()?;
            let order =
                java_map::iteration_order(members.keys().map(String::as_str).collect::<Vec<_>>().into_iter());
            let all: Vec<(&String, &Json)> = members.iter().collect();
            let entries: Option<Vec<(Value, Value)>> = order
                .into_iter()
                .filter_map(|index| all.get(index))
                .map(|(key, item)| Some((Value::string(key.as_str()), member(config, child, values, item)?)))
                .collect();
            Value::Map(Map { entries: entries? })
        }
        Kind::Record(record) => {
            let members = json.as_object()?;
            let mut values = Vec::with_capacity(schema.fields.len());
            for (field, avro_field) in schema.fields.iter().zip(&record.fields) {
                let item = members.get(&avro_field.name).or(avro_field.default.as_ref());
                values.push(member(config, &field.schema, &avro_field.schema, item.unwrap_or(&Json::Null))?);
            }
            Value::Struct(Box::new(Struct::from_parts(std::sync::Arc::new(schema.clone()), values)))
        }
        _ => return None,
    })
}

/// Returns the value of a part of a default; a union's default is one of its first branch, or null.
fn member(config: &AvroConfig, schema: &Schema, avro: &Avro, json: &Json) -> Option<Value> {
    if json.is_null() {
        return schema.optional.then_some(Value::Null);
    }
    let Kind::Union(branches) = &avro.kind else { return from_json(config, schema, avro, json) };
    let branch = branches.iter().find(|branch| branch.kind != Kind::Null)?;
    if !names::is_union(schema) {
        return from_json(config, schema, branch, json);
    }
    let field = schema.fields.first()?;
    let mut values = vec![Value::Null; schema.fields.len()];
    *values.first_mut()? = from_json(config, &field.schema, branch, json)?;
    Some(Value::Struct(Box::new(Struct::from_parts(std::sync::Arc::new(schema.clone()), values))))
}

fn to_logical(schema: &Schema, value: Value) -> Option<Value> {
    Some(match (schema.name.as_deref(), value) {
        (Some(logical::DECIMAL), Value::Bytes(bytes)) => {
            Value::Decimal(convert::decimal_from_bytes(schema, &bytes).ok()?)
        }
        (Some(logical::DATE), Value::Int32(days)) => Value::Date(i64::from(days) * logical::MILLIS_PER_DAY),
        (Some(logical::TIME), Value::Int32(millis)) => {
            Value::Date(convert::time_from_millis(i64::from(millis)).ok()?)
        }
        (Some(logical::TIMESTAMP), Value::Int64(millis)) => Value::Date(millis),
        (_, value) => value,
    })
}
