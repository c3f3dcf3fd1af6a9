//! Where a worker keeps what must outlive its tasks.
//!
//! Stores know bytes and Kafka, but neither tasks nor REST; the herder and the task loops call them.

pub mod config;
pub mod log;
pub mod offsets;
pub mod status;
