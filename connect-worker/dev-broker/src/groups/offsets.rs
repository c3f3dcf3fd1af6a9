//! Committed offsets of all groups, kept in a journal.

use std::{
    collections::{BTreeMap, BTreeSet},
    io,
    path::Path,
};

use serde::{Deserialize, Serialize};

use crate::storage::journal::Journal;

const FILE: &str = "group-offsets.jsonl";

/// A partition by name.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) struct TopicPartition {
    pub(crate) topic: String,
    pub(crate) partition: i32,
}

/// A committed position.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Committed {
    pub(crate) offset: i64,
    pub(crate) leader_epoch: i32,
    pub(crate) metadata: String,
}

/// One change of one group's offset; no position means it was deleted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct OffsetChange {
    pub(crate) group: String,
    #[serde(flatten)]
    pub(crate) partition: TopicPartition,
    pub(crate) committed: Option<Committed>,
}

/// The offsets of all groups.
#[derive(Debug)]
pub(crate) struct GroupOffsets {
    journal: Journal<OffsetChange>,
    groups: BTreeMap<String, BTreeMap<TopicPartition, Committed>>,
}

impl GroupOffsets {
    /// Opens the offsets kept in `data_dir`.
    pub(crate) fn open(data_dir: &Path) -> io::Result<Self> {
        let (journal, changes) = Journal::open(&data_dir.join(FILE))?;
        let mut offsets = Self { journal, groups: BTreeMap::new() };
        for change in changes {
            offsets.remember(change);
        }
        Ok(offsets)
    }

    /// Applies changes, durably.
    pub(crate) fn apply(&mut self, changes: Vec<OffsetChange>) -> io::Result<()> {
        self.journal.append(&changes)?;
        for change in changes {
            self.remember(change);
        }
        let live = self.groups.values().map(BTreeMap::len).sum();
        if self.journal.is_mostly_history(live) {
            let entries = self.entries();
            self.journal.rewrite(&entries)?;
        }
        Ok(())
    }

    /// Returns the offsets of `group`, or `None` when it has none.
    pub(crate) fn of_group(&self, group: &str) -> Option<&BTreeMap<TopicPartition, Committed>> {
        self.groups.get(group)
    }

    /// Returns the names of all groups with offsets.
    pub(crate) fn groups(&self) -> BTreeSet<String> {
        self.groups.keys().cloned().collect()
    }

    /// Deletes every offset of `group`. Says whether there was any.
    pub(crate) fn delete_group(&mut self, group: &str) -> io::Result<bool> {
        self.delete_where(|change| change.group == group)
    }

    /// Deletes every group's offsets for a topic that is gone.
    pub(crate) fn delete_topic(&mut self, topic: &str) -> io::Result<bool> {
        self.delete_where(|change| change.partition.topic == topic)
    }

    pub(crate) fn sync(&self) -> io::Result<()> {
        self.journal.sync()
    }

    fn delete_where(&mut self, matches: impl Fn(&OffsetChange) -> bool) -> io::Result<bool> {
        let mut changes: Vec<OffsetChange> = self.entries().into_iter().filter(matches).collect();
        for change in &mut changes {
            change.committed = None;
        }
        let is_any = !changes.is_empty();
        self.apply(changes)?;
        Ok(is_any)
    }

    fn remember(&mut self, change: OffsetChange) {
        let offsets = self.groups.entry(change.group.clone()).or_default();
        match change.committed {
            Some(committed) => {
                offsets.insert(change.partition, committed);
            }
            None => {
                offsets.remove(&change.partition);
            }
        }
        if offsets.is_empty() {
            self.groups.remove(&change.group);
        }
    }

    fn entries(&self) -> Vec<OffsetChange> {
        let of_group = |(group, offsets): (&String, &BTreeMap<TopicPartition, Committed>)| {
            let entry = |(partition, committed): (&TopicPartition, &Committed)| OffsetChange {
                group: group.clone(),
                partition: partition.clone(),
                committed: Some(committed.clone()),
            };
            offsets.iter().map(entry).collect::<Vec<_>>()
        };
        self.groups.iter().flat_map(of_group).collect()
    }
}
