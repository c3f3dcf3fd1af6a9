//! A worker of a group: connectors come from the config topic, states and offsets live in topics too, and the group
//! says which of them run here.

use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use connect_core::error::ConnectError;
use connect_core::kit::{SharedClock, SystemClock};
use connect_core::plugin::Registry;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::config::{DistributedConfig, WorkerConfig};
use crate::herder::HerderHandle;
use crate::herder::fleet::FleetPorts;
use crate::kafka::producer::native_transactional_producers;
use crate::obs::logging::LogControl;
use crate::rest::Readiness;
use crate::stores::config::KafkaConfigStore;
use crate::stores::offsets::{KafkaOffsetStore, KafkaOffsetStores, OffsetStore};
use crate::stores::status::KafkaStatusStore;
use crate::worker::assembly::{Stores, door, herder};
use crate::worker::fencer::Fencer;
use crate::worker::frame::{self, Frame, HERDER, RunningHerder, unusable};
use crate::worker::group::{self, Member};
use crate::worker::until_signalled;

/// Time for the clients of the stores to close.
const STORES_LIMIT: Duration = Duration::from_secs(10);

/// Runs a distributed worker until it is asked to stop. REST changes the levels of `log`.
///
/// Returns 0 after an orderly stop, 1 when the herder ended by itself or cannot begin, 2 when something did not end in
/// time or the worker's surroundings cannot be used.
///
/// # Errors
/// Fails when the process cannot catch signals.
pub async fn run_distributed(
    worker: WorkerConfig,
    registry: Registry,
    log: LogControl,
) -> anyhow::Result<ExitCode> {
    until_signalled(|stop| async move {
        let outcome = serve(worker, registry, log, stop).await;
        Ok(outcome.unwrap_or_else(|code| code))
    })
    .await
}

/// Starts in the order of the JVM, waits for the end, and stops in the reverse order. Failing gives the exit code of
/// what could not start, after it was told.
async fn serve(
    worker: WorkerConfig,
    registry: Registry,
    log: LogControl,
    stop: CancellationToken,
) -> Result<u8, u8> {
    let (frame, listeners) = Frame::set_up(worker).await?;
    let worker = Arc::clone(&frame.worker);
    let mode =
        worker.distributed().ok_or_else(|| unusable(&"the worker file is none of a distributed worker"))?;
    let log = Arc::new(log);
    let (handle, door) = door(&frame, &registry);
    // Probes are answered from the first moment on. Other requests wait for the herder.
    let server = frame.serve(listeners, handle.clone(), Arc::clone(&log));
    door.begin_stage("asking the brokers for the id of their cluster");
    let kafka_cluster_id = tokio::select! {
        biased; // A worker that is to stop does not wait for a broker.
        () = stop.cancelled() => return Ok(0),
        id = frame::cluster_id(&worker) => id.map_err(|error| unusable(&error))?,
    };
    let readiness = frame.readiness.clone();
    readiness.open(frame::worker_info(kafka_cluster_id));
    door.begin_stage("reading to the end of internal topics");
    let opened = tokio::select! {
        biased; // As above, for a topic.
        () = stop.cancelled() => return Ok(0),
        opened = open(&worker) => opened.map_err(|error| cannot_begin(&error))?,
    };
    let fleet = fleet(&frame, mode, &log).map_err(|error| cannot_begin(&error))?;
    let herder = herder(&frame, registry, opened.stores, Some(fleet), door);
    let mut running = RunningHerder::spawn(herder);
    let code = follow(&handle, &readiness, &mut running, &stop).await;
    let code = frame::stop(&worker, server, running, code).await;
    // The herder's store is dropped by now, which ends what follows its topic.
    if tokio::time::timeout(STORES_LIMIT, opened.closed).await.is_err() {
        tracing::warn!("closing the config topic took too long");
    }
    Ok(code)
}

/// Waits until the worker is to stop or its herder ended by itself, and tells readiness meanwhile. Returns the exit
/// code.
async fn follow(
    handle: &HerderHandle,
    readiness: &Readiness,
    running: &mut RunningHerder,
    stop: &CancellationToken,
) -> u8 {
    let ready = async {
        if handle.ready().await {
            readiness.set_started();
            tracing::info!("worker started");
        }
        std::future::pending().await
    };
    tokio::select! {
        biased; // A herder that ends because the worker stops has not failed.
        () = stop.cancelled() => 0,
        report = running.ended() => {
            let failure = report.failure.as_deref().unwrap_or("it ended by itself");
            tracing::error!(failure, "running the herder");
            HERDER
        }
        never = ready => never,
    }
}

/// The stores of a worker, and what ends after they do.
struct Opened {
    stores: Stores,
    closed: JoinHandle<()>,
}

/// Opens the stores, each read to its end.
async fn open(worker: &Arc<WorkerConfig>) -> Result<Opened, ConnectError> {
    let clock: SharedClock = Arc::new(SystemClock);
    let (offsets, status, config) = tokio::try_join!(
        KafkaOffsetStore::open_worker(worker),
        KafkaStatusStore::open(worker, clock),
        KafkaConfigStore::open(worker),
    )?;
    let offsets: Arc<dyn OffsetStore> = Arc::new(offsets);
    let producers = native_transactional_producers();
    let source_stores = KafkaOffsetStores::new(Arc::clone(worker), Arc::clone(&offsets), producers);
    let stores = Stores {
        config: Box::new(config.store),
        updates: config.updates,
        status: Box::new(status),
        offsets,
        source_stores: Some(Arc::new(source_stores)),
    };
    Ok(Opened { stores, closed: config.closed })
}

/// Joins the group. From now on the membership lives, and waits for the herder's answers.
fn fleet(
    frame: &Frame,
    mode: &DistributedConfig,
    log: &Arc<LogControl>,
) -> Result<FleetPorts, group::JoinError> {
    let worker = &frame.worker;
    let peers = frame.peers.clone().ok_or(group::JoinError::Alone)?;
    let membership = group::join(worker, mode, &frame.worker_id, &frame.url)?;
    Ok(FleetPorts {
        settings: group::fleet_settings(worker, mode, &frame.url),
        events: membership.events,
        group: Arc::new(Member(membership.handle)),
        leader: Arc::new(peers),
        levels: Arc::clone(log) as _,
        fencer: Arc::new(Fencer { worker: Arc::clone(worker), producers: native_transactional_producers() }),
        clock: Arc::new(SystemClock),
    })
}

/// Tells why the herder cannot begin, and returns the exit code.
fn cannot_begin(error: &dyn std::error::Error) -> u8 {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        let inner_text = inner.to_string();
        if !text.contains(&inner_text) {
            text = format!("{text}: {inner_text}");
        }
        cause = inner.source();
    }
    tracing::error!(error = text, "starting the worker");
    HERDER
}
