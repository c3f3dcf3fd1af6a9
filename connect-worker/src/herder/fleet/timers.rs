//! What is due at a time.

use std::collections::BTreeMap;
use std::time::Duration;

use tokio::time::Instant;

use crate::herder::reloads::due_after;

/// Something that is due once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Timer {
    /// The leader asked for another round at this time.
    Scheduled,
    /// Reading the config log is tried again.
    Sync,
    /// The right to write the config log is claimed again.
    Claim,
    /// The key for requests between workers expires.
    Key,
    /// The group is asked for a round after a short pause.
    Rejoin,
}

/// Times at which something is due: at most one of each kind.
#[derive(Debug, Default)]
pub(crate) struct Timers(BTreeMap<Timer, Instant>);

impl Timers {
    /// Has something be due after a wait, instead of the time it was due before.
    pub(crate) fn set(&mut self, timer: Timer, wait: Duration) {
        self.0.insert(timer, due_after(Instant::now(), wait));
    }

    /// Has something not be due any more.
    pub(crate) fn clear(&mut self, timer: Timer) {
        self.0.remove(&timer);
    }

    /// Returns when the next thing is due.
    pub(crate) fn next(&self) -> Option<Instant> {
        self.0.values().min().copied()
    }

    /// Takes what is due.
    pub(crate) fn take_due(&mut self) -> Option<Timer> {
        let now = Instant::now();
        let due = self.0.iter().find(|(_, due)| **due <= now).map(|(timer, _)| *timer)?;
        self.0.remove(&due);
        Some(due)
    }
}
