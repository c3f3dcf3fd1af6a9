//! A batch of consumed records: one copy out of librdkafka's memory into one arena.

use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use connect_core::record::{RawHeaders, TimestampType};

/// A record as consumed. Key and value share the batch's arena.
#[derive(Debug, Clone, PartialEq)]
pub struct RawRecord {
    /// Topic.
    pub topic: Arc<str>,
    /// Partition.
    pub partition: i32,
    /// Offset.
    pub offset: i64,
    /// Milliseconds since the epoch; `None` when the record has none.
    pub timestamp: Option<i64>,
    /// Meaning of the timestamp.
    pub timestamp_type: TimestampType,
    /// Raw key.
    pub key: Option<Bytes>,
    /// Raw value.
    pub value: Option<Bytes>,
    /// Raw headers; `None` when there are none.
    pub headers: Option<Arc<RawHeaders>>,
}

/// Records in the order consumed: ascending offsets within a partition.
#[derive(Debug, Default)]
pub struct RawBatch {
    /// The records.
    pub records: Vec<RawRecord>,
}

/// Copies slices into an arena that is sized once and shared by the slices handed out.
pub(super) struct Arena {
    buffer: BytesMut,
}

impl Arena {
    /// Returns an arena with room for `size` bytes.
    pub(super) fn with_capacity(size: usize) -> Self {
        Self { buffer: BytesMut::with_capacity(size) }
    }

    /// Copies a slice.
    pub(super) fn copy(&mut self, slice: &[u8]) -> Bytes {
        if slice.is_empty() {
            return Bytes::new();
        }
        self.buffer.extend_from_slice(slice);
        self.buffer.split().freeze()
    }
}
