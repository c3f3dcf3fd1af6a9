//! Documents from values, as the originals make them: their own form for values with a schema (decimals as numbers,
//! maps as objects or entries), the JSON converter's form otherwise. Text that is JSON already is not touched.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;

use connect_core::data::json::{write_float32, write_float64, write_str};
use connect_core::data::{Datum, Schema, Type, Value, java_text, logical};
use connect_core::error::ConnectError;
use connector_formats::JsonFormat;

/// Makes documents.
#[derive(Debug)]
pub(crate) struct Payloads {
    compacts_maps: bool,
    plain: JsonFormat,
}

impl Payloads {
    pub(crate) fn new(compacts_maps: bool) -> Self {
        Self { compacts_maps, plain: JsonFormat::new(false) }
    }

    /// Returns the document of a value as JSON on one line.
    ///
    /// # Errors
    /// A data error when the value does not fit its schema.
    pub(crate) fn document(&self, datum: &Datum, ignores_schema: bool) -> Result<Bytes, ConnectError> {
        if let Some(text) = datum.json_text() {
            return Ok(text.into_owned());
        }
        let mut out = Vec::with_capacity(256);
        match datum.schema() {
            Some(schema) if !ignores_schema => self.write(&mut out, schema, &datum.value())?,
            _ => {
                self.plain.append(datum, &mut out)?;
                out.pop();
            }
        }
        Ok(Bytes::from(out))
    }

    fn write(&self, out: &mut Vec<u8>, schema: &Schema, value: &Value) -> Result<(), ConnectError> {
        match value {
            Value::Null => match &schema.default {
                Some(default) => self.write(out, schema, default)?,
                None if schema.optional => out.extend_from_slice(b"null"),
                None => {
                    return Err(ConnectError::data(
                        "null value for field that is required and has no default value",
                    ));
                }
            },
            Value::Decimal(number) => {
                let number: f64 = number.to_string().parse().unwrap_or(f64::NAN);
                write_float64(out, number);
            }
            Value::Date(millis) if schema.is_named(logical::DATE) => {
                push(out, &(millis.div_euclid(logical::MILLIS_PER_DAY)).to_string());
            }
            Value::Date(millis) => push(out, &millis.to_string()),
            Value::Array(items) => {
                let element = inner(schema.value_schema.as_deref(), schema)?;
                list(out, items, |out, item| self.write(out, element, item))?;
            }
            Value::Map(map) => self.write_map(out, schema, &map.entries)?,
            Value::Struct(structure) => {
                let fields: Vec<_> = structure.schema().fields.iter().zip(structure.values()).collect();
                object(out, &fields, |out, (field, value)| {
                    write_str(out, &field.name);
                    out.push(b':');
                    self.write(out, &field.schema, value)
                })?;
            }
            Value::Boolean(flag) => push(out, if *flag { "true" } else { "false" }),
            Value::Int8(_) | Value::Int16(_) | Value::Int32(_) | Value::Int64(_) => {
                push(out, &java_text::to_text(value));
            }
            Value::Float32(number) => write_float32(out, *number),
            Value::Float64(number) => write_float64(out, *number),
            Value::String(text) => write_str(out, text),
            Value::Bytes(bytes) => write_str(out, &STANDARD.encode(bytes)),
        }
        Ok(())
    }

    fn write_map(
        &self,
        out: &mut Vec<u8>,
        schema: &Schema,
        entries: &[(Value, Value)],
    ) -> Result<(), ConnectError> {
        let key_schema = inner(schema.key_schema.as_deref(), schema)?;
        let value_schema = inner(schema.value_schema.as_deref(), schema)?;
        if self.compacts_maps && key_schema.ty == Type::String {
            return object(out, entries, |out, (key, value)| {
                write_str(out, &java_text::to_text(key));
                out.push(b':');
                self.write(out, value_schema, value)
            });
        }
        list(out, entries, |out, (key, value)| {
            push(out, "{\"key\":");
            self.write(out, key_schema, key)?;
            push(out, ",\"value\":");
            self.write(out, value_schema, value)?;
            out.push(b'}');
            Ok(())
        })
    }
}

fn inner<'s>(inner: Option<&'s Schema>, schema: &Schema) -> Result<&'s Schema, ConnectError> {
    inner.ok_or_else(|| {
        ConnectError::data(format!("a schema of type {} has no schema of its items", schema.ty.name()))
    })
}

fn push(out: &mut Vec<u8>, text: &str) {
    out.extend_from_slice(text.as_bytes());
}

fn list<T>(
    out: &mut Vec<u8>,
    items: &[T],
    write: impl FnMut(&mut Vec<u8>, &T) -> Result<(), ConnectError>,
) -> Result<(), ConnectError> {
    joined(out, [b'[', b']'], items, write)
}

fn object<T>(
    out: &mut Vec<u8>,
    items: &[T],
    write: impl FnMut(&mut Vec<u8>, &T) -> Result<(), ConnectError>,
) -> Result<(), ConnectError> {
    joined(out, [b'{', b'}'], items, write)
}

fn joined<T>(
    out: &mut Vec<u8>,
    [open, close]: [u8; 2],
    items: &[T],
    mut write: impl FnMut(&mut Vec<u8>, &T) -> Result<(), ConnectError>,
) -> Result<(), ConnectError> {
    out.push(open);
    for (index, item) in items.iter().enumerate() {
        if index > 0 {
            out.push(b',');
        }
        write(out, item)?;
    }
    out.push(close);
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use connect_core::data::{Map, SchemaBuilder, SchemaRef, Struct};

    use super::*;

    fn text(payloads: &Payloads, schema: &SchemaRef, value: Value, ignores_schema: bool) -> String {
        let datum = Datum::new(Some(Arc::clone(schema)), value);
        let bytes = payloads.document(&datum, ignores_schema).expect("a document");
        String::from_utf8(bytes.to_vec()).expect("text")
    }

    fn sample() -> (SchemaRef, Value) {
        let names = SchemaBuilder::map(Arc::clone(&logical::STRING), Arc::new(Schema::of(Type::Int32)));
        let numbers =
            SchemaBuilder::map(Arc::new(Schema::of(Type::Int32)), Arc::new(Schema::of(Type::Boolean)));
        let schema = SchemaBuilder::structure()
            .field("price", logical::decimal(2))
            .field("day", logical::date())
            .field("at", logical::timestamp())
            .field("raw", Schema::of(Type::Bytes))
            .field("names", names.build().expect("a schema"))
            .field("numbers", numbers.build().expect("a schema"))
            .field("note", Schema::optional(Type::String))
            .build()
            .expect("a schema");
        let entry = |key: Value, value: Value| Value::Map(Map { entries: vec![(key, value)] });
        let values = vec![
            Value::Decimal("12.50".parse().expect("a number")),
            Value::Date(2 * logical::MILLIS_PER_DAY),
            Value::Date(1_767_225_600_000),
            Value::Bytes(Bytes::from_static(&[0, 1])),
            entry(Value::string("a"), Value::Int32(1)),
            entry(Value::Int32(5), Value::Boolean(true)),
            Value::Null,
        ];
        (Arc::clone(&schema), Value::Struct(Box::new(Struct::from_parts(schema, values))))
    }

    #[test]
    fn values_with_a_schema_take_the_forms_of_the_originals() {
        let (schema, value) = sample();
        assert_eq!(
            text(&Payloads::new(true), &schema, value.clone(), false),
            r#"{"price":12.5,"day":2,"at":1767225600000,"raw":"AAE=","names":{"a":1},"numbers":[{"key":5,"value":true}],"note":null}"#
        );
        assert!(
            text(&Payloads::new(false), &schema, value.clone(), false)
                .contains(r#""names":[{"key":"a","value":1}]"#)
        );
        let ignored = text(&Payloads::new(true), &schema, value, true);
        assert!(
            ignored.contains(r#""price":"BOI=""#) && ignored.contains(r#""numbers":[[5,true]]"#),
            "{ignored}"
        );
    }

    #[test]
    fn json_text_is_not_touched_and_missing_values_are_refused() {
        let payloads = Payloads::new(true);
        let source = Bytes::from_static(b"{\"a\":1}");
        let datum = Datum::from_json(source.clone(), |_| unreachable!("never decoded"));
        let document = payloads.document(&datum, false).expect("a document");
        assert_eq!(document.as_ptr(), source.as_ptr(), "the same bytes, not a copy");
        let schema = SchemaBuilder::structure().field("a", Schema::of(Type::Int8)).build().expect("a schema");
        let empty = Value::Struct(Box::new(Struct::new(Arc::clone(&schema))));
        let refused = payloads.document(&Datum::new(Some(schema), empty), false);
        assert!(refused.is_err_and(|error| error.context().starts_with("null value for field")));
    }
}
