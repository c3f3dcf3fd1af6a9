//! Connect schemas as JSON, both ways.

use connect_core::data::json::{Node, write_str};
use connect_core::data::{Schema, SchemaBuilder, SchemaRef, Type, Value};
use connect_core::error::ConnectError;

use super::decode::{Decoder, to_typed};
use super::encode::Encoder;

/// The JSON names of the types.
const TYPES: [(Type, &str); 12] = [
    (Type::Boolean, "boolean"),
    (Type::Int8, "int8"),
    (Type::Int16, "int16"),
    (Type::Int32, "int32"),
    (Type::Int64, "int64"),
    (Type::Float32, "float"),
    (Type::Float64, "double"),
    (Type::Bytes, "bytes"),
    (Type::String, "string"),
    (Type::Array, "array"),
    (Type::Map, "map"),
    (Type::Struct, "struct"),
];

/// Returns the schema of its JSON form; null is no schema.
pub(super) fn from_json(node: &Node<'_>, decoder: Decoder<'_>) -> Result<Option<SchemaRef>, ConnectError> {
    if node.is_null() {
        return Ok(None);
    }
    let builder = begin(node, decoder)?;
    add_attributes(builder, node, decoder).map(Some)
}

fn begin(node: &Node<'_>, decoder: Decoder<'_>) -> Result<SchemaBuilder, ConnectError> {
    let Some(name) = node.get("type").and_then(Node::as_text) else {
        return Err(ConnectError::data("Schema must contain 'type' field"));
    };
    let Some((ty, _)) = TYPES.iter().find(|(_, text)| *text == name) else {
        return Err(ConnectError::data(format!("Unknown schema type: {name}")));
    };
    match ty {
        Type::Array => {
            let element = part(node, "items", "Array schema did not specify the element type", decoder)?;
            Ok(SchemaBuilder::array(element))
        }
        Type::Map => {
            let key = part(node, "keys", "Map schema did not specify the key type", decoder)?;
            let value = part(node, "values", "Map schema did not specify the value type", decoder)?;
            Ok(SchemaBuilder::map(key, value))
        }
        Type::Struct => begin_struct(node, decoder),
        _ => Ok(SchemaBuilder::new(*ty)),
    }
}

fn part(node: &Node<'_>, name: &str, missing: &str, decoder: Decoder<'_>) -> Result<SchemaRef, ConnectError> {
    let schema = node.get(name).map_or(Ok(None), |inner| from_json(inner, decoder))?;
    schema.ok_or_else(|| ConnectError::data(missing))
}

fn begin_struct(node: &Node<'_>, decoder: Decoder<'_>) -> Result<SchemaBuilder, ConnectError> {
    let Some(Node::Array(fields)) = node.get("fields") else {
        return Err(ConnectError::data("Struct schema's \"fields\" argument is not an array."));
    };
    let mut builder = SchemaBuilder::structure();
    for field in fields {
        let Some(name) = field.get("field").and_then(Node::as_text) else {
            return Err(ConnectError::data("Struct schema's field name not specified properly"));
        };
        let schema = from_json(field, decoder)?;
        let schema = schema.ok_or_else(|| ConnectError::data("Schema must contain 'type' field"))?;
        builder = builder.field(name, schema);
    }
    Ok(builder)
}

/// Adds what every schema may have. Attributes of a wrong JSON type are ignored, as the JVM ignores them.
fn add_attributes(
    mut builder: SchemaBuilder,
    node: &Node<'_>,
    decoder: Decoder<'_>,
) -> Result<SchemaRef, ConnectError> {
    if node.get("optional") == Some(&Node::Boolean(true)) {
        builder = builder.optional();
    }
    if let Some(name) = node.get("name").and_then(Node::as_text) {
        builder = builder.name(name);
    }
    if let Some(version) = node.get("version").and_then(Node::as_number).filter(|number| number.is_integral())
    {
        builder = builder.version(low_32(version.as_i64()));
    }
    if let Some(doc) = node.get("doc").and_then(Node::as_text) {
        builder = builder.doc(doc);
    }
    if let Some(Node::Object(parameters)) = node.get("parameters") {
        for (key, value) in parameters {
            let Some(value) = value.as_text() else {
                return Err(ConnectError::data("Schema parameters must have string values."));
            };
            builder = builder.parameter(connect_core::data::json::to_utf8(key), value);
        }
    }
    if let Some(default) = node.get("default") {
        let bare = builder.clone().build()?;
        let default = to_typed(Some(&bare), default, decoder)?;
        if default.is_null() {
            default
                .validate(&bare, None)
                .map_err(|error| ConnectError::data("Invalid default value").because(error))?;
        } else {
            builder = builder.default_value(default);
        }
    }
    builder.build()
}

#[expect(clippy::cast_possible_truncation, reason = "narrowing drops bits, as Java's `intValue` does")]
pub(super) fn low_32(number: i64) -> i32 {
    number as i32
}

/// Appends the JSON form of a schema; `field` is the name of the struct field it belongs to.
pub(super) fn write(
    out: &mut Vec<u8>,
    schema: &Schema,
    field: Option<&str>,
    encoder: Encoder,
) -> Result<(), ConnectError> {
    let name = TYPES.iter().find(|(ty, _)| *ty == schema.ty).map_or("", |(_, name)| name);
    out.extend_from_slice(b"{\"type\":");
    write_str(out, name);
    write_parts(out, schema, encoder)?;
    let optional: &[u8] = if schema.optional { b",\"optional\":true" } else { b",\"optional\":false" };
    out.extend_from_slice(optional);
    write_text(out, b",\"name\":", schema.name.as_deref());
    if let Some(version) = schema.version {
        out.extend_from_slice(format!(",\"version\":{version}").as_bytes());
    }
    write_text(out, b",\"doc\":", schema.doc.as_deref());
    if !schema.parameters.is_empty() {
        out.extend_from_slice(b",\"parameters\":{");
        for (index, (key, value)) in schema.parameters.iter().enumerate() {
            if index > 0 {
                out.push(b',');
            }
            write_str(out, key);
            write_text(out, b":", Some(value));
        }
        out.push(b'}');
    }
    if let Some(default) = schema.default.as_ref().filter(|default| **default != Value::Null) {
        out.extend_from_slice(b",\"default\":");
        encoder.write(out, Some(schema), default)?;
    }
    write_text(out, b",\"field\":", field);
    out.push(b'}');
    Ok(())
}

fn write_parts(out: &mut Vec<u8>, schema: &Schema, encoder: Encoder) -> Result<(), ConnectError> {
    let value_name: &[u8] = if schema.ty == Type::Array { b",\"items\":" } else { b",\"values\":" };
    if let Some(key) = &schema.key_schema {
        out.extend_from_slice(b",\"keys\":");
        write(out, key, None, encoder)?;
    }
    if let Some(value) = &schema.value_schema {
        out.extend_from_slice(value_name);
        write(out, value, None, encoder)?;
    }
    if schema.ty == Type::Struct {
        out.extend_from_slice(b",\"fields\":[");
        for (index, field) in schema.fields.iter().enumerate() {
            if index > 0 {
                out.push(b',');
            }
            write(out, &field.schema, Some(&field.name), encoder)?;
        }
        out.push(b']');
    }
    Ok(())
}

fn write_text(out: &mut Vec<u8>, label: &[u8], text: Option<&str>) {
    if let Some(text) = text {
        out.extend_from_slice(label);
        write_str(out, text);
    }
}
