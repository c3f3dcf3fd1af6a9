//! The only doors to time and randomness for rules that are tested.

use std::sync::Arc;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

/// Time and chance, replaceable in tests.
pub trait Clock: Send + Sync {
    /// Returns the wall clock in milliseconds since the epoch.
    fn wall_ms(&self) -> i64;

    /// Returns the monotonic clock.
    fn now(&self) -> Instant;

    /// Returns a number in 0..1.
    fn chance(&self) -> f64;
}

/// A shared clock.
pub type SharedClock = Arc<dyn Clock>;

/// The machine's clock and random numbers.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn wall_ms(&self) -> i64 {
        let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        i64::try_from(since_epoch.as_millis()).unwrap_or(i64::MAX)
    }

    fn now(&self) -> Instant {
        Instant::now()
    }

    fn chance(&self) -> f64 {
        fastrand::f64()
    }
}
