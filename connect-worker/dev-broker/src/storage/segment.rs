//! One file of a partition's log, and how batches are found and read in it.
//!
//! The sparse index lives in memory only: it grows with appends, and for a segment written by an earlier run it
//! is made on first use by reading batch headers. Only the owning partition appends.

use std::{
    fs::{File, OpenOptions},
    io,
    os::unix::fs::FileExt,
    path::{Path, PathBuf},
    sync::OnceLock,
};

use bytes::{Bytes, BytesMut};

use super::batch::{BatchHeader, HEADER_BYTES};

/// A place is noted in the index at most once in this many bytes.
const INDEX_INTERVAL_BYTES: u64 = 4 << 10;
/// How much a scan over a whole segment reads at once.
pub(crate) const SCAN_CHUNK_BYTES: usize = 1 << 20;
/// How much the search for one batch reads at once: about what lies between two places in the index.
const LOOKUP_CHUNK_BYTES: usize = 8 << 10;

/// One segment file, named after the first offset it may hold.
#[derive(Debug)]
pub(crate) struct Segment {
    pub(crate) base_offset: i64,
    pub(crate) path: PathBuf,
    pub(crate) size_bytes: u64,
    file: File,
    index: OnceLock<Index>,
}

/// Where batches lie in a segment.
#[derive(Debug, Default)]
struct Index {
    places: Vec<Place>,
    max_timestamp: i64,
}

#[derive(Debug)]
struct Place {
    offset: i64,
    position: u64,
    /// The largest timestamp of all batches before this place.
    max_timestamp_before: i64,
}

impl Segment {
    /// Opens the segment of `dir` that begins at `base_offset`, creating its file when absent.
    pub(crate) fn open(dir: &Path, base_offset: i64) -> io::Result<Self> {
        let path = dir.join(file_name(base_offset));
        let file = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(&path)?;
        let size_bytes = file.metadata()?.len();
        let index = OnceLock::new();
        if size_bytes == 0 {
            index.get_or_init(Index::empty);
        }
        Ok(Self { base_offset, path, size_bytes, file, index })
    }

    /// Appends one batch, already placed.
    pub(crate) fn append(&mut self, header: &BatchHeader, batch: &[u8]) -> io::Result<()> {
        self.index()?;
        self.file.write_all_at(batch, self.size_bytes)?;
        if let Some(index) = self.index.get_mut() {
            index.note(header, self.size_bytes);
        }
        self.size_bytes += batch.len() as u64;
        Ok(())
    }

    /// Cuts the file at `position`, dropping what follows.
    pub(crate) fn truncate(&mut self, position: u64) -> io::Result<()> {
        self.file.set_len(position)?;
        self.size_bytes = position;
        self.index = OnceLock::new();
        Ok(())
    }

    /// Writes everything down to the disk.
    pub(crate) fn sync(&self) -> io::Result<()> {
        self.file.sync_data()
    }

    /// Returns the largest timestamp of the segment, -1 when it holds no batch.
    pub(crate) fn max_timestamp(&self) -> io::Result<i64> {
        Ok(self.index()?.max_timestamp)
    }

    /// Returns a reader over the batches from `position` on.
    pub(crate) fn batches(&self, position: u64, chunk_bytes: usize) -> BatchReader<'_> {
        BatchReader {
            file: &self.file,
            position,
            end: self.size_bytes,
            chunk_bytes,
            buffer: Vec::new(),
            buffer_position: 0,
        }
    }

    /// Reads whole batches that hold offsets from `from` and begin below `upto`: about `max_bytes`, but always one.
    pub(crate) fn read(&self, from: i64, upto: i64, max_bytes: usize) -> io::Result<Bytes> {
        let mut search = self.batches(self.place_of(from)?.0, LOOKUP_CHUNK_BYTES);
        let (first, position) = loop {
            let position = search.position;
            match search.next_header()? {
                None => return Ok(Bytes::new()),
                Some(header) if header.last_offset() >= from => break (header, position),
                Some(_) => {}
            }
        };
        if first.base_offset >= upto {
            return Ok(Bytes::new());
        }
        let wanted = max_bytes.max(first.size_bytes) as u64;
        let available = wanted.min(self.size_bytes - position) as usize;
        let mut bytes = BytesMut::zeroed(available);
        self.file.read_exact_at(&mut bytes, position)?;
        let whole = whole_batches_below(&bytes, upto);
        bytes.truncate(whole);
        Ok(bytes.freeze())
    }

    /// Returns the first batch with a timestamp of at least `timestamp`, and its bytes.
    pub(crate) fn find_time(&self, timestamp: i64) -> io::Result<Option<(BatchHeader, Vec<u8>)>> {
        let index = self.index()?;
        if index.max_timestamp < timestamp {
            return Ok(None);
        }
        let after = index.places.partition_point(|place| place.max_timestamp_before < timestamp);
        let position = after.checked_sub(1).map_or(0, |at| index.places[at].position);
        let mut reader = self.batches(position, SCAN_CHUNK_BYTES);
        while let Some((header, batch)) = reader.next_batch()? {
            if header.max_timestamp >= timestamp {
                return Ok(Some((header, batch.to_vec())));
            }
        }
        Ok(None)
    }

    /// Returns the position of a batch at or before the one that holds `offset`.
    fn place_of(&self, offset: i64) -> io::Result<(u64, i64)> {
        let places = &self.index()?.places;
        let after = places.partition_point(|place| place.offset <= offset);
        Ok(after.checked_sub(1).map_or((0, self.base_offset), |at| (places[at].position, places[at].offset)))
    }

    fn index(&self) -> io::Result<&Index> {
        if let Some(index) = self.index.get() {
            return Ok(index);
        }
        let mut index = Index::empty();
        let mut reader = self.batches(0, SCAN_CHUNK_BYTES);
        loop {
            let position = reader.position;
            let Some(header) = reader.next_header()? else { break };
            index.note(&header, position);
        }
        Ok(self.index.get_or_init(|| index))
    }
}

impl Index {
    fn empty() -> Self {
        Self { places: Vec::new(), max_timestamp: -1 }
    }

    fn note(&mut self, header: &BatchHeader, position: u64) {
        let is_due = self.places.last().is_none_or(|last| position >= last.position + INDEX_INTERVAL_BYTES);
        if is_due {
            self.places.push(Place {
                offset: header.base_offset,
                position,
                max_timestamp_before: self.max_timestamp,
            });
        }
        self.max_timestamp = self.max_timestamp.max(header.max_timestamp);
    }
}

/// Reads batches one after the other. It ends at the first bytes that are not a whole batch.
pub(crate) struct BatchReader<'a> {
    file: &'a File,
    /// Where the next batch begins.
    pub(crate) position: u64,
    end: u64,
    chunk_bytes: usize,
    buffer: Vec<u8>,
    buffer_position: u64,
}

impl BatchReader<'_> {
    /// Returns the next header and steps over its records without looking at them.
    pub(crate) fn next_header(&mut self) -> io::Result<Option<BatchHeader>> {
        let Some(header) = self.peek()? else { return Ok(None) };
        self.position += header.size_bytes as u64;
        Ok(Some(header))
    }

    /// Returns the next batch whole. The checksum is for the caller to check.
    pub(crate) fn next_batch(&mut self) -> io::Result<Option<(BatchHeader, &[u8])>> {
        let Some(header) = self.peek()? else { return Ok(None) };
        let position = self.position;
        self.position += header.size_bytes as u64;
        let size_bytes = header.size_bytes;
        let batch = self.bytes(position, size_bytes)?;
        Ok(Some((header, batch)))
    }

    fn peek(&mut self) -> io::Result<Option<BatchHeader>> {
        let left = self.end.saturating_sub(self.position);
        if left < HEADER_BYTES as u64 {
            return Ok(None);
        }
        let header = BatchHeader::parse(self.bytes(self.position, HEADER_BYTES)?);
        Ok(header.filter(|header| header.size_bytes as u64 <= left))
    }

    fn bytes(&mut self, position: u64, count: usize) -> io::Result<&[u8]> {
        let buffered = self.buffer_position..self.buffer_position + self.buffer.len() as u64;
        if !(buffered.contains(&position) && position + count as u64 <= buffered.end) {
            let chunk = (self.chunk_bytes.max(count) as u64).min(self.end - position) as usize;
            self.buffer.resize(chunk, 0);
            self.buffer_position = position;
            self.file.read_exact_at(&mut self.buffer, position)?;
        }
        let start = (position - self.buffer_position) as usize;
        Ok(&self.buffer[start..start + count])
    }
}

/// Returns the name of the segment file that begins at `base_offset`, as Kafka names it.
pub(crate) fn file_name(base_offset: i64) -> String {
    format!("{base_offset:020}.log")
}

fn whole_batches_below(bytes: &[u8], upto: i64) -> usize {
    let mut end = 0;
    while let Some(header) = BatchHeader::parse(&bytes[end..]) {
        if header.base_offset >= upto || end + header.size_bytes > bytes.len() {
            break;
        }
        end += header.size_bytes;
    }
    end
}
