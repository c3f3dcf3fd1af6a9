//! The transactions of one source task: records and offsets go in, and count together or not at all.

use std::sync::Arc;
use std::time::{Duration, Instant};

use connect_core::data::Map;
use connect_core::error::ConnectError;
use connect_core::record::SourceRecord;
use connect_core::task::{SourceTask, TaskId};
use indexmap::IndexMap;
use tokio_util::sync::CancellationToken;

use crate::kafka::producer::{OutgoingRecord, SendError, TransactionError, TransactionalProducer};
use crate::obs::metrics::SourceTaskMetrics;
use crate::stores::offsets::{ConnectorOffsets, Entries, ExactlyOnceOffsets, Secondary};
use crate::task::submitted::{Committable, PartitionKey, PartitionKeys};

/// Token of deliveries that nobody waits for: those of offsets.
const NO_TOKEN: usize = usize::MAX;
/// Longest time a failed task waits for its transaction to be aborted. What is not aborted here holds up readers
/// until the next task takes the transactional id over, or the broker gives the transaction up.
const ABANDON: Duration = Duration::from_secs(3);

/// What a task writes into.
pub(crate) struct Transaction {
    id: TaskId,
    producer: Box<dyn TransactionalProducer>,
    /// `transaction.timeout.ms` of the producer.
    timeout: Duration,
    offsets: ConnectorOffsets,
    topic: Arc<str>,
    secondary: Option<Secondary>,
    metrics: Arc<SourceTaskMetrics>,
    opened: Option<Instant>,
    /// Records in the open transaction.
    size: u64,
    /// Newest offset of each source partition whose records were sent since the last commit.
    waiting: IndexMap<PartitionKey, Committable>,
    keys: PartitionKeys,
    /// Records since the last commit in the order they were polled, and whether they were sent.
    records: Vec<(SourceRecord, bool)>,
    /// Why a record was not written, for the text when the commit fails.
    undelivered: Option<String>,
    /// Records sent and not acknowledged yet.
    active: u64,
}

impl Transaction {
    /// Returns a writer for a producer that has taken over its transactional id.
    pub(crate) fn new(
        id: TaskId,
        producer: Box<dyn TransactionalProducer>,
        timeout: Duration,
        stores: ExactlyOnceOffsets,
        flush_timeout: Duration,
        metrics: Arc<SourceTaskMetrics>,
    ) -> Self {
        let offsets = ConnectorOffsets::new(stores.store, Arc::clone(&id.connector));
        Self {
            id,
            producer,
            timeout,
            offsets,
            topic: stores.topic,
            secondary: stores.secondary.map(|store| Secondary::new(store, flush_timeout)),
            metrics,
            opened: None,
            size: 0,
            waiting: IndexMap::new(),
            keys: PartitionKeys::default(),
            records: Vec::new(),
            undelivered: None,
            active: 0,
        }
    }

    /// Returns the offsets as the task reads them.
    pub(crate) fn offsets(&self) -> &ConnectorOffsets {
        &self.offsets
    }

    /// Returns the number of records in the open transaction.
    pub(crate) fn size(&self) -> u64 {
        self.size
    }

    /// Hands a record to the producer, in a transaction that is begun when none is open. Returns `false` when the
    /// task must end before there was room.
    ///
    /// # Errors
    /// Fails (fatal) when the record cannot be sent any more.
    pub(crate) async fn send(
        &mut self,
        record: &OutgoingRecord<'_>,
        token: usize,
        stop: &CancellationToken,
    ) -> Result<bool, ConnectError> {
        if *record.topic == *self.topic {
            // The commit would wait for itself: offsets are read to the end of what is committed.
            let text = "Source tasks may not produce to their own offsets topics when exactly-once support is enabled";
            return Err(ConnectError::fatal(text));
        }
        self.begin()?;
        loop {
            match self.producer.send(record, token) {
                Ok(()) => {
                    self.active += 1;
                    self.size += 1;
                    return Ok(true);
                }
                Err(SendError::Full) => {
                    tokio::select! {
                        biased; // A full buffer while Kafka is away must not delay the end of the task.
                        () = stop.cancelled() => return Ok(false),
                        () = self.producer.delivered() => {}
                        () = tokio::time::sleep(Duration::from_millis(20)) => {}
                    }
                }
                Err(SendError::Refused(reason)) => {
                    let topic = record.topic;
                    let reason = self.undelivered.take().unwrap_or(reason);
                    let cause = ConnectError::fatal(format!("sending to topic `{topic}`: {reason}"));
                    return Err(self.failed("Unrecoverable exception trying to send", cause));
                }
            }
        }
    }

    /// Notes a record that was sent; its offset is part of the transaction.
    pub(crate) fn sent(&mut self, record: SourceRecord) {
        let partition = record.source_partition.as_ref();
        let key = self.keys.of(partition);
        self.waiting.insert(key, (partition.cloned(), record.source_offset.clone()));
        self.records.push((record, true));
    }

    /// Notes a record that was dropped on its way. Its offset is not stored, as on the JVM.
    pub(crate) fn dropped(&mut self, record: SourceRecord) {
        self.records.push((record, false));
    }

    /// Returns the tokens of records acknowledged since the last call.
    pub(crate) fn take_acknowledged(&mut self) -> Vec<usize> {
        let mut acknowledged = Vec::new();
        for delivery in self.producer.take_deliveries() {
            if delivery.token != NO_TOKEN {
                self.active = self.active.saturating_sub(1);
            }
            match delivery.error {
                None if delivery.token != NO_TOKEN => acknowledged.push(delivery.token),
                None => {}
                // The commit fails with it, so that records and offsets go together.
                Some(reason) => drop(self.undelivered.get_or_insert(reason)),
            }
        }
        self.metrics.written(acknowledged.len() as u64);
        self.metrics.active(self.active);
        acknowledged
    }

    /// Makes everything since the last commit count, with its offsets, and tells the task of each record.
    ///
    /// # Errors
    /// Fails (fatal) when that is not possible; the task must end and abandon the transaction.
    pub(crate) async fn commit(&mut self, task: &mut dyn SourceTask) -> Result<(), ConnectError> {
        let started = Instant::now();
        if self.opened.is_some() || !self.waiting.is_empty() {
            if let Err(error) = self.write().await {
                self.metrics.commit_failed(started.elapsed());
                let text = format!("Failed to flush offsets and/or records for task {}", self.id);
                return Err(self.failed(&text, error));
            }
            self.metrics.transaction(std::mem::take(&mut self.size));
        }
        self.metrics.commit_succeeded(started.elapsed());
        for (record, was_written) in self.records.drain(..) {
            task.commit_record(&record, was_written);
        }
        Ok(())
    }

    /// Undoes what the open transaction holds. The offsets of its records stay, for the next commit, so that they
    /// are not read again.
    ///
    /// # Errors
    /// Fails (fatal) when the producer is fenced or broken.
    pub(crate) async fn abort(&mut self) -> Result<(), ConnectError> {
        if self.opened.is_none() {
            tracing::warn!(
                task = %self.id,
                "ignoring the task's request to abort a transaction, since the current one is empty"
            );
            return Ok(());
        }
        tracing::debug!(task = %self.id, records = self.size, "aborting the transaction, as the task asked");
        if let Err(error) = finished(&self.id, "aborting", || self.producer.abort()).await {
            let text = format!("aborting the transaction of task {}", self.id);
            return Err(self.failed(&text, error.into()));
        }
        self.opened = None;
        self.size = 0;
        self.undelivered = None;
        for (_, was_written) in &mut self.records {
            *was_written = false;
        }
        Ok(())
    }

    /// Closes the producer of a task that ended. After a failure nothing is committed.
    pub(crate) async fn close(mut self) {
        if self.opened.is_some() {
            let abort = finished(&self.id, "aborting", || self.producer.abort());
            match tokio::time::timeout(ABANDON, abort).await {
                Ok(Ok(())) => {}
                Ok(Err(error)) => {
                    tracing::debug!(task = %self.id, %error, "aborting an abandoned transaction")
                }
                Err(_) => tracing::warn!(task = %self.id, "the broker did not abort the transaction in time"),
            }
        }
        if let Some(secondary) = self.secondary.take() {
            secondary.finish().await;
        }
        self.producer.close().await;
    }

    fn begin(&mut self) -> Result<(), ConnectError> {
        if self.opened.is_none() {
            if let Err(error) = self.producer.begin() {
                return Err(self.failed("beginning a transaction", error.into()));
            }
            self.opened = Some(Instant::now());
        }
        Ok(())
    }

    async fn write(&mut self) -> Result<(), ConnectError> {
        let entries = self.entries().await?;
        if let Some(secondary) = &mut self.secondary {
            secondary.delete_first(&entries).await?;
        }
        // After an abort the offsets go into a transaction of their own.
        self.begin()?;
        for (key, value) in &entries {
            self.send_offset(key, value.as_deref()).await?;
        }
        if let Err(error) = finished(&self.id, "committing", || self.producer.commit()).await {
            self.take_acknowledged();
            let cause = match self.undelivered.take() {
                Some(reason) if matches!(error, TransactionError::Abortable(_)) => {
                    ConnectError::fatal(format!("{error}: {reason}"))
                }
                _ => error.into(),
            };
            return Err(cause);
        }
        self.opened = None;
        self.waiting.clear();
        if let Some(secondary) = &mut self.secondary {
            secondary.store_after(entries);
        }
        Ok(())
    }

    /// Returns the offsets of this transaction as stored.
    async fn entries(&self) -> Result<Entries, ConnectError> {
        let changes: Vec<(Map, Option<Map>)> = self
            .waiting
            .values()
            .filter_map(|(partition, offset)| {
                Some((Map::clone(partition.as_ref()?), offset.as_ref().map(|offset| Map::clone(offset))))
            })
            .collect();
        self.offsets.encode(&changes).await
    }

    async fn send_offset(&self, key: &[u8], value: Option<&[u8]>) -> Result<(), ConnectError> {
        let record = OutgoingRecord {
            topic: &self.topic,
            partition: None,
            key: Some(key),
            value,
            timestamp: None,
            headers: Vec::new(),
        };
        loop {
            match self.producer.send(&record, NO_TOKEN) {
                Ok(()) => return Ok(()),
                // Ends when the client gives records up, at the latest with the transaction.
                Err(SendError::Full) => tokio::time::sleep(Duration::from_millis(20)).await,
                Err(SendError::Refused(reason)) => {
                    let topic = &self.topic;
                    return Err(ConnectError::fatal(format!("sending offsets to topic `{topic}`: {reason}")));
                }
            }
        }
    }

    /// Returns the error of a failed step. The client does not tell a producer that was fenced by another one from
    /// one whose transaction the broker gave up; the time since its begin does.
    fn failed(&self, text: &str, cause: ConnectError) -> ConnectError {
        let is_late = self.opened.is_some_and(|opened| opened.elapsed() >= self.timeout);
        if is_late {
            ConnectError::fatal(too_slow(&self.id)).because(cause)
        } else {
            ConnectError::fatal(text).because(cause)
        }
    }
}

impl From<TransactionError> for ConnectError {
    fn from(error: TransactionError) -> Self {
        let text = match &error {
            TransactionError::Fenced(_) => {
                "another producer with the same transactional id took over: a newer task runs, or fenced this one"
            }
            TransactionError::Abortable(_) => "the transaction can only be aborted",
            TransactionError::Retriable(_) | TransactionError::Fatal(_) => "the producer cannot go on",
        };
        ConnectError::fatal(text).because(error)
    }
}

/// Makes a step until it is done.
async fn finished<F>(id: &TaskId, step: &str, attempt: impl Fn() -> F) -> Result<(), TransactionError>
where
    F: Future<Output = Result<(), TransactionError>>,
{
    loop {
        match attempt().await {
            Err(TransactionError::Retriable(reason)) => {
                tracing::warn!(task = %id, reason, "{step} a transaction takes long; still waiting");
                // Errors may come back at once.
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
            outcome => return outcome,
        }
    }
}

fn too_slow(id: &TaskId) -> String {
    format!(
        "The task {id} was unable to finish writing records to Kafka before its producer transaction expired. It may be \
         necessary to reconfigure this connector in order for it to run successfully. Options for this include: tuning \
         the connector's producer settings (producer.override.…) for higher throughput, letting the transaction run for \
         longer (producer.override.transaction.timeout.ms), reading smaller batches, or committing more often \
         (transaction.boundary=interval with a smaller transaction.boundary.interval.ms)"
    )
}
