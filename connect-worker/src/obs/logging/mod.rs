//! The worker's log: one line an event on the error output, with levels by logger that change at run time.
//!
//! A logger is a Rust module path with dots instead of colons. Settled levels cost nothing where they switch an
//! event off: `tracing` caches the answer at each call site until a level changes.

mod layer;
mod levels;
mod line;

pub use layer::{LogOptions, init};
pub use levels::{LogControl, LogLevel};
pub use line::LogFormat;
