//! The file connectors of Apache Kafka: lines of a file to a topic, and records of topics to a file.
//!
//! Names, keys, offsets and texts are those of Apache's `connect-file`; `docs/differences.md` lists what is done
//! better.

mod config;
mod plugins;
mod sink;
mod source;
#[cfg(test)]
mod tests;

pub use plugins::plugins;
pub use sink::FileStreamSinkConnector;
pub use source::FileStreamSourceConnector;
