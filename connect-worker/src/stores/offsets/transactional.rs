//! Offsets that REST changes for a connector whose tasks write exactly once: in a transaction of the first task's id,
//! so that a task left over cannot write after it.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use connect_core::config::Props;
use connect_core::error::ConnectError;
use connect_core::record::RawHeaders;

use crate::kafka::producer::{
    OutgoingRecord, SendError, TransactionError, TransactionalProducer, TransactionalProducers,
};
use crate::stores::offsets::{Entries, ExactlyOnceOffsets, OffsetStore, Secondary};

const PAUSE: Duration = Duration::from_millis(100);

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
        let mut secondary = secondary.map(|store| Secondary::new(store, self.timeout));
        let topic = Arc::clone(&self.stores.topic);
        // On a task of its own: a transaction half-way would hold up all readers until it times out.
        let written = tokio::spawn(async move {
            if let Some(secondary) = &mut secondary {
                secondary.delete_first(&entries).await?;
            }
            let outcome = write(&*producer, &topic, &entries).await;
            producer.close().await;
            outcome?;
            if let Some(mut secondary) = secondary {
                secondary.store_after(entries);
                secondary.finish().await;
            }
            Ok(())
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

async fn write(
    producer: &dyn TransactionalProducer,
    topic: &str,
    entries: &Entries,
) -> Result<(), ConnectError> {
    while let Some(reason) = retriable(producer.init().await)? {
        tracing::warn!(reason, "initializing transactions takes long; still trying");
        tokio::time::sleep(PAUSE).await;
    }
    producer.begin().map_err(refused)?;
    let written = match send(producer, topic, entries).await {
        Ok(()) => commit(producer).await,
        Err(error) => Err(error),
    };
    if written.is_err() {
        // What cannot be aborted here is aborted by whoever takes the transactional id next.
        producer.abort().await.ok();
    }
    written
}

async fn send(
    producer: &dyn TransactionalProducer,
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
                SendError::Full => tokio::time::sleep(PAUSE).await,
                SendError::Refused(reason) => {
                    let text = format!("writing source offsets to topic `{topic}`: {reason}");
                    return Err(ConnectError::fatal(text));
                }
            }
        }
    }
    Ok(())
}

async fn commit(producer: &dyn TransactionalProducer) -> Result<(), ConnectError> {
    while let Some(reason) = retriable(producer.commit().await)? {
        tracing::warn!(reason, "committing source offsets takes long; still trying");
        tokio::time::sleep(PAUSE).await;
    }
    Ok(())
}

/// Returns why a step must be made again, `None` when it is done.
fn retriable(outcome: Result<(), TransactionError>) -> Result<Option<String>, ConnectError> {
    match outcome {
        Ok(()) => Ok(None),
        Err(TransactionError::Retriable(reason)) => Ok(Some(reason)),
        Err(error) => Err(refused(error)),
    }
}
