//! `Flatten`: nested structs and maps as one level, names joined by a delimiter.

use connect_core::config;
use connect_core::config::{ConfigDef, Props};
use connect_core::data::{Field, Map, Schema, SchemaRef, Struct, Type, Value};
use connect_core::error::ConnectError;
use connect_core::record::ConnectRecord;
use connect_core::transform::{Outcome, Position, Transform};

use crate::cast_value::type_of;
use crate::require;
use crate::schemas::{SchemaCache, add_field, copy_basics, fields_of, set_default};
use crate::settings::{first_issue, with_default};
use crate::side::Side;

const PURPOSE: &str = "flattening";

config! {
    /// Settings.
    struct Settings {
        /// Text between the names of a field and the fields inside it.
        delimiter: String = "delimiter", Medium, default ".";
    }
}

/// `org.apache.kafka.connect.transforms.Flatten`.
pub(crate) struct Flatten {
    side: Side,
    delimiter: String,
    cache: SchemaCache<SchemaRef>,
}

impl Flatten {
    pub(crate) fn new(side: Side) -> Self {
        Self { side, delimiter: ".".to_owned(), cache: SchemaCache::default() }
    }
}

impl Transform for Flatten {
    fn configure(&mut self, props: &Props) -> Result<(), ConnectError> {
        self.delimiter = Settings::parse(props).map_err(first_issue)?.delimiter;
        Ok(())
    }

    fn config_def(&self) -> ConfigDef {
        Settings::config_def()
    }

    fn apply(&self, record: &mut ConnectRecord, _position: Position) -> Result<Outcome, ConnectError> {
        if self.side.of(record).is_null() {
            return Ok(Outcome::Keep);
        }
        let (schema, value) = self.side.take(record);
        let (schema, value) = match schema {
            None => {
                let mut flat = Map::default();
                self.flatten_map(require::map(value, PURPOSE)?, "", &mut flat)?;
                (None, Value::Map(flat))
            }
            Some(schema) => {
                let structure = require::structure(value, PURPOSE)?;
                let flat = self.cache.get(&schema, |schema| self.flat_schema(schema))?;
                let mut values = Vec::with_capacity(flat.fields.len());
                flatten_struct(structure, &flat, &mut values)?;
                let structure = Struct::from_parts(SchemaRef::clone(&flat), values);
                (Some(SchemaRef::clone(&flat)), Value::Struct(Box::new(structure)))
            }
        };
        self.side.put(record, schema, value);
        Ok(Outcome::Keep)
    }
}

impl Flatten {
    fn flatten_map(&self, map: Map, prefix: &str, flat: &mut Map) -> Result<(), ConnectError> {
        for (key, value) in map.entries {
            let name = self.name(prefix, require::text_key(&key)?);
            if value.is_null() {
                put(flat, name, value);
                continue;
            }
            let ty = type_of(&value).ok_or_else(|| {
                let class = value.java_class();
                ConnectError::data(format!(
                    "Flatten transformation was passed a value of type class {class} which is not supported by \
                     Connect's data API"
                ))
            })?;
            match value {
                Value::Map(inner) => self.flatten_map(inner, &name, flat)?,
                value if ty == Type::Struct => {
                    let class = value.java_class();
                    return Err(ConnectError::data(format!(
                        "Flatten transformation does not support class {class} for record without schemas (for \
                         field {name})."
                    )));
                }
                value => put(flat, name, value),
            }
        }
        Ok(())
    }

    fn flat_schema(&self, schema: &Schema) -> Result<SchemaRef, ConnectError> {
        let mut flat = copy_basics(schema, Type::Struct);
        let default = schema.default.clone().unwrap_or(Value::Null);
        self.add_fields(schema, "", &mut flat, schema.optional, &default)?;
        Ok(SchemaRef::new(flat))
    }

    /// Adds the fields of a struct; `default` is the struct's default, null if it has none.
    fn add_fields(
        &self,
        schema: &Schema,
        prefix: &str,
        flat: &mut Schema,
        is_optional: bool,
        default: &Value,
    ) -> Result<(), ConnectError> {
        for (index, field) in fields_of(schema)?.iter().enumerate() {
            let name = self.name(prefix, &field.name);
            let is_optional = is_optional || field.schema.optional;
            let default = match (&field.schema.default, default) {
                (Some(default), _) => default.clone(),
                (None, Value::Struct(outer)) => outer.values().get(index).cloned().unwrap_or(Value::Null),
                (None, _) => Value::Null,
            };
            match field.schema.ty {
                Type::Struct => self.add_fields(&field.schema, &name, flat, is_optional, &default)?,
                Type::Map => {
                    return Err(ConnectError::data(format!(
                        "Flatten transformation does not support MAP for record with schemas (for field {name})."
                    )));
                }
                _ => add_field(flat, &name, leaf(&field.schema, is_optional, default)?)?,
            }
        }
        Ok(())
    }

    fn name(&self, prefix: &str, name: &str) -> String {
        match prefix {
            "" => name.to_owned(),
            prefix => format!("{prefix}{}{name}", self.delimiter),
        }
    }
}

fn leaf(schema: &Schema, is_optional: bool, default: Value) -> Result<Schema, ConnectError> {
    let mut leaf = copy_basics(schema, schema.ty);
    leaf.value_schema.clone_from(&schema.value_schema);
    leaf.optional = is_optional;
    if !default.is_null() {
        set_default(&mut leaf, default)?;
    }
    Ok(leaf)
}

/// Appends the leaves of a struct in order.
fn flatten_struct(structure: Struct, flat: &Schema, values: &mut Vec<Value>) -> Result<(), ConnectError> {
    let (schema, inner) = structure.into_parts();
    for (field, value) in schema.fields.iter().zip(inner) {
        match value {
            Value::Struct(structure) => flatten_struct(*structure, flat, values)?,
            Value::Null if field.schema.ty == Type::Struct => {
                values.extend(std::iter::repeat_n(Value::Null, leaves(field)));
            }
            value => {
                let value = with_default(value, &field.schema, true);
                let value = require::copied(value, &flat.fields[values.len()])?;
                values.push(value);
            }
        }
    }
    Ok(())
}

fn leaves(field: &Field) -> usize {
    match field.schema.ty {
        Type::Struct => field.schema.fields.iter().map(leaves).sum(),
        _ => 1,
    }
}

/// Sets an entry as `LinkedHashMap.put` does.
fn put(map: &mut Map, name: String, value: Value) {
    match map.get_mut(&name) {
        Some(slot) => *slot = value,
        None => map.entries.push((Value::string(name), value)),
    }
}
