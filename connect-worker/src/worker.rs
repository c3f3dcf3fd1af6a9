//! A whole worker: its rooms put together, started and stopped.
//!
//! Called by `cli`. It decides the order of start and stop, and the exit code; everything else is done elsewhere.

mod adapters;

use std::net::{Ipv4Addr, UdpSocket};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use connect_core::kit::{SharedClock, SystemClock};
use connect_core::plugin::Registry;
use tokio_util::sync::CancellationToken;

use crate::config::{self, ConnectorFile, WorkerConfig};
use crate::herder::ports::PluginCatalog;
use crate::herder::{
    CreateRequest, Herder, HerderHandle, HerderSettings, InitialState, MemoryConfigStore, MemoryStatusStore,
    Ports,
};
use crate::kafka::admin::{Admin, AdminError};
use crate::obs::logging::LogControl;
use crate::obs::metrics::{MetricsOptions, MetricsRegistry, Windows};
use crate::rest::{BoundListeners, Readiness, RestConfig, RestState, WorkerInfo, admin_router, main_router};
use crate::shutdown::{Phases, Signals};
use crate::stores::offsets::{FileOffsetStore, OffsetStore};
use crate::task::{Spawner, TaskServices, native_consumers};
use crate::worker::adapters::{Catalog, GroupOffsets, SourceOffsets};

/// The version of Kafka Connect that this worker answers as.
const KAFKA_VERSION: &str = "4.3.1";
/// Identifies the build where Kafka Connect shows its commit.
const BUILD: &str = concat!("sluice-", env!("CARGO_PKG_VERSION"));

/// Exit code of a worker whose surroundings cannot be used, and of one that left something behind.
const UNUSABLE: u8 = 2;
/// Exit code of a worker whose connectors cannot be created.
const START: u8 = 3;

/// Time beyond the graceful time of tasks in which everything else must have stopped.
const STOP_MARGIN: Duration = Duration::from_secs(10);

/// Silence of the brokers at start after which it is logged.
const PATIENCE: Duration = Duration::from_secs(5);

/// Runs a standalone worker with the given connectors until it is asked to stop. REST changes the levels of `log`.
///
/// Returns 0 after an orderly stop, 2 when something did not end in time or the worker's surroundings cannot be
/// used, 3 when a connector cannot be created.
///
/// # Errors
/// Fails when the process cannot catch signals, or offsets cannot be read.
pub async fn run_standalone(
    worker: WorkerConfig,
    connectors: Vec<ConnectorFile>,
    registry: Registry,
    log: LogControl,
) -> anyhow::Result<ExitCode> {
    let signals = Signals::catch().context("catching signals")?;
    let stop = CancellationToken::new();
    let outcome = tokio::select! {
        biased; // A worker that has ended is not interrupted.
        outcome = Box::pin(serve(worker, connectors, registry, log, stop.clone())) => outcome,
        never = signals.watch(stop.clone()) => never,
    };
    outcome.map(ExitCode::from)
}

async fn serve(
    worker: WorkerConfig,
    connectors: Vec<ConnectorFile>,
    registry: Registry,
    log: LogControl,
    stop: CancellationToken,
) -> anyhow::Result<u8> {
    let rest = match RestConfig::from_props(worker.originals()) {
        Ok(rest) => rest,
        Err(error) => return Ok(unusable(&error)),
    };
    let listeners = match BoundListeners::bind(&rest).await {
        Ok(listeners) => listeners,
        Err(error) => return Ok(unusable(&error)),
    };
    let worker = Arc::new(worker);
    let worker_id: Arc<str> = rest.worker_id(listeners.ports(), &own_address()).into();
    let metrics = Arc::new(metrics(&worker, &worker_id));
    let offsets = offset_store(&worker)?;
    let bootstrap_servers = bootstrap_servers(&worker);
    tracing::info!(version = BUILD, %worker_id, bootstrap_servers, "starting worker");
    let (herder, handle) = herder(&worker, worker_id, registry, &metrics, offsets);
    let herder_stop = CancellationToken::new();
    let running = tokio::spawn(herder.run(herder_stop.clone()));

    let readiness = Readiness::default();
    let levels = Arc::new(log);
    let rendered = Arc::clone(&metrics);
    let state = RestState {
        herder: handle.clone(),
        readiness: readiness.clone(),
        levels: Arc::clone(&levels) as _,
        metrics: Arc::new(move || rendered.render()),
    };
    let server = listeners.serve(&main_router(state, &rest), &admin_router(levels));

    let code = start(&worker, &handle, &readiness, connectors, &stop).await;
    if code == 0 {
        stop.cancelled().await;
    }
    let mut phases = Phases::begin(std::time::Instant::now());
    let limit = worker.task_shutdown_graceful_timeout + STOP_MARGIN;
    phases.run("rest", STOP_MARGIN, server.stop()).await;
    herder_stop.cancel();
    let report = phases.run("connectors and tasks", limit, running).await;
    let overdue = phases.end(std::time::Instant::now());
    let has_left_something = report.is_none_or(|report| !report.is_ok_and(|report| report.abandoned == 0));
    Ok(if code == 0 && (has_left_something || !overdue.is_empty()) { UNUSABLE } else { code })
}

/// Learns the cluster's id, opens the resources, creates the connectors in order. Returns an exit code; 0 means
/// that the worker has started or was asked to stop meanwhile.
async fn start(
    worker: &WorkerConfig,
    handle: &HerderHandle,
    readiness: &Readiness,
    connectors: Vec<ConnectorFile>,
    stop: &CancellationToken,
) -> u8 {
    let kafka_cluster_id = tokio::select! {
        biased; // A worker that is to stop does not wait for a broker.
        () = stop.cancelled() => return 0,
        id = cluster_id(worker) => match id {
            Ok(id) => id,
            Err(error) => return unusable(&error),
        },
    };
    readiness.open(WorkerInfo { version: KAFKA_VERSION, commit: BUILD, kafka_cluster_id });
    for connector in connectors {
        let path = connector.path.display().to_string();
        let created = tokio::select! {
            biased; // As above, for a connector.
            () = stop.cancelled() => return 0,
            created = handle.create(request(connector)) => created,
        };
        if let Err(error) = created {
            tracing::error!(file = path, error = %error, "creating connector from file; `sluice validate` checks a file and tells what was probably meant");
            return START;
        }
    }
    readiness.set_started();
    tracing::info!("worker started");
    0
}

/// Asks the brokers for the id of their cluster, and says every few seconds that none answers.
async fn cluster_id(worker: &WorkerConfig) -> Result<String, AdminError> {
    let mut asked = Box::pin(async { Admin::new(worker.originals())?.cluster_id().await });
    loop {
        match tokio::time::timeout(PATIENCE, &mut asked).await {
            Ok(outcome) => return outcome,
            Err(_) => {
                let bootstrap_servers = bootstrap_servers(worker);
                tracing::warn!(bootstrap_servers, "no answer from the brokers yet; still trying");
            }
        }
    }
}

fn bootstrap_servers(worker: &WorkerConfig) -> &str {
    worker.originals().get("bootstrap.servers").map_or("", String::as_str)
}

fn request(file: ConnectorFile) -> CreateRequest {
    let initial_state = file.initial_state.map(|state| match state {
        config::InitialState::Running => InitialState::Running,
        config::InitialState::Paused => InitialState::Paused,
        config::InitialState::Stopped => InitialState::Stopped,
    });
    CreateRequest { name: file.name.into(), config: file.config, initial_state }
}

fn herder(
    worker: &Arc<WorkerConfig>,
    worker_id: Arc<str>,
    registry: Registry,
    metrics: &Arc<MetricsRegistry>,
    offsets: Arc<dyn OffsetStore>,
) -> (Herder, HerderHandle) {
    let clock: SharedClock = Arc::new(SystemClock);
    let services = TaskServices {
        worker: Arc::clone(worker),
        metrics: Arc::clone(metrics),
        offsets: Arc::clone(&offsets),
        clock,
        consumers: native_consumers(),
    };
    let settings = HerderSettings {
        worker_id,
        task_grace: worker.task_shutdown_graceful_timeout,
        tracks_topics: worker.topic_tracking_enable,
        allows_topic_reset: worker.topic_tracking_allow_reset,
    };
    let (config, updates) = MemoryConfigStore::new();
    let ports = Ports {
        catalog: catalog(registry.clone(), Arc::clone(worker)),
        registry,
        resolver: Arc::new(worker.transformer().clone()),
        spawner: Arc::new(Spawner::new(services)),
        config: Box::new(config),
        updates,
        status: Box::new(MemoryStatusStore::default()),
        sink_offsets: Arc::new(GroupOffsets { worker: Arc::clone(worker) }),
        source_offsets: Arc::new(SourceOffsets { store: offsets }),
        metrics: Arc::clone(metrics),
    };
    Herder::new(settings, ports)
}

/// Returns the plug-ins of a worker as the herder and REST see them.
pub(crate) fn catalog(registry: Registry, worker: Arc<WorkerConfig>) -> Arc<dyn PluginCatalog> {
    Arc::new(Catalog { registry, worker })
}

fn offset_store(worker: &WorkerConfig) -> anyhow::Result<Arc<dyn OffsetStore>> {
    let standalone = worker.standalone().context("a standalone worker needs a standalone configuration")?;
    let path = &standalone.offset_storage_file_filename;
    let store = FileOffsetStore::open(path).with_context(|| format!("opening offset file `{path}`"))?;
    Ok(Arc::new(store))
}

fn metrics(worker: &WorkerConfig, worker_id: &str) -> MetricsRegistry {
    let count = usize::try_from(worker.metrics_num_samples).unwrap_or(usize::MAX);
    MetricsRegistry::new(MetricsOptions {
        windows: Windows { length: worker.metrics_sample_window, count },
        clock: Arc::new(SystemClock),
        worker_id: worker_id.to_owned(),
        version: KAFKA_VERSION.to_owned(),
        commit: BUILD.to_owned(),
    })
}

fn unusable(error: &dyn std::fmt::Display) -> u8 {
    tracing::error!(error = %error, "starting the worker");
    UNUSABLE
}

/// Returns the address that this machine would use to reach others, where no setting names a host. Connecting a
/// datagram socket sends nothing.
fn own_address() -> String {
    let probe = || {
        let socket = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0))?;
        socket.connect((Ipv4Addr::new(192, 0, 2, 1), 9))?;
        socket.local_addr().map(|address| address.ip().to_string())
    };
    probe().unwrap_or_else(|_: std::io::Error| "localhost".to_owned())
}
