//! What a sink task does: the group `sink-task-metrics`, and the lag that only Sluice measures.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use connect_core::metrics::MetricId;

use crate::obs::metrics::errors::TaskErrorMetrics;
use crate::obs::metrics::exposition::Exposition;
use crate::obs::metrics::status::{TaskStatusMetrics, Timing, millis};
use crate::obs::metrics::window::Sampled;

/// Metrics of a sink task, all of them. Its loop touches them once a batch.
pub struct SinkTaskMetrics {
    /// State, batches and commits.
    pub status: Arc<TaskStatusMetrics>,
    /// Record errors.
    pub errors: Arc<TaskErrorMetrics>,
    timing: Timing,
    inner: Mutex<Inner>,
}

#[derive(Default)]
struct Inner {
    read_total: u64,
    read: Sampled,
    sent_total: u64,
    sent: Sampled,
    put_time: Sampled,
    active_count: u64,
    active: Sampled,
    partition_count: u64,
    commit_seq: u64,
    commits_total: u64,
    commits: Sampled,
    skips_total: u64,
    skips: Sampled,
    lag: Option<Lag>,
}

#[derive(Clone, Copy)]
struct Lag {
    records: u64,
    worst_partition: u64,
    oldest: Duration,
}

impl SinkTaskMetrics {
    pub(crate) fn new(timing: Timing, status: TaskStatusMetrics, errors: TaskErrorMetrics) -> Self {
        Self { status: Arc::new(status), errors: Arc::new(errors), timing, inner: Mutex::default() }
    }

    /// Notes records read from Kafka, before transforms.
    pub fn polled(&self, records: u64) {
        let mut inner = self.inner();
        inner.read_total += records;
        inner.read.record(records as f64, self.timing.now(), self.timing.windows);
    }

    /// Notes a batch, which may be empty, that `put` took without failing.
    pub fn sent(&self, records: u64) {
        self.status.batch(records);
        let mut inner = self.inner();
        inner.sent_total += records;
        inner.sent.record(records as f64, self.timing.now(), self.timing.windows);
    }

    /// Notes how long `put` took.
    pub fn put_batch(&self, time: Duration) {
        self.inner().put_time.record(millis(time), self.timing.now(), self.timing.windows);
    }

    /// Notes a commit of offsets that succeeded after `time`.
    pub fn commit_succeeded(&self, time: Duration) {
        self.status.commit_succeeded(time);
        let mut inner = self.inner();
        inner.commits_total += 1;
        inner.commits.record(1.0, self.timing.now(), self.timing.windows);
    }

    /// Notes a commit of offsets that failed. Its time is not averaged, as on the JVM.
    pub fn commit_failed(&self, _time: Duration) {
        self.status.commit_failed();
    }

    /// Notes a commit of offsets whose answer came after a newer one and was ignored.
    pub fn commit_skipped(&self) {
        let mut inner = self.inner();
        inner.skips_total += 1;
        inner.skips.record(1.0, self.timing.now(), self.timing.windows);
    }

    /// Sets the number of assigned partitions.
    pub fn partition_count(&self, partitions: u64) {
        self.inner().partition_count = partitions;
    }

    /// Sets the number of records read but not yet committed, over all partitions.
    pub fn active_count(&self, records: u64) {
        let mut inner = self.inner();
        inner.active_count = records;
        inner.active.record(records as f64, self.timing.now(), self.timing.windows);
    }

    /// Sets the sequence number of the newest commit.
    pub fn offset_commit_seq(&self, number: u64) {
        self.inner().commit_seq = number;
    }

    /// Sets the durable lag: records behind the end of the task's partitions that are not durable in the target
    /// (`records` in all, `worst_partition` in the partition furthest behind), and the age of the oldest record
    /// that was read and is not durable.
    pub fn lag(&self, records: u64, worst_partition: u64, oldest: Duration) {
        self.inner().lag = Some(Lag { records, worst_partition, oldest });
    }

    pub(crate) fn collect(&self, page: &mut Exposition) {
        self.status.collect(page);
        self.errors.collect(page);
        let (now, windows, labels) = (self.timing.now(), self.timing.windows, &self.status.labels);
        let inner = self.inner();
        let numbers = [
            (MetricId::SinkRecordReadRate, inner.read.rate(now, windows)),
            (MetricId::SinkRecordReadTotal, inner.read_total as f64),
            (MetricId::SinkRecordSendRate, inner.sent.rate(now, windows)),
            (MetricId::SinkRecordSendTotal, inner.sent_total as f64),
            (MetricId::SinkRecordActiveCount, inner.active_count as f64),
            (MetricId::SinkRecordActiveCountMax, inner.active.max(now, windows)),
            (MetricId::SinkRecordActiveCountAvg, inner.active.average(now, windows)),
            (MetricId::PartitionCount, inner.partition_count as f64),
            (MetricId::OffsetCommitSeqNo, inner.commit_seq as f64),
            (MetricId::OffsetCommitCompletionRate, inner.commits.rate(now, windows)),
            (MetricId::OffsetCommitCompletionTotal, inner.commits_total as f64),
            (MetricId::OffsetCommitSkipRate, inner.skips.rate(now, windows)),
            (MetricId::OffsetCommitSkipTotal, inner.skips_total as f64),
            (MetricId::PutBatchMaxTimeMs, inner.put_time.max(now, windows)),
            (MetricId::PutBatchAvgTimeMs, inner.put_time.average(now, windows)),
        ];
        for (id, value) in numbers {
            page.add(id, labels, value);
        }
        // A lag nobody has measured yet is not zero.
        if let Some(lag) = inner.lag {
            page.count(MetricId::SinkRecordLagMax, labels, lag.worst_partition);
            page.count(MetricId::LagRecords, labels, lag.records);
            page.add(MetricId::LagSeconds, labels, lag.oldest.as_secs_f64());
        }
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
