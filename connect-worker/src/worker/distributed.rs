//! A worker of a group: connectors come from the config topic, states and offsets live in topics too, and the group
//! says which of them run here.

use std::process::ExitCode;
use std::sync::Arc;

use connect_core::plugin::Registry;
use tokio_util::sync::CancellationToken;

use crate::config::WorkerConfig;
use crate::herder::{HerderHandle, MemoryConfigStore, MemoryStatusStore};
use crate::obs::logging::LogControl;
use crate::rest::Readiness;
use crate::worker::assembly::{Stores, herder};
use crate::worker::frame::{self, Frame, HERDER, RunningHerder, unusable};
use crate::worker::until_signalled;

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
    let frame = Frame::set_up(worker).await?;
    let worker = Arc::clone(&frame.worker);
    let started = tokio::select! {
        biased; // A worker that is to stop does not wait for a broker.
        () = stop.cancelled() => return Ok(0),
        started = start(&worker) => started?,
    };
    let (kafka_cluster_id, stores) = started;
    let (herder, handle) = herder(&frame, registry, stores, None);
    let mut running = RunningHerder::spawn(herder);
    let readiness = frame.readiness.clone();
    let server = frame.serve(handle.clone(), log);
    readiness.open(frame::worker_info(kafka_cluster_id));
    let code = follow(&handle, &readiness, &mut running, &stop).await;
    Ok(frame::stop(&worker, server, running, code).await)
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

/// Learns the cluster's id and opens the stores.
async fn start(worker: &Arc<WorkerConfig>) -> Result<(String, Stores), u8> {
    let kafka_cluster_id = frame::cluster_id(worker).await.map_err(|error| unusable(&error))?;
    let (config, updates) = MemoryConfigStore::new();
    let stores = Stores {
        config: Box::new(config),
        updates,
        status: Box::new(MemoryStatusStore::default()),
        offsets: Arc::new(crate::stores::offsets::FileOffsetStore::open("/dev/null").map_err(|_| HERDER)?),
        source_stores: None,
    };
    Ok((kafka_cluster_id, stores))
}
