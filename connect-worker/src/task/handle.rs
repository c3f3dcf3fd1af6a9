//! What the herder says to a task, and what it hears from it.

use std::sync::atomic::AtomicBool;
use std::sync::{Arc, OnceLock};
use std::time::Instant;

use connect_core::config::Props;
use connect_core::plugin::Registry;
use connect_core::task::TaskId;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

pub use crate::stores::config::TargetState;

use crate::obs::metrics::{Status, TaskStatusMetrics};
use crate::stores::status::TopicResets;
use crate::task::exactly_once::ExactlyOnce;
use crate::task::members::StopReason;

/// What a task is doing, as `/status` shows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TaskState {
    /// Not owned by a worker now.
    Unassigned,
    /// Working.
    Running,
    /// Idle on request.
    Paused,
    /// Ended by an error.
    Failed,
    /// Being stopped and started again on request.
    Restarting,
}

/// The direction of a task.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TaskKind {
    /// Reads Kafka.
    Sink,
    /// Writes Kafka.
    Source,
}

/// Everything a task needs to run. All `${…}` references are resolved.
#[derive(Clone)]
pub struct TaskSpec {
    /// The task.
    pub id: TaskId,
    /// Distinguishes successive runs of the same task: reports of an older run are ignored by the herder.
    pub run: u64,
    /// Direction.
    pub kind: TaskKind,
    /// The connector's configuration.
    pub connector_props: Props,
    /// The task's configuration.
    pub task_props: Props,
    /// The state to begin in: started or paused.
    pub target: TargetState,
    /// All plug-ins.
    pub registry: Registry,
    /// Tells when topics that were told have to be told again.
    pub topic_resets: TopicResets,
    /// Set for a source that is to write exactly once.
    pub exactly_once: Option<ExactlyOnce>,
}

/// A message from a task's loop to the herder.
#[derive(Debug)]
pub struct TaskEvent {
    /// The task.
    pub id: TaskId,
    /// The run it speaks of.
    pub run: u64,
    /// What happened.
    pub report: TaskReport,
}

/// What happened in a task's loop.
#[derive(Debug)]
pub enum TaskReport {
    /// The state changed. `trace` is set for `Failed`.
    State {
        /// New state.
        state: TaskState,
        /// Error and causes, newline-terminated.
        trace: Option<String>,
    },
    /// The task used a topic for the first time in this run, or since topics were reset.
    TopicUsed(Arc<str>),
}

/// How a task ended that did not fail.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ended {
    /// It was stopped.
    Stopped,
    /// A newer task took its place in the consumer group; this one must not say anything about the task's state.
    Fenced,
}

/// The herder's end of a running task. Dropping it stops the task.
pub struct TaskHandle {
    id: TaskId,
    reason: Arc<OnceLock<StopReason>>,
    target: watch::Sender<TargetState>,
    stop: CancellationToken,
    cancel: CancellationToken,
    join: JoinHandle<()>,
}

/// The loop's end of a running task.
#[derive(Clone)]
pub(crate) struct TaskControl {
    /// Wanted state; changes wake the loop.
    pub(crate) target: watch::Receiver<TargetState>,
    /// Why it is stopped, before it is.
    reason: Arc<OnceLock<StopReason>>,
    /// Cancelled when the task should finish what it does, commit and end.
    pub(crate) stop: CancellationToken,
    /// Cancelled when the graceful time is over: commit nothing, write no status, end.
    pub(crate) cancel: CancellationToken,
    /// Set once the task's `start` returned.
    pub(crate) has_started: Arc<AtomicBool>,
    /// Where changes of state are counted, once the task has metrics.
    pub(crate) status: Option<Arc<TaskStatusMetrics>>,
    events: mpsc::UnboundedSender<TaskEvent>,
    id: TaskId,
    run: u64,
}

impl TaskHandle {
    /// Starts `body` as the loop of a task.
    pub(crate) fn spawn<F>(
        spec: &TaskSpec,
        events: mpsc::UnboundedSender<TaskEvent>,
        body: impl FnOnce(TaskControl) -> F,
    ) -> Self
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let (target, target_seen) = watch::channel(spec.target);
        let (stop, cancel) = (CancellationToken::new(), CancellationToken::new());
        let reason = Arc::<OnceLock<StopReason>>::default();
        let control = TaskControl {
            target: target_seen,
            reason: Arc::clone(&reason),
            stop: stop.clone(),
            cancel: cancel.clone(),
            has_started: Arc::default(),
            status: None,
            events,
            id: spec.id.clone(),
            run: spec.run,
        };
        let join = tokio::spawn(body(control));
        Self { id: spec.id.clone(), reason, target, stop, cancel, join }
    }

    /// Returns the task.
    pub fn id(&self) -> &TaskId {
        &self.id
    }

    /// Asks the task to run or to pause. Returns at once.
    pub fn set_target(&self, target: TargetState) {
        self.target.send_replace(target);
    }

    /// Asks the task to end, for good. Returns at once; stop many tasks first, then wait for each.
    pub fn stop(&self) {
        self.stop_for(StopReason::EndsForGood);
    }

    /// Asks the task to end; the reason decides whether it keeps its place in its consumer group. The first reason
    /// counts.
    pub fn stop_for(&self, reason: StopReason) {
        self.reason.get_or_init(|| reason);
        self.stop.cancel();
    }

    /// Waits until the task has ended. At the deadline it is cancelled and left alone: it can no longer commit
    /// or report. Returns whether it ended in time.
    pub async fn join(mut self, deadline: Instant) -> bool {
        self.stop.cancel();
        let ended = tokio::time::timeout_at(deadline.into(), &mut self.join).await.is_ok();
        self.cancel.cancel();
        ended
    }
}

impl Drop for TaskHandle {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

impl TaskControl {
    /// Returns why the task is stopped.
    pub(crate) fn reason(&self) -> StopReason {
        self.reason.get().copied().unwrap_or(StopReason::EndsForGood)
    }

    /// Tells the herder of a new state, unless the task was cancelled.
    pub(crate) fn report_state(&self, state: TaskState, trace: Option<String>) {
        if let Some(status) = &self.status {
            status.state(metric_status(state));
        }
        self.report(TaskReport::State { state, trace });
    }

    /// Tells the herder that a topic is used.
    pub(crate) fn report_topic(&self, topic: Arc<str>) {
        self.report(TaskReport::TopicUsed(topic));
    }

    fn report(&self, report: TaskReport) {
        if self.cancel.is_cancelled() {
            return;
        }
        // A closed channel means that the worker is gone; there is nobody left to tell.
        self.events.send(TaskEvent { id: self.id.clone(), run: self.run, report }).ok();
    }

    /// Waits for `work`; `None` when the task must end before it is done.
    pub(crate) async fn unless_stopped<T>(&self, work: impl Future<Output = T>) -> Option<T> {
        tokio::select! {
            biased; // What hangs can still be stopped.
            () = self.stop.cancelled() => None,
            done = work => Some(done),
        }
    }

    /// Waits until the target is `Started`. Returns `false` when the task must end instead.
    pub(crate) async fn wait_until_started(&mut self) -> bool {
        tokio::select! {
            biased; // Ending comes before a change of state.
            () = self.stop.cancelled() => false,
            seen = self.target.wait_for(|target| *target == TargetState::Started) => seen.is_ok(),
        }
    }
}

fn metric_status(state: TaskState) -> Status {
    match state {
        TaskState::Unassigned => Status::Unassigned,
        TaskState::Running => Status::Running,
        TaskState::Paused => Status::Paused,
        TaskState::Failed => Status::Failed,
        TaskState::Restarting => Status::Restarting,
    }
}
