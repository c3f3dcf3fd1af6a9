//! Gzip for files that grow in pieces. Compressing costs milliseconds a piece, so callers run it where blocking
//! is allowed.

use std::fmt;
use std::io::{self, Write};

use flate2::Compression;
use flate2::write::GzEncoder;

/// Compresses one file. The header carries no time and no name, so equal input in equal pieces gives equal bytes.
pub(crate) struct GzipEncoder {
    encoder: GzEncoder<Vec<u8>>,
}

impl GzipEncoder {
    /// Returns an encoder; `level` is 0 to 9, or −1 for the default.
    pub(crate) fn new(level: i32) -> Self {
        let level = u32::try_from(level).map_or(Compression::default(), Compression::new);
        Self { encoder: GzEncoder::new(Vec::new(), level) }
    }

    /// Compresses a piece.
    ///
    /// # Errors
    /// Those of the compressor; none is known for memory targets.
    pub(crate) fn write(&mut self, piece: &[u8]) -> io::Result<()> {
        self.encoder.write_all(piece)
    }

    /// Returns the number of compressed bytes not yet taken.
    pub(crate) fn ready(&self) -> usize {
        self.encoder.get_ref().len()
    }

    /// Takes the compressed bytes that are there now.
    pub(crate) fn take(&mut self) -> Vec<u8> {
        std::mem::take(self.encoder.get_mut())
    }

    /// Ends the file and returns the rest of it.
    ///
    /// # Errors
    /// As [`GzipEncoder::write`].
    pub(crate) fn finish(self) -> io::Result<Vec<u8>> {
        self.encoder.finish()
    }
}

impl fmt::Debug for GzipEncoder {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("GzipEncoder").field("ready", &self.ready()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use flate2::read::GzDecoder;

    use super::*;

    fn compressed(pieces: &[&[u8]], level: i32) -> Vec<u8> {
        let mut encoder = GzipEncoder::new(level);
        let mut out = Vec::new();
        for piece in pieces {
            encoder.write(piece).expect("memory");
            out.extend(encoder.take());
        }
        out.extend(encoder.finish().expect("memory"));
        out
    }

    #[test]
    fn pieces_taken_on_the_way_join_to_one_member() {
        let piece: Vec<u8> = (0..100_000u32).flat_map(|number| number.to_le_bytes()).collect();
        for level in [-1, 0, 1, 9] {
            let file = compressed(&[&piece, b"tail", &piece], level);
            let mut text = Vec::new();
            GzDecoder::new(file.as_slice()).read_to_end(&mut text).expect("one valid member");
            assert_eq!(text, [&piece[..], b"tail", &piece].concat(), "level {level}");
        }
    }

    #[test]
    fn same_pieces_give_the_same_bytes() {
        assert_eq!(compressed(&[b"abc", b"def"], 6), compressed(&[b"abc", b"def"], 6));
    }
}
