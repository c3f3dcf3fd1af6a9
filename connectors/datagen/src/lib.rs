//! A source that makes up logs: for trying a pipeline, for tests and for measuring.
//!
//! What a record holds depends on the seed, the generator and the record's number alone, so a run can be repeated
//! and goes on where it stopped.

mod config;
mod connector;
mod pace;
mod plugins;
mod shape;
mod task;
#[cfg(test)]
mod tests;

pub use connector::DatagenConnector;
pub use plugins::plugins;
