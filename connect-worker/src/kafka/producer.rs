//! The producer of source tasks and dead letter queues: batched by librdkafka, acknowledgements collected for
//! the loop that sent the records.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use connect_core::record::RawHeaders;
use rdkafka::ClientConfig;
use rdkafka::client::ClientContext;
use rdkafka::config::FromClientConfigAndContext;
use rdkafka::error::{KafkaError as ClientError, RDKafkaErrorCode};
use rdkafka::message::{Header, OwnedHeaders};
use rdkafka::producer::{BaseRecord, DeliveryResult, Producer as _, ProducerContext, ThreadedProducer};
use tokio::sync::Notify;

use crate::kafka::port::KafkaError;

mod transactional;

pub use transactional::{
    TransactionError, TransactionalProducer, TransactionalProducers, native_transactional_producers,
    transaction_timeout,
};

/// The outcome of one sent record.
#[derive(Debug)]
pub struct Delivery {
    /// Number given at `send`.
    pub token: usize,
    /// Error text when the record was not written.
    pub error: Option<String>,
}

/// A record to send.
#[derive(Debug)]
pub struct OutgoingRecord<'a> {
    /// Topic.
    pub topic: &'a str,
    /// Partition; `None` leaves the choice to the partitioner.
    pub partition: Option<i32>,
    /// Key.
    pub key: Option<&'a [u8]>,
    /// Value; `None` is a tombstone.
    pub value: Option<&'a [u8]>,
    /// Milliseconds since the epoch.
    pub timestamp: Option<i64>,
    /// Names and values.
    pub headers: RawHeaders,
}

/// Why a record was not taken.
#[derive(Debug)]
pub enum SendError {
    /// The send buffer is full; wait for deliveries and try again.
    Full,
    /// The record cannot be sent.
    Refused(String),
}

/// A producer. Deliveries are picked up by [`Producer::take_deliveries`].
pub struct Producer {
    inner: ThreadedProducer<Context>,
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    deliveries: Mutex<Vec<Delivery>>,
    arrived: Notify,
}

struct Context {
    shared: Arc<Shared>,
}

impl ClientContext for Context {
    fn error(&self, error: ClientError, reason: &str) {
        tracing::warn!(%error, %reason, "producer cannot reach Kafka; it keeps trying");
    }
}

impl ProducerContext for Context {
    type DeliveryOpaque = usize;

    fn delivery(&self, result: &DeliveryResult<'_>, token: usize) {
        let error = result.as_ref().err().map(|(error, _)| error.to_string());
        let mut deliveries = self.shared.deliveries.lock().unwrap_or_else(PoisonError::into_inner);
        deliveries.push(Delivery { token, error });
        if deliveries.len() == 1 {
            self.shared.arrived.notify_one();
        }
    }
}

impl Producer {
    /// Returns a producer.
    ///
    /// # Errors
    /// Fails when librdkafka refuses the configuration.
    pub fn new(config: &ClientConfig) -> Result<Self, KafkaError> {
        let shared = Arc::new(Shared::default());
        let context = Context { shared: Arc::clone(&shared) };
        let inner = ThreadedProducer::from_config_and_context(config, context)
            .map_err(|error| KafkaError::Config(error.to_string()))?;
        Ok(Self { inner, shared })
    }

    /// Hands a record to the client; its delivery carries `token`.
    ///
    /// # Errors
    /// [`SendError::Full`] is retriable.
    pub fn send(&self, record: &OutgoingRecord<'_>, token: usize) -> Result<(), SendError> {
        let mut outgoing: BaseRecord<'_, [u8], [u8], usize> = BaseRecord::with_opaque_to(record.topic, token);
        outgoing.payload = record.value;
        outgoing.key = record.key;
        outgoing.partition = record.partition;
        outgoing.timestamp = record.timestamp;
        if !record.headers.is_empty() {
            let mut headers = OwnedHeaders::new_with_capacity(record.headers.len());
            for (key, value) in &record.headers {
                headers = headers.insert(Header { key, value: value.as_deref() });
            }
            outgoing.headers = Some(headers);
        }
        match self.inner.send(outgoing) {
            Ok(()) => Ok(()),
            Err((ClientError::MessageProduction(RDKafkaErrorCode::QueueFull), _)) => Err(SendError::Full),
            Err((error, _)) => Err(SendError::Refused(error.to_string())),
        }
    }

    /// Returns the deliveries since the last call, in the order they happened.
    pub fn take_deliveries(&self) -> Vec<Delivery> {
        std::mem::take(&mut self.shared.deliveries.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Waits until a delivery may have arrived. Cancel safe.
    pub async fn delivered(&self) {
        self.shared.arrived.notified().await;
    }

    /// Sends what is buffered and closes the client, waiting at most `timeout`; then drops what is left.
    pub async fn close(self, timeout: Duration) {
        let closed = tokio::task::spawn_blocking(move || {
            if let Err(error) = self.inner.flush(timeout) {
                tracing::warn!(%error, "closing the producer with records that were not acknowledged");
                self.inner.purge(rdkafka::producer::PurgeConfig::default().queue().inflight());
            }
        });
        closed.await.ok();
    }
}

/// Copies a header value for [`OutgoingRecord::headers`].
pub fn header_value(text: &str) -> Option<Bytes> {
    Some(Bytes::copy_from_slice(text.as_bytes()))
}
