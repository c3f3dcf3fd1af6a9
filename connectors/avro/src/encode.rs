//! Connect values into Avro's binary encoding, under the schema they are registered with.

use std::sync::Arc;

use connect_core::data::coerce::logical as convert;
use connect_core::data::{Map, Schema, Struct, Type, Value, logical};
use connect_core::error::ConnectError;

use crate::anything::{self, in_java_order, write_blocks};
use crate::config::AvroConfig;
use crate::names;
use crate::schema::{Avro, Field, Kind, Record};

/// Writes values of one Connect schema.
pub struct Encoder<'a> {
    pub config: &'a AvroConfig,
}

/// Appends a number in zig-zag encoding of variable length.
pub fn write_long(out: &mut Vec<u8>, number: i64) {
    let mut rest = ((number << 1) ^ (number >> 63)).cast_unsigned();
    while rest >= 0x80 {
        out.push((rest & 0x7f) as u8 | 0x80);
        rest >>= 7;
    }
    out.push(rest as u8);
}

/// Appends bytes after their length.
pub fn write_bytes(out: &mut Vec<u8>, bytes: &[u8]) {
    write_long(out, i64::try_from(bytes.len()).unwrap_or(i64::MAX));
    out.extend_from_slice(bytes);
}

impl Encoder<'_> {
    /// Appends the payload of a record: bytes stand without their length there.
    ///
    /// # Errors
    /// Fails with a data error when the value is not one of its schema, or the schema written with has no place
    /// for it.
    pub fn payload(
        &self,
        schema: Option<&Schema>,
        avro: &Avro,
        value: &Value,
        out: &mut Vec<u8>,
    ) -> Result<(), ConnectError> {
        let Some(schema) = schema else { return anything::encode(value, out) };
        if avro.kind != Kind::Bytes {
            return self.write(schema, avro, value, out);
        }
        match value {
            Value::Bytes(bytes) => out.extend_from_slice(bytes),
            Value::Decimal(number) => out.extend_from_slice(&convert::decimal_to_bytes(schema, number)?),
            other => return Err(mismatch(schema, other)),
        }
        Ok(())
    }

    /// Appends a value as files hold it: bytes after their length.
    ///
    /// # Errors
    /// As [`Encoder::payload`].
    pub fn datum(
        &self,
        schema: Option<&Schema>,
        avro: &Avro,
        value: &Value,
        out: &mut Vec<u8>,
    ) -> Result<(), ConnectError> {
        match schema {
            Some(schema) => self.write(schema, avro, value, out),
            None => anything::encode(value, out),
        }
    }

    fn write(
        &self,
        schema: &Schema,
        avro: &Avro,
        value: &Value,
        out: &mut Vec<u8>,
    ) -> Result<(), ConnectError> {
        if let Kind::Union(branches) = &avro.kind {
            return self.union(schema, branches, value, out);
        }
        if value.is_null() {
            return Err(match schema.optional {
                true => ConnectError::data(format!("null value for (non-nullable) {}", avro.type_name())),
                false => ConnectError::data("Found null value for non-optional schema"),
            });
        }
        match (&avro.kind, value) {
            (Kind::Boolean, Value::Boolean(flag)) => out.push(u8::from(*flag)),
            (Kind::Int | Kind::Long, Value::Int8(number)) => write_long(out, i64::from(*number)),
            (Kind::Int | Kind::Long, Value::Int16(number)) => write_long(out, i64::from(*number)),
            (Kind::Int | Kind::Long, Value::Int32(number)) => write_long(out, i64::from(*number)),
            (Kind::Int | Kind::Long, Value::Date(millis)) => write_long(out, date(schema, *millis)?),
            (Kind::Long, Value::Int64(number)) => write_long(out, *number),
            (Kind::Float, Value::Float32(number)) => out.extend_from_slice(&number.to_le_bytes()),
            (Kind::Double, Value::Float64(number)) => out.extend_from_slice(&number.to_le_bytes()),
            (Kind::Double, Value::Float32(number)) => {
                out.extend_from_slice(&f64::from(*number).to_le_bytes())
            }
            (Kind::String, Value::String(text)) => write_bytes(out, text.as_bytes()),
            (Kind::Bytes, Value::Bytes(bytes)) => write_bytes(out, bytes),
            (Kind::Bytes, Value::Decimal(number)) => {
                write_bytes(out, &convert::decimal_to_bytes(schema, number)?);
            }
            (Kind::Fixed(fixed), Value::Decimal(number)) => {
                write_padded(&convert::decimal_to_bytes(schema, number)?, fixed.size, out)?;
            }
            (Kind::Fixed(fixed), Value::Bytes(bytes)) if bytes.len() == fixed.size => {
                out.extend_from_slice(bytes);
            }
            (Kind::Enum(symbols), Value::String(text)) => {
                let index = symbols.symbols.iter().position(|symbol| symbol.as_str() == &**text);
                let index = index.and_then(|index| i64::try_from(index).ok());
                write_long(
                    out,
                    index.ok_or_else(|| ConnectError::data(format!("`{text}` is no symbol of the enum")))?,
                );
            }
            (Kind::Array(element), Value::Array(items)) => {
                let child = child(schema)?;
                write_blocks(out, items.len(), |out| {
                    items.iter().try_for_each(|item| self.write(child, element, item, out))
                })?;
            }
            (Kind::Map(values), Value::Map(map)) => self.map(child(schema)?, values, map, out)?,
            (Kind::Array(entry), Value::Map(map)) => self.entries(schema, entry, map, out)?,
            (Kind::Record(record), Value::Struct(structure)) => {
                self.record(schema, record, structure, out)?
            }
            (_, other) => return Err(mismatch(schema, other)),
        }
        Ok(())
    }

    fn map(&self, child: &Schema, values: &Avro, map: &Map, out: &mut Vec<u8>) -> Result<(), ConnectError> {
        write_blocks(out, map.entries.len(), |out| {
            in_java_order(map).try_for_each(|(key, value)| {
                // A null key, where `allow.optional.map.keys` lets it pass, has no Avro form.
                let key = key.as_str().ok_or_else(|| ConnectError::data("null key in an Avro map"))?;
                write_bytes(out, key.as_bytes());
                self.write(child, values, value, out)
            })
        })
    }

    fn entries(
        &self,
        schema: &Schema,
        entry: &Avro,
        map: &Map,
        out: &mut Vec<u8>,
    ) -> Result<(), ConnectError> {
        let (Kind::Record(entry), Some(key_schema)) = (&entry.kind, schema.key_schema.as_deref()) else {
            return Err(ConnectError::data("a map is written with an array of something else than entries"));
        };
        let value_schema = child(schema)?;
        write_blocks(out, map.entries.len(), |out| {
            map.entries.iter().try_for_each(|(key, value)| {
                entry.fields.iter().try_for_each(|field| match field.name.as_str() {
                    names::KEY => self.write(key_schema, &field.schema, key, out),
                    _ => self.write(value_schema, &field.schema, value, out),
                })
            })
        })
    }

    fn record(
        &self,
        schema: &Schema,
        record: &Record,
        structure: &Struct,
        out: &mut Vec<u8>,
    ) -> Result<(), ConnectError> {
        let own: &Schema = structure.schema();
        // Whether the struct is optional is said around it, not by its own schema.
        let is_same = std::ptr::eq(own, schema) || own == schema || own.fields == schema.fields;
        if !is_same {
            return Err(ConnectError::data("Mismatching struct schema"));
        }
        for (index, field) in record.fields.iter().enumerate() {
            let position = self.position(own, &field.name, index);
            let Some((connect, value)) =
                position.and_then(|at| own.fields.get(at).zip(structure.values().get(at)))
            else {
                self.missing(field, out)?;
                continue;
            };
            let value = match (&connect.schema.default, value) {
                (Some(default), Value::Null) if !self.config.ignore_default => default,
                _ => value,
            };
            self.write(&connect.schema, &field.schema, value, out)?;
        }
        Ok(())
    }

    /// Returns where the field of an Avro record is in a struct; mostly it is at the same place.
    fn position(&self, schema: &Schema, name: &str, index: usize) -> Option<usize> {
        let is_named = |field: &connect_core::data::Field| {
            field.name == name || (self.config.scrub && self.config.scrubbed(&field.name) == name)
        };
        if schema.fields.get(index).is_some_and(is_named) {
            return Some(index);
        }
        schema.fields.iter().position(is_named)
    }

    /// A field that the schema written with has and the value has not: null, where that is its default.
    fn missing(&self, field: &Field, out: &mut Vec<u8>) -> Result<(), ConnectError> {
        if let (Kind::Union(branches), Some(serde_json::Value::Null)) = (&field.schema.kind, &field.default)
            && branches.first().is_some_and(|branch| branch.kind == Kind::Null)
        {
            out.push(0);
            return Ok(());
        }
        Err(ConnectError::data(format!(
            "the schema written with has a field `{}` that the value has not",
            field.name
        )))
    }

    fn union(
        &self,
        schema: &Schema,
        branches: &[Arc<Avro>],
        value: &Value,
        out: &mut Vec<u8>,
    ) -> Result<(), ConnectError> {
        if value.is_null() && !schema.optional {
            return Err(ConnectError::data("Found null value for non-optional schema"));
        }
        if let Value::Struct(structure) = value
            && names::is_union(schema)
        {
            let fields = structure.schema().fields.iter().zip(structure.values());
            return match fields.into_iter().find(|(_, value)| !value.is_null()) {
                Some((field, value)) => self.union(&field.schema, branches, value, out),
                None => self.union(schema, branches, &Value::Null, out),
            };
        }
        let index =
            branches.iter().position(|branch| self.takes(schema, branch, value)).ok_or_else(|| {
                let class = value.java_class();
                ConnectError::data(format!("Not in union: a value of class {class}"))
            })?;
        write_long(out, i64::try_from(index).unwrap_or(i64::MAX));
        match branches.get(index) {
            Some(branch) if branch.kind != Kind::Null => self.write(schema, branch, value, out),
            _ => Ok(()),
        }
    }

    fn takes(&self, schema: &Schema, branch: &Avro, value: &Value) -> bool {
        match (&branch.kind, value) {
            (Kind::Null, Value::Null)
            | (Kind::Boolean, Value::Boolean(_))
            | (Kind::Int, Value::Int8(_) | Value::Int16(_) | Value::Int32(_))
            | (Kind::Long, Value::Int64(_))
            | (Kind::Float, Value::Float32(_))
            | (Kind::Double, Value::Float64(_))
            | (Kind::Map(_), Value::Map(_))
            | (Kind::Bytes, Value::Bytes(_) | Value::Decimal(_)) => {
                !matches!(branch.kind, Kind::Bytes) || names::fixed_size(schema).is_none()
            }
            (Kind::Int, Value::Date(_)) => schema.ty == Type::Int32,
            (Kind::Long, Value::Date(_)) => schema.ty == Type::Int64,
            (Kind::String, Value::String(_)) => {
                !names::is_enum(schema) || !(self.config.enhanced || self.config.generalized)
            }
            (Kind::Enum(symbols), Value::String(_)) => {
                schema.parameters.get(self.config.enum_parameter()) == Some(&symbols.name.full())
            }
            (Kind::Fixed(fixed), Value::Bytes(_) | Value::Decimal(_)) => {
                names::fixed_size(schema) == Some(fixed.size) && self.is_named(schema, branch)
            }
            (Kind::Array(element), Value::Map(_)) => names::is_map_entry(element),
            (Kind::Array(element), Value::Array(_)) => !names::is_map_entry(element),
            (Kind::Record(_), Value::Struct(_)) => self.is_named(schema, branch),
            _ => false,
        }
    }

    /// A schema without a name goes by any of the default names.
    fn is_named(&self, schema: &Schema, branch: &Avro) -> bool {
        let full = branch.name().map(crate::schema::Name::full).unwrap_or_default();
        match &schema.name {
            Some(name) => self.config.split(name).full() == full,
            None => full.starts_with(names::DEFAULT_FULL_NAME),
        }
    }
}

fn child(schema: &Schema) -> Result<&Schema, ConnectError> {
    let missing = || ConnectError::data("Array or map schema without element schema");
    schema.value_schema.as_deref().ok_or_else(missing)
}

fn date(schema: &Schema, millis: i64) -> Result<i64, ConnectError> {
    match schema.name.as_deref() {
        Some(logical::DATE) => convert::date_to_days(millis).map(i64::from),
        Some(logical::TIME) => convert::time_to_millis(millis).map(i64::from),
        Some(logical::TIMESTAMP) => Ok(millis),
        _ => Err(mismatch(schema, &Value::Date(millis))),
    }
}

/// Appends a number in two's complement, its sign extended to the given size.
fn write_padded(bytes: &[u8], size: usize, out: &mut Vec<u8>) -> Result<(), ConnectError> {
    let Some(missing) = size.checked_sub(bytes.len()) else {
        let len = bytes.len();
        return Err(ConnectError::data(format!(
            "Unscaled value byte array length {len} is greater than fixed size {size}"
        )));
    };
    let sign = if bytes.first().is_some_and(|first| *first >= 0x80) { 0xff } else { 0 };
    out.extend(std::iter::repeat_n(sign, missing));
    out.extend_from_slice(bytes);
    Ok(())
}

fn mismatch(schema: &Schema, value: &Value) -> ConnectError {
    ConnectError::data(format!("Invalid type for {}: class {}", schema.ty.name(), value.java_class()))
}
