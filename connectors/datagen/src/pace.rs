//! How many records are due: a rate held on average, whatever each single wait takes. Pure: `now` is an argument.

use std::time::{Duration, Instant};

/// What is behind by more than this (a pause, a suspended machine) is not made up for.
const MAX_BEHIND: Duration = Duration::from_secs(5);
/// Shortest wait: at high rates records come in small groups instead of one wake-up each.
const MIN_WAIT: Duration = Duration::from_millis(20);

/// Tells when records are due.
#[derive(Debug)]
pub(crate) struct Pace {
    /// Records a second; `None` is no limit.
    rate: Option<f64>,
    /// When the first record was due.
    started: Option<Instant>,
    /// Records given out since `started`.
    given: u64,
}

/// What to do now.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Due {
    /// Make this many records, at least one.
    Now(u64),
    /// Wait, then ask again.
    In(Duration),
}

impl Pace {
    /// Returns a pace of `rate` records a second; 0 is no limit.
    pub(crate) fn new(rate: f64) -> Self {
        Self { rate: (rate > 0.0).then_some(rate), started: None, given: 0 }
    }

    /// Returns how many records are due, at most `limit`, and counts them as given out.
    pub(crate) fn due(&mut self, now: Instant, limit: u64) -> Due {
        let Some(rate) = self.rate else { return Due::Now(limit) };
        let started = *self.started.get_or_insert(now);
        let elapsed = now.saturating_duration_since(started);
        // Record k is due k / rate after the first one.
        let next = seconds(self.given as f64 / rate);
        if next > elapsed {
            return Due::In((next - elapsed).max(MIN_WAIT));
        }
        if elapsed - next > MAX_BEHIND {
            (self.started, self.given) = (Some(now), 1);
            return Due::Now(1);
        }
        let due =
            ((elapsed.as_secs_f64() * rate) as u64 + 1).saturating_sub(self.given).clamp(1, limit.max(1));
        self.given += due;
        Due::Now(due)
    }
}

fn seconds(seconds: f64) -> Duration {
    Duration::try_from_secs_f64(seconds).unwrap_or(Duration::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Runs a pace for a time, each wait lasting `late` longer than asked; returns the records made.
    fn run(rate: f64, time: Duration, late: Duration) -> u64 {
        let start = Instant::now();
        let (mut now, mut made, mut pace) = (start, 0, Pace::new(rate));
        while now < start + time {
            match pace.due(now, 1_000) {
                Due::Now(count) => made += count,
                Due::In(wait) => now += wait + late,
            }
        }
        made
    }

    #[test]
    fn rate_is_held_however_late_wake_ups_are() {
        for rate in [0.5, 1.0, 3.0, 250.0, 40_000.0] {
            for late_ms in [0, 1, 17] {
                let made = run(rate, Duration::from_secs(100), Duration::from_millis(late_ms));
                let expected = rate * 100.0;
                assert!((made as f64 - expected).abs() <= rate * 0.1 + 1.0, "{made} of {expected} at {rate}");
            }
        }
    }

    #[test]
    fn long_pause_is_not_made_up_for() {
        let (start, mut pace) = (Instant::now(), Pace::new(10.0));
        assert_eq!(pace.due(start, 100), Due::Now(1));
        let later = start + Duration::from_secs(3_600);
        assert_eq!(pace.due(later, 100), Due::Now(1));
        assert_eq!(pace.due(later, 100), Due::In(Duration::from_millis(100)));
    }

    #[test]
    fn no_rate_is_no_limit() {
        let mut pace = Pace::new(0.0);
        assert_eq!([pace.due(Instant::now(), 7), pace.due(Instant::now(), 7)], [Due::Now(7), Due::Now(7)]);
    }
}
