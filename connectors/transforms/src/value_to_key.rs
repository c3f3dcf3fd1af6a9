//! `ValueToKey`: a new key made of fields of the value.

use connect_core::config;
use connect_core::config::{ConfigDef, Props, Validator};
use connect_core::data::{Datum, Schema, SchemaRef, Struct, Type, Value};
use connect_core::error::ConnectError;
use connect_core::record::ConnectRecord;
use connect_core::transform::{Outcome, Position, Transform};

use crate::java_map::HashMap;
use crate::require;
use crate::schemas::{SchemaCache, add_field};
use crate::settings::{first_issue, non_empty_unique_list, with_default, without_repeats};

const PURPOSE: &str = "copying fields from value to key";

config! {
    /// Settings.
    struct Settings {
        /// Fields of the value that make the key.
        fields: Vec<String> = "fields", High, valid Validator::Custom(non_empty_unique_list);
        /// Whether a null field that has a default is replaced by the default.
        replaces_null: bool = "replace.null.with.default", Medium, default "true";
    }
}

/// `org.apache.kafka.connect.transforms.ValueToKey`.
#[derive(Default)]
pub(crate) struct ValueToKey {
    fields: Vec<String>,
    replaces_null: bool,
    cache: SchemaCache<Plan>,
}

/// The key's schema, with the position of each of its fields in the value's.
struct Plan {
    schema: SchemaRef,
    sources: Vec<usize>,
}

impl Transform for ValueToKey {
    fn configure(&mut self, props: &Props) -> Result<(), ConnectError> {
        let settings = Settings::parse(&without_repeats(props, &["fields"])).map_err(first_issue)?;
        self.fields = settings.fields;
        self.replaces_null = settings.replaces_null;
        Ok(())
    }

    fn config_def(&self) -> ConfigDef {
        Settings::config_def()
    }

    fn apply(&self, record: &mut ConnectRecord, _position: Position) -> Result<Outcome, ConnectError> {
        let has_schema = record.value.schema().is_some();
        record.key = match &*record.value.value_mut() {
            Value::Struct(structure) if has_schema => self.struct_key(structure)?,
            other if has_schema => return Err(require::no_struct(other, PURPOSE)),
            Value::Map(map) => {
                let mut key = HashMap::with_capacity(self.fields.len());
                for name in &self.fields {
                    key.put(name, map.get(name).cloned().unwrap_or(Value::Null));
                }
                Datum::schemaless(Value::Map(key.into_map()))
            }
            other => return Err(require::no_map(other, PURPOSE)),
        };
        Ok(Outcome::Keep)
    }
}

impl ValueToKey {
    fn struct_key(&self, value: &Struct) -> Result<Datum, ConnectError> {
        let plan = self.cache.get(value.schema(), |schema| self.plan(schema))?;
        let copy = |(field, source): (_, &usize)| {
            let schema = &value.schema().fields[*source].schema;
            require::copied(with_default(value.values()[*source].clone(), schema, self.replaces_null), field)
        };
        let values = plan.schema.fields.iter().zip(&plan.sources).map(copy).collect::<Result<Vec<_>, _>>()?;
        let key = Struct::from_parts(SchemaRef::clone(&plan.schema), values);
        Ok(Datum::new(Some(SchemaRef::clone(&plan.schema)), Value::Struct(Box::new(key))))
    }

    fn plan(&self, schema: &Schema) -> Result<Plan, ConnectError> {
        let mut key = Schema::of(Type::Struct);
        let mut sources = Vec::with_capacity(self.fields.len());
        for name in &self.fields {
            let index = schema
                .field_index(name)
                .ok_or_else(|| ConnectError::data(format!("Field does not exist: {name}")))?;
            add_field(&mut key, name, SchemaRef::clone(&schema.fields[index].schema))?;
            sources.push(index);
        }
        Ok(Plan { schema: SchemaRef::new(key), sources })
    }
}
