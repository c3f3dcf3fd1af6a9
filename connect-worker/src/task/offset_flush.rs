//! Storing the offsets of one source task, beside its loop.

use std::sync::Arc;
use std::time::{Duration, Instant};

use connect_core::data::Map;
use connect_core::error::ConnectError;
use tokio::task::JoinHandle;

use crate::stores::offsets::ConnectorOffsets;
use crate::task::submitted::Committable;

/// Offsets that wait to be stored, and the one write that may be on its way.
pub(crate) struct OffsetFlush {
    interval: Duration,
    timeout: Duration,
    next: Instant,
    /// Newest offset of each partition, in the order partitions were first seen.
    waiting: Vec<(Arc<Map>, Option<Arc<Map>>)>,
    in_flight: Option<InFlight>,
    last_duration: Duration,
}

struct InFlight {
    started: Instant,
    offsets: Vec<(Arc<Map>, Option<Arc<Map>>)>,
    join: JoinHandle<Result<(), ConnectError>>,
}

impl OffsetFlush {
    /// Returns a schedule whose first write is one interval from `now`.
    pub(crate) fn new(interval: Duration, timeout: Duration, now: Instant) -> Self {
        Self {
            interval,
            timeout,
            next: now + interval,
            waiting: Vec::new(),
            in_flight: None,
            last_duration: Duration::ZERO,
        }
    }

    /// Returns when the loop should look again.
    pub(crate) fn due(&self) -> Instant {
        self.next
    }

    /// Adds committable offsets. Records of a source without partitions have nothing to store.
    pub(crate) fn add(&mut self, committable: Vec<Committable>) {
        for (partition, offset) in committable {
            if let Some(partition) = partition {
                merge(&mut self.waiting, partition, offset);
            }
        }
    }

    /// Takes in the outcome of the write on its way. Returns whether it succeeded, if it ended just now.
    pub(crate) async fn settle(&mut self) -> Option<bool> {
        if self.in_flight.as_ref().is_none_or(|write| !write.join.is_finished()) {
            return None;
        }
        Some(self.wait().await)
    }

    /// Returns how long the last write took.
    pub(crate) fn last_duration(&self) -> Duration {
        self.last_duration
    }

    /// Begins a write when it is time. Returns whether there was nothing to store, which counts as a commit.
    pub(crate) fn begin_if_due(&mut self, store: &ConnectorOffsets, now: Instant) -> bool {
        if now < self.next {
            return false;
        }
        self.next = now + self.interval;
        if self.in_flight.is_some() {
            return false;
        }
        if self.waiting.is_empty() {
            return true;
        }
        self.begin(store);
        false
    }

    /// Stores everything that waits and returns whether that succeeded within the time-out.
    pub(crate) async fn finish(&mut self, store: &ConnectorOffsets) -> bool {
        self.wait().await;
        if self.waiting.is_empty() {
            return true;
        }
        self.begin(store);
        self.wait().await
    }

    fn begin(&mut self, store: &ConnectorOffsets) {
        let offsets = std::mem::take(&mut self.waiting);
        let changes: Vec<(Map, Option<Map>)> = offsets
            .iter()
            .map(|(partition, offset)| {
                ((**partition).clone(), offset.as_ref().map(|offset| (**offset).clone()))
            })
            .collect();
        let (store, timeout) = (store.clone(), self.timeout);
        let join = tokio::spawn(async move {
            tokio::time::timeout(timeout, store.set(&changes)).await.unwrap_or_else(|_| {
                let text = format!("no answer of the offset store within {} ms", timeout.as_millis());
                Err(ConnectError::retriable(text))
            })
        });
        self.in_flight = Some(InFlight { started: Instant::now(), offsets, join });
    }

    async fn wait(&mut self) -> bool {
        let Some(write) = self.in_flight.take() else { return false };
        let joined = write.join.await;
        self.last_duration = write.started.elapsed();
        let outcome = match joined {
            Ok(outcome) => outcome.map_err(|error| error.trace()),
            Err(error) => Err(error.to_string()),
        };
        let Err(reason) = outcome else { return true };
        tracing::error!(reason, "storing source offsets; they are kept for the next time");
        // Newer offsets win over those that could not be stored.
        let newer = std::mem::replace(&mut self.waiting, write.offsets);
        for (partition, offset) in newer {
            merge(&mut self.waiting, partition, offset);
        }
        false
    }
}

fn merge(offsets: &mut Vec<(Arc<Map>, Option<Arc<Map>>)>, partition: Arc<Map>, offset: Option<Arc<Map>>) {
    match offsets.iter_mut().find(|(known, _)| Arc::ptr_eq(known, &partition) || *known == partition) {
        Some((_, newest)) => *newest = offset,
        None => offsets.push((partition, offset)),
    }
}
