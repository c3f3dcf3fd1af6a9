//! Tasks run without a worker around them: started, abandoned and overtaken at will.

use connect_tests::wait;
use std::sync::Arc;

use connect_core::async_trait;
use connect_core::config::Props;
use connect_core::error::ConnectError;
use connect_core::kit::SystemClock;
use connect_core::task::TaskId;
use connect_worker::config::{WorkerConfig, WorkerMode};
use connect_worker::obs::metrics::{MetricsOptions, MetricsRegistry, Windows};
use connect_worker::stores::offsets::{OffsetStore, SourceOffsetStores};
use connect_worker::task::{
    ExactlyOnce, Spawner, TargetState, TaskEvent, TaskHandle, TaskKind, TaskReport, TaskServices, TaskSpec,
    TaskState, always_ours, native_consumers, native_transactional_producers,
};
use tokio::sync::mpsc;

const STRING: &str = "org.apache.kafka.connect.storage.StringConverter";

pub(crate) fn props(pairs: &[(&str, &str)]) -> Props {
    pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
}

/// A worker's offset store that nothing may use.
struct Unused;

#[async_trait]
impl OffsetStore for Unused {
    async fn get(&self, _: &[bytes::Bytes]) -> Result<Vec<Option<bytes::Bytes>>, ConnectError> {
        Err(ConnectError::fatal("the worker's offsets are not used here"))
    }

    async fn set(&self, _: Vec<(bytes::Bytes, Option<bytes::Bytes>)>) -> Result<(), ConnectError> {
        Err(ConnectError::fatal("the worker's offsets are not used here"))
    }

    async fn entries(&self) -> Result<Vec<(bytes::Bytes, bytes::Bytes)>, ConnectError> {
        Err(ConnectError::fatal("the worker's offsets are not used here"))
    }
}

/// One task, run several times as the workers of a group do.
pub(crate) struct Tasks {
    spec: TaskSpec,
    spawner: Spawner,
    sender: mpsc::UnboundedSender<TaskEvent>,
    events: mpsc::UnboundedReceiver<TaskEvent>,
}

impl Tasks {
    /// Returns a task of the group `fleet` that is not started yet.
    pub(crate) fn new(
        bootstrap: &str,
        kind: TaskKind,
        connector: &[(&str, &str)],
        once: Option<(ExactlyOnce, Arc<dyn SourceOffsetStores>)>,
    ) -> Self {
        let registry = connectors::registry();
        let worker = props(&[
            ("bootstrap.servers", bootstrap),
            ("group.id", "fleet"),
            ("config.storage.topic", "fleet-configs"),
            ("offset.storage.topic", "fleet-offsets"),
            ("status.storage.topic", "fleet-status"),
            ("exactly.once.source.support", "enabled"),
            ("offset.flush.interval.ms", "100"),
            ("key.converter", STRING),
            ("value.converter", STRING),
        ]);
        let worker = WorkerConfig::parse(&worker, WorkerMode::Distributed, &registry).expect("worker");
        let clock = Arc::new(SystemClock);
        let metrics = MetricsRegistry::new(MetricsOptions {
            windows: Windows::default(),
            clock: clock.clone(),
            worker_id: "w:1".to_owned(),
            version: "1".to_owned(),
            commit: "c".to_owned(),
        });
        let (exactly_once, source_stores) = once.unzip();
        let spawner = Spawner::new(TaskServices {
            worker: Arc::new(worker),
            metrics: Arc::new(metrics),
            offsets: Arc::new(Unused),
            source_stores,
            clock,
            consumers: native_consumers(),
            members: None,
            producers: native_transactional_producers(),
            right: always_ours(),
        });
        let connector_props = props(connector);
        let spec = TaskSpec {
            id: TaskId { connector: connector_props["name"].as_str().into(), task: 0 },
            run: 0,
            kind,
            task_props: connector_props.clone(),
            connector_props,
            target: TargetState::Started,
            registry,
            exactly_once,
            topic_resets: Default::default(),
        };
        let (sender, events) = mpsc::unbounded_channel();
        Self { spec, spawner, sender, events }
    }

    /// Starts another run; those before it are left alone.
    pub(crate) fn start(&mut self) -> TaskHandle {
        self.spec.run += 1;
        self.spawner.start(self.spec.clone(), self.sender.clone())
    }

    pub(crate) async fn until_running(&mut self, run: u64) {
        loop {
            let (seen, state, _) = self.state().await;
            if (seen, state) == (run, TaskState::Running) {
                return;
            }
        }
    }

    /// Waits for the next failure and returns the run and its trace.
    pub(crate) async fn failure(&mut self) -> (u64, String) {
        loop {
            if let (run, TaskState::Failed, trace) = self.state().await {
                return (run, trace.expect("a trace"));
            }
        }
    }

    /// Returns the states reported since the last look, with their runs.
    pub(crate) fn states(&mut self) -> Vec<(u64, TaskState)> {
        let mut states = Vec::new();
        while let Ok(event) = self.events.try_recv() {
            if let TaskReport::State { state, .. } = event.report {
                states.push((event.run, state));
            }
        }
        states
    }

    async fn state(&mut self) -> (u64, TaskState, Option<String>) {
        loop {
            let event = tokio::time::timeout(wait::LIMIT, self.events.recv()).await.expect("a state in time");
            let event = event.expect("an open channel");
            if let TaskReport::State { state, trace } = event.report {
                return (event.run, state, trace);
            }
        }
    }
}
