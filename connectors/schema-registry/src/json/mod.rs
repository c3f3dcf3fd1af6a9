//! JSON Schema: its schemas, their relation to Connect's, and JSON payloads.

mod config;
mod decode;
mod encode;
mod format;
mod from_connect;
mod to_connect;

pub use format::JsonSchemaConverter;
#[cfg(test)]
pub(crate) use format::JsonSchemaFormat;

#[cfg(test)]
mod tests;
