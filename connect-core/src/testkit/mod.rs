//! For tests: a clock that stands still, and records made by hand.

mod clock;

pub use clock::FakeClock;
