//! The files of one topic partition: which file a record goes to, and when all of them are closed. A pure state
//! machine: no clock, no network. The task feeds it runs of records and carries out the events it returns.
//!
//! State is kept by the original topic and partition, whose offsets are committed; files are named by the topic and
//! partition that transforms left.

mod compat;
mod events;
mod file;
mod open;
mod preview;
mod rules;
#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::fmt::Write;
use std::sync::Arc;

use connect_core::error::{ConnectError, RecordFailure};
use connect_core::kit::ByteBudget;
use connect_core::record::{SinkRecord, TopicPartition};

use crate::aiven::Groups;
use crate::naming::partition_of;
use crate::partitioner::{Partitioner, TimeMemo};
use crate::time_zone::next_scheduled_ms;

pub(crate) use compat::Compatibility;
pub(crate) use events::{Event, NotWritten, Progress, Rotated};
use file::OpenFile;
pub(crate) use file::{Chunk, ClosedFile, Span};
pub(crate) use preview::preview;
pub(crate) use rules::{Affix, NullPolicy, Output, Rules};

/// The open files of one topic partition.
#[derive(Debug)]
pub(crate) struct PartitionWriter {
    rules: Arc<Rules>,
    budget: ByteBudget,
    files: Vec<OpenFile>,
    index: HashMap<String, usize>,
    /// The file written last.
    current: usize,
    records: i64,
    /// Bytes of the records since the last rotation.
    bytes: usize,
    first: i64,
    next: i64,
    base_ms: Option<i64>,
    scheduled_ms: Option<i64>,
    /// When a record was taken last.
    touched_ms: i64,
    next_body: u64,
    /// Size of the fullest buffer when files were closed last.
    usual_size: usize,
    memo: TimeMemo,
    scratch: String,
    /// Topics and partitions of files opened under other coordinates than those the records were read from.
    renamed: Vec<TopicPartition>,
    /// Which files there are, where the rules have a grouping.
    groups: Option<Groups>,
}

impl PartitionWriter {
    pub(crate) fn new(rules: Arc<Rules>, budget: ByteBudget, now_ms: i64) -> Self {
        let scheduled_ms = rules.schedule.as_ref().map(|(ms, zone)| next_scheduled_ms(now_ms, *ms, zone));
        let groups = rules.grouping.as_ref().map(|grouping| Groups::new(Arc::clone(grouping)));
        Self {
            groups,
            rules,
            budget,
            files: Vec::new(),
            index: HashMap::new(),
            current: 0,
            records: 0,
            bytes: 0,
            first: 0,
            next: 0,
            base_ms: None,
            scheduled_ms,
            touched_ms: now_ms,
            next_body: 0,
            usual_size: 0,
            memo: TimeMemo::default(),
            scratch: String::new(),
            renamed: Vec::new(),
        }
    }

    /// Returns the offset of the first record in an open file; `None` without one.
    pub(crate) fn first_offset(&self) -> Option<i64> {
        (self.records > 0).then_some(self.first)
    }

    /// Returns when the wall clock closes the open files; `None` if it does not.
    pub(crate) fn due_ms(&self) -> Option<i64> {
        let idle_ms = self.rules.idle_ms.map(|idle_ms| self.touched_ms.saturating_add(idle_ms));
        self.scheduled_ms.into_iter().chain(idle_ms).min().filter(|_| self.records > 0)
    }

    /// Returns the bytes held in buffers.
    pub(crate) fn held_bytes(&self) -> usize {
        self.files.iter().flat_map(|file| &file.bodies).map(|body| body.lease.size()).sum()
    }

    /// Returns the size of the fullest buffer, in bytes.
    pub(crate) fn largest_body(&self) -> usize {
        self.files.iter().map(OpenFile::largest_body).max().unwrap_or(0)
    }

    /// Takes records up to the first event.
    ///
    /// # Errors
    /// Fatal when `behavior.on.null.values` is `fail` and a value is null.
    pub(crate) fn write(
        &mut self,
        run: &[SinkRecord],
        now_ms: i64,
        not_written: &mut NotWritten,
    ) -> Result<Progress, ConnectError> {
        self.renew_schedule(now_ms);
        for (position, record) in run.iter().enumerate() {
            let is_tombstone = record.value.is_null() && self.rules.nulls != NullPolicy::Keep;
            if is_tombstone && !self.takes_null(position, record, not_written)? {
                continue;
            }
            let (time_ms, known) = match self.place(record, is_tombstone, now_ms) {
                Ok(place) => place,
                Err(error) => {
                    not_written.failed.push(RecordFailure { index: position, error });
                    continue;
                }
            };
            self.base_ms = self.base_ms.or(time_ms);
            match self.must_rotate(record, time_ms, known, is_tombstone, now_ms) {
                Ok(true) => {
                    let event = Some(Event::Rotated(self.rotate(now_ms)?));
                    return Ok(Progress { taken: position, event });
                }
                Ok(false) => {}
                Err(error) => {
                    not_written.failed.push(RecordFailure { index: position, error });
                    continue;
                }
            }
            let slot = match self.add(known, record, is_tombstone, now_ms) {
                Ok(slot) => slot,
                Err(error) => {
                    not_written.failed.push(RecordFailure { index: position, error });
                    continue;
                }
            };
            if self.records == 0 {
                self.first = record.offset;
            }
            self.current = slot;
            self.records += 1;
            self.next = record.offset + 1;
            self.touched_ms = now_ms;
            if self.is_full(slot) {
                let event = Some(Event::Rotated(self.rotate(now_ms)?));
                return Ok(Progress { taken: position + 1, event });
            }
            let full = self.files[slot].take_full(&self.budget)?;
            if !full.is_empty() {
                return Ok(Progress { taken: position + 1, event: Some(Event::Full(full)) });
            }
        }
        Ok(Progress { taken: run.len(), event: None })
    }

    /// Closes the files if the wall clock asks for it; called when there are no records, too.
    ///
    /// # Errors
    /// As [`PartitionWriter::rotate`].
    pub(crate) fn idle(&mut self, now_ms: i64) -> Result<Option<Rotated>, ConnectError> {
        self.due_ms().is_some_and(|due| now_ms >= due).then(|| self.rotate(now_ms)).transpose()
    }

    /// Closes all files.
    ///
    /// # Errors
    /// A data error when the records of a file have no common layout.
    pub(crate) fn rotate(&mut self, now_ms: i64) -> Result<Rotated, ConnectError> {
        self.scheduled_ms =
            self.rules.schedule.as_ref().map(|(ms, zone)| next_scheduled_ms(now_ms, *ms, zone));
        self.index.clear();
        self.current = 0;
        self.records = 0;
        self.bytes = 0;
        self.base_ms = None;
        if let Some(groups) = &mut self.groups {
            groups.clear();
        }
        self.usual_size = self.largest_body();
        let budget = &self.budget;
        let files: Result<Vec<ClosedFile>, ConnectError> =
            self.files.drain(..).map(|file| file.close(budget)).collect();
        Ok(Rotated { first: self.first, next: self.next, files: files? })
    }

    /// Takes the coordinates, other than the original ones, under which files were opened since the last call.
    pub(crate) fn take_renamed(&mut self) -> Vec<TopicPartition> {
        std::mem::take(&mut self.renamed)
    }

    /// Takes the fullest buffer, to make room; nothing if it is smaller than `least` bytes.
    ///
    /// # Errors
    /// As [`PartitionWriter::rotate`].
    pub(crate) fn spill(&mut self, least: usize) -> Result<Vec<Chunk>, ConnectError> {
        if self.compacts() {
            return Ok(Vec::new());
        }
        let size = self.largest_body().max(least);
        for file in &mut self.files {
            let chunks = file.take_chunks(size, &self.budget)?;
            if !chunks.is_empty() {
                return Ok(chunks);
            }
        }
        Ok(Vec::new())
    }

    fn takes_null(
        &self,
        position: usize,
        record: &SinkRecord,
        not_written: &mut NotWritten,
    ) -> Result<bool, ConnectError> {
        match self.rules.nulls {
            NullPolicy::Write | NullPolicy::Keep => Ok(true),
            NullPolicy::Ignore => {
                not_written.ignored.push(position);
                Ok(false)
            }
            NullPolicy::Fail => Err(ConnectError::data(format!(
                "writing a null value at offset `{}` of `{}`: `behavior.on.null.values` is `fail` \
                 (use `ignore` or `write`)",
                record.offset,
                record.original_partition()
            ))),
        }
    }

    /// Finds the file of a record: its time, and the slot of its file if that is open. The directory is left in
    /// `scratch` unless the file is that of the record before.
    fn place(
        &mut self,
        record: &SinkRecord,
        is_tombstone: bool,
        now_ms: i64,
    ) -> Result<(Option<i64>, Option<usize>), ConnectError> {
        if let Some(groups) = &mut self.groups {
            self.scratch.clear();
            let (index, files) = (&self.index, &self.files);
            let count = |name: &str| index.get(name).map(|slot| files[*slot].records);
            groups.place(record, now_ms, count, &mut self.scratch)?;
            return Ok((None, index.get(&self.scratch).copied()));
        }
        let rules = &self.rules;
        let time_ms = rules.partitioner.time(record, is_tombstone, now_ms)?;
        let current = self.files.get(self.current).filter(|file| file.has_coordinates(record));
        let is_default = matches!(rules.partitioner, Partitioner::Default) && rules.affix == Affix::None;
        if is_default && !is_tombstone && current.is_some_and(|file| !file.is_tombstone) {
            return Ok((time_ms, Some(self.current)));
        }
        self.scratch.clear();
        if is_tombstone {
            self.scratch.push_str(&rules.tombstone);
        } else {
            let delim = rules.naming.directory_delim.as_str();
            let name = || record.value.schema().and_then(|schema| schema.name.as_deref()).unwrap_or("null");
            if rules.affix == Affix::Prefix {
                write!(self.scratch, "schema_name={}{delim}", name()).expect("writing to a string");
            }
            rules.partitioner.encode(record, time_ms, &mut self.memo, &mut self.scratch)?;
            if rules.affix == Affix::Suffix {
                write!(self.scratch, "{delim}schema_name={}", name()).expect("writing to a string");
            }
        }
        if current.is_some_and(|file| file.is_tombstone == is_tombstone && file.encoded == self.scratch) {
            return Ok((time_ms, Some(self.current)));
        }
        let length = self.scratch.len();
        write!(self.scratch, "\n{}\n{}", record.topic, partition_of(record)).expect("writing to a string");
        let slot = self.index.get(&self.scratch).copied();
        self.scratch.truncate(length);
        Ok((time_ms, slot))
    }

    fn must_rotate(
        &self,
        record: &SinkRecord,
        time_ms: Option<i64>,
        slot: Option<usize>,
        is_tombstone: bool,
        now_ms: i64,
    ) -> Result<bool, ConnectError> {
        if self.records == 0 {
            return Ok(false);
        }
        let is_unfit = slot.is_some_and(|slot| !self.files[slot].fits(record));
        if self.groups.is_some() {
            return Ok(is_unfit && !self.compacts());
        }
        let is_new_file = slot.is_none();
        // Covers the flip between values with and without schema, which Confluent checks before the schema.
        let is_other_schema = match slot {
            Some(slot) => {
                let own = self.files[slot].schema.as_ref();
                self.rules.compatibility.changes(own, record.value.schema())?
            }
            None => false,
        };
        let is_at_file_limit =
            is_new_file && self.rules.max_open_files.is_some_and(|most| self.files.len() >= most);
        Ok(is_other_schema
            || is_unfit
            || is_at_file_limit
            || self.scheduled_ms.is_some_and(|due| now_ms >= due)
            || self.is_interval_over(time_ms, slot, is_tombstone))
    }

    fn is_interval_over(&self, time_ms: Option<i64>, slot: Option<usize>, is_tombstone: bool) -> bool {
        let (Some(interval_ms), Some(time_ms), Some(base_ms)) =
            (self.rules.rotate_interval_ms, time_ms, self.base_ms)
        else {
            return false;
        };
        if time_ms.saturating_sub(base_ms) >= interval_ms {
            return true;
        }
        let tombstone = self.rules.tombstone.as_str();
        let is_beside_tombstones =
            is_tombstone || self.files.get(self.current).is_some_and(|file| file.encoded.contains(tombstone));
        self.rules.rotate_on_partition_change && slot != Some(self.current) && !is_beside_tombstones
    }

    /// With nothing open, a scheduled time that has passed means nothing: the next one counts.
    fn renew_schedule(&mut self, now_ms: i64) {
        if let (Some(due), Some((interval_ms, zone))) = (self.scheduled_ms, &self.rules.schedule)
            && self.records == 0
            && now_ms >= due
        {
            self.scheduled_ms = Some(next_scheduled_ms(now_ms, *interval_ms, zone));
        }
    }
}
