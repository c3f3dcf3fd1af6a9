//! Avro schemas as a tree that keeps every property: Connect's own data lives in properties of any type, which the
//! Avro crate drops on primitive types.

use std::collections::HashMap;
use std::sync::Arc;

use connect_core::error::ConnectError;
use indexmap::IndexMap;
use serde_json::Value as Json;

/// Schemas may not nest deeper.
const MAX_DEPTH: usize = 128;

/// A schema and the properties that Avro itself does not know.
#[derive(Debug, Clone, PartialEq)]
pub struct Avro {
    pub kind: Kind,
    pub props: IndexMap<String, Json>,
}

/// The types of Avro.
#[derive(Debug, Clone, PartialEq)]
pub enum Kind {
    Null,
    Boolean,
    Int,
    Long,
    Float,
    Double,
    Bytes,
    String,
    Array(Arc<Avro>),
    Map(Arc<Avro>),
    Union(Vec<Arc<Avro>>),
    Record(Record),
    Enum(Enum),
    Fixed(Fixed),
    /// A type inside its own definition.
    Open(Name),
}

/// A record type.
#[derive(Debug, Clone, PartialEq)]
pub struct Record {
    pub name: Name,
    pub doc: Option<String>,
    pub fields: Vec<Field>,
}

/// A field of a record.
#[derive(Debug, Clone, PartialEq)]
pub struct Field {
    pub name: String,
    pub schema: Arc<Avro>,
    pub doc: Option<String>,
    pub default: Option<Json>,
    pub props: IndexMap<String, Json>,
}

/// An enum type.
#[derive(Debug, Clone, PartialEq)]
pub struct Enum {
    pub name: Name,
    pub doc: Option<String>,
    pub symbols: Vec<String>,
    pub default: Option<String>,
}

/// A type of a fixed number of bytes.
#[derive(Debug, Clone, PartialEq)]
pub struct Fixed {
    pub name: Name,
    pub doc: Option<String>,
    pub size: usize,
}

/// The name of a type.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Name {
    pub space: Option<String>,
    pub name: String,
}

impl Name {
    /// Returns the name with its namespace.
    pub fn full(&self) -> String {
        match &self.space {
            Some(space) => format!("{space}.{}", self.name),
            None => self.name.clone(),
        }
    }

    /// Splits a full name at the last dot; a bare name is in `space`.
    fn of(text: &str, space: Option<&str>) -> Self {
        match text.rsplit_once('.') {
            Some(("", name)) => Self { space: None, name: name.to_owned() },
            Some((space, name)) => Self { space: Some(space.to_owned()), name: name.to_owned() },
            None => Self { space: space.map(str::to_owned), name: text.to_owned() },
        }
    }
}

impl Avro {
    /// Returns a schema without properties.
    pub fn of(kind: Kind) -> Self {
        Self { kind, props: IndexMap::new() }
    }

    /// Returns a property that is a text.
    pub fn prop(&self, key: &str) -> Option<&str> {
        self.props.get(key).and_then(Json::as_str)
    }

    /// Returns the name of a named type.
    pub fn name(&self) -> Option<&Name> {
        match &self.kind {
            Kind::Record(record) => Some(&record.name),
            Kind::Enum(symbols) => Some(&symbols.name),
            Kind::Fixed(fixed) => Some(&fixed.name),
            Kind::Open(name) => Some(name),
            _ => None,
        }
    }

    /// Returns Avro's word for the type.
    pub fn type_name(&self) -> &'static str {
        match &self.kind {
            Kind::Null => "null",
            Kind::Boolean => "boolean",
            Kind::Int => "int",
            Kind::Long => "long",
            Kind::Float => "float",
            Kind::Double => "double",
            Kind::Bytes => "bytes",
            Kind::String => "string",
            Kind::Array(_) => "array",
            Kind::Map(_) => "map",
            Kind::Union(_) => "union",
            Kind::Record(_) | Kind::Open(_) => "record",
            Kind::Enum(_) => "enum",
            Kind::Fixed(_) => "fixed",
        }
    }
}

/// Reads a schema; those it refers to are given with it.
///
/// # Errors
/// Fails with a data error when the text is no Avro schema.
pub fn parse(text: &str, references: &[(String, String)]) -> Result<Arc<Avro>, ConnectError> {
    let mut parser = Parser { names: HashMap::new() };
    for (_, reference) in references {
        parser.parse_text(reference)?;
    }
    parser.parse_text(text)
}

struct Parser {
    /// Types by full name; none while a type is inside its own definition.
    names: HashMap<String, Option<Arc<Avro>>>,
}

fn invalid(what: impl std::fmt::Display) -> ConnectError {
    ConnectError::data(format!("reading an Avro schema: {what}"))
}

impl Parser {
    fn parse_text(&mut self, text: &str) -> Result<Arc<Avro>, ConnectError> {
        // A bare name such as `string` may stand without quotes in older registries.
        let json = serde_json::from_str(text)
            .or_else(|error| match text.chars().all(|letter| letter.is_ascii_alphanumeric()) {
                true => Ok(Json::String(text.to_owned())),
                false => Err(error),
            })
            .map_err(|error| ConnectError::data("reading an Avro schema").because(error))?;
        self.schema(&json, None, 0)
    }

    fn schema(&mut self, json: &Json, space: Option<&str>, depth: usize) -> Result<Arc<Avro>, ConnectError> {
        if depth > MAX_DEPTH {
            return Err(invalid("types nest too deeply"));
        }
        match json {
            Json::String(name) => self.named(name, space),
            Json::Array(branches) => {
                let branches: Result<Vec<_>, _> =
                    branches.iter().map(|branch| self.schema(branch, space, depth + 1)).collect();
                Ok(Arc::new(Avro::of(Kind::Union(branches?))))
            }
            Json::Object(members) => self.object(members, space, depth),
            other => Err(invalid(format_args!("`{other}` is no type"))),
        }
    }

    fn named(&self, name: &str, space: Option<&str>) -> Result<Arc<Avro>, ConnectError> {
        if let Some(kind) = primitive(name) {
            return Ok(Arc::new(Avro::of(kind)));
        }
        let own = Name::of(name, space);
        let (own, known) = match self.names.get(&own.full()) {
            Some(known) => (own, known),
            // A name without a namespace may also be meant without one.
            None => match self.names.get(name) {
                Some(known) => (Name::of(name, None), known),
                None => return Err(invalid(format_args!("type `{}` is not defined", own.full()))),
            },
        };
        Ok(match known {
            Some(schema) => Arc::clone(schema),
            None => Arc::new(Avro::of(Kind::Open(own))),
        })
    }

    fn object(
        &mut self,
        members: &serde_json::Map<String, Json>,
        space: Option<&str>,
        depth: usize,
    ) -> Result<Arc<Avro>, ConnectError> {
        let ty = members.get("type").ok_or_else(|| invalid("`type` is missing"))?;
        let Json::String(ty) = ty else {
            // `{"type": {"type": "string"}}`: the inner one is the schema.
            return self.schema(ty, space, depth + 1);
        };
        let child = |key: &str| members.get(key).ok_or_else(|| invalid(format_args!("`{key}` is missing")));
        let (kind, known): (Kind, &[&str]) = match ty.as_str() {
            "array" => (Kind::Array(self.schema(child("items")?, space, depth + 1)?), &["type", "items"]),
            "map" => (Kind::Map(self.schema(child("values")?, space, depth + 1)?), &["type", "values"]),
            "record" | "error" | "enum" | "fixed" => return self.definition(ty, members, space, depth),
            name => match primitive(name) {
                Some(kind) => (kind, &["type"]),
                None => return self.named(name, space),
            },
        };
        Ok(Arc::new(Avro { kind, props: other_members(members, known) }))
    }

    fn definition(
        &mut self,
        ty: &str,
        members: &serde_json::Map<String, Json>,
        space: Option<&str>,
        depth: usize,
    ) -> Result<Arc<Avro>, ConnectError> {
        let own_name =
            members.get("name").and_then(Json::as_str).ok_or_else(|| invalid("a type has no `name`"))?;
        let own_space = match members.get("namespace").and_then(Json::as_str) {
            Some("") => None,
            Some(given) => Some(given),
            None => space,
        };
        let name = Name::of(own_name, own_space);
        let full = name.full();
        if self.names.insert(full.clone(), None).is_some() {
            return Err(invalid(format_args!("type `{full}` is defined twice")));
        }
        let doc = members.get("doc").and_then(Json::as_str).map(str::to_owned);
        let (kind, known): (Kind, &[&str]) = match ty {
            "enum" => {
                let symbols = members.get("symbols").and_then(Json::as_array);
                let symbols = symbols.ok_or_else(|| invalid("an enum has no `symbols`"))?;
                let symbols = symbols.iter().filter_map(Json::as_str).map(str::to_owned).collect();
                let default = members.get("default").and_then(Json::as_str).map(str::to_owned);
                (Kind::Enum(Enum { name, doc, symbols, default }), &["symbols", "default"])
            }
            "fixed" => {
                let size =
                    members.get("size").and_then(Json::as_u64).and_then(|size| usize::try_from(size).ok());
                let size = size.ok_or_else(|| invalid("a fixed type has no `size`"))?;
                (Kind::Fixed(Fixed { name, doc, size }), &["size"])
            }
            _ => {
                let fields = members.get("fields").and_then(Json::as_array);
                let fields =
                    fields.ok_or_else(|| invalid(format_args!("record `{full}` has no `fields`")))?;
                let fields: Result<Vec<Field>, _> =
                    fields.iter().map(|field| self.field(field, name.space.as_deref(), depth)).collect();
                (Kind::Record(Record { name, doc, fields: fields? }), &["fields"])
            }
        };
        let mut props = other_members(members, &["type", "name", "namespace", "doc", "aliases"]);
        props.retain(|key, _| !known.contains(&key.as_str()));
        let schema = Arc::new(Avro { kind, props });
        self.names.insert(full, Some(Arc::clone(&schema)));
        Ok(schema)
    }

    fn field(&mut self, json: &Json, space: Option<&str>, depth: usize) -> Result<Field, ConnectError> {
        let members = json.as_object().ok_or_else(|| invalid("a field is no object"))?;
        let name =
            members.get("name").and_then(Json::as_str).ok_or_else(|| invalid("a field has no `name`"))?;
        let ty = members.get("type").ok_or_else(|| invalid(format_args!("field `{name}` has no `type`")))?;
        Ok(Field {
            name: name.to_owned(),
            schema: self.schema(ty, space, depth + 1)?,
            doc: members.get("doc").and_then(Json::as_str).map(str::to_owned),
            default: members.get("default").cloned(),
            props: other_members(members, &["name", "type", "doc", "default", "order", "aliases"]),
        })
    }
}

fn primitive(name: &str) -> Option<Kind> {
    Some(match name {
        "null" => Kind::Null,
        "boolean" => Kind::Boolean,
        "int" => Kind::Int,
        "long" => Kind::Long,
        "float" => Kind::Float,
        "double" => Kind::Double,
        "bytes" => Kind::Bytes,
        "string" => Kind::String,
        _ => return None,
    })
}

fn other_members(members: &serde_json::Map<String, Json>, known: &[&str]) -> IndexMap<String, Json> {
    members
        .iter()
        .filter(|(key, _)| !known.contains(&key.as_str()))
        .map(|(key, value)| (key.clone(), value.clone()))
        .collect()
}
