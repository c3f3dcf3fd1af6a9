//! The converter: envelope or bare JSON, and the caches of both directions.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use bytes::{Bytes, BytesMut};
use connect_core::config::{ConfigDef, Props};
use connect_core::converter::{Converter, ConverterRole};
use connect_core::data::json::{self, JsonError, Node};
use connect_core::data::{Datum, SchemaRef, Value};
use connect_core::error::ConnectError;
use connect_core::record::RawHeaders;

use super::cache::Cache;
use super::config::JsonConverterConfig;
use super::decode::{Decoder, to_typed};
use super::encode::Encoder;
use super::layout::Known;
use super::opening::Opening;
use super::schema;
use crate::header::with_role;

const NO_ENVELOPE: &str = "JsonConverter with schemas.enable requires \"schema\" and \"payload\" fields and may not \
    contain additional fields. If you are trying to deserialize plain JSON data, set schemas.enable=false in your \
    converter configuration.";

/// Appends Java's text of canonical JSON: `{k=v, z=[1, 2]}`, as `Map.toString` prints the value.
pub fn json_as_java_text(text: &[u8], out: &mut Vec<u8>) {
    json::write_java_text(out, text);
}

/// What `schemas.enable` says about the values read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Reading {
    /// `false`: bare JSON.
    Bare,
    /// `true`: envelopes only.
    Envelope,
    /// Not set: envelopes are opened, anything else is taken as bare JSON. The JVM would fail.
    #[default]
    Either,
}

/// `org.apache.kafka.connect.json.JsonConverter`.
#[derive(Debug)]
pub struct JsonConverter {
    reading: Reading,
    writes_envelope: bool,
    encoder: Encoder,
    /// `schema.content`: the schema of every bare payload.
    fixed_schema: Option<Known>,
    /// Schemas by the JSON text they came in.
    schemas: Cache<Bytes, Arc<Known>>,
    /// How the last envelope began: most records of a topic begin like the one before. `None` without a cache.
    opening: Option<Opening>,
    /// JSON texts by the address of the schema, which the entry keeps alive.
    schema_texts: Cache<usize, (SchemaRef, Bytes)>,
    has_warned: AtomicBool,
    /// How bare JSON is read.
    read_bare: ReadBare,
}

type ReadBare = fn(&Bytes, &mut BytesMut) -> Result<Datum, JsonError>;

impl Default for JsonConverter {
    fn default() -> Self {
        Self {
            reading: Reading::default(),
            writes_envelope: true,
            encoder: Encoder::default(),
            fixed_schema: None,
            schemas: Cache::new(1000),
            opening: Some(Opening::default()),
            schema_texts: Cache::new(1000),
            has_warned: AtomicBool::new(false),
            read_bare: json::schemaless_datum,
        }
    }
}

impl Converter for JsonConverter {
    fn configure(&mut self, props: &Props, role: ConverterRole) -> Result<(), ConnectError> {
        let config = JsonConverterConfig::parse(&with_role(props, role))?;
        debug_assert_eq!(config.role, role.name());
        self.reading = match (props.contains_key("schemas.enable"), config.schemas_enable) {
            (false, _) => Reading::Either,
            (true, true) => Reading::Envelope,
            (true, false) => Reading::Bare,
        };
        self.writes_envelope = config.schemas_enable;
        self.encoder = Encoder {
            decimals_are_numeric: config.decimal_format.eq_ignore_ascii_case("NUMERIC"),
            replace_null_with_default: config.replace_null_with_default,
        };
        let limit = usize::try_from(config.schemas_cache_size).unwrap_or(0);
        self.schemas = Cache::new(limit);
        self.opening = (limit > 0).then(Opening::default);
        self.schema_texts = Cache::new(limit);
        self.fixed_schema = match config.schema_content.filter(|content| !content.trim().is_empty()) {
            Some(content) => self.parse_fixed_schema(&Bytes::from(content))?,
            None => None,
        };
        Ok(())
    }

    fn config_def(&self) -> ConfigDef {
        JsonConverterConfig::config_def()
    }

    fn expect_field_changes(&mut self) {
        self.read_bare = json::schemaless_fields;
    }

    fn to_connect_data(
        &self,
        topic: &str,
        _headers: Option<&RawHeaders>,
        value: Option<&Bytes>,
        scratch: &mut BytesMut,
    ) -> Result<Datum, ConnectError> {
        let Some(bytes) = value else { return Ok(Datum::NULL) };
        if let (Reading::Envelope | Reading::Either, Some(known)) = (self.reading, &self.fixed_schema) {
            return self.open_bare(bytes, known);
        }
        match self.reading {
            Reading::Bare => (self.read_bare)(bytes, scratch).map_err(not_json),
            Reading::Envelope => self.open_envelope(bytes, scratch),
            Reading::Either if json::may_be_object_with(bytes, ENVELOPE_KEYS) => {
                self.open_envelope_if_any(topic, bytes, scratch)
            }
            Reading::Either => {
                let datum = (self.read_bare)(bytes, scratch).map_err(not_json)?;
                self.warn_of_bare_json(topic);
                Ok(datum)
            }
        }
    }

    fn from_connect_data(
        &self,
        _topic: &str,
        schema: Option<&SchemaRef>,
        value: &Value,
    ) -> Result<Option<Bytes>, ConnectError> {
        if schema.is_none() && value.is_null() {
            return Ok(None);
        }
        let mut out = Vec::with_capacity(128);
        if self.writes_envelope {
            self.begin_envelope(&mut out, schema)?;
        }
        self.encoder.write(&mut out, schema.map(Arc::as_ref), value)?;
        if self.writes_envelope {
            out.push(b'}');
        }
        Ok(Some(Bytes::from(out)))
    }

    fn from_datum(&self, topic: &str, datum: &Datum) -> Result<Option<Bytes>, ConnectError> {
        match datum.json_text() {
            Some(text) if !self.writes_envelope => Ok(Some(text.into_owned())),
            Some(text) => {
                let mut out = Vec::with_capacity(text.len() + 32);
                self.begin_envelope(&mut out, None)?;
                out.extend_from_slice(&text);
                out.push(b'}');
                Ok(Some(Bytes::from(out)))
            }
            None => self.from_connect_data(topic, datum.schema(), &datum.value()),
        }
    }
}

/// The keys of an envelope; any other first key rules an envelope out.
const ENVELOPE_KEYS: &[&[u8]] = &[b"schema", b"payload"];

impl JsonConverter {
    fn decoder<'a>(&self, source: &'a Bytes) -> Decoder<'a> {
        Decoder { source, replace_null_with_default: self.encoder.replace_null_with_default }
    }

    fn parse_fixed_schema(&self, content: &Bytes) -> Result<Option<Known>, ConnectError> {
        let node = json::read(content).map_err(|error| {
            serialization(error, "Failed to parse schema in converter config due to serialization error: ")
        })?;
        let schema = schema::from_json(&node, self.decoder(content))?;
        Ok(schema.map(|schema| Known::new(Some(schema))))
    }

    /// Decodes a payload without an envelope.
    fn open_bare(&self, bytes: &Bytes, known: &Known) -> Result<Datum, ConnectError> {
        if let Some(datum) = known.read(bytes, 0, self.decoder(bytes)) {
            return Ok(datum);
        }
        let bytes = &json::in_utf8(bytes);
        let node = json::read(bytes).map_err(not_json)?;
        Ok(Datum::new(known.schema.clone(), to_typed(known.schema.as_ref(), &node, self.decoder(bytes))?))
    }

    /// Decodes a value that must be an envelope.
    fn open_envelope(&self, bytes: &Bytes, scratch: &mut BytesMut) -> Result<Datum, ConnectError> {
        if let Some(datum) = self.open_cached(bytes, scratch)? {
            return Ok(datum);
        }
        let bytes = &json::in_utf8(bytes);
        let node = json::read(bytes).map_err(not_json)?;
        let (schema_node, payload) = envelope(&node).ok_or_else(|| ConnectError::data(NO_ENVELOPE))?;
        let schema = schema::from_json(schema_node, self.decoder(bytes))?;
        self.datum(bytes, schema, payload, scratch)
    }

    /// Decodes a value that looks like an envelope, or as bare JSON when it is none.
    fn open_envelope_if_any(
        &self,
        topic: &str,
        bytes: &Bytes,
        scratch: &mut BytesMut,
    ) -> Result<Datum, ConnectError> {
        if let Some(datum) = self.open_cached(bytes, scratch)? {
            return Ok(datum);
        }
        let bytes = &json::in_utf8(bytes);
        let node = json::read(bytes).map_err(not_json)?;
        if let Some((schema_node, payload)) = envelope(&node) {
            let schema = schema::from_json(schema_node, self.decoder(bytes))?;
            return self.datum(bytes, schema, payload, scratch);
        }
        self.warn_of_bare_json(topic);
        Ok(json::datum_of_node(bytes, &node, scratch))
    }

    /// Decodes an envelope whose parts can be told apart without reading the schema; `None` sends the caller the
    /// long way, which also words the errors.
    fn open_cached(&self, bytes: &Bytes, scratch: &mut BytesMut) -> Result<Option<Datum>, ConnectError> {
        let opened = self.opening.as_ref().and_then(|opening| opening.split(bytes));
        if let Some((known, payload)) = opened
            && let Some(datum) = self.open_known(bytes, &known, payload, scratch)
        {
            return datum.map(Some);
        }
        let Some([schema_text, payload]) = json::split_object(bytes, [b"schema", b"payload"]) else {
            return Ok(None);
        };
        let known = match self.schemas.get(schema_text) {
            Some(known) => known,
            None => {
                let Ok(node) = json::read_whole(schema_text, 1) else { return Ok(None) };
                // A payload that cannot be read is told of before a schema that means nothing.
                if json::read_whole(payload, 1).is_err() {
                    return Ok(None);
                }
                let known = Arc::new(Known::new(schema::from_json(&node, self.decoder(bytes))?));
                self.schemas.insert(Bytes::copy_from_slice(schema_text), Arc::clone(&known));
                known
            }
        };
        let Some(datum) = self.open_known(bytes, &known, payload, scratch) else { return Ok(None) };
        if let Some(opening) = &self.opening {
            opening.remember(bytes, payload, &known);
        }
        datum.map(Some)
    }

    /// Decodes a payload by its schema; `None` when it is no JSON.
    fn open_known(
        &self,
        bytes: &Bytes,
        known: &Known,
        payload: &[u8],
        scratch: &mut BytesMut,
    ) -> Option<Result<Datum, ConnectError>> {
        if let Some(datum) = known.read(payload, 1, self.decoder(bytes)) {
            return Some(Ok(datum));
        }
        let payload = json::read_whole(payload, 1).ok()?;
        Some(self.datum(bytes, known.schema.clone(), &payload, scratch))
    }

    fn datum(
        &self,
        bytes: &Bytes,
        schema: Option<SchemaRef>,
        payload: &Node<'_>,
        scratch: &mut BytesMut,
    ) -> Result<Datum, ConnectError> {
        match schema {
            None => Ok(json::datum_of_node(bytes, payload, scratch)),
            Some(schema) => {
                let value = to_typed(Some(&schema), payload, self.decoder(bytes))?;
                Ok(Datum::new(Some(schema), value))
            }
        }
    }

    fn begin_envelope(&self, out: &mut Vec<u8>, schema: Option<&SchemaRef>) -> Result<(), ConnectError> {
        out.extend_from_slice(b"{\"schema\":");
        match schema {
            None => out.extend_from_slice(b"null"),
            Some(schema) => out.extend_from_slice(&self.schema_text(schema)?),
        }
        out.extend_from_slice(b",\"payload\":");
        Ok(())
    }

    fn schema_text(&self, schema: &SchemaRef) -> Result<Bytes, ConnectError> {
        let address = Arc::as_ptr(schema).addr();
        if let Some((_, text)) = self.schema_texts.get(&address) {
            return Ok(text);
        }
        let mut out = Vec::new();
        schema::write(&mut out, schema, None, self.encoder)?;
        let text = Bytes::from(out);
        self.schema_texts.insert(address, (SchemaRef::clone(schema), text.clone()));
        Ok(text)
    }

    fn warn_of_bare_json(&self, topic: &str) {
        if !self.has_warned.swap(true, Ordering::Relaxed) {
            tracing::warn!(
                topic,
                "values are no schema envelopes and `schemas.enable` is not set: reading them as plain JSON; set \
                 `schemas.enable` to `false` to say so, or to `true` to refuse them as Kafka Connect does"
            );
        }
    }
}

/// Returns schema and payload of an object that has these two members and no other.
fn envelope<'n, 'a>(node: &'n Node<'a>) -> Option<(&'n Node<'a>, &'n Node<'a>)> {
    match node {
        Node::Object(members) if members.len() == 2 => Some((node.get("schema")?, node.get("payload")?)),
        _ => None,
    }
}

fn not_json(error: JsonError) -> ConnectError {
    serialization(error, "Converting byte[] to Kafka Connect data failed due to serialization error: ")
}

fn serialization(error: JsonError, context: &str) -> ConnectError {
    let text = format!("org.apache.kafka.common.errors.SerializationException: {error}");
    ConnectError::data(context).because(Wrapped { text, source: error })
}

/// Kafka's `SerializationException` around the parser's error.
#[derive(Debug)]
struct Wrapped {
    text: String,
    source: JsonError,
}

impl std::fmt::Display for Wrapped {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(&self.text)
    }
}

impl std::error::Error for Wrapped {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&self.source)
    }
}

#[cfg(test)]
mod tests;
