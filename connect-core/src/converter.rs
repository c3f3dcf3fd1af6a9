//! Converters between Kafka's bytes and Connect's data.

use bytes::Bytes;

use crate::config::{ConfigDef, Props};
use crate::data::{Datum, SchemaRef, Value};
use crate::error::ConnectError;
use crate::record::RawHeaders;

/// Which part of a record a converter serves; the worker passes it as `converter.type`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ConverterRole {
    /// Record keys.
    Key,
    /// Record values.
    Value,
    /// Header values.
    Header,
}

impl ConverterRole {
    /// Returns the value of `converter.type`.
    pub fn name(self) -> &'static str {
        match self {
            ConverterRole::Key => "key",
            ConverterRole::Value => "value",
            ConverterRole::Header => "header",
        }
    }
}

/// Converts keys or values. Called for every record, so it must not block: a converter that needs a service fails
/// retriably until [`Converter::prepare`] or [`Converter::prepare_write`] has fetched what it needs.
#[expect(clippy::wrong_self_convention, reason = "the method names are Kafka Connect's")]
#[crate::async_trait]
pub trait Converter: Send + Sync {
    /// Applies the settings, prefix removed. Called once.
    ///
    /// # Errors
    /// Fails (fatal) when a setting is invalid.
    fn configure(&mut self, props: &Props, role: ConverterRole) -> Result<(), ConnectError>;

    /// Returns the converter's own keys.
    fn config_def(&self) -> ConfigDef;

    /// Tells the converter that transforms come after it which change fields of maps that are still text, so that
    /// putting them in order would be in vain. Called once, after [`Converter::configure`]. Does nothing by default.
    fn expect_field_changes(&mut self) {}

    /// Prepares for raw values of a topic, for example by fetching schemas. Called when converting one of them
    /// failed retriably, before it is tried again. Does nothing by default.
    ///
    /// # Errors
    /// A retriable error makes the worker try again; others fail the records.
    async fn prepare(&self, _topic: &str, _values: &[Option<Bytes>]) -> Result<(), ConnectError> {
        Ok(())
    }

    /// Prepares for data to be written to a topic, for example by registering its schema. Called when converting
    /// it failed retriably, before it is tried again. Does nothing by default.
    ///
    /// # Errors
    /// A retriable error makes the worker try again; others fail the record.
    async fn prepare_write(&self, _topic: &str, _datum: &Datum) -> Result<(), ConnectError> {
        Ok(())
    }

    /// Converts bytes read from Kafka. `scratch` is a buffer that lives as long as the batch: output appended to
    /// it and split off shares one allocation among the batch's records.
    ///
    /// # Errors
    /// Fails with a data error when the bytes are not in the converter's format.
    fn to_connect_data(
        &self,
        topic: &str,
        headers: Option<&RawHeaders>,
        value: Option<&Bytes>,
        scratch: &mut bytes::BytesMut,
    ) -> Result<Datum, ConnectError>;

    /// Converts data to bytes for Kafka; `None` is a tombstone.
    ///
    /// # Errors
    /// Fails with a data error when the data does not fit its schema or the format.
    fn from_connect_data(
        &self,
        topic: &str,
        schema: Option<&SchemaRef>,
        value: &Value,
    ) -> Result<Option<Bytes>, ConnectError>;

    /// Converts a datum to bytes for Kafka; a converter that can use an undecoded value overrides it.
    ///
    /// # Errors
    /// As [`Converter::from_connect_data`].
    fn from_datum(&self, topic: &str, datum: &Datum) -> Result<Option<Bytes>, ConnectError> {
        self.from_connect_data(topic, datum.schema(), &datum.value())
    }
}

/// Converts header values.
#[expect(clippy::wrong_self_convention, reason = "the method names are Kafka Connect's")]
pub trait HeaderConverter: Send + Sync {
    /// Applies the settings, prefix removed. Called once.
    ///
    /// # Errors
    /// Fails (fatal) when a setting is invalid.
    fn configure(&mut self, props: &Props) -> Result<(), ConnectError>;

    /// Returns the converter's own keys.
    fn config_def(&self) -> ConfigDef;

    /// Converts a header read from Kafka.
    ///
    /// # Errors
    /// Fails with a data error when the bytes are not in the converter's format.
    fn to_connect_header(&self, topic: &str, key: &str, value: Option<&Bytes>)
    -> Result<Datum, ConnectError>;

    /// Converts a header to bytes for Kafka.
    ///
    /// # Errors
    /// Fails with a data error when the value does not fit the format.
    fn from_connect_header(
        &self,
        topic: &str,
        key: &str,
        value: &Datum,
    ) -> Result<Option<Bytes>, ConnectError>;
}
