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
    compression: Compression,
    /// Compresses the file as a whole; begun with its first piece.
    compressor: Option<Compressor>,
}

#[derive(Debug)]
enum Kind {
    /// Records as they are, and what ends the file.
    Lines(&'static [u8]),
    Avro(AvroEncoder),
    Parquet(Box<ParquetEncoder>),
}

impl FileEncoder {
    pub(crate) fn lines(compression: Compression, end: &'static [u8]) -> Self {
        Self { kind: Kind::Lines(end), compression, compressor: None }
    }

    pub(crate) fn avro(codec: AvroCodec, compression: Compression, seed: &str) -> Self {
        Self { kind: Kind::Avro(AvroEncoder::new(codec, seed)), compression, compressor: None }
    }

    pub(crate) fn parquet(format: Arc<ParquetFormat>) -> Self {
        let kind = Kind::Parquet(Box::new(ParquetEncoder::new(format)));
        Self { kind, compression: Compression::None, compressor: None }
    }

    /// Encodes a piece.
    ///
    /// # Errors
    /// Those of the compressor and of the columns' layout; none is known for what [`crate::Rows`] collected.
    pub fn write(&mut self, piece: Payload) -> io::Result<()> {
        match (&mut self.kind, piece) {
            (Kind::Lines(_), Payload::Bytes(bytes)) => self.compressor()?.write(bytes),
            (Kind::Avro(encoder), Payload::Avro(payload)) => {
                encoder.write(payload)?;
                if self.compression == Compression::None {
                    return Ok(());
                }
                let ready = encoder.take();
                self.compressor()?.write(ready)
            }
            (Kind::Parquet(encoder), Payload::Columns(columns)) => encoder.write(*columns),
            _ => Err(io::Error::other("a piece of another format")),
        }
    }

    /// Returns the number of encoded bytes not yet taken.
    pub fn ready(&self) -> usize {
        match (&self.compressor, &self.kind) {
            (Some(compressor), _) => compressor.ready(),
            (None, Kind::Lines(_)) => 0,
            (None, Kind::Avro(encoder)) => encoder.ready(),
            (None, Kind::Parquet(encoder)) => encoder.ready(),
        }
    }

    /// Takes the encoded bytes that are there now.
    pub fn take(&mut self) -> Vec<u8> {
        match (&mut self.compressor, &mut self.kind) {
            (Some(compressor), _) => compressor.take(),
            (None, Kind::Lines(_)) => Vec::new(),
            (None, Kind::Avro(encoder)) => encoder.take(),
            (None, Kind::Parquet(encoder)) => encoder.take(),
        }
    }

    /// Ends the file and returns the rest of it.
    ///
    /// # Errors
    /// As [`FileEncoder::write`].
    pub fn finish(mut self) -> io::Result<Vec<u8>> {
        let rest = match self.kind {
            Kind::Lines(end) => end.to_vec(),
            Kind::Avro(encoder) => encoder.finish()?,
            Kind::Parquet(encoder) => encoder.finish()?,
        };
        let mut compressor = match self.compressor.take() {
            Some(compressor) => compressor,
            None if self.compression == Compression::None => return Ok(rest),
            None => Compressor::new(self.compression)?,
        };
        if !rest.is_empty() {
            compressor.write(rest)?;
        }
        compressor.finish()
    }

    fn compressor(&mut self) -> io::Result<&mut Compressor> {
        match &mut self.compressor {
            Some(compressor) => Ok(compressor),
            none => Ok(none.insert(Compressor::new(self.compression)?)),
        }
    }
}
