//! Record formats of object sinks: how records become the bytes of a file, and how a file is compressed. Nothing here
//! does I/O or knows where the bytes go; the sinks call it.
//!
//! A file is made in two steps: [`Rows`] collects its records, cheaply, one by one; [`FileEncoder`] makes its bytes
//! of what was collected, where blocking is allowed.

mod avro;
mod bytearray;
mod compress;
mod encoder;
mod envelope;
mod format;
mod gzip;
mod json;
mod parquet;
mod rows;

pub use avro::{AvroCodec, AvroFormat};
pub use bytearray::ByteArrayFormat;
pub use compress::Compression;
pub use connector_avro::config::AvroConfig;
pub use encoder::FileEncoder;
pub use envelope::{Envelope, EnvelopeFormat, EnvelopeStyle, OutputField};
pub use format::{LineFormat, Part, RecordFormat};
pub use json::JsonFormat;
pub use parquet::{ParquetCodec, ParquetFormat, schema_of_avro};
pub use rows::{Payload, Rows};
