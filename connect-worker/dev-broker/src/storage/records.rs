//! The records inside a batch, looked at one by one: for compaction, for the lookup of a time, and to check keys.
//!
//! The usual path (produce, fetch) never comes here.

use std::io;

use bytes::{Buf, BufMut, Bytes, BytesMut};
use kafka_protocol::{
    compression::{Compressor, Decompressor, Gzip, Lz4, Snappy, Zstd},
    records::Compression,
};

use super::batch::{BatchHeader, HEADER_BYTES};

/// One record of a batch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct RawRecord {
    pub(crate) offset: i64,
    pub(crate) timestamp: i64,
    pub(crate) key: Option<Bytes>,
    pub(crate) is_tombstone: bool,
    /// The record as it stands in the uncompressed batch, length included.
    pub(crate) raw: Bytes,
}

/// Returns the records of `batch`, which must start with `header`.
///
/// # Errors
/// `InvalidData` when the records cannot be decompressed or do not parse.
pub(crate) fn decode(header: &BatchHeader, batch: &[u8]) -> io::Result<Vec<RawRecord>> {
    let body = batch.get(HEADER_BYTES..header.size_bytes).ok_or_else(broken)?;
    let mut body = decompress(header, Bytes::copy_from_slice(body))?;
    // Never sized from the count in the header: that number is the producer's word.
    let mut records = Vec::new();
    for _ in 0..header.record_count {
        records.push(decode_one(header, &mut body).ok_or_else(broken)?);
    }
    Ok(records)
}

/// Returns the batch `header` with only `kept` of its records, in the codec it had.
///
/// # Errors
/// `InvalidData` when the codec refuses.
pub(crate) fn encode(header: &BatchHeader, kept: &[RawRecord]) -> io::Result<BytesMut> {
    let mut plain = BytesMut::new();
    for record in kept {
        plain.extend_from_slice(&record.raw);
    }
    let body = compress(header, plain)?;
    Ok(header.rebuild(&body, kept.len() as i32))
}

fn decode_one(header: &BatchHeader, body: &mut Bytes) -> Option<RawRecord> {
    let start = body.clone();
    let length = usize::try_from(get_varint(body)?).ok()?;
    let prefix = start.len() - body.len();
    if body.len() < length {
        return None;
    }
    let mut fields = body.split_to(length);
    if !fields.has_remaining() {
        return None;
    }
    fields.advance(1);
    let timestamp_delta = get_varint(&mut fields)?;
    let offset_delta = get_varint(&mut fields)?;
    let key = get_nullable(&mut fields)?;
    let value_length = get_varint(&mut fields)?;
    let timestamp =
        if header.is_append_time() { header.max_timestamp } else { header.base_timestamp + timestamp_delta };
    Some(RawRecord {
        offset: header.base_offset + offset_delta,
        timestamp,
        key,
        is_tombstone: value_length < 0,
        raw: start.slice(..prefix + length),
    })
}

fn get_nullable(fields: &mut Bytes) -> Option<Option<Bytes>> {
    let Ok(length) = usize::try_from(get_varint(fields)?) else {
        return Some(None);
    };
    (fields.len() >= length).then(|| Some(fields.split_to(length)))
}

/// Reads a zigzag number of variable length.
fn get_varint(fields: &mut Bytes) -> Option<i64> {
    let mut value = 0u64;
    for shift in (0..64).step_by(7) {
        if !fields.has_remaining() {
            return None;
        }
        let byte = fields.get_u8();
        value |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Some((value >> 1) as i64 ^ -((value & 1) as i64));
        }
    }
    None
}

fn decompress(header: &BatchHeader, mut body: Bytes) -> io::Result<Bytes> {
    let codec = header.compression().ok_or_else(broken)?;
    let plain = match codec {
        Compression::None => return Ok(body),
        Compression::Gzip => Gzip::decompress(&mut body, |plain| Ok(plain.split_to(plain.len()))),
        Compression::Snappy => Snappy::decompress(&mut body, |plain| Ok(plain.split_to(plain.len()))),
        Compression::Lz4 => Lz4::decompress(&mut body, |plain| Ok(plain.split_to(plain.len()))),
        Compression::Zstd => Zstd::decompress(&mut body, |plain| Ok(plain.split_to(plain.len()))),
    };
    plain.map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error.to_string()))
}

fn compress(header: &BatchHeader, plain: BytesMut) -> io::Result<BytesMut> {
    let codec = header.compression().ok_or_else(broken)?;
    let mut body = BytesMut::new();
    let fill = |sink: &mut BytesMut| {
        sink.put_slice(&plain);
        Ok(())
    };
    let result = match codec {
        Compression::None => return Ok(plain),
        Compression::Gzip => Gzip::compress(&mut body, fill),
        Compression::Snappy => Snappy::compress(&mut body, fill),
        Compression::Lz4 => Lz4::compress(&mut body, fill),
        Compression::Zstd => Zstd::compress(&mut body, fill),
    };
    result.map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error.to_string()))?;
    Ok(body)
}

fn broken() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, "reading the records of a batch: malformed")
}
