//! Offsets of source connectors: stores of raw bytes, and the view that one connector has of them.
//!
//! A store knows nothing of connectors; keys and values are the JSON bytes that Kafka Connect writes, and keys
//! are compared byte for byte.

mod connector;
mod file;
mod java_stream;
mod json;
mod kafka;
mod layered;
mod secondary;
mod source;
mod topics;
mod transactional;

use async_trait::async_trait;
use bytes::Bytes;
use connect_core::error::ConnectError;

pub use connector::ConnectorOffsets;
pub use file::FileOffsetStore;
pub use kafka::KafkaOffsetStore;
pub(crate) use secondary::{Entries, Secondary};
pub use source::{ExactlyOnceOffsets, SourceOffsetStores};
pub use topics::KafkaOffsetStores;

/// Returns the connector that a key in an offset topic belongs to; `None` for foreign keys.
pub fn connector_of_key(key: &[u8]) -> Option<String> {
    json::decode_key(key).map(|(connector, _)| connector)
}

/// Keeps the offsets of all source connectors.
#[async_trait]
pub trait OffsetStore: Send + Sync {
    /// Returns the value of each key, in order; `None` where there is none.
    ///
    /// # Errors
    /// Retriable when the store cannot be read now.
    async fn get(&self, keys: &[Bytes]) -> Result<Vec<Option<Bytes>>, ConnectError>;

    /// Stores values and returns once they are as durable as the store promises; `None` deletes. Later entries
    /// win. Dropping the future does not undo or interrupt the write.
    ///
    /// # Errors
    /// Retriable when the entries could not be made durable; the caller keeps them and tries again.
    async fn set(&self, entries: Vec<(Bytes, Option<Bytes>)>) -> Result<(), ConnectError>;

    /// Returns every key that has a value.
    ///
    /// # Errors
    /// Retriable when the store cannot be read now.
    async fn entries(&self) -> Result<Vec<(Bytes, Bytes)>, ConnectError>;
}
