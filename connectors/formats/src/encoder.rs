//! What makes the bytes of a file of the records collected for it. Encoding costs milliseconds a piece, so callers
//! run it where blocking is allowed.

use std::io;
use std::sync::Arc;

use crate::avro::{AvroCodec, AvroEncoder};
use crate::compress::{Compression, Compressor};
use crate::parquet::{ParquetEncoder, ParquetFormat};
use crate::rows::Payload;

/// Encodes one file, piece by piece.
#[derive(Debug)]
pub struct FileEncoder {
    kind: Kind,
}

#[derive(Debug)]
enum Kind {
    Lines(Compression, Option<Compressor>),
    Avro(AvroEncoder),
    Parquet(Box<ParquetEncoder>),
}

impl FileEncoder {
    pub(crate) fn lines(compression: Compression) -> Self {
        Self { kind: Kind::Lines(compression, None) }
    }

    pub(crate) fn avro(codec: AvroCodec, seed: &str) -> Self {
        Self { kind: Kind::Avro(AvroEncoder::new(codec, seed)) }
    }

    pub(crate) fn parquet(format: Arc<ParquetFormat>) -> Self {
        Self { kind: Kind::Parquet(Box::new(ParquetEncoder::new(format))) }
    }

    /// Encodes a piece.
    ///
    /// # Errors
    /// Those of the compressor and of the columns' layout; none is known for what [`crate::Rows`] collected.
    pub fn write(&mut self, piece: Payload) -> io::Result<()> {
        match (&mut self.kind, piece) {
            (Kind::Lines(compression, state), Payload::Bytes(bytes)) => {
                let compressor = match state {
                    Some(compressor) => compressor,
                    None => state.insert(Compressor::new(*compression)?),
                };
                compressor.write(bytes)
            }
            (Kind::Avro(encoder), Payload::Avro(payload)) => encoder.write(payload),
            (Kind::Parquet(encoder), Payload::Columns(columns)) => encoder.write(*columns),
            _ => Err(io::Error::other("a piece of another format")),
        }
    }

    /// Returns the number of encoded bytes not yet taken.
    pub fn ready(&self) -> usize {
        match &self.kind {
            Kind::Lines(_, state) => state.as_ref().map_or(0, Compressor::ready),
            Kind::Avro(encoder) => encoder.ready(),
            Kind::Parquet(encoder) => encoder.ready(),
        }
    }

    /// Takes the encoded bytes that are there now.
    pub fn take(&mut self) -> Vec<u8> {
        match &mut self.kind {
            Kind::Lines(_, state) => state.as_mut().map_or_else(Vec::new, Compressor::take),
            Kind::Avro(encoder) => encoder.take(),
            Kind::Parquet(encoder) => encoder.take(),
        }
    }

    /// Ends the file and returns the rest of it.
    ///
    /// # Errors
    /// As [`FileEncoder::write`].
    pub fn finish(self) -> io::Result<Vec<u8>> {
        match self.kind {
            Kind::Lines(_, Some(compressor)) => compressor.finish(),
            Kind::Lines(compression, None) => Compressor::new(compression)?.finish(),
            Kind::Avro(encoder) => encoder.finish(),
            Kind::Parquet(encoder) => encoder.finish(),
        }
    }
}
