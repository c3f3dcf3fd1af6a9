//! Everything the broker holds, shared by all connections. It only puts the parts together.

use std::{
    io,
    net::SocketAddr,
    sync::{Arc, Mutex},
};

use tokio_util::sync::CancellationToken;

use crate::{
    config::BrokerConfig,
    faults::Faults,
    groups::{coordinator::Coordinator, offsets::GroupOffsets},
    storage::compaction,
    support::{lock, now_ms},
    topics::{Partition, Topic, Topics},
    transactions::Transactions,
};

/// The only broker of this cluster.
pub(crate) const NODE_ID: i32 = 1;

/// The state behind all connections.
#[derive(Debug)]
pub(crate) struct Node {
    pub(crate) config: BrokerConfig,
    pub(crate) address: SocketAddr,
    pub(crate) topics: Topics,
    pub(crate) groups: Coordinator,
    /// Locked after `transactions` where both are needed.
    pub(crate) offsets: Mutex<GroupOffsets>,
    pub(crate) transactions: Mutex<Transactions>,
    pub(crate) faults: Arc<Faults>,
    pub(crate) stop: CancellationToken,
}

impl Node {
    /// Opens the data folder; transactions that were being ended when the broker died are ended now.
    pub(crate) fn open(config: BrokerConfig, address: SocketAddr) -> io::Result<Self> {
        let topics = Topics::open(&config)?;
        let mut offsets = GroupOffsets::open(&config.data_dir)?;
        let mut transactions = Transactions::open(&config.data_dir)?;
        transactions.finish_interrupted(&topics, &mut offsets)?;
        Ok(Self {
            groups: Coordinator::new(config.initial_rebalance_delay),
            config,
            address,
            topics,
            offsets: Mutex::new(offsets),
            transactions: Mutex::new(transactions),
            faults: Arc::default(),
            stop: CancellationToken::new(),
        })
    }

    /// Returns host and port that clients are told to connect to.
    pub(crate) fn advertised(&self) -> (String, i32) {
        let host = self.config.advertised_host.clone();
        (host.unwrap_or_else(|| self.address.ip().to_string()), i32::from(self.address.port()))
    }

    /// Does what time brings: rolls, deletes and compacts segments, aborts transactions that took too long. Blocks.
    pub(crate) fn maintain(&self) {
        for topic in self.topics.all() {
            for (index, partition) in topic.partitions.iter().enumerate() {
                if let Err(error) = maintain_partition(&topic, partition) {
                    let error = &error as &dyn std::error::Error;
                    tracing::warn!(topic = topic.name, partition = index, error, "maintaining a partition");
                }
            }
        }
        let mut transactions = lock(&self.transactions);
        if let Err(error) = transactions.abort_expired(&self.topics, &mut lock(&self.offsets), now_ms()) {
            tracing::warn!(error = &error as &dyn std::error::Error, "aborting expired transactions");
        }
    }

    /// Writes everything down to the disk. Blocks.
    pub(crate) fn flush(&self) -> io::Result<()> {
        for topic in self.topics.all() {
            for partition in &topic.partitions {
                partition.lock().log.flush()?;
            }
        }
        lock(&self.offsets).sync()?;
        lock(&self.transactions).sync()
    }
}

fn maintain_partition(topic: &Topic, partition: &Partition) -> io::Result<()> {
    let now = now_ms();
    let plan = {
        let mut state = partition.lock();
        state.log.roll_by_age(&topic.config, now)?;
        state.log.apply_retention(&topic.config, now)?;
        state.log.maintain_checkpoint(now)?;
        compaction::plan(&state.log, &topic.config, now)?
    };
    if let Some(plan) = plan {
        let cleaned = plan.run()?;
        compaction::install(&mut partition.lock().log, cleaned)?;
    }
    Ok(())
}
