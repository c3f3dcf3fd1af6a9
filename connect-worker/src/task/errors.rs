//! Errors of single records: `errors.tolerance`, retries, the error log, and the dead letter queue.

use std::sync::Arc;
use std::time::{Duration, Instant};

use connect_core::config;
use connect_core::config::{Props, Validator};
use connect_core::error::ConnectError;
use connect_core::record::{SinkRecord, SourceRecord};
use connect_core::task::TaskId;
use tokio_util::sync::CancellationToken;

use crate::kafka::batch::RawRecord;
use crate::obs::metrics::TaskErrorMetrics;
use crate::task::dlq::DeadLetterQueue;

config! {
    /// The `errors.*` keys of a connector. Sources have no dead letter queue.
    pub(crate) struct ErrorConfig {
        /// Time for which a retriable failure is tried again, in milliseconds; -1 is for ever.
        retry_timeout_ms: i64 = "errors.retry.timeout", Medium, default "0";
        /// Longest wait between two tries.
        retry_delay_max: Duration = "errors.retry.delay.max.ms", Medium, default "60000";
        /// `none` fails the task at the first error, `all` skips the record.
        tolerance: String = "errors.tolerance", Medium, default "none", valid Validator::OneOf(&["none", "all"]);
        /// Whether errors are logged.
        log_enable: bool = "errors.log.enable", Medium, default "false";
        /// Whether logged errors show the record.
        log_include_messages: bool = "errors.log.include.messages", Medium, default "false";
        /// Topic for failed records; empty is none.
        dlq_topic: String = "errors.deadletterqueue.topic.name", Medium, default "";
        /// Replication factor of that topic if it must be created.
        dlq_replication: i16 = "errors.deadletterqueue.topic.replication.factor", Medium, default "3";
        /// Whether failed records carry headers that say what happened.
        dlq_headers: bool = "errors.deadletterqueue.context.headers.enable", Medium, default "false";
    }
}

impl ErrorConfig {
    /// Returns whether failed records are skipped.
    pub(crate) fn tolerates(&self) -> bool {
        self.tolerance == "all"
    }

    /// Returns the topic for failed records.
    pub(crate) fn dlq_topic(&self) -> Option<&str> {
        Some(self.dlq_topic.trim()).filter(|topic| !topic.is_empty())
    }
}

/// Where a record failed; names as in Kafka Connect's `Stage`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stage {
    TaskPut,
    Transformation,
    KeyConverter,
    ValueConverter,
    HeaderConverter,
    KafkaProduce,
}

impl Stage {
    /// Returns Kafka Connect's name.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Stage::TaskPut => "TASK_PUT",
            Stage::Transformation => "TRANSFORMATION",
            Stage::KeyConverter => "KEY_CONVERTER",
            Stage::ValueConverter => "VALUE_CONVERTER",
            Stage::HeaderConverter => "HEADER_CONVERTER",
            Stage::KafkaProduce => "KAFKA_PRODUCE",
        }
    }
}

/// What failed, in which part of the task.
pub(crate) struct Failure {
    pub(crate) stage: Stage,
    /// JVM class of the converter or transform, or the interface of sink tasks.
    pub(crate) class: &'static str,
    pub(crate) error: ConnectError,
}

impl Failure {
    /// Returns the failure of a record that a sink task refused. The class is that of
    /// `WorkerErrantRecordReporter.report`: the interface, whatever the connector is.
    pub(crate) fn of_put(error: ConnectError) -> Self {
        Self { stage: Stage::TaskPut, class: "org.apache.kafka.connect.sink.SinkTask", error }
    }
}

/// The failed record.
pub(crate) enum FailedRecord<'a> {
    Raw(&'a RawRecord),
    Sink(&'a SinkRecord),
    Source(&'a SourceRecord),
}

/// The policy of one task on failed records.
#[derive(Clone)]
pub(crate) struct ErrorPolicy {
    config: Arc<ErrorConfig>,
    id: TaskId,
    metrics: Arc<TaskErrorMetrics>,
    dlq: Option<Arc<DeadLetterQueue>>,
    stop: CancellationToken,
}

impl ErrorPolicy {
    /// Returns the policy that a connector's configuration asks for.
    ///
    /// # Errors
    /// Fails with a config error that lists every bad key.
    pub(crate) fn parse(props: &Props) -> Result<ErrorConfig, ConnectError> {
        Ok(ErrorConfig::parse(props)?)
    }

    /// Returns a policy.
    pub(crate) fn new(
        config: ErrorConfig,
        id: TaskId,
        metrics: Arc<TaskErrorMetrics>,
        dlq: Option<Arc<DeadLetterQueue>>,
        stop: CancellationToken,
    ) -> Self {
        Self { config: Arc::new(config), id, metrics, dlq, stop }
    }

    /// Returns whether failed records are skipped.
    pub(crate) fn tolerates(&self) -> bool {
        self.config.tolerates()
    }

    /// Returns whether sink tasks get an errant record reporter.
    pub(crate) fn has_reporter(&self) -> bool {
        self.dlq.is_some() || self.config.log_enable
    }

    /// Returns the dead letter queue.
    pub(crate) fn dlq(&self) -> Option<&Arc<DeadLetterQueue>> {
        self.dlq.as_ref()
    }

    /// Waits before the next try of a retriable failure. Returns whether to try again: not after
    /// `errors.retry.timeout` since `started`, and not when the task stops.
    pub(crate) async fn retry(&self, started: Instant, attempt: u32) -> bool {
        self.metrics.record_failure();
        let timeout = self.config.retry_timeout_ms;
        let left = match u64::try_from(timeout) {
            Ok(ms) => Duration::from_millis(ms).saturating_sub(started.elapsed()),
            Err(_) => Duration::MAX,
        };
        if left.is_zero() {
            return false;
        }
        // RetryWithToleranceOperator.backoff, with the exponent clamped so that it cannot overflow.
        let mut delay = Duration::from_millis(300).saturating_mul(1 << attempt.min(20));
        if delay > self.config.retry_delay_max {
            delay = self.config.retry_delay_max.mul_f64(fastrand::f64());
        }
        self.metrics.retry();
        tokio::select! {
            () = self.stop.cancelled() => false,
            () = tokio::time::sleep(delay.min(left)) => true,
        }
    }

    /// Waits for a converter's preparation, `None` when the task stops before it is done.
    pub(crate) async fn unless_stopping<T>(&self, preparation: impl Future<Output = T>) -> Option<T> {
        tokio::select! {
            () = self.stop.cancelled() => None,
            prepared = preparation => Some(prepared),
        }
    }

    /// Returns whether the task is about to end: what could still succeed is then left for the next run.
    pub(crate) fn is_stopping(&self) -> bool {
        self.stop.is_cancelled()
    }

    /// Reports a failed record and decides: `Ok` skips it, an error fails the task.
    ///
    /// # Errors
    /// Fails (fatal) when `errors.tolerance` is `none`; the text names where the record is and what to do.
    pub(crate) fn handle(&self, record: &FailedRecord<'_>, failure: Failure) -> Result<(), ConnectError> {
        self.metrics.record_failure();
        self.metrics.record_error();
        self.log(record, &failure);
        if let (Some(dlq), Some(letter)) = (&self.dlq, record.origin()) {
            self.metrics.dlq_request();
            dlq.send(&self.id, &letter, &failure);
        }
        if self.tolerates() {
            self.metrics.record_skipped();
            return Ok(());
        }
        let stage = failure.stage.name();
        let place = record.place();
        let cause = ConnectError::data(format!("{stage} of record {place}")).because(failure.error);
        Err(ConnectError::fatal(format!(
            "Tolerance exceeded in error handler: {place}; to skip such records set errors.tolerance=all, \
             and errors.deadletterqueue.topic.name to keep them"
        ))
        .because(cause))
    }

    fn log(&self, record: &FailedRecord<'_>, failure: &Failure) {
        if !self.config.log_enable {
            return;
        }
        self.metrics.error_logged();
        let (stage, class) = (failure.stage.name(), failure.class);
        let shown = if self.config.log_include_messages { record.shown() } else { String::new() };
        let trace = failure.error.trace();
        tracing::error!(
            task = %self.id,
            "Error encountered in task {}. Executing stage '{stage}' with class '{class}'{shown}.\n{trace}",
            self.id
        );
    }
}

/// A record's raw content, for the dead letter queue.
pub(crate) struct Letter<'a> {
    pub(crate) topic: &'a str,
    pub(crate) partition: i32,
    pub(crate) offset: i64,
    pub(crate) timestamp: Option<i64>,
    pub(crate) key: Option<&'a [u8]>,
    pub(crate) value: Option<&'a [u8]>,
    pub(crate) headers: Option<&'a connect_core::record::RawHeaders>,
}

impl FailedRecord<'_> {
    fn origin(&self) -> Option<Letter<'_>> {
        match self {
            FailedRecord::Raw(raw) => Some(Letter {
                topic: &raw.topic,
                partition: raw.partition,
                offset: raw.offset,
                timestamp: raw.timestamp,
                key: raw.key.as_deref(),
                value: raw.value.as_deref(),
                headers: raw.headers.as_deref(),
            }),
            FailedRecord::Sink(record) => Some(Letter {
                topic: &record.origin.topic,
                partition: record.origin.partition,
                offset: record.offset,
                timestamp: record.timestamp,
                key: record.origin.key.as_deref(),
                value: record.origin.value.as_deref(),
                headers: record.origin.headers.as_deref(),
            }),
            FailedRecord::Source(_) => None,
        }
    }

    /// Returns where the record is: topic, partition and offset, or the source's own coordinates.
    fn place(&self) -> String {
        match self.origin() {
            Some(letter) => {
                format!("topic {}, partition {}, offset {}", letter.topic, letter.partition, letter.offset)
            }
            None => match self {
                FailedRecord::Source(record) => format!(
                    "for topic {} from {}",
                    record.topic,
                    record.source_partition.as_ref().map_or_else(
                        || "an unnamed source".to_owned(),
                        |partition| {
                            connect_core::data::java_text::to_text(&connect_core::data::Value::Map(
                                (**partition).clone(),
                            ))
                        }
                    )
                ),
                _ => unreachable!("sink records have an origin"),
            },
        }
    }

    /// Returns the part of the log line that `errors.log.include.messages` adds.
    fn shown(&self) -> String {
        match self {
            FailedRecord::Source(record) => format!(
                ", where source record is = SourceRecord{{topic='{}', key={}, value={}}}",
                record.topic,
                connect_core::data::java_text::to_text(&record.key.value()),
                connect_core::data::java_text::to_text(&record.value.value()),
            ),
            FailedRecord::Raw(raw) => {
                shown_sink(&self.place_parts(), raw.timestamp, raw.timestamp_type.name())
            }
            FailedRecord::Sink(record) => {
                shown_sink(&self.place_parts(), record.timestamp, record.timestamp_type.name())
            }
        }
    }

    fn place_parts(&self) -> (String, i32, i64) {
        self.origin()
            .map(|letter| (letter.topic.to_owned(), letter.partition, letter.offset))
            .unwrap_or_default()
    }
}

fn shown_sink((topic, partition, offset): &(String, i32, i64), timestamp: Option<i64>, kind: &str) -> String {
    let time = timestamp
        .map(|timestamp| format!(", timestamp={timestamp}, timestampType={kind}"))
        .unwrap_or_default();
    format!(", where consumed record is {{topic='{topic}', partition={partition}, offset={offset}{time}}}")
}
