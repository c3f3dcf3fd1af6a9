//! `SetSchemaMetadata`: another name or version for the schema.

use connect_core::config;
use connect_core::config::{ConfigDef, Props};
use connect_core::data::{Schema, SchemaRef, Struct, Value};
use connect_core::error::ConnectError;
use connect_core::record::ConnectRecord;
use connect_core::transform::{Outcome, Position, Transform};

use crate::require;
use crate::schemas::{SchemaCache, fields_of};
use crate::settings::{first_issue, with_default};
use crate::side::Side;

config! {
    /// Settings.
    struct Settings {
        /// Name to set.
        name: Option<String> = "schema.name", High, default None;
        /// Version to set.
        version: Option<i32> = "schema.version", High, default None;
        /// Whether a null field that has a default is replaced by the default.
        replaces_null: bool = "replace.null.with.default", Medium, default "true";
    }
}

/// `org.apache.kafka.connect.transforms.SetSchemaMetadata`.
pub(crate) struct SetSchemaMetadata {
    side: Side,
    name: Option<String>,
    version: Option<i32>,
    replaces_null: bool,
    cache: SchemaCache<SchemaRef>,
}

impl SetSchemaMetadata {
    pub(crate) fn new(side: Side) -> Self {
        Self { side, name: None, version: None, replaces_null: true, cache: SchemaCache::default() }
    }
}

impl Transform for SetSchemaMetadata {
    fn configure(&mut self, props: &Props) -> Result<(), ConnectError> {
        let settings = Settings::parse(props).map_err(first_issue)?;
        if settings.name.is_none() && settings.version.is_none() {
            return Err(ConnectError::config("Neither schema name nor version configured"));
        }
        self.name = settings.name;
        self.version = settings.version;
        self.replaces_null = settings.replaces_null;
        Ok(())
    }

    fn config_def(&self) -> ConfigDef {
        Settings::config_def()
    }

    fn apply(&self, record: &mut ConnectRecord, _position: Position) -> Result<Outcome, ConnectError> {
        let datum = self.side.of(record);
        if datum.is_null() && datum.schema().is_none() {
            return Ok(Outcome::Keep);
        }
        let (schema, value) = self.side.take(record);
        let schema =
            schema.ok_or_else(|| ConnectError::data("Schema required for [updating schema metadata]"))?;
        let updated = self.cache.get(&schema, |schema| self.updated(schema))?;
        let value = match value {
            Value::Struct(structure) => self.rebind(*structure, &updated)?,
            other => other,
        };
        self.side.put(record, Some(SchemaRef::clone(&updated)), value);
        Ok(Outcome::Keep)
    }
}

impl SetSchemaMetadata {
    fn updated(&self, schema: &Schema) -> Result<SchemaRef, ConnectError> {
        // Kafka Connect lists the fields of any schema, which fails for all but structs.
        fields_of(schema)?;
        let mut updated = schema.clone();
        if let Some(name) = &self.name {
            updated.name = Some(name.clone());
        }
        updated.version = self.version.or(schema.version);
        Ok(SchemaRef::new(updated))
    }

    fn rebind(&self, structure: Struct, schema: &SchemaRef) -> Result<Value, ConnectError> {
        let (_, values) = structure.into_parts();
        let values = values
            .into_iter()
            .zip(&schema.fields)
            .map(|(value, field)| {
                require::copied(with_default(value, &field.schema, self.replaces_null), field)
            })
            .collect::<Result<Vec<_>, _>>()?;
        Ok(Value::Struct(Box::new(Struct::from_parts(SchemaRef::clone(schema), values))))
    }
}
