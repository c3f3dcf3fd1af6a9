//! Says which records of a log nobody understands, without filling the log of the worker.

use std::time::Duration;

use tokio::time::Instant;

/// Records that are named in one window; of the others the number is told.
const NAMED: u64 = 20;
const WINDOW: Duration = Duration::from_secs(5);

/// The skipped records of one topic.
#[derive(Debug)]
pub(super) struct Skips {
    window: Instant,
    skipped: u64,
}

impl Skips {
    pub(super) fn new(now: Instant) -> Self {
        Self { window: now, skipped: 0 }
    }

    /// Warns of a skipped record, unless there were many of late.
    pub(super) fn skip(&mut self, now: Instant, (topic, partition, offset): (&str, i32, i64), reason: &str) {
        self.look(now, topic);
        if self.is_named() {
            tracing::warn!(topic, partition, offset, reason, "skipping a record of an internal topic");
        }
    }

    /// Tells how many records were not named, once their window is over.
    pub(super) fn look(&mut self, now: Instant, topic: &str) {
        if now.saturating_duration_since(self.window) < WINDOW {
            return;
        }
        if let Some(more) = self.skipped.checked_sub(NAMED).filter(|more| *more > 0) {
            tracing::warn!(topic, more, "skipped more records of an internal topic");
        }
        *self = Self::new(now);
    }

    fn is_named(&mut self) -> bool {
        self.skipped += 1;
        self.skipped <= NAMED
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn twenty_records_are_named_in_each_window() {
        let start = Instant::now();
        let mut skips = Skips::new(start);
        let mut named = |now| {
            skips.look(now, "topic");
            (0..50).filter(|_| skips.is_named()).count()
        };
        assert_eq!([start, start + WINDOW / 2, start + WINDOW].map(&mut named), [20, 0, 20]);
    }
}
