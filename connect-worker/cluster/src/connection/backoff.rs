//! How long to wait before trying again: doubling, bounded, with a random part so that workers do not move in step.

use std::time::Duration;

/// Waits of one sequence of attempts.
#[derive(Debug, Clone)]
pub(crate) struct Backoff {
    first: Duration,
    most: Duration,
    attempts: u32,
}

impl Backoff {
    /// Returns a sequence that begins with `first` and never waits longer than `most` by more than its random fifth.
    pub(crate) fn new(first: Duration, most: Duration) -> Self {
        Self { first, most: most.max(first), attempts: 0 }
    }

    /// Begins again with the first wait.
    pub(crate) fn reset(&mut self) {
        self.attempts = 0;
    }

    /// Returns the next wait. `unit` is a random number from 0 to 1.
    pub(crate) fn next(&mut self, unit: f64) -> Duration {
        let doubled = self.first.saturating_mul(1 << self.attempts.min(20));
        self.attempts = self.attempts.saturating_add(1);
        doubled.min(self.most).mul_f64(0.8 + 0.4 * unit.clamp(0.0, 1.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_the_bound_and_begin_again_after_a_reset() {
        let mut backoff = Backoff::new(Duration::from_millis(50), Duration::from_millis(1000));
        let mut waits = || backoff.next(0.5).as_millis();
        assert_eq!([waits(), waits(), waits(), waits(), waits(), waits()], [50, 100, 200, 400, 800, 1000]);
        assert!((0..100).all(|_| backoff.next(1.0) == Duration::from_millis(1200)));
        backoff.reset();
        assert_eq!(backoff.next(0.0), Duration::from_millis(40));
    }
}
