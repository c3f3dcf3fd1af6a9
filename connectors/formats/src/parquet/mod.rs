//! Parquet, with the layout that Confluent's `ParquetFormat` has through Avro: records are laid out in columns as they
//! come, and a row group is written of what has come together.

mod columns;
mod encoder;
mod given;
mod infer;
mod layout;
mod rows;
mod spread;

use std::sync::Arc;

use connect_core::data::SchemaRef;
use connector_avro::config::AvroConfig;
use parquet::basic::{Compression, GzipLevel, ZstdLevel};

use crate::envelope::Envelope;

pub(crate) use columns::ColumnsPayload;
pub(crate) use encoder::ParquetEncoder;
pub use given::schema_of_avro;
pub(crate) use rows::ParquetRows;

/// Writes Parquet files.
#[derive(Debug)]
pub struct ParquetFormat {
    config: AvroConfig,
    codec: ParquetCodec,
    schema: Option<SchemaRef>,
    envelope: Option<Arc<Envelope>>,
}

/// How pages are compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ParquetCodec {
    compression: Compression,
    extension: &'static str,
}

impl ParquetCodec {
    /// Returns the codec of a name of `parquet.codec`; `None` for those that are not built in.
    pub fn parse(name: &str) -> Option<Self> {
        let (compression, extension) = match name {
            "none" => (Compression::UNCOMPRESSED, ""),
            "snappy" => (Compression::SNAPPY, ".snappy"),
            "gzip" => (Compression::GZIP(GzipLevel::default()), ".gz"),
            "lz4" => (Compression::LZ4, ".lz4hadoop"),
            "lz4_raw" => (Compression::LZ4_RAW, ".lz4raw"),
            "zstd" => (Compression::ZSTD(ZstdLevel::default()), ".zstd"),
            _ => return None,
        };
        Some(Self { compression, extension })
    }
}

impl ParquetFormat {
    /// Returns the format. `config` says how schemas of Connect become those of Avro, which files carry along;
    /// `schema` is that of values without one, which is found out from the values when it is absent.
    pub fn new(config: AvroConfig, codec: ParquetCodec, schema: Option<SchemaRef>) -> Self {
        Self { config, codec, schema, envelope: None }
    }

    /// Returns the format with several parts of a record in each row.
    #[must_use]
    pub fn with_envelope(self, envelope: Envelope) -> Self {
        Self { envelope: Some(Arc::new(envelope)), ..self }
    }

    /// Returns the extension of file names, with its dot.
    pub fn extension(&self) -> String {
        format!("{}.parquet", self.codec.extension)
    }
}
