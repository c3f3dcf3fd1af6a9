//! A schema and its value, decoded only when something looks inside.

use std::borrow::Cow;

use bytes::Bytes;

use crate::data::json::{self, TextMap};
use crate::data::{SchemaRef, Value};

/// A key or value of a record: an optional schema and the value.
///
/// A JSON converter without schemas leaves the value as canonical JSON text (what Kafka Connect would write after
/// decoding it), so that a sink which writes JSON copies bytes and nothing is parsed into a tree. In front of
/// transforms that change fields it leaves maps as they came, with their keys known.
#[derive(Debug, Clone)]
pub struct Datum {
    schema: Option<SchemaRef>,
    body: Body,
}

#[derive(Debug, Clone)]
enum Body {
    Ready(Value),
    Json { text: Bytes, decode: fn(&Bytes) -> Value },
    Map(TextMap),
}

impl Datum {
    /// The null value without a schema: a tombstone or a missing key.
    pub const NULL: Datum = Datum { schema: None, body: Body::Ready(Value::Null) };

    /// Returns a datum with a schema.
    pub fn new(schema: Option<SchemaRef>, value: Value) -> Self {
        Self { schema, body: Body::Ready(value) }
    }

    /// Returns a datum without a schema.
    pub fn schemaless(value: Value) -> Self {
        Self::new(None, value)
    }

    /// Returns a schemaless datum from canonical JSON text that is not `null`.
    ///
    /// `decode` must accept every text the caller passes here: the text has been validated before.
    pub fn from_json(text: Bytes, decode: fn(&Bytes) -> Value) -> Self {
        debug_assert!(text.as_ref() != b"null", "a null document is `Datum::NULL`");
        Self { schema: None, body: Body::Json { text, decode } }
    }

    /// Returns a schemaless datum of a map that is still text.
    pub(in crate::data) fn from_text_map(map: TextMap) -> Self {
        Self { schema: None, body: Body::Map(map) }
    }

    /// Returns the schema.
    pub fn schema(&self) -> Option<&SchemaRef> {
        self.schema.as_ref()
    }

    /// Returns whether the value is null.
    pub fn is_null(&self) -> bool {
        matches!(self.body, Body::Ready(Value::Null))
    }

    /// Returns the value, decoding it if that has not happened yet.
    pub fn value(&self) -> Cow<'_, Value> {
        match &self.body {
            Body::Ready(value) => Cow::Borrowed(value),
            Body::Json { text, decode } => Cow::Owned(decode(text)),
            Body::Map(map) => Cow::Owned(map.to_value()),
        }
    }

    /// Returns the value for change, decoding it in place if that has not happened yet.
    pub fn value_mut(&mut self) -> &mut Value {
        match &self.body {
            Body::Ready(_) => {}
            Body::Json { text, decode } => self.body = Body::Ready(decode(text)),
            Body::Map(map) => self.body = Body::Ready(map.to_value()),
        }
        match &mut self.body {
            Body::Ready(value) => value,
            Body::Json { .. } | Body::Map(_) => unreachable!("decoded above"),
        }
    }

    /// Returns a schemaless map that is still text for change; `None` when the value is anything else or decoded.
    pub fn text_map_mut(&mut self) -> Option<&mut TextMap> {
        if let Body::Json { text, .. } = &self.body
            && let Some(map) = json::text_map(text)
        {
            self.body = Body::Map(map);
        }
        match &mut self.body {
            Body::Map(map) => Some(map),
            Body::Ready(_) | Body::Json { .. } => None,
        }
    }

    /// Returns schema and value, decoding the value if needed.
    pub fn into_parts(self) -> (Option<SchemaRef>, Value) {
        match self.body {
            Body::Ready(value) => (self.schema, value),
            Body::Json { text, decode } => (self.schema, decode(&text)),
            Body::Map(map) => (self.schema, map.to_value()),
        }
    }

    /// Returns the canonical JSON text when the value has not been decoded: exactly the bytes that encoding the
    /// decoded value as JSON would give. Of a map whose keys transforms have changed it is put together each time.
    pub fn json_text(&self) -> Option<Cow<'_, Bytes>> {
        match &self.body {
            Body::Json { text, .. } => Some(Cow::Borrowed(text)),
            Body::Map(map) => Some(Cow::Owned(map.to_json())),
            Body::Ready(_) => None,
        }
    }
}

impl PartialEq for Datum {
    fn eq(&self, other: &Self) -> bool {
        self.schema == other.schema && self.value() == other.value()
    }
}
