//! Capped, jittered delays between attempts, bounded by count and time.

use std::time::{Duration, Instant};

use crate::kit::Clock;

/// How often and how long to try.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RetryPolicy {
    /// Delay before the first retry, at most; doubles with each further one.
    pub base: Duration,
    /// Upper bound of any delay, also of one asked for by the target.
    pub cap: Duration,
    /// Retries allowed after the first attempt.
    pub max_retries: u32,
    /// Time allowed since the first attempt; `None` is for ever.
    pub max_elapsed: Option<Duration>,
}

/// The state of one call that is tried again and again.
#[derive(Debug, Clone)]
pub struct Backoff {
    policy: RetryPolicy,
    started: Instant,
    retries: u32,
}

impl Backoff {
    /// Begins with the first attempt at `now`.
    pub fn new(policy: RetryPolicy, now: Instant) -> Self {
        Self { policy, started: now, retries: 0 }
    }

    /// Returns the wait before the next attempt, or `None` when the attempts are used up. Full jitter; a delay
    /// asked for by the target (`hint`) wins but is capped.
    pub fn next_delay(&mut self, hint: Option<Duration>, clock: &dyn Clock) -> Option<Duration> {
        if self.retries >= self.policy.max_retries {
            return None;
        }
        // Clamp before jitter, and clamp the exponent, so that no attempt count can overflow.
        let ceiling = self.policy.base.saturating_mul(1u32 << self.retries.min(20)).min(self.policy.cap);
        let delay = match hint {
            Some(asked) => asked.min(self.policy.cap),
            None => ceiling.mul_f64(clock.chance().clamp(0.0, 1.0)),
        };
        let elapsed = clock.now().saturating_duration_since(self.started);
        if self.policy.max_elapsed.is_some_and(|limit| elapsed + delay > limit) {
            return None;
        }
        self.retries += 1;
        Some(delay)
    }

    /// Returns how many retries were granted.
    pub fn retries(&self) -> u32 {
        self.retries
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testkit::FakeClock;

    fn policy(max_retries: u32) -> RetryPolicy {
        RetryPolicy {
            base: Duration::from_millis(100),
            cap: Duration::from_secs(1),
            max_retries,
            max_elapsed: None,
        }
    }

    #[test]
    fn delays_double_up_to_the_cap_and_end() {
        let clock = FakeClock::new();
        clock.set_chance(1.0);
        let mut backoff = Backoff::new(policy(6), clock.now());
        let delays: Vec<u128> =
            std::iter::from_fn(|| backoff.next_delay(None, &clock)).map(|delay| delay.as_millis()).collect();
        assert_eq!(delays, [100, 200, 400, 800, 1000, 1000]);
    }

    #[test]
    fn many_attempts_do_not_overflow() {
        let clock = FakeClock::new();
        clock.set_chance(1.0);
        let mut backoff = Backoff::new(policy(u32::MAX), clock.now());
        for _ in 0..200 {
            assert!(backoff.next_delay(None, &clock).is_some_and(|delay| delay <= Duration::from_secs(1)));
        }
    }

    #[test]
    fn hint_is_capped_and_elapsed_time_ends_the_attempts() {
        let clock = FakeClock::new();
        let bounded = RetryPolicy { max_elapsed: Some(Duration::from_secs(5)), ..policy(100) };
        let mut backoff = Backoff::new(bounded, clock.now());
        assert_eq!(backoff.next_delay(Some(Duration::from_secs(60)), &clock), Some(Duration::from_secs(1)));
        clock.advance(Duration::from_secs(5));
        assert_eq!(backoff.next_delay(Some(Duration::from_secs(1)), &clock), None);
    }
}
