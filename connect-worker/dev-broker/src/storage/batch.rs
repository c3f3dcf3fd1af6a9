//! The header of a record batch, format 2, as Kafka's `DefaultRecordBatch` lays it out.
//!
//! Batches are stored as produced: only fields outside the checksum (base offset, leader epoch) are patched,
//! unless the topic stamps its own time.

use bytes::{Buf, BufMut, BytesMut};
use kafka_protocol::records::Compression;

/// Bytes before the records of a batch.
pub(crate) const HEADER_BYTES: usize = 61;
/// Bytes in front of the part that the length field counts.
const LENGTH_OVERHEAD: usize = 12;
/// Where the checksummed part begins.
const CHECKSUM_START: usize = 21;

const TIMESTAMP_TYPE_BIT: i16 = 1 << 3;
const TRANSACTIONAL_BIT: i16 = 1 << 4;
const CONTROL_BIT: i16 = 1 << 5;

/// The header fields of one batch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct BatchHeader {
    pub(crate) base_offset: i64,
    /// Bytes of the whole batch, header included.
    pub(crate) size_bytes: usize,
    pub(crate) checksum: u32,
    pub(crate) attributes: i16,
    pub(crate) last_offset_delta: i32,
    pub(crate) base_timestamp: i64,
    pub(crate) max_timestamp: i64,
    pub(crate) producer_id: i64,
    pub(crate) producer_epoch: i16,
    pub(crate) base_sequence: i32,
    pub(crate) record_count: i32,
}

impl BatchHeader {
    /// Returns the header at the start of `bytes`, or `None` when these are not the first bytes of a batch.
    pub(crate) fn parse(mut bytes: &[u8]) -> Option<Self> {
        if bytes.len() < HEADER_BYTES || bytes[16] != 2 {
            return None;
        }
        let base_offset = bytes.get_i64();
        let length = usize::try_from(bytes.get_i32()).ok()?;
        bytes.advance(5);
        let header = Self {
            base_offset,
            size_bytes: LENGTH_OVERHEAD + length,
            checksum: bytes.get_u32(),
            attributes: bytes.get_i16(),
            last_offset_delta: bytes.get_i32(),
            base_timestamp: bytes.get_i64(),
            max_timestamp: bytes.get_i64(),
            producer_id: bytes.get_i64(),
            producer_epoch: bytes.get_i16(),
            base_sequence: bytes.get_i32(),
            record_count: bytes.get_i32(),
        };
        let plausible = header.size_bytes >= HEADER_BYTES
            && header.base_offset >= 0
            && header.last_offset_delta >= 0
            && header.record_count >= 0;
        plausible.then_some(header)
    }

    /// Says whether `batch`, the whole batch this header was read from, is what its producer wrote.
    pub(crate) fn is_intact(&self, batch: &[u8]) -> bool {
        batch.len() == self.size_bytes && crc32c::crc32c(&batch[CHECKSUM_START..]) == self.checksum
    }

    pub(crate) fn last_offset(&self) -> i64 {
        self.base_offset + i64::from(self.last_offset_delta)
    }

    /// Returns the sequence of the last record; sequences wrap at `i32::MAX` to 0.
    pub(crate) fn last_sequence(&self) -> i32 {
        add_sequence(self.base_sequence, self.last_offset_delta)
    }

    pub(crate) fn is_transactional(&self) -> bool {
        self.attributes & TRANSACTIONAL_BIT != 0
    }

    pub(crate) fn is_control(&self) -> bool {
        self.attributes & CONTROL_BIT != 0
    }

    /// Says whether the timestamps are the broker's (`LogAppendTime`), one for all records.
    pub(crate) fn is_append_time(&self) -> bool {
        self.attributes & TIMESTAMP_TYPE_BIT != 0
    }

    /// Returns the codec of the records, `None` for one that does not exist.
    pub(crate) fn compression(&self) -> Option<Compression> {
        match self.attributes & 7 {
            0 => Some(Compression::None),
            1 => Some(Compression::Gzip),
            2 => Some(Compression::Snappy),
            3 => Some(Compression::Lz4),
            4 => Some(Compression::Zstd),
            _ => None,
        }
    }

    /// Returns a batch with this header around other `records`; offsets and sequences stay as they are.
    pub(crate) fn rebuild(&self, records: &[u8], record_count: i32) -> BytesMut {
        let mut batch = BytesMut::with_capacity(HEADER_BYTES + records.len());
        batch.put_i64(self.base_offset);
        batch.put_i32((HEADER_BYTES - LENGTH_OVERHEAD + records.len()) as i32);
        batch.put_i32(0);
        batch.put_u8(2);
        batch.put_u32(0);
        batch.put_i16(self.attributes);
        batch.put_i32(self.last_offset_delta);
        batch.put_i64(self.base_timestamp);
        batch.put_i64(self.max_timestamp);
        batch.put_i64(self.producer_id);
        batch.put_i16(self.producer_epoch);
        batch.put_i32(self.base_sequence);
        batch.put_i32(record_count);
        batch.extend_from_slice(records);
        seal(&mut batch);
        batch
    }
}

/// Returns the sequence `count` records after `sequence`.
pub(crate) fn add_sequence(sequence: i32, count: i32) -> i32 {
    let sum = i64::from(sequence) + i64::from(count);
    (sum % (i64::from(i32::MAX) + 1)) as i32
}

/// Gives `batch` its place in the log. The leader epoch is always 0: this broker never fails over.
pub(crate) fn place(batch: &mut [u8], base_offset: i64) {
    batch[..8].copy_from_slice(&base_offset.to_be_bytes());
    batch[12..16].copy_from_slice(&0i32.to_be_bytes());
}

/// Stamps `batch` with the broker's time, for `message.timestamp.type=LogAppendTime`.
pub(crate) fn stamp_append_time(batch: &mut [u8], now_ms: i64) {
    batch[22] |= TIMESTAMP_TYPE_BIT as u8;
    batch[35..43].copy_from_slice(&now_ms.to_be_bytes());
    seal(batch);
}

/// Returns the marker that ends a transaction in one partition (`EndTransactionMarker`).
pub(crate) fn transaction_marker(
    producer_id: i64,
    producer_epoch: i16,
    is_commit: bool,
    now_ms: i64,
) -> BytesMut {
    // One record: length, attributes, both deltas, 4 bytes of key (version, type), 6 of value, no headers.
    let mut record = BytesMut::new();
    record.put_slice(&[2 * 16, 0, 0, 0, 2 * 4]);
    record.put_i16(0);
    record.put_i16(i16::from(is_commit));
    record.put_u8(2 * 6);
    record.put_i16(0);
    record.put_i32(0);
    record.put_u8(0);
    let header = BatchHeader {
        base_offset: 0,
        size_bytes: HEADER_BYTES + record.len(),
        checksum: 0,
        attributes: TRANSACTIONAL_BIT | CONTROL_BIT,
        last_offset_delta: 0,
        base_timestamp: now_ms,
        max_timestamp: now_ms,
        producer_id,
        producer_epoch,
        base_sequence: -1,
        record_count: 1,
    };
    header.rebuild(&record, 1)
}

/// Says whether a control batch commits (or, when false, aborts) its transaction; `None` for other markers.
pub(crate) fn marker_commits(batch: &[u8]) -> Option<bool> {
    let mut key = batch.get(HEADER_BYTES + 5..HEADER_BYTES + 9)?;
    key.advance(2);
    match key.get_i16() {
        0 => Some(false),
        1 => Some(true),
        _ => None,
    }
}

fn seal(batch: &mut [u8]) {
    let checksum = crc32c::crc32c(&batch[CHECKSUM_START..]);
    batch[17..21].copy_from_slice(&checksum.to_be_bytes());
}
