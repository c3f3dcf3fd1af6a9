//! `HeaderFrom`: fields moved or copied into headers.

use std::sync::Arc;

use connect_core::config;
use connect_core::config::{ConfigDef, Props, Validator};
use connect_core::data::{Datum, Map, Schema, SchemaRef, Struct, Type, Value};
use connect_core::error::ConnectError;
use connect_core::headers::Headers;
use connect_core::record::ConnectRecord;
use connect_core::transform::{Outcome, Position, Transform};

use crate::java_map::HashMap;
use crate::require;
use crate::schemas::{SchemaCache, copy_basics, fields_of, schema_text};
use crate::settings::{first_issue, non_empty_list, with_default};
use crate::side::Side;

config! {
    /// Settings.
    struct Settings {
        /// Fields whose values become headers.
        fields: Vec<String> = "fields", High, valid Validator::Custom(non_empty_list);
        /// Names of the headers, in the order of the fields.
        headers: Vec<String> = "headers", High, valid Validator::Custom(non_empty_list);
        /// `move` removes the fields from the key or value, `copy` leaves them.
        operation: String = "operation", High, valid Validator::OneOf(&["move", "copy"]);
        /// Whether a null field that has a default is replaced by the default.
        replaces_null: bool = "replace.null.with.default", Medium, default "true";
    }
}

/// `org.apache.kafka.connect.transforms.HeaderFrom`.
pub(crate) struct HeaderFrom {
    side: Side,
    /// Field and header names, in pairs.
    pairs: Vec<(String, Arc<str>)>,
    is_move: bool,
    replaces_null: bool,
    cache: SchemaCache<Plan>,
}

/// What is left of a schema when the fields are gone.
struct Plan {
    schema: SchemaRef,
    /// Whether each field of the old schema stays.
    stays: Vec<bool>,
}

impl HeaderFrom {
    pub(crate) fn new(side: Side) -> Self {
        Self { side, pairs: Vec::new(), is_move: false, replaces_null: true, cache: SchemaCache::default() }
    }
}

impl Transform for HeaderFrom {
    fn configure(&mut self, props: &Props) -> Result<(), ConnectError> {
        let settings = Settings::parse(props).map_err(first_issue)?;
        if settings.fields.len() != settings.headers.len() {
            return Err(ConnectError::config(
                "'fields' config must have the same number of elements as 'headers' config.",
            ));
        }
        self.pairs = settings.fields.into_iter().zip(settings.headers.into_iter().map(Arc::from)).collect();
        self.is_move = settings.operation == "move";
        self.replaces_null = settings.replaces_null;
        Ok(())
    }

    fn config_def(&self) -> ConfigDef {
        Settings::config_def()
    }

    fn apply(&self, record: &mut ConnectRecord, _position: Position) -> Result<Outcome, ConnectError> {
        let purpose = if self.is_move { "header move" } else { "header copy" };
        let (schema, value) = self.side.take(record);
        let headers = &mut record.headers;
        let (schema, value) = match schema {
            None => (None, Value::Map(self.header_map(require::map(value, purpose)?, headers))),
            Some(schema) if self.is_move => {
                let structure = require::structure(value, purpose)?;
                let plan = self.cache.get(&schema, |schema| self.plan(schema))?;
                let left = self.moved(&schema, structure, &plan, headers)?;
                (Some(SchemaRef::clone(&plan.schema)), Value::Struct(Box::new(left)))
            }
            Some(schema) => {
                let structure = require::structure(value, purpose)?;
                self.add_headers(&schema, &structure, headers)?;
                (Some(schema), Value::Struct(Box::new(structure)))
            }
        };
        self.side.put(record, schema, value);
        Ok(Outcome::Keep)
    }
}

impl HeaderFrom {
    fn header_map(&self, map: Map, headers: &mut Headers) -> Map {
        let values: Vec<Value> =
            self.pairs.iter().map(|(field, _)| map.get(field).cloned().unwrap_or(Value::Null)).collect();
        let mut left = HashMap::copy_of(map);
        for ((field, header), value) in self.pairs.iter().zip(values) {
            if self.is_move {
                left.remove(field);
            }
            headers.add(Arc::clone(header), Datum::schemaless(value));
        }
        left.into_map()
    }

    fn moved(
        &self,
        schema: &Schema,
        mut structure: Struct,
        plan: &Plan,
        headers: &mut Headers,
    ) -> Result<Struct, ConnectError> {
        // What is left is checked before the headers are.
        for (index, field) in schema.fields.iter().enumerate() {
            if plan.stays[index] && structure.values()[index].is_null() {
                let value = with_default(Value::Null, &field.schema, self.replaces_null);
                structure.put_at(index, require::copied(value, field)?);
            }
        }
        self.add_headers(schema, &structure, headers)?;
        let (_, values) = structure.into_parts();
        let values = values.into_iter().zip(&plan.stays).filter(|(_, stays)| **stays);
        let values = values.map(|(value, _)| value).collect();
        Ok(Struct::from_parts(SchemaRef::clone(&plan.schema), values))
    }

    fn add_headers(
        &self,
        schema: &Schema,
        structure: &Struct,
        headers: &mut Headers,
    ) -> Result<(), ConnectError> {
        for (name, header) in &self.pairs {
            // The JVM stumbles over the missing field; its text is kept for those who look for it.
            let field = schema.field(name).ok_or_else(|| {
                ConnectError::fatal(
                    "Cannot invoke \"org.apache.kafka.connect.data.Field.schema()\" because the return value of \
                     \"org.apache.kafka.connect.data.Schema.field(String)\" is null",
                )
            })?;
            let value = structure.get_without_default(name)?.clone();
            let value = with_default(value, &field.schema, self.replaces_null);
            if value.is_null() && !field.schema.optional {
                let schema = schema_text(&field.schema);
                return Err(ConnectError::data(format!(
                    "A null value requires an optional schema but was {schema}"
                )));
            }
            headers.add(Arc::clone(header), Datum::new(Some(SchemaRef::clone(&field.schema)), value));
        }
        Ok(())
    }

    fn plan(&self, schema: &Schema) -> Result<Plan, ConnectError> {
        let mut left = copy_basics(schema, Type::Struct);
        let mut stays = Vec::with_capacity(schema.fields.len());
        for field in fields_of(schema)? {
            let is_staying = !self.pairs.iter().any(|(name, _)| *name == field.name);
            if is_staying {
                left.fields.push(field.clone());
            }
            stays.push(is_staying);
        }
        Ok(Plan { schema: SchemaRef::new(left), stays })
    }
}
