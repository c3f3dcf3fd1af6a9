//! One open file: its buffers (value, key, headers side by side) and what the rules need to know of it.

use std::sync::Arc;

use connect_core::data::SchemaRef;
use connect_core::error::ConnectError;
use connect_core::kit::{ByteBudget, Lease};
use connect_core::record::SinkRecord;
use connector_formats::{Part, Payload, RecordFormat, Rows};

use super::Output;
use crate::naming::partition_of;

/// Memory is accounted in steps, not record by record.
const LEASE_STEP_BYTES: usize = 16 * 1024;

/// Bytes on their way to an object.
#[derive(Debug)]
pub(crate) struct Chunk {
    /// Number of the body within its writer.
    pub(crate) body: u64,
    /// Name of the object.
    pub(crate) key: String,
    /// What makes the object's bytes of the payload.
    pub(crate) format: RecordFormat,
    pub(crate) payload: Payload,
    pub(crate) lease: Lease,
}

/// The records of a file, as tags of its objects say it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Span {
    /// Offset of the first record.
    pub(crate) first: i64,
    /// Offset of the last record.
    pub(crate) last: i64,
    pub(crate) records: u64,
}

/// A file to which nothing is added any more.
#[derive(Debug)]
pub(crate) struct ClosedFile {
    /// Offset of its second record: a conditional write that meets an object of this name resumes there.
    pub(crate) second: Option<i64>,
    /// Which records it holds.
    pub(crate) span: Span,
    /// The rest of each object.
    pub(crate) rest: Vec<Chunk>,
}

/// A file that takes records.
#[derive(Debug)]
pub(crate) struct OpenFile {
    topic: Arc<str>,
    partition: i32,
    pub(super) encoded: String,
    pub(super) is_tombstone: bool,
    pub(super) schema: Option<SchemaRef>,
    pub(super) records: u64,
    first: i64,
    last: i64,
    second: Option<i64>,
    pub(super) bodies: Vec<Body>,
}

/// The records of one object.
#[derive(Debug)]
pub(super) struct Body {
    id: u64,
    key: String,
    format: RecordFormat,
    pub(super) rows: Rows,
    /// Bytes at which they are handed on.
    chunk_size: usize,
    pub(super) lease: Lease,
}

impl Body {
    /// Returns the number within the writer.
    pub(super) fn id(&self) -> u64 {
        self.id
    }

    fn append(&mut self, record: &SinkRecord) -> Result<(), ConnectError> {
        let refused = |what: &str, key: &str| {
            let offset = record.offset;
            Err(ConnectError::data(format!(
                "writing the {what} at offset `{offset}`: there is none, but `{key}` is true"
            )))
        };
        match self.rows.part() {
            Part::Key if record.key.is_null() => refused("key", "store.kafka.keys"),
            Part::Headers if record.headers.is_empty() => refused("headers", "store.kafka.headers"),
            _ => self.rows.append(record),
        }
    }

    fn is_full(&self) -> bool {
        self.rows.size() >= self.chunk_size.max(1)
    }

    /// Takes a buffer of a file that goes on; the next one will grow as large.
    fn take_full(&mut self, budget: &ByteBudget) -> Result<Chunk, ConnectError> {
        let size = self.rows.size();
        let chunk = self.take(budget)?;
        self.rows.reserve(size);
        Ok(chunk)
    }

    fn take(&mut self, budget: &ByteBudget) -> Result<Chunk, ConnectError> {
        let payload = self.rows.take()?;
        let lease = std::mem::replace(&mut self.lease, budget.take(0));
        Ok(Chunk { body: self.id, key: self.key.clone(), format: self.format.clone(), payload, lease })
    }
}

impl OpenFile {
    pub(super) fn new(record: &SinkRecord, encoded: String, is_tombstone: bool) -> Self {
        Self {
            topic: Arc::clone(&record.topic),
            partition: partition_of(record),
            encoded,
            is_tombstone,
            schema: record.value.schema().cloned(),
            records: 0,
            first: record.offset,
            last: record.offset,
            second: None,
            bodies: Vec::new(),
        }
    }

    pub(super) fn add_body(
        &mut self,
        id: u64,
        key: String,
        output: &Output,
        capacity: usize,
        budget: &ByteBudget,
    ) {
        let mut rows = output.format.rows(output.part);
        rows.reserve(capacity);
        let (format, chunk_size) = (output.format.clone(), output.chunk_size);
        self.bodies.push(Body { id, key, format, rows, chunk_size, lease: budget.take(0) });
    }

    /// Returns whether the record has the topic and partition this file is named by.
    pub(super) fn has_coordinates(&self, record: &SinkRecord) -> bool {
        self.partition == partition_of(record)
            && (Arc::ptr_eq(&self.topic, &record.topic) || self.topic == record.topic)
    }

    /// Returns whether every file can hold the record beside those it has.
    pub(super) fn fits(&self, record: &SinkRecord) -> bool {
        self.bodies.iter().all(|body| body.rows.fits(record))
    }

    /// Adds a record to every body, or to none; returns the bytes it takes.
    pub(super) fn append(&mut self, record: &SinkRecord) -> Result<usize, ConnectError> {
        let mut bytes = 0;
        for position in 0..self.bodies.len() {
            let before = self.bodies[position].rows.size();
            if let Err(error) = self.bodies[position].append(record) {
                self.bodies[..position].iter_mut().for_each(|body| body.rows.undo());
                return Err(error);
            }
            let body = &mut self.bodies[position];
            bytes += body.rows.size().saturating_sub(before);
            // What is not written yet of a large buffer takes no memory, so the length counts and not the capacity.
            if body.rows.size() > body.lease.size() {
                body.lease.resize(body.rows.size() + LEASE_STEP_BYTES);
            }
        }
        self.records += 1;
        if self.records == 2 {
            self.second = Some(record.offset);
        }
        // An equal schema behind another pointer is compared in full once, not for every record that follows.
        if let (Some(known), Some(schema)) = (&mut self.schema, record.value.schema())
            && !Arc::ptr_eq(known, schema)
        {
            *known = Arc::clone(schema);
        }
        self.last = record.offset;
        Ok(bytes)
    }

    /// Returns the size of the fullest buffer, in bytes.
    pub(super) fn largest_body(&self) -> usize {
        self.bodies.iter().map(|body| body.rows.size()).max().unwrap_or(0)
    }

    /// Takes the buffers that are full.
    pub(super) fn take_full(&mut self, budget: &ByteBudget) -> Result<Vec<Chunk>, ConnectError> {
        // Asked after every record.
        if self.bodies.iter().all(|body| !body.is_full()) {
            return Ok(Vec::new());
        }
        self.bodies.iter_mut().filter(|body| body.is_full()).map(|body| body.take_full(budget)).collect()
    }

    /// Takes the buffers that hold at least `size` bytes.
    pub(super) fn take_chunks(
        &mut self,
        size: usize,
        budget: &ByteBudget,
    ) -> Result<Vec<Chunk>, ConnectError> {
        let full = self.bodies.iter_mut().filter(|body| body.rows.size() >= size.max(1));
        full.map(|body| body.take(budget)).collect()
    }

    pub(super) fn close(mut self, budget: &ByteBudget) -> Result<ClosedFile, ConnectError> {
        let rest: Result<Vec<Chunk>, ConnectError> =
            self.bodies.iter_mut().map(|body| body.take(budget)).collect();
        let span = Span { first: self.first, last: self.last, records: self.records };
        Ok(ClosedFile { second: self.second, span, rest: rest? })
    }
}
