//! `Cast`: fields, or the whole key or value, as another type.

use connect_core::config;
use connect_core::config::{ConfigDef, Parsed, Props, Validator};
use connect_core::data::{Field, Schema, SchemaRef, Struct, Type, Value};
use connect_core::error::ConnectError;
use connect_core::record::ConnectRecord;
use connect_core::transform::{Outcome, Position, Transform};

use crate::cast_value::{self, cast};
use crate::java_map::{HashMap, in_set_order};
use crate::require;
use crate::schemas::{SchemaCache, copy_basics, fields_of, set_default};
use crate::settings::{first_issue, java_split, with_default};
use crate::side::Side;

const PURPOSE: &str = "cast types";

config! {
    /// Settings.
    struct Settings {
        /// Fields and the types to cast them to, as `field:type,…`, or one type for the whole key or value. Types are
        /// int8, int16, int32, int64, float32, float64, boolean and string. Bytes become text (base64) only.
        spec: Vec<String> = "spec", High, valid Validator::Custom(valid_spec);
        /// Whether a null field that has a default is replaced by the default.
        replaces_null: bool = "replace.null.with.default", Medium, default "true";
    }
}

/// `org.apache.kafka.connect.transforms.Cast`.
pub(crate) struct Cast {
    side: Side,
    spec: Spec,
    replaces_null: bool,
    cache: SchemaCache<Plan>,
}

/// What to cast.
enum Spec {
    Whole(Type),
    /// In the order in which the JVM looks at them.
    Fields(Vec<(String, Type)>),
}

/// A changed schema, with the target type of each field of a struct.
struct Plan {
    schema: SchemaRef,
    targets: Vec<Option<Type>>,
}

impl Cast {
    pub(crate) fn new(side: Side) -> Self {
        Self { side, spec: Spec::Fields(Vec::new()), replaces_null: true, cache: SchemaCache::default() }
    }
}

impl Transform for Cast {
    fn configure(&mut self, props: &Props) -> Result<(), ConnectError> {
        let settings = Settings::parse(props).map_err(first_issue)?;
        self.spec = parse_spec(&settings.spec).map_err(ConnectError::config)?;
        self.replaces_null = settings.replaces_null;
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
        match schema {
            None => {
                let value = self.cast_schemaless(value)?;
                self.side.put(record, None, value);
            }
            Some(schema) => {
                let plan = self.cache.get(&schema, |schema| self.plan(schema))?;
                let value = self.cast_with_schema(&schema, value, &plan)?;
                self.side.put(record, Some(SchemaRef::clone(&plan.schema)), value);
            }
        }
        Ok(Outcome::Keep)
    }
}

impl Cast {
    fn cast_schemaless(&self, value: Value) -> Result<Value, ConnectError> {
        let fields = match &self.spec {
            Spec::Whole(ty) => return cast(None, value, *ty),
            Spec::Fields(fields) => fields,
        };
        let mut map = HashMap::copy_of(require::map(value, PURPOSE)?);
        for (name, ty) in fields {
            match map.get_mut(name) {
                Some(slot) => *slot = cast(None, std::mem::replace(slot, Value::Null), *ty)?,
                None => map.put(name, Value::Null),
            }
        }
        Ok(Value::Map(map.into_map()))
    }

    fn cast_with_schema(&self, schema: &Schema, value: Value, plan: &Plan) -> Result<Value, ConnectError> {
        if let Spec::Whole(ty) = &self.spec {
            return cast(Some(schema), value, *ty);
        }
        let (schema, mut values) = require::structure(value, PURPOSE)?.into_parts();
        for (index, field) in schema.fields.iter().enumerate() {
            let value = std::mem::replace(&mut values[index], Value::Null);
            let value = with_default(value, &field.schema, self.replaces_null);
            values[index] = match plan.targets[index] {
                Some(ty) => {
                    let value = cast(Some(&field.schema), value, ty)?;
                    value.validate(&plan.schema.fields[index].schema, Some(&field.name))?;
                    value
                }
                None => require::copied(value, field)?,
            };
        }
        Ok(Value::Struct(Box::new(Struct::from_parts(SchemaRef::clone(&plan.schema), values))))
    }

    fn plan(&self, schema: &Schema) -> Result<Plan, ConnectError> {
        let mut targets = Vec::new();
        let (mut changed, target) = match &self.spec {
            Spec::Whole(ty) => (copy_basics(schema, *ty), *ty),
            Spec::Fields(casts) => {
                let mut changed = copy_basics(schema, Type::Struct);
                for field in fields_of(schema)? {
                    let target = casts.iter().find(|(name, _)| *name == field.name).map(|(_, ty)| *ty);
                    changed.fields.push(match target {
                        Some(ty) => cast_field(field, ty)?,
                        None => field.clone(),
                    });
                    targets.push(target);
                }
                (changed, Type::Struct)
            }
        };
        changed.optional = schema.optional;
        if let Some(default) = &schema.default {
            let default = cast(Some(schema), default.clone(), target)?;
            set_default(&mut changed, default)?;
        }
        Ok(Plan { schema: SchemaRef::new(changed), targets })
    }
}

fn cast_field(field: &Field, ty: Type) -> Result<Field, ConnectError> {
    let mut changed = Schema { optional: field.schema.optional, ..Schema::of(ty) };
    if let Some(default) = &field.schema.default {
        let default = cast(Some(&field.schema), default.clone(), ty)?;
        set_default(&mut changed, default)?;
    }
    Ok(Field { name: field.name.clone(), schema: SchemaRef::new(changed) })
}

fn valid_spec(_name: &str, value: &Parsed) -> Result<(), String> {
    match value {
        Parsed::List(items) if !items.is_empty() => parse_spec(items).map(drop),
        _ => Err("Must specify at least one field to cast.".to_owned()),
    }
}

fn parse_spec(items: &[String]) -> Result<Spec, String> {
    let mut casts: Vec<(String, Type)> = Vec::new();
    let mut whole = None;
    for item in items {
        let parts = java_split(item, ':');
        match parts.as_slice() {
            [ty] => whole = Some(cast_value::target(ty.trim())?),
            [field, ty] => {
                let ty = cast_value::target(ty.trim())?;
                let field = field.trim();
                casts.retain(|(known, _)| known != field);
                casts.push((field.to_owned(), ty));
            }
            _ => {
                let items = items.join(", ");
                return Err(format!(
                    "Invalid value [{items}] for configuration renames: Invalid rename mapping: {item}"
                ));
            }
        }
    }
    match whole {
        Some(_) if items.len() > 1 => {
            Err("Cast transformations that specify a type to cast the entire value to \
                                           may only specify a single cast in their spec"
                .to_owned())
        }
        Some(ty) => Ok(Spec::Whole(ty)),
        None => {
            let order = in_set_order(casts.iter().map(|(name, _)| name.clone()).collect());
            casts.sort_by_key(|(name, _)| order.iter().position(|other| other == name));
            Ok(Spec::Fields(casts))
        }
    }
}

#[cfg(test)]
mod tests {
    use connect_core::data::{Datum, Map};
    use connect_core::headers::Headers;

    use super::*;

    #[test]
    fn missing_field_without_schema_is_added_as_null() {
        let mut transform = Cast::new(Side::Value);
        let props = [("spec".to_owned(), "n:int8".to_owned())].into_iter().collect();
        transform.configure(&props).unwrap();
        let mut record = ConnectRecord {
            topic: "t".into(),
            partition: None,
            key: Datum::NULL,
            value: Datum::schemaless(Value::Map(Map::default())),
            timestamp: None,
            headers: Headers::new(),
        };
        transform.apply(&mut record, Position { kafka_offset: None }).unwrap();
        let expected = Map { entries: vec![(Value::string("n"), Value::Null)] };
        assert_eq!(record.value, Datum::schemaless(Value::Map(expected)));
    }
}
