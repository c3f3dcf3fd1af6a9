//! The JSON text of an Avro schema, members in the order of Avro's Java library: registries compare texts.

use std::collections::HashMap;

use connect_core::error::ConnectError;
use serde_json::{Map, Value as Json};

use crate::schema::{Avro, Field, Kind, Name};

/// Returns the text of a schema.
///
/// # Errors
/// Fails with a data error when two different types share a name.
pub fn of(schema: &Avro) -> Result<String, ConnectError> {
    let mut writer = Writer { seen: HashMap::new() };
    Ok(writer.schema(schema, None)?.to_string())
}

struct Writer<'a> {
    seen: HashMap<String, &'a Avro>,
}

impl<'a> Writer<'a> {
    fn schema(&mut self, schema: &'a Avro, space: Option<&str>) -> Result<Json, ConnectError> {
        if let Kind::Open(name) = &schema.kind {
            return Ok(Json::String(reference(name, space)));
        }
        if let Kind::Union(branches) = &schema.kind {
            let branches: Result<Vec<Json>, _> =
                branches.iter().map(|branch| self.schema(branch, space)).collect();
            return branches.map(Json::Array);
        }
        if let Some(name) = schema.name() {
            match self.seen.insert(name.full(), schema) {
                Some(earlier) if earlier == schema => return Ok(Json::String(reference(name, space))),
                Some(_) => {
                    return Err(ConnectError::data(format!("Can't redefine: {}", name.full())));
                }
                None => {}
            }
        } else if schema.props.is_empty() && !matches!(schema.kind, Kind::Array(_) | Kind::Map(_)) {
            return Ok(Json::String(schema.type_name().to_owned()));
        }
        let mut members = Map::new();
        members.insert("type".to_owned(), schema.type_name().into());
        self.own_members(schema, space, &mut members)?;
        members.extend(schema.props.iter().map(|(key, value)| (key.clone(), value.clone())));
        Ok(Json::Object(members))
    }

    fn own_members(
        &mut self,
        schema: &'a Avro,
        space: Option<&str>,
        members: &mut Map<String, Json>,
    ) -> Result<(), ConnectError> {
        let mut put = |key: &str, value: Json| {
            members.insert(key.to_owned(), value);
        };
        if let Some(name) = schema.name() {
            put("name", name.name.clone().into());
            match (&name.space, space) {
                (Some(own), outer) if Some(own.as_str()) != outer => put("namespace", own.clone().into()),
                (None, Some(_)) => put("namespace", "".into()),
                _ => {}
            }
        }
        match &schema.kind {
            Kind::Array(items) => put("items", self.schema(items, space)?),
            Kind::Map(values) => put("values", self.schema(values, space)?),
            Kind::Record(record) => {
                if let Some(doc) = &record.doc {
                    put("doc", doc.clone().into());
                }
                let space = record.name.space.as_deref();
                let fields: Result<Vec<Json>, _> =
                    record.fields.iter().map(|field| self.field(field, space)).collect();
                put("fields", Json::Array(fields?));
            }
            Kind::Enum(symbols) => {
                if let Some(doc) = &symbols.doc {
                    put("doc", doc.clone().into());
                }
                put("symbols", symbols.symbols.clone().into());
                if let Some(default) = &symbols.default {
                    put("default", default.clone().into());
                }
            }
            Kind::Fixed(fixed) => {
                if let Some(doc) = &fixed.doc {
                    put("doc", doc.clone().into());
                }
                put("size", fixed.size.into());
            }
            _ => {}
        }
        Ok(())
    }

    fn field(&mut self, field: &'a Field, space: Option<&str>) -> Result<Json, ConnectError> {
        let mut members = Map::new();
        members.insert("name".to_owned(), field.name.clone().into());
        members.insert("type".to_owned(), self.schema(&field.schema, space)?);
        if let Some(doc) = &field.doc {
            members.insert("doc".to_owned(), doc.clone().into());
        }
        if let Some(default) = &field.default {
            members.insert("default".to_owned(), default.clone());
        }
        members.extend(field.props.iter().map(|(key, value)| (key.clone(), value.clone())));
        Ok(Json::Object(members))
    }
}

/// A name inside its own namespace is written without it.
fn reference(name: &Name, space: Option<&str>) -> String {
    if name.space.as_deref() == space { name.name.clone() } else { name.full() }
}
