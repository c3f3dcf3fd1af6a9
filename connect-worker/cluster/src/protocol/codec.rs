//! Member states and assignments as bytes.
//!
//! Reading takes any version from 0 on: what an older version does not have is empty, what a newer one adds at the
//! end is ignored. Kafka Connect has no order among connectors; they are written sorted here.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::{BufMut, Bytes, BytesMut};
use connect_core::task::TaskId;

use super::wire::{Reader, put_count, put_string};
use super::{Assignment, AssignmentError, GroupProtocol, MemberState, ProtocolError};
use crate::Work;

/// Stands for the connector instance among its tasks.
const INSTANCE: i32 = -1;

impl MemberState {
    /// Returns the metadata for a join with `protocol`.
    pub fn encode(&self, protocol: GroupProtocol) -> Bytes {
        let mut out = BytesMut::new();
        out.put_i16(protocol.version());
        put_string(&mut out, &self.url);
        out.put_i64(self.offset);
        if protocol != GroupProtocol::Eager {
            match &self.allocation {
                None => out.put_i32(-1),
                Some(allocation) => {
                    let allocation = allocation.encode(protocol);
                    put_count(&mut out, allocation.len());
                    out.put_slice(&allocation);
                }
            }
        }
        out.freeze()
    }

    /// Reads the metadata of a member.
    ///
    /// # Errors
    /// Fails when the bytes end too early, or hold a version, length or number that cannot be.
    pub fn decode(bytes: &[u8]) -> Result<Self, ProtocolError> {
        let mut reader = Reader::new(bytes);
        let version = version(&mut reader)?;
        let url = reader.string("url")?.to_owned();
        let offset = reader.int64("config-offset")?;
        let allocation = match version {
            0 => None,
            _ if reader.is_at_end() => None,
            _ => reader.nullable_bytes("allocation")?.map(Assignment::decode).transpose()?,
        };
        Ok(Self { url, offset, allocation })
    }
}

impl Assignment {
    /// Returns the assignment in the format of `protocol`.
    pub fn encode(&self, protocol: GroupProtocol) -> Bytes {
        let mut out = BytesMut::new();
        out.put_i16(protocol.version());
        out.put_i16(match self.error {
            AssignmentError::None => 0,
            AssignmentError::ConfigMismatch => 1,
        });
        put_string(&mut out, &self.leader);
        put_string(&mut out, &self.leader_url);
        out.put_i64(self.offset);
        put_work(&mut out, &self.assigned);
        if protocol != GroupProtocol::Eager {
            put_work(&mut out, &self.revoked);
            out.put_i32(self.delay_ms);
        }
        out.freeze()
    }

    /// Reads an assignment. An error code that is not known counts as [`AssignmentError::ConfigMismatch`]: there is
    /// no work, and the member joins again.
    ///
    /// # Errors
    /// Fails when the bytes end too early, or hold a version, length or number that cannot be.
    pub fn decode(bytes: &[u8]) -> Result<Self, ProtocolError> {
        let mut reader = Reader::new(bytes);
        let version = version(&mut reader)?;
        let error = match reader.int16("error")? {
            0 => AssignmentError::None,
            _ => AssignmentError::ConfigMismatch,
        };
        let leader = reader.string("leader")?.to_owned();
        let leader_url = reader.string("leader-url")?.to_owned();
        let offset = reader.int64("config-offset")?;
        let assigned = work(&mut reader, "assignment")?;
        let has_more = |reader: &Reader<'_>| version > 0 && !reader.is_at_end();
        let revoked = if has_more(&reader) { work(&mut reader, "revoked")? } else { Work::default() };
        let delay_ms = if has_more(&reader) { reader.int32("delay")? } else { 0 };
        Ok(Self { version, error, leader, leader_url, offset, assigned, revoked, delay_ms })
    }
}

fn version(reader: &mut Reader<'_>) -> Result<i16, ProtocolError> {
    let version = reader.int16("version")?;
    if version < 0 { Err(ProtocolError::Version { version }) } else { Ok(version) }
}

/// Reads an array of connectors with their tasks. An element takes two bytes of name length and four of task count.
fn work(reader: &mut Reader<'_>, field: &'static str) -> Result<Work, ProtocolError> {
    let mut work = Work::default();
    for _ in 0..reader.count(6, field)? {
        let connector: Arc<str> = Arc::from(reader.string("connector")?);
        for _ in 0..reader.count(4, "tasks")? {
            let number = reader.int32("tasks")?;
            if number == INSTANCE {
                work.connectors.insert(Arc::clone(&connector));
                continue;
            }
            let task = u32::try_from(number).map_err(|_| ProtocolError::Task { number })?;
            work.tasks.insert(TaskId { connector: Arc::clone(&connector), task });
        }
    }
    Ok(work)
}

/// Writes one element for each connector: first those whose instance is in `work`, then those with tasks alone, as
/// Kafka Connect does (`ConnectProtocol.Assignment.asMap`).
fn put_work(out: &mut BytesMut, work: &Work) {
    let mut tasks: BTreeMap<&Arc<str>, Vec<u32>> = BTreeMap::new();
    for task in &work.tasks {
        tasks.entry(&task.connector).or_default().push(task.task);
    }
    let tasks_alone = tasks.keys().filter(|connector| !work.connectors.contains(**connector)).count();
    put_count(out, work.connectors.len() + tasks_alone);
    for connector in &work.connectors {
        let numbers = tasks.remove(connector).unwrap_or_default();
        put_element(out, connector, true, &numbers);
    }
    for (connector, numbers) in tasks {
        put_element(out, connector, false, &numbers);
    }
}

fn put_element(out: &mut BytesMut, connector: &str, has_instance: bool, tasks: &[u32]) {
    put_string(out, connector);
    put_count(out, tasks.len() + usize::from(has_instance));
    if has_instance {
        out.put_i32(INSTANCE);
    }
    for task in tasks {
        out.put_u32(*task);
    }
}
