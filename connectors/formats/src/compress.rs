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
    /// Snappy in the blocks of snappy-java's `SnappyOutputStream`.
    SnappyJava,
}

impl Compression {
    /// Returns what is put after the names of files, with its dot.
    pub fn extension(self) -> &'static str {
        match self {
            Compression::None => "",
            Compression::Gzip(_) => ".gz",
            Compression::Zstd(_) => ".zst",
            Compression::Snappy | Compression::SnappyJava => ".snappy",
        }
    }

    /// Returns the word for people.
    pub fn name(self) -> &'static str {
        match self {
            Compression::None => "none",
            Compression::Gzip(_) => "gzip",
            Compression::Zstd(_) => "zstd",
            Compression::Snappy | Compression::SnappyJava => "snappy",
        }
    }
}

/// Compresses one file that grows in pieces.
pub(crate) enum Compressor {
    None(Vec<u8>),
    Gzip(Box<GzipEncoder>),
    Zstd(Box<zstd::stream::write::Encoder<'static, Vec<u8>>>),
    Snappy(Box<snap::write::FrameEncoder<Vec<u8>>>),
    SnappyJava(JavaBlocks),
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
            Compression::SnappyJava => Self::SnappyJava(JavaBlocks::new()),
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
            Compressor::SnappyJava(blocks) => blocks.write(&piece)?,
        }
        Ok(())
    }

    pub(crate) fn ready(&self) -> usize {
        match self {
            Compressor::None(out) => out.len(),
            Compressor::Gzip(encoder) => encoder.ready(),
            Compressor::Zstd(encoder) => encoder.get_ref().len(),
            Compressor::Snappy(encoder) => encoder.get_ref().len(),
            Compressor::SnappyJava(blocks) => blocks.out.len(),
        }
    }

    pub(crate) fn take(&mut self) -> Vec<u8> {
        match self {
            Compressor::None(out) => std::mem::take(out),
            Compressor::Gzip(encoder) => encoder.take(),
            Compressor::Zstd(encoder) => std::mem::take(encoder.get_mut()),
            Compressor::Snappy(encoder) => std::mem::take(encoder.get_mut()),
            Compressor::SnappyJava(blocks) => std::mem::take(&mut blocks.out),
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
            Compressor::SnappyJava(blocks) => blocks.finish(),
        }
    }
}

/// What `SnappyOutputStream` of snappy-java writes: a header, then blocks of 32 KiB, each with its compressed length.
pub(crate) struct JavaBlocks {
    block: Vec<u8>,
    out: Vec<u8>,
}

impl JavaBlocks {
    const BLOCK_BYTES: usize = 32 * 1024;
    /// The magic, the version, and the oldest version that can read it.
    const HEADER: [u8; 16] = *b"\x82SNAPPY\0\0\0\0\x01\0\0\0\x01";

    fn new() -> Self {
        Self { block: Vec::new(), out: Self::HEADER.to_vec() }
    }

    fn write(&mut self, mut piece: &[u8]) -> io::Result<()> {
        while !piece.is_empty() {
            let (now, later) = piece.split_at(piece.len().min(Self::BLOCK_BYTES - self.block.len()));
            self.block.extend_from_slice(now);
            if self.block.len() == Self::BLOCK_BYTES {
                self.end_block()?;
            }
            piece = later;
        }
        Ok(())
    }

    fn end_block(&mut self) -> io::Result<()> {
        if !self.block.is_empty() {
            let compressed = snap::raw::Encoder::new().compress_vec(&self.block).map_err(io::Error::other)?;
            let length = u32::try_from(compressed.len()).map_err(io::Error::other)?;
            self.out.extend_from_slice(&length.to_be_bytes());
            self.out.extend_from_slice(&compressed);
            self.block.clear();
        }
        Ok(())
    }

    fn finish(mut self) -> io::Result<Vec<u8>> {
        self.end_block()?;
        Ok(self.out)
    }
}

impl fmt::Debug for Compressor {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Compressor").field("ready", &self.ready()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_of_snappy_java_have_its_header_and_their_lengths() {
        let text: Vec<u8> = (0..70_000_u32).flat_map(|number| number.to_string().into_bytes()).collect();
        let mut compressor = Compressor::new(Compression::SnappyJava).expect("no library refuses");
        for piece in text.chunks(10_007) {
            compressor.write(piece.to_vec()).expect("memory");
        }
        let mut bytes = compressor.take();
        bytes.extend(compressor.finish().expect("memory"));
        let (header, mut rest) = bytes.split_at(16);
        assert_eq!(header, [0x82, b'S', b'N', b'A', b'P', b'P', b'Y', 0, 0, 0, 0, 1, 0, 0, 0, 1]);
        let (mut found, mut sizes) = (Vec::new(), Vec::new());
        while !rest.is_empty() {
            let length = u32::from_be_bytes(rest[..4].try_into().expect("four bytes")) as usize;
            let block = snap::raw::Decoder::new().decompress_vec(&rest[4..4 + length]).expect("a block");
            sizes.push(block.len());
            found.extend(block);
            rest = &rest[4 + length..];
        }
        assert!(found == text);
        assert!(sizes[..sizes.len() - 1].iter().all(|size| *size == 32 * 1024), "{sizes:?}");
    }
}
