//! The producer of source tasks that write exactly once: transactions of librdkafka behind a port, so that the loop
//! can be tested without a broker. No call blocks a thread of the runtime.

use std::ffi::CStr;
use std::sync::Arc;
use std::time::Duration;

use connect_core::async_trait;
use connect_core::config::Props;
use rdkafka::ClientConfig;
use rdkafka::error::{KafkaError as ClientError, RDKafkaErrorCode};
use rdkafka::producer::{Producer as _, PurgeConfig};

use crate::kafka::client_config::{ClientKind, to_librdkafka};
use crate::kafka::port::KafkaError;
use crate::kafka::producer::{Delivery, OutgoingRecord, Producer, SendError};

/// Longest time of one blocking call; longer waits are made of several, so that a task can end between them.
const SLICE: Duration = Duration::from_secs(2);
/// `transaction.timeout.ms` of either client when it is not set.
const DEFAULT_TRANSACTION_TIMEOUT_MS: u64 = 60_000;

/// Why a step of a transaction did not succeed.
#[derive(Debug, Clone, thiserror::Error)]
pub enum TransactionError {
    /// The same call must be made again to go on.
    #[error("{0}")]
    Retriable(String),
    /// The transaction can only be aborted.
    #[error("{0}")]
    Abortable(String),
    /// Another producer has this transactional id now, or the broker gave up on a transaction that took longer than
    /// `transaction.timeout.ms`. Nothing can be written any more.
    #[error("{0}")]
    Fenced(String),
    /// Nothing can be written any more.
    #[error("{0}")]
    Fatal(String),
}

/// A producer whose records count together or not at all. One owner; no call blocks the thread. A future of
/// [`init`](Self::init), [`commit`](Self::commit) or [`abort`](Self::abort) that is dropped leaves the step running.
#[async_trait]
pub trait TransactionalProducer: Send + Sync {
    /// Takes over the transactional id: producers before this one are fenced and their transaction is aborted. Waits
    /// a few seconds at most.
    ///
    /// # Errors
    /// Retriable when no coordinator answered yet.
    async fn init(&self) -> Result<(), TransactionError>;

    /// Begins a transaction.
    ///
    /// # Errors
    /// Fails when one is open already or the producer is fenced.
    fn begin(&self) -> Result<(), TransactionError>;

    /// Hands a record to the client, within the open transaction; its delivery carries `token`.
    ///
    /// # Errors
    /// [`SendError::Full`] is retriable.
    fn send(&self, record: &OutgoingRecord<'_>, token: usize) -> Result<(), SendError>;

    /// Returns the deliveries since the last call, in the order they happened.
    fn take_deliveries(&self) -> Vec<Delivery>;

    /// Waits until a delivery may have arrived. Cancel safe.
    async fn delivered(&self);

    /// Waits until everything sent is written, and makes it count. Waits a few seconds at most.
    ///
    /// # Errors
    /// Retriable when it takes longer; abortable when a record was not written.
    async fn commit(&self) -> Result<(), TransactionError>;

    /// Undoes what was sent. Waits a few seconds at most.
    ///
    /// # Errors
    /// Retriable when it takes longer.
    async fn abort(&self) -> Result<(), TransactionError>;

    /// Drops what is buffered and closes the client.
    async fn close(self: Box<Self>);
}

/// Makes a transactional producer from client settings by Java's names.
pub type TransactionalProducers =
    Arc<dyn Fn(&Props) -> Result<Box<dyn TransactionalProducer>, KafkaError> + Send + Sync>;

/// Returns a factory of transactional producers on librdkafka.
pub fn native_transactional_producers() -> TransactionalProducers {
    Arc::new(|props| Ok(Box::new(NativeTransactionalProducer::new(props)?)))
}

/// Returns `transaction.timeout.ms` of client settings by Java's names.
pub fn transaction_timeout(props: &Props) -> Duration {
    let given = props.get("transaction.timeout.ms").and_then(|text| text.trim().parse().ok());
    Duration::from_millis(given.unwrap_or(DEFAULT_TRANSACTION_TIMEOUT_MS))
}

struct NativeTransactionalProducer {
    producer: Arc<Producer>,
    /// `transactional.id`, for texts.
    id: String,
}

impl NativeTransactionalProducer {
    fn new(props: &Props) -> Result<Self, KafkaError> {
        let id = props.get("transactional.id").cloned().unwrap_or_default();
        Ok(Self { producer: Arc::new(Producer::new(&transactional_config(props)?)?), id })
    }

    async fn blocking(
        &self,
        step: impl FnOnce(&Producer) -> Result<(), ClientError> + Send + 'static,
    ) -> Result<(), TransactionError> {
        let producer = Arc::clone(&self.producer);
        let done = tokio::task::spawn_blocking(move || step(&producer)).await;
        let done = done.map_err(|error| TransactionError::Fatal(error.to_string()))?;
        done.map_err(|error| classify(error, &self.id))
    }
}

/// librdkafka refuses a delivery time-out beyond that of the transaction; Java waits for the shorter of the two.
fn transactional_config(props: &Props) -> Result<ClientConfig, KafkaError> {
    let limit = transaction_timeout(props);
    let mut props = props.clone();
    let is_longer =
        |text: &String| text.trim().parse::<u64>().is_ok_and(|millis| Duration::from_millis(millis) > limit);
    if props.get("delivery.timeout.ms").is_some_and(is_longer) {
        props.insert("delivery.timeout.ms".to_owned(), limit.as_millis().to_string());
    }
    to_librdkafka(ClientKind::Producer, &props)
}

#[async_trait]
impl TransactionalProducer for NativeTransactionalProducer {
    async fn init(&self) -> Result<(), TransactionError> {
        self.blocking(|producer| producer.inner.init_transactions(SLICE)).await
    }

    fn begin(&self) -> Result<(), TransactionError> {
        self.producer.inner.begin_transaction().map_err(|error| classify(error, &self.id))
    }

    fn send(&self, record: &OutgoingRecord<'_>, token: usize) -> Result<(), SendError> {
        self.producer.send(record, token)
    }

    fn take_deliveries(&self) -> Vec<Delivery> {
        self.producer.take_deliveries()
    }

    async fn delivered(&self) {
        self.producer.delivered().await;
    }

    async fn commit(&self) -> Result<(), TransactionError> {
        let producer = Arc::clone(&self.producer);
        let done = tokio::task::spawn_blocking(move || commit(&producer)).await;
        done.map_err(|error| TransactionError::Fatal(error.to_string()))?
    }

    async fn abort(&self) -> Result<(), TransactionError> {
        self.blocking(|producer| producer.inner.abort_transaction(SLICE)).await
    }

    async fn close(self: Box<Self>) {
        let producer = self.producer;
        let closed = tokio::task::spawn_blocking(move || {
            producer.inner.purge(PurgeConfig::default().queue().inflight());
            drop(producer);
        });
        closed.await.ok();
    }
}

/// Commits by librdkafka's own call. The one of the crate around it waits for all records first, in vain for one that
/// was refused a place in the transaction, and never learns that.
#[expect(unsafe_code, reason = "FFI to librdkafka; each block states why it is sound")]
fn commit(producer: &Producer) -> Result<(), TransactionError> {
    let limit_ms = i32::try_from(SLICE.as_millis()).unwrap_or(i32::MAX);
    // SAFETY: the pointer is that of a client which lives longer than this call.
    let error =
        unsafe { rdkafka_sys::rd_kafka_commit_transaction(producer.inner.client().native_ptr(), limit_ms) };
    if error.is_null() {
        return Ok(());
    }
    // SAFETY: librdkafka hands over an error that is valid until it is destroyed, which happens once, after the text
    // was copied.
    let (code, is_retriable, needs_abort, text) = unsafe {
        let text = CStr::from_ptr(rdkafka_sys::rd_kafka_error_string(error)).to_string_lossy().into_owned();
        let told = (
            RDKafkaErrorCode::from(rdkafka_sys::rd_kafka_error_code(error)),
            rdkafka_sys::rd_kafka_error_is_retriable(error) != 0,
            rdkafka_sys::rd_kafka_error_txn_requires_abort(error) != 0,
            text,
        );
        rdkafka_sys::rd_kafka_error_destroy(error);
        told
    };
    Err(classify_step(code, is_retriable, needs_abort, text))
}

fn classify(error: ClientError, id: &str) -> TransactionError {
    match error {
        ClientError::Transaction(error)
            if error.code() == RDKafkaErrorCode::TransactionalIdAuthorizationFailed =>
        {
            TransactionError::Fatal(format!(
                "not authorised; the principal needs WRITE and DESCRIBE on the transactional id `{id}`"
            ))
        }
        ClientError::Transaction(error) => {
            let (is_retriable, needs_abort) = (error.is_retriable(), error.txn_requires_abort());
            classify_step(error.code(), is_retriable, needs_abort, error.to_string())
        }
        other => TransactionError::Fatal(other.to_string()),
    }
}

fn classify_step(
    code: RDKafkaErrorCode,
    is_retriable: bool,
    needs_abort: bool,
    text: String,
) -> TransactionError {
    match code {
        // Trying again does not help, and librdkafka does not say which topic it is.
        RDKafkaErrorCode::TopicAuthorizationFailed => TransactionError::Fatal(format!(
            "not authorised; the principal needs WRITE on the topics of the transaction: {text}"
        )),
        RDKafkaErrorCode::Fenced
        | RDKafkaErrorCode::ProducerFenced
        | RDKafkaErrorCode::InvalidProducerEpoch => TransactionError::Fenced(text),
        _ if is_retriable => TransactionError::Retriable(text),
        _ if needs_abort => TransactionError::Abortable(text),
        _ => TransactionError::Fatal(text),
    }
}

#[cfg(test)]
mod tests;
