//! An in-process Kafka behind the consumer port, for simulations: partitions, committed offsets, scripted changes
//! of the assignment, and faults. Tests only.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use connect_core::async_trait;
use connect_core::record::{Offsets, TimestampType, TopicPartition};
use tokio::sync::Notify;

use crate::kafka::batch::{RawBatch, RawRecord};
use crate::kafka::port::{BatchConsumer, CommitFuture, KafkaError, Rebalance};

/// The cluster: what consumers of any generation share.
#[derive(Clone, Default)]
pub(crate) struct MemoryKafka {
    state: Arc<Mutex<State>>,
    changed: Arc<Notify>,
}

#[derive(Default)]
struct State {
    logs: BTreeMap<TopicPartition, Vec<Option<Bytes>>>,
    committed: Offsets,
    assigned: BTreeSet<TopicPartition>,
    paused: BTreeSet<TopicPartition>,
    positions: Offsets,
    rebalances: VecDeque<Rebalance>,
    failing_commits: u32,
    is_closed: bool,
    is_fenced: bool,
}

impl MemoryKafka {
    /// Appends a value and returns its offset.
    pub(crate) fn append(&self, partition: &TopicPartition, value: &str) -> i64 {
        let mut state = self.lock();
        let log = state.logs.entry(partition.clone()).or_default();
        log.push(Some(Bytes::copy_from_slice(value.as_bytes())));
        let offset = log.len() as i64 - 1;
        drop(state);
        self.changed.notify_one();
        offset
    }

    /// Queues a change of the assignment.
    pub(crate) fn rebalance(&self, rebalance: Rebalance) {
        self.lock().rebalances.push_back(rebalance);
        self.changed.notify_one();
    }

    /// Gives the member's place to a newer one: polls and commits fail from now on.
    pub(crate) fn fence(&self) {
        self.lock().is_fenced = true;
        self.changed.notify_one();
    }

    /// Makes the next `count` commits fail.
    pub(crate) fn fail_commits(&self, count: u32) {
        self.lock().failing_commits = count;
    }

    /// Returns the committed offsets.
    pub(crate) fn committed(&self) -> Offsets {
        self.lock().committed.clone()
    }

    /// Returns whether the consumer left orderly.
    pub(crate) fn is_closed(&self) -> bool {
        self.lock().is_closed
    }

    /// Returns a consumer.
    pub(crate) fn consumer(&self) -> Box<dyn BatchConsumer> {
        Box::new(MemoryConsumer { kafka: self.clone() })
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

struct MemoryConsumer {
    kafka: MemoryKafka,
}

#[async_trait]
impl BatchConsumer for MemoryConsumer {
    fn subscribe(&mut self, _topics: &[String]) -> Result<(), KafkaError> {
        Ok(())
    }

    async fn topics(&self) -> Result<Vec<String>, KafkaError> {
        let state = self.kafka.lock();
        let names: BTreeSet<String> =
            state.logs.keys().map(|partition| partition.topic.to_string()).collect();
        Ok(names.into_iter().collect())
    }

    fn poll(&mut self, max: usize, batch: &mut RawBatch) -> Result<(), KafkaError> {
        let mut state = self.kafka.lock();
        if state.is_fenced {
            return Err(KafkaError::Fenced("fenced".to_owned()));
        }
        let readable: Vec<TopicPartition> = state.assigned.difference(&state.paused).cloned().collect();
        for partition in readable {
            let position = state.positions.get(&partition).copied().unwrap_or(0);
            let log = state.logs.get(&partition).cloned().unwrap_or_default();
            let room = max.saturating_sub(batch.records.len());
            let waiting = log.iter().enumerate().skip(position as usize).take(room);
            batch.records.extend(waiting.map(|(offset, value)| RawRecord {
                topic: Arc::clone(&partition.topic),
                partition: partition.partition,
                offset: offset as i64,
                timestamp: None,
                timestamp_type: TimestampType::NoTimestamp,
                key: None,
                value: value.clone(),
                headers: None,
            }));
            let next = (log.len() as i64).min(position + room as i64);
            state.positions.insert(partition, next);
        }
        Ok(())
    }

    async fn ready(&self) {
        self.kafka.changed.notified().await;
    }

    fn next_rebalance(&mut self) -> Option<Rebalance> {
        self.kafka.lock().rebalances.pop_front()
    }

    fn finish_rebalance(&mut self, rebalance: &Rebalance, starts: &Offsets) -> Result<(), KafkaError> {
        let mut state = self.kafka.lock();
        match rebalance {
            Rebalance::Assigned(partitions) => {
                for partition in partitions {
                    let position = starts.get(partition).or_else(|| state.committed.get(partition));
                    let position = position.copied().unwrap_or(0);
                    state.positions.insert(partition.clone(), position);
                    state.assigned.insert(partition.clone());
                }
            }
            Rebalance::Revoked(partitions) | Rebalance::Lost(partitions) => {
                for partition in partitions {
                    state.assigned.remove(partition);
                    state.paused.remove(partition);
                }
            }
        }
        drop(state);
        self.kafka.changed.notify_one();
        Ok(())
    }

    async fn committed(&self, partitions: &[TopicPartition]) -> Result<Offsets, KafkaError> {
        let state = self.kafka.lock();
        let known = |partition: &TopicPartition| {
            state.committed.get(partition).map(|offset| (partition.clone(), *offset))
        };
        Ok(partitions.iter().filter_map(known).collect())
    }

    fn commit(&self, offsets: &Offsets) -> CommitFuture {
        let (kafka, offsets) = (self.kafka.clone(), offsets.clone());
        Box::pin(async move {
            let mut state = kafka.lock();
            if state.failing_commits > 0 {
                state.failing_commits -= 1;
                return Err(KafkaError::Retriable("injected commit failure".to_owned()));
            }
            state.committed.extend(offsets);
            Ok(())
        })
    }

    fn pause(&mut self, partitions: &[TopicPartition]) -> Result<(), KafkaError> {
        self.kafka.lock().paused.extend(partitions.iter().cloned());
        Ok(())
    }

    fn resume(&mut self, partitions: &[TopicPartition]) -> Result<(), KafkaError> {
        self.kafka.lock().paused.retain(|partition| !partitions.contains(partition));
        self.kafka.changed.notify_one();
        Ok(())
    }

    async fn seek(&mut self, offsets: &Offsets) -> Result<(), KafkaError> {
        let mut state = self.kafka.lock();
        if let Some(partition) = offsets.keys().find(|partition| !state.assigned.contains(*partition)) {
            // As librdkafka answers for a partition that it does not fetch yet.
            return Err(KafkaError::Retriable(format!("seeking {partition}: erroneous state")));
        }
        state.positions.extend(offsets.clone());
        drop(state);
        self.kafka.changed.notify_one();
        Ok(())
    }

    fn high_watermark(&self, partition: &TopicPartition) -> Option<i64> {
        self.kafka.lock().logs.get(partition).map(|log| log.len() as i64)
    }

    async fn close(self: Box<Self>) {
        self.kafka.lock().is_closed = true;
    }
}
