//! Avro: its schemas, their relation to Connect's, and its binary encoding.

mod anything;
mod config;
mod decode;
mod defaults;
mod encode;
mod format;
mod from_connect;
mod names;
mod plan;
mod reader;
mod schema;
mod text;
mod to_connect;

pub use format::AvroConverter;

#[cfg(test)]
mod tests;
