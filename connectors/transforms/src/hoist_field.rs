//! `HoistField`: the whole key or value as the only field of a struct or map.

use connect_core::config;
use connect_core::config::{ConfigDef, Props};
use connect_core::data::{Map, Schema, SchemaRef, Struct, Type, Value};
use connect_core::error::ConnectError;
use connect_core::record::ConnectRecord;
use connect_core::transform::{Outcome, Position, Transform};

use crate::schemas::{SchemaCache, add_field};
use crate::settings::first_issue;
use crate::side::Side;

config! {
    /// Settings.
    struct Settings {
        /// Name of the field.
        field: String = "field", Medium;
    }
}

/// `org.apache.kafka.connect.transforms.HoistField`.
pub(crate) struct HoistField {
    side: Side,
    field: String,
    cache: SchemaCache<SchemaRef>,
}

impl HoistField {
    pub(crate) fn new(side: Side) -> Self {
        Self { side, field: String::new(), cache: SchemaCache::default() }
    }
}

impl Transform for HoistField {
    fn configure(&mut self, props: &Props) -> Result<(), ConnectError> {
        self.field = Settings::parse(props).map_err(first_issue)?.field;
        Ok(())
    }

    fn config_def(&self) -> ConfigDef {
        Settings::config_def()
    }

    fn apply(&self, record: &mut ConnectRecord, _position: Position) -> Result<Outcome, ConnectError> {
        let (schema, value) = self.side.take(record);
        let Some(schema) = schema else {
            let entries = vec![(Value::string(self.field.as_str()), value)];
            self.side.put(record, None, Value::Map(Map { entries }));
            return Ok(Outcome::Keep);
        };
        let hoisted = self.cache.get(&schema, |_| {
            let mut hoisted = Schema::of(Type::Struct);
            add_field(&mut hoisted, &self.field, SchemaRef::clone(&schema))?;
            Ok(SchemaRef::new(hoisted))
        })?;
        // No struct has checked this value before.
        value.validate(&hoisted.fields[0].schema, Some(&self.field))?;
        let structure = Struct::from_parts(SchemaRef::clone(&hoisted), vec![value]);
        self.side.put(record, Some(SchemaRef::clone(&hoisted)), Value::Struct(Box::new(structure)));
        Ok(Outcome::Keep)
    }
}
