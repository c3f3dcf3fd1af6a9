//! Stores that live in memory only: those of standalone mode.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use connect_core::error::ConnectError;
use tokio::sync::{mpsc, oneshot};

use crate::herder::ports::{ConfigStore, StatusStore};
use crate::herder::state::{ConfigRecord, Status};

/// A config log that hands every record straight back.
#[derive(Debug)]
pub struct MemoryConfigStore {
    updates: mpsc::UnboundedSender<ConfigRecord>,
}

impl MemoryConfigStore {
    /// Returns the store and the receiver of its updates.
    pub fn new() -> (Self, mpsc::UnboundedReceiver<ConfigRecord>) {
        // Bounded by the herder: it takes all updates before it looks at the next command.
        let (updates, receiver) = mpsc::unbounded_channel();
        (Self { updates }, receiver)
    }
}

impl ConfigStore for MemoryConfigStore {
    fn write(&mut self, records: Vec<ConfigRecord>) -> oneshot::Receiver<Result<(), ConnectError>> {
        let (done, receiver) = oneshot::channel();
        let is_sent = records.into_iter().all(|record| self.updates.send(record).is_ok());
        let outcome =
            if is_sent { Ok(()) } else { Err(ConnectError::fatal("writing to a closed config store")) };
        done.send(outcome).ok();
        receiver
    }
}

/// States kept in memory.
#[derive(Debug, Default)]
pub struct MemoryStatusStore {
    connectors: HashMap<Arc<str>, Status>,
    tasks: HashMap<Arc<str>, BTreeMap<u32, Status>>,
    topics: HashMap<Arc<str>, Vec<Arc<str>>>,
}

impl StatusStore for MemoryStatusStore {
    fn put_connector(&mut self, connector: &Arc<str>, status: Option<Status>) {
        match status {
            Some(status) => self.connectors.insert(Arc::clone(connector), status),
            None => self.connectors.remove(connector),
        };
    }

    fn put_task(&mut self, connector: &Arc<str>, task: u32, status: Option<Status>) {
        match status {
            Some(status) => self.tasks.entry(Arc::clone(connector)).or_default().insert(task, status),
            None => self.tasks.get_mut(connector).and_then(|tasks| tasks.remove(&task)),
        };
    }

    fn connector(&self, connector: &str) -> Option<Status> {
        self.connectors.get(connector).cloned()
    }

    fn tasks(&self, connector: &str) -> Vec<(u32, Status)> {
        let tasks = self.tasks.get(connector).into_iter().flatten();
        tasks.map(|(task, status)| (*task, status.clone())).collect()
    }

    fn add_topic(&mut self, connector: &Arc<str>, topic: &Arc<str>) {
        let topics = self.topics.entry(Arc::clone(connector)).or_default();
        if !topics.contains(topic) {
            topics.push(Arc::clone(topic));
        }
    }

    fn topics(&self, connector: &str) -> Vec<Arc<str>> {
        self.topics.get(connector).cloned().unwrap_or_default()
    }

    fn reset_topics(&mut self, connector: &str) {
        self.topics.remove(connector);
    }
}
