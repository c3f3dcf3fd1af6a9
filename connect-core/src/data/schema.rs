//! Connect schemas and their builder.

use std::sync::Arc;

use indexmap::IndexMap;

use crate::data::Value;
use crate::error::ConnectError;

/// A shared schema.
pub type SchemaRef = Arc<Schema>;

/// The physical type of a schema.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[allow(missing_docs, reason = "the names are Kafka Connect's and say it all")]
pub enum Type {
    Int8,
    Int16,
    Int32,
    Int64,
    Float32,
    Float64,
    Boolean,
    String,
    Bytes,
    Array,
    Map,
    Struct,
}

impl Type {
    /// Returns Kafka Connect's upper-case name, as in error texts.
    pub fn name(self) -> &'static str {
        match self {
            Type::Int8 => "INT8",
            Type::Int16 => "INT16",
            Type::Int32 => "INT32",
            Type::Int64 => "INT64",
            Type::Float32 => "FLOAT32",
            Type::Float64 => "FLOAT64",
            Type::Boolean => "BOOLEAN",
            Type::String => "STRING",
            Type::Bytes => "BYTES",
            Type::Array => "ARRAY",
            Type::Map => "MAP",
            Type::Struct => "STRUCT",
        }
    }

    /// Returns whether this is one of the number, boolean, string or bytes types.
    pub fn is_primitive(self) -> bool {
        !matches!(self, Type::Array | Type::Map | Type::Struct)
    }
}

/// One field of a struct schema; its index is its position in [`Schema::fields`].
#[derive(Debug, Clone, PartialEq)]
pub struct Field {
    /// Name, unique within the struct.
    pub name: String,
    /// Schema of the field's value.
    pub schema: SchemaRef,
}

/// A Connect schema. Equality covers every attribute, as in Kafka.
#[derive(Debug, Clone, PartialEq)]
pub struct Schema {
    /// Physical type.
    pub ty: Type,
    /// Whether null is a legal value.
    pub optional: bool,
    /// Value used where none is given.
    pub default: Option<Value>,
    /// Name; logical types are known by it.
    pub name: Option<String>,
    /// Version of the named schema.
    pub version: Option<i32>,
    /// Documentation.
    pub doc: Option<String>,
    /// Parameters, in insertion order.
    pub parameters: IndexMap<String, String>,
    /// Fields of a struct, in order; empty otherwise.
    pub fields: Vec<Field>,
    /// Key schema of a map.
    pub key_schema: Option<SchemaRef>,
    /// Value schema of a map or element schema of an array.
    pub value_schema: Option<SchemaRef>,
}

impl Schema {
    /// Returns a required schema of a primitive type, without attributes.
    pub fn of(ty: Type) -> Schema {
        Schema {
            ty,
            optional: false,
            default: None,
            name: None,
            version: None,
            doc: None,
            parameters: IndexMap::new(),
            fields: Vec::new(),
            key_schema: None,
            value_schema: None,
        }
    }

    /// Returns an optional schema of a primitive type, without attributes.
    pub fn optional(ty: Type) -> Schema {
        Schema { optional: true, ..Schema::of(ty) }
    }

    /// Returns the position of a struct's field.
    pub fn field_index(&self, name: &str) -> Option<usize> {
        self.fields.iter().position(|field| field.name == name)
    }

    /// Returns a struct's field.
    pub fn field(&self, name: &str) -> Option<&Field> {
        self.fields.iter().find(|field| field.name == name)
    }

    /// Returns whether the schema carries the given logical type's name.
    pub fn is_named(&self, name: &str) -> bool {
        self.name.as_deref() == Some(name)
    }
}

/// Builds a schema attribute by attribute.
#[derive(Debug, Clone)]
pub struct SchemaBuilder {
    schema: Schema,
}

impl SchemaBuilder {
    /// Begins a required schema of the given type.
    pub fn new(ty: Type) -> Self {
        Self { schema: Schema::of(ty) }
    }

    /// Begins a struct schema.
    pub fn structure() -> Self {
        Self::new(Type::Struct)
    }

    /// Begins an array schema.
    pub fn array(element: SchemaRef) -> Self {
        let mut builder = Self::new(Type::Array);
        builder.schema.value_schema = Some(element);
        builder
    }

    /// Begins a map schema.
    pub fn map(key: SchemaRef, value: SchemaRef) -> Self {
        let mut builder = Self::new(Type::Map);
        builder.schema.key_schema = Some(key);
        builder.schema.value_schema = Some(value);
        builder
    }

    /// Makes null a legal value.
    #[must_use]
    pub fn optional(mut self) -> Self {
        self.schema.optional = true;
        self
    }

    /// Sets the name.
    #[must_use]
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.schema.name = Some(name.into());
        self
    }

    /// Sets the version.
    #[must_use]
    pub fn version(mut self, version: i32) -> Self {
        self.schema.version = Some(version);
        self
    }

    /// Sets the documentation.
    #[must_use]
    pub fn doc(mut self, doc: impl Into<String>) -> Self {
        self.schema.doc = Some(doc.into());
        self
    }

    /// Adds a parameter.
    #[must_use]
    pub fn parameter(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.schema.parameters.insert(name.into(), value.into());
        self
    }

    /// Sets the default value; it is checked by [`SchemaBuilder::build`].
    #[must_use]
    pub fn default_value(mut self, value: Value) -> Self {
        self.schema.default = Some(value);
        self
    }

    /// Adds a field to a struct schema.
    #[must_use]
    pub fn field(mut self, name: impl Into<String>, schema: impl Into<SchemaRef>) -> Self {
        self.schema.fields.push(Field { name: name.into(), schema: schema.into() });
        self
    }

    /// Returns the schema.
    ///
    /// # Errors
    /// Fails when a field has no name, two fields share one, or the default value does not match the schema.
    pub fn build(self) -> Result<SchemaRef, ConnectError> {
        let schema = self.schema;
        for (index, field) in schema.fields.iter().enumerate() {
            if field.name.is_empty() {
                return Err(ConnectError::data("fieldName cannot be null."));
            }
            if schema.fields[..index].iter().any(|earlier| earlier.name == field.name) {
                let name = &field.name;
                return Err(ConnectError::data(format!(
                    "Cannot create field because of field name duplication {name}"
                )));
            }
        }
        if let Some(default) = &schema.default {
            default
                .validate(&schema, None)
                .map_err(|error| ConnectError::data("Invalid default value").because(error))?;
        }
        Ok(Arc::new(schema))
    }
}
