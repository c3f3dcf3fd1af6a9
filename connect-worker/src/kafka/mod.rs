//! Everything that speaks to Kafka. The only room that names rdkafka; it does not know what a connector is.

pub mod admin;
pub mod batch;
pub mod client_config;
#[cfg(test)]
pub(crate) mod memory;
mod native;
pub mod port;
pub mod producer;

pub use native::NativeConsumer;
