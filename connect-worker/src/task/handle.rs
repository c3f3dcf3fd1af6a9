//! What the herder says to a task, and what it hears from it.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Instant;

use connect_core::config::Props;
use connect_core::plugin::Registry;
use connect_core::task::TaskId;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

pub use crate::stores::config::TargetState;

use crate::obs::metrics::{Status, TaskStatusMetrics};
use crate::task::exactly_once::ExactlyOnce;

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
    /// The task used a topic for the first time in this run.
    TopicUsed(Arc<str>),
}

/// Why a task is stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StopReason {
    /// Nobody goes on with it: its connector is stopped or deleted, or has fewer tasks now.
    EndsForGood,
    /// Another worker may go on with it.
    MayMove {
        /// Whether every worker of the group is Sluice's. The JVM's tasks have no instance ids, so that they cannot
        /// take over from a static member.
        all_members_are_sluice: bool,
    },
    /// It is started again here.
    RestartsHere,
}

impl StopReason {
    /// Returns whether the task's static membership must be ended when the task has: static members stay in their
    /// group when they close, and keep their partitions until the group's session time-out.
    pub fn ends_membership(self) -> bool {
        match self {
            StopReason::EndsForGood => true,
            StopReason::MayMove { all_members_are_sluice } => !all_members_are_sluice,
            StopReason::RestartsHere => false,
        }
    }
}

/// A static member (KIP-345) of a sink's consumer group. It stays in the group until it is removed or its session
/// ends; whoever joins with the same instance id takes its partitions over and fences it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StaticMember {
    /// The consumer group.
    pub group: String,
    /// `group.instance.id`.
    pub instance_id: String,
    /// Settings of its consumer by Java's names, with all that a connection to its brokers needs.
    pub client: Props,
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
    member: Option<StaticMember>,
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
        let control = TaskControl {
            target: target_seen,
            stop: stop.clone(),
            cancel: cancel.clone(),
            has_started: Arc::default(),
            status: None,
            events,
            id: spec.id.clone(),
            run: spec.run,
        };
        let join = tokio::spawn(body(control));
        Self { id: spec.id.clone(), member: None, target, stop, cancel, join }
    }

    /// Notes the static membership that the task's consumer has.
    pub(crate) fn with_member(mut self, member: Option<StaticMember>) -> Self {
        self.member = member;
        self
    }

    /// Returns the task's static membership in its consumer group, if it has one. It outlives the task: whoever stops
    /// the task for a reason that ends the membership removes it after the task has ended, in time or not; likewise
    /// when the task has failed, so that others take its partitions.
    pub fn member(&self) -> Option<&StaticMember> {
        self.member.as_ref()
    }

    /// Returns the task.
    pub fn id(&self) -> &TaskId {
        &self.id
    }

    /// Asks the task to run or to pause. Returns at once.
    pub fn set_target(&self, target: TargetState) {
        self.target.send_replace(target);
    }

    /// Asks the task to end. Returns at once; stop many tasks first, then wait for each.
    pub fn stop(&self) {
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
