//! Connect data into JSON, with or without a schema.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use connect_core::data::coerce::logical as convert;
use connect_core::data::json::{write_float32, write_float64, write_str};
use connect_core::data::{Map, Schema, Struct, Type, Value, java_text, logical};
use connect_core::error::ConnectError;

/// How decimals and missing values are written.
#[derive(Debug, Clone, Copy)]
pub(super) struct Encoder {
    pub(super) decimals_are_numeric: bool,
    pub(super) replace_null_with_default: bool,
}

impl Default for Encoder {
    fn default() -> Self {
        Self { decimals_are_numeric: false, replace_null_with_default: true }
    }
}

impl Encoder {
    /// Appends a value under its schema.
    pub(super) fn write(
        self,
        out: &mut Vec<u8>,
        schema: Option<&Schema>,
        value: &Value,
    ) -> Result<(), ConnectError> {
        if value.is_null() {
            return self.write_null(out, schema);
        }
        match schema {
            Some(schema) => match schema.name.as_deref() {
                Some(logical::DECIMAL) => self.write_decimal(out, schema, value),
                Some(logical::DATE | logical::TIME | logical::TIMESTAMP) => write_date(out, schema, value),
                _ => self.write_typed(out, Some(schema), value),
            },
            None => self.write_typed(out, None, value),
        }
    }

    fn write_null(self, out: &mut Vec<u8>, schema: Option<&Schema>) -> Result<(), ConnectError> {
        match schema.map(|schema| (schema, &schema.default)) {
            Some((schema, Some(default))) if self.replace_null_with_default && !default.is_null() => {
                return self.write(out, Some(schema), default);
            }
            Some((schema, _)) if !schema.optional => {
                return Err(ConnectError::data(
                    "Conversion error: null value for field that is required and has no default value",
                ));
            }
            _ => out.extend_from_slice(b"null"),
        }
        Ok(())
    }

    fn write_decimal(self, out: &mut Vec<u8>, schema: &Schema, value: &Value) -> Result<(), ConnectError> {
        let Value::Decimal(number) = value else {
            return Err(ConnectError::data(format!(
                "Invalid type for Decimal, expected BigDecimal but was class {}",
                value.java_class()
            )));
        };
        if self.decimals_are_numeric {
            out.extend_from_slice(java_text::decimal(number).as_bytes());
        } else {
            write_str(out, &STANDARD.encode(convert::decimal_to_bytes(schema, number)?));
        }
        Ok(())
    }

    fn write_typed(
        self,
        out: &mut Vec<u8>,
        schema: Option<&Schema>,
        value: &Value,
    ) -> Result<(), ConnectError> {
        match (schema.map(|schema| schema.ty), value) {
            (Some(Type::Boolean) | None, Value::Boolean(flag)) => push_text(out, flag),
            (Some(Type::Int8) | None, Value::Int8(number)) => push_text(out, number),
            (Some(Type::Int16) | None, Value::Int16(number)) => push_text(out, number),
            (Some(Type::Int32) | None, Value::Int32(number)) => push_text(out, number),
            (Some(Type::Int64) | None, Value::Int64(number)) => push_text(out, number),
            (Some(Type::Float32) | None, Value::Float32(number)) => write_float32(out, *number),
            (Some(Type::Float64) | None, Value::Float64(number)) => write_float64(out, *number),
            (Some(Type::String) | None, Value::String(text)) => write_str(out, text),
            (Some(Type::Bytes) | None, Value::Bytes(bytes)) => write_str(out, &STANDARD.encode(bytes)),
            (Some(Type::Array) | None, Value::Array(items)) => return self.write_array(out, schema, items),
            (Some(Type::Map) | None, Value::Map(map)) => return self.write_map(out, schema, map),
            (Some(Type::Struct) | None, Value::Struct(structure)) => {
                return self.write_struct(out, schema, structure);
            }
            (ty, other) => return Err(mismatch(ty, other)),
        }
        Ok(())
    }

    fn write_array(
        self,
        out: &mut Vec<u8>,
        schema: Option<&Schema>,
        items: &[Value],
    ) -> Result<(), ConnectError> {
        let element = schema.and_then(|schema| schema.value_schema.as_deref());
        out.push(b'[');
        for (index, item) in items.iter().enumerate() {
            if index > 0 {
                out.push(b',');
            }
            self.write(out, element, item)?;
        }
        out.push(b']');
        Ok(())
    }

    /// Maps with string keys are objects, others lists of pairs.
    fn write_map(self, out: &mut Vec<u8>, schema: Option<&Schema>, map: &Map) -> Result<(), ConnectError> {
        let key_schema = schema.and_then(|schema| schema.key_schema.as_deref());
        let value_schema = schema.and_then(|schema| schema.value_schema.as_deref());
        let is_object = match key_schema {
            Some(schema) => schema.ty == Type::String,
            None => map.entries.iter().all(|(key, _)| key.as_str().is_some()),
        };
        out.push(if is_object { b'{' } else { b'[' });
        for (index, (key, value)) in map.entries.iter().enumerate() {
            if index > 0 {
                out.push(b',');
            }
            if is_object {
                self.write_key(out, key_schema, key)?;
                out.push(b':');
                self.write(out, value_schema, value)?;
            } else {
                out.push(b'[');
                self.write(out, key_schema, key)?;
                out.push(b',');
                self.write(out, value_schema, value)?;
                out.push(b']');
            }
        }
        out.push(if is_object { b'}' } else { b']' });
        Ok(())
    }

    /// Appends a key of an object; null prints as a string.
    fn write_key(self, out: &mut Vec<u8>, schema: Option<&Schema>, key: &Value) -> Result<(), ConnectError> {
        let start = out.len();
        self.write(out, schema, key)?;
        if out.get(start) != Some(&b'"') {
            out.insert(start, b'"');
            out.push(b'"');
        }
        Ok(())
    }

    fn write_struct(
        self,
        out: &mut Vec<u8>,
        schema: Option<&Schema>,
        structure: &Struct,
    ) -> Result<(), ConnectError> {
        let own: &Schema = structure.schema();
        let is_same = schema.is_some_and(|schema| std::ptr::eq(schema, own) || schema == own);
        if !is_same {
            return Err(ConnectError::data("Mismatching schema."));
        }
        out.push(b'{');
        for (index, (field, value)) in own.fields.iter().zip(structure.values()).enumerate() {
            if index > 0 {
                out.push(b',');
            }
            write_str(out, &field.name);
            out.push(b':');
            self.write(out, Some(&field.schema), value)?;
        }
        out.push(b'}');
        Ok(())
    }
}

fn push_text(out: &mut Vec<u8>, value: &impl ToString) {
    out.extend_from_slice(value.to_string().as_bytes());
}

fn mismatch(ty: Option<Type>, value: &Value) -> ConnectError {
    let class = value.java_class();
    ConnectError::data(match ty {
        Some(Type::Bytes) => format!("Invalid type for bytes type: class {class}"),
        Some(ty) => format!("Invalid type for {}: class {class}", ty.name()),
        None => format!("Java class class {class} does not have corresponding schema type."),
    })
}

fn write_date(out: &mut Vec<u8>, schema: &Schema, value: &Value) -> Result<(), ConnectError> {
    let Value::Date(millis) = value else {
        let name = schema.name.as_deref().and_then(|name| name.rsplit('.').next()).unwrap_or("");
        let class = value.java_class();
        return Err(ConnectError::data(format!(
            "Invalid type for {name}, expected Date but was class {class}"
        )));
    };
    let number = match schema.name.as_deref() {
        Some(logical::DATE) => i64::from(convert::date_to_days(*millis)?),
        Some(logical::TIME) => i64::from(convert::time_to_millis(*millis)?),
        _ => *millis,
    };
    push_text(out, &number);
    Ok(())
}
