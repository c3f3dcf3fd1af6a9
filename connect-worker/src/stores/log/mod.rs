//! A log of records shared by all workers: one compacted internal topic, read as a whole and then followed.
//!
//! It knows bytes only; what they mean is up to the stores of configurations, statuses and offsets.

mod follow;
mod settings;
mod skips;
mod topic;
mod topic_log;

pub use settings::{LogSettings, TopicSpec};
pub use topic_log::{LogRecord, ReadToEnd, RecordHandler, TopicLog};

pub use crate::kafka::writer::Acknowledgement;

#[cfg(test)]
mod tests;
