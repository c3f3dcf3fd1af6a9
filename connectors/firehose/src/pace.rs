//! The back-off that all tasks of a stream share: what one of them learns of the stream's limits, the others heed.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::{Duration, Instant};

/// Wait after a first throttle, at most; it doubles while throttles go on.
const BASE: Duration = Duration::from_millis(500);
const CAP: Duration = Duration::from_secs(20);
/// Share of entries from which an answer counts as a throttle of the stream, not as bad luck of some entries.
const HEAVY: f64 = 0.5;

/// Paces of the streams that tasks of this process write to. Bounded by the number of running tasks: entries without
/// one are removed.
static PACES: Mutex<Option<HashMap<String, Weak<Pace>>>> = Mutex::new(None);

/// When requests to a stream may be sent.
#[derive(Debug, Default)]
pub(crate) struct Pace {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    until: Option<Instant>,
    level: u32,
}

impl Pace {
    /// Returns the pace that all tasks of a stream share.
    pub(crate) fn of(stream: &str) -> Arc<Self> {
        let mut paces = PACES.lock().unwrap_or_else(PoisonError::into_inner);
        let paces = paces.get_or_insert_default();
        paces.retain(|_, pace| pace.strong_count() > 0);
        if let Some(pace) = paces.get(stream).and_then(Weak::upgrade) {
            return pace;
        }
        let pace = Arc::new(Self::default());
        paces.insert(stream.to_owned(), Arc::downgrade(&pace));
        pace
    }

    /// Returns until when nothing is sent; `None` when requests are welcome.
    pub(crate) fn held_until(&self, now: Instant) -> Option<Instant> {
        self.state().until.filter(|until| *until > now)
    }

    /// Notes an answer that throttled a `share` of the entries of a request sent at `sent`. `asked` is the wait that
    /// the answer asked for, `chance` in 0..1 spreads the waits.
    pub(crate) fn throttled(
        &self,
        share: f64,
        asked: Option<Duration>,
        chance: f64,
        sent: Instant,
        now: Instant,
    ) {
        let mut state = self.state();
        // Requests that were on their way when the stream began to throttle tell nothing new.
        let is_news = state.until.is_none_or(|until| sent >= until);
        if share < HEAVY {
            state.level = state.level.saturating_sub(1);
        } else if is_news {
            state.level = (state.level + 1).min(20);
        }
        let ceiling = BASE.saturating_mul(1 << state.level.saturating_sub(1)).min(CAP);
        // At least half of the wait is kept, so that the tasks of a stream do not all come back at once.
        let delay = asked.unwrap_or_else(|| ceiling.mul_f64(0.5 + chance / 2.0)).min(CAP).mul_f64(share);
        let until = now + delay;
        state.until = Some(state.until.map_or(until, |known| known.max(until)));
    }

    /// Notes that a request was accepted whole.
    pub(crate) fn accepted(&self) {
        let mut state = self.state();
        state.level = state.level.saturating_sub(1);
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wait(pace: &Pace, now: Instant) -> u128 {
        pace.held_until(now).map_or(0, |until| (until - now).as_millis())
    }

    #[test]
    fn waits_double_while_the_stream_throttles_and_shrink_with_success() {
        let pace = Pace::default();
        let mut now = Instant::now();
        let mut waits = Vec::new();
        for _ in 0..7 {
            pace.throttled(1.0, None, 1.0, now, now);
            waits.push(wait(&pace, now));
            now += Duration::from_secs(60);
        }
        assert_eq!(waits, [500, 1000, 2000, 4000, 8000, 16_000, 20_000]);
        for _ in 0..7 {
            pace.accepted();
        }
        pace.throttled(1.0, None, 0.0, now, now);
        assert_eq!(wait(&pace, now), 250, "half of the first wait at least");
    }

    #[test]
    fn requests_sent_before_the_throttle_do_not_raise_it_again() {
        let pace = Pace::default();
        let now = Instant::now();
        for _ in 0..10 {
            pace.throttled(1.0, None, 1.0, now, now);
        }
        assert_eq!(wait(&pace, now), 500);
    }

    #[test]
    fn few_failed_entries_hold_the_stream_only_a_little() {
        let pace = Pace::default();
        let now = Instant::now();
        pace.throttled(0.05, None, 1.0, now, now);
        assert_eq!(wait(&pace, now), 25);
        pace.throttled(1.0, Some(Duration::from_secs(3)), 1.0, now, now);
        assert_eq!(wait(&pace, now), 3000, "the wait that the answer asks for");
    }

    #[test]
    fn tasks_of_one_stream_share_a_pace_while_they_run() {
        let first = Pace::of("shared test stream");
        let now = Instant::now();
        first.throttled(1.0, None, 1.0, now, now);
        assert_eq!(wait(&Pace::of("shared test stream"), now), 500);
        assert_eq!(wait(&Pace::of("another test stream"), now), 0);
        drop(first);
        assert_eq!(wait(&Pace::of("shared test stream"), now), 0, "forgotten with its last task");
    }
}
