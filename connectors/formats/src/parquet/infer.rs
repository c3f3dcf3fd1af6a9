//! The schema of values that have none, found out from the values: the union of the fields that were seen, each
//! optional, in the order of their names.

use std::collections::BTreeMap;

use connect_core::data::{Schema, SchemaBuilder, SchemaRef, Type, Value};
use connect_core::error::ConnectError;

/// Name of the struct that a row is.
const ROW: &str = "Record";

/// What values of one place look like.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) enum Shape {
    /// Nothing but nulls.
    #[default]
    Nothing,
    Boolean,
    Integer,
    Float,
    Text,
    /// Values that have no type in common: written as JSON.
    Mixed,
    List(Box<Shape>),
    Object(BTreeMap<String, Shape>),
}

impl Shape {
    pub(super) fn of(value: &Value) -> Self {
        match value {
            Value::Null => Shape::Nothing,
            Value::Boolean(_) => Shape::Boolean,
            Value::Int8(_) | Value::Int16(_) | Value::Int32(_) | Value::Int64(_) => Shape::Integer,
            Value::Float32(_) | Value::Float64(_) => Shape::Float,
            Value::String(_) => Shape::Text,
            Value::Array(items) => {
                let mut shape = Shape::Nothing;
                items.iter().for_each(|item| shape.absorb(item));
                Shape::List(Box::new(shape))
            }
            Value::Map(map) if map.entries.iter().all(|(key, _)| key.as_str().is_some()) => {
                let fields = map.entries.iter();
                let fields = fields
                    .map(|(key, value)| (key.as_str().unwrap_or_default().to_owned(), Shape::of(value)));
                Shape::Object(fields.collect())
            }
            _ => Shape::Mixed,
        }
    }

    /// Makes room for a value.
    pub(super) fn absorb(&mut self, value: &Value) {
        if !self.covers(value) {
            let own = std::mem::take(self);
            *self = own.joined(Shape::of(value));
        }
    }

    /// Returns whether a value has its place already.
    pub(super) fn covers(&self, value: &Value) -> bool {
        match (self, value) {
            (Shape::Mixed, _) | (_, Value::Null) => true,
            (Shape::List(element), Value::Array(items)) => items.iter().all(|item| element.covers(item)),
            (Shape::Object(fields), Value::Map(map)) => map.entries.iter().all(|(key, value)| {
                let field = key.as_str().and_then(|key| fields.get(key));
                field.is_some_and(|field| field.covers(value))
            }),
            (Shape::Float, _) => matches!(Shape::of(value), Shape::Integer | Shape::Float),
            (_, Value::Array(_) | Value::Map(_)) => false,
            (own, value) => *own == Shape::of(value),
        }
    }

    fn joined(self, other: Shape) -> Shape {
        match (self, other) {
            (Shape::Nothing, other) | (other, Shape::Nothing) => other,
            (Shape::Integer, Shape::Float) | (Shape::Float, Shape::Integer) => Shape::Float,
            (Shape::List(left), Shape::List(right)) => Shape::List(Box::new(left.joined(*right))),
            (Shape::Object(mut left), Shape::Object(right)) => {
                for (name, shape) in right {
                    let own = left.remove(&name).unwrap_or_default();
                    left.insert(name, own.joined(shape));
                }
                Shape::Object(left)
            }
            (left, right) if left == right => left,
            _ => Shape::Mixed,
        }
    }

    /// Returns the schema of rows. Rows that are all empty objects get a column that stays empty: a file needs one.
    ///
    /// # Errors
    /// As [`Shape::schema`].
    pub(super) fn row_schema(&self) -> Result<SchemaRef, ConnectError> {
        match self {
            Shape::Object(fields) if !fields.is_empty() => self.schema(ROW),
            _ => SchemaBuilder::structure().name(ROW).field("_empty", Schema::optional(Type::String)).build(),
        }
    }

    /// Returns the schema, with structs named by where they are.
    ///
    /// # Errors
    /// None is known; those of the schema's builder.
    pub(super) fn schema(&self, name: &str) -> Result<SchemaRef, ConnectError> {
        let simple = |ty| Ok(Schema::optional(ty).into());
        match self {
            Shape::Boolean => simple(Type::Boolean),
            Shape::Integer => simple(Type::Int64),
            Shape::Float => simple(Type::Float64),
            Shape::List(element) => {
                SchemaBuilder::array(element.schema(&format!("{name}_item"))?).optional().build()
            }
            Shape::Object(fields) if !fields.is_empty() => {
                let mut builder = SchemaBuilder::structure().name(avro_name(name));
                for (field, shape) in fields {
                    builder = builder.field(field.as_str(), shape.schema(&format!("{name}_{field}"))?);
                }
                if name == ROW { builder.build() } else { builder.optional().build() }
            }
            // A place without values, and an object without fields, are JSON as well.
            Shape::Nothing | Shape::Text | Shape::Mixed | Shape::Object(_) => simple(Type::String),
        }
    }
}

/// Names of types hold letters, digits and underscores only.
fn avro_name(name: &str) -> String {
    name.chars().map(|letter| if letter.is_ascii_alphanumeric() { letter } else { '_' }).collect()
}
