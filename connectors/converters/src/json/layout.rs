//! How payloads of one struct schema are read straight into a struct: worked out once a schema, followed once a
//! record. What it does not read is left to the tree of nodes, which gives the same values and also words the errors.

use connect_core::data::{Datum, SchemaRef, Type, logical};

use super::decode::Decoder;
use super::straight;

/// Longer names are left to the tree, which knows how long a name may be.
const MAX_NAME_LEN: usize = 1000;

/// A schema that came with records, and its layout if it has one.
#[derive(Debug)]
pub(super) struct Known {
    /// Null is no schema.
    pub(super) schema: Option<SchemaRef>,
    layout: Option<Layout>,
}

/// A struct schema as its payloads are read.
#[derive(Debug)]
pub(super) struct Layout {
    pub(super) schema: SchemaRef,
    pub(super) fields: Vec<FieldLayout>,
}

/// One field of a struct.
#[derive(Debug)]
pub(super) struct FieldLayout {
    /// The name in quotes and a colon, as it mostly stands in a payload.
    key: Box<[u8]>,
    pub(super) step: Step,
}

/// How a value is read.
#[derive(Debug)]
pub(super) enum Step {
    Boolean,
    Int8,
    Int16,
    Int32,
    Int64,
    Float32,
    Float64,
    String,
    /// Milliseconds since the epoch.
    Timestamp,
    Struct(Layout),
    Array(Box<Step>, SchemaRef),
    /// By way of the tree.
    Tree,
}

impl Known {
    pub(super) fn new(schema: Option<SchemaRef>) -> Self {
        let layout = schema.as_ref().and_then(Layout::of);
        Self { schema, layout }
    }

    /// Returns the datum of a payload, a part of `decoder.source` inside of `depth` containers, if it can be read
    /// straight.
    pub(super) fn read(&self, payload: &[u8], depth: usize, decoder: Decoder<'_>) -> Option<Datum> {
        let value = straight::read(self.layout.as_ref()?, payload, depth, decoder)?;
        Some(Datum::new(self.schema.clone(), value))
    }
}

impl Layout {
    /// Returns the layout of a struct schema; `None` for other schemas, and where names need escapes in JSON.
    pub(super) fn of(schema: &SchemaRef) -> Option<Layout> {
        if schema.ty != Type::Struct || is_logical(schema) {
            return None;
        }
        let fields: Option<Vec<FieldLayout>> = schema
            .fields
            .iter()
            .map(|field| {
                let is_plain = |byte: u8| byte >= b' ' && byte != b'"' && byte != b'\\';
                let can_stand = field.name.len() <= MAX_NAME_LEN && field.name.bytes().all(is_plain);
                can_stand.then(|| FieldLayout {
                    key: format!("\"{}\":", field.name).into_bytes().into(),
                    step: step(&field.schema),
                })
            })
            .collect();
        Some(Layout { schema: SchemaRef::clone(schema), fields: fields? })
    }
}

impl FieldLayout {
    /// Returns the name in quotes and a colon.
    pub(super) fn key(&self) -> &[u8] {
        &self.key
    }

    /// Returns the name in quotes.
    pub(super) fn quoted(&self) -> &[u8] {
        &self.key[..self.key.len() - 1]
    }
}

/// Whether the name of a schema decides how it is read, whatever its type.
fn is_logical(schema: &SchemaRef) -> bool {
    let names = [logical::DECIMAL, logical::DATE, logical::TIME, logical::TIMESTAMP];
    names.iter().any(|name| schema.is_named(name))
}

fn step(schema: &SchemaRef) -> Step {
    if is_logical(schema) {
        return if schema.is_named(logical::TIMESTAMP) { Step::Timestamp } else { Step::Tree };
    }
    match schema.ty {
        Type::Boolean => Step::Boolean,
        Type::Int8 => Step::Int8,
        Type::Int16 => Step::Int16,
        Type::Int32 => Step::Int32,
        Type::Int64 => Step::Int64,
        Type::Float32 => Step::Float32,
        Type::Float64 => Step::Float64,
        Type::String => Step::String,
        Type::Bytes | Type::Map => Step::Tree,
        Type::Struct => Layout::of(schema).map_or(Step::Tree, Step::Struct),
        Type::Array => match &schema.value_schema {
            Some(element) => Step::Array(Box::new(step(element)), SchemaRef::clone(element)),
            None => Step::Tree,
        },
    }
}
