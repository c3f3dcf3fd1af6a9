//! The test harness: real services as child processes, the worker under test, and the checks on what arrived.
//!
//! Nothing here is part of the product. Every service listens on loopback, keeps its files in a temporary folder and
//! dies with the test process, also when that is killed.

pub mod api;
pub mod fault_s3;
pub mod firehose;
pub mod golden;
pub mod group;
pub mod jvm_connect;
pub mod kafka;
pub mod kafka_cluster;
pub mod oracle;
pub mod process;
pub mod registry;
pub mod rest;
pub mod s3;
pub mod search;
pub mod secured_kafka;
pub mod services;
pub mod sluice;
pub mod wait;
