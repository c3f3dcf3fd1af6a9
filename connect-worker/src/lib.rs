//! The Sluice worker: runs connectors between Kafka and other systems, as Kafka Connect does.
//!
//! Arrows between rooms: `cli` → `rest` → `herder` → {`task`, `stores`} → `kafka` → `connect-core`.
//! `config`, `obs` and `shutdown` may be used by any room.

pub mod cli;
pub mod config;
pub mod herder;
pub mod kafka;
pub mod obs;
pub mod plugins;
mod preview;
pub mod quickstart;
pub mod rest;
pub mod shutdown;
pub mod stores;
pub mod task;
pub mod worker;

/// Tests of what strangers send say how much memory it may take.
#[cfg(test)]
#[global_allocator]
static ALLOCATOR: connect_core::testkit::CountingAllocator = connect_core::testkit::CountingAllocator;
