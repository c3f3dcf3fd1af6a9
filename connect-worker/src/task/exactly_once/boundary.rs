//! Where transactions of a source task end: `transaction.boundary`.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use connect_core::config::Props;
use connect_core::error::ConnectError;
use connect_core::task::TransactionContext;

use crate::config::WorkerConfig;

/// Records in one transaction by interval before it ends early, so that those that wait for their commit cannot fill
/// the memory.
const MOST_BY_INTERVAL: u64 = 200_000;
/// Longest wait of a poll that nothing limits.
const IDLE: Duration = Duration::from_secs(60);

/// When a transaction ends.
pub(crate) enum Boundary {
    /// After each batch.
    Poll,
    /// After a batch, when the time has come.
    Interval {
        /// Time between two ends.
        every: Duration,
        /// The last end, or the begin.
        last: Instant,
    },
    /// Where the task says.
    Connector(Arc<Requests>),
}

/// What to do with the open transaction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum End {
    /// Nothing.
    Not,
    /// Commit it.
    Commit,
    /// Abort it, and commit the offsets of its records.
    Abort,
}

impl Boundary {
    /// Returns the boundary that a connector's configuration asks for.
    ///
    /// # Errors
    /// Fails with a config error when a value is malformed.
    pub(crate) fn new(worker: &WorkerConfig, props: &Props, now: Instant) -> Result<Self, ConnectError> {
        let given = props.get("transaction.boundary").map_or("poll", |text| text.trim());
        match given.to_ascii_lowercase().as_str() {
            "poll" => Ok(Self::Poll),
            "connector" => Ok(Self::Connector(Arc::default())),
            "interval" => {
                let key = "transaction.boundary.interval.ms";
                let every = match props.get(key) {
                    None => worker.offset_flush_interval,
                    Some(text) => Duration::from_millis(text.trim().parse().map_err(|_| {
                        ConnectError::config(format!(
                            "Invalid value {text} for configuration {key}: Not a number of type LONG"
                        ))
                    })?),
                };
                Ok(Self::Interval { every, last: now })
            }
            _ => Err(ConnectError::config(format!(
                "Invalid value {given} for configuration transaction.boundary: String must be one of (case \
                 insensitive): INTERVAL, POLL, CONNECTOR"
            ))),
        }
    }

    /// Returns the way by which the task defines boundaries, if it does.
    pub(crate) fn context(&self) -> Option<Arc<dyn TransactionContext>> {
        match self {
            Self::Connector(requests) => Some(Arc::clone(requests) as Arc<dyn TransactionContext>),
            _ => None,
        }
    }

    /// Begins to count time: when the loop begins, and when it goes on after a pause.
    pub(crate) fn begin(&mut self, now: Instant) {
        if let Self::Interval { last, .. } = self {
            *last = now;
        }
    }

    /// Returns until when a poll may wait. The JVM looks at the clock after batches only, so that a source that falls
    /// silent leaves its transaction open until the broker gives it up.
    pub(crate) fn due(&self, now: Instant) -> Instant {
        match self {
            Self::Interval { every, last } => *last + *every,
            _ => now + IDLE,
        }
    }

    /// Returns how the transaction ends after a batch, when it holds `size` records.
    ///
    /// # Errors
    /// Fails (fatal) when the task asked for both ends.
    pub(crate) fn after_batch(&mut self, now: Instant, size: u64) -> Result<End, ConnectError> {
        match self {
            Self::Poll => Ok(End::Commit),
            Self::Interval { every, last } => {
                if now.saturating_duration_since(*last) < *every && size < MOST_BY_INTERVAL {
                    return Ok(End::Not);
                }
                *last = now;
                Ok(End::Commit)
            }
            Self::Connector(requests) => requests.take_batch(),
        }
    }

    /// Returns how the transaction ends after the record at `index` of the batch.
    ///
    /// # Errors
    /// As [`Boundary::after_batch`].
    pub(crate) fn after_record(&self, index: usize) -> Result<End, ConnectError> {
        match self {
            Self::Connector(requests) => requests.take_record(index),
            _ => Ok(End::Not),
        }
    }

    /// Returns how the transaction ends when the task pauses or stops.
    ///
    /// # Errors
    /// As [`Boundary::after_batch`].
    pub(crate) fn at_rest(&self) -> Result<End, ConnectError> {
        match self {
            Self::Connector(requests) => requests.take_batch(),
            _ => Ok(End::Commit),
        }
    }

    /// Forgets requests for records of a batch that is done.
    pub(crate) fn forget_records(&self) {
        if let Self::Connector(requests) = self {
            requests.forget_records();
        }
    }
}

/// What the task asked for (`WorkerTransactionContext`). Holds at most an entry a record of the batch.
#[derive(Default)]
pub(crate) struct Requests {
    asked: Mutex<Asked>,
}

#[derive(Default)]
struct Asked {
    batch: Ends,
    commits: BTreeSet<usize>,
    aborts: BTreeSet<usize>,
}

#[derive(Default)]
struct Ends {
    commit: bool,
    abort: bool,
}

impl Requests {
    fn take_batch(&self) -> Result<End, ConnectError> {
        let ends = std::mem::take(&mut self.asked().batch);
        end(&ends, "Connector requested both commit and abort of same transaction")
    }

    fn take_record(&self, index: usize) -> Result<End, ConnectError> {
        let mut asked = self.asked();
        let ends = Ends { commit: asked.commits.remove(&index), abort: asked.aborts.remove(&index) };
        end(&ends, "Connector requested both commit and abort of same record")
    }

    fn forget_records(&self) {
        let mut asked = self.asked();
        if !asked.commits.is_empty() || !asked.aborts.is_empty() {
            tracing::warn!(
                "the task asked for the end of a transaction after records that its batch did not hold"
            );
            asked.commits.clear();
            asked.aborts.clear();
        }
    }

    fn asked(&self) -> MutexGuard<'_, Asked> {
        self.asked.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn end(ends: &Ends, both: &str) -> Result<End, ConnectError> {
    match (ends.commit, ends.abort) {
        (true, true) => Err(ConnectError::fatal(both)),
        (true, false) => Ok(End::Commit),
        (false, true) => Ok(End::Abort),
        (false, false) => Ok(End::Not),
    }
}

impl TransactionContext for Requests {
    fn commit(&self) {
        self.asked().batch.commit = true;
    }

    fn commit_after(&self, index: usize) {
        self.asked().commits.insert(index);
    }

    fn abort(&self) {
        self.asked().batch.abort = true;
    }

    fn abort_after(&self, index: usize) {
        self.asked().aborts.insert(index);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::worker::tests::{props, standalone};

    fn boundary(pairs: &[(&str, &str)], now: Instant) -> Boundary {
        let worker = standalone(&[("offset.flush.interval.ms", "700")]);
        Boundary::new(&worker, &props(pairs), now).expect("valid")
    }

    #[test]
    fn interval_ends_at_batches_after_its_time_or_when_it_holds_too_much() {
        let now = Instant::now();
        let at = |millis: u64| now + Duration::from_millis(millis);
        let mut worker_interval = boundary(&[("transaction.boundary", "INTERVAL")], now);
        assert_eq!(worker_interval.after_batch(at(699), 5).ok(), Some(End::Not));
        assert_eq!(worker_interval.after_batch(at(700), 5).ok(), Some(End::Commit));
        assert_eq!(worker_interval.due(at(800)), at(1400));
        assert_eq!(worker_interval.after_batch(at(900), MOST_BY_INTERVAL).ok(), Some(End::Commit));
        let own = [("transaction.boundary", "interval"), ("transaction.boundary.interval.ms", "0")];
        assert_eq!(boundary(&own, now).after_batch(now, 0).ok(), Some(End::Commit));
    }

    #[test]
    fn connector_is_asked_once_per_request_and_contradictions_fail() {
        let now = Instant::now();
        let mut boundary = boundary(&[("transaction.boundary", "Connector")], now);
        let context = boundary.context().expect("the task may define boundaries");
        context.commit_after(1);
        context.abort_after(2);
        let ends: Vec<_> = (0..4).map(|index| boundary.after_record(index).ok()).collect();
        assert_eq!(ends, [End::Not, End::Commit, End::Abort, End::Not].map(Some));
        assert_eq!(boundary.after_record(1).ok(), Some(End::Not));
        context.abort();
        assert_eq!(boundary.after_batch(now, 0).ok(), Some(End::Abort));
        assert_eq!(boundary.at_rest().ok(), Some(End::Not));
        context.commit();
        context.abort();
        assert!(boundary.after_batch(now, 0).is_err());
        context.commit_after(0);
        context.abort_after(0);
        assert!(boundary.after_record(0).is_err());
    }

    #[test]
    fn unknown_boundary_is_refused() {
        let worker = standalone(&[]);
        let outcome = Boundary::new(&worker, &props(&[("transaction.boundary", "never")]), Instant::now());
        assert!(outcome.is_err_and(|error| error.context().contains("INTERVAL, POLL, CONNECTOR")));
    }
}
