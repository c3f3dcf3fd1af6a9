//! A consumer that reads to the goals of a [`Drain`] and no further.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use connect_core::async_trait;
use connect_core::config::Props;
use connect_core::error::ConnectError;
use connect_core::record::{Offsets, TopicPartition};

use super::Drain;
use crate::kafka::NativeConsumer;
use crate::kafka::batch::RawBatch;
use crate::kafka::client_config::{ClientKind, to_librdkafka};
use crate::kafka::port::{BatchConsumer, CommitFuture, KafkaError, Rebalance};
use crate::task::services::ConsumerFactory;
use crate::task::subscription::Subscription;

/// Pause between two commits asked for.
const COMMIT_PAUSE: Duration = Duration::from_millis(200);

/// Returns a factory of consumers that read to the goals of the drain of their group. Groups without a drain are read
/// for ever.
pub fn draining_consumers(drains: HashMap<String, Arc<Drain>>) -> ConsumerFactory {
    Arc::new(move |props| {
        let mut config = to_librdkafka(ClientKind::Consumer, props)?;
        // Tells of ends behind which only marks of transactions or emptied batches stand.
        config.set("enable.partition.eof", "true");
        let consumer: Box<dyn BatchConsumer> = Box::new(NativeConsumer::new(&config)?);
        Ok(match props.get("group.id").and_then(|group| drains.get(group)) {
            Some(drain) => Box::new(DrainingConsumer::new(consumer, Arc::clone(drain))),
            None => consumer,
        })
    })
}

/// Returns the topics that a connector reads: those it names, or those of the cluster that match its pattern.
///
/// # Errors
/// Fails when the configuration names none, and when the brokers do not answer.
pub async fn subscribed_topics(connector: &Props, client: &Props) -> Result<Vec<String>, ConnectError> {
    let mut subscription = Subscription::parse(connector, client, Instant::now())?;
    if let Subscription::Names(names) = subscription {
        return Ok(names);
    }
    let failed =
        |error: KafkaError| ConnectError::fatal("looking up topics for `topics.regex`").because(error);
    let config = to_librdkafka(ClientKind::Consumer, client).map_err(failed)?;
    let mut consumer = NativeConsumer::new(&config).map_err(failed)?;
    subscription.refresh(&mut consumer, Instant::now()).await.map_err(failed)?;
    Box::new(consumer).close().await;
    match subscription {
        Subscription::Names(topics) | Subscription::Pattern { topics, .. } => Ok(topics),
    }
}

/// Hands on what its drain admits.
pub(in crate::task) struct DrainingConsumer {
    inner: Box<dyn BatchConsumer>,
    drain: Arc<Drain>,
    commit_due: Option<Instant>,
}

impl DrainingConsumer {
    pub(in crate::task) fn new(inner: Box<dyn BatchConsumer>, drain: Arc<Drain>) -> Self {
        Self { inner, drain, commit_due: None }
    }
}

#[async_trait]
impl BatchConsumer for DrainingConsumer {
    fn subscribe(&mut self, topics: &[String]) -> Result<(), KafkaError> {
        self.inner.subscribe(topics)
    }

    async fn topics(&self) -> Result<Vec<String>, KafkaError> {
        self.inner.topics().await
    }

    fn poll(&mut self, max: usize, batch: &mut RawBatch) -> Result<(), KafkaError> {
        let allowed = self.drain.reserve(max);
        let polled = self.inner.poll(allowed, batch);
        let ended = self.inner.take_ended();
        if polled.is_err() {
            batch.records.clear();
        }
        let reached = self.drain.admit(allowed, batch, ended);
        polled?;
        if reached.is_empty() {
            return Ok(());
        }
        // One that was given up in the meantime needs no pause, and anything else would show at the next poll.
        self.inner.pause(&reached).ok();
        Ok(())
    }

    async fn ready(&self) {
        self.inner.ready().await;
    }

    fn next_rebalance(&mut self) -> Option<Rebalance> {
        self.inner.next_rebalance()
    }

    fn finish_rebalance(&mut self, rebalance: &Rebalance, starts: &Offsets) -> Result<(), KafkaError> {
        match rebalance {
            Rebalance::Assigned(_) => {}
            Rebalance::Revoked(partitions) | Rebalance::Lost(partitions) => {
                self.drain.give_back(partitions, &Offsets::new());
            }
        }
        self.inner.finish_rebalance(rebalance, starts)
    }

    async fn committed(&self, partitions: &[TopicPartition]) -> Result<Offsets, KafkaError> {
        self.inner.committed(partitions).await
    }

    fn commit(&self, offsets: &Offsets) -> CommitFuture {
        let commit = self.inner.commit(offsets);
        let (drain, offsets) = (Arc::clone(&self.drain), offsets.clone());
        Box::pin(async move {
            commit.await?;
            drain.note_committed(&offsets);
            Ok(())
        })
    }

    fn pause(&mut self, partitions: &[TopicPartition]) -> Result<(), KafkaError> {
        self.inner.pause(partitions)
    }

    fn resume(&mut self, partitions: &[TopicPartition]) -> Result<(), KafkaError> {
        self.inner.resume(partitions)
    }

    async fn seek(&mut self, offsets: &Offsets) -> Result<(), KafkaError> {
        self.inner.seek(offsets).await?;
        let partitions: Vec<TopicPartition> = offsets.keys().cloned().collect();
        self.drain.give_back(&partitions, offsets);
        Ok(())
    }

    fn high_watermark(&self, partition: &TopicPartition) -> Option<i64> {
        self.inner.high_watermark(partition)
    }

    fn take_ended(&mut self) -> Vec<TopicPartition> {
        Vec::new()
    }

    fn wants_commit(&mut self, now: Instant) -> bool {
        if self.commit_due.is_some_and(|due| now < due) || !self.drain.wants_commit(now) {
            return false;
        }
        self.commit_due = Some(now + COMMIT_PAUSE);
        true
    }

    fn tell_trouble(&mut self, is_troubled: bool) {
        self.drain.tell_trouble(is_troubled);
    }

    async fn close(self: Box<Self>) {
        self.inner.close().await;
    }
}
