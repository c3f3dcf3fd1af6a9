//! The primitive reads of Avro's binary encoding. Never reads past the end, never trusts a length.

use bytes::Bytes;
use bytestring::ByteString;
use connect_core::error::ConnectError;

/// What reading gives. The error is boxed, so that a value is not moved within the room that an error takes.
pub type Read<T> = Result<T, Box<ConnectError>>;

/// A position in the bytes of one record.
pub struct Reader<'a> {
    /// What is read; strings and bytes share it.
    source: &'a Bytes,
    rest: &'a [u8],
    /// Elements that arrays and maps may still have: each takes a byte at least, but for those of empty records.
    elements_left: usize,
}

#[cold]
fn invalid(what: &str) -> Box<ConnectError> {
    Box::new(ConnectError::data(format!("reading Avro data: {what}")))
}

impl<'a> Reader<'a> {
    pub fn new(source: &'a Bytes) -> Self {
        Self::behind(source, 0)
    }

    /// Reads what follows the first `len` bytes.
    ///
    /// # Panics
    /// Panics when there are fewer.
    pub fn behind(source: &'a Bytes, len: usize) -> Self {
        Self { source, rest: &source[len..], elements_left: source.len() + 1024 }
    }

    #[inline]
    pub fn take(&mut self, len: usize) -> Read<&'a [u8]> {
        match self.rest.split_at_checked(len) {
            Some((taken, rest)) => {
                self.rest = rest;
                Ok(taken)
            }
            None => Err(invalid("the data ends too early")),
        }
    }

    #[inline]
    fn array<const N: usize>(&mut self) -> Read<[u8; N]> {
        match self.rest.split_first_chunk::<N>() {
            Some((taken, rest)) => {
                self.rest = rest;
                Ok(*taken)
            }
            None => Err(invalid("the data ends too early")),
        }
    }

    pub fn boolean(&mut self) -> Read<bool> {
        Ok(self.array::<1>()?[0] == 1)
    }

    /// Reads a zig-zag number of variable length.
    #[inline]
    pub fn long(&mut self) -> Read<i64> {
        if let Some((first, rest)) = self.rest.split_first()
            && *first < 0x80
        {
            self.rest = rest;
            return Ok(unzigzag(u64::from(*first)));
        }
        self.long_of_many()
    }

    fn long_of_many(&mut self) -> Read<i64> {
        let mut number = 0u64;
        for (index, byte) in self.rest.iter().take(10).enumerate() {
            number |= u64::from(byte & 0x7f) << (7 * index);
            if byte & 0x80 == 0 {
                self.rest = &self.rest[index + 1..];
                return Ok(unzigzag(number));
            }
        }
        Err(invalid(if self.rest.len() < 10 { "the data ends too early" } else { "a number is too long" }))
    }

    pub fn int(&mut self) -> Read<i32> {
        i32::try_from(self.long()?).map_err(|_| invalid("a number does not fit an int"))
    }

    pub fn float(&mut self) -> Read<f32> {
        self.array().map(f32::from_le_bytes)
    }

    pub fn double(&mut self) -> Read<f64> {
        self.array().map(f64::from_le_bytes)
    }

    /// Reads bytes after their length.
    #[inline]
    pub fn slice(&mut self) -> Read<&'a [u8]> {
        let len = usize::try_from(self.long()?).map_err(|_| invalid("a length is negative"))?;
        self.take(len)
    }

    /// Reads bytes after their length, sharing the record's memory.
    pub fn bytes(&mut self) -> Read<Bytes> {
        self.slice().map(|slice| self.source.slice_ref(slice))
    }

    /// Reads a fixed number of bytes, sharing the record's memory.
    pub fn fixed(&mut self, len: usize) -> Read<Bytes> {
        self.take(len).map(|slice| self.source.slice_ref(slice))
    }

    /// Reads a string, sharing the record's memory; what is no UTF-8 becomes replacement characters, as in Java.
    #[inline]
    pub fn string(&mut self) -> Read<ByteString> {
        let slice = self.slice()?;
        ByteString::try_from(self.source.slice_ref(slice))
            .or_else(|_| Ok(ByteString::from(String::from_utf8_lossy(slice).into_owned())))
    }

    /// Reads the head of a block of an array or map: the number of its elements, 0 at the end.
    pub fn block(&mut self) -> Read<usize> {
        let mut count = self.long()?;
        if count < 0 {
            // A negative count is followed by the block's size in bytes.
            self.long()?;
            count = count.checked_neg().ok_or_else(|| invalid("a block is too long"))?;
        }
        let count = usize::try_from(count).map_err(|_| invalid("a block is too long"))?;
        match self.elements_left.checked_sub(count) {
            Some(left) => {
                self.elements_left = left;
                Ok(count)
            }
            None => Err(invalid("a block has more elements than the data can hold")),
        }
    }
}

fn unzigzag(number: u64) -> i64 {
    (number >> 1).cast_signed() ^ -(number & 1).cast_signed()
}
