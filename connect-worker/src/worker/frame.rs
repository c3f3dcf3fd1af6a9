//! What every worker has, whatever its mode: listeners, metrics, REST, and the order in which it stops.

use std::net::{Ipv4Addr, UdpSocket};
use std::sync::Arc;
use std::time::{Duration, Instant};

use connect_cluster::connection::{ConnectionSettings, Directory};
use connect_core::kit::SystemClock;
use tokio::task::{JoinError, JoinHandle};
use tokio_util::sync::CancellationToken;

use crate::config::WorkerConfig;
use crate::config::internal::InternalTopic;
use crate::herder::{Herder, HerderHandle, StopReport};
use crate::kafka::admin::Admin;
use crate::obs::logging::LogControl;
use crate::obs::metrics::{MetricsOptions, MetricsRegistry, Windows};
use crate::rest::{
    BoundListeners, LevelControl, LoggerState, Peers, Readiness, RestConfig, RestServer, RestState,
    WorkerInfo, admin_router, main_router,
};
use crate::shutdown::Phases;
use crate::worker::group;

/// The version of Kafka Connect that this worker answers as.
pub(super) const KAFKA_VERSION: &str = "4.3.1";
/// Identifies the build where Kafka Connect shows its commit.
pub(super) const BUILD: &str = concat!("sluice-", env!("CARGO_PKG_VERSION"));

/// Exit code of a worker whose herder ended by itself, or cannot begin.
pub(super) const HERDER: u8 = 1;
/// Exit code of a worker whose surroundings cannot be used, and of one that left something behind.
pub(super) const UNUSABLE: u8 = 2;
/// Exit code of a worker whose connectors cannot be created.
pub(super) const START: u8 = 3;

/// Time beyond the graceful time of tasks in which everything else must have stopped.
const STOP_MARGIN: Duration = Duration::from_secs(10);

/// Silence of the brokers at start after which it is logged.
const PATIENCE: Duration = Duration::from_secs(5);

/// A worker that has its listeners, and nothing else yet.
pub(super) struct Frame {
    pub(super) worker: Arc<WorkerConfig>,
    /// `host:port` of the advertised URL.
    pub(super) worker_id: Arc<str>,
    /// Advertised URL, ends with `/`.
    pub(super) url: String,
    /// The other workers of the group; none in standalone mode.
    pub(super) peers: Option<Peers>,
    pub(super) metrics: Arc<MetricsRegistry>,
    pub(super) readiness: Readiness,
    pub(super) rest: RestConfig,
}

impl Frame {
    /// Binds the listeners of a worker, which do not answer yet.
    ///
    /// # Errors
    /// Fails with the exit code, after telling why.
    pub(super) async fn set_up(worker: WorkerConfig) -> Result<(Self, BoundListeners), u8> {
        let rest = RestConfig::from_props(worker.originals()).map_err(|error| unusable(&error))?;
        let listeners = BoundListeners::bind(&rest).await.map_err(|error| unusable(&error))?;
        let own_address = own_address();
        let worker_id: Arc<str> = rest.worker_id(listeners.ports(), &own_address).into();
        let url = rest.advertised_url(listeners.ports(), &own_address);
        let peers = peers(&worker).map_err(|error| unusable(&error))?;
        let metrics = Arc::new(metrics(&worker, &worker_id));
        tracing::info!("Kafka version: {KAFKA_VERSION}");
        let bootstrap_servers = bootstrap_servers(&worker);
        tracing::info!(version = BUILD, %worker_id, bootstrap_servers, "starting worker");
        let readiness = Readiness::default();
        let worker = Arc::new(worker);
        Ok((Self { worker, worker_id, url, peers, metrics, readiness, rest }, listeners))
    }

    /// Begins to answer requests.
    pub(super) fn serve(
        &self,
        listeners: BoundListeners,
        herder: HerderHandle,
        log: Arc<LogControl>,
    ) -> RestServer {
        let levels: Arc<dyn LevelControl> = log;
        let metrics = Arc::clone(&self.metrics);
        let admin = LoggerState::new(levels.clone(), self.peers.is_some().then(|| herder.clone()));
        let state = RestState {
            herder,
            readiness: self.readiness.clone(),
            levels: levels.clone(),
            peers: self.peers.clone(),
            metrics: Arc::new(move || metrics.render()),
        };
        listeners.serve(&main_router(state, &self.rest), &admin_router(admin))
    }
}

/// A herder at work.
pub(super) struct RunningHerder {
    stop: CancellationToken,
    task: JoinHandle<StopReport>,
    report: Option<StopReport>,
}

impl RunningHerder {
    /// Sets a herder to work.
    pub(super) fn spawn(herder: Herder) -> Self {
        let stop = CancellationToken::new();
        let task = tokio::spawn(herder.run(stop.clone()));
        Self { stop, task, report: None }
    }

    /// Waits until the herder has ended. Cancel safe.
    pub(super) async fn ended(&mut self) -> &StopReport {
        if self.report.is_none() {
            let report = (&mut self.task).await;
            let panicked = |error: JoinError| StopReport { abandoned: 1, failure: Some(error.to_string()) };
            self.report = Some(report.unwrap_or_else(panicked));
        }
        self.report.as_ref().expect("it was put there above")
    }
}

/// Stops REST, then the herder with everything it runs. Returns the exit code: `code`, or another when something did
/// not end in time.
pub(super) async fn stop(
    worker: &WorkerConfig,
    server: RestServer,
    mut herder: RunningHerder,
    code: u8,
) -> u8 {
    let mut phases = Phases::begin(Instant::now());
    let limit = worker.task_shutdown_graceful_timeout + STOP_MARGIN;
    phases.run("rest", STOP_MARGIN, server.stop()).await;
    herder.stop.cancel();
    let report = phases.run("connectors and tasks", limit, herder.ended()).await;
    let overdue = phases.end(Instant::now());
    let has_left_something = report.is_none_or(|report| report.abandoned > 0);
    if code == 0 && (has_left_something || !overdue.is_empty()) { UNUSABLE } else { code }
}

/// Asks the brokers for the id of their cluster, and says every few seconds that none answers, and why.
///
/// # Errors
/// Fails as the admin client does, and when the brokers can never answer this client.
pub(super) async fn cluster_id(worker: &WorkerConfig) -> Result<String, String> {
    let props = match worker.distributed() {
        // The session time-out of the group is none of a client.
        Some(_) => InternalTopic::Configs.admin_props(worker),
        None => worker.originals().clone(),
    };
    let mut asked = Box::pin(async { Admin::new(&props)?.cluster_id().await });
    loop {
        match tokio::time::timeout(PATIENCE, &mut asked).await {
            Ok(outcome) => return outcome.map_err(|error| error.to_string()),
            Err(_) => {
                let bootstrap_servers = bootstrap_servers(worker);
                let reason = silence(worker).await?;
                tracing::warn!(bootstrap_servers, reason, "no answer from the brokers yet; still trying");
            }
        }
    }
}

/// Returns why brokers do not answer: a client that is asked to connect in vain keeps that to itself.
///
/// # Errors
/// Fails with the reason when no retry can help.
async fn silence(worker: &WorkerConfig) -> Result<String, String> {
    let settings = ConnectionSettings::from_props(worker.originals()).map_err(|error| error.to_string())?;
    let mut brokers = Directory::new(settings);
    match tokio::time::timeout(PATIENCE, brokers.connect_any()).await {
        Ok(Err(error)) if error.is_retriable() => Ok(error.to_string()),
        Ok(Err(error)) => Err(error.to_string()),
        Ok(Ok(_)) => Ok("a broker answers by now".to_owned()),
        Err(_) => Ok("connections are neither accepted nor refused".to_owned()),
    }
}

/// Returns what the root resource tells.
pub(super) fn worker_info(kafka_cluster_id: String) -> WorkerInfo {
    WorkerInfo { version: KAFKA_VERSION, commit: BUILD, kafka_cluster_id }
}

/// Tells why a worker cannot start, and returns its exit code.
pub(super) fn unusable(error: &dyn std::fmt::Display) -> u8 {
    tracing::error!(error = %error, "starting the worker");
    UNUSABLE
}

fn bootstrap_servers(worker: &WorkerConfig) -> &str {
    worker.originals().get("bootstrap.servers").map_or("", String::as_str)
}

/// Returns how the workers of a group speak with each other.
fn peers(worker: &WorkerConfig) -> Result<Option<Peers>, String> {
    let Some(mode) = worker.distributed() else { return Ok(None) };
    group::check(mode)?;
    let (signs_with, accepts) =
        (&mode.inter_worker_signature_algorithm, &mode.inter_worker_verification_algorithms);
    Peers::new(worker.originals(), signs_with, accepts).map(Some)
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
