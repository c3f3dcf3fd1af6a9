//! One open file: its buffers (value, key, headers side by side) and what the rules need to know of it.

use std::sync::Arc;

use connect_core::data::SchemaRef;
use connect_core::error::ConnectError;
use connect_core::kit::{ByteBudget, Lease};
use connect_core::record::SinkRecord;

use super::{Output, Part, partition_of};

/// Memory is accounted in steps, not record by record.
const LEASE_STEP_BYTES: usize = 16 * 1024;

/// Bytes on their way to an object.
#[derive(Debug)]
pub(crate) struct Chunk {
    /// Number of the body within its writer.
    pub(crate) body: u64,
    /// Name of the object.
    pub(crate) key: String,
    pub(crate) bytes: Vec<u8>,
    pub(crate) lease: Lease,
}

/// A file to which nothing is added any more.
#[derive(Debug)]
pub(crate) struct ClosedFile {
    /// Offset of its second record: a conditional write that meets an object of this name resumes there.
    pub(crate) second: Option<i64>,
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
    second: Option<i64>,
    pub(super) bodies: Vec<Body>,
}

/// The buffer of one object.
#[derive(Debug)]
pub(super) struct Body {
    id: u64,
    key: String,
    part: Part,
    pub(super) buffer: Vec<u8>,
    /// Length before the last record.
    last: usize,
    pub(super) lease: Lease,
}

impl Body {
    /// Returns the number within the writer.
    pub(super) fn id(&self) -> u64 {
        self.id
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
            second: None,
            bodies: Vec::new(),
        }
    }

    pub(super) fn add_body(
        &mut self,
        id: u64,
        key: String,
        part: Part,
        capacity: usize,
        budget: &ByteBudget,
    ) {
        let buffer = Vec::with_capacity(capacity);
        let lease = budget.take(0);
        self.bodies.push(Body { id, key, part, buffer, last: 0, lease });
    }

    /// Returns whether the record has the topic and partition this file is named by.
    pub(super) fn has_coordinates(&self, record: &SinkRecord) -> bool {
        self.partition == partition_of(record)
            && (Arc::ptr_eq(&self.topic, &record.topic) || self.topic == record.topic)
    }

    /// Adds a record to every body, or to none.
    pub(super) fn append(&mut self, record: &SinkRecord, outputs: &[Output]) -> Result<(), ConnectError> {
        for position in 0..self.bodies.len() {
            let body = &mut self.bodies[position];
            let length = body.buffer.len();
            let output = outputs.iter().find(|output| output.part == body.part);
            let written = output.map_or(Ok(()), |output| append_part(output, record, &mut body.buffer));
            if let Err(error) = written {
                body.buffer.truncate(length);
                self.undo(position);
                return Err(error);
            }
            body.last = length;
            // What is not written yet of a large buffer takes no memory, so the length counts and not the capacity.
            if body.buffer.len() > body.lease.size() {
                body.lease.resize(body.buffer.len() + LEASE_STEP_BYTES);
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
        Ok(())
    }

    fn undo(&mut self, bodies: usize) {
        for body in &mut self.bodies[..bodies] {
            body.buffer.truncate(body.last);
        }
    }

    /// Takes the buffers that hold at least `size` bytes.
    pub(super) fn take_chunks(&mut self, size: usize, budget: &ByteBudget) -> Vec<Chunk> {
        let mut chunks = Vec::new();
        for body in self.bodies.iter_mut().filter(|body| body.buffer.len() >= size.max(1)) {
            let bytes = std::mem::take(&mut body.buffer);
            let lease = std::mem::replace(&mut body.lease, budget.take(0));
            chunks.push(Chunk { body: body.id, key: body.key.clone(), bytes, lease });
        }
        chunks
    }

    pub(super) fn close(self) -> ClosedFile {
        let into_chunk = |body: Body| {
            let Body { id, key, buffer, lease, .. } = body;
            Chunk { body: id, key, bytes: buffer, lease }
        };
        ClosedFile { second: self.second, rest: self.bodies.into_iter().map(into_chunk).collect() }
    }
}

/// Returns whether two value schemas are the same; the usual case is the same pointer or none.
pub(super) fn same_schema(left: Option<&SchemaRef>, right: Option<&SchemaRef>) -> bool {
    match (left, right) {
        (None, None) => true,
        (Some(left), Some(right)) => Arc::ptr_eq(left, right) || left == right,
        _ => false,
    }
}

fn append_part(output: &Output, record: &SinkRecord, out: &mut Vec<u8>) -> Result<(), ConnectError> {
    let refused = |what: &str, key: &str| {
        let offset = record.offset;
        Err(ConnectError::data(format!(
            "writing the {what} at offset `{offset}`: there is none, but `{key}` is true"
        )))
    };
    match output.part {
        Part::Value => output.format.append(&record.value, out),
        Part::Key if record.key.is_null() => refused("key", "store.kafka.keys"),
        Part::Key => output.format.append(&record.key, out),
        Part::Headers if record.headers.is_empty() => refused("headers", "store.kafka.headers"),
        Part::Headers => output.format.append_headers(&record.headers, out),
    }
}
