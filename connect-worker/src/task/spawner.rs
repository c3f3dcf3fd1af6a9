//! Starts the loops of tasks.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use connect_core::error::ConnectError;
use connect_core::plugin::{Factory, LookupError};
use tokio::sync::mpsc;

use crate::obs::metrics::{SinkTaskMetrics, SourceTaskMetrics};
use crate::task::exactly_once::ExactlyOnceLoop;
use crate::task::handle::{
    Ended, TargetState, TaskControl, TaskEvent, TaskHandle, TaskKind, TaskSpec, TaskState,
};
use crate::task::info::task_info;
use crate::task::members::Membership;
use crate::task::services::TaskServices;
use crate::task::sink_loop::SinkLoop;
use crate::task::source_loop::SourceLoop;
use crate::task::source_parts::SourceParts;

/// How long a task that was fenced waits to be stopped: a worker that lost its place in the group hears of it within
/// its session time-out.
const FENCED_PATIENCE: Duration = Duration::from_secs(60);

/// Starts tasks with the worker's services.
#[derive(Clone)]
pub struct Spawner {
    services: TaskServices,
}

impl Spawner {
    /// Returns a spawner.
    pub fn new(services: TaskServices) -> Self {
        Self { services }
    }

    /// Starts a task's loop. Returns at once; everything that can fail is reported as an event.
    pub fn start(&self, spec: TaskSpec, events: mpsc::UnboundedSender<TaskEvent>) -> TaskHandle {
        let services = self.services.clone();
        let seen = spec.clone();
        TaskHandle::spawn(&seen, events, move |control| supervise(spec, services, control))
    }
}

/// The metrics of a task, by direction.
#[derive(Clone)]
enum Metrics {
    Sink(Arc<SinkTaskMetrics>),
    Source(Arc<SourceTaskMetrics>),
}

/// Runs a task and reports its end, also when a plug-in panics. A failed task keeps its metrics until it is stopped.
async fn supervise(spec: TaskSpec, services: TaskServices, mut control: TaskControl) {
    let id = spec.id.clone();
    let registry = Arc::clone(&services.metrics);
    let info = task_info(&spec, &services.worker);
    let metrics = match spec.kind {
        TaskKind::Sink => Metrics::Sink(services.metrics.sink_task(&id, info)),
        TaskKind::Source => Metrics::Source(services.metrics.source_task(&id, info)),
    };
    control.status = Some(match &metrics {
        Metrics::Sink(metrics) => Arc::clone(&metrics.status),
        Metrics::Source(metrics) => Arc::clone(&metrics.status),
    });
    let membership = Membership::new(&spec, &services);
    let mut body = tokio::spawn(run(spec, services, control.clone(), metrics.clone()));
    let outcome = tokio::select! {
        biased; // A task that ended in time is not cancelled.
        joined = &mut body => joined.unwrap_or_else(|panic| {
            Err(ConnectError::fatal(format!("task {id} panicked; this is a defect of the plug-in")).because(panic))
        }),
        () = control.cancel.cancelled() => {
            tracing::warn!(task = %id, "task did not end in time and was abandoned");
            body.abort();
            // Its consumer goes with it, before the member is removed: it would join again.
            (&mut body).await.ok();
            membership.end_for(control.reason()).await;
            return;
        }
    };
    match outcome {
        Ok(Ended::Stopped) => {
            membership.end_for(control.reason()).await;
            control.report_state(TaskState::Unassigned, None);
        }
        Ok(Ended::Fenced) => wait_for_the_end(&control).await,
        // What goes wrong while a task stops does not make it failed (`WorkerTask.doRun`).
        Err(error) if control.stop.is_cancelled() => {
            tracing::warn!(task = %id, cause = %error.trace(), "task ended with an error while stopping");
            membership.end_for(control.reason()).await;
            control.report_state(TaskState::Unassigned, None);
        }
        Err(error) => {
            if !control.has_started.load(Ordering::Acquire) {
                registry.worker().task_started(false);
            }
            control.report_state(TaskState::Failed, Some(error.trace()));
            // Others take its partitions while it stays failed.
            membership.end().await;
            control.stop.cancelled().await;
        }
    }
    drop(metrics);
}

/// Keeps silent about a task whose place another one took: the new owner speaks for it. When this worker is still not
/// told to stop it, then it is not another worker of the group that took over, and someone must know.
async fn wait_for_the_end(control: &TaskControl) {
    if tokio::time::timeout(FENCED_PATIENCE, control.stop.cancelled()).await.is_err() {
        let text = "a consumer outside of this group of workers uses the task's group.instance.id; set \
                    consumer.override.group.instance.id, or consumer.override.group.id if the groups are to be apart";
        control.report_state(TaskState::Failed, Some(ConnectError::fatal(text).trace()));
        control.stop.cancelled().await;
    }
}

async fn run(
    spec: TaskSpec,
    services: TaskServices,
    mut control: TaskControl,
    metrics: Metrics,
) -> Result<Ended, ConnectError> {
    if spec.target == TargetState::Paused {
        // Nothing is initialised until the task is resumed for the first time.
        control.report_state(TaskState::Paused, None);
        if !control.wait_until_started().await {
            return Ok(Ended::Stopped);
        }
    }
    let class = spec.connector_props.get("connector.class").cloned().unwrap_or_default();
    let plugin = spec.registry.connector(class.trim()).map_err(|error| not_found(&class, error))?;
    match (&plugin.factory, metrics) {
        (Factory::Sink(make), Metrics::Sink(metrics)) => {
            let task = make().task();
            SinkLoop::new(spec, services, control, task, metrics).await?.run().await
        }
        (Factory::Source(make), Metrics::Source(metrics)) => {
            let (mode, task) = (spec.exactly_once.clone(), make().task());
            let parts = SourceParts::new(spec, services, control, task, metrics)?;
            let ended = match mode {
                Some(mode) => ExactlyOnceLoop::run(parts, mode).await,
                None => SourceLoop::run(parts).await,
            };
            ended.map(|()| Ended::Stopped)
        }
        _ => Err(ConnectError::fatal(format!("connector class {class} is not a {:?}", spec.kind))),
    }
}

fn not_found(class: &str, error: LookupError) -> ConnectError {
    ConnectError::fatal(match error {
        LookupError::Unknown => {
            format!("Failed to find any class that implements Connector and which name matches {class}")
        }
        LookupError::Ambiguous(classes) => {
            format!("More than one connector matches alias {class}: {}", classes.join(", "))
        }
    })
}
