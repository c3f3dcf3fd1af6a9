//! Record errors of a task: the group `task-error-metrics`.

use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};

use connect_core::kit::SharedClock;
use connect_core::metrics::MetricId;

use crate::obs::metrics::exposition::{Exposition, Labels};

/// Counts record errors of a task.
pub struct TaskErrorMetrics {
    clock: SharedClock,
    labels: Labels,
    failures: AtomicU64,
    errors: AtomicU64,
    skipped: AtomicU64,
    retries: AtomicU64,
    logged: AtomicU64,
    dlq_requests: AtomicU64,
    dlq_failures: AtomicU64,
    last_error_ms: AtomicI64,
}

impl TaskErrorMetrics {
    pub(crate) fn new(clock: SharedClock, labels: Labels) -> Self {
        let zero = || AtomicU64::new(0);
        Self {
            clock,
            labels,
            failures: zero(),
            errors: zero(),
            skipped: zero(),
            retries: zero(),
            logged: zero(),
            dlq_requests: zero(),
            dlq_failures: zero(),
            last_error_ms: AtomicI64::new(0),
        }
    }

    /// Counts an operation on a record that failed, each attempt for itself, and notes the time.
    pub fn record_failure(&self) {
        increment(&self.failures);
        self.last_error_ms.store(self.clock.wall_ms(), Ordering::Relaxed);
    }

    /// Counts a record that failed for good, and notes the time.
    pub fn record_error(&self) {
        increment(&self.errors);
        self.last_error_ms.store(self.clock.wall_ms(), Ordering::Relaxed);
    }

    /// Counts a record that was skipped because of an error.
    pub fn record_skipped(&self) {
        increment(&self.skipped);
    }

    /// Counts an operation that is tried again.
    pub fn retry(&self) {
        increment(&self.retries);
    }

    /// Counts an error that was logged.
    pub fn error_logged(&self) {
        increment(&self.logged);
    }

    /// Counts a record given to the dead letter queue.
    pub fn dlq_request(&self) {
        increment(&self.dlq_requests);
    }

    /// Counts a record that could not be written to the dead letter queue.
    pub fn dlq_failure(&self) {
        increment(&self.dlq_failures);
    }

    pub(crate) fn collect(&self, page: &mut Exposition) {
        let counters = [
            (MetricId::TotalRecordFailures, &self.failures),
            (MetricId::TotalRecordErrors, &self.errors),
            (MetricId::TotalRecordsSkipped, &self.skipped),
            (MetricId::TotalRetries, &self.retries),
            (MetricId::TotalErrorsLogged, &self.logged),
            (MetricId::DeadletterqueueProduceRequests, &self.dlq_requests),
            (MetricId::DeadletterqueueProduceFailures, &self.dlq_failures),
        ];
        for (id, counter) in counters {
            page.count(id, &self.labels, counter.load(Ordering::Relaxed));
        }
        let last_error_ms = self.last_error_ms.load(Ordering::Relaxed);
        page.add(MetricId::LastErrorTimestamp, &self.labels, last_error_ms as f64);
    }
}

fn increment(counter: &AtomicU64) {
    counter.fetch_add(1, Ordering::Relaxed);
}
