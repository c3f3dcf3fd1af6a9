//! The registry: makes handles, knows which are alive, and renders the page.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use connect_core::kit::SharedClock;
use connect_core::metrics::MetricId;
use connect_core::task::TaskId;

use crate::obs::metrics::connector::{ConnectorInfo, ConnectorMetrics};
use crate::obs::metrics::errors::TaskErrorMetrics;
use crate::obs::metrics::exposition::{Exposition, Labels};
use crate::obs::metrics::process::ProcessUsage;
use crate::obs::metrics::rebalance::RebalanceMetrics;
use crate::obs::metrics::sink::SinkTaskMetrics;
use crate::obs::metrics::source::SourceTaskMetrics;
use crate::obs::metrics::status::{Status, TaskInfo, TaskStatusMetrics, Timing};
use crate::obs::metrics::window::Windows;
use crate::obs::metrics::worker::WorkerMetrics;

/// What a registry needs to know of its worker.
#[derive(Clone)]
pub struct MetricsOptions {
    /// Sample windows.
    pub windows: Windows,
    /// Time.
    pub clock: SharedClock,
    /// The worker's id, shown as `client_id`.
    pub worker_id: String,
    /// Version of the program.
    pub version: String,
    /// Commit that the program was built from.
    pub commit: String,
}

/// All metrics of a worker.
pub struct MetricsRegistry {
    timing: Timing,
    app_labels: Labels,
    version: String,
    commit: String,
    started_ms: i64,
    worker: WorkerMetrics,
    rebalance: RebalanceMetrics,
    live: Mutex<Live>,
}

/// Handles that somebody holds; bounded by the connectors and tasks of the worker.
#[derive(Default)]
struct Live {
    connectors: BTreeMap<String, Weak<ConnectorMetrics>>,
    tasks: BTreeMap<TaskId, WeakTask>,
}

enum WeakTask {
    Sink(Weak<SinkTaskMetrics>),
    Source(Weak<SourceTaskMetrics>),
}

enum Task {
    Sink(Arc<SinkTaskMetrics>),
    Source(Arc<SourceTaskMetrics>),
}

impl MetricsRegistry {
    /// Returns a registry without connectors and tasks.
    pub fn new(options: MetricsOptions) -> Self {
        let started_ms = options.clock.wall_ms();
        let timing = Timing { clock: options.clock, windows: options.windows };
        Self {
            app_labels: Labels::new(&[("client_id", &options.worker_id)]),
            version: options.version,
            commit: options.commit,
            started_ms,
            worker: WorkerMetrics::new(timing.clone()),
            rebalance: RebalanceMetrics::new(timing.clone()),
            timing,
            live: Mutex::default(),
        }
    }

    /// Returns a registry on the machine's clock.
    #[cfg(test)]
    pub(crate) fn for_tests() -> Arc<Self> {
        Arc::new(Self::new(MetricsOptions {
            windows: Windows::default(),
            clock: Arc::new(connect_core::kit::SystemClock),
            worker_id: "w:1".to_owned(),
            version: "1".to_owned(),
            commit: "c".to_owned(),
        }))
    }

    /// Returns the metrics of the worker as a whole.
    pub fn worker(&self) -> &WorkerMetrics {
        &self.worker
    }

    /// Returns the metrics of the worker's part in the rounds of its group.
    pub fn rebalance(&self) -> &RebalanceMetrics {
        &self.rebalance
    }

    /// Returns new metrics of a connector, in place of older ones. They are shown while the handle lives.
    pub fn connector(&self, name: &str, info: ConnectorInfo) -> Arc<ConnectorMetrics> {
        let metrics = Arc::new(ConnectorMetrics::new(Labels::new(&[("connector", name)]), info));
        self.live().connectors.insert(name.to_owned(), Arc::downgrade(&metrics));
        metrics
    }

    /// Returns new metrics of a sink task, in place of those of an older run. They are shown while the handle
    /// lives; whoever shows a failed task keeps it.
    pub fn sink_task(&self, id: &TaskId, info: TaskInfo) -> Arc<SinkTaskMetrics> {
        let (status, errors) = self.common(id, info);
        let metrics = Arc::new(SinkTaskMetrics::new(self.timing.clone(), status, errors));
        self.live().tasks.insert(id.clone(), WeakTask::Sink(Arc::downgrade(&metrics)));
        metrics
    }

    /// Returns new metrics of a source task; otherwise as [`MetricsRegistry::sink_task`].
    pub fn source_task(&self, id: &TaskId, info: TaskInfo) -> Arc<SourceTaskMetrics> {
        let (status, errors) = self.common(id, info);
        let metrics = Arc::new(SourceTaskMetrics::new(self.timing.clone(), status, errors));
        self.live().tasks.insert(id.clone(), WeakTask::Source(Arc::downgrade(&metrics)));
        metrics
    }

    /// Returns the page in Prometheus' text format, `text/plain; version=0.0.4`.
    pub fn render(&self) -> String {
        let mut page = Exposition::default();
        let (connectors, tasks) = self.live().take_alive();
        let none = Labels::default();
        page.add(MetricId::ConnectorCount, &none, connectors.len() as f64);
        page.add(MetricId::TaskCount, &none, tasks.len() as f64);
        self.worker.collect(&mut page);
        self.rebalance.collect(&mut page);
        collect_task_counts(&connectors, &tasks, &mut page);
        for (_, connector) in &connectors {
            connector.collect(&mut page);
        }
        for (_, task) in &tasks {
            match task {
                Task::Sink(metrics) => metrics.collect(&mut page),
                Task::Source(metrics) => metrics.collect(&mut page),
            }
        }
        self.collect_program(&mut page);
        page.render()
    }

    fn common(&self, id: &TaskId, info: TaskInfo) -> (TaskStatusMetrics, TaskErrorMetrics) {
        let labels = Labels::new(&[("connector", &id.connector), ("task", &id.task.to_string())]);
        let errors = TaskErrorMetrics::new(self.timing.clock.clone(), labels.clone());
        (TaskStatusMetrics::new(self.timing.clone(), labels, info), errors)
    }

    fn collect_program(&self, page: &mut Exposition) {
        let build = [("version", self.version.as_str()), ("commit_id", self.commit.as_str())];
        page.add(MetricId::AppInfo, &self.app_labels.with(&build), 1.0);
        page.add(MetricId::AppStartTimeMs, &self.app_labels, self.started_ms as f64);
        let build = [("version", self.version.as_str()), ("commit", self.commit.as_str())];
        page.add(MetricId::BuildInfo, &Labels::new(&build), 1.0);
        let (none, usage) = (Labels::default(), ProcessUsage::read());
        let numbers = [
            (MetricId::ProcessCpuSecondsTotal, usage.cpu_seconds),
            (MetricId::ProcessResidentMemoryBytes, usage.resident_bytes),
            (MetricId::ProcessStartTimeSeconds, Some(self.started_ms as f64 / 1_000.0)),
        ];
        for (id, value) in numbers {
            if let Some(value) = value {
                page.add(id, &none, value);
            }
        }
    }

    fn live(&self) -> MutexGuard<'_, Live> {
        self.live.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

type Alive = (Vec<(String, Arc<ConnectorMetrics>)>, Vec<(TaskId, Task)>);

impl Live {
    /// Forgets handles that nobody holds and returns the others.
    fn take_alive(&mut self) -> Alive {
        let (mut connectors, mut tasks) = (Vec::new(), Vec::new());
        self.connectors.retain(|name, weak| {
            let strong = weak.upgrade().map(|metrics| connectors.push((name.clone(), metrics)));
            strong.is_some()
        });
        self.tasks.retain(|id, weak| {
            let task = match weak {
                WeakTask::Sink(weak) => weak.upgrade().map(Task::Sink),
                WeakTask::Source(weak) => weak.upgrade().map(Task::Source),
            };
            task.map(|task| tasks.push((id.clone(), task))).is_some()
        });
        (connectors, tasks)
    }
}

impl Task {
    fn state(&self) -> Status {
        match self {
            Task::Sink(metrics) => metrics.status.current_state(),
            Task::Source(metrics) => metrics.status.current_state(),
        }
    }
}

fn collect_task_counts(
    connectors: &[(String, Arc<ConnectorMetrics>)],
    tasks: &[(TaskId, Task)],
    page: &mut Exposition,
) {
    let rows = [
        (MetricId::ConnectorRunningTaskCount, Status::Running),
        (MetricId::ConnectorPausedTaskCount, Status::Paused),
        (MetricId::ConnectorFailedTaskCount, Status::Failed),
        (MetricId::ConnectorUnassignedTaskCount, Status::Unassigned),
        (MetricId::ConnectorDestroyedTaskCount, Status::Destroyed),
        (MetricId::ConnectorRestartingTaskCount, Status::Restarting),
    ];
    let of_connectors = connectors.iter().map(|(name, _)| name.as_str());
    let names: BTreeSet<&str> = of_connectors.chain(tasks.iter().map(|(id, _)| &*id.connector)).collect();
    for name in names {
        let labels = Labels::new(&[("connector", name)]);
        let own = tasks.iter().filter(|(id, _)| *id.connector == *name);
        let states: Vec<Status> = own.map(|(_, task)| task.state()).collect();
        page.count(MetricId::ConnectorTotalTaskCount, &labels, states.len() as u64);
        for (id, status) in rows {
            let count = states.iter().filter(|state| **state == status).count();
            page.count(id, &labels, count as u64);
        }
    }
}

#[cfg(test)]
mod tests;
