//! An embedded, single-node broker that speaks the Kafka protocol, for the quickstart and for tests.
//!
//! Requests come in through `server`, are routed by `dispatch` to `handlers`, and touch the state kept in
//! `storage` (logs on disk), `groups` (the classic group coordinator) and `transactions`. `Faults` lets a
//! test make it fail. It is for development only: production is Apache Kafka.

mod broker;
mod config;
mod dispatch;
mod faults;
mod groups;
mod handlers;
mod node;
mod server;
mod storage;
mod support;
mod topics;
mod transactions;

pub use broker::Broker;
pub use config::{BrokerConfig, BrokerError};
pub use faults::{Fault, FaultRule, Faults};
pub use kafka_protocol::{error::ResponseError, messages::ApiKey};
