//! Offsets in a compacted topic: those of a distributed worker, or of one connector with a topic of its own.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use bytes::Bytes;
use connect_core::error::ConnectError;

use crate::config::WorkerConfig;
use crate::config::internal::InternalTopic;
use crate::kafka::port::KafkaError;
use crate::stores::log::{LogRecord, LogSettings, TopicLog};
use crate::stores::offsets::{OffsetStore, json};

/// Keeps offsets in a topic. Reads see everything that was in the topic when they were asked for. Dropping it closes
/// its clients.
pub struct KafkaOffsetStore {
    log: TopicLog,
    offsets: Arc<Mutex<Offsets>>,
}

/// All offsets by key; bounded by what connectors store, as the topic is. Ordered, so that all workers list them alike.
type Offsets = BTreeMap<Bytes, Bytes>;

impl KafkaOffsetStore {
    /// Opens the offset topic of a distributed worker and reads it to its end. The topic is created if it is missing.
    ///
    /// # Errors
    /// Fatal when the worker is none of a group, or the topic cannot be created, used or read.
    pub async fn open_worker(worker: &WorkerConfig) -> Result<Self, ConnectError> {
        let settings = LogSettings::of_worker(worker, InternalTopic::Offsets)
            .ok_or_else(|| ConnectError::fatal("opening the offset topic of a standalone worker"))?;
        Self::open(settings).await
    }

    /// Opens a topic and reads it to its end.
    ///
    /// # Errors
    /// Fatal when the topic cannot be created, used or read.
    pub async fn open(settings: LogSettings) -> Result<Self, ConnectError> {
        let topic = Arc::clone(&settings.topic);
        let offsets: Arc<Mutex<Offsets>> = Arc::default();
        let read = Arc::clone(&offsets);
        let on_record = Box::new(move |record: LogRecord| take(&mut lock(&read), &record));
        let log = TopicLog::open(settings, on_record)
            .await
            .map_err(|error| ConnectError::fatal(format!("opening offset topic `{topic}`")).because(error))?;
        Ok(Self { log, offsets })
    }

    async fn read_to_end(&self) -> Result<(), ConnectError> {
        let topic = self.log.topic();
        let reading = || ConnectError::retriable(format!("reading offset topic `{topic}` to its end"));
        match self.log.read_to_end().await {
            Ok(outcome) => outcome.map_err(|error| reading().because(error)),
            Err(_) => Err(reading()),
        }
    }
}

#[async_trait]
impl OffsetStore for KafkaOffsetStore {
    async fn get(&self, keys: &[Bytes]) -> Result<Vec<Option<Bytes>>, ConnectError> {
        self.read_to_end().await?;
        let offsets = lock(&self.offsets);
        Ok(keys.iter().map(|key| offsets.get(key).cloned()).collect())
    }

    /// Everything is handed to the client at once, in order, and goes on being written when the future is dropped.
    async fn set(&self, entries: Vec<(Bytes, Option<Bytes>)>) -> Result<(), ConnectError> {
        let write = |(key, value): &(Bytes, Option<Bytes>)| self.log.write(key, value.as_deref());
        let acknowledgements: Vec<_> = entries.iter().map(write).collect();
        for acknowledgement in acknowledgements {
            let closed = |_| Err(KafkaError::Fatal("the client was closed".to_owned()));
            acknowledgement.await.unwrap_or_else(closed).map_err(|error| {
                ConnectError::retriable(format!("writing to offset topic `{}`", self.log.topic()))
                    .because(error)
            })?;
        }
        Ok(())
    }

    async fn entries(&self) -> Result<Vec<(Bytes, Bytes)>, ConnectError> {
        self.read_to_end().await?;
        let offsets = lock(&self.offsets);
        Ok(offsets.iter().map(|(key, value)| (key.clone(), value.clone())).collect())
    }
}

/// Takes in a record, and returns why no connector will ever see it, if so: an offset that cannot be read does not
/// replace one that can. Bytes are copied: they may be part of a much larger answer of the broker.
fn take(offsets: &mut Offsets, record: &LogRecord) -> Option<String> {
    let Some(key) = record.key.as_deref() else { return Some("it has no key".to_owned()) };
    let shown = || String::from_utf8_lossy(key);
    let is_known = json::decode_key(key).is_some();
    match record.value.as_deref() {
        None => drop(offsets.remove(key)),
        Some(value) => {
            if is_known && let Err(error) = json::decode_value(value) {
                return Some(format!("the value of key `{}` is no offset: {}", shown(), error.context()));
            }
            let value = Bytes::copy_from_slice(value);
            match offsets.get_mut(key) {
                Some(known) => *known = value,
                None => drop(offsets.insert(Bytes::copy_from_slice(key), value)),
            }
        }
    }
    (!is_known).then(|| format!("the key `{}` is not a connector and a partition", shown()))
}

fn lock(offsets: &Mutex<Offsets>) -> MutexGuard<'_, Offsets> {
    // Nothing can panic half-way through a change, so a poisoned map is still whole.
    offsets.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
