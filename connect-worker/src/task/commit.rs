//! When a sink task commits, and the one commit that may be on its way.

use std::future::pending;
use std::time::{Duration, Instant};

use connect_core::record::Offsets;
use tokio::task::JoinHandle;

use crate::kafka::port::{CommitFuture, KafkaError};

/// The commits of one sink task.
pub(crate) struct Commits {
    interval: Duration,
    timeout: Duration,
    next: Instant,
    is_requested: bool,
    sequence: u64,
    in_flight: Option<InFlight>,
}

struct InFlight {
    started: Instant,
    offsets: Offsets,
    join: JoinHandle<Result<(), KafkaError>>,
    outcome: Option<Result<(), String>>,
}

/// The outcome of a commit: what was committed and how long it took, or why not.
pub(crate) type Settled = Result<(Offsets, Duration), String>;

impl Commits {
    /// Returns a schedule whose first commit is one interval from `now`.
    pub(crate) fn new(interval: Duration, timeout: Duration, now: Instant) -> Self {
        Self { interval, timeout, next: now + interval, is_requested: false, sequence: 0, in_flight: None }
    }

    /// Asks for a commit in the next iteration.
    pub(crate) fn request(&mut self) {
        self.is_requested = true;
    }

    /// Returns whether a commit should begin; if so, the next one is an interval away.
    pub(crate) fn should_begin(&mut self, now: Instant) -> bool {
        let should = self.in_flight.is_none() && (self.is_requested || now >= self.next);
        if should {
            self.is_requested = false;
            self.next = now + self.interval;
        }
        should
    }

    /// Returns when the loop should look again.
    pub(crate) fn due(&self) -> Instant {
        self.in_flight.as_ref().map_or(self.next, |commit| commit.started + self.timeout)
    }

    /// Counts a commit.
    pub(crate) fn note(&mut self) {
        self.sequence += 1;
    }

    /// Returns the number of commits so far.
    pub(crate) fn sequence(&self) -> u64 {
        self.sequence
    }

    /// Sends a commit on its way.
    pub(crate) fn begin(&mut self, commit: CommitFuture, offsets: Offsets, started: Instant) {
        self.in_flight = Some(InFlight { started, offsets, join: tokio::spawn(commit), outcome: None });
    }

    /// Waits until the commit on its way has ended; for ever if there is none. Cancel safe.
    pub(crate) async fn finished(&mut self) {
        match &mut self.in_flight {
            Some(commit) => commit.finish().await,
            None => pending().await,
        }
    }

    /// Returns the outcome of the commit on its way if it has ended or its time is over. A commit that is too late
    /// is not waited for any more, and its outcome is ignored (`offset.flush.timeout.ms`).
    pub(crate) async fn settle(&mut self, now: Instant) -> Option<Settled> {
        let commit = self.in_flight.as_ref()?;
        let is_late = now >= commit.started + self.timeout;
        if commit.outcome.is_some() || commit.join.is_finished() {
            return self.wait().await;
        }
        if !is_late {
            return None;
        }
        self.in_flight = None;
        Some(Err(format!("no answer within offset.flush.timeout.ms={}", self.timeout.as_millis())))
    }

    /// Waits for the commit on its way, if there is one, and returns its outcome.
    pub(crate) async fn wait(&mut self) -> Option<Settled> {
        let mut commit = self.in_flight.take()?;
        commit.finish().await;
        let elapsed = commit.started.elapsed();
        Some(commit.outcome.unwrap_or(Ok(())).map(|()| (commit.offsets, elapsed)))
    }
}

impl InFlight {
    async fn finish(&mut self) {
        if self.outcome.is_none() {
            let joined = (&mut self.join).await;
            self.outcome = Some(match joined {
                Ok(outcome) => outcome.map_err(|error| error.to_string()),
                Err(error) => Err(error.to_string()),
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const INTERVAL: Duration = Duration::from_secs(60);
    const TIMEOUT: Duration = Duration::from_secs(5);

    #[tokio::test]
    async fn commit_is_due_by_interval_or_request_and_never_twice_at_a_time() {
        let start = Instant::now();
        let mut commits = Commits::new(INTERVAL, TIMEOUT, start);
        assert!(!commits.should_begin(start));
        commits.request();
        assert!(commits.should_begin(start) && !commits.should_begin(start));
        assert!(commits.should_begin(start + INTERVAL));
        commits.begin(Box::pin(pending()), Offsets::new(), start);
        commits.request();
        assert!(!commits.should_begin(start + INTERVAL + INTERVAL));
    }

    #[tokio::test]
    async fn late_commit_is_given_up_and_a_finished_one_is_reported() {
        let start = Instant::now();
        let mut commits = Commits::new(INTERVAL, TIMEOUT, start);
        commits.begin(Box::pin(pending()), Offsets::new(), start);
        assert!(commits.settle(start).await.is_none());
        assert!(matches!(commits.settle(start + TIMEOUT).await, Some(Err(_))));
        commits.begin(Box::pin(async { Ok(()) }), Offsets::new(), start);
        commits.finished().await;
        assert!(matches!(commits.settle(start).await, Some(Ok(_))));
        assert!(commits.settle(start).await.is_none());
    }
}
