//! What tasks of both directions have in common: state, batches, commits, and who they are.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use connect_core::kit::SharedClock;
use connect_core::metrics::MetricId;

use crate::obs::metrics::exposition::{Exposition, Labels};
use crate::obs::metrics::window::{Sampled, Windows};

/// What a connector or task is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[allow(missing_docs, reason = "the names are Kafka Connect's")]
pub enum Status {
    #[default]
    Unassigned,
    Running,
    Paused,
    Stopped,
    Failed,
    Destroyed,
    Restarting,
}

impl Status {
    /// Returns Kafka Connect's name, in lower case as metrics show it.
    pub fn name(self) -> &'static str {
        match self {
            Status::Unassigned => "unassigned",
            Status::Running => "running",
            Status::Paused => "paused",
            Status::Stopped => "stopped",
            Status::Failed => "failed",
            Status::Destroyed => "destroyed",
            Status::Restarting => "restarting",
        }
    }
}

/// Class and version of a plug-in. Empty texts are not shown.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PluginInfo {
    /// Java class name.
    pub class: String,
    /// Version.
    pub version: String,
}

/// The plug-ins of a task.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TaskInfo {
    /// Connector.
    pub connector: PluginInfo,
    /// `source` or `sink`.
    pub connector_type: String,
    /// Task.
    pub task: PluginInfo,
    /// Key converter.
    pub key_converter: PluginInfo,
    /// Value converter.
    pub value_converter: PluginInfo,
    /// Header converter.
    pub header_converter: PluginInfo,
    /// Transforms by alias.
    pub transforms: Vec<(String, PluginInfo)>,
    /// Predicates by alias.
    pub predicates: Vec<(String, PluginInfo)>,
}

/// Clock and windows, shared by all handles.
#[derive(Clone)]
pub(crate) struct Timing {
    pub(crate) clock: SharedClock,
    pub(crate) windows: Windows,
}

impl Timing {
    pub(crate) fn now(&self) -> Instant {
        self.clock.now()
    }
}

/// State, batches and commits of a task: the group `connector-task-metrics`.
pub struct TaskStatusMetrics {
    timing: Timing,
    pub(crate) labels: Labels,
    info: TaskInfo,
    inner: Mutex<Inner>,
}

struct Inner {
    status: Status,
    started: Instant,
    /// When `status` began.
    since: Instant,
    running: Duration,
    paused: Duration,
    batch_size: Sampled,
    commit_time: Sampled,
    commit_success: Sampled,
}

impl TaskStatusMetrics {
    pub(crate) fn new(timing: Timing, labels: Labels, info: TaskInfo) -> Self {
        let now = timing.now();
        let inner = Inner {
            status: Status::default(),
            started: now,
            since: now,
            running: Duration::ZERO,
            paused: Duration::ZERO,
            batch_size: Sampled::default(),
            commit_time: Sampled::default(),
            commit_success: Sampled::default(),
        };
        Self { timing, labels, info, inner: Mutex::new(inner) }
    }

    /// Notes a change of state.
    pub fn state(&self, status: Status) {
        let now = self.timing.now();
        let mut inner = self.inner();
        let (running, paused) = inner.times(now);
        (inner.status, inner.since, inner.running, inner.paused) = (status, now, running, paused);
    }

    /// Returns the state last noted.
    pub fn current_state(&self) -> Status {
        self.inner().status
    }

    /// Notes a batch of records, which may be empty.
    pub fn batch(&self, records: u64) {
        self.inner().batch_size.record(records as f64, self.timing.now(), self.timing.windows);
    }

    /// Notes a commit of offsets that succeeded after `time`.
    pub fn commit_succeeded(&self, time: Duration) {
        let (now, windows) = (self.timing.now(), self.timing.windows);
        let mut inner = self.inner();
        inner.commit_time.record(millis(time), now, windows);
        inner.commit_success.record(1.0, now, windows);
    }

    /// Notes a commit of offsets that failed.
    pub fn commit_failed(&self) {
        self.inner().commit_success.record(0.0, self.timing.now(), self.timing.windows);
    }

    pub(crate) fn collect(&self, page: &mut Exposition) {
        let (now, windows, labels) = (self.timing.now(), self.timing.windows, &self.labels);
        let inner = self.inner();
        page.text(MetricId::TaskStatus, labels, inner.status.name());
        let life = now.saturating_duration_since(inner.started).as_secs_f64();
        let ratio = |time: Duration| if life > 0.0 { time.as_secs_f64() / life } else { 0.0 };
        let (running, paused) = inner.times(now);
        page.add(MetricId::RunningRatio, labels, ratio(running));
        page.add(MetricId::PauseRatio, labels, ratio(paused));
        page.add(MetricId::OffsetCommitMaxTimeMs, labels, inner.commit_time.max(now, windows));
        page.add(MetricId::OffsetCommitAvgTimeMs, labels, inner.commit_time.average(now, windows));
        page.add(MetricId::BatchSizeMax, labels, inner.batch_size.max(now, windows));
        page.add(MetricId::BatchSizeAvg, labels, inner.batch_size.average(now, windows));
        let success = inner.commit_success.average(now, windows);
        let failure = if success.is_nan() { 0.0 } else { 1.0 - success };
        page.add(MetricId::OffsetCommitFailurePercentage, labels, failure);
        page.add(MetricId::OffsetCommitSuccessPercentage, labels, inner.commit_success.share(now, windows));
        drop(inner);
        self.info.collect(page, labels);
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    /// Returns the time spent running and paused until now.
    fn times(&self, now: Instant) -> (Duration, Duration) {
        let current = now.saturating_duration_since(self.since);
        match self.status {
            Status::Running => (self.running + current, self.paused),
            Status::Paused => (self.running, self.paused + current),
            _ => (self.running, self.paused),
        }
    }
}

impl TaskInfo {
    fn collect(&self, page: &mut Exposition, labels: &Labels) {
        page.text(MetricId::TaskConnectorType, labels, &self.connector_type);
        let plugins = [
            (&self.connector, MetricId::TaskConnectorClass, MetricId::TaskConnectorVersion),
            (&self.task, MetricId::TaskClass, MetricId::TaskVersion),
            (&self.key_converter, MetricId::TaskKeyConverterClass, MetricId::TaskKeyConverterVersion),
            (&self.value_converter, MetricId::TaskValueConverterClass, MetricId::TaskValueConverterVersion),
            (
                &self.header_converter,
                MetricId::TaskHeaderConverterClass,
                MetricId::TaskHeaderConverterVersion,
            ),
        ];
        for (plugin, class, version) in plugins {
            page.text(class, labels, &plugin.class);
            page.text(version, labels, &plugin.version);
        }
        for (alias, plugin) in &self.transforms {
            let labels = labels.with(&[("transform", alias)]);
            page.text(MetricId::TransformClass, &labels, &plugin.class);
            page.text(MetricId::TransformVersion, &labels, &plugin.version);
        }
        for (alias, plugin) in &self.predicates {
            let labels = labels.with(&[("predicate", alias)]);
            page.text(MetricId::PredicateClass, &labels, &plugin.class);
            page.text(MetricId::PredicateVersion, &labels, &plugin.version);
        }
    }
}

pub(crate) fn millis(time: Duration) -> f64 {
    time.as_secs_f64() * 1_000.0
}
