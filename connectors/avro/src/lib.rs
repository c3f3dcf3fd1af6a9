//! Avro: its schemas, their relation to Connect's, and its binary encoding, as `AvroData` of Confluent's converter
//! has them. Nothing here does I/O or knows of registries and files; the registry's converter and the file formats
//! call it.

pub mod anything;
pub mod config;
pub mod decode;
pub mod defaults;
pub mod encode;
pub mod from_connect;
pub mod names;
pub mod plan;
pub mod reader;
pub mod schema;
pub mod text;
pub mod to_connect;
pub mod unique;
