//! The formats behind one type, so that a sink's loop pays no virtual call a record.

use connect_core::data::Datum;
use connect_core::error::ConnectError;
use connect_core::headers::Headers;

use crate::{ByteArrayFormat, JsonFormat};

/// A format that files can be written in.
#[derive(Debug, Clone)]
pub enum RecordFormat {
    /// One JSON value a line.
    Json(JsonFormat),
    /// Raw bytes with a separator after each record.
    ByteArray(ByteArrayFormat),
}

impl RecordFormat {
    /// Returns the extension of file names, with its dot and without that of the compression.
    pub fn extension(&self) -> &str {
        match self {
            RecordFormat::Json(_) => ".json",
            RecordFormat::ByteArray(format) => format.extension(),
        }
    }

    /// Appends a record to the file.
    ///
    /// # Errors
    /// A data error when the format cannot hold the record; `out` may then hold part of it.
    pub fn append(&self, datum: &Datum, out: &mut Vec<u8>) -> Result<(), ConnectError> {
        match self {
            RecordFormat::Json(format) => format.append(datum, out),
            RecordFormat::ByteArray(format) => format.append(datum, out),
        }
    }

    /// Appends the headers of a record to their file.
    ///
    /// # Errors
    /// A data error when the format cannot hold headers.
    pub fn append_headers(&self, headers: &Headers, out: &mut Vec<u8>) -> Result<(), ConnectError> {
        match self {
            RecordFormat::Json(format) => format.append_headers(headers, out),
            RecordFormat::ByteArray(_) => Err(ConnectError::data("writing headers with `ByteArrayFormat`")),
        }
    }
}
