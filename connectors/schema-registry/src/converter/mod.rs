//! What the converters of all three formats share: framing, ids, subjects, caches, preparation.

mod config;
mod entries;
mod registered;

pub(crate) use registered::RegistryConverter;

use bytes::Bytes;
use connect_core::config::{ConfigDef, Props};
use connect_core::data::{Datum, SchemaRef, Value};
use connect_core::error::ConnectError;

use crate::registry::SchemaText;

/// A Connect schema as it is registered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Described {
    /// The schema's text.
    pub(crate) text: String,
    /// Full name of the record, for the strategies that name subjects by it.
    pub(crate) record: Option<String>,
}

/// A format of data with a schema in a registry.
pub trait Format: Default + Send + Sync + 'static {
    /// The registry's name of the format.
    const KIND: &'static str;
    /// The format's name in error texts.
    const NAME: &'static str;
    /// Whether null is written as a value, rather than as a tombstone, when it has a schema.
    const WRITES_NULL: bool = false;
    /// What reading data of one schema needs.
    type Reader: Send + Sync;
    /// What writing data of one schema needs.
    type Writer: Send + Sync;

    /// Returns the format's own keys.
    fn keys() -> ConfigDef;

    /// Applies the format's own settings.
    ///
    /// # Errors
    /// Fails (config) when a setting is invalid.
    fn configure(&mut self, props: &Props) -> Result<(), ConnectError>;

    /// Works out how data of a registered schema is read.
    ///
    /// # Errors
    /// Fails with a data error when the schema has no counterpart in Connect.
    #[expect(private_interfaces, reason = "formats live in this crate")]
    fn reader(&self, schema: &SchemaText, version: Option<i32>) -> Result<Self::Reader, ConnectError>;

    /// Returns the full name of the record that a registered schema describes.
    #[expect(private_interfaces, reason = "formats live in this crate")]
    fn record_name(&self, schema: &SchemaText) -> Option<String>;

    /// Returns how a Connect schema is registered; without one, the format's schema for any value.
    ///
    /// # Errors
    /// Fails with a data error when the schema has no counterpart in the format.
    #[expect(private_interfaces, reason = "formats live in this crate")]
    fn describe(&self, schema: Option<&SchemaRef>) -> Result<Described, ConnectError>;

    /// Works out how data of a Connect schema is written under a registered schema.
    ///
    /// # Errors
    /// Fails with a data error when the registered schema cannot be understood.
    #[expect(private_interfaces, reason = "formats live in this crate")]
    fn writer(&self, connect: Option<&SchemaRef>, schema: &SchemaText) -> Result<Self::Writer, ConnectError>;

    /// Reads the payload that begins at `start` of a record.
    ///
    /// # Errors
    /// Fails with a data error when the payload was not written with the schema.
    ///
    /// # Panics
    /// Panics when the record is shorter than `start`.
    fn read(&self, reader: &Self::Reader, record: &Bytes, start: usize) -> Result<Datum, ConnectError>;

    /// Appends what follows the schema's id.
    ///
    /// # Errors
    /// Fails with a data error when the value is not one of the schema.
    fn write(
        &self,
        writer: &Self::Writer,
        schema: Option<&SchemaRef>,
        value: &Value,
        out: &mut Vec<u8>,
    ) -> Result<(), ConnectError>;
}
