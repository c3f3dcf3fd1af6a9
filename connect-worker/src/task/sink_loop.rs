//! The loop of one sink task: poll, convert, put, commit.
//!
//! The loop owns consumer and task and does one thing at a time. Nothing in it blocks a thread: while a `put` takes
//! long the consumer is kept alive, while a batch is tried again its partitions are paused.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use connect_core::error::{ConnectError, Severity};
use connect_core::kit::{ByteBudget, Clock};
use connect_core::record::{Offsets, SinkRecord, TopicPartition};
use connect_core::task::{CloseReason, PutReport, SinkTask, SinkTaskContext};

use crate::config::{ClientKind, client_props};
use crate::kafka::batch::RawBatch;
use crate::kafka::port::{BatchConsumer, KafkaError, Rebalance};
use crate::obs::metrics::SinkTaskMetrics;
use crate::task::commit::Commits;
use crate::task::errors::{ErrorPolicy, FailedRecord, Failure};
use crate::task::handle::{Ended, TargetState, TaskControl, TaskSpec, TaskState};
use crate::task::lag::LagMarks;
use crate::task::reporter::ErrantReporter;
use crate::task::services::TaskServices;
use crate::task::sink_offsets::SinkOffsets;
use crate::task::sink_pipeline::SinkPipeline;
use crate::task::sink_signals::SinkSignals;
use crate::task::subscription::Subscription;
use crate::task::topics_seen::TopicsSeen;

use parts::Parts;

mod delivery;
mod drain;
mod parts;
mod rebalance;

/// Records asked for a poll unless `max.poll.records` says otherwise.
const DEFAULT_POLL_RECORDS: usize = 2_000;
/// Longest time without a poll: it keeps the membership and serves the client's events.
const KEEP_ALIVE: Duration = Duration::from_millis(1_000);

/// Longest wait between two looks at dead letters that wait for room.
const BACKLOG_PAUSE: Duration = Duration::from_millis(50);
/// Longest wait for a partition to be fetched before it can be rewound, and the pause between tries.
const SEEK_LIMIT: Duration = Duration::from_secs(10);
const SEEK_PAUSE: Duration = Duration::from_millis(50);

/// A sink task at work.
pub(crate) struct SinkLoop {
    control: TaskControl,
    services: TaskServices,
    spec: TaskSpec,
    consumer: Box<dyn BatchConsumer>,
    subscription: Subscription,
    task: Box<dyn SinkTask>,
    pipeline: SinkPipeline,
    errors: ErrorPolicy,
    signals: Arc<SinkSignals>,
    reporter: Option<Arc<ErrantReporter>>,
    metrics: Arc<SinkTaskMetrics>,
    lag: LagMarks,
    poll_records: usize,
    raw: RawBatch,
    /// Records to be delivered; kept while a batch is tried again.
    batch: Vec<SinkRecord>,
    /// How far the batch is delivered, and in which parts the rest of it is put.
    parts: Parts,
    offsets: SinkOffsets,
    commits: Commits,
    redelivery: Option<Redelivery>,
    task_paused: std::collections::BTreeSet<TopicPartition>,
    is_paused: bool,
    /// A newer member took this one's place in the group.
    is_fenced: bool,
    last_put: Instant,
    lag_due: Instant,
}

/// A batch that failed with a retriable error, or whose parts take several turns of the loop.
struct Redelivery {
    attempts: u32,
    due: Instant,
}

impl SinkLoop {
    /// Builds everything the task needs; nothing is started.
    ///
    /// # Errors
    /// Fails (fatal) when the configuration is refused by a plug-in or a client.
    pub(crate) async fn new(
        spec: TaskSpec,
        services: TaskServices,
        control: TaskControl,
        task: Box<dyn SinkTask>,
        metrics: Arc<SinkTaskMetrics>,
    ) -> Result<Self, ConnectError> {
        let (id, props) = (&spec.id, &spec.connector_props);
        let worker = &services.worker;
        let client = client_props(ClientKind::SinkConsumer, worker, &id.connector, Some(id.task), props)?;
        let error_metrics = Arc::clone(&metrics.errors);
        let error_config = ErrorPolicy::parse(props)?;
        let dlq = crate::task::dlq_setup::open(&error_config, id, worker, props, &error_metrics).await?;
        let errors = ErrorPolicy::new(error_config, id.clone(), error_metrics, dlq, control.stop.clone());
        let topics_seen = TopicsSeen::new(spec.topic_resets.clone());
        let pipeline = SinkPipeline::new(worker, props, &spec.registry, errors.clone(), topics_seen)?;
        let subscription = Subscription::parse(props, &client, Instant::now())?;
        let create = |error| ConnectError::fatal("creating the consumer of the task").because(error);
        let mut consumer = (services.consumers)(&client).map_err(create)?;
        subscription.begin(&mut *consumer).map_err(create)?;
        let poll_records = client.get("max.poll.records").and_then(|value| value.trim().parse().ok());
        let reporter = errors.has_reporter().then(|| Arc::new(ErrantReporter::new(errors.clone())));
        let commits = Commits::new(worker.offset_flush_interval, worker.offset_flush_timeout, Instant::now());
        Ok(Self {
            control,
            consumer,
            subscription,
            task,
            pipeline,
            errors,
            signals: Arc::default(),
            reporter,
            metrics,
            lag: LagMarks::default(),
            poll_records: poll_records.unwrap_or(DEFAULT_POLL_RECORDS).max(1),
            raw: RawBatch::default(),
            batch: Vec::new(),
            parts: Parts::default(),
            offsets: SinkOffsets::default(),
            commits,
            redelivery: None,
            task_paused: Default::default(),
            is_paused: false,
            is_fenced: false,
            last_put: Instant::now(),
            lag_due: Instant::now(),
            services,
            spec,
        })
    }

    /// Runs until the task is stopped or fails, and closes everything.
    ///
    /// # Errors
    /// Returns what failed the task.
    pub(crate) async fn run(mut self) -> Result<Ended, ConnectError> {
        let outcome = self.work().await;
        if self.is_fenced {
            self.give_way().await;
            return Ok(Ended::Fenced);
        }
        if let Err(error) = &outcome {
            tracing::error!(task = %self.spec.id, %error, cause = %error.trace(), "task failed; it stays failed until it is restarted");
        }
        let closed = self.close_all().await;
        if let Err(error) = self.task.stop().await {
            tracing::warn!(task = %self.spec.id, %error, "stopping task");
        }
        self.consumer.close().await;
        outcome.and(closed).map(|()| Ended::Stopped)
    }

    /// Ends a task whose place in the group another one took: its partitions are lost, and nothing is committed.
    async fn give_way(mut self) {
        tracing::warn!(
            task = %self.spec.id,
            "another consumer with the same group.instance.id took over; this task ends and commits nothing"
        );
        let all: Vec<TopicPartition> = self.offsets.assigned().iter().cloned().collect();
        if let Err(error) = self.close(&all, CloseReason::Lost).await {
            tracing::warn!(task = %self.spec.id, %error, "closing lost partitions");
        }
        if let Err(error) = self.task.stop().await {
            tracing::warn!(task = %self.spec.id, %error, "stopping task");
        }
        self.consumer.close().await;
    }

    async fn work(&mut self) -> Result<(), ConnectError> {
        let context = self.context();
        let start = self.task.start(context, &self.spec.task_props);
        tokio::select! {
            biased; // A task that hangs in `start` can still be stopped.
            () = self.control.stop.cancelled() => return Ok(()),
            started = start => started?,
        }
        self.control.has_started.store(true, Ordering::Release);
        self.services.metrics.worker().task_started(true);
        self.control.report_state(TaskState::Running, None);
        while !self.control.stop.is_cancelled() {
            if !(self.services.right)() {
                tracing::warn!(task = %self.spec.id, "writing no more: the worker's place in its group may be another's");
                self.control.stop.cancelled().await;
                return Ok(());
            }
            self.follow_target()?;
            self.follow_signals().await?;
            self.commit_if_due().await?;
            // What `pre_commit` asked for holds for the records polled next: a rewind must come before them.
            self.follow_signals().await?;
            self.refresh_subscription().await?;
            let has_records = self.poll().await?;
            self.deliver().await?;
            if has_records {
                tokio::task::yield_now().await;
            } else {
                self.wait().await;
            }
        }
        Ok(())
    }

    fn context(&self) -> SinkTaskContext {
        SinkTaskContext {
            id: self.spec.id.clone(),
            handle: self.signals.clone(),
            errant_reporter: self.reporter.clone().map(|reporter| reporter as _),
            stop: self.control.stop.clone(),
            budget: ByteBudget::new(
                usize::try_from(self.services.worker.sluice_task_memory_bytes).unwrap_or(usize::MAX),
            ),
            clock: Arc::clone(&self.services.clock),
        }
    }

    /// Pauses or resumes as the herder wants.
    fn follow_target(&mut self) -> Result<(), ConnectError> {
        let wants_pause = *self.control.target.borrow_and_update() == TargetState::Paused;
        if wants_pause == self.is_paused {
            return Ok(());
        }
        self.is_paused = wants_pause;
        self.apply_pauses()?;
        if wants_pause {
            self.commits.request();
        }
        self.control.report_state(if wants_pause { TaskState::Paused } else { TaskState::Running }, None);
        Ok(())
    }

    /// Pauses or resumes every partition as target, redelivery and task want it.
    fn apply_pauses(&mut self) -> Result<(), ConnectError> {
        let is_held = self.is_paused || self.redelivery.is_some();
        let (held, free): (Vec<_>, Vec<_>) = self
            .offsets
            .assigned()
            .iter()
            .cloned()
            .partition(|partition| is_held || self.task_paused.contains(partition));
        let refused = |error| ConnectError::fatal("pausing or resuming partitions").because(error);
        if !held.is_empty() {
            self.consumer.pause(&held).map_err(refused)?;
        }
        if !free.is_empty() {
            self.consumer.resume(&free).map_err(refused)?;
        }
        Ok(())
    }

    /// Does what the task asked for since the last poll.
    async fn follow_signals(&mut self) -> Result<(), ConnectError> {
        let requests = self.signals.take();
        if requests.wants_commit {
            self.commits.request();
        }
        if let Some(trouble) = requests.trouble {
            self.consumer.tell_trouble(trouble.is_some());
            match &trouble {
                Some(reason) => {
                    tracing::warn!(task = %self.spec.id, reason, "task rides out a fault of its target")
                }
                None => tracing::info!(task = %self.spec.id, "target of the task works again"),
            }
        }
        if let (Some(delay), Some(redelivery)) = (requests.retry_in, &mut self.redelivery) {
            redelivery.due = Instant::now() + delay;
        }
        if !requests.rewinds.is_empty() {
            self.rewind(requests.rewinds).await?;
        }
        if !requests.to_pause.is_empty() || !requests.to_resume.is_empty() {
            self.task_paused.extend(requests.to_pause);
            self.task_paused.retain(|partition| !requests.to_resume.contains(partition));
            self.apply_pauses()?;
        }
        Ok(())
    }

    async fn rewind(&mut self, mut offsets: Offsets) -> Result<(), ConnectError> {
        offsets.retain(|partition, _| self.offsets.assigned().contains(partition));
        if offsets.is_empty() {
            return Ok(());
        }
        self.retain_undelivered(|record| !offsets.contains_key(&record.original_partition()));
        self.seek(&offsets).await?;
        for (partition, offset) in &offsets {
            self.offsets.rewind(partition, *offset);
            self.lag.forget(partition);
        }
        self.apply_pauses()
    }

    /// Seeks, waiting for partitions that are not being fetched yet.
    async fn seek(&mut self, offsets: &Offsets) -> Result<(), ConnectError> {
        let deadline = Instant::now() + SEEK_LIMIT;
        loop {
            match self.consumer.seek(offsets).await {
                Ok(()) => return Ok(()),
                Err(KafkaError::Retriable(reason)) if Instant::now() < deadline => {
                    tracing::debug!(task = %self.spec.id, reason, "rewinding partitions; it is tried again");
                    tokio::time::sleep(SEEK_PAUSE).await;
                }
                Err(error) => return Err(ConnectError::fatal("rewinding partitions").because(error)),
            }
        }
    }

    async fn refresh_subscription(&mut self) -> Result<(), ConnectError> {
        let now = Instant::now();
        if !self.subscription.is_due(now) {
            return Ok(());
        }
        let refresh = self.subscription.refresh(&mut *self.consumer, now);
        tokio::select! {
            biased; // An unreachable cluster must not delay the end of the task.
            () = self.control.stop.cancelled() => Ok(()),
            refreshed = refresh => refreshed.map_err(|error| ConnectError::fatal("subscribing").because(error)),
        }
    }

    /// Waits until there is something to do.
    async fn wait(&mut self) {
        let now = Instant::now();
        let mut due = (now + KEEP_ALIVE).min(self.commits.due());
        if let Some(redelivery) = &self.redelivery {
            due = due.min(redelivery.due.max(now + Duration::from_millis(1)));
        } else if let Some(wakeup) = self.task.next_wakeup_ms() {
            due = due.min(now + Duration::from_millis(wakeup.max(1)));
        }
        let backlog = self.errors.dlq().filter(|dlq| dlq.is_backlogged()).cloned();
        let room = async {
            match backlog {
                Some(dlq) => dlq.wait_for_room(BACKLOG_PAUSE).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            () = self.control.stop.cancelled() => {}
            // An error means that the herder is gone; the stop token follows.
            _ = self.control.target.changed() => {}
            () = self.signals.arrived.notified() => {}
            () = self.commits.finished() => {}
            () = room => {}
            () = self.consumer.ready() => {}
            () = tokio::time::sleep_until(due.into()) => {}
        }
    }
}

/// Returns the wait before a failed batch comes again: the target's wish, else doubling from 0.2 s to 5 s.
fn redelivery_delay(error: &ConnectError, attempts: u32, clock: &dyn Clock) -> Duration {
    if let Severity::Retriable { after: Some(after) } = error.severity() {
        return after;
    }
    let ceiling =
        Duration::from_millis(200).saturating_mul(1 << attempts.min(10)).min(Duration::from_secs(5));
    ceiling.mul_f64(0.5 + clock.chance() / 2.0)
}

#[cfg(test)]
mod tests;
