//! The group of a distributed worker, on Kafka's own group coordinator.
//!
//! `protocol` encodes what members tell each other, `assignor` decides who runs what (both pure), `membership`
//! keeps one member in the group on a thread of its own, over `connection`. Nothing here knows what a connector is.

pub mod assignor;
pub mod connection;
pub mod membership;
pub mod protocol;
pub mod work;

pub use work::{Configured, Work};
