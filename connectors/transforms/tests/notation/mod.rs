//! The notation of the golden files: records in JSON on the way in, one line of text on the way out.

use std::fmt::Write as _;
use std::str::FromStr;
use std::sync::Arc;

use bigdecimal::BigDecimal;
use bytes::Bytes;
use connect_core::data::coerce::logical::in_hash_order;
use connect_core::data::{Datum, Field, Map, Schema, SchemaRef, Struct, Type, Value, java_text};
use connect_core::headers::Headers;
use connect_core::record::ConnectRecord;
use serde_json::Value as Json;

/// Reads a record.
pub(crate) fn record(json: &Json) -> ConnectRecord {
    let partition = json["partition"].as_i64().map(|number| i32::try_from(number).expect("a partition"));
    // A sink record always has a partition.
    let partition = partition.or_else(|| json.get("offset").map(|_| 0));
    let datum = |schema_key: &str, key: &str| {
        let schema = schema(&json[schema_key]);
        let value = value(&json[key], schema.as_ref());
        Datum::new(schema, value)
    };
    let mut headers = Headers::new();
    for header in json["headers"].as_array().into_iter().flatten() {
        let schema = schema(&header[1]);
        let value = value(&header[2], schema.as_ref());
        headers.add(text(&header[0]), Datum::new(schema, value));
    }
    ConnectRecord {
        topic: json["topic"].as_str().unwrap_or("t").into(),
        partition,
        key: datum("keySchema", "key"),
        value: datum("valueSchema", "value"),
        timestamp: json["timestamp"].as_i64(),
        headers,
    }
}

fn text(json: &Json) -> &str {
    json.as_str().expect("a text")
}

fn ty(name: &str) -> Type {
    let all = [
        Type::Int8,
        Type::Int16,
        Type::Int32,
        Type::Int64,
        Type::Float32,
        Type::Float64,
        Type::Boolean,
        Type::String,
        Type::Bytes,
        Type::Array,
        Type::Map,
        Type::Struct,
    ];
    all.into_iter().find(|ty| ty.name() == name).expect("a type")
}

pub(crate) fn schema(json: &Json) -> Option<SchemaRef> {
    if json.is_null() {
        return None;
    }
    if let Some(name) = json.as_str() {
        return Some(Arc::new(Schema::of(ty(name))));
    }
    let mut schema = Schema {
        optional: json["optional"].as_bool().unwrap_or(false),
        name: json["name"].as_str().map(str::to_owned),
        version: json["version"].as_i64().map(|number| i32::try_from(number).expect("a version")),
        doc: json["doc"].as_str().map(str::to_owned),
        key_schema: self::schema(&json["key"]),
        value_schema: self::schema(&json["value"]),
        ..Schema::of(ty(text(&json["type"])))
    };
    for (name, value) in json["parameters"].as_object().into_iter().flatten() {
        schema.parameters.insert(name.clone(), text(value).to_owned());
    }
    for field in json["fields"].as_array().into_iter().flatten() {
        let name = text(&field[0]).to_owned();
        schema.fields.push(Field { name, schema: self::schema(&field[1]).expect("a schema") });
    }
    if let Some(default) = json.get("default") {
        schema.default = Some(value(default, Some(&Arc::new(schema.clone()))));
    }
    Some(Arc::new(schema))
}

fn number<T: FromStr>(json: &Json) -> T {
    let text = json.as_str().map_or_else(|| json.to_string(), str::to_owned);
    text.parse().ok().expect("a number")
}

fn float(json: &Json) -> f64 {
    match json.as_str() {
        Some("NaN") => f64::NAN,
        Some("Infinity") => f64::INFINITY,
        Some("-Infinity") => f64::NEG_INFINITY,
        _ => number(json),
    }
}

pub(crate) fn value(json: &Json, schema: Option<&SchemaRef>) -> Value {
    let Some(object) = json.as_object() else { return Value::Null };
    let (kind, content) = object.iter().next().expect("a type");
    let inner = || schema.and_then(|schema| schema.value_schema.as_ref());
    match kind.as_str() {
        "bool" => Value::Boolean(content.as_bool().expect("a boolean")),
        "i8" => Value::Int8(number(content)),
        "i16" => Value::Int16(number(content)),
        "i32" => Value::Int32(number(content)),
        "i64" => Value::Int64(number(content)),
        #[expect(clippy::cast_possible_truncation, reason = "special values only")]
        "f32" if content.as_str().is_some_and(|text| text.ends_with(['N', 'y'])) => {
            Value::Float32(float(content) as f32)
        }
        "f32" => Value::Float32(number(content)),
        "f64" => Value::Float64(float(content)),
        "s" => Value::string(text(content)),
        "bytes" => Value::Bytes(unhex(text(content))),
        "decimal" => Value::Decimal(BigDecimal::from_str(text(content)).expect("a decimal")),
        "date" => Value::Date(number(content)),
        "list" => Value::Array(items(content).map(|item| value(item, inner())).collect()),
        "map" => {
            let mut entries: Vec<(Value, Value)> = Vec::new();
            for pair in items(content) {
                let key = match pair[0].as_str() {
                    Some(text) => Value::string(text),
                    None => value(&pair[0], schema.and_then(|schema| schema.key_schema.as_ref())),
                };
                entries.push((key, value(&pair[1], inner())));
            }
            Value::Map(Map { entries: in_hash_order(entries) })
        }
        "struct" => {
            let schema = schema.expect("a schema");
            let mut structure = Struct::new(Arc::clone(schema));
            for (name, json) in content.as_object().expect("fields") {
                let index = schema.field_index(name).expect("a field");
                structure.put_at(index, value(json, Some(&schema.fields[index].schema)));
            }
            Value::Struct(Box::new(structure))
        }
        other => panic!("unknown type {other}"),
    }
}

fn items(json: &Json) -> impl Iterator<Item = &Json> {
    json.as_array().expect("a list").iter()
}

pub(crate) fn unhex(text: &str) -> Bytes {
    let digit = |byte: u8| u8::try_from(char::from(byte).to_digit(16).expect("hex")).expect("a digit");
    text.as_bytes().chunks_exact(2).map(|pair| digit(pair[0]) << 4 | digit(pair[1])).collect()
}

/// Shows a record in one line.
pub(crate) fn show_record(record: &ConnectRecord) -> String {
    let optional =
        |number: Option<i64>| number.map_or_else(|| "null".to_owned(), |number| number.to_string());
    let mut out = format!(
        "{} {} {}",
        record.topic,
        optional(record.partition.map(i64::from)),
        optional(record.timestamp)
    );
    let datum = |datum: &Datum| {
        let schema = datum.schema().map_or_else(|| "-".to_owned(), |schema| show_schema(schema));
        format!("{schema} {}", show_value(&datum.value()))
    };
    write!(out, " key {} value {}", datum(&record.key), datum(&record.value)).expect("a string");
    for header in record.headers.iter() {
        write!(out, " header {} {}", header.key, datum(&header.value)).expect("a string");
    }
    out.replace('\n', "\\n")
}

pub(crate) fn show_schema(schema: &Schema) -> String {
    let mut out = schema.ty.name().to_owned();
    let inner = |schema: &Option<SchemaRef>| schema.as_deref().map_or_else(|| "-".to_owned(), show_schema);
    match schema.ty {
        Type::Array => write!(out, "[{}]", inner(&schema.value_schema)),
        Type::Map => write!(out, "[{},{}]", inner(&schema.key_schema), inner(&schema.value_schema)),
        Type::Struct => {
            let fields: String = schema
                .fields
                .iter()
                .map(|field| format!("{}:{};", field.name, show_schema(&field.schema)))
                .collect();
            write!(out, "{{{fields}}}")
        }
        _ => Ok(()),
    }
    .expect("a string");
    out.push_str(if schema.optional { "?" } else { "" });
    for (mark, attribute) in [
        ("@", schema.name.clone()),
        ("#", schema.version.map(|version| version.to_string())),
        ("~", schema.doc.clone()),
    ] {
        if let Some(attribute) = attribute {
            out.push_str(mark);
            out.push_str(&attribute);
        }
    }
    if !schema.parameters.is_empty() {
        let pairs: Vec<String> =
            schema.parameters.iter().map(|(name, value)| format!("{name}={value}")).collect();
        write!(out, "{{{}}}", pairs.join(", ")).expect("a string");
    }
    if let Some(default) = &schema.default {
        write!(out, "={}", show_value(default)).expect("a string");
    }
    out
}

pub(crate) fn show_value(value: &Value) -> String {
    let class = match value {
        Value::Null => return "null".to_owned(),
        Value::Bytes(bytes) => {
            return bytes.iter().fold("bytes:".to_owned(), |text, byte| format!("{text}{byte:02x}"));
        }
        Value::Date(millis) => return format!("date:{millis}"),
        Value::Array(items) => {
            return format!("[{}]", items.iter().map(|item| show_value(item) + ",").collect::<String>());
        }
        Value::Map(map) => {
            let show = |(key, value): &(Value, Value)| format!("{}={},", show_value(key), show_value(value));
            return format!("{{{}}}", map.entries.iter().map(show).collect::<String>());
        }
        Value::Struct(structure) => {
            let fields = structure.schema().fields.iter().zip(structure.values());
            let show = |(field, value): (&Field, &Value)| format!("{}={},", field.name, show_value(value));
            return format!("({})", fields.map(show).collect::<String>());
        }
        other => other.java_class().rsplit('.').next().unwrap_or_default(),
    };
    format!("{class}:{}", java_text::to_text(value))
}
