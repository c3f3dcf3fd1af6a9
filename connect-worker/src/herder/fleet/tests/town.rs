//! Several workers in one process, on one group, one log and one clock.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use connect_cluster::protocol::GroupProtocol;
use connect_core::async_trait;
use connect_core::config::Props;
use connect_core::error::ConnectError;
use connect_core::kit::SystemClock;
use connect_core::task::TaskId;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use crate::herder::fleet::tests::coordinator::{Coordinator, Membership};
use crate::herder::fleet::tests::log::{SharedLog, SharedStatus};
use crate::herder::fleet::{FleetPorts, FleetSettings, KeySettings};
use crate::herder::ports::{ConfigResolver, LeaderClient, LevelSetter, ProducerFencer, TaskSpawner};
use crate::herder::tests::pretend::{Nothing, config, registry};
use crate::herder::{
    CreateRequest, Herder, HerderError, HerderHandle, HerderSettings, Ports, StopReport, door,
};
use crate::obs::metrics::MetricsRegistry;
use crate::stores::config::SessionKey;
use crate::task::{TargetState, TaskEvent, TaskHandle, TaskSpec, TaskState};

/// `scheduled.rebalance.max.delay.ms` of the tests.
pub(super) const MAX_DELAY: Duration = Duration::from_secs(20);

/// Time a task takes to end.
const STOP_TIME: Duration = Duration::from_millis(30);

/// Which worker runs a task, and how often it was started.
#[derive(Default)]
pub(super) struct Registry {
    /// By task: the workers it runs on.
    running: BTreeMap<TaskId, Vec<String>>,
    pub(super) starts: BTreeMap<TaskId, usize>,
    /// What ran twice.
    pub(super) doubles: Vec<String>,
    /// Levels that workers set.
    pub(super) levels: Vec<String>,
    /// Transactional ids that were fenced.
    pub(super) fenced: Vec<String>,
}

pub(super) type SharedRegistry = Arc<Mutex<Registry>>;

struct TownTasks {
    worker: String,
    registry: SharedRegistry,
}

impl TaskSpawner for TownTasks {
    fn start(&self, spec: TaskSpec, events: mpsc::UnboundedSender<TaskEvent>) -> TaskHandle {
        let (id, worker, registry) = (spec.id.clone(), self.worker.clone(), Arc::clone(&self.registry));
        let is_hanging = spec.task_props.get("task").is_some_and(|text| text == "hang");
        {
            let mut registry = registry.lock().expect("unpoisoned");
            let others = registry.running.entry(id.clone()).or_default();
            others.push(worker.clone());
            if others.len() > 1 {
                let text = format!("{}-{} on {others:?}", id.connector, id.task);
                registry.doubles.push(text);
            }
            *registry.starts.entry(id.clone()).or_default() += 1;
        }
        TaskHandle::spawn(&spec, events, move |mut control| async move {
            if is_hanging {
                control.report_state(TaskState::Running, None);
                std::future::pending::<()>().await;
            }
            while !control.stop.is_cancelled() {
                let is_started = *control.target.borrow_and_update() == TargetState::Started;
                control.report_state(if is_started { TaskState::Running } else { TaskState::Paused }, None);
                tokio::select! {
                    biased; // Ending comes first.
                    () = control.stop.cancelled() => {}
                    changed = control.target.changed() => if changed.is_err() { break },
                }
            }
            // Ending takes its time.
            tokio::time::sleep(STOP_TIME).await;
            control.report_state(TaskState::Unassigned, None);
            let mut registry = registry.lock().expect("unpoisoned");
            if let Some(running) = registry.running.get_mut(&id)
                && let Some(index) = running.iter().position(|name| *name == worker)
            {
                running.remove(index);
            }
        })
    }
}

/// Finds the herder behind a URL.
#[derive(Clone, Default)]
struct Streets(Arc<Mutex<HashMap<String, HerderHandle>>>);

impl Streets {
    fn at(&self, url: &str) -> Result<HerderHandle, HerderError> {
        let found = self.0.lock().expect("unpoisoned").get(url).cloned();
        found.ok_or_else(|| HerderError::internal("nobody answers"))
    }
}

#[async_trait]
impl LeaderClient for Streets {
    async fn put_tasks(
        &self,
        leader_url: &str,
        connector: &str,
        configs: &[Props],
        _key: Option<&SessionKey>,
    ) -> Result<(), HerderError> {
        self.at(leader_url)?.write_task_configs(connector.to_owned(), configs.to_vec()).await
    }

    async fn fence(
        &self,
        leader_url: &str,
        connector: &str,
        _key: Option<&SessionKey>,
    ) -> Result<(), HerderError> {
        self.at(leader_url)?.fence(connector.to_owned()).await
    }

    async fn tell_departure(
        &self,
        leader_url: &str,
        member_id: &str,
        _key: Option<&SessionKey>,
    ) -> Result<(), HerderError> {
        self.at(leader_url)?.note_departure(member_id.to_owned()).await
    }

    async fn find_worker(&self, url: &str) -> Result<(), String> {
        self.at(url).map(drop).map_err(|error| error.to_string())
    }
}

struct Notebook(SharedRegistry);

impl LevelSetter for Notebook {
    fn set_level(&self, namespace: &str, level: &str) {
        self.0.lock().expect("unpoisoned").levels.push(format!("{namespace}={level}"));
    }
}

#[async_trait]
impl ProducerFencer for Notebook {
    async fn fence(&self, _: &str, _: &Props, ids: Vec<String>) -> Result<(), ConnectError> {
        self.0.lock().expect("unpoisoned").fenced.extend(ids);
        Ok(())
    }
}

/// One worker.
pub(super) struct Worker {
    pub(super) name: String,
    pub(super) handle: HerderHandle,
    pub(super) membership: Arc<Membership>,
    pub(super) log_index: usize,
    stop: CancellationToken,
    running: tokio::task::JoinHandle<StopReport>,
}

impl Worker {
    /// Stops the worker in order.
    pub(super) async fn stop(self) -> StopReport {
        self.stop.cancel();
        self.running.await.expect("the herder ends")
    }

    /// Waits for the end of a herder that ends by itself.
    pub(super) async fn ended(self) -> StopReport {
        self.running.await.expect("the herder ends")
    }
}

/// All of it.
pub(super) struct Town {
    pub(super) coordinator: Coordinator,
    pub(super) log: SharedLog,
    pub(super) status: SharedStatus,
    pub(super) registry: SharedRegistry,
    /// Resolver of all workers that are started.
    pub(super) resolver: Arc<dyn ConfigResolver>,
    streets: Streets,
    next_worker: usize,
}

impl Town {
    pub(super) fn new(protocol: GroupProtocol) -> Self {
        Self {
            coordinator: Coordinator::start(protocol),
            log: SharedLog::default(),
            status: SharedStatus::default(),
            registry: SharedRegistry::default(),
            resolver: Arc::new(Nothing),
            streets: Streets::default(),
            next_worker: 0,
        }
    }

    /// Starts a worker.
    pub(super) fn start(&mut self) -> Worker {
        self.next_worker += 1;
        let name = format!("w{}:1", self.next_worker);
        let url = format!("http://{name}/");
        let (store, updates) = self.log.follow();
        let log_index = self.next_worker - 1;
        let (membership, events) = self.coordinator.join(&url);
        let notebook = Arc::new(Notebook(Arc::clone(&self.registry)));
        let fleet = FleetPorts {
            settings: FleetSettings {
                url: url.clone(),
                group_id: "g".to_owned(),
                max_delay: MAX_DELAY,
                sync_timeout: Duration::from_secs(3),
                unsync_backoff: Duration::from_secs(1),
                key: KeySettings { algorithm: "HmacSHA256".to_owned(), size_bits: None, ttl: Duration::ZERO },
                is_exactly_once: false,
            },
            events,
            group: Arc::clone(&membership) as _,
            leader: Arc::new(self.streets.clone()),
            levels: Arc::clone(&notebook) as _,
            fencer: notebook,
            clock: Arc::new(SystemClock),
        };
        let tasks = TownTasks { worker: name.clone(), registry: Arc::clone(&self.registry) };
        let ports = Ports {
            registry: registry(),
            resolver: Arc::clone(&self.resolver),
            spawner: Arc::new(tasks),
            config: Box::new(store),
            updates,
            status: Box::new(self.status.clone()),
            sink_offsets: Arc::new(Nothing),
            source_offsets: Arc::new(Nothing),
            metrics: MetricsRegistry::for_tests(),
            fleet: Some(fleet),
        };
        let settings = HerderSettings {
            worker_id: name.as_str().into(),
            task_grace: Duration::from_secs(5),
            tracks_topics: true,
            allows_topic_reset: true,
        };
        let (handle, door) = door(Arc::new(Nothing));
        let herder = Herder::new(settings, ports, door);
        let stop = CancellationToken::new();
        let running = tokio::spawn(herder.run(stop.clone()));
        self.streets.0.lock().expect("unpoisoned").insert(url, handle.clone());
        Worker { name, handle, membership, log_index, stop, running }
    }

    /// Ends a worker as `kill -9` does: nothing of it runs any more, and its session runs out later.
    pub(super) fn kill(&self, worker: Worker) -> String {
        worker.running.abort();
        let id = worker.membership.id();
        self.coordinator.cut(&id);
        self.registry.lock().expect("unpoisoned").forget(&worker.name);
        self.streets.0.lock().expect("unpoisoned").remove(&format!("http://{}/", worker.name));
        id
    }

    /// Returns what runs where, once it is as wanted; else as it is after a while.
    pub(super) async fn settles(
        &self,
        is_wanted: impl Fn(&BTreeMap<String, String>) -> bool,
    ) -> BTreeMap<String, String> {
        let mut placed = self.placed();
        for _ in 0..2000 {
            if is_wanted(&placed) {
                // It must stay so.
                tokio::time::sleep(Duration::from_millis(200)).await;
                placed = self.placed();
                if is_wanted(&placed) {
                    break;
                }
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
            placed = self.placed();
        }
        placed
    }

    /// Returns the workers that tasks run on.
    pub(super) fn placed(&self) -> BTreeMap<String, String> {
        self.registry.lock().expect("unpoisoned").placed()
    }

    pub(super) fn starts(&self, connector: &str) -> usize {
        let registry = self.registry.lock().expect("unpoisoned");
        registry.starts.iter().filter(|(id, _)| &*id.connector == connector).map(|(_, count)| count).sum()
    }

    pub(super) fn doubles(&self) -> Vec<String> {
        self.registry.lock().expect("unpoisoned").doubles.clone()
    }
}

impl Registry {
    /// Forgets what a worker ran.
    pub(super) fn forget(&mut self, worker: &str) {
        for running in self.running.values_mut() {
            running.retain(|name| name != worker);
        }
    }

    fn placed(&self) -> BTreeMap<String, String> {
        let running = self.running.iter().filter(|(_, workers)| !workers.is_empty());
        running.map(|(id, workers)| (format!("{}-{}", id.connector, id.task), workers.join("+"))).collect()
    }
}

/// Creates a connector on whichever worker leads.
pub(super) async fn create(
    workers: &[&Worker],
    name: &str,
    says: &[(&str, &str)],
) -> Result<(), HerderError> {
    on_leader(workers, |handle| {
        let request = CreateRequest { name: name.into(), config: config(says), initial_state: None };
        async move { handle.create(request).await.map(drop) }
    })
    .await
}

/// Does something on whichever worker says that it leads, as REST does.
pub(super) async fn on_leader<T, F>(
    workers: &[&Worker],
    ask: impl Fn(HerderHandle) -> F,
) -> Result<T, HerderError>
where
    F: Future<Output = Result<T, HerderError>>,
{
    let mut last = HerderError::internal("nobody was asked");
    for _ in 0..100 {
        for worker in workers {
            match ask(worker.handle.clone()).await {
                Err(error) if error.kind == crate::herder::HerderErrorKind::Elsewhere => last = error,
                outcome => return outcome,
            }
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    Err(last)
}
