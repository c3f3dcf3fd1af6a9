//! Compression of whole files.

use std::fmt;
use std::io::{self, Write};

use crate::gzip::GzipEncoder;

/// How the bytes of a file are compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Compression {
    /// Not at all.
    None,
    /// Gzip at a level of 0 to 9; −1 is the default.
    Gzip(i32),
    /// Zstandard at a level of 1 to 22; −1 is the default, 3.
    Zstd(i32),
    /// Snappy's framing format.
    Snappy,
}

impl Compression {
    /// Returns what is put after the names of files, with its dot.
    pub fn extension(self) -> &'static str {
        match self {
            Compression::None => "",
            Compression::Gzip(_) => ".gz",
            Compression::Zstd(_) => ".zst",
            Compression::Snappy => ".snappy",
        }
    }

    /// Returns the word for people.
    pub fn name(self) -> &'static str {
        match self {
            Compression::None => "none",
            Compression::Gzip(_) => "gzip",
            Compression::Zstd(_) => "zstd",
            Compression::Snappy => "snappy",
        }
    }
}

/// Compresses one file that grows in pieces.
pub(crate) enum Compressor {
    None(Vec<u8>),
    Gzip(Box<GzipEncoder>),
    Zstd(Box<zstd::stream::write::Encoder<'static, Vec<u8>>>),
    Snappy(Box<snap::write::FrameEncoder<Vec<u8>>>),
}

impl Compressor {
    pub(crate) fn new(compression: Compression) -> io::Result<Self> {
        Ok(match compression {
            Compression::None => Self::None(Vec::new()),
            Compression::Gzip(level) => Self::Gzip(Box::new(GzipEncoder::new(level))),
            Compression::Zstd(level) => {
                let level = if level < 0 { zstd::DEFAULT_COMPRESSION_LEVEL } else { level };
                Self::Zstd(Box::new(zstd::stream::write::Encoder::new(Vec::new(), level)?))
            }
            Compression::Snappy => Self::Snappy(Box::new(snap::write::FrameEncoder::new(Vec::new()))),
        })
    }

    pub(crate) fn write(&mut self, piece: Vec<u8>) -> io::Result<()> {
        match self {
            Compressor::None(out) if out.is_empty() => *out = piece,
            Compressor::None(out) => out.extend_from_slice(&piece),
            Compressor::Gzip(encoder) => encoder.write(&piece)?,
            Compressor::Zstd(encoder) => encoder.write_all(&piece)?,
            Compressor::Snappy(encoder) => encoder.write_all(&piece)?,
        }
        Ok(())
    }

    pub(crate) fn ready(&self) -> usize {
        match self {
            Compressor::None(out) => out.len(),
            Compressor::Gzip(encoder) => encoder.ready(),
            Compressor::Zstd(encoder) => encoder.get_ref().len(),
            Compressor::Snappy(encoder) => encoder.get_ref().len(),
        }
    }

    pub(crate) fn take(&mut self) -> Vec<u8> {
        match self {
            Compressor::None(out) => std::mem::take(out),
            Compressor::Gzip(encoder) => encoder.take(),
            Compressor::Zstd(encoder) => std::mem::take(encoder.get_mut()),
            Compressor::Snappy(encoder) => std::mem::take(encoder.get_mut()),
        }
    }

    pub(crate) fn finish(self) -> io::Result<Vec<u8>> {
        match self {
            Compressor::None(out) => Ok(out),
            Compressor::Gzip(encoder) => encoder.finish(),
            Compressor::Zstd(encoder) => encoder.finish(),
            Compressor::Snappy(encoder) => {
                encoder.into_inner().map_err(|error| io::Error::other(error.to_string()))
            }
        }
    }
}

impl fmt::Debug for Compressor {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Compressor").field("ready", &self.ready()).finish_non_exhaustive()
    }
}
