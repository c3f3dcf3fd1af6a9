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

/// Copies slices into memory that is sized once a batch and shared by the slices handed out.
#[derive(Default)]
pub(super) struct Arena {
    buffer: BytesMut,
}

/// Largest batch whose memory is kept for the next one: fresh pages cost more than copying into them.
const KEPT_BYTES: usize = 1 << 20;

impl Arena {
    /// Returns an arena with room for `size` bytes.
    pub(super) fn with_capacity(size: usize) -> Self {
        Self { buffer: BytesMut::with_capacity(size) }
    }

    /// Makes room for a batch of `size` bytes, in the memory of the one before if all its slices are gone.
    pub(super) fn begin(&mut self, size: usize) {
        if size > KEPT_BYTES {
            self.buffer = BytesMut::with_capacity(size);
        } else {
            self.buffer.reserve(size);
        }
    }

    /// Ends a batch: the memory of a large one goes with its last slice.
    pub(super) fn end(&mut self, size: usize) {
        if size > KEPT_BYTES {
            self.buffer = BytesMut::new();
        }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_of_a_batch_is_used_again_once_its_slices_are_gone() {
        let mut arena = Arena::default();
        let mut copy = |size: usize| {
            arena.begin(size);
            let slice = arena.copy(&vec![1; size]);
            arena.end(size);
            slice
        };
        let first = copy(1000);
        let place = first.as_ptr();
        let second = copy(1000);
        assert_ne!(second.as_ptr(), place, "the first is still in use");
        let place = second.as_ptr();
        drop((first, second));
        assert_eq!(copy(1000).as_ptr(), place);
        let large = copy(KEPT_BYTES + 1);
        assert!(large.iter().all(|byte| *byte == 1));
        assert_eq!(arena.buffer.capacity(), 0, "nothing of it is kept");
    }
}
