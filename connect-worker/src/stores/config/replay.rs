//! From records of the config topic to what they mean, whatever compaction and other workers left in it. Pure.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use bytes::Bytes;
use connect_core::config::Props;

use crate::stores::config::codec::{Decoded, Entry, decode};
use crate::stores::config::{ConfigRecord, ConfigUpdate};

/// Follows the config topic. Task configurations are held back until they are committed.
#[derive(Debug)]
pub(crate) struct Replay {
    /// Snapshot offset; -1 before any record.
    offset: i64,
    /// Connectors that are configured.
    configured: HashSet<Arc<str>>,
    /// Task configurations that were not committed yet.
    deferred: HashMap<Arc<str>, BTreeMap<u32, Props>>,
    is_started: bool,
    /// Why the last record was skipped.
    skipped: Option<String>,
}

impl Replay {
    /// Returns the state before the first record.
    pub(crate) fn new() -> Self {
        let (configured, deferred) = (HashSet::new(), HashMap::new());
        Self { offset: -1, configured, deferred, is_started: false, skipped: None }
    }

    /// Ends the start-up: from now on restarts and log levels count.
    pub(crate) fn start(&mut self) {
        self.is_started = true;
    }

    /// Returns the snapshot offset: one more than the offset of the last record whose value is JSON.
    pub(crate) fn offset(&self) -> i64 {
        self.offset
    }

    /// Returns why the last record was skipped, if it was; once.
    pub(crate) fn take_skipped(&mut self) -> Option<String> {
        self.skipped.take()
    }

    /// Takes the next record and returns the update it makes, unless it does not count.
    pub(crate) fn apply(
        &mut self,
        key: Option<&[u8]>,
        value: Option<&Bytes>,
        offset: i64,
    ) -> Option<ConfigUpdate> {
        let entry = match decode(key, value) {
            Decoded::Undecodable => {
                let key = String::from_utf8_lossy(key.unwrap_or_default());
                self.skipped = Some(format!("the value of key `{key}` is not JSON"));
                return None;
            }
            Decoded::Ignored(reason) => {
                self.skipped = reason;
                None
            }
            Decoded::Entry(entry) => Some(entry),
        };
        self.offset = offset + 1;
        let record = entry.and_then(|entry| self.record(entry));
        Some(ConfigUpdate { offset: self.offset, record })
    }

    fn record(&mut self, entry: Entry) -> Option<ConfigRecord> {
        match entry {
            Entry::Connector { name, config } => {
                if config.is_some() {
                    self.configured.insert(Arc::clone(&name));
                } else {
                    self.configured.remove(&name);
                    self.deferred.remove(&name);
                }
                Some(ConfigRecord::Connector { name, config })
            }
            Entry::Task { name, task, config } => {
                // Bounded by the tasks that a leader writes before it commits them.
                self.deferred.entry(name).or_default().insert(task, config);
                None
            }
            Entry::Commit { name, count } => self.commit(name, count),
            Entry::Target { name, target } => Some(ConfigRecord::Target { name, target }),
            Entry::FencedTasks { name, count } => Some(ConfigRecord::FencedTasks { name, count }),
            Entry::SessionKey(key) => Some(ConfigRecord::SessionKey(key)),
            // What was asked for in the past has been done, or its worker is gone.
            Entry::Restart(request) => self.is_started.then_some(ConfigRecord::Restart(request)),
            Entry::LoggerLevel { namespace, level } => {
                self.is_started.then_some(ConfigRecord::LoggerLevel { namespace, level })
            }
        }
    }

    /// Task configurations count only if all of them are there: compaction may have removed some that were
    /// written again, and their commit comes later in the log.
    fn commit(&mut self, name: Arc<str>, count: u32) -> Option<ConfigRecord> {
        let deferred = self.deferred.remove(&name).unwrap_or_default();
        if !self.configured.contains(&name) {
            // The connector was deleted and compacted away; its task records outlive it.
            return None;
        }
        let configs: Vec<Props> = (0..count)
            .zip(deferred)
            .map_while(|(wanted, (task, config))| (task == wanted).then_some(config))
            .collect();
        if u32::try_from(configs.len()) == Ok(count) {
            Some(ConfigRecord::Tasks { name, configs })
        } else {
            Some(ConfigRecord::IncompleteTasks { name, count })
        }
    }
}

#[cfg(test)]
mod tests;
