//! The loop of one source task: poll, convert, produce, store offsets of the acknowledged prefix.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use connect_core::data::Map;
use connect_core::error::ConnectError;
use connect_core::record::SourceRecord;
use connect_core::task::{SourceTask, SourceTaskContext};

use crate::config::{ClientKind, client_props};
use crate::kafka::client_config::{self, to_librdkafka};
use crate::kafka::producer::{OutgoingRecord, Producer, SendError};
use crate::obs::metrics::SourceTaskMetrics;
use crate::stores::offsets::ConnectorOffsets;
use crate::task::errors::{ErrorPolicy, FailedRecord, Failure, Stage};
use crate::task::handle::{TargetState, TaskControl, TaskSpec, TaskState};
use crate::task::offset_flush::OffsetFlush;
use crate::task::services::TaskServices;
use crate::task::source_pipeline::{Converted, SourcePipeline};
use crate::task::submitted::{PartitionKey, Submitted};
use crate::task::topics::TopicCreator;

/// Longest time the producer is given to send what is buffered when the task ends (`WorkerSourceTask.close`).
const PRODUCER_CLOSE: Duration = Duration::from_secs(30);

/// A source task at work.
pub(crate) struct SourceLoop {
    control: TaskControl,
    services: TaskServices,
    spec: TaskSpec,
    task: Box<dyn SourceTask>,
    pipeline: SourcePipeline,
    errors: ErrorPolicy,
    producer: Producer,
    topics: TopicCreator,
    offsets: ConnectorOffsets,
    metrics: Arc<SourceTaskMetrics>,
    submitted: Submitted,
    /// Records on their way, by token, for `commit_record`.
    in_flight: HashMap<usize, SourceRecord>,
    flush: OffsetFlush,
    keys: PartitionKeys,
    topics_seen: HashSet<Arc<str>>,
}

impl SourceLoop {
    /// Builds everything the task needs; nothing is started.
    ///
    /// # Errors
    /// Fails (fatal) when the configuration is refused by a plug-in or a client.
    pub(crate) fn new(
        spec: TaskSpec,
        services: TaskServices,
        control: TaskControl,
        task: Box<dyn SourceTask>,
        metrics: Arc<SourceTaskMetrics>,
    ) -> Result<Self, ConnectError> {
        let (id, props) = (&spec.id, &spec.connector_props);
        let worker = &services.worker;
        let client = client_props(ClientKind::SourceProducer, worker, &id.connector, Some(id.task), props)?;
        let producer = to_librdkafka(client_config::ClientKind::Producer, &client)
            .and_then(|config| Producer::new(&config))
            .map_err(|error| ConnectError::fatal("creating the producer of the task").because(error))?;
        let errors = ErrorPolicy::new(
            ErrorPolicy::parse(props)?,
            id.clone(),
            Arc::clone(&metrics.errors),
            None,
            control.stop.clone(),
        );
        let pipeline = SourcePipeline::new(worker, props, &spec.registry, errors.clone())?;
        let topics = TopicCreator::new(id, worker, props)?;
        let offsets = ConnectorOffsets::new(Arc::clone(&services.offsets), Arc::clone(&id.connector));
        let flush =
            OffsetFlush::new(worker.offset_flush_interval, worker.offset_flush_timeout, Instant::now());
        Ok(Self {
            control,
            task,
            pipeline,
            errors,
            producer,
            topics,
            offsets,
            metrics,
            submitted: Submitted::default(),
            in_flight: HashMap::new(),
            flush,
            keys: PartitionKeys::default(),
            topics_seen: HashSet::new(),
            services,
            spec,
        })
    }

    /// Runs until the task is stopped or fails, and closes everything.
    ///
    /// # Errors
    /// Returns what failed the task.
    pub(crate) async fn run(mut self) -> Result<(), ConnectError> {
        let outcome = self.work().await;
        if let Err(error) = &outcome {
            tracing::error!(task = %self.spec.id, %error, cause = %error.trace(), "task failed; it stays failed until it is restarted");
        }
        if let Err(error) = self.task.stop().await {
            tracing::warn!(task = %self.spec.id, %error, "stopping task");
        }
        // Offsets of what is acknowledged are stored also when the task failed.
        let drained = self.drain().await;
        self.producer.close(PRODUCER_CLOSE).await;
        outcome.and(drained)
    }

    async fn work(&mut self) -> Result<(), ConnectError> {
        let context = SourceTaskContext {
            id: self.spec.id.clone(),
            offsets: Arc::new(self.offsets.clone()),
            transactions: None,
            stop: self.control.stop.clone(),
            clock: Arc::clone(&self.services.clock),
        };
        let start = self.task.start(context, &self.spec.task_props);
        tokio::select! {
            biased; // A task that hangs in `start` can still be stopped.
            () = self.control.stop.cancelled() => return Ok(()),
            started = start => started?,
        }
        self.control.has_started.store(true, Ordering::Release);
        self.services.metrics.worker().task_started(true);
        self.control.report_state(TaskState::Running, None);
        while !self.control.stop.is_cancelled() {
            self.take_deliveries()?;
            self.flush_if_due().await;
            if *self.control.target.borrow_and_update() == TargetState::Paused {
                self.pause().await?;
                continue;
            }
            let records = self.poll().await?;
            self.send(records).await?;
        }
        Ok(())
    }

    /// Waits while the target is paused; acknowledgements and offsets go on.
    async fn pause(&mut self) -> Result<(), ConnectError> {
        self.control.report_state(TaskState::Paused, None);
        loop {
            tokio::select! {
                biased; // Ending comes first, then a change of state.
                () = self.control.stop.cancelled() => return Ok(()),
                _ = self.control.target.changed() => {}
                () = self.producer.delivered() => {}
                () = tokio::time::sleep_until(self.flush.due().into()) => {}
            }
            self.take_deliveries()?;
            self.flush_if_due().await;
            if *self.control.target.borrow_and_update() != TargetState::Paused {
                self.control.report_state(TaskState::Running, None);
                return Ok(());
            }
        }
    }

    /// Polls the task; returns nothing when something else needs the loop first.
    async fn poll(&mut self) -> Result<Vec<SourceRecord>, ConnectError> {
        let started = Instant::now();
        let polled = tokio::select! {
            biased; // `poll` is cancel safe, so everything else may interrupt it.
            () = self.control.stop.cancelled() => return Ok(Vec::new()),
            _ = self.control.target.changed() => return Ok(Vec::new()),
            () = tokio::time::sleep_until(self.flush.due().into()) => return Ok(Vec::new()),
            polled = self.task.poll() => polled,
        };
        match polled {
            Ok(records) => {
                if records.is_empty() {
                    // A source that has nothing and does not wait must not spin.
                    tokio::time::sleep(Duration::from_millis(5)).await;
                } else {
                    self.metrics.polled(records.len() as u64);
                    self.metrics.poll_batch(started.elapsed());
                }
                Ok(records)
            }
            Err(error) if error.is_retriable() => {
                tracing::warn!(task = %self.spec.id, %error, "polling the source; it is tried again");
                tokio::time::sleep(Duration::from_millis(100)).await;
                Ok(Vec::new())
            }
            Err(error) => Err(error),
        }
    }

    async fn send(&mut self, records: Vec<SourceRecord>) -> Result<(), ConnectError> {
        for record in records {
            if self.control.stop.is_cancelled() {
                // Records not handed to the producer are polled again after the restart.
                return Ok(());
            }
            match self.pipeline.convert(&record).await? {
                Some(converted) => self.produce(record, &converted).await?,
                None => self.task.commit_record(&record, false),
            }
        }
        self.metrics.active(self.submitted.active() as u64);
        Ok(())
    }

    async fn produce(&mut self, record: SourceRecord, converted: &Converted) -> Result<(), ConnectError> {
        // A topic that cannot be created for now holds the record back, as a full send buffer does.
        while let Err(error) = self.topics.ensure(&converted.topic, &self.control.stop).await {
            if !error.is_retriable() {
                return Err(error);
            }
            tracing::warn!(task = %self.spec.id, cause = %error.trace(), "creating a topic; it is tried again");
            tokio::time::sleep(Duration::from_millis(100)).await;
            self.take_deliveries()?;
        }
        if self.control.stop.is_cancelled() {
            return Ok(());
        }
        let key = self.keys.of(record.source_partition.as_ref());
        let token =
            self.submitted.submit(&key, record.source_partition.as_ref(), record.source_offset.as_ref());
        let outgoing = OutgoingRecord {
            topic: &converted.topic,
            partition: converted.partition,
            key: converted.key.as_deref(),
            value: converted.value.as_deref(),
            timestamp: converted.timestamp,
            headers: converted.headers.clone(),
        };
        loop {
            match self.producer.send(&outgoing, token) {
                Ok(()) => {
                    self.in_flight.insert(token, record);
                    return Ok(());
                }
                Err(SendError::Full) => {
                    tokio::select! {
                        biased; // A full buffer while Kafka is away must not delay the end of the task.
                        () = self.control.stop.cancelled() => {
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
            let Some(record) = self.in_flight.remove(&delivery.token) else { continue };
            match delivery.error {
                None => {
                    written += 1;
                    if !self.topics_seen.contains(&record.topic) {
                        self.topics_seen.insert(Arc::clone(&record.topic));
                        self.control.report_topic(Arc::clone(&record.topic));
                    }
                    self.task.commit_record(&record, true);
                }
                Some(reason) => self.refuse(&record, reason)?,
            }
            self.submitted.acknowledge(delivery.token);
        }
        if written > 0 {
            self.metrics.written(written);
            self.metrics.active(self.submitted.active() as u64);
        }
        Ok(())
    }

    fn refuse(&mut self, record: &SourceRecord, reason: String) -> Result<(), ConnectError> {
        let topic = &record.topic;
        let error = ConnectError::fatal(format!("producing to topic `{topic}`: {reason}"));
        if !self.errors.tolerates() {
            return Err(
                ConnectError::fatal("Unrecoverable exception from producer send callback").because(error)
            );
        }
        let class = "org.apache.kafka.clients.producer.KafkaProducer";
        let failure = Failure { stage: Stage::KafkaProduce, class, error };
        self.errors.handle(&FailedRecord::Source(record), failure)?;
        self.task.commit_record(record, false);
        Ok(())
    }

    /// Stores offsets when it is time, beside the loop.
    async fn flush_if_due(&mut self) {
        self.flush.add(self.submitted.take_committable());
        if let Some(written) = self.flush.settle().await {
            self.count_flush(written);
            if written {
                self.commit_task().await;
            }
        }
        if self.flush.begin_if_due(&self.offsets, Instant::now()) {
            self.commit_task().await;
        }
    }

    fn count_flush(&self, is_written: bool) {
        if is_written {
            self.metrics.commit_succeeded(self.flush.last_duration());
        } else {
            self.metrics.commit_failed(self.flush.last_duration());
        }
    }

    async fn commit_task(&mut self) {
        if let Err(error) = self.task.commit().await {
            tracing::error!(task = %self.spec.id, %error, "committing in the source");
        }
    }

    /// Waits for acknowledgements for at most `offset.flush.timeout.ms`, then stores the last offsets.
    async fn drain(&mut self) -> Result<(), ConnectError> {
        let deadline = Instant::now() + self.services.worker.offset_flush_timeout;
        let mut outcome = self.take_deliveries();
        while self.submitted.active() > 0 && outcome.is_ok() && Instant::now() < deadline {
            tokio::select! {
                () = self.producer.delivered() => {}
                () = tokio::time::sleep(Duration::from_millis(100)) => {}
            }
            outcome = self.take_deliveries();
        }
        self.flush.add(self.submitted.take_committable());
        if self.flush.finish(&self.offsets).await {
            self.commit_task().await;
        }
        outcome
    }
}

/// Keys of source partitions. Sources share one map among the records of a partition, so the last one is
/// remembered by its address.
#[derive(Default)]
struct PartitionKeys {
    last: Option<(Arc<Map>, PartitionKey)>,
}

impl PartitionKeys {
    fn of(&mut self, partition: Option<&Arc<Map>>) -> PartitionKey {
        let Some(partition) = partition else { return Arc::from(&b""[..]) };
        if let Some((last, key)) = &self.last
            && Arc::ptr_eq(last, partition)
        {
            return Arc::clone(key);
        }
        let key: PartitionKey = Arc::from(format!("{:?}", partition.entries).into_bytes());
        self.last = Some((Arc::clone(partition), Arc::clone(&key)));
        key
    }
}
