//! Contexts for tasks and connectors that record what they are told.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use crate::async_trait;
use crate::connector::{ConnectorContext, ConnectorHandle};
use crate::data::Map;
use crate::error::ConnectError;
use crate::kit::{ByteBudget, SharedClock};
use crate::record::{SinkRecord, TopicPartition};
use crate::task::{
    ErrantRecordReporter, OffsetReader, SinkTaskContext, SinkTaskHandle, SourceTaskContext, TaskId,
};
use crate::testkit::FakeClock;

/// What a task or connector asked the worker for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HandleCall {
    /// A commit.
    Commit,
    /// A rewind of a partition to an offset.
    Rewind(TopicPartition, i64),
    /// A pause of partitions.
    Pause(Vec<TopicPartition>),
    /// The end of a pause.
    Resume(Vec<TopicPartition>),
    /// The wait before the next attempt.
    RetryIn(Duration),
    /// A fault, or its end.
    Trouble(Option<String>),
    /// New task configurations.
    Reconfiguration,
    /// The failure of the connector.
    Error(String),
}

/// Writes down every call.
#[derive(Debug, Default)]
pub struct RecordingHandle {
    calls: Mutex<Vec<HandleCall>>,
}

impl RecordingHandle {
    /// Takes the calls so far, oldest first.
    pub fn take(&self) -> Vec<HandleCall> {
        std::mem::take(&mut self.calls.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn push(&self, call: HandleCall) {
        self.calls.lock().unwrap_or_else(PoisonError::into_inner).push(call);
    }
}

impl SinkTaskHandle for RecordingHandle {
    fn request_commit(&self) {
        self.push(HandleCall::Commit);
    }

    fn rewind(&self, partition: TopicPartition, offset: i64) {
        self.push(HandleCall::Rewind(partition, offset));
    }

    fn pause(&self, partitions: &[TopicPartition]) {
        self.push(HandleCall::Pause(partitions.to_vec()));
    }

    fn resume(&self, partitions: &[TopicPartition]) {
        self.push(HandleCall::Resume(partitions.to_vec()));
    }

    fn retry_in(&self, delay: Duration) {
        self.push(HandleCall::RetryIn(delay));
    }

    fn report_trouble(&self, trouble: Option<String>) {
        self.push(HandleCall::Trouble(trouble));
    }
}

impl ConnectorHandle for RecordingHandle {
    fn request_task_reconfiguration(&self) {
        self.push(HandleCall::Reconfiguration);
    }

    fn raise_error(&self, error: ConnectError) {
        self.push(HandleCall::Error(error.to_string()));
    }
}

/// Accepts every errant record and keeps where it came from and why it was refused.
#[derive(Debug, Default)]
pub struct RecordingReporter {
    reports: Mutex<Vec<(TopicPartition, i64, String)>>,
}

impl RecordingReporter {
    /// Takes the reports so far: original partition, offset, error text.
    pub fn take(&self) -> Vec<(TopicPartition, i64, String)> {
        std::mem::take(&mut self.reports.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl ErrantRecordReporter for RecordingReporter {
    fn report(&self, record: &SinkRecord, error: ConnectError) -> Result<(), ConnectError> {
        let report = (record.original_partition(), record.offset, error.to_string());
        self.reports.lock().unwrap_or_else(PoisonError::into_inner).push(report);
        Ok(())
    }
}

/// Source offsets in memory.
#[derive(Debug, Default)]
pub struct MemoryOffsets {
    stored: Mutex<Vec<(Map, Map)>>,
}

impl MemoryOffsets {
    /// Stores the offset of a source partition.
    pub fn store(&self, partition: Map, offset: Map) {
        let mut stored = self.stored.lock().unwrap_or_else(PoisonError::into_inner);
        match stored.iter_mut().find(|(known, _)| *known == partition) {
            Some(entry) => entry.1 = offset,
            None => stored.push((partition, offset)),
        }
    }
}

#[async_trait]
impl OffsetReader for MemoryOffsets {
    async fn offsets(&self, partitions: &[Map]) -> Result<Vec<Option<Map>>, ConnectError> {
        let stored = self.stored.lock().unwrap_or_else(PoisonError::into_inner);
        let find =
            |wanted: &Map| stored.iter().find(|(known, _)| known == wanted).map(|(_, offset)| offset.clone());
        Ok(partitions.iter().map(find).collect())
    }
}

fn task_id() -> TaskId {
    TaskId { connector: "contract".into(), task: 0 }
}

/// Returns a context for a sink task, with 64 MiB of budget and no errant reporter, and the handle it calls.
pub fn sink_context(clock: SharedClock) -> (SinkTaskContext, Arc<RecordingHandle>) {
    let handle = Arc::new(RecordingHandle::default());
    let context = SinkTaskContext {
        id: task_id(),
        handle: Arc::clone(&handle) as Arc<dyn SinkTaskHandle>,
        errant_reporter: None,
        stop: CancellationToken::new(),
        budget: ByteBudget::new(64 * 1024 * 1024),
        clock,
    };
    (context, handle)
}

/// Returns a context for a source task, with a clock that stands still.
pub fn source_context(offsets: Arc<MemoryOffsets>) -> SourceTaskContext {
    SourceTaskContext {
        id: task_id(),
        offsets,
        transactions: None,
        stop: CancellationToken::new(),
        clock: Arc::new(FakeClock::new()),
    }
}

/// Returns a context for a connector, and the handle it calls.
pub fn connector_context() -> (ConnectorContext, Arc<RecordingHandle>) {
    let handle = Arc::new(RecordingHandle::default());
    let context =
        ConnectorContext { name: "contract".into(), handle: Arc::clone(&handle) as Arc<dyn ConnectorHandle> };
    (context, handle)
}
