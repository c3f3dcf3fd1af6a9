//! A worker alone: connectors come from files, configurations and states live in memory, offsets in a file.

use std::process::ExitCode;
use std::sync::Arc;

use anyhow::Context;
use connect_core::plugin::Registry;
use tokio_util::sync::CancellationToken;

use crate::config::{self, ConnectorFile, WorkerConfig};
use crate::herder::{CreateRequest, HerderHandle, InitialState, MemoryConfigStore, MemoryStatusStore};
use crate::obs::logging::LogControl;
use crate::rest::Readiness;
use crate::stores::offsets::{FileOffsetStore, OffsetStore};
use crate::worker::assembly::{Stores, door, herder};
use crate::worker::frame::{self, Frame, RunningHerder, START, unusable};
use crate::worker::until_signalled;

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
    until_signalled(|stop| serve(worker, connectors, registry, log, stop)).await
}

async fn serve(
    worker: WorkerConfig,
    connectors: Vec<ConnectorFile>,
    registry: Registry,
    log: LogControl,
    stop: CancellationToken,
) -> anyhow::Result<u8> {
    let (frame, listeners) = match Frame::set_up(worker).await {
        Ok(set_up) => set_up,
        Err(code) => return Ok(code),
    };
    let worker = Arc::clone(&frame.worker);
    let (config, updates) = MemoryConfigStore::new();
    let stores = Stores {
        config: Box::new(config),
        updates,
        status: Box::new(MemoryStatusStore::default()),
        offsets: offset_store(&worker)?,
        source_stores: None,
    };
    let (handle, door) = door(&frame, &registry);
    let herder = herder(&frame, registry, stores, None, door);
    let running = RunningHerder::spawn(herder);
    let readiness = frame.readiness.clone();
    let server = frame.serve(listeners, handle.clone(), Arc::new(log));

    let code = start(&worker, &handle, &readiness, connectors, &stop).await;
    if code == 0 {
        stop.cancelled().await;
    }
    Ok(frame::stop(&worker, server, running, code).await)
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
        id = frame::cluster_id(worker) => match id {
            Ok(id) => id,
            Err(error) => return unusable(&error),
        },
    };
    readiness.open(frame::worker_info(kafka_cluster_id));
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

fn request(file: ConnectorFile) -> CreateRequest {
    let initial_state = file.initial_state.map(|state| match state {
        config::InitialState::Running => InitialState::Running,
        config::InitialState::Paused => InitialState::Paused,
        config::InitialState::Stopped => InitialState::Stopped,
    });
    CreateRequest { name: file.name.into(), config: file.config, initial_state }
}

/// Opens the file that holds the offsets of sources.
///
/// # Errors
/// Fails when it cannot be read.
pub(super) fn offset_store(worker: &WorkerConfig) -> anyhow::Result<Arc<dyn OffsetStore>> {
    let standalone = worker.standalone().context("a standalone worker needs a standalone configuration")?;
    let path = &standalone.offset_storage_file_filename;
    let store = FileOffsetStore::open(path).with_context(|| format!("opening offset file `{path}`"))?;
    Ok(Arc::new(store))
}
