//! Record formats of object sinks: how one record becomes bytes of a file, and how a file is compressed. Nothing
//! here does I/O or knows where the bytes go; the sinks call it.

mod bytearray;
mod format;
mod gzip;
mod json;

pub use bytearray::ByteArrayFormat;
pub use format::RecordFormat;
pub use gzip::GzipEncoder;
pub use json::JsonFormat;
