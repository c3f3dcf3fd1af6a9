//! States that live in memory only: those of standalone mode.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use tokio::sync::oneshot;

use crate::stores::status::{Status, StatusStore, TopicResets};

/// States kept in memory.
#[derive(Debug, Default)]
pub struct MemoryStatusStore {
    connectors: HashMap<Arc<str>, Status>,
    tasks: HashMap<Arc<str>, BTreeMap<u32, Status>>,
    topics: HashMap<Arc<str>, Vec<Arc<str>>>,
    resets: TopicResets,
}

impl StatusStore for MemoryStatusStore {
    fn set_generation(&mut self, _generation: i32) {}

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

    fn connectors(&self) -> Vec<Arc<str>> {
        let of_tasks = self.tasks.iter().filter(|(_, tasks)| !tasks.is_empty()).map(|(name, _)| name);
        let names: BTreeSet<_> = self.connectors.keys().chain(of_tasks).map(Arc::clone).collect();
        names.into_iter().collect()
    }

    fn add_topic(&mut self, connector: &Arc<str>, _task: u32, topic: &Arc<str>) {
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
        self.resets.note();
    }

    fn topic_resets(&self) -> TopicResets {
        self.resets.clone()
    }

    fn flush(&mut self) -> oneshot::Receiver<()> {
        let (done, receiver) = oneshot::channel();
        done.send(()).ok();
        receiver
    }
}
