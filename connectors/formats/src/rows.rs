//! Records of one file on their way into it: what is cheap is done here, record by record; compressing and laying
//! out in pages is left to the encoder, which runs where blocking is allowed.

use std::sync::Arc;

use connect_core::error::ConnectError;
use connect_core::record::SinkRecord;

use crate::avro::{AvroFormat, AvroRows};
use crate::format::{LineFormat, Part};
use crate::parquet::{ParquetFormat, ParquetRows};

/// Records of one file, collected.
#[derive(Debug)]
pub struct Rows {
    part: Part,
    body: Body,
}

#[derive(Debug)]
enum Body {
    Lines { format: Arc<LineFormat>, bytes: Vec<u8>, last: usize, count: u64 },
    Avro(AvroRows),
    Parquet(Box<ParquetRows>),
}

/// Records taken to be encoded.
#[derive(Debug)]
pub enum Payload {
    /// Records as they stand in the file.
    Bytes(Vec<u8>),
    /// Records and schema of an Avro file.
    Avro(crate::avro::AvroPayload),
    /// Columns of a Parquet file.
    Columns(Box<crate::parquet::ColumnsPayload>),
}

impl Payload {
    /// Returns the bytes held.
    pub fn size(&self) -> usize {
        match self {
            Payload::Bytes(bytes) => bytes.len(),
            Payload::Avro(payload) => payload.size(),
            Payload::Columns(payload) => payload.size(),
        }
    }
}

impl Rows {
    pub(crate) fn lines(format: Arc<LineFormat>, part: Part) -> Self {
        Self { part, body: Body::Lines { format, bytes: Vec::new(), last: 0, count: 0 } }
    }

    pub(crate) fn avro(format: Arc<AvroFormat>, part: Part) -> Self {
        Self { part, body: Body::Avro(AvroRows::new(format)) }
    }

    pub(crate) fn parquet(format: Arc<ParquetFormat>, part: Part) -> Self {
        Self { part, body: Body::Parquet(Box::new(ParquetRows::new(format))) }
    }

    /// Returns which part of records is collected.
    pub fn part(&self) -> Part {
        self.part
    }

    /// Reserves memory for so many bytes, where that saves growing.
    pub fn reserve(&mut self, size: usize) {
        if let Body::Lines { bytes, .. } = &mut self.body {
            bytes.reserve(size);
        }
    }

    /// Appends a record, or nothing of it.
    ///
    /// # Errors
    /// A data error when the format cannot hold the record.
    pub fn append(&mut self, record: &SinkRecord) -> Result<(), ConnectError> {
        match &mut self.body {
            Body::Lines { format, bytes, last, count } => {
                let length = bytes.len();
                bytes.extend_from_slice(format.before(*count == 0));
                if let Err(error) = format.append(self.part, record, bytes) {
                    bytes.truncate(length);
                    return Err(error);
                }
                *last = length;
                *count += 1;
                Ok(())
            }
            Body::Avro(rows) => rows.append(self.part, record),
            Body::Parquet(rows) => rows.append(self.part, record),
        }
    }

    /// Takes the record appended last back; at most once after each append, and not after [`Rows::take`].
    pub fn undo(&mut self) {
        match &mut self.body {
            Body::Lines { bytes, last, count, .. } => {
                bytes.truncate(*last);
                *count = count.saturating_sub(1);
            }
            Body::Avro(rows) => rows.undo(),
            Body::Parquet(rows) => rows.undo(),
        }
    }

    /// Returns whether the file can hold the record beside those it has: files of values without a schema get theirs
    /// from the first of them.
    pub fn fits(&self, record: &SinkRecord) -> bool {
        match &self.body {
            Body::Parquet(rows) => rows.fits(self.part, record),
            _ => true,
        }
    }

    /// Returns the bytes held.
    pub fn size(&self) -> usize {
        match &self.body {
            Body::Lines { bytes, .. } => bytes.len(),
            Body::Avro(rows) => rows.size(),
            Body::Parquet(rows) => rows.size(),
        }
    }

    /// Takes what is there; the file goes on.
    ///
    /// # Errors
    /// A data error when the records have no common layout.
    pub fn take(&mut self) -> Result<Payload, ConnectError> {
        match &mut self.body {
            Body::Lines { bytes, last, .. } => {
                *last = 0;
                Ok(Payload::Bytes(std::mem::take(bytes)))
            }
            Body::Avro(rows) => Ok(Payload::Avro(rows.take())),
            Body::Parquet(rows) => Ok(Payload::Columns(Box::new(rows.take()?))),
        }
    }
}
