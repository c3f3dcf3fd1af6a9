//! librdkafka's batch consumer. The one module with `unsafe` code on the record path: rdkafka's safe consumers
//! hand out records one by one, which costs twice the CPU of `rd_kafka_consume_batch_queue`.
//!
//! Rebalances are deferred: librdkafka's callback only notes them, and librdkafka waits until `finish_rebalance`
//! assigns or unassigns. So flushing and committing before a revoke happen in the task's own loop.
#![expect(unsafe_code, reason = "FFI to librdkafka; each block states why it is sound")]

mod callbacks;
mod client;
mod convert;
mod reader;

use std::ffi::CString;
use std::ptr;
use std::sync::{Arc, PoisonError};

use connect_core::async_trait;
use connect_core::record::{Offsets, TopicPartition};
use rdkafka::{ClientConfig, TopicPartitionList};
use rdkafka_sys as sys;
use sys::rd_kafka_resp_err_t as RespErr;

use self::callbacks::fatal_error;
use self::client::Client;
use self::convert::{check, consumer_error, partition_list, read_message, start_list, text};
use crate::kafka::batch::{Arena, RawBatch};
use crate::kafka::port::{BatchConsumer, CommitFuture, KafkaError, Rebalance};

pub use reader::TopicReader;

/// A group consumer on librdkafka.
pub struct NativeConsumer {
    client: Arc<Client>,
    // Message pointers of the last poll; kept to avoid an allocation a poll.
    messages: Vec<*mut sys::rd_kafka_message_t>,
    topics: Vec<Arc<str>>,
    arena: Arena,
    /// Partitions whose end was met.
    ended: Vec<TopicPartition>,
}

// SAFETY: `messages` only holds pointers during `poll`, which has exclusive access; it is empty otherwise.
unsafe impl Send for NativeConsumer {}
// SAFETY: through a shared reference only `client` is used, and librdkafka's handles are thread-safe.
unsafe impl Sync for NativeConsumer {}

impl NativeConsumer {
    /// Returns a consumer that is a member of no group yet.
    ///
    /// # Errors
    /// Fails when librdkafka refuses the configuration.
    pub fn new(config: &ClientConfig) -> Result<Self, KafkaError> {
        let client = Arc::new(Client::new(config)?);
        let arena = Arena::default();
        Ok(Self { client, messages: Vec::new(), topics: Vec::new(), arena, ended: Vec::new() })
    }

    fn take_messages(&mut self, batch: &mut RawBatch) -> Result<(), KafkaError> {
        // SAFETY: librdkafka filled `messages` with valid pointers that this call owns and destroys below.
        let borrowed = self.messages.iter().map(|message| unsafe { &**message });
        let size = borrowed.map(|message| message.len + message.key_len).sum();
        self.arena.begin(size);
        batch.records.reserve(self.messages.len());
        let mut outcome = Ok(());
        let mut topic_of = (ptr::null_mut(), None);
        for message in std::mem::take(&mut self.messages) {
            // SAFETY: as above; destroyed at the end of this iteration and not used after.
            let borrowed = unsafe { &*message };
            if borrowed.err == RespErr::RD_KAFKA_RESP_ERR_NO_ERROR {
                if topic_of.0 != borrowed.rkt {
                    topic_of = (borrowed.rkt, Some(self.intern(borrowed.rkt)));
                }
                let topic = topic_of.1.clone().unwrap_or_default();
                batch.records.push(read_message(borrowed, topic, &mut self.arena));
            } else if borrowed.err == RespErr::RD_KAFKA_RESP_ERR__FATAL {
                // SAFETY: the handle is live.
                outcome = Err(unsafe { fatal_error(self.client.handle) });
            } else if borrowed.err == RespErr::RD_KAFKA_RESP_ERR__PARTITION_EOF {
                let topic = self.intern(borrowed.rkt);
                self.ended.push(TopicPartition { topic, partition: borrowed.partition });
            } else if let Err(error) = consumer_error(borrowed) {
                outcome = Err(error);
            }
            // SAFETY: the pointer came from librdkafka and is destroyed once.
            unsafe { sys::rd_kafka_message_destroy(message) };
        }
        self.arena.end(size);
        outcome
    }

    fn intern(&mut self, topic: *mut sys::rd_kafka_topic_t) -> Arc<str> {
        // SAFETY: the topic object is held by the message it came from; the name is copied before that ends.
        let name = unsafe { text(sys::rd_kafka_topic_name(topic)) };
        if let Some(known) = self.topics.iter().find(|known| ***known == *name) {
            return Arc::clone(known);
        }
        let fresh: Arc<str> = Arc::from(name);
        self.topics.push(Arc::clone(&fresh));
        fresh
    }
}

#[async_trait]
impl BatchConsumer for NativeConsumer {
    fn subscribe(&mut self, topics: &[String]) -> Result<(), KafkaError> {
        let mut list = TopicPartitionList::new();
        for topic in topics {
            list.add_topic_unassigned(topic);
        }
        // SAFETY: both pointers are live; librdkafka copies the list.
        check("subscribing", unsafe { sys::rd_kafka_subscribe(self.client.handle, list.ptr()) })
    }

    async fn topics(&self) -> Result<Vec<String>, KafkaError> {
        self.client.blocking(Client::topics).await
    }

    fn poll(&mut self, max: usize, batch: &mut RawBatch) -> Result<(), KafkaError> {
        if let Some(error) = self.client.shared.fatal.lock().unwrap_or_else(PoisonError::into_inner).take() {
            return Err(error);
        }
        self.messages.clear();
        self.messages.reserve(max);
        // SAFETY: the buffer has room for `max` pointers and librdkafka writes the first `count` of them.
        unsafe {
            let buffer = self.messages.as_mut_ptr();
            let count = sys::rd_kafka_consume_batch_queue(self.client.queue, 0, buffer, max);
            self.messages.set_len(usize::try_from(count).unwrap_or(0));
        }
        if max > 0 && self.messages.len() == max {
            // More may wait, and the queue signals only when it was empty before.
            self.client.shared.ready.notify_one();
        }
        if self.messages.is_empty() { Ok(()) } else { self.take_messages(batch) }
    }

    async fn ready(&self) {
        self.client.shared.ready.notified().await;
    }

    fn next_rebalance(&mut self) -> Option<Rebalance> {
        self.client.shared.rebalances.lock().unwrap_or_else(PoisonError::into_inner).pop_front()
    }

    fn finish_rebalance(&mut self, rebalance: &Rebalance, starts: &Offsets) -> Result<(), KafkaError> {
        match rebalance {
            Rebalance::Assigned(partitions) => self.client.assign(&start_list(partitions, starts)?),
            Rebalance::Revoked(partitions) | Rebalance::Lost(partitions) => {
                self.client.unassign(&partition_list(partitions))
            }
        }
    }

    async fn committed(&self, partitions: &[TopicPartition]) -> Result<Offsets, KafkaError> {
        let partitions = partitions.to_vec();
        self.client.blocking(move |client| client.committed(&partitions)).await
    }

    fn commit(&self, offsets: &Offsets) -> CommitFuture {
        let offsets = offsets.clone();
        let client = Arc::clone(&self.client);
        Box::pin(async move { client.blocking(move |client| client.commit(&offsets)).await })
    }

    fn pause(&mut self, partitions: &[TopicPartition]) -> Result<(), KafkaError> {
        let list = partition_list(partitions);
        // SAFETY: both pointers are live for the call.
        check("pausing partitions", unsafe { sys::rd_kafka_pause_partitions(self.client.handle, list.ptr()) })
    }

    fn resume(&mut self, partitions: &[TopicPartition]) -> Result<(), KafkaError> {
        let list = partition_list(partitions);
        // SAFETY: both pointers are live for the call.
        check("resuming partitions", unsafe {
            sys::rd_kafka_resume_partitions(self.client.handle, list.ptr())
        })
    }

    async fn seek(&mut self, offsets: &Offsets) -> Result<(), KafkaError> {
        let offsets = offsets.clone();
        self.client.blocking(move |client| client.seek(&offsets)).await
    }

    fn high_watermark(&self, partition: &TopicPartition) -> Option<i64> {
        let topic = CString::new(&*partition.topic).ok()?;
        let (mut low, mut high) = (-1, -1);
        // SAFETY: all pointers are live; the call reads a cached value and does not block.
        let code = unsafe {
            let handle = self.client.handle;
            sys::rd_kafka_get_watermark_offsets(
                handle,
                topic.as_ptr(),
                partition.partition,
                &mut low,
                &mut high,
            )
        };
        (code == RespErr::RD_KAFKA_RESP_ERR_NO_ERROR && high >= 0).then_some(high)
    }

    fn take_ended(&mut self) -> Vec<TopicPartition> {
        std::mem::take(&mut self.ended)
    }

    async fn close(self: Box<Self>) {
        let client = Arc::clone(&self.client);
        drop(self);
        // The last reference falls on the blocking thread, where joining librdkafka's threads disturbs nobody.
        tokio::task::spawn_blocking(move || client.close()).await.ok();
    }
}

#[cfg(test)]
mod tests;
