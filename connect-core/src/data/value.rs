//! Connect values, and their check against a schema.

use bigdecimal::BigDecimal;
use bytes::Bytes;
use bytestring::ByteString;

use crate::data::logical;
use crate::data::{Schema, SchemaRef, Type};
use crate::error::ConnectError;

/// A Connect value. Each variant is one Java class of Kafka Connect's data model.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// No value.
    Null,
    /// `java.lang.Boolean`.
    Boolean(bool),
    /// `java.lang.Byte`.
    Int8(i8),
    /// `java.lang.Short`.
    Int16(i16),
    /// `java.lang.Integer`.
    Int32(i32),
    /// `java.lang.Long`.
    Int64(i64),
    /// `java.lang.Float`.
    Float32(f32),
    /// `java.lang.Double`.
    Float64(f64),
    /// `java.lang.String`; shares the bytes it was decoded from.
    String(ByteString),
    /// `byte[]` or `ByteBuffer`.
    Bytes(Bytes),
    /// `java.util.List`.
    Array(Vec<Value>),
    /// `java.util.Map`.
    Map(Map),
    /// `org.apache.kafka.connect.data.Struct`.
    Struct(Box<Struct>),
    /// `java.math.BigDecimal`.
    Decimal(BigDecimal),
    /// `java.util.Date`, in milliseconds since the epoch; the class of Date, Time and Timestamp alike.
    Date(i64),
}

/// A map value. The order of `entries` is the iteration order of the Java map it stands for.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Map {
    /// Entries with unique keys.
    pub entries: Vec<(Value, Value)>,
}

impl Map {
    /// Returns the value under a string key.
    pub fn get(&self, key: &str) -> Option<&Value> {
        self.entries.iter().find(|(name, _)| name.as_str() == Some(key)).map(|(_, value)| value)
    }

    /// Returns the value under a string key, for change.
    pub fn get_mut(&mut self, key: &str) -> Option<&mut Value> {
        self.entries.iter_mut().find(|(name, _)| name.as_str() == Some(key)).map(|(_, value)| value)
    }
}

/// A struct value: one slot for each field of its schema.
#[derive(Debug, Clone, PartialEq)]
pub struct Struct {
    schema: SchemaRef,
    values: Vec<Value>,
}

impl Struct {
    /// Returns a struct with all fields null.
    pub fn new(schema: SchemaRef) -> Self {
        let values = vec![Value::Null; schema.fields.len()];
        Self { schema, values }
    }

    /// Returns a struct of the given values, one for each field, without checking them; for converters and
    /// transforms that made them for the same schema.
    ///
    /// # Panics
    /// Panics when the number of values is not the number of fields.
    pub fn from_parts(schema: SchemaRef, values: Vec<Value>) -> Self {
        assert_eq!(schema.fields.len(), values.len(), "one value for each field");
        Self { schema, values }
    }

    /// Returns the schema and the stored values in field order, without defaults applied.
    pub fn into_parts(self) -> (SchemaRef, Vec<Value>) {
        (self.schema, self.values)
    }

    /// Returns the schema.
    pub fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    /// Returns the stored values in field order, without defaults applied.
    pub fn values(&self) -> &[Value] {
        &self.values
    }

    /// Sets a field.
    ///
    /// # Errors
    /// Fails when the field does not exist or the value does not match its schema.
    pub fn put(&mut self, name: &str, value: Value) -> Result<(), ConnectError> {
        let index = self.index_of(name)?;
        value.validate(&self.schema.fields[index].schema, Some(name))?;
        self.values[index] = value;
        Ok(())
    }

    /// Sets a field by position without checking the value; for converters that built it from the same schema.
    ///
    /// # Panics
    /// Panics when the position is not a field of the schema.
    pub fn put_at(&mut self, index: usize, value: Value) {
        self.values[index] = value;
    }

    /// Returns a field's value, or its default when it is null.
    ///
    /// # Errors
    /// Fails when the field does not exist.
    pub fn get(&self, name: &str) -> Result<&Value, ConnectError> {
        let index = self.index_of(name)?;
        match (&self.values[index], &self.schema.fields[index].schema.default) {
            (Value::Null, Some(default)) => Ok(default),
            (value, _) => Ok(value),
        }
    }

    /// Returns a field's value as stored.
    ///
    /// # Errors
    /// Fails when the field does not exist.
    pub fn get_without_default(&self, name: &str) -> Result<&Value, ConnectError> {
        Ok(&self.values[self.index_of(name)?])
    }

    /// Checks every field against the schema.
    ///
    /// # Errors
    /// Fails at the first required field that is null without a default.
    pub fn validate(&self) -> Result<(), ConnectError> {
        for (field, value) in self.schema.fields.iter().zip(&self.values) {
            if value.is_null() && (field.schema.optional || field.schema.default.is_some()) {
                continue;
            }
            value.validate(&field.schema, Some(&field.name))?;
        }
        Ok(())
    }

    fn index_of(&self, name: &str) -> Result<usize, ConnectError> {
        self.schema
            .field_index(name)
            .ok_or_else(|| ConnectError::data(format!("{name} is not a valid field name")))
    }
}

impl Value {
    /// Returns whether this is null.
    pub fn is_null(&self) -> bool {
        matches!(self, Value::Null)
    }

    /// Returns the text of a string value.
    pub fn as_str(&self) -> Option<&str> {
        match self {
            Value::String(text) => Some(text),
            _ => None,
        }
    }

    /// Returns a string value.
    pub fn string(text: impl Into<String>) -> Value {
        Value::String(ByteString::from(text.into()))
    }

    /// Returns the JVM class name of the value, as used in error texts; `null` for null.
    pub fn java_class(&self) -> &'static str {
        match self {
            Value::Null => "null",
            Value::Boolean(_) => "java.lang.Boolean",
            Value::Int8(_) => "java.lang.Byte",
            Value::Int16(_) => "java.lang.Short",
            Value::Int32(_) => "java.lang.Integer",
            Value::Int64(_) => "java.lang.Long",
            Value::Float32(_) => "java.lang.Float",
            Value::Float64(_) => "java.lang.Double",
            Value::String(_) => "java.lang.String",
            Value::Bytes(_) => "[B",
            Value::Array(_) => "java.util.ArrayList",
            Value::Map(_) => "java.util.HashMap",
            Value::Struct(_) => "org.apache.kafka.connect.data.Struct",
            Value::Decimal(_) => "java.math.BigDecimal",
            Value::Date(_) => "java.util.Date",
        }
    }

    /// Checks the value against a schema, as `ConnectSchema.validateValue` does. No widening: an `Int32` in an
    /// INT8 field is invalid.
    ///
    /// # Errors
    /// Fails with Kafka's text, naming the field where one is known.
    pub fn validate(&self, schema: &Schema, field: Option<&str>) -> Result<(), ConnectError> {
        self.validate_at(schema, &[], field)
    }

    /// `path` says which part of a list or map this is, from the inside out.
    fn validate_at(&self, schema: &Schema, path: &[&str], field: Option<&str>) -> Result<(), ConnectError> {
        if self.is_null() {
            if schema.optional {
                return Ok(());
            }
            let (place, ty) = (place_text(path, field), schema.ty.name());
            return Err(ConnectError::data(format!(
                "Invalid value: null used for required {place}, schema type: {ty}"
            )));
        }
        if !self.matches_class(schema) {
            return Err(self.class_mismatch(schema, &place_text(path, field)));
        }
        let inside = |item: &Value, expected: Option<&SchemaRef>, part: &str| match expected {
            Some(expected) => item.validate_at(expected, &[&[part], path].concat(), field),
            None => Ok(()),
        };
        match self {
            Value::Struct(structure)
                if !std::ptr::eq(&**structure.schema(), schema) && **structure.schema() != *schema =>
            {
                Err(ConnectError::data("Struct schemas do not match."))
            }
            Value::Struct(structure) => structure.validate(),
            Value::Array(items) => items
                .iter()
                .try_for_each(|item| inside(item, schema.value_schema.as_ref(), "element of array")),
            Value::Map(map) => map.entries.iter().try_for_each(|(key, value)| {
                inside(key, schema.key_schema.as_ref(), "key of map")?;
                inside(value, schema.value_schema.as_ref(), "value of map")
            }),
            _ => Ok(()),
        }
    }

    fn matches_class(&self, schema: &Schema) -> bool {
        match schema.name.as_deref() {
            Some(logical::DECIMAL) => return matches!(self, Value::Decimal(_)),
            Some(logical::DATE | logical::TIME | logical::TIMESTAMP) => {
                return matches!(self, Value::Date(_));
            }
            _ => {}
        }
        matches!(
            (schema.ty, self),
            (Type::Int8, Value::Int8(_))
                | (Type::Int16, Value::Int16(_))
                | (Type::Int32, Value::Int32(_))
                | (Type::Int64, Value::Int64(_))
                | (Type::Float32, Value::Float32(_))
                | (Type::Float64, Value::Float64(_))
                | (Type::Boolean, Value::Boolean(_))
                | (Type::String, Value::String(_))
                | (Type::Bytes, Value::Bytes(_))
                | (Type::Array, Value::Array(_))
                | (Type::Map, Value::Map(_))
                | (Type::Struct, Value::Struct(_))
        )
    }

    fn class_mismatch(&self, schema: &Schema, place: &str) -> ConnectError {
        let name = schema.name.as_ref().map(|name| format!("\"{name}\" ")).unwrap_or_default();
        let (ty, class) = (schema.ty.name(), self.java_class());
        ConnectError::data(format!(
            "Invalid Java object for schema {name}with type {ty}: class {class} for {place}"
        ))
    }
}

/// Returns Kafka's words for the place of a value: `field: "f"`, `element of array value`.
fn place_text(path: &[&str], field: Option<&str>) -> String {
    let mut text = String::new();
    for part in path {
        text.push_str(part);
        text.push(' ');
    }
    match field {
        Some(name) => text + &format!("field: \"{name}\""),
        None => text + "value",
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    #[test]
    fn errors_name_the_place_as_kafka_does() {
        let list = Schema { value_schema: Some(Arc::new(Schema::of(Type::Int8))), ..Schema::of(Type::Array) };
        let text = |value: Value, field| value.validate(&list, field).unwrap_err().context().to_owned();
        assert_eq!(
            text(Value::Array(vec![Value::Int32(1)]), Some("f")),
            "Invalid Java object for schema with type INT8: class java.lang.Integer for element of array field: \"f\""
        );
        assert_eq!(
            text(Value::Array(vec![Value::Null]), None),
            "Invalid value: null used for required element of array value, schema type: INT8"
        );
        assert_eq!(
            text(Value::Null, None),
            "Invalid value: null used for required value, schema type: ARRAY"
        );
    }
}
