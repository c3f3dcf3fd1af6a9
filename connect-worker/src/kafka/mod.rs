//! Everything that speaks to Kafka. The only room that names rdkafka; it does not know what a connector is.

pub mod admin;
pub mod batch;
pub mod client_config;
#[cfg(test)]
pub(crate) mod memory;
#[cfg(test)]
pub(crate) mod memory_producer;
mod native;
pub mod port;
pub mod producer;
pub mod writer;

pub use native::{NativeConsumer, TopicReader};
