//! Time as the tests want it.

use std::{
    sync::atomic::{AtomicI64, Ordering},
    time::Instant,
};

use connect_core::kit::Clock;

/// A clock that tells what it is told.
#[derive(Debug, Default)]
pub(super) struct FixedClock(pub(super) AtomicI64);

impl Clock for FixedClock {
    fn wall_ms(&self) -> i64 {
        self.0.load(Ordering::Relaxed)
    }

    fn now(&self) -> Instant {
        Instant::now()
    }

    fn chance(&self) -> f64 {
        0.5
    }
}
