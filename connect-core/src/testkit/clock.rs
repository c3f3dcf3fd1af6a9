//! A clock and chance under the test's control.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::kit::Clock;

/// A clock that moves only when told to.
#[derive(Debug)]
pub struct FakeClock {
    started: Instant,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    elapsed: Duration,
    wall_start_ms: i64,
    chance: f64,
}

impl FakeClock {
    /// Returns a clock at 2026-01-01T00:00:00Z with a chance of one half.
    pub fn new() -> Self {
        let state = State { elapsed: Duration::ZERO, wall_start_ms: 1_767_225_600_000, chance: 0.5 };
        Self { started: Instant::now(), state: Mutex::new(state) }
    }

    /// Moves both clocks.
    pub fn advance(&self, by: Duration) {
        self.state().elapsed += by;
    }

    /// Sets the wall clock, in milliseconds since the epoch.
    pub fn set_wall_ms(&self, wall_ms: i64) {
        let mut state = self.state();
        state.wall_start_ms = wall_ms - i64::try_from(state.elapsed.as_millis()).unwrap_or(0);
    }

    /// Sets the number that `chance` returns.
    pub fn set_chance(&self, chance: f64) {
        self.state().chance = chance;
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Default for FakeClock {
    fn default() -> Self {
        Self::new()
    }
}

impl Clock for FakeClock {
    fn wall_ms(&self) -> i64 {
        let state = self.state();
        state.wall_start_ms + i64::try_from(state.elapsed.as_millis()).unwrap_or(0)
    }

    fn now(&self) -> Instant {
        self.started + self.state().elapsed
    }

    fn chance(&self) -> f64 {
        self.state().chance
    }
}
