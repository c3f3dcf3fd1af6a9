//! A worker that ends by itself: its sinks read to the ends their topics have now, commit, and are stopped. For
//! schedulers, which learn from the exit code whether there was something to do.

mod limits;
mod plan;

use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};

use connect_core::plugin::Registry;
use connect_core::record::Offsets;
use tokio_util::sync::CancellationToken;

use crate::config::{ConnectorFile, WorkerConfig};
use crate::herder::{CreateRequest, HerderHandle, MemoryConfigStore, MemoryStatusStore};
use crate::obs::logging::LogControl;
use crate::task::{DrainStage, draining_consumers};
use crate::worker::assembly::{Stores, door, herder_reading};
use crate::worker::frame::{self, Frame, RunningHerder};
use crate::worker::standalone::offset_store;
use crate::worker::until_signalled;
use plan::{Plan, plans};

pub use limits::OnceLimits;
pub(crate) use limits::wants_once;

/// Everything that was there is done.
const DONE: u8 = 0;
/// Something did not work, or the run was stopped before its end.
const FAILED: u8 = 1;
/// There was nothing to do.
const NOTHING: u8 = 3;

/// Time for the brokers to answer when the run begins.
const START_LIMIT: Duration = Duration::from_secs(60);
/// Pause between two looks at what runs, and at what the group has committed.
const LOOK: Duration = Duration::from_millis(250);
const GROUP_LOOK: Duration = Duration::from_secs(5);

/// Runs a standalone worker with the given sinks until each has read what its topics hold now, or as much as its
/// limits allow, and has committed it.
///
/// Returns 0 when that is done, 3 when there was nothing to do, 1 when a connector failed, the run was stopped
/// before its end, or the brokers or the worker's surroundings cannot be used.
///
/// # Errors
/// Fails when the process cannot catch signals.
pub async fn run_once(
    worker: WorkerConfig,
    connectors: Vec<ConnectorFile>,
    limits: OnceLimits,
    registry: Registry,
    log: LogControl,
) -> anyhow::Result<ExitCode> {
    until_signalled(|stop| async move {
        Ok(match serve(worker, connectors, limits, registry, log, stop).await {
            Ok(code) => code,
            Err(error) => {
                tracing::error!(error = format!("{error:#}"), "the run failed");
                FAILED
            }
        })
    })
    .await
}

async fn serve(
    worker: WorkerConfig,
    connectors: Vec<ConnectorFile>,
    limits: OnceLimits,
    registry: Registry,
    log: LogControl,
    stop: CancellationToken,
) -> anyhow::Result<u8> {
    let planned = tokio::select! {
        biased; // A run that is to stop does not wait for a broker.
        () = stop.cancelled() => return Ok(FAILED),
        planned = tokio::time::timeout(START_LIMIT, plans(&worker, &registry, connectors, limits)) => planned,
    };
    let plans = planned
        .map_err(|_| anyhow::anyhow!("the brokers did not answer within {} s", START_LIMIT.as_secs()))??;
    if plans.iter().all(|plan| plan.drain.stage(Instant::now()) == DrainStage::Done) {
        tracing::info!("there is nothing to do");
        return Ok(NOTHING);
    }
    let (frame, listeners) = match Frame::set_up(worker).await {
        Ok(set_up) => set_up,
        Err(_) => return Ok(FAILED),
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
    let drains = plans.iter().map(|plan| (plan.group.clone(), Arc::clone(&plan.drain))).collect();
    let herder = herder_reading(&frame, registry, stores, None, door, draining_consumers(drains));
    let running = RunningHerder::spawn(herder);
    let server = frame.serve(listeners, handle.clone(), Arc::new(log));
    let outcome = tokio::select! {
        biased; // A run that is stopped is not done.
        () = stop.cancelled() => {
            tracing::warn!("the run is stopped before its end; what is done is committed");
            FAILED
        }
        outcome = drain(&handle, &plans) => outcome,
    };
    let code = frame::stop(&worker, server, running, outcome).await;
    Ok(summary(&plans, if code == outcome { outcome } else { FAILED }))
}

/// Starts the connectors that have something to do and waits until each has done it.
async fn drain(handle: &HerderHandle, plans: &[Plan]) -> u8 {
    let started = Instant::now();
    let is_done = |plan: &&Plan| plan.drain.stage(Instant::now()) == DrainStage::Done;
    let (idle, busy): (Vec<&Plan>, Vec<&Plan>) = plans.iter().partition(is_done);
    for plan in idle {
        tracing::info!(connector = plan.name, "there is nothing to do");
    }
    for plan in &busy {
        let request = CreateRequest {
            name: plan.name.as_str().into(),
            config: plan.config.clone(),
            initial_state: None,
        };
        if let Err(error) = handle.create(request).await {
            tracing::error!(connector = plan.name, error = %error, "creating connector; `sluice validate` checks a file and tells what was probably meant");
            return FAILED;
        }
        tracing::info!(connector = plan.name, behind = plan.drain.behind(), "draining");
    }
    let mut code = DONE;
    for plan in busy {
        code = code.max(follow(handle, plan, started).await);
    }
    code
}

/// Waits for the end of one drain.
async fn follow(handle: &HerderHandle, plan: &Plan, started: Instant) -> u8 {
    let mut group_due = started + GROUP_LOOK;
    loop {
        let now = Instant::now();
        match plan.drain.stage(now) {
            DrainStage::Done => return DONE,
            DrainStage::KeptBack => {
                let left = plan.drain.tally().uncommitted;
                tracing::warn!(
                    connector = plan.name,
                    left,
                    "the sink keeps the last records back, as its settings say; the next run reads them again"
                );
                return DONE;
            }
            DrainStage::Working => {}
        }
        if let Some(reason) = failure(handle, &plan.name).await {
            tracing::error!(connector = plan.name, reason, "the connector failed");
            return FAILED;
        }
        if plan.time_limit.is_some_and(|limit| now >= started + limit) {
            tracing::warn!(connector = plan.name, "the time of the run is over");
            let tally = plan.drain.tally();
            return if tally.records > tally.uncommitted { DONE } else { FAILED };
        }
        if now >= group_due {
            group_due = now + GROUP_LOOK;
            let offsets = plan.admin.group_offsets(&plan.group).await.unwrap_or_default();
            plan.drain.note_committed(&offsets.into_iter().collect::<Offsets>());
        }
        tokio::time::timeout(LOOK, plan.drain.changed()).await.ok();
    }
}

/// Returns why a connector or one of its tasks failed.
async fn failure(handle: &HerderHandle, name: &str) -> Option<String> {
    // One that has not written a state yet has not failed.
    let status = handle.status(name.to_owned()).await.ok()?;
    let states = std::iter::once(&status.connector).chain(status.tasks.iter().map(|task| &task.state));
    states
        .filter(|state| state.state == "FAILED")
        .map(|state| state.trace.as_deref().unwrap_or_default().lines().next().unwrap_or_default().to_owned())
        .next()
}

/// Tells what was done, and returns the exit code: a run that did nothing says so.
fn summary(plans: &[Plan], code: u8) -> u8 {
    let mut records = 0;
    for plan in plans {
        let tally = plan.drain.tally();
        records += tally.records;
        tracing::info!(
            connector = plan.name,
            records = tally.records,
            uncommitted = tally.uncommitted,
            left = plan.drain.behind(),
            "drained"
        );
    }
    if code == DONE && records == 0 { NOTHING } else { code }
}
