//! What a sink task asks of its loop between polls.

use std::collections::BTreeSet;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use connect_core::record::{Offsets, TopicPartition};
use connect_core::task::SinkTaskHandle;
use tokio::sync::Notify;

/// Requests of a sink task, picked up by its loop before the next poll.
#[derive(Debug, Default)]
pub(crate) struct SinkSignals {
    requests: Mutex<Requests>,
    pub(crate) arrived: Notify,
}

/// The requests since the last look.
#[derive(Debug, Default)]
pub(crate) struct Requests {
    pub(crate) wants_commit: bool,
    pub(crate) rewinds: Offsets,
    pub(crate) to_pause: BTreeSet<TopicPartition>,
    pub(crate) to_resume: BTreeSet<TopicPartition>,
    pub(crate) retry_in: Option<Duration>,
    /// `Some` when the trouble changed: its text, or `None` when it is over.
    pub(crate) trouble: Option<Option<String>>,
}

impl SinkSignals {
    /// Returns the requests and forgets them.
    pub(crate) fn take(&self) -> Requests {
        std::mem::take(&mut self.lock())
    }

    /// Returns the wait asked for before a failed batch comes again, and forgets it.
    pub(crate) fn take_retry_in(&self) -> Option<Duration> {
        self.lock().retry_in.take()
    }

    /// Forgets what was asked for partitions that are given up: when they come back, everything begins anew.
    pub(crate) fn forget(&self, partitions: &[TopicPartition]) {
        let mut requests = self.lock();
        for partition in partitions {
            requests.rewinds.remove(partition);
            requests.to_pause.remove(partition);
            requests.to_resume.remove(partition);
        }
    }

    /// Returns the rewinds asked for the given partitions, and forgets them.
    pub(crate) fn take_rewinds(&self, partitions: &[TopicPartition]) -> Offsets {
        let mut requests = self.lock();
        let taken = |partition: &TopicPartition| requests.rewinds.remove_entry(partition);
        partitions.iter().filter_map(taken).collect()
    }

    fn lock(&self) -> MutexGuard<'_, Requests> {
        self.requests.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl SinkTaskHandle for SinkSignals {
    fn request_commit(&self) {
        self.lock().wants_commit = true;
        self.arrived.notify_one();
    }

    fn rewind(&self, partition: TopicPartition, offset: i64) {
        self.lock().rewinds.insert(partition, offset);
        self.arrived.notify_one();
    }

    fn pause(&self, partitions: &[TopicPartition]) {
        let mut requests = self.lock();
        for partition in partitions {
            requests.to_resume.remove(partition);
            requests.to_pause.insert(partition.clone());
        }
        drop(requests);
        self.arrived.notify_one();
    }

    fn resume(&self, partitions: &[TopicPartition]) {
        let mut requests = self.lock();
        for partition in partitions {
            requests.to_pause.remove(partition);
            requests.to_resume.insert(partition.clone());
        }
        drop(requests);
        self.arrived.notify_one();
    }

    fn retry_in(&self, delay: Duration) {
        self.lock().retry_in = Some(delay);
    }

    fn report_trouble(&self, trouble: Option<String>) {
        self.lock().trouble = Some(trouble);
        self.arrived.notify_one();
    }
}
