//! The metric table: every metric of a worker with Kafka Connect's group and attribute, and its Prometheus name.
//!
//! The worker fills and renders it; the documentation of metrics is made from it.

/// A group of metrics that share a subject: one JMX type of Kafka Connect, or a group of Sluice's own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Group {
    /// The worker as a whole.
    Worker,
    /// The worker's part in the rounds of its group.
    WorkerRebalance,
    /// One connector's tasks on this worker.
    WorkerConnector,
    /// A connector.
    Connector,
    /// A task of either direction.
    ConnectorTask,
    /// A source task.
    SourceTask,
    /// A sink task.
    SinkTask,
    /// Record errors of a task.
    TaskError,
    /// A transform of a task.
    Transform,
    /// A predicate of a task.
    Predicate,
    /// The program, under Kafka's name.
    App,
    /// A sink task, as only Sluice sees it.
    OwnSinkTask,
    /// The program, under names of Sluice's own.
    OwnProgram,
    /// The operating system's process, under Prometheus' usual names.
    Process,
}

impl Group {
    /// Returns the JMX type of Kafka Connect; `None` for metrics that it does not have.
    pub fn jmx_type(self) -> Option<&'static str> {
        match self {
            Group::Worker | Group::WorkerConnector => Some("connect-worker-metrics"),
            Group::WorkerRebalance => Some("connect-worker-rebalance-metrics"),
            Group::Connector => Some("connector-metrics"),
            Group::ConnectorTask => Some("connector-task-metrics"),
            Group::SourceTask => Some("source-task-metrics"),
            Group::SinkTask => Some("sink-task-metrics"),
            Group::TaskError => Some("task-error-metrics"),
            Group::Transform => Some("connector-transform-metrics"),
            Group::Predicate => Some("connector-predicate-metrics"),
            Group::App => Some("app-info"),
            Group::OwnSinkTask | Group::OwnProgram | Group::Process => None,
        }
    }

    /// Returns the names of the labels that every metric of the group has, in order.
    pub fn labels(self) -> &'static [&'static str] {
        match self {
            Group::Worker | Group::WorkerRebalance | Group::OwnProgram | Group::Process => &[],
            Group::WorkerConnector | Group::Connector => &["connector"],
            Group::ConnectorTask
            | Group::SourceTask
            | Group::SinkTask
            | Group::TaskError
            | Group::OwnSinkTask => &["connector", "task"],
            Group::Transform => &["connector", "task", "transform"],
            Group::Predicate => &["connector", "task", "predicate"],
            Group::App => &["client_id"],
        }
    }

    fn prefix(self) -> &'static str {
        match self {
            Group::Worker | Group::WorkerConnector => "kafka_connect_worker_",
            Group::WorkerRebalance => "kafka_connect_worker_rebalance_",
            Group::Connector => "kafka_connect_connector_",
            Group::ConnectorTask => "kafka_connect_connector_task_",
            Group::SourceTask => "kafka_connect_source_task_",
            Group::SinkTask => "kafka_connect_sink_task_",
            Group::TaskError => "kafka_connect_task_error_",
            Group::Transform => "kafka_connect_connector_transform_",
            Group::Predicate => "kafka_connect_connector_predicate_",
            Group::App => "kafka_connect_app_",
            Group::OwnSinkTask => "sluice_sink_task_",
            Group::OwnProgram => "sluice_",
            Group::Process => "process_",
        }
    }
}

/// What a metric's number means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A number that goes up and down.
    Gauge,
    /// A number that only grows while its subject lives.
    Total,
    /// A rate per second over the sample windows; 0 when there was nothing.
    Rate,
    /// A mean over the sample windows; NaN when there was nothing.
    Average,
    /// A maximum over the sample windows; NaN when there was nothing.
    Max,
    /// A minimum over the sample windows; NaN when there was nothing.
    Min,
    /// A share of 0 to 1 over the sample windows, whatever the name says; 0 when there was nothing.
    Share,
    /// A text: a gauge of value 1 whose text is in a label named like the attribute.
    Text,
    /// A gauge of value 1 with texts in labels of their own.
    Info,
}

/// The unit of a metric.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs, reason = "the names say it all")]
pub enum Unit {
    None,
    Records,
    Milliseconds,
    Seconds,
    Bytes,
    Ratio,
}

/// One metric.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Metric {
    /// Group.
    pub group: Group,
    /// Attribute under which JMX shows it, with dashes.
    pub attribute: &'static str,
    /// Meaning of the number.
    pub kind: Kind,
    /// Unit of the number.
    pub unit: Unit,
    /// One sentence for the user.
    pub help: &'static str,
}

impl Metric {
    /// Returns the name that the usual rules of Prometheus' JMX exporter give the metric.
    pub fn prometheus_name(&self) -> String {
        format!("{}{}", self.group.prefix(), self.attribute_label())
    }

    /// Returns the attribute in snake case: the label that holds the text of a [`Kind::Text`] metric.
    pub fn attribute_label(&self) -> String {
        self.attribute.replace('-', "_")
    }
}

macro_rules! metrics {
    ($($group:ident { $($id:ident = $attribute:literal, $kind:ident, $unit:ident, $help:literal;)* })*) => {
        /// Names a row of the metric table.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        #[allow(missing_docs, reason = "the table's help texts say it")]
        pub enum MetricId { $($($id,)*)* }

        /// Every metric, by group; a [`MetricId`] is a position in it.
        pub static METRICS: &[Metric] = &[$($(Metric {
            group: Group::$group,
            attribute: $attribute,
            kind: Kind::$kind,
            unit: Unit::$unit,
            help: $help,
        },)*)*];
    };
}

impl MetricId {
    /// Returns the table's row.
    pub fn metric(self) -> &'static Metric {
        &METRICS[self as usize]
    }
}

metrics! {
    Worker {
        ConnectorCount = "connector-count", Gauge, None, "Connectors that run in this worker.";
        TaskCount = "task-count", Gauge, None, "Tasks that run in this worker.";
        ConnectorStartupAttemptsTotal = "connector-startup-attempts-total", Total, None, "Connector starts that were tried.";
        ConnectorStartupSuccessTotal = "connector-startup-success-total", Total, None, "Connector starts that succeeded.";
        ConnectorStartupSuccessPercentage = "connector-startup-success-percentage", Share, Ratio, "Share of recent connector starts that succeeded.";
        ConnectorStartupFailureTotal = "connector-startup-failure-total", Total, None, "Connector starts that failed.";
        ConnectorStartupFailurePercentage = "connector-startup-failure-percentage", Share, Ratio, "Share of recent connector starts that failed.";
        TaskStartupAttemptsTotal = "task-startup-attempts-total", Total, None, "Task starts that were tried.";
        TaskStartupSuccessTotal = "task-startup-success-total", Total, None, "Task starts that succeeded.";
        TaskStartupSuccessPercentage = "task-startup-success-percentage", Share, Ratio, "Share of recent task starts that succeeded.";
        TaskStartupFailureTotal = "task-startup-failure-total", Total, None, "Task starts that failed.";
        TaskStartupFailurePercentage = "task-startup-failure-percentage", Share, Ratio, "Share of recent task starts that failed.";
    }
    WorkerRebalance {
        LeaderName = "leader-name", Text, None, "Advertised URL of the group's leader.";
        ConnectProtocol = "connect-protocol", Text, None, "Protocol that the group agreed on.";
        Epoch = "epoch", Gauge, None, "Generation of the last round that gave this worker an assignment.";
        CompletedRebalancesTotal = "completed-rebalances-total", Total, None, "Rounds that this worker completed.";
        Rebalancing = "rebalancing", Gauge, None, "Whether this worker is carrying out an assignment: 1 or 0.";
        RebalanceMaxTimeMs = "rebalance-max-time-ms", Max, Milliseconds, "Longest time from an assignment until all of it may run.";
        RebalanceAvgTimeMs = "rebalance-avg-time-ms", Average, Milliseconds, "Average time from an assignment until all of it may run.";
        TimeSinceLastRebalanceMs = "time-since-last-rebalance-ms", Gauge, Milliseconds, "Time since this worker completed its last round.";
    }
    WorkerConnector {
        ConnectorTotalTaskCount = "connector-total-task-count", Gauge, None, "Tasks of the connector in this worker.";
        ConnectorRunningTaskCount = "connector-running-task-count", Gauge, None, "Running tasks of the connector in this worker.";
        ConnectorPausedTaskCount = "connector-paused-task-count", Gauge, None, "Paused tasks of the connector in this worker.";
        ConnectorFailedTaskCount = "connector-failed-task-count", Gauge, None, "Failed tasks of the connector in this worker.";
        ConnectorUnassignedTaskCount = "connector-unassigned-task-count", Gauge, None, "Tasks of the connector in this worker that do not run yet.";
        ConnectorDestroyedTaskCount = "connector-destroyed-task-count", Gauge, None, "Tasks of the connector in this worker whose connector was deleted.";
        ConnectorRestartingTaskCount = "connector-restarting-task-count", Gauge, None, "Restarting tasks of the connector in this worker.";
    }
    Connector {
        ConnectorStatus = "status", Text, None, "State of the connector.";
        ConnectorType = "connector-type", Text, None, "Direction of the connector: source or sink.";
        ConnectorClass = "connector-class", Text, None, "Class of the connector.";
        ConnectorVersion = "connector-version", Text, None, "Version of the connector.";
        ConnectorInfo = "info", Info, None, "All texts about the connector in one line.";
    }
    ConnectorTask {
        TaskStatus = "status", Text, None, "State of the task.";
        RunningRatio = "running-ratio", Gauge, Ratio, "Share of the task's life that it was running.";
        PauseRatio = "pause-ratio", Gauge, Ratio, "Share of the task's life that it was paused.";
        OffsetCommitMaxTimeMs = "offset-commit-max-time-ms", Max, Milliseconds, "Longest offset commit.";
        OffsetCommitAvgTimeMs = "offset-commit-avg-time-ms", Average, Milliseconds, "Average time of an offset commit.";
        BatchSizeMax = "batch-size-max", Max, Records, "Largest batch that the task handled.";
        BatchSizeAvg = "batch-size-avg", Average, Records, "Average size of the batches that the task handled.";
        OffsetCommitFailurePercentage = "offset-commit-failure-percentage", Share, Ratio, "Share of recent offset commits that failed.";
        OffsetCommitSuccessPercentage = "offset-commit-success-percentage", Share, Ratio, "Share of recent offset commits that succeeded.";
        TaskConnectorClass = "connector-class", Text, None, "Class of the task's connector.";
        TaskConnectorVersion = "connector-version", Text, None, "Version of the task's connector.";
        TaskConnectorType = "connector-type", Text, None, "Direction of the task's connector.";
        TaskClass = "task-class", Text, None, "Class of the task.";
        TaskVersion = "task-version", Text, None, "Version of the task.";
        TaskKeyConverterClass = "key-converter-class", Text, None, "Class of the key converter.";
        TaskKeyConverterVersion = "key-converter-version", Text, None, "Version of the key converter.";
        TaskValueConverterClass = "value-converter-class", Text, None, "Class of the value converter.";
        TaskValueConverterVersion = "value-converter-version", Text, None, "Version of the value converter.";
        TaskHeaderConverterClass = "header-converter-class", Text, None, "Class of the header converter.";
        TaskHeaderConverterVersion = "header-converter-version", Text, None, "Version of the header converter.";
    }
    SourceTask {
        SourceRecordPollRate = "source-record-poll-rate", Rate, Records, "Records read from the source a second, before transforms.";
        SourceRecordPollTotal = "source-record-poll-total", Total, Records, "Records read from the source, before transforms.";
        SourceRecordWriteRate = "source-record-write-rate", Rate, Records, "Records written to Kafka and acknowledged a second.";
        SourceRecordWriteTotal = "source-record-write-total", Total, Records, "Records written to Kafka and acknowledged.";
        PollBatchMaxTimeMs = "poll-batch-max-time-ms", Max, Milliseconds, "Longest time to read a batch from the source.";
        PollBatchAvgTimeMs = "poll-batch-avg-time-ms", Average, Milliseconds, "Average time to read a batch from the source.";
        SourceRecordActiveCount = "source-record-active-count", Gauge, Records, "Records read from the source but not yet acknowledged by Kafka.";
        SourceRecordActiveCountMax = "source-record-active-count-max", Max, Records, "Largest number of records read but not yet acknowledged by Kafka.";
        SourceRecordActiveCountAvg = "source-record-active-count-avg", Average, Records, "Average number of records read but not yet acknowledged by Kafka.";
        TransactionSizeAvg = "transaction-size-avg", Average, Records, "Average number of records in a committed transaction.";
        TransactionSizeMin = "transaction-size-min", Min, Records, "Smallest number of records in a committed transaction.";
        TransactionSizeMax = "transaction-size-max", Max, Records, "Largest number of records in a committed transaction.";
    }
    SinkTask {
        SinkRecordReadRate = "sink-record-read-rate", Rate, Records, "Records read from Kafka a second, before transforms.";
        SinkRecordReadTotal = "sink-record-read-total", Total, Records, "Records read from Kafka, before transforms.";
        SinkRecordSendRate = "sink-record-send-rate", Rate, Records, "Records given to the task a second, after transforms.";
        SinkRecordSendTotal = "sink-record-send-total", Total, Records, "Records given to the task, after transforms.";
        SinkRecordActiveCount = "sink-record-active-count", Gauge, Records, "Records read from Kafka but not yet committed.";
        SinkRecordActiveCountMax = "sink-record-active-count-max", Max, Records, "Largest number of records read but not yet committed.";
        SinkRecordActiveCountAvg = "sink-record-active-count-avg", Average, Records, "Average number of records read but not yet committed.";
        SinkRecordLagMax = "sink-record-lag-max", Gauge, Records, "Records of the partition furthest behind that are not yet committed.";
        PartitionCount = "partition-count", Gauge, None, "Topic partitions assigned to the task.";
        OffsetCommitSeqNo = "offset-commit-seq-no", Gauge, None, "Sequence number of the newest offset commit.";
        OffsetCommitCompletionRate = "offset-commit-completion-rate", Rate, None, "Offset commits completed a second.";
        OffsetCommitCompletionTotal = "offset-commit-completion-total", Total, None, "Offset commits completed.";
        OffsetCommitSkipRate = "offset-commit-skip-rate", Rate, None, "Offset commits a second whose answer came too late and was ignored.";
        OffsetCommitSkipTotal = "offset-commit-skip-total", Total, None, "Offset commits whose answer came too late and was ignored.";
        PutBatchMaxTimeMs = "put-batch-max-time-ms", Max, Milliseconds, "Longest time the task took for a batch.";
        PutBatchAvgTimeMs = "put-batch-avg-time-ms", Average, Milliseconds, "Average time the task took for a batch.";
    }
    TaskError {
        TotalRecordFailures = "total-record-failures", Total, None, "Failed operations on records, each attempt counted.";
        TotalRecordErrors = "total-record-errors", Total, Records, "Records that failed for good.";
        TotalRecordsSkipped = "total-records-skipped", Total, Records, "Records skipped because of errors.";
        TotalRetries = "total-retries", Total, None, "Operations tried again.";
        TotalErrorsLogged = "total-errors-logged", Total, None, "Errors that were logged.";
        DeadletterqueueProduceRequests = "deadletterqueue-produce-requests", Total, Records, "Records given to the dead letter queue.";
        DeadletterqueueProduceFailures = "deadletterqueue-produce-failures", Total, Records, "Records that could not be written to the dead letter queue.";
        LastErrorTimestamp = "last-error-timestamp", Gauge, Milliseconds, "Time of the last error since the epoch; 0 when there was none.";
    }
    Transform {
        TransformClass = "transform-class", Text, None, "Class of the transform.";
        TransformVersion = "transform-version", Text, None, "Version of the transform.";
    }
    Predicate {
        PredicateClass = "predicate-class", Text, None, "Class of the predicate.";
        PredicateVersion = "predicate-version", Text, None, "Version of the predicate.";
    }
    App {
        AppInfo = "info", Info, None, "Version and commit of the worker.";
        AppStartTimeMs = "info-start-time-ms", Gauge, Milliseconds, "Start of the worker since the epoch.";
    }
    OwnSinkTask {
        LagRecords = "lag-records", Gauge, Records, "Records in the task's partitions that are not durable in the target yet, read or not.";
        LagSeconds = "lag-seconds", Gauge, Seconds, "Age of the oldest record that was read and is not durable in the target yet.";
    }
    OwnProgram {
        BuildInfo = "build-info", Info, None, "Version and commit of the program.";
    }
    Process {
        ProcessCpuSecondsTotal = "cpu-seconds-total", Total, Seconds, "Processor time used by the process.";
        ProcessResidentMemoryBytes = "resident-memory-bytes", Gauge, Bytes, "Memory of the process that is in RAM.";
        ProcessStartTimeSeconds = "start-time-seconds", Gauge, Seconds, "Start of the process since the epoch.";
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn names_are_unique_and_follow_the_exporters_rules() {
        let names: Vec<String> = METRICS.iter().map(Metric::prometheus_name).collect();
        let distinct: HashSet<&String> = names.iter().collect();
        assert_eq!(distinct.len(), names.len());
        for name in &names {
            assert!(name.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_'), "{name}");
            assert!(!name.ends_with("_total_total"), "{name}");
        }
        let name = |id: MetricId| id.metric().prometheus_name();
        assert_eq!(name(MetricId::SinkRecordReadTotal), "kafka_connect_sink_task_sink_record_read_total");
        assert_eq!(name(MetricId::TotalRetries), "kafka_connect_task_error_total_retries");
        assert_eq!(
            name(MetricId::ConnectorRunningTaskCount),
            "kafka_connect_worker_connector_running_task_count"
        );
        assert_eq!(name(MetricId::AppStartTimeMs), "kafka_connect_app_info_start_time_ms");
        assert_eq!(name(MetricId::ProcessStartTimeSeconds), "process_start_time_seconds");
    }

    #[test]
    fn every_help_text_is_a_sentence() {
        for metric in METRICS {
            let is_sentence =
                metric.help.ends_with('.') && metric.help.starts_with(|c: char| c.is_ascii_uppercase());
            assert!(is_sentence, "{}", metric.attribute);
        }
    }
}
