//! The loop of a source task that writes exactly once: as that of `task::source_loop`, with transactions in place of
//! acknowledged prefixes (`ExactlyOnceWorkerSourceTask`).

use std::sync::Arc;
use std::time::{Duration, Instant};

use connect_core::error::ConnectError;
use connect_core::record::SourceRecord;
use indexmap::IndexSet;

use crate::config::{ClientKind, client_props};
use crate::kafka::producer::{TransactionError, TransactionalProducer, transaction_timeout};
use crate::stores::offsets::ExactlyOnceOffsets;
use crate::task::exactly_once::boundary::{Boundary, End};
use crate::task::exactly_once::fencing::ExactlyOnce;
use crate::task::exactly_once::transaction::Transaction;
use crate::task::handle::{TargetState, TaskControl, TaskSpec, TaskState};
use crate::task::services::TaskServices;
use crate::task::source_parts::SourceParts;

/// A source task at work.
pub(crate) struct ExactlyOnceLoop {
    parts: SourceParts,
    boundary: Boundary,
    transaction: Transaction,
    /// Topics in the order they were first written; the index is the token of a record.
    topics: IndexSet<Arc<str>>,
}

impl ExactlyOnceLoop {
    /// Runs a task until it is stopped or fails, and closes everything.
    ///
    /// # Errors
    /// Returns what failed the task.
    pub(crate) async fn run(parts: SourceParts, mode: ExactlyOnce) -> Result<(), ConnectError> {
        let (spec, worker) = (&parts.spec, &parts.services.worker);
        parts.metrics.with_transactions();
        let boundary = Boundary::new(worker, &spec.connector_props, Instant::now())?;
        let (kind, id) = (ClientKind::ExactlyOnceProducer, &spec.id);
        let client = client_props(kind, worker, &id.connector, Some(id.task), &spec.connector_props)?;
        let Some(fenced) = parts.control.unless_stopped(mode.fencing.fence(&id.connector)).await else {
            return Ok(());
        };
        fenced.inspect_err(|error| parts.log_failure(error))?;
        let producer = (parts.services.producers)(&client).map_err(|error| {
            ConnectError::fatal("creating the transactional producer of the task").because(error)
        })?;
        let stores = match take_over(&parts.control, &parts.services, spec, &mode, producer.as_ref()).await {
            Ok(Some(stores)) => stores,
            ended => {
                producer.close().await;
                return ended.map(drop).inspect_err(|error| parts.log_failure(error));
            }
        };
        let flush_timeout = worker.offset_flush_timeout;
        let metrics = Arc::clone(&parts.metrics);
        let timeout = transaction_timeout(&client);
        let transaction = Transaction::new(id.clone(), producer, timeout, stores, flush_timeout, metrics);
        Self { parts, boundary, transaction, topics: IndexSet::new() }.run_to_end().await
    }

    async fn run_to_end(mut self) -> Result<(), ConnectError> {
        let mut outcome = self.work().await;
        if outcome.is_ok() {
            outcome = self.rest().await;
        }
        if let Err(error) = &outcome {
            self.parts.log_failure(error);
        }
        self.parts.stop_task().await;
        self.transaction.close().await;
        outcome
    }

    async fn work(&mut self) -> Result<(), ConnectError> {
        let offsets = Arc::new(self.transaction.offsets().clone());
        if !self.parts.start(offsets, self.boundary.context()).await? {
            return Ok(());
        }
        self.boundary.begin(Instant::now());
        while !self.parts.control.stop.is_cancelled() {
            if *self.parts.control.target.borrow_and_update() == TargetState::Paused {
                self.pause().await?;
                continue;
            }
            let due = self.boundary.due(Instant::now());
            match self.parts.poll(due).await? {
                Some(records) => self.send(records).await?,
                // Nothing came until the interval was over, or something else needs the loop.
                None if Instant::now() >= due => self.end_of_batch().await?,
                None => {}
            }
        }
        Ok(())
    }

    /// Commits, since an open transaction would expire, and waits while the target is paused.
    async fn pause(&mut self) -> Result<(), ConnectError> {
        self.rest().await?;
        self.parts.control.report_state(TaskState::Paused, None);
        if self.parts.control.wait_until_started().await {
            self.parts.control.report_state(TaskState::Running, None);
            self.boundary.begin(Instant::now());
        }
        Ok(())
    }

    async fn send(&mut self, records: Vec<SourceRecord>) -> Result<(), ConnectError> {
        for (index, record) in records.into_iter().enumerate() {
            if !self.send_one(record).await? {
                // Records not handed to the producer are polled again after the restart.
                return Ok(());
            }
            let end = self.boundary.after_record(index)?;
            self.end(end).await?;
        }
        self.boundary.forget_records();
        self.end_of_batch().await
    }

    /// Returns `false` when the task must end before the record was sent.
    async fn send_one(&mut self, record: SourceRecord) -> Result<bool, ConnectError> {
        let Some(converted) = self.parts.pipeline.convert(&record).await? else {
            self.transaction.dropped(record);
            return Ok(true);
        };
        while !self.parts.ensure_topic(&converted.topic).await? {
            self.take_deliveries();
        }
        if self.parts.control.stop.is_cancelled() && !self.parts.has_topic(&converted.topic) {
            return Ok(false);
        }
        let (token, _) = self.topics.insert_full(Arc::clone(&converted.topic));
        if !self.transaction.send(&converted.outgoing(), token, &self.parts.control.stop).await? {
            return Ok(false);
        }
        self.transaction.sent(record);
        Ok(true)
    }

    async fn end_of_batch(&mut self) -> Result<(), ConnectError> {
        let end = self.boundary.after_batch(Instant::now(), self.transaction.size())?;
        self.end(end).await?;
        self.take_deliveries();
        Ok(())
    }

    /// Commits what the boundary lets, before a pause and at the end.
    async fn rest(&mut self) -> Result<(), ConnectError> {
        let end = self.boundary.at_rest()?;
        self.end(end).await?;
        self.take_deliveries();
        Ok(())
    }

    async fn end(&mut self, end: End) -> Result<(), ConnectError> {
        match end {
            End::Not => return Ok(()),
            End::Commit => {}
            End::Abort => self.transaction.abort().await?,
        }
        self.transaction.commit(self.parts.task.as_mut()).await?;
        self.parts.commit_task().await;
        Ok(())
    }

    fn take_deliveries(&mut self) {
        for token in self.transaction.take_acknowledged() {
            if let Some(topic) = self.topics.get_index(token) {
                self.parts.report_topic(topic);
            }
        }
    }
}

/// Takes over the transactional id, makes sure that it was this task's turn, and opens its offsets; `None` when the
/// task must end instead. The order matters: until the id is taken, an older task may still commit offsets.
async fn take_over(
    control: &TaskControl,
    services: &TaskServices,
    spec: &TaskSpec,
    mode: &ExactlyOnce,
    producer: &dyn TransactionalProducer,
) -> Result<Option<ExactlyOnceOffsets>, ConnectError> {
    let id = &spec.id;
    loop {
        // An attempt that began is awaited: left alone, it could fence the task that comes after this one.
        if control.stop.is_cancelled() {
            return Ok(None);
        }
        match producer.init().await {
            Ok(()) => break,
            Err(TransactionError::Retriable(reason)) => {
                tracing::warn!(task = %id, reason, "initializing transactions takes long; still trying");
                control.unless_stopped(tokio::time::sleep(Duration::from_millis(100))).await;
            }
            Err(error) => return Err(ConnectError::fatal("initializing transactions").because(error)),
        }
    }
    let open = async {
        mode.fencing.verify(id, mode.generation).await?;
        let Some(stores) = &services.source_stores else {
            let text = "writing exactly once needs a topic for offsets, which this worker has not";
            return Err(ConnectError::fatal(text));
        };
        stores.open_exactly_once(id, &spec.connector_props).await
    };
    control.unless_stopped(open).await.transpose()
}
