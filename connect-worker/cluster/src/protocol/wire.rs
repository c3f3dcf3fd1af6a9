//! Kafka's primitive types, read from and written to bytes. Lengths from the network are checked against the bytes
//! that are left before anything is allocated.

use bytes::{BufMut, BytesMut};

use super::ProtocolError;

/// Reads values one after the other.
pub(super) struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    /// Returns whether all bytes were read.
    pub(super) fn is_at_end(&self) -> bool {
        self.rest.is_empty()
    }

    pub(super) fn int16(&mut self, field: &'static str) -> Result<i16, ProtocolError> {
        self.array(field).map(i16::from_be_bytes)
    }

    pub(super) fn int32(&mut self, field: &'static str) -> Result<i32, ProtocolError> {
        self.array(field).map(i32::from_be_bytes)
    }

    pub(super) fn int64(&mut self, field: &'static str) -> Result<i64, ProtocolError> {
        self.array(field).map(i64::from_be_bytes)
    }

    pub(super) fn string(&mut self, field: &'static str) -> Result<&'a str, ProtocolError> {
        let length = self.int16(field)?;
        let length =
            usize::try_from(length).map_err(|_| ProtocolError::Length { field, length: length.into() })?;
        std::str::from_utf8(self.take(length, field)?).map_err(|_| ProtocolError::Text { field })
    }

    /// Reads bytes after their length; `None` for a length of -1.
    pub(super) fn nullable_bytes(&mut self, field: &'static str) -> Result<Option<&'a [u8]>, ProtocolError> {
        let length = self.int32(field)?;
        if length == -1 {
            return Ok(None);
        }
        let length = usize::try_from(length).map_err(|_| ProtocolError::Length { field, length })?;
        self.take(length, field).map(Some)
    }

    /// Reads the number of elements of an array, 0 for null. Each element takes at least `size` bytes.
    pub(super) fn count(&mut self, size: usize, field: &'static str) -> Result<usize, ProtocolError> {
        let length = self.int32(field)?;
        if length == -1 {
            return Ok(0);
        }
        match usize::try_from(length) {
            Ok(count) if count <= self.rest.len() / size => Ok(count),
            _ => Err(ProtocolError::Length { field, length }),
        }
    }

    fn take(&mut self, length: usize, field: &'static str) -> Result<&'a [u8], ProtocolError> {
        let (taken, rest) = self.rest.split_at_checked(length).ok_or(ProtocolError::Truncated { field })?;
        self.rest = rest;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self, field: &'static str) -> Result<[u8; N], ProtocolError> {
        let (taken, rest) = self.rest.split_first_chunk().ok_or(ProtocolError::Truncated { field })?;
        self.rest = rest;
        Ok(*taken)
    }
}

/// Writes a text after its length. Kafka's type ends at 32767 bytes; a longer text is cut.
pub(super) fn put_string(out: &mut BytesMut, text: &str) {
    let text = &text[..text.floor_char_boundary(i16::MAX.cast_unsigned().into())];
    out.put_i16(i16::try_from(text.len()).unwrap_or(i16::MAX));
    out.put_slice(text.as_bytes());
}

/// Writes the number of elements of an array.
pub(super) fn put_count(out: &mut BytesMut, count: usize) {
    out.put_i32(i32::try_from(count).unwrap_or(i32::MAX));
}
