//! What the worker does as a whole: the group `connect-worker-metrics`.

use std::sync::{Mutex, PoisonError};

use connect_core::metrics::MetricId;

use crate::obs::metrics::exposition::{Exposition, Labels};
use crate::obs::metrics::status::Timing;
use crate::obs::metrics::window::Sampled;

/// Counts starts of connectors and tasks.
pub struct WorkerMetrics {
    timing: Timing,
    connectors: Mutex<Startups>,
    tasks: Mutex<Startups>,
}

#[derive(Default)]
struct Startups {
    succeeded: u64,
    failed: u64,
    success: Sampled,
}

/// Rows of the table for one kind of startup: attempts, successes and their share, failures and their share.
type Rows = [MetricId; 5];

const CONNECTOR_ROWS: Rows = [
    MetricId::ConnectorStartupAttemptsTotal,
    MetricId::ConnectorStartupSuccessTotal,
    MetricId::ConnectorStartupSuccessPercentage,
    MetricId::ConnectorStartupFailureTotal,
    MetricId::ConnectorStartupFailurePercentage,
];
const TASK_ROWS: Rows = [
    MetricId::TaskStartupAttemptsTotal,
    MetricId::TaskStartupSuccessTotal,
    MetricId::TaskStartupSuccessPercentage,
    MetricId::TaskStartupFailureTotal,
    MetricId::TaskStartupFailurePercentage,
];

impl WorkerMetrics {
    pub(crate) fn new(timing: Timing) -> Self {
        Self { timing, connectors: Mutex::default(), tasks: Mutex::default() }
    }

    /// Counts the start of a connector.
    pub fn connector_started(&self, succeeded: bool) {
        self.started(&self.connectors, succeeded);
    }

    /// Counts the start of a task.
    pub fn task_started(&self, succeeded: bool) {
        self.started(&self.tasks, succeeded);
    }

    fn started(&self, startups: &Mutex<Startups>, succeeded: bool) {
        let mut startups = startups.lock().unwrap_or_else(PoisonError::into_inner);
        if succeeded {
            startups.succeeded += 1;
        } else {
            startups.failed += 1;
        }
        startups.success.record(f64::from(succeeded), self.timing.now(), self.timing.windows);
    }

    pub(crate) fn collect(&self, page: &mut Exposition) {
        let (now, windows, none) = (self.timing.now(), self.timing.windows, Labels::default());
        for (startups, rows) in [(&self.connectors, CONNECTOR_ROWS), (&self.tasks, TASK_ROWS)] {
            let startups = startups.lock().unwrap_or_else(PoisonError::into_inner);
            let success = startups.success.average(now, windows);
            let (success, failure) = if success.is_nan() { (0.0, 0.0) } else { (success, 1.0 - success) };
            let (succeeded, failed) = (startups.succeeded as f64, startups.failed as f64);
            let values = [succeeded + failed, succeeded, success, failed, failure];
            for (id, value) in rows.into_iter().zip(values) {
                page.add(id, &none, value);
            }
        }
    }
}
