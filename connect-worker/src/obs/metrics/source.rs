//! What a source task does: the group `source-task-metrics`.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use connect_core::metrics::MetricId;

use crate::obs::metrics::errors::TaskErrorMetrics;
use crate::obs::metrics::exposition::Exposition;
use crate::obs::metrics::status::{TaskStatusMetrics, Timing, millis};
use crate::obs::metrics::window::Sampled;

/// Metrics of a source task, all of them. Its loop touches them once a batch.
pub struct SourceTaskMetrics {
    /// State, batches and commits.
    pub status: Arc<TaskStatusMetrics>,
    /// Record errors.
    pub errors: Arc<TaskErrorMetrics>,
    timing: Timing,
    inner: Mutex<Inner>,
}

#[derive(Default)]
struct Inner {
    polled_total: u64,
    polled: Sampled,
    poll_time: Sampled,
    written_total: u64,
    written: Sampled,
    active_count: u64,
    active: Sampled,
    /// Sizes of transactions; only tasks that write exactly once have them.
    transactions: Option<Sampled>,
}

impl SourceTaskMetrics {
    pub(crate) fn new(timing: Timing, status: TaskStatusMetrics, errors: TaskErrorMetrics) -> Self {
        Self { status: Arc::new(status), errors: Arc::new(errors), timing, inner: Mutex::default() }
    }

    /// Notes a batch read from the source, before transforms.
    pub fn polled(&self, records: u64) {
        self.status.batch(records);
        let mut inner = self.inner();
        inner.polled_total += records;
        inner.polled.record(records as f64, self.timing.now(), self.timing.windows);
    }

    /// Notes how long a poll that returned records took.
    pub fn poll_batch(&self, time: Duration) {
        self.inner().poll_time.record(millis(time), self.timing.now(), self.timing.windows);
    }

    /// Notes records acknowledged by Kafka; skipped ones are not written.
    pub fn written(&self, records: u64) {
        let mut inner = self.inner();
        inner.written_total += records;
        inner.written.record(records as f64, self.timing.now(), self.timing.windows);
    }

    /// Sets the number of records read but neither acknowledged by Kafka nor skipped.
    pub fn active(&self, records: u64) {
        let mut inner = self.inner();
        inner.active_count = records;
        inner.active.record(records as f64, self.timing.now(), self.timing.windows);
    }

    /// Adds the metrics of transactions, which only tasks that write exactly once have.
    pub fn with_transactions(&self) {
        self.inner().transactions.get_or_insert_default();
    }

    /// Notes a committed transaction.
    pub fn transaction(&self, records: u64) {
        let transactions = &mut self.inner().transactions;
        let sizes = transactions.get_or_insert_default();
        sizes.record(records as f64, self.timing.now(), self.timing.windows);
    }

    /// Notes a commit of offsets that succeeded after `time`.
    pub fn commit_succeeded(&self, time: Duration) {
        self.status.commit_succeeded(time);
    }

    /// Notes a commit of offsets that failed. Its time is not averaged, as on the JVM.
    pub fn commit_failed(&self, _time: Duration) {
        self.status.commit_failed();
    }

    pub(crate) fn collect(&self, page: &mut Exposition) {
        self.status.collect(page);
        self.errors.collect(page);
        let (now, windows, labels) = (self.timing.now(), self.timing.windows, &self.status.labels);
        let inner = self.inner();
        let numbers = [
            (MetricId::SourceRecordPollRate, inner.polled.rate(now, windows)),
            (MetricId::SourceRecordPollTotal, inner.polled_total as f64),
            (MetricId::SourceRecordWriteRate, inner.written.rate(now, windows)),
            (MetricId::SourceRecordWriteTotal, inner.written_total as f64),
            (MetricId::PollBatchMaxTimeMs, inner.poll_time.max(now, windows)),
            (MetricId::PollBatchAvgTimeMs, inner.poll_time.average(now, windows)),
            (MetricId::SourceRecordActiveCount, inner.active_count as f64),
            (MetricId::SourceRecordActiveCountMax, inner.active.max(now, windows)),
            (MetricId::SourceRecordActiveCountAvg, inner.active.average(now, windows)),
        ];
        let sizes = inner.transactions.iter().flat_map(|sizes| {
            [
                (MetricId::TransactionSizeAvg, sizes.average(now, windows)),
                (MetricId::TransactionSizeMin, sizes.min(now, windows)),
                (MetricId::TransactionSizeMax, sizes.max(now, windows)),
            ]
        });
        for (id, value) in numbers.into_iter().chain(sizes) {
            page.add(id, labels, value);
        }
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
