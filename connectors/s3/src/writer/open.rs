//! Files of a writer: how they are opened, filled and found full.

use std::sync::Arc;

use connect_core::error::ConnectError;
use connect_core::record::{SinkRecord, TopicPartition};
use connector_formats::Part;

use super::file::OpenFile;
use super::{Output, PartitionWriter};
use crate::naming::partition_of;

/// Open files of a partition that have buffers reserved as large as those before them.
const ROOMY_FILES: usize = 4;

impl PartitionWriter {
    /// Adds a record to its file, which is opened or, where only the newest record counts, replaced; returns the slot.
    pub(super) fn add(
        &mut self,
        known: Option<usize>,
        record: &SinkRecord,
        is_tombstone: bool,
        now_ms: i64,
    ) -> Result<usize, ConnectError> {
        let replaced = known.filter(|_| self.compacts());
        let slot = match known.filter(|_| replaced.is_none()) {
            Some(slot) => slot,
            None => self.open_file(record, is_tombstone, now_ms)?,
        };
        match (self.append(slot, record), replaced) {
            (Ok(bytes), None) => self.bytes += bytes,
            (Ok(_), Some(old)) => {
                // The new file, which is the last, takes the place of the old one.
                self.files.swap_remove(old);
                self.index.insert(self.scratch.clone(), old);
                return Ok(old);
            }
            (Err(error), replaced) => {
                self.drop_if_empty(slot);
                if let Some(old) = replaced {
                    self.index.insert(self.scratch.clone(), old);
                }
                return Err(error);
            }
        }
        Ok(slot)
    }

    /// Returns whether files are closed now that a record was added to one.
    pub(super) fn is_full(&self, slot: usize) -> bool {
        let rules = &self.rules;
        let is_large = rules.rotate_bytes.is_some_and(|most| self.bytes >= most);
        // Where every file is full, each next record begins a new one: what is there can go.
        let most = rules.grouping.as_ref().filter(|_| !self.compacts()).and_then(|rules| rules.max_records);
        let is_complete = |most: u64| {
            self.files[slot].records >= most && self.files.iter().all(|file| file.records >= most)
        };
        self.records >= rules.flush_size || is_large || most.is_some_and(is_complete)
    }

    /// Returns whether a file holds the newest record of its name only.
    pub(crate) fn compacts(&self) -> bool {
        self.rules.grouping.as_ref().is_some_and(|grouping| grouping.compacts())
    }

    /// Adds a record to a file, under the file's schema; returns the bytes it takes.
    fn append(&mut self, slot: usize, record: &SinkRecord) -> Result<usize, ConnectError> {
        let file = &mut self.files[slot];
        match self.rules.compatibility.projected(file.schema.as_ref(), &record.value)? {
            None => file.append(record),
            Some(value) => {
                let mut projected = record.clone();
                projected.value = value;
                file.append(&projected)
            }
        }
    }

    /// Opens the file of the directory, or of the group, in `scratch`.
    fn open_file(
        &mut self,
        record: &SinkRecord,
        is_tombstone: bool,
        now_ms: i64,
    ) -> Result<usize, ConnectError> {
        let rules = Arc::clone(&self.rules);
        let partition = partition_of(record);
        let encoded = self.scratch.clone();
        let (stem, place) = match &rules.grouping {
            Some(grouping) => (grouping.object_name(&encoded, record, now_ms)?, encoded.clone()),
            None => {
                let stem = rules.naming.stem(&record.topic, &encoded, partition, record.offset);
                (stem, format!("{encoded}\n{}\n{partition}", record.topic))
            }
        };
        let outputs: Vec<&Output> =
            rules.outputs.iter().filter(|output| !is_tombstone || output.part != Part::Value).collect();
        let is_renamed = record.topic != record.origin.topic || partition != record.origin.partition;
        if is_renamed && !self.compacts() {
            self.renamed.push(TopicPartition::new(Arc::clone(&record.topic), partition));
        }
        // Growing step by step copies a buffer over and over. What is reserved takes no memory before it is written,
        // yet with many files it would take addresses for nothing.
        let capacity = match self.files.len() {
            0..ROOMY_FILES => rules.initial_capacity.max(self.usual_size + self.usual_size / 16),
            _ => rules.initial_capacity,
        };
        let mut file = OpenFile::new(record, encoded, is_tombstone);
        for output in outputs {
            let key = format!("{stem}{}", output.extension);
            file.add_body(self.next_body, key, output, capacity, &self.budget);
            self.next_body += 1;
        }
        self.index.insert(place, self.files.len());
        self.files.push(file);
        Ok(self.files.len() - 1)
    }

    fn drop_if_empty(&mut self, slot: usize) {
        if self.files[slot].records == 0 {
            self.files.pop();
            self.index.retain(|_, known| *known != slot);
        }
    }
}
