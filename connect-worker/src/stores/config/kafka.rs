//! The config log of a distributed worker: the config topic, followed by all workers and written by the leader.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use connect_core::error::ConnectError;
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;

use crate::config::WorkerConfig;
use crate::config::internal::{InternalTopic, leader_producer_props};
use crate::kafka::port::KafkaError;
use crate::kafka::producer::native_transactional_producers;
use crate::stores::config::leader::Leader;
use crate::stores::config::replay::Replay;
use crate::stores::config::writing::{Job, Writing};
use crate::stores::config::{ConfigRecord, ConfigStore, ConfigUpdate, Written};
use crate::stores::log::{LogSettings, RecordHandler, TopicLog};

/// The config topic.
pub struct KafkaConfigStore {
    jobs: mpsc::UnboundedSender<Job>,
}

/// A store that has read the topic, and what comes with it.
pub struct OpenConfigStore {
    /// The store.
    pub store: KafkaConfigStore,
    /// What was read up to now, and what will be.
    pub updates: mpsc::UnboundedReceiver<ConfigUpdate>,
    /// Ends when the store was dropped and its clients are closed.
    pub closed: JoinHandle<()>,
}

impl KafkaConfigStore {
    /// Creates or checks the config topic and reads it to its end. Dropping the future ends everything.
    ///
    /// # Errors
    /// Fails when the worker is not a distributed one, or the topic is unfit or cannot be used.
    pub async fn open(worker: &WorkerConfig) -> Result<OpenConfigStore, ConnectError> {
        let settings = LogSettings::of_worker(worker, InternalTopic::Configs)
            .ok_or_else(|| ConnectError::fatal("opening the config topic of a standalone worker"))?;
        // Bounded by the topic: the herder takes all updates before it looks at anything else.
        let (updates, received) = mpsc::unbounded_channel();
        let replay = SharedReplay::default();
        let log = TopicLog::open(settings, replay.handler(updates)).await.map_err(into_connect)?;
        replay.lock().start();
        let leader = leader_producer_props(worker)
            .map(|props| Leader::new(log.topic(), &props, native_transactional_producers()));
        // Bounded by the herder: each of its requests waits for its outcome.
        let (jobs, todo) = mpsc::unbounded_channel();
        let closed = tokio::spawn(Writing::new(log, replay, leader).run(todo));
        Ok(OpenConfigStore { store: Self { jobs }, updates: received, closed })
    }

    fn ask<T>(&self, job: impl FnOnce(oneshot::Sender<T>) -> Job) -> oneshot::Receiver<T> {
        let (done, receiver) = oneshot::channel();
        // The task behind it lives as long as the store; were it gone, the dropped sender would tell.
        self.jobs.send(job(done)).ok();
        receiver
    }
}

impl ConfigStore for KafkaConfigStore {
    fn write(&mut self, records: Vec<ConfigRecord>) -> Written {
        self.ask(|done| Job::Write { records, done })
    }

    fn read_to_end(&mut self) -> oneshot::Receiver<Result<i64, ConnectError>> {
        self.ask(|done| Job::ReadToEnd { done })
    }

    fn claim(&mut self) -> Written {
        self.ask(|done| Job::Claim { done })
    }
}

/// The replay, shared by the task that follows the log and the store that asks how far it is.
#[derive(Clone)]
pub(super) struct SharedReplay(Arc<Mutex<Replay>>);

impl Default for SharedReplay {
    fn default() -> Self {
        Self(Arc::new(Mutex::new(Replay::new())))
    }
}

impl SharedReplay {
    pub(super) fn lock(&self) -> MutexGuard<'_, Replay> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns what turns records of the log into updates.
    pub(super) fn handler(&self, updates: mpsc::UnboundedSender<ConfigUpdate>) -> RecordHandler {
        let replay = self.clone();
        Box::new(move |record| {
            // Sent under the lock, so that an offset that can be seen has been sent.
            let mut replay = replay.lock();
            if let Some(update) = replay.apply(record.key.as_deref(), record.value.as_ref(), record.offset) {
                // A herder that is gone needs no updates.
                updates.send(update).ok();
            }
            replay.take_skipped()
        })
    }
}

pub(super) fn into_connect(error: KafkaError) -> ConnectError {
    match error {
        KafkaError::Retriable(reason) => ConnectError::retriable(reason),
        other => ConnectError::fatal(other.to_string()),
    }
}

#[cfg(test)]
mod tests;
