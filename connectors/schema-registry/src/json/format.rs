//! JSON Schema as a format of the converter.

use std::collections::HashMap;

use bytes::Bytes;
use connect_core::config::{ConfigDef, Props};
use connect_core::data::json::{self, in_utf8};
use connect_core::data::{Datum, SchemaRef, Value};
use connect_core::error::ConnectError;
use serde_json::Value as Json;

use super::config::JsonSchemaConfig;
use super::{decode, encode, from_connect, to_connect};
use crate::converter::{Described, Format, RegistryConverter};
use crate::registry::SchemaText;

/// `io.confluent.connect.json.JsonSchemaConverter`.
pub type JsonSchemaConverter = RegistryConverter<JsonSchemaFormat>;

/// JSON with a JSON schema.
#[derive(Debug, Default)]
pub struct JsonSchemaFormat {
    config: JsonSchemaConfig,
}

fn parse(text: &str) -> Result<Json, ConnectError> {
    serde_json::from_str(text).map_err(|error| ConnectError::data("reading a JSON schema").because(error))
}

#[expect(private_interfaces, reason = "the converter lives in this crate")]
impl Format for JsonSchemaFormat {
    const KIND: &'static str = "JSON";
    const NAME: &'static str = "JSON Schema";
    const WRITES_NULL: bool = true;
    type Reader = SchemaRef;
    type Writer = ();

    fn keys() -> ConfigDef {
        JsonSchemaConfig::config_def()
    }

    fn configure(&mut self, props: &Props) -> Result<(), ConnectError> {
        self.config = JsonSchemaConfig::parse(props)?;
        Ok(())
    }

    fn reader(&self, schema: &SchemaText, version: Option<i32>) -> Result<SchemaRef, ConnectError> {
        let mut references = HashMap::with_capacity(schema.references.len());
        for (name, text) in &schema.references {
            references.insert(name.clone(), parse(text)?);
        }
        to_connect::convert(&self.config, &parse(&schema.text)?, &references, version)
    }

    fn record_name(&self, schema: &SchemaText) -> Option<String> {
        parse(&schema.text).ok()?.get("title")?.as_str().map(str::to_owned)
    }

    fn describe(&self, schema: Option<&SchemaRef>) -> Result<Described, ConnectError> {
        let schema =
            schema.ok_or_else(|| ConnectError::data("a value without a schema has no JSON schema"))?;
        let json = from_connect::convert(&self.config, schema)?;
        let record = json.get("title").and_then(Json::as_str).map(str::to_owned);
        Ok(Described { text: json.to_string(), record })
    }

    fn writer(&self, _: Option<&SchemaRef>, _: &SchemaText) -> Result<(), ConnectError> {
        Ok(())
    }

    fn read(&self, reader: &SchemaRef, record: &Bytes, start: usize) -> Result<Datum, ConnectError> {
        let payload = in_utf8(&record.slice(start..));
        let node = json::read(&payload).map_err(|error| ConnectError::data("reading JSON").because(error))?;
        if node == json::Node::Missing {
            return Err(ConnectError::data("reading JSON: the payload is empty"));
        }
        let value = decode::decode(reader, &node, &payload)?;
        Ok(Datum::new(Some(SchemaRef::clone(reader)), value))
    }

    fn write(
        &self,
        _: &(),
        schema: Option<&SchemaRef>,
        value: &Value,
        out: &mut Vec<u8>,
    ) -> Result<(), ConnectError> {
        let schema =
            schema.ok_or_else(|| ConnectError::data("a value without a schema has no JSON schema"))?;
        match encode::write(&self.config, schema, value, out)? {
            true => Ok(()),
            false => Err(ConnectError::data("Found null value for non-optional schema")),
        }
    }
}
