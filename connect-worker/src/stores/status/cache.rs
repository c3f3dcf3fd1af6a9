//! What is known of the status topic, and the rules of writing to it. Pure: no clock, no Kafka.
//!
//! States are seen once they were read back, so that all workers show the same.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use bytes::Bytes;
use indexmap::IndexMap;

use crate::stores::status::codec::{StatusKey, check_topic, decode_status, encode_status, encode_topic};
use crate::stores::status::{RunState, Status, TopicResets};

/// A record on its way to the topic.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Write {
    pub(crate) key: StatusKey,
    pub(crate) value: Option<Bytes>,
    /// Number among the writes of this worker.
    sequence: u64,
    rule: Rule,
}

/// Until when a write that failed is tried again.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Rule {
    /// While the entry is the same and no newer owner has spoken; a deletion only while its generation lasts.
    State { entry: u64, generation: i32, status: Option<Status> },
    /// While nothing newer was written for the key.
    Topic,
}

/// A state and the writes to it.
#[derive(Debug, Default)]
struct Entry {
    /// `None` until a record was read.
    status: Option<Status>,
    /// Number of the last write of this worker.
    last_write: u64,
    /// Tells an entry from one that was there before and was deleted.
    id: u64,
}

impl Entry {
    /// Another worker of a newer generation has the last word (`CacheEntry.canWriteSafely`).
    fn is_safe(&self, status: &Status) -> bool {
        self.status
            .as_ref()
            .is_none_or(|known| known.worker_id == status.worker_id || known.generation <= status.generation)
    }
}

/// A topic that a connector used.
#[derive(Debug, Default)]
struct Topic {
    /// Whether it was read back.
    is_read: bool,
    /// Number of the write by which this worker noted it; 0 if others did.
    own_write: u64,
}

/// The states and topics in the status topic; as many as the group's connectors have.
#[derive(Debug, Default)]
pub(crate) struct StatusCache {
    generation: i32,
    connectors: HashMap<Arc<str>, Entry>,
    tasks: HashMap<Arc<str>, BTreeMap<u32, Entry>>,
    topics: HashMap<Arc<str>, IndexMap<Arc<str>, Topic>>,
    resets: TopicResets,
    next: u64,
}

impl StatusCache {
    /// Sets the generation in which writes are made from now on.
    pub(crate) fn set_generation(&mut self, generation: i32) {
        self.generation = generation;
    }

    /// Returns the record that stores a connector's state, unless it would overwrite a newer owner's.
    pub(crate) fn put_connector(&mut self, connector: &Arc<str>, status: Option<Status>) -> Option<Write> {
        let (id, sequence) = (self.number(), self.number());
        let entry = self.connectors.entry(Arc::clone(connector));
        let entry = entry.or_insert_with(|| Entry { id, ..Entry::default() });
        let rule = rule_of(entry, sequence, self.generation, status.as_ref())?;
        let value = status.as_ref().map(encode_status);
        Some(Write { key: StatusKey::Connector(Arc::clone(connector)), value, sequence, rule })
    }

    /// Returns the record that stores a task's state, unless it would overwrite a newer owner's.
    pub(crate) fn put_task(
        &mut self,
        connector: &Arc<str>,
        task: u32,
        status: Option<Status>,
    ) -> Option<Write> {
        let (id, sequence) = (self.number(), self.number());
        let entry = self.tasks.entry(Arc::clone(connector)).or_default().entry(task);
        let entry = entry.or_insert_with(|| Entry { id, ..Entry::default() });
        let rule = rule_of(entry, sequence, self.generation, status.as_ref())?;
        let value = status.as_ref().map(encode_status);
        Some(Write { key: StatusKey::Task(Arc::clone(connector), task), value, sequence, rule })
    }

    /// Returns the record that notes a topic of a connector, unless it is noted or about to be.
    pub(crate) fn add_topic(
        &mut self,
        connector: &Arc<str>,
        task: u32,
        topic: &Arc<str>,
        now_ms: i64,
    ) -> Option<Write> {
        if self.topics.get(connector).is_some_and(|topics| topics.contains_key(topic)) {
            return None;
        }
        let sequence = self.number();
        let noted = Topic { is_read: false, own_write: sequence };
        self.topics.entry(Arc::clone(connector)).or_default().insert(Arc::clone(topic), noted);
        let key = StatusKey::Topic { topic: Arc::clone(topic), connector: Arc::clone(connector) };
        let value = Some(encode_topic(topic, connector, task, now_ms));
        Some(Write { key, value, sequence, rule: Rule::Topic })
    }

    /// Returns the records that forget all topics of a connector, also those on their way. They are gone here at
    /// once, so that a topic that is used again is noted after the reset.
    pub(crate) fn reset_topics(&mut self, connector: &str) -> Vec<Write> {
        let Some((connector, topics)) = self.topics.remove_entry(connector) else { return Vec::new() };
        let forget = |topic: Arc<str>| Write {
            key: StatusKey::Topic { topic, connector: Arc::clone(&connector) },
            value: None,
            sequence: self.number(),
            rule: Rule::Topic,
        };
        let writes = topics.into_keys().map(forget).collect();
        self.resets.note();
        writes
    }

    /// Returns the count of resets.
    pub(crate) fn topic_resets(&self) -> TopicResets {
        self.resets.clone()
    }

    /// Returns whether a write that failed is still wanted.
    pub(crate) fn is_current(&self, write: &Write) -> bool {
        let entry = match &write.key {
            StatusKey::Connector(connector) => self.connectors.get(connector),
            StatusKey::Task(connector, task) => self.tasks.get(connector).and_then(|tasks| tasks.get(task)),
            StatusKey::Topic { topic, connector } => {
                let noted = self.topics.get(connector).and_then(|topics| topics.get(topic));
                return match &write.value {
                    Some(_) => noted.is_some_and(|noted| noted.own_write == write.sequence),
                    None => noted.is_none_or(|noted| noted.own_write < write.sequence),
                };
            }
        };
        let (Rule::State { entry: id, generation, status }, Some(entry)) = (&write.rule, entry) else {
            return false;
        };
        // A task may run on from one generation into the next, and says so only once: unlike in Kafka Connect its
        // state outlives the generation in which it could not be stored.
        let is_wanted = match status {
            Some(status) => entry.is_safe(status),
            None => self.generation == *generation,
        };
        entry.id == *id && entry.last_write == write.sequence && is_wanted
    }

    /// Takes in a record of the topic. Returns why one that is not understood is skipped.
    pub(crate) fn read(&mut self, key: &[u8], value: Option<&[u8]>) -> Option<String> {
        let Some(parsed) = StatusKey::parse(key) else {
            return Some(format!("the key `{}` is not known", String::from_utf8_lossy(key)));
        };
        if let StatusKey::Topic { topic, connector } = &parsed {
            return self.read_topic(connector, topic, value, &parsed);
        }
        let status = match value.map(decode_status).transpose() {
            Ok(status) => status,
            Err(error) => return Some(format!("the value of key `{parsed}` is no status: {error}")),
        };
        match (parsed, status) {
            (StatusKey::Connector(connector), Some(status)) => {
                let id = self.number();
                let entry = self.connectors.entry(connector);
                let entry = entry.or_insert_with(|| Entry { id, ..Entry::default() });
                // A broker that hung may store the old owner's last word long after the first of the new one.
                if status.state != RunState::Unassigned || entry.is_safe(&status) {
                    entry.status = Some(status);
                }
            }
            (StatusKey::Connector(connector), None) => {
                self.connectors.remove(&connector);
                self.tasks.remove(&connector);
            }
            (StatusKey::Task(connector, task), Some(status)) => self.read_task(connector, task, status),
            (StatusKey::Task(connector, task), None) => {
                if let Some(tasks) = self.tasks.get_mut(&connector) {
                    tasks.remove(&task);
                    if tasks.is_empty() {
                        self.tasks.remove(&connector);
                    }
                }
            }
            (StatusKey::Topic { .. }, _) => {}
        }
        None
    }

    /// Returns a connector's state.
    pub(crate) fn connector(&self, connector: &str) -> Option<Status> {
        self.connectors.get(connector)?.status.clone()
    }

    /// Returns the states of a connector's tasks, sorted by number.
    pub(crate) fn tasks(&self, connector: &str) -> Vec<(u32, Status)> {
        let tasks = self.tasks.get(connector).into_iter().flatten();
        tasks.filter_map(|(task, entry)| Some((*task, entry.status.clone()?))).collect()
    }

    /// Returns all connectors with a state of their own or of a task, sorted by name.
    pub(crate) fn connectors(&self) -> Vec<Arc<str>> {
        let own = self.connectors.iter().filter(|(_, entry)| entry.status.is_some());
        let of_tasks = self.tasks.iter().filter(|(_, tasks)| tasks.values().any(|it| it.status.is_some()));
        let names: BTreeSet<_> = own.map(|(name, _)| name).chain(of_tasks.map(|(name, _)| name)).collect();
        names.into_iter().map(Arc::clone).collect()
    }

    /// Returns the topics a connector used, in the order they were first heard of.
    pub(crate) fn topics(&self, connector: &str) -> Vec<Arc<str>> {
        let topics = self.topics.get(connector).into_iter().flatten();
        topics.filter(|(_, noted)| noted.is_read).map(|(topic, _)| Arc::clone(topic)).collect()
    }

    fn read_task(&mut self, connector: Arc<str>, task: u32, status: Status) {
        let id = self.number();
        let entry = self.tasks.entry(connector).or_default().entry(task);
        let entry = entry.or_insert_with(|| Entry { id, ..Entry::default() });
        // The old owner's last word may come after the first of the new one
        // (`KafkaStatusBackingStore.readTaskStatus`).
        let is_stale = status.state == RunState::Unassigned
            && entry.status.as_ref().is_some_and(|known| {
                known.state == RunState::Running && known.generation >= status.generation
            });
        if !is_stale {
            entry.status = Some(status);
        }
    }

    fn read_topic(
        &mut self,
        connector: &Arc<str>,
        topic: &Arc<str>,
        value: Option<&[u8]>,
        key: &StatusKey,
    ) -> Option<String> {
        match value.map(check_topic) {
            Some(Ok(())) => {
                let topics = self.topics.entry(Arc::clone(connector)).or_default();
                topics.entry(Arc::clone(topic)).or_default().is_read = true;
            }
            Some(Err(error)) => return Some(format!("the value of key `{key}` is no topic: {error}")),
            None => {
                let topics = self.topics.get_mut(connector)?;
                let is_gone = topics.shift_remove(topic).is_some();
                if topics.is_empty() {
                    self.topics.remove(connector);
                }
                if is_gone {
                    self.resets.note();
                }
            }
        }
        None
    }

    fn number(&mut self) -> u64 {
        self.next += 1;
        self.next
    }
}

/// Returns until when a write of `status` is wanted, `None` when it is not wanted at all.
fn rule_of(entry: &mut Entry, sequence: u64, generation: i32, status: Option<&Status>) -> Option<Rule> {
    let is_last_word = |status: &&Status| matches!(status.state, RunState::Unassigned | RunState::Failed);
    let safe = status.filter(is_last_word);
    if safe.is_some_and(|status| !entry.is_safe(status)) {
        return None;
    }
    entry.last_write = sequence;
    Some(Rule::State { entry: entry.id, generation, status: status.cloned() })
}

#[cfg(test)]
mod tests;
