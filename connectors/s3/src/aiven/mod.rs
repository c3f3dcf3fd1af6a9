//! The configuration of Aiven's `AivenKafkaConnectS3SinkConnector`: names by template, files of all records since the
//! last commit of offsets, several parts of a record in one file. Buffers, uploads and offsets are those of the sink.

mod config;
mod grouping;
mod settings;
mod template;
#[cfg(test)]
mod tests;

pub(crate) use config::AivenConfig;
pub(crate) use grouping::{Grouping, Groups};
pub(crate) use settings::parse;
