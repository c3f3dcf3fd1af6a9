//! Protobuf as a format of the converter.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

use bytes::Bytes;
use connect_core::config::{ConfigDef, Props};
use connect_core::data::{Datum, SchemaRef, Value};
use connect_core::error::ConnectError;
use prost::Message as _;
use prost_reflect::{DynamicMessage, FileDescriptor, MessageDescriptor};

use super::config::ProtobufConfig;
use super::{compile, decode, encode, from_connect, index, to_connect};
use crate::converter::{Described, Format, RegistryConverter};
use crate::registry::SchemaText;

/// `io.confluent.connect.protobuf.ProtobufConverter`.
pub type ProtobufConverter = RegistryConverter<ProtobufFormat>;

/// Protobuf.
#[derive(Debug, Default)]
pub struct ProtobufFormat {
    config: ProtobufConfig,
}

/// The message types of one registered file, each with its Connect schema once it was met.
#[derive(Debug)]
pub struct ProtobufReader {
    file: FileDescriptor,
    version: Option<i32>,
    /// At most one entry for each type of the file.
    types: RwLock<HashMap<Vec<usize>, Arc<MessageType>>>,
}

/// A message type and its Connect schema.
#[derive(Debug)]
struct MessageType {
    descriptor: MessageDescriptor,
    schema: SchemaRef,
}

/// The message type that is written, and its indexes as they stand in front of each message.
#[derive(Debug)]
pub struct ProtobufWriter {
    message: MessageDescriptor,
    indexes: Vec<u8>,
}

#[expect(private_interfaces, reason = "the converter lives in this crate")]
impl Format for ProtobufFormat {
    const KIND: &'static str = "PROTOBUF";
    const NAME: &'static str = "Protobuf";
    type Reader = ProtobufReader;
    type Writer = ProtobufWriter;

    fn keys() -> ConfigDef {
        ProtobufConfig::config_def()
    }

    fn configure(&mut self, props: &Props) -> Result<(), ConnectError> {
        self.config = ProtobufConfig::parse(props)?;
        Ok(())
    }

    fn reader(&self, schema: &SchemaText, version: Option<i32>) -> Result<ProtobufReader, ConnectError> {
        Ok(ProtobufReader { file: compile::file(schema)?, version, types: RwLock::default() })
    }

    fn record_name(&self, schema: &SchemaText) -> Option<String> {
        let message = compile::message(&compile::file(schema).ok()?, &[0])?;
        Some(message.full_name().to_owned())
    }

    fn describe(&self, schema: Option<&SchemaRef>) -> Result<Described, ConnectError> {
        let schema =
            schema.ok_or_else(|| ConnectError::data("a value without a schema has no Protobuf schema"))?;
        let (text, name) = from_connect::convert(&self.config, schema)?;
        Ok(Described { text, record: Some(name) })
    }

    /// The type is the one with the schema's name, or the first if the file, which need not be made of the schema,
    /// has none of that name.
    fn writer(
        &self,
        connect: Option<&SchemaRef>,
        schema: &SchemaText,
    ) -> Result<ProtobufWriter, ConnectError> {
        let file = compile::file(schema)?;
        let name = connect.map(|connect| from_connect::full_name(&self.config, connect));
        let named = name.and_then(|name| file.parent_pool().get_message_by_name(&name));
        let message = named
            .filter(|message| message.parent_file() == file)
            .or_else(|| compile::message(&file, &[0]))
            .ok_or_else(|| ConnectError::data("the Protobuf schema has no message"))?;
        let mut indexes = Vec::new();
        index::join(&compile::indexes(&message), &mut indexes);
        Ok(ProtobufWriter { message, indexes })
    }

    fn read(&self, reader: &ProtobufReader, record: &Bytes, start: usize) -> Result<Datum, ConnectError> {
        let payload = record.slice(start..);
        let (indexes, bytes) = index::split(&payload)?;
        let ty = self.type_of(reader, indexes)?;
        let MessageType { descriptor, schema } = ty.as_ref();
        let message = DynamicMessage::decode(descriptor.clone(), bytes)
            .map_err(|error| ConnectError::data("reading Protobuf data").because(error))?;
        Ok(Datum::new(Some(SchemaRef::clone(schema)), decode::message(&self.config, schema, &message)?))
    }

    fn write(
        &self,
        writer: &ProtobufWriter,
        schema: Option<&SchemaRef>,
        value: &Value,
        out: &mut Vec<u8>,
    ) -> Result<(), ConnectError> {
        let Some(schema) = schema else {
            let class = value.java_class();
            return Err(ConnectError::data(format!(
                "a value of class {class} without a schema is no Protobuf message"
            )));
        };
        let message = encode::root(&self.config, &writer.message, schema, value)?;
        out.extend_from_slice(&writer.indexes);
        message.encode(out).map_err(|error| ConnectError::data("writing Protobuf data").because(error))
    }
}

impl ProtobufFormat {
    fn type_of(
        &self,
        reader: &ProtobufReader,
        indexes: Vec<usize>,
    ) -> Result<Arc<MessageType>, ConnectError> {
        let known = reader.types.read().unwrap_or_else(PoisonError::into_inner).get(&indexes).cloned();
        if let Some(known) = known {
            return Ok(known);
        }
        let descriptor = compile::message(&reader.file, &indexes)
            .ok_or_else(|| ConnectError::data(format!("the Protobuf schema has no message {indexes:?}")))?;
        let schema = to_connect::convert(&self.config, &descriptor, reader.version)?;
        let ty = Arc::new(MessageType { descriptor, schema });
        reader.types.write().unwrap_or_else(PoisonError::into_inner).insert(indexes, Arc::clone(&ty));
        Ok(ty)
    }
}
