//! The consumer as the sink loop sees it. Real Kafka is behind `native`, a simulated one behind the tests.

use std::future::Future;
use std::pin::Pin;
use std::time::Instant;

use connect_core::async_trait;
use connect_core::record::{Offsets, TopicPartition};

use crate::kafka::batch::RawBatch;

/// Why a call to Kafka did not succeed.
#[derive(Debug, Clone, thiserror::Error)]
pub enum KafkaError {
    /// The client could not be made; the configuration is at fault.
    #[error("creating Kafka client: {0}")]
    Config(String),
    /// Trying again later may help.
    #[error("{0}")]
    Retriable(String),
    /// Trying again cannot help.
    #[error("{0}")]
    Fatal(String),
    /// A newer member of the group has this one's `group.instance.id`. Nothing may be committed any more.
    #[error("{0}")]
    Fenced(String),
}

/// A change of the assignment, reported in the order it happened. Nothing more happens until it was finished.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Rebalance {
    /// Partitions were added.
    Assigned(Vec<TopicPartition>),
    /// Partitions must be given up; offsets can still be committed.
    Revoked(Vec<TopicPartition>),
    /// Partitions are gone; nothing may be committed.
    Lost(Vec<TopicPartition>),
}

/// The outcome of a commit that runs beside the loop.
pub type CommitFuture = Pin<Box<dyn Future<Output = Result<(), KafkaError>> + Send>>;

/// A group consumer polled in batches. One owner; no call blocks the thread.
#[async_trait]
pub trait BatchConsumer: Send + Sync {
    /// Subscribes to topics by name, replacing the subscription before.
    ///
    /// # Errors
    /// Fails when the client refuses the names.
    fn subscribe(&mut self, topics: &[String]) -> Result<(), KafkaError>;

    /// Returns the topics that exist, for subscriptions by pattern.
    ///
    /// # Errors
    /// Retriable when no broker answers in time.
    async fn topics(&self) -> Result<Vec<String>, KafkaError>;

    /// Moves at most `max` waiting records into `batch`, without waiting. Must be called at least once a
    /// `max.poll.interval.ms`, also while everything is paused.
    ///
    /// # Errors
    /// Fatal when the consumer cannot go on.
    fn poll(&mut self, max: usize, batch: &mut RawBatch) -> Result<(), KafkaError>;

    /// Waits until a poll may find something. Cancel safe.
    async fn ready(&self);

    /// Returns the next change of the assignment; it must be followed by [`BatchConsumer::finish_rebalance`].
    fn next_rebalance(&mut self) -> Option<Rebalance>;

    /// Tells the client that a change has been dealt with. Reading of assigned partitions begins at `starts`, and
    /// elsewhere at the committed offset: a partition that is not being fetched yet cannot be sought.
    ///
    /// # Errors
    /// Fatal when the client refuses.
    fn finish_rebalance(&mut self, rebalance: &Rebalance, starts: &Offsets) -> Result<(), KafkaError>;

    /// Returns the committed offsets of the partitions that have one.
    ///
    /// # Errors
    /// Retriable when no broker answers in time.
    async fn committed(&self, partitions: &[TopicPartition]) -> Result<Offsets, KafkaError>;

    /// Commits offsets; the future lives on its own.
    fn commit(&self, offsets: &Offsets) -> CommitFuture;

    /// Stops fetching from partitions.
    ///
    /// # Errors
    /// Fails when a partition is not assigned.
    fn pause(&mut self, partitions: &[TopicPartition]) -> Result<(), KafkaError>;

    /// Fetches again.
    ///
    /// # Errors
    /// Fails when a partition is not assigned.
    fn resume(&mut self, partitions: &[TopicPartition]) -> Result<(), KafkaError>;

    /// Sets the next offset to read.
    ///
    /// # Errors
    /// Retriable when the partition is not being fetched yet.
    async fn seek(&mut self, offsets: &Offsets) -> Result<(), KafkaError>;

    /// Returns the end offset of a partition as last heard from the broker.
    fn high_watermark(&self, partition: &TopicPartition) -> Option<i64>;

    /// Takes the partitions whose end was met since the last call; none unless `enable.partition.eof` is set.
    fn take_ended(&mut self) -> Vec<TopicPartition> {
        Vec::new()
    }

    /// Returns whether all there is to read was read, and should be made durable and committed now, without waiting
    /// for the interval.
    fn wants_commit(&mut self, _now: Instant) -> bool {
        false
    }

    /// Hears whether the records read wait for a target that is in trouble.
    fn tell_trouble(&mut self, _is_troubled: bool) {}

    /// Leaves the group, unless the member is a static one, and closes the client.
    async fn close(self: Box<Self>);
}
