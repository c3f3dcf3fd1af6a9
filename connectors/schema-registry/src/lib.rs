//! Converters with a schema registry, under the class names of Confluent's: Avro, JSON Schema and Protobuf.

mod avro;
mod converter;
mod plugins;
mod registry;

pub use avro::AvroConverter;
pub use plugins::plugins;
