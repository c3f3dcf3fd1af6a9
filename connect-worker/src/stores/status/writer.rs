//! Sends the records of the status store: in the order they were put, and again where sending failed and the record
//! is still wanted. One task owns what is on its way.

use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until};

use crate::kafka::port::KafkaError;
use crate::stores::log::{Acknowledgement, TopicLog};
use crate::stores::status::SharedCache;
use crate::stores::status::cache::Write;

/// The Java client's `retry.backoff.ms`.
const RETRY_BACKOFF: Duration = Duration::from_millis(100);

/// Pause before a record that was refused is sent again: someone may have given the right that is missing.
const REFUSED_BACKOFF: Duration = Duration::from_secs(10);

/// Where the records go.
pub(super) trait StatusLog: Send + Sync + 'static {
    fn send(&self, key: &[u8], value: Option<&[u8]>) -> Acknowledgement;
}

impl StatusLog for TopicLog {
    fn send(&self, key: &[u8], value: Option<&[u8]>) -> Acknowledgement {
        self.write(key, value)
    }
}

/// What the store asks of its writer.
pub(super) enum Command {
    /// Send a record.
    Write(Write),
    /// Tell when everything before is stored or given up.
    Flush(oneshot::Sender<()>),
}

/// A record whose fate is known.
struct Sent {
    place: u64,
    write: Write,
    /// Whether it was refused before, and that was told.
    is_refused: bool,
    outcome: Result<(), KafkaError>,
}

/// Bounded by the states that the herder puts: a record leaves when it is acknowledged, given up or not wanted.
pub(super) struct Writer<L> {
    log: Arc<L>,
    cache: SharedCache,
    next: u64,
    sends: JoinSet<Sent>,
    /// Records that wait for their next try, and those being sent, by their place in the order of puts.
    waiting: VecDeque<(Instant, u64, Write)>,
    /// Records that were refused, until they are sent again. Nobody waits for those.
    refused: VecDeque<(Instant, Write)>,
    unsettled: BTreeSet<u64>,
    flushes: Vec<(u64, oneshot::Sender<()>)>,
}

impl<L: StatusLog> Writer<L> {
    pub(super) fn new(log: Arc<L>, cache: SharedCache) -> Self {
        Self {
            log,
            cache,
            next: 0,
            sends: JoinSet::new(),
            waiting: VecDeque::new(),
            refused: VecDeque::new(),
            unsettled: BTreeSet::new(),
            flushes: Vec::new(),
        }
    }

    /// Sends until nobody can ask any more and nothing is left.
    pub(super) async fn run(mut self, mut commands: mpsc::UnboundedReceiver<Command>) {
        let mut is_open = true;
        while is_open || !self.unsettled.is_empty() {
            let retry = self.waiting.front().map(|(due, ..)| *due);
            let again = self.refused.front().map(|(due, _)| *due);
            tokio::select! {
                biased; // What failed goes out again before what is new, so that old states do not pile up.
                Some(Ok(sent)) = self.sends.join_next() => self.settle(sent),
                () = sleep_until(retry.unwrap_or_else(Instant::now)), if retry.is_some() => self.retry(),
                () = sleep_until(again.unwrap_or_else(Instant::now)), if again.is_some() => self.send_refused(),
                command = commands.recv(), if is_open => match command {
                    Some(Command::Write(write)) => {
                        let place = self.place();
                        self.send(place, write, false);
                    }
                    Some(Command::Flush(done)) => {
                        self.flushes.push((self.next, done));
                        self.tell();
                    }
                    None => is_open = false,
                },
            }
        }
    }

    /// Returns the place of one more record, for which flushes wait from now on.
    fn place(&mut self) -> u64 {
        self.next += 1;
        self.unsettled.insert(self.next);
        self.next
    }

    fn send(&mut self, place: u64, write: Write, is_refused: bool) {
        tracing::trace!(key = %write.key, "sending a status");
        let acknowledged = self.log.send(&write.key.to_bytes(), write.value.as_deref());
        self.sends.spawn(async move {
            let closed = |_| Err(KafkaError::Fatal("the log of statuses is closed".to_owned()));
            let outcome = acknowledged.await.unwrap_or_else(closed);
            Sent { place, write, is_refused, outcome }
        });
    }

    fn settle(&mut self, sent: Sent) {
        let Sent { place, write, is_refused, outcome } = sent;
        match outcome {
            Ok(()) if is_refused => {
                tracing::info!(key = %write.key, "stored a status that had been refused");
                self.forget(place);
            }
            Ok(()) => self.forget(place),
            Err(KafkaError::Retriable(reason)) if self.cache.lock().is_current(&write) => {
                tracing::debug!(key = %write.key, reason, "storing a status; it is tried again");
                self.waiting.push_back((Instant::now() + RETRY_BACKOFF, place, write));
            }
            Err(KafkaError::Retriable(reason)) => {
                tracing::debug!(key = %write.key, reason, "a status that could not be stored is out of date");
                self.forget(place);
            }
            Err(error) => {
                if is_refused {
                    tracing::debug!(key = %write.key, %error, "storing a status is still refused");
                } else {
                    tracing::error!(key = %write.key, %error, "storing a status; others go on seeing the one before");
                }
                self.refused.push_back((Instant::now() + REFUSED_BACKOFF, write));
                self.forget(place);
            }
        }
    }

    fn retry(&mut self) {
        let Some((_, place, write)) = self.waiting.pop_front() else { return };
        if self.cache.lock().is_current(&write) {
            self.send(place, write, false);
        } else {
            self.forget(place);
        }
    }

    /// Sends a record again that was refused, unless it is out of date.
    fn send_refused(&mut self) {
        let Some((_, write)) = self.refused.pop_front() else { return };
        if self.cache.lock().is_current(&write) {
            let place = self.place();
            self.send(place, write, true);
        }
    }

    fn forget(&mut self, place: u64) {
        self.unsettled.remove(&place);
        self.tell();
    }

    /// Tells those who wait for nothing that is unsettled.
    fn tell(&mut self) {
        let first = self.unsettled.first().copied().unwrap_or(u64::MAX);
        for (_, done) in self.flushes.extract_if(.., |(last, _)| *last < first) {
            done.send(()).ok();
        }
    }
}

#[cfg(test)]
mod tests;
