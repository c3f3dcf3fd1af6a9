//! The S3 sink, taking the configuration of Confluent's `S3SinkConnector` and writing the same objects under the
//! same names.

mod aiven;
mod client;
mod commit;
mod config;
mod connector;
mod errors;
mod flight;
mod joda;
mod naming;
mod partitioner;
mod settings;
mod task;
mod template;
mod time_zone;
mod timestamps;
mod upload;
mod work;
mod writer;

pub use connector::plugins;
