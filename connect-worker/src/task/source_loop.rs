//! The loop of one source task: poll, convert, produce, store offsets of the acknowledged prefix.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use connect_core::error::ConnectError;
use connect_core::record::SourceRecord;

use crate::config::{ClientKind, client_props};
use crate::kafka::client_config::{self, to_librdkafka};
use crate::kafka::producer::{Producer, SendError};
use crate::stores::offsets::{ConnectorOffsets, OffsetStore};
use crate::task::errors::{FailedRecord, Failure, Stage};
use crate::task::handle::{TargetState, TaskState};
use crate::task::offset_flush::OffsetFlush;
use crate::task::source_parts::SourceParts;
use crate::task::source_pipeline::Converted;
use crate::task::submitted::{PartitionKeys, Submitted};

/// Longest time the producer is given to send what is buffered when the task ends (`WorkerSourceTask.close`).
const PRODUCER_CLOSE: Duration = Duration::from_secs(30);

/// A source task at work.
pub(crate) struct SourceLoop {
    parts: SourceParts,
    producer: Producer,
    offsets: ConnectorOffsets,
    submitted: Submitted,
    /// Records on their way, by token: the record for `commit_record`, and the topic it was sent to.
    in_flight: HashMap<usize, (SourceRecord, Arc<str>)>,
    flush: OffsetFlush,
    keys: PartitionKeys,
}

impl SourceLoop {
    /// Runs a task until it is stopped or fails, and closes everything.
    ///
    /// # Errors
    /// Returns what failed the task.
    pub(crate) async fn run(parts: SourceParts) -> Result<(), ConnectError> {
        let (id, props) = (&parts.spec.id, &parts.spec.connector_props);
        let opened = match &parts.services.source_stores {
            None => Some(Ok(Arc::clone(&parts.services.offsets))),
            Some(stores) => parts.control.unless_stopped(stores.open(id, props)).await,
        };
        let Some(store) = opened.transpose()? else { return Ok(()) };
        Self::new(parts, store)?.run_to_end().await
    }

    fn new(parts: SourceParts, store: Arc<dyn OffsetStore>) -> Result<Self, ConnectError> {
        let (id, props, worker) = (&parts.spec.id, &parts.spec.connector_props, &parts.services.worker);
        let client = client_props(ClientKind::SourceProducer, worker, &id.connector, Some(id.task), props)?;
        let producer = to_librdkafka(client_config::ClientKind::Producer, &client)
            .and_then(|config| Producer::new(&config))
            .map_err(|error| ConnectError::fatal("creating the producer of the task").because(error))?;
        let offsets = ConnectorOffsets::new(store, Arc::clone(&id.connector));
        let flush =
            OffsetFlush::new(worker.offset_flush_interval, worker.offset_flush_timeout, Instant::now());
        Ok(Self {
            parts,
            producer,
            offsets,
            submitted: Submitted::default(),
            in_flight: HashMap::new(),
            flush,
            keys: PartitionKeys::default(),
        })
    }

    async fn run_to_end(mut self) -> Result<(), ConnectError> {
        let outcome = self.work().await;
        if let Err(error) = &outcome {
            self.parts.log_failure(error);
        }
        self.parts.stop_task().await;
        // Offsets of what is acknowledged are stored also when the task failed.
        let drained = self.drain().await;
        self.producer.close(PRODUCER_CLOSE).await;
        outcome.and(drained)
    }

    async fn work(&mut self) -> Result<(), ConnectError> {
        if !self.parts.start(Arc::new(self.offsets.clone()), None).await? {
            return Ok(());
        }
        while !self.parts.control.stop.is_cancelled() {
            if !(self.parts.services.right)() {
                self.parts.await_stop_without_right().await;
                return Ok(());
            }
            self.take_deliveries()?;
            self.flush_if_due().await;
            if *self.parts.control.target.borrow_and_update() == TargetState::Paused {
                self.pause().await?;
                continue;
            }
            if let Some(records) = self.parts.poll(self.flush.due()).await? {
                self.send(records).await?;
            }
        }
        Ok(())
    }

    /// Waits while the target is paused; acknowledgements and offsets go on.
    async fn pause(&mut self) -> Result<(), ConnectError> {
        self.parts.control.report_state(TaskState::Paused, None);
        loop {
            tokio::select! {
                biased; // Ending comes first, then a change of state.
                () = self.parts.control.stop.cancelled() => return Ok(()),
                _ = self.parts.control.target.changed() => {}
                () = self.producer.delivered() => {}
                () = tokio::time::sleep_until(self.flush.due().into()) => {}
            }
            self.take_deliveries()?;
            self.flush_if_due().await;
            if *self.parts.control.target.borrow_and_update() != TargetState::Paused {
                self.parts.control.report_state(TaskState::Running, None);
                return Ok(());
            }
        }
    }

    async fn send(&mut self, records: Vec<SourceRecord>) -> Result<(), ConnectError> {
        for record in records {
            if self.parts.must_end() {
                // Records not handed to the producer are polled again after the restart.
                return Ok(());
            }
            match self.parts.pipeline.convert(&record).await? {
                Some(converted) => self.produce(record, &converted).await?,
                None => self.parts.task.commit_record(&record, false),
            }
        }
        self.parts.metrics.active(self.submitted.active() as u64);
        Ok(())
    }

    async fn produce(&mut self, record: SourceRecord, converted: &Converted) -> Result<(), ConnectError> {
        while !self.parts.ensure_topic(&converted.topic).await? {
            self.take_deliveries()?;
        }
        if self.parts.must_end() {
            return Ok(());
        }
        let key = self.keys.of(record.source_partition.as_ref());
        let token =
            self.submitted.submit(&key, record.source_partition.as_ref(), record.source_offset.as_ref());
        let outgoing = converted.outgoing();
        loop {
            match self.producer.send(&outgoing, token) {
                Ok(()) => {
                    self.in_flight.insert(token, (record, Arc::clone(&converted.topic)));
                    return Ok(());
                }
                Err(SendError::Full) => {
                    tokio::select! {
                        biased; // A full buffer while Kafka is away must not delay the end of the task.
                        () = self.parts.control.stop.cancelled() => {
                            self.submitted.withdraw(token);
                            return Ok(());
                        }
                        () = self.producer.delivered() => {}
                        () = tokio::time::sleep(Duration::from_millis(20)) => {}
                    }
                    self.take_deliveries()?;
                    self.flush_if_due().await;
                }
                Err(SendError::Refused(reason)) => {
                    self.submitted.withdraw(token);
                    let topic = &converted.topic;
                    let cause = ConnectError::fatal(format!("sending to topic `{topic}`: {reason}"));
                    return Err(ConnectError::fatal("Unrecoverable exception trying to send").because(cause));
                }
            }
        }
    }

    /// Takes in what Kafka acknowledged or refused.
    fn take_deliveries(&mut self) -> Result<(), ConnectError> {
        let mut written = 0;
        for delivery in self.producer.take_deliveries() {
            let Some((record, topic)) = self.in_flight.remove(&delivery.token) else { continue };
            match delivery.error {
                None => {
                    written += 1;
                    self.parts.report_topic(&topic);
                    self.parts.task.commit_record(&record, true);
                }
                Some(reason) => self.refuse(&record, reason)?,
            }
            self.submitted.acknowledge(delivery.token);
        }
        if written > 0 {
            self.parts.metrics.written(written);
            self.parts.metrics.active(self.submitted.active() as u64);
        }
        Ok(())
    }

    fn refuse(&mut self, record: &SourceRecord, reason: String) -> Result<(), ConnectError> {
        let topic = &record.topic;
        let error = ConnectError::fatal(format!("producing to topic `{topic}`: {reason}"));
        if !self.parts.errors.tolerates() {
            return Err(
                ConnectError::fatal("Unrecoverable exception from producer send callback").because(error)
            );
        }
        let class = "org.apache.kafka.clients.producer.KafkaProducer";
        let failure = Failure { stage: Stage::KafkaProduce, class, error };
        self.parts.errors.handle(&FailedRecord::Source(record), failure)?;
        self.parts.task.commit_record(record, false);
        Ok(())
    }

    /// Stores offsets when it is time, beside the loop.
    async fn flush_if_due(&mut self) {
        self.flush.add(self.submitted.take_committable());
        if let Some(written) = self.flush.settle().await {
            self.count_flush(written);
            if written {
                self.parts.commit_task().await;
            }
        }
        if (self.parts.services.right)() && self.flush.begin_if_due(&self.offsets, Instant::now()) {
            self.parts.commit_task().await;
        }
    }

    fn count_flush(&self, is_written: bool) {
        if is_written {
            self.parts.metrics.commit_succeeded(self.flush.last_duration());
        } else {
            self.parts.metrics.commit_failed(self.flush.last_duration());
        }
    }

    /// Waits for acknowledgements for at most `offset.flush.timeout.ms`, then stores the last offsets.
    async fn drain(&mut self) -> Result<(), ConnectError> {
        let deadline = Instant::now() + self.parts.services.worker.offset_flush_timeout;
        let mut outcome = self.take_deliveries();
        while self.submitted.active() > 0 && outcome.is_ok() && Instant::now() < deadline {
            tokio::select! {
                () = self.producer.delivered() => {}
                () = tokio::time::sleep(Duration::from_millis(100)) => {}
            }
            outcome = self.take_deliveries();
        }
        self.flush.add(self.submitted.take_committable());
        // Offsets of another worker that goes on with this task must not be overwritten by older ones.
        if (self.parts.services.right)() && self.flush.finish(&self.offsets).await {
            self.parts.commit_task().await;
        }
        outcome
    }
}
