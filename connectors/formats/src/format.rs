//! The formats behind one type, so that a sink's loop pays no virtual call a record.

use std::sync::Arc;

use connect_core::error::ConnectError;
use connect_core::record::SinkRecord;

use crate::avro::AvroFormat;
use crate::compress::Compression;
use crate::encoder::FileEncoder;
use crate::envelope::EnvelopeFormat;
use crate::parquet::ParquetFormat;
use crate::rows::Rows;
use crate::{ByteArrayFormat, JsonFormat};

/// What is written of a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// The value.
    Value,
    /// The key.
    Key,
    /// The headers.
    Headers,
}

/// A format that files can be written in.
#[derive(Debug, Clone)]
pub enum RecordFormat {
    /// Records one after another, without a frame around them.
    Lines(Arc<LineFormat>, Compression),
    /// Avro's container files.
    Avro(Arc<AvroFormat>),
    /// Parquet.
    Parquet(Arc<ParquetFormat>),
}

/// A format whose files are their records, one after another.
#[derive(Debug)]
pub enum LineFormat {
    /// One JSON value a line.
    Json(JsonFormat),
    /// Raw bytes with a separator after each record.
    ByteArray(ByteArrayFormat),
    /// Several parts of a record together.
    Envelope(EnvelopeFormat),
}

impl RecordFormat {
    /// Returns the extension of file names, with its dot and with that of the compression.
    pub fn extension(&self) -> String {
        match self {
            RecordFormat::Lines(lines, compression) => {
                let own = match &**lines {
                    LineFormat::Json(_) => ".json",
                    LineFormat::ByteArray(format) => format.extension(),
                    // Names of such files are given as a whole.
                    LineFormat::Envelope(_) => "",
                };
                format!("{own}{}", compression.extension())
            }
            RecordFormat::Avro(_) => ".avro".to_owned(),
            RecordFormat::Parquet(format) => format.extension(),
        }
    }

    /// Returns whether records are written as they come, without anything around or between them.
    pub fn is_plain(&self) -> bool {
        matches!(self, RecordFormat::Lines(lines, Compression::None) if lines.end().is_empty())
    }

    /// Returns what collects the records of one file.
    pub fn rows(&self, part: Part) -> Rows {
        match self {
            RecordFormat::Lines(format, _) => Rows::lines(Arc::clone(format), part),
            RecordFormat::Avro(format) => Rows::avro(Arc::clone(format), part),
            RecordFormat::Parquet(format) => Rows::parquet(Arc::clone(format), part),
        }
    }

    /// Returns what makes a file's bytes of them. `seed` is what tells files apart: marks inside a file depend on it
    /// and on nothing else, so that a file written again has the same bytes.
    pub fn encoder(&self, seed: &str) -> FileEncoder {
        match self {
            RecordFormat::Lines(lines, compression) => FileEncoder::lines(*compression, lines.end()),
            RecordFormat::Avro(format) => FileEncoder::avro(format.codec(), format.compression(), seed),
            RecordFormat::Parquet(format) => FileEncoder::parquet(Arc::clone(format)),
        }
    }
}

impl LineFormat {
    /// Returns what stands before a record.
    pub(crate) fn before(&self, is_first: bool) -> &'static [u8] {
        match self {
            LineFormat::Envelope(format) => format.before(is_first),
            LineFormat::Json(_) | LineFormat::ByteArray(_) => b"",
        }
    }

    /// Returns what ends a file.
    pub fn end(&self) -> &'static [u8] {
        match self {
            LineFormat::Envelope(format) => format.end(),
            LineFormat::Json(_) | LineFormat::ByteArray(_) => b"",
        }
    }

    /// Appends one part of a record to a file.
    ///
    /// # Errors
    /// A data error when the format cannot hold it; `out` may then hold part of it.
    pub fn append(&self, part: Part, record: &SinkRecord, out: &mut Vec<u8>) -> Result<(), ConnectError> {
        match (self, part) {
            (LineFormat::Envelope(format), _) => format.append(record, out),
            (LineFormat::Json(format), Part::Value) => format.append(&record.value, out),
            (LineFormat::Json(format), Part::Key) => format.append(&record.key, out),
            (LineFormat::Json(format), Part::Headers) => format.append_headers(&record.headers, out),
            (LineFormat::ByteArray(format), Part::Value) => format.append(&record.value, out),
            (LineFormat::ByteArray(format), Part::Key) => format.append(&record.key, out),
            (LineFormat::ByteArray(_), Part::Headers) => {
                Err(ConnectError::data("writing headers with `ByteArrayFormat`"))
            }
        }
    }
}
