//! `InsertField`: the record's coordinates, or a fixed text, as fields.

use connect_core::config;
use connect_core::config::{ConfigDef, Props};
use connect_core::data::json;
use connect_core::data::json::TextLayout;
use connect_core::data::{Map, Schema, SchemaRef, Struct, Type, Value, logical};
use connect_core::error::ConnectError;
use connect_core::record::ConnectRecord;
use connect_core::transform::{Outcome, Position, Transform};

use crate::java_map::HashMap;
use crate::layouts::LayoutCache;
use crate::require;
use crate::schemas::{SchemaCache, add_field, copy_basics, fields_of};
use crate::settings::{first_issue, with_default};
use crate::side::Side;

const PURPOSE: &str = "field insertion";

config! {
    /// Settings.
    struct Settings {
        /// Field for the topic. A name that ends with `!` makes a required field, with `?` an optional one, which is
        /// also what a plain name makes.
        topic: Option<String> = "topic.field", Medium, default None;
        /// Field for the partition; `!` and `?` as for the topic.
        partition: Option<String> = "partition.field", Medium, default None;
        /// Field for the offset, of sink connectors only; `!` and `?` as for the topic.
        offset: Option<String> = "offset.field", Medium, default None;
        /// Field for the timestamp; `!` and `?` as for the topic.
        timestamp: Option<String> = "timestamp.field", Medium, default None;
        /// Field for the fixed text; `!` and `?` as for the topic.
        static_field: Option<String> = "static.field", Medium, default None;
        /// The fixed text.
        static_value: Option<String> = "static.value", Medium, default None;
        /// Whether a null field that has a default is replaced by the default.
        replaces_null: bool = "replace.null.with.default", Medium, default "true";
    }
}

/// `org.apache.kafka.connect.transforms.InsertField`.
pub(crate) struct InsertField {
    side: Side,
    insertions: Vec<Insertion>,
    replaces_null: bool,
    cache: SchemaCache<SchemaRef>,
    layouts: LayoutCache,
}

struct Insertion {
    source: Source,
    name: String,
    schema: SchemaRef,
}

enum Source {
    Topic,
    Partition,
    Offset,
    Timestamp,
    Fixed(Value),
}

impl InsertField {
    pub(crate) fn new(side: Side) -> Self {
        Self {
            side,
            insertions: Vec::new(),
            replaces_null: true,
            cache: SchemaCache::default(),
            layouts: LayoutCache::default(),
        }
    }
}

impl Transform for InsertField {
    fn configure(&mut self, props: &Props) -> Result<(), ConnectError> {
        let settings = Settings::parse(props).map_err(first_issue)?;
        let fixed = match (&settings.static_field, settings.static_value) {
            (Some(field), None) => {
                let field = insertion(Source::Topic, field).name;
                return Err(missing_value(&field));
            }
            (_, value) => value.map_or(Value::Null, Value::string),
        };
        self.insertions = [
            (Source::Topic, settings.topic),
            (Source::Partition, settings.partition),
            (Source::Offset, settings.offset),
            (Source::Timestamp, settings.timestamp),
            (Source::Fixed(fixed), settings.static_field),
        ]
        .into_iter()
        .filter_map(|(source, spec)| Some(insertion(source, &spec?)))
        .collect();
        self.replaces_null = settings.replaces_null;
        match self.insertions.is_empty() {
            true => Err(ConnectError::config("No field insertion configured")),
            false => Ok(()),
        }
    }

    fn config_def(&self) -> ConfigDef {
        Settings::config_def()
    }

    fn keeps_maps_as_text(&self) -> bool {
        true
    }

    fn apply(&self, record: &mut ConnectRecord, position: Position) -> Result<Outcome, ConnectError> {
        if self.side.of(record).is_null() {
            return Ok(Outcome::Keep);
        }
        if self.side.text_map(record).is_some() {
            return self.insert_in_text_map(record, position);
        }
        let (schema, value) = self.side.take(record);
        let (schema, value) = match schema {
            None => (None, self.insert_in_map(require::map(value, PURPOSE)?, record, position)?),
            Some(schema) => {
                let structure = require::structure(value, PURPOSE)?;
                let longer = self.cache.get(&schema, |schema| self.longer(schema))?;
                let structure = self.insert_in_struct(structure, &longer, record, position)?;
                (Some(SchemaRef::clone(&longer)), Value::Struct(Box::new(structure)))
            }
        };
        self.side.put(record, schema, value);
        Ok(Outcome::Keep)
    }
}

impl InsertField {
    fn insert_in_map(
        &self,
        map: Map,
        record: &ConnectRecord,
        position: Position,
    ) -> Result<Value, ConnectError> {
        let mut map = HashMap::copy_of(map);
        for insertion in &self.insertions {
            let value = insertion.source.schemaless_value(record, position)?;
            // Only what the record has is added.
            if !value.is_null() {
                map.put(&insertion.name, value);
            }
        }
        Ok(Value::Map(map.into_map()))
    }

    /// Inserts in a map that is still text: fixed values become part of its layout.
    fn insert_in_text_map(
        &self,
        record: &mut ConnectRecord,
        position: Position,
    ) -> Result<Outcome, ConnectError> {
        let (mut own, mut change) = (Vec::new(), 0);
        for (index, insertion) in self.insertions.iter().enumerate() {
            if matches!(insertion.source, Source::Fixed(_)) {
                continue;
            }
            let value = insertion.source.schemaless_value(record, position)?;
            if !value.is_null() {
                change |= 1 << index;
                own.push(value);
            }
        }
        let Some(map) = self.side.text_map(record) else { return Ok(Outcome::Keep) };
        let layout =
            self.layouts.get(map.layout(), change, |layout| Ok(self.longer_layout(layout, change)))?;
        map.change(layout, own);
        Ok(Outcome::Keep)
    }

    /// `change` has a bit set for each insertion that brings a value of the record's own.
    fn longer_layout(&self, layout: &TextLayout, change: u32) -> TextLayout {
        let mut map = HashMap::copy_of_entries(layout.entries());
        let mut own_count = layout.own_count();
        for (index, insertion) in self.insertions.iter().enumerate() {
            if let Source::Fixed(value) = &insertion.source {
                map.put(&insertion.name, json::Source::Fixed(value.clone()));
            } else if change & 1 << index != 0 {
                map.put(&insertion.name, json::Source::Own(own_count));
                own_count += 1;
            }
        }
        TextLayout::new(map.into_entries(), own_count)
    }

    fn insert_in_struct(
        &self,
        structure: Struct,
        longer: &SchemaRef,
        record: &ConnectRecord,
        position: Position,
    ) -> Result<Struct, ConnectError> {
        let (schema, mut values) = structure.into_parts();
        for (field, value) in schema.fields.iter().zip(&mut values) {
            if value.is_null() {
                let found = with_default(Value::Null, &field.schema, self.replaces_null);
                *value = require::copied(found, field)?;
            }
        }
        for insertion in &self.insertions {
            // The JVM leaves out a partition and a timestamp that the record does not have, required or not.
            values.push(insertion.source.value(record, position)?);
        }
        Ok(Struct::from_parts(SchemaRef::clone(longer), values))
    }

    fn longer(&self, schema: &Schema) -> Result<SchemaRef, ConnectError> {
        let mut longer = copy_basics(schema, Type::Struct);
        longer.fields = fields_of(schema)?.to_vec();
        for insertion in &self.insertions {
            add_field(&mut longer, &insertion.name, SchemaRef::clone(&insertion.schema))?;
        }
        Ok(SchemaRef::new(longer))
    }
}

impl Source {
    fn schema(&self) -> Schema {
        match self {
            Source::Topic | Source::Fixed(_) => Schema::of(Type::String),
            Source::Partition => Schema::of(Type::Int32),
            Source::Offset => Schema::of(Type::Int64),
            Source::Timestamp => logical::timestamp(),
        }
    }

    /// Returns the value with the type it has in a map; null when the record has none.
    fn schemaless_value(&self, record: &ConnectRecord, position: Position) -> Result<Value, ConnectError> {
        match (self, record.timestamp) {
            (Source::Timestamp, Some(millis)) => Ok(Value::Int64(millis)),
            (source, _) => source.value(record, position),
        }
    }

    /// Returns the value with the type it has under a schema; null when the record has none.
    fn value(&self, record: &ConnectRecord, position: Position) -> Result<Value, ConnectError> {
        Ok(match self {
            Source::Topic => Value::string(&*record.topic),
            Source::Partition => record.partition.map_or(Value::Null, Value::Int32),
            Source::Offset => Value::Int64(position.kafka_offset.ok_or_else(|| {
                ConnectError::data(format!(
                    "Only SinkRecord supported for [{PURPOSE}], found: \
                     org.apache.kafka.connect.source.SourceRecord"
                ))
            })?),
            Source::Timestamp => record.timestamp.map_or(Value::Null, Value::Date),
            Source::Fixed(value) => value.clone(),
        })
    }
}

fn insertion(source: Source, spec: &str) -> Insertion {
    let name = spec.strip_suffix(['?', '!']).unwrap_or(spec).to_owned();
    let schema = Schema { optional: !spec.ends_with('!'), ..source.schema() };
    Insertion { source, name, schema: SchemaRef::new(schema) }
}

fn missing_value(field: &str) -> ConnectError {
    ConnectError::config(format!(
        "Invalid value null for configuration static.value: No value specified for static field: {field}"
    ))
}
