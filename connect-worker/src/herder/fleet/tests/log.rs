//! A config log and states that several herders of one process share.

use std::sync::{Arc, Mutex};

use connect_core::error::ConnectError;
use tokio::sync::{mpsc, oneshot};

use crate::stores::config::{ConfigRecord, ConfigStore, ConfigUpdate, ConfigWriteError, Written};
use crate::stores::status::{MemoryStatusStore, Status, StatusStore, TopicResets};

#[derive(Default)]
struct Log {
    records: Vec<ConfigRecord>,
    followers: Vec<Follower>,
}

struct Follower {
    updates: mpsc::UnboundedSender<ConfigUpdate>,
    next: usize,
    /// Reads nothing until it is quick again.
    is_slow: bool,
    waiting: Vec<oneshot::Sender<Result<i64, ConnectError>>>,
    claims: usize,
}

/// The log itself.
#[derive(Clone, Default)]
pub(super) struct SharedLog(Arc<Mutex<Log>>);

impl SharedLog {
    /// Returns the store of one more worker.
    pub(super) fn follow(&self) -> (FollowedLog, mpsc::UnboundedReceiver<ConfigUpdate>) {
        let (updates, receiver) = mpsc::unbounded_channel();
        let mut log = self.0.lock().expect("unpoisoned");
        let follower = Follower { updates, next: 0, is_slow: false, waiting: Vec::new(), claims: 0 };
        log.followers.push(follower);
        let index = log.followers.len() - 1;
        (FollowedLog { log: self.clone(), index }, receiver)
    }

    /// Has a follower read nothing, or everything again.
    pub(super) fn set_slow(&self, index: usize, is_slow: bool) {
        let mut log = self.0.lock().expect("unpoisoned");
        log.followers[index].is_slow = is_slow;
        log.deliver();
    }

    /// Returns how often a follower claimed the right to write.
    pub(super) fn claims(&self, index: usize) -> usize {
        self.0.lock().expect("unpoisoned").followers[index].claims
    }

    /// Adds a record as if some worker had written it.
    pub(super) fn append(&self, record: ConfigRecord) {
        let mut log = self.0.lock().expect("unpoisoned");
        log.records.push(record);
        log.deliver();
    }

    /// Returns all records.
    pub(super) fn records(&self) -> Vec<ConfigRecord> {
        self.0.lock().expect("unpoisoned").records.clone()
    }
}

impl Log {
    fn deliver(&mut self) {
        let end = self.records.len();
        for follower in self.followers.iter_mut().filter(|follower| !follower.is_slow) {
            for index in follower.next..end {
                let record = Some(self.records[index].clone());
                let offset = i64::try_from(index).expect("small") + 1;
                // The worker may have ended.
                follower.updates.send(ConfigUpdate { offset, record }).ok();
            }
            follower.next = end;
            for waiting in follower.waiting.drain(..) {
                waiting.send(Ok(snapshot_offset(end))).ok();
            }
        }
    }
}

fn snapshot_offset(length: usize) -> i64 {
    if length == 0 { -1 } else { i64::try_from(length).expect("small") }
}

/// The log as one worker sees it.
pub(super) struct FollowedLog {
    log: SharedLog,
    index: usize,
}

impl ConfigStore for FollowedLog {
    fn write(&mut self, records: Vec<ConfigRecord>) -> Written {
        let (done, written) = oneshot::channel::<Result<(), ConfigWriteError>>();
        let mut log = self.log.0.lock().expect("unpoisoned");
        log.records.extend(records);
        log.deliver();
        done.send(Ok(())).ok();
        written
    }

    fn read_to_end(&mut self) -> oneshot::Receiver<Result<i64, ConnectError>> {
        let (done, receiver) = oneshot::channel();
        let mut log = self.log.0.lock().expect("unpoisoned");
        log.followers[self.index].waiting.push(done);
        log.deliver();
        receiver
    }

    fn claim(&mut self) -> Written {
        self.log.0.lock().expect("unpoisoned").followers[self.index].claims += 1;
        let (done, written) = oneshot::channel();
        done.send(Ok(())).ok();
        written
    }
}

/// States that all workers see at once.
#[derive(Clone, Default)]
pub(super) struct SharedStatus {
    store: Arc<Mutex<MemoryStatusStore>>,
    /// What was written about tasks.
    written: Arc<Mutex<Vec<String>>>,
}

impl SharedStatus {
    fn with<T>(&self, body: impl FnOnce(&mut MemoryStatusStore) -> T) -> T {
        body(&mut self.store.lock().expect("unpoisoned"))
    }

    /// Returns what was written about tasks since the last call, in order.
    pub(super) fn take_written(&self) -> Vec<String> {
        std::mem::take(&mut self.written.lock().expect("unpoisoned"))
    }
}

impl StatusStore for SharedStatus {
    fn set_generation(&mut self, generation: i32) {
        self.with(|store| store.set_generation(generation));
    }

    fn put_connector(&mut self, connector: &Arc<str>, status: Option<Status>) {
        self.with(|store| store.put_connector(connector, status));
    }

    fn put_task(&mut self, connector: &Arc<str>, task: u32, status: Option<Status>) {
        let state = status.as_ref().map_or("none", |status| status.state.name());
        self.written.lock().expect("unpoisoned").push(format!("{connector}-{task} {state}"));
        self.with(|store| store.put_task(connector, task, status));
    }

    fn connector(&self, connector: &str) -> Option<Status> {
        self.with(|store| store.connector(connector))
    }

    fn tasks(&self, connector: &str) -> Vec<(u32, Status)> {
        self.with(|store| store.tasks(connector))
    }

    fn connectors(&self) -> Vec<Arc<str>> {
        self.with(|store| store.connectors())
    }

    fn add_topic(&mut self, connector: &Arc<str>, task: u32, topic: &Arc<str>) {
        self.with(|store| store.add_topic(connector, task, topic));
    }

    fn topics(&self, connector: &str) -> Vec<Arc<str>> {
        self.with(|store| store.topics(connector))
    }

    fn reset_topics(&mut self, connector: &str) {
        self.with(|store| store.reset_topics(connector));
    }

    fn topic_resets(&self) -> TopicResets {
        self.with(|store| store.topic_resets())
    }

    fn flush(&mut self) -> oneshot::Receiver<()> {
        self.with(MemoryStatusStore::flush)
    }
}
