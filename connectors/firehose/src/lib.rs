//! The Firehose sink, taking the configurations of the `FirehoseSinkConnector` of AWS.

mod client;
mod config;
mod connector;
mod encoding;
mod errors;
mod flight;
mod pace;
mod preview;
mod queue;
mod settings;
mod task;
mod work;

pub use connector::plugins;
