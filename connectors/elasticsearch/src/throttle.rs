//! How many requests may be on their way: fewer while the cluster rejects work, more again as it takes it. Pure.

use std::time::Duration;

/// What a rejection leaves of the limit.
const DECREASE: f64 = 0.7;
/// Requests that take this many times the usual time are taken as a sign of a queue before the cluster.
const SLOW: f64 = 4.0;
/// Weight of the newest time in the usual one.
const NEWEST: f64 = 0.1;
/// Times below this are no sign of anything.
const NOISE: Duration = Duration::from_millis(250);

/// A limit that follows the cluster, between one and the configured most.
#[derive(Debug, Clone)]
pub(crate) struct Throttle {
    most: f64,
    limit: f64,
    usual: Option<Duration>,
}

impl Throttle {
    pub(crate) fn new(most: usize) -> Self {
        #[expect(clippy::cast_precision_loss, reason = "a handful of requests")]
        let most = most as f64;
        Self { most, limit: most, usual: None }
    }

    /// Returns how many requests may be on their way.
    pub(crate) fn limit(&self) -> usize {
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "between 1 and 1000")]
        let limit = self.limit as usize;
        limit.max(1)
    }

    /// Notes a request that was taken, and how long that took.
    pub(crate) fn taken(&mut self, elapsed: Duration) {
        let usual = self.usual.get_or_insert(elapsed);
        let is_slow = elapsed > NOISE && elapsed > usual.mul_f64(SLOW);
        *usual = usual.mul_f64(1.0 - NEWEST) + elapsed.mul_f64(NEWEST);
        if is_slow {
            self.limit = (self.limit * DECREASE).max(1.0);
        } else {
            self.limit = (self.limit + 1.0 / self.limit).min(self.most);
        }
    }

    /// Notes that the cluster rejected work.
    pub(crate) fn rejected(&mut self) {
        self.limit = (self.limit * DECREASE).max(1.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limit_falls_with_rejections_and_recovers_with_successes() {
        let mut throttle = Throttle::new(5);
        assert_eq!(throttle.limit(), 5);
        for _ in 0..20 {
            throttle.rejected();
        }
        assert_eq!(throttle.limit(), 1);
        for _ in 0..30 {
            throttle.taken(Duration::from_millis(20));
        }
        assert_eq!(throttle.limit(), 5, "as high as configured and no higher");
    }

    #[test]
    fn much_slower_answers_lower_the_limit() {
        let mut throttle = Throttle::new(10);
        for _ in 0..10 {
            throttle.taken(Duration::from_millis(50));
        }
        throttle.taken(Duration::from_millis(200));
        assert_eq!(throttle.limit(), 10, "within what is usual noise");
        for _ in 0..2 {
            throttle.taken(Duration::from_secs(2));
        }
        assert!(throttle.limit() < 10);
    }
}
