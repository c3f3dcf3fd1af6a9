//! Offsets that REST changes for a connector whose tasks write exactly once: in a transaction of the first task's id,
//! so that a task left over cannot write after it.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use connect_core::config::Props;
use connect_core::error::ConnectError;
use connect_core::record::RawHeaders;
use tokio::time::Instant;

use crate::kafka::producer::{
    OutgoingRecord, SendError, TransactionError, TransactionalProducer, TransactionalProducers,
};
use crate::stores::offsets::{Entries, ExactlyOnceOffsets, OffsetStore, Secondary};

const PAUSE: Duration = Duration::from_millis(100);
/// Longest time for a write: whoever asked for it has given up by then.
const LIMIT: Duration = Duration::from_secs(90);
const LATE: &str = "writing source offsets in a transaction takes long";

/// Reads what is committed, and writes in a transaction at a time.
pub(super) struct TransactionalOffsetStore {
    stores: ExactlyOnceOffsets,
    producers: TransactionalProducers,
    /// Settings of the producer, by Java's names.
    producer: Props,
    timeout: Duration,
}

impl TransactionalOffsetStore {
    /// Returns a store. Deleting in the secondary store may take `timeout`.
    pub(super) fn new(
        stores: ExactlyOnceOffsets,
        producers: TransactionalProducers,
        producer: Props,
        timeout: Duration,
    ) -> Self {
        Self { stores, producers, producer, timeout }
    }
}

#[async_trait]
impl OffsetStore for TransactionalOffsetStore {
    async fn get(&self, keys: &[Bytes]) -> Result<Vec<Option<Bytes>>, ConnectError> {
        self.stores.store.get(keys).await
    }

    async fn set(&self, entries: Entries) -> Result<(), ConnectError> {
        let producer = (self.producers)(&self.producer).map_err(refused)?;
        let secondary = self.stores.secondary.clone();
        let secondary = secondary.map(|store| Secondary::new(store, self.timeout));
        let topic = Arc::clone(&self.stores.topic);
        // On a task of its own: a transaction half-way would hold up all readers until it times out.
        let written = tokio::spawn(async move {
            let deadline = Instant::now() + LIMIT;
            let outcome = write(&*producer, deadline, &topic, entries, secondary).await;
            producer.close().await;
            outcome
        });
        written.await.unwrap_or_else(|error| Err(refused(error)))
    }

    async fn entries(&self) -> Result<Vec<(Bytes, Bytes)>, ConnectError> {
        self.stores.store.entries().await
    }
}

fn refused(error: impl std::error::Error + Send + Sync + 'static) -> ConnectError {
    ConnectError::fatal("writing source offsets in a transaction").because(error)
}

/// Takes over the id before anything is changed, so that a task that is left over cannot write in between.
async fn write(
    producer: &dyn TransactionalProducer,
    deadline: Instant,
    topic: &str,
    entries: Entries,
    mut secondary: Option<Secondary>,
) -> Result<(), ConnectError> {
    while is_to_be_repeated(producer.init().await, deadline)? {
        tokio::time::sleep(PAUSE).await;
    }
    if let Some(secondary) = &mut secondary {
        secondary.delete_first(&entries).await?;
    }
    producer.begin().map_err(refused)?;
    let written = match send(producer, deadline, topic, &entries).await {
        Ok(()) => commit(producer, deadline).await,
        Err(error) => Err(error),
    };
    if let Err(error) = written {
        // What cannot be aborted here is aborted by whoever takes the transactional id next.
        producer.abort().await.ok();
        return Err(error);
    }
    if let Some(mut secondary) = secondary {
        secondary.store_after(entries);
        secondary.finish().await;
    }
    Ok(())
}

async fn send(
    producer: &dyn TransactionalProducer,
    deadline: Instant,
    topic: &str,
    entries: &Entries,
) -> Result<(), ConnectError> {
    for (token, (key, value)) in entries.iter().enumerate() {
        let record = OutgoingRecord {
            topic,
            partition: None,
            key: Some(key),
            value: value.as_deref(),
            timestamp: None,
            headers: RawHeaders::default(),
        };
        while let Err(error) = producer.send(&record, token) {
            match error {
                SendError::Full if Instant::now() < deadline => tokio::time::sleep(PAUSE).await,
                SendError::Full => return Err(ConnectError::retriable(LATE)),
                SendError::Refused(reason) => {
                    let text = format!("writing source offsets to topic `{topic}`: {reason}");
                    return Err(ConnectError::fatal(text));
                }
            }
        }
    }
    Ok(())
}

async fn commit(producer: &dyn TransactionalProducer, deadline: Instant) -> Result<(), ConnectError> {
    while is_to_be_repeated(producer.commit().await, deadline)? {
        tokio::time::sleep(PAUSE).await;
    }
    Ok(())
}

/// Returns whether a step must be made again.
fn is_to_be_repeated(outcome: Result<(), TransactionError>, deadline: Instant) -> Result<bool, ConnectError> {
    match outcome {
        Ok(()) => Ok(false),
        Err(TransactionError::Retriable(reason)) if Instant::now() < deadline => {
            tracing::warn!(reason, "{LATE}; it is tried again");
            Ok(true)
        }
        Err(error) => Err(refused(error)),
    }
}
