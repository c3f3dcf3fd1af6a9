//! Converters with a schema registry, under the class names of Confluent's: Avro, JSON Schema and Protobuf.

mod avro;
mod converter;
mod json;
mod plugins;
mod protobuf;
mod registry;

pub use avro::AvroConverter;
pub use json::JsonSchemaConverter;
pub use plugins::plugins;
pub use protobuf::ProtobufConverter;

#[cfg(test)]
mod goldens;
