//! What the loops of source tasks share, whatever their delivery: starting, polling, topics, reports.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use connect_core::error::ConnectError;
use connect_core::record::SourceRecord;
use connect_core::task::{OffsetReader, SourceTask, SourceTaskContext, TransactionContext};

use crate::obs::metrics::SourceTaskMetrics;
use crate::task::errors::ErrorPolicy;
use crate::task::handle::{TaskControl, TaskSpec, TaskState};
use crate::task::services::TaskServices;
use crate::task::source_pipeline::SourcePipeline;
use crate::task::topics::TopicCreator;
use crate::task::topics_seen::TopicsSeen;

/// Pause before a step that failed for now is made again (`AbstractWorkerSourceTask.SEND_FAILED_BACKOFF_MS`).
const BACKOFF: Duration = Duration::from_millis(100);

/// A source task and its surroundings.
pub(crate) struct SourceParts {
    pub(crate) control: TaskControl,
    pub(crate) services: TaskServices,
    pub(crate) spec: TaskSpec,
    pub(crate) task: Box<dyn SourceTask>,
    pub(crate) pipeline: SourcePipeline,
    pub(crate) errors: ErrorPolicy,
    pub(crate) metrics: Arc<SourceTaskMetrics>,
    topics: TopicCreator,
    topics_seen: TopicsSeen,
}

impl SourceParts {
    /// Builds what the task needs; nothing is started.
    ///
    /// # Errors
    /// Fails (fatal) when the configuration is refused by a plug-in or a client.
    pub(crate) fn new(
        spec: TaskSpec,
        services: TaskServices,
        control: TaskControl,
        task: Box<dyn SourceTask>,
        metrics: Arc<SourceTaskMetrics>,
    ) -> Result<Self, ConnectError> {
        let (id, props, worker) = (&spec.id, &spec.connector_props, &services.worker);
        let errors = ErrorPolicy::new(
            ErrorPolicy::parse(props)?,
            id.clone(),
            Arc::clone(&metrics.errors),
            None,
            control.stop.clone(),
        );
        let pipeline = SourcePipeline::new(worker, props, &spec.registry, errors.clone())?;
        let topics = TopicCreator::new(id, worker, props)?;
        let topics_seen = TopicsSeen::new(spec.topic_resets.clone());
        Ok(Self { control, services, spec, task, pipeline, errors, metrics, topics, topics_seen })
    }

    /// Starts the task and reports that it runs. Returns `false` when it must end instead.
    ///
    /// # Errors
    /// Fails with the task's own error.
    pub(crate) async fn start(
        &mut self,
        offsets: Arc<dyn OffsetReader>,
        transactions: Option<Arc<dyn TransactionContext>>,
    ) -> Result<bool, ConnectError> {
        let context = SourceTaskContext {
            id: self.spec.id.clone(),
            offsets,
            transactions,
            stop: self.control.stop.clone(),
            clock: Arc::clone(&self.services.clock),
        };
        let start = self.task.start(context, &self.spec.task_props);
        tokio::select! {
            biased; // A task that hangs in `start` can still be stopped.
            () = self.control.stop.cancelled() => return Ok(false),
            started = start => started?,
        }
        self.control.has_started.store(true, Ordering::Release);
        self.services.metrics.worker().task_started(true);
        self.control.report_state(TaskState::Running, None);
        Ok(true)
    }

    /// Returns whether nothing more may be sent.
    pub(crate) fn must_end(&self) -> bool {
        self.control.stop.is_cancelled() || !(self.services.right)()
    }

    /// Waits for the end of a task whose worker may have lost its place in the group.
    pub(crate) async fn await_stop_without_right(&mut self) {
        tracing::warn!(task = %self.spec.id, "sending no more: the worker's place in its group may be another's");
        self.control.stop.cancelled().await;
    }

    /// Polls the task until `due`; `None` when something else needs the loop first.
    ///
    /// # Errors
    /// Fails when the task cannot go on.
    pub(crate) async fn poll(&mut self, due: Instant) -> Result<Option<Vec<SourceRecord>>, ConnectError> {
        let started = Instant::now();
        let polled = tokio::select! {
            biased; // `poll` is cancel safe, so everything else may interrupt it.
            () = self.control.stop.cancelled() => return Ok(None),
            _ = self.control.target.changed() => return Ok(None),
            () = tokio::time::sleep_until(due.into()) => return Ok(None),
            polled = self.task.poll() => polled,
        };
        match polled {
            Ok(records) => {
                if records.is_empty() {
                    // A source that has nothing and does not wait must not spin.
                    tokio::time::sleep(Duration::from_millis(5)).await;
                } else {
                    self.metrics.polled(records.len() as u64);
                    self.metrics.poll_batch(started.elapsed());
                }
                Ok(Some(records))
            }
            Err(error) if error.is_retriable() => {
                tracing::warn!(task = %self.spec.id, %error, "polling the source; it is tried again");
                tokio::time::sleep(BACKOFF).await;
                Ok(Some(Vec::new()))
            }
            Err(error) => Err(error),
        }
    }

    /// Makes sure that a topic exists. Returns `false` when it must be tried again: a topic that cannot be created
    /// for now holds its record back, as a full send buffer does. When the task must end it returns `true` early.
    ///
    /// # Errors
    /// Fails (fatal) when the topic can neither be found nor created.
    pub(crate) async fn ensure_topic(&mut self, topic: &str) -> Result<bool, ConnectError> {
        match self.topics.ensure(topic, &self.control.stop).await {
            Ok(()) => Ok(true),
            Err(error) if error.is_retriable() => {
                tracing::warn!(task = %self.spec.id, cause = %error.trace(), "creating a topic; it is tried again");
                self.control.unless_stopped(tokio::time::sleep(BACKOFF)).await;
                Ok(self.control.stop.is_cancelled())
            }
            Err(error) => Err(error),
        }
    }

    /// Returns whether a topic is known to exist, or its creation is the broker's affair.
    pub(crate) fn has_topic(&self, topic: &str) -> bool {
        self.topics.is_ready(topic)
    }

    /// Tells the herder of a topic that was written, once, and again after topics were reset.
    pub(crate) fn report_topic(&mut self, topic: &Arc<str>) {
        if self.topics_seen.is_new(topic) {
            self.control.report_topic(Arc::clone(topic));
        }
    }

    /// Tells the task that offsets were stored.
    pub(crate) async fn commit_task(&mut self) {
        if let Err(error) = self.task.commit().await {
            tracing::error!(task = %self.spec.id, %error, "committing in the source");
        }
    }

    /// Releases what the task holds.
    pub(crate) async fn stop_task(&mut self) {
        if let Err(error) = self.task.stop().await {
            tracing::warn!(task = %self.spec.id, %error, "stopping task");
        }
    }

    /// Says why the task failed.
    pub(crate) fn log_failure(&self, error: &ConnectError) {
        tracing::error!(task = %self.spec.id, %error, cause = %error.trace(), "task failed; it stays failed until it is restarted");
    }
}
