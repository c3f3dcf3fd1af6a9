//! `ReplaceField`: fields left out and renamed.

use connect_core::config;
use connect_core::config::{ConfigDef, Parsed, Props, Validator};
use connect_core::data::json::TextLayout;
use connect_core::data::{Field, Map, Schema, SchemaRef, Struct, Type, Value};
use connect_core::error::ConnectError;
use connect_core::record::ConnectRecord;
use connect_core::transform::{Outcome, Position, Transform};

use crate::java_map::{HashMap, in_set_order};
use crate::layouts::LayoutCache;
use crate::require;
use crate::schemas::{SchemaCache, add_field, copy_basics, fields_of};
use crate::settings::{first_issue, java_split, unique_list, with_default, without_repeats};
use crate::side::Side;

const PURPOSE: &str = "field replacement";

config! {
    /// Settings.
    struct Settings {
        /// Fields to leave out; wins over `include`.
        exclude: Vec<String> = "exclude", Medium, default "", valid Validator::Custom(unique_list);
        /// Fields to keep; empty keeps all.
        include: Vec<String> = "include", Medium, default "", valid Validator::Custom(unique_list);
        /// New names, as `old:new,…`. Other settings know fields by their old names.
        renames: Vec<String> = "renames", Medium, default "", valid Validator::Custom(valid_renames);
        /// Whether a null field that has a default is replaced by the default.
        replaces_null: bool = "replace.null.with.default", Medium, default "true";
    }
}

/// `org.apache.kafka.connect.transforms.ReplaceField`.
pub(crate) struct ReplaceField {
    side: Side,
    exclude: Vec<String>,
    include: Vec<String>,
    /// Old and new names, in the order in which the JVM looks at them.
    renames: Vec<(String, String)>,
    replaces_null: bool,
    cache: SchemaCache<Plan>,
    layouts: LayoutCache,
}

/// A changed schema, with the position of each of its fields in the old one, or the name of a field that is not there.
struct Plan {
    schema: SchemaRef,
    sources: Vec<Result<usize, String>>,
}

impl ReplaceField {
    pub(crate) fn new(side: Side) -> Self {
        Self {
            side,
            exclude: Vec::new(),
            include: Vec::new(),
            renames: Vec::new(),
            replaces_null: true,
            cache: SchemaCache::default(),
            layouts: LayoutCache::default(),
        }
    }
}

impl Transform for ReplaceField {
    fn configure(&mut self, props: &Props) -> Result<(), ConnectError> {
        let settings =
            Settings::parse(&without_repeats(props, &["exclude", "include"])).map_err(first_issue)?;
        let mut renames = parse_renames(&settings.renames).map_err(ConnectError::config)?;
        let order = in_set_order(renames.iter().map(|(old, _)| old.clone()).collect());
        renames.sort_by_key(|(old, _)| order.iter().position(|other| other == old));
        self.renames = renames;
        self.exclude = settings.exclude;
        self.include = settings.include;
        self.replaces_null = settings.replaces_null;
        Ok(())
    }

    fn config_def(&self) -> ConfigDef {
        Settings::config_def()
    }

    fn keeps_maps_as_text(&self) -> bool {
        true
    }

    fn apply(&self, record: &mut ConnectRecord, _position: Position) -> Result<Outcome, ConnectError> {
        if self.side.of(record).is_null() {
            return Ok(Outcome::Keep);
        }
        if let Some(map) = self.side.text_map(record) {
            let layout = self.layouts.get(map.layout(), 0, |layout| {
                let entries = self.replace_in_entries(layout.entries())?;
                Ok(TextLayout::new(entries, layout.own_count()))
            })?;
            map.change(layout, Vec::new());
            return Ok(Outcome::Keep);
        }
        let (schema, value) = self.side.take(record);
        let (schema, value) = match schema {
            None => (None, self.replace_in_map(require::map(value, PURPOSE)?)?),
            Some(_) => {
                let structure = require::structure(value, PURPOSE)?;
                let plan = self.cache.get(structure.schema(), |schema| self.plan(schema))?;
                let structure = self.replace_in_struct(structure, &plan)?;
                (Some(SchemaRef::clone(&plan.schema)), Value::Struct(Box::new(structure)))
            }
        };
        self.side.put(record, schema, value);
        Ok(Outcome::Keep)
    }
}

impl ReplaceField {
    fn replace_in_map(&self, map: Map) -> Result<Value, ConnectError> {
        Ok(Value::Map(Map { entries: self.replace_in_entries(map.entries)? }))
    }

    fn replace_in_entries<V>(&self, entries: Vec<(Value, V)>) -> Result<Vec<(Value, V)>, ConnectError> {
        let mut left = HashMap::with_capacity(entries.len());
        for (key, value) in entries {
            let name = require::text_key(&key)?;
            if !self.keeps(name) {
                continue;
            }
            let touches = |(old, new): &(String, String)| old == name || new == name;
            match self.renames.iter().any(touches) {
                true => left.put(self.renamed(name), value),
                // No other field comes to have this name.
                false => left.put_new(key, value),
            }
        }
        Ok(left.into_entries())
    }

    fn replace_in_struct(&self, structure: Struct, plan: &Plan) -> Result<Struct, ConnectError> {
        let (schema, mut old) = structure.into_parts();
        let take = |(field, source): (&Field, &Result<usize, String>)| {
            let index = *source
                .as_ref()
                .map_err(|name| ConnectError::data(format!("{name} is not a valid field name")))?;
            let old_field = &schema.fields[index];
            let value = match plan.sources.iter().filter(|other| *other == source).count() {
                1 => std::mem::replace(&mut old[index], Value::Null),
                // Two names for one field: a rename to a name that a field not renamed has, too.
                _ => old[index].clone(),
            };
            let value = with_default(value, &old_field.schema, self.replaces_null);
            if !SchemaRef::ptr_eq(&field.schema, &old_field.schema) {
                value.validate(&field.schema, Some(&field.name))?;
            }
            require::copied(value, field)
        };
        let values = plan.schema.fields.iter().zip(&plan.sources).map(take).collect::<Result<Vec<_>, _>>()?;
        Ok(Struct::from_parts(SchemaRef::clone(&plan.schema), values))
    }

    fn plan(&self, schema: &Schema) -> Result<Plan, ConnectError> {
        let mut left = copy_basics(schema, Type::Struct);
        for field in fields_of(schema)?.iter().filter(|field| self.keeps(&field.name)) {
            add_field(&mut left, self.renamed(&field.name), SchemaRef::clone(&field.schema))?;
        }
        let source = |name: &str| {
            // A new name leads back to the old one even where the old field is not there, as in Kafka Connect.
            let old =
                self.renames.iter().rev().find(|(_, new)| new == name).map_or(name, |(old, _)| old.as_str());
            schema.field_index(old).ok_or_else(|| old.to_owned())
        };
        let sources = left.fields.iter().map(|field| source(&field.name)).collect();
        Ok(Plan { schema: SchemaRef::new(left), sources })
    }

    fn keeps(&self, name: &str) -> bool {
        let lists = |names: &[String]| names.iter().any(|other| other == name);
        !lists(&self.exclude) && (self.include.is_empty() || lists(&self.include))
    }

    fn renamed<'a>(&'a self, name: &'a str) -> &'a str {
        self.renames.iter().find(|(old, _)| old == name).map_or(name, |(_, new)| new)
    }
}

fn valid_renames(_name: &str, value: &Parsed) -> Result<(), String> {
    match value {
        Parsed::List(items) => parse_renames(items).map(drop),
        _ => Ok(()),
    }
}

/// Returns old and new names; the last new name of an old one counts.
fn parse_renames(items: &[String]) -> Result<Vec<(String, String)>, String> {
    let mut renames: Vec<(String, String)> = Vec::with_capacity(items.len());
    for item in items {
        let &[old, new] = java_split(item, ':').as_slice() else {
            let items = items.join(", ");
            return Err(format!(
                "Invalid value [{items}] for configuration renames: Invalid rename mapping: {item}"
            ));
        };
        match renames.iter_mut().find(|(known, _)| known == old) {
            Some(known) => known.1 = new.to_owned(),
            None => renames.push((old.to_owned(), new.to_owned())),
        }
    }
    Ok(renames)
}
