//! The producer of internal topics: each record is acknowledged to whoever wrote it. Used by the stores' logs.

use std::sync::Mutex;
use std::time::Duration;

use rdkafka::ClientConfig;
use rdkafka::client::ClientContext;
use rdkafka::config::FromClientConfigAndContext;
use rdkafka::error::{KafkaError as ClientError, RDKafkaErrorCode as Code};
use rdkafka::message::DeliveryResult;
use rdkafka::producer::{BaseRecord, Producer as _, ProducerContext, PurgeConfig, ThreadedProducer};
use tokio::sync::oneshot;

use crate::kafka::port::KafkaError;

/// The fate of a record, once it is known.
pub type Acknowledgement = oneshot::Receiver<Result<(), KafkaError>>;

/// A producer that tells the fate of each record on its own.
pub struct LogWriter {
    producer: ThreadedProducer<Context>,
}

/// Whom to tell, and the topic for the text.
struct Told {
    topic: String,
    // A mutex only because librdkafka hands out its opaque by shared reference.
    done: Mutex<Option<oneshot::Sender<Result<(), KafkaError>>>>,
}

struct Context;

impl ClientContext for Context {
    fn error(&self, error: ClientError, reason: &str) {
        tracing::warn!(%error, %reason, "writer of an internal topic cannot reach Kafka; it keeps trying");
    }
}

impl ProducerContext for Context {
    type DeliveryOpaque = Box<Told>;

    fn delivery(&self, result: &DeliveryResult<'_>, told: Box<Told>) {
        let outcome = result.as_ref().map(|_| ()).map_err(|(error, _)| write_error(&told.topic, error));
        told.tell(outcome);
    }
}

impl Told {
    fn tell(&self, outcome: Result<(), KafkaError>) {
        let done = self.done.lock().unwrap_or_else(std::sync::PoisonError::into_inner).take();
        if let Some(done) = done {
            done.send(outcome).ok();
        }
    }
}

impl LogWriter {
    /// Returns a writer. Does not connect yet.
    ///
    /// # Errors
    /// Fails when librdkafka refuses the configuration.
    pub fn new(config: &ClientConfig) -> Result<Self, KafkaError> {
        let producer = ThreadedProducer::from_config_and_context(config, Context)
            .map_err(|error| KafkaError::Config(error.to_string()))?;
        Ok(Self { producer })
    }

    /// Writes a record without headers, to the partition its key belongs to; a value of `None` is a tombstone.
    /// Records reach a partition in the order of the calls.
    pub fn write(&self, topic: &str, key: &[u8], value: Option<&[u8]>) -> Acknowledgement {
        let (done, receiver) = oneshot::channel();
        let told = Box::new(Told { topic: topic.to_owned(), done: Mutex::new(Some(done)) });
        let mut record: BaseRecord<'_, [u8], [u8], Box<Told>> =
            BaseRecord::with_opaque_to(topic, told).key(key);
        record.payload = value;
        if let Err((error, record)) = self.producer.send(record) {
            record.delivery_opaque.tell(Err(write_error(topic, &error)));
        }
        receiver
    }

    /// Sends what is buffered and closes the client, waiting at most `timeout`; then drops what is left.
    pub async fn close(self, timeout: Duration) {
        let closed = tokio::task::spawn_blocking(move || {
            if let Err(error) = self.producer.flush(timeout) {
                tracing::warn!(%error, "closing the writer of an internal topic with unacknowledged records");
                self.producer.purge(PurgeConfig::default().queue().inflight());
            }
        });
        closed.await.ok();
    }
}

fn write_error(topic: &str, error: &ClientError) -> KafkaError {
    match error.rdkafka_error_code() {
        Some(Code::TopicAuthorizationFailed) => KafkaError::Fatal(format!(
            "writing to topic `{topic}`: not authorised; the principal needs WRITE on the topic `{topic}`"
        )),
        Some(code) if is_retriable(code) => {
            KafkaError::Retriable(format!("writing to topic `{topic}`: {code}"))
        }
        Some(code) => KafkaError::Fatal(format!("writing to topic `{topic}`: {code}")),
        None => KafkaError::Fatal(format!("writing to topic `{topic}`: {error}")),
    }
}

/// Returns whether the Java client calls the error retriable.
fn is_retriable(code: Code) -> bool {
    matches!(
        code,
        Code::MessageTimedOut
            | Code::BrokerTransportFailure
            | Code::AllBrokersDown
            | Code::OperationTimedOut
            | Code::TimedOutQueue
            | Code::QueueFull
            | Code::RequestTimedOut
            | Code::UnknownTopicOrPartition
            | Code::UnknownTopic
            | Code::UnknownPartition
            | Code::LeaderNotAvailable
            | Code::NotLeaderForPartition
            | Code::NetworkException
            | Code::NotEnoughReplicas
            | Code::NotEnoughReplicasAfterAppend
            | Code::KafkaStorageError
            | Code::ThrottlingQuotaExceeded
    )
}
