//! States in the status topic: those of distributed mode.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use connect_core::error::ConnectError;
use connect_core::kit::SharedClock;
use tokio::sync::{mpsc, oneshot};
use tokio_util::task::AbortOnDropHandle;

use crate::config::WorkerConfig;
use crate::config::internal::InternalTopic;
use crate::stores::log::{LogRecord, LogSettings, TopicLog};
use crate::stores::status::cache::{StatusCache, Write};
use crate::stores::status::writer::{Command, StatusLog, Writer};
use crate::stores::status::{Status, StatusStore, TopicResets};

/// What the log's task fills and the herder reads. Locked for moments only.
#[derive(Debug, Clone, Default)]
pub(super) struct SharedCache(Arc<Mutex<StatusCache>>);

impl SharedCache {
    pub(super) fn lock(&self) -> MutexGuard<'_, StatusCache> {
        // Nothing can panic half-way through a change, so a poisoned cache is still whole.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// States that all workers of a group share. Dropping it gives up what was not flushed.
pub struct KafkaStatusStore {
    cache: SharedCache,
    clock: SharedClock,
    // Bounded by what the herder puts, see `Writer`.
    commands: mpsc::UnboundedSender<Command>,
    _writer: AbortOnDropHandle<()>,
}

impl KafkaStatusStore {
    /// Opens the status topic of a distributed worker and reads it to its end. The topic is created if it is missing.
    ///
    /// # Errors
    /// Fatal when the worker is none of a group, or the topic cannot be created, used or read.
    pub async fn open(worker: &WorkerConfig, clock: SharedClock) -> Result<Self, ConnectError> {
        let opening = || ConnectError::fatal("opening the status topic");
        let settings = LogSettings::of_worker(worker, InternalTopic::Statuses).ok_or_else(opening)?;
        let cache = SharedCache::default();
        let read = cache.clone();
        let on_record = Box::new(move |record: LogRecord| match &record.key {
            Some(key) => read.lock().read(key, record.value.as_deref()),
            None => Some("it has no key".to_owned()),
        });
        let log = TopicLog::open(settings, on_record).await.map_err(|error| opening().because(error))?;
        Ok(Self::on(Arc::new(log), cache, clock))
    }

    fn on(log: Arc<impl StatusLog>, cache: SharedCache, clock: SharedClock) -> Self {
        let (commands, received) = mpsc::unbounded_channel();
        let writer = tokio::spawn(Writer::new(log, cache.clone()).run(received));
        Self { cache, clock, commands, _writer: AbortOnDropHandle::new(writer) }
    }

    fn send(&self, writes: impl IntoIterator<Item = Write>) {
        for write in writes {
            // The writer lives as long as the store.
            self.commands.send(Command::Write(write)).ok();
        }
    }
}

impl StatusStore for KafkaStatusStore {
    fn set_generation(&mut self, generation: i32) {
        self.cache.lock().set_generation(generation);
    }

    fn put_connector(&mut self, connector: &Arc<str>, status: Option<Status>) {
        let write = self.cache.lock().put_connector(connector, status);
        self.send(write);
    }

    fn put_task(&mut self, connector: &Arc<str>, task: u32, status: Option<Status>) {
        let write = self.cache.lock().put_task(connector, task, status);
        self.send(write);
    }

    fn connector(&self, connector: &str) -> Option<Status> {
        self.cache.lock().connector(connector)
    }

    fn tasks(&self, connector: &str) -> Vec<(u32, Status)> {
        self.cache.lock().tasks(connector)
    }

    fn connectors(&self) -> Vec<Arc<str>> {
        self.cache.lock().connectors()
    }

    fn add_topic(&mut self, connector: &Arc<str>, task: u32, topic: &Arc<str>) {
        let write = self.cache.lock().add_topic(connector, task, topic, self.clock.wall_ms());
        self.send(write);
    }

    fn topics(&self, connector: &str) -> Vec<Arc<str>> {
        self.cache.lock().topics(connector)
    }

    fn reset_topics(&mut self, connector: &str) {
        let writes = self.cache.lock().reset_topics(connector);
        self.send(writes);
    }

    fn topic_resets(&self) -> TopicResets {
        self.cache.lock().topic_resets()
    }

    fn flush(&mut self) -> oneshot::Receiver<()> {
        let (done, receiver) = oneshot::channel();
        self.commands.send(Command::Flush(done)).ok();
        receiver
    }
}

#[cfg(test)]
mod tests;
