//! What tasks are given by the worker.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use crate::async_trait;
use crate::data::Map;
use crate::error::ConnectError;
use crate::kit::{ByteBudget, SharedClock};
use crate::record::{SinkRecord, TopicPartition};

/// A task: connector name and number. Prints as `name-0`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TaskId {
    /// Name of the connector.
    pub connector: Arc<str>,
    /// Number, from 0.
    pub task: u32,
}

impl fmt::Display for TaskId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}-{}", self.connector, self.task)
    }
}

/// Takes records that a task refuses after `put` returned; offsets wait until they are dead-lettered.
pub trait ErrantRecordReporter: Send + Sync {
    /// Reports a record.
    ///
    /// # Errors
    /// Fails when `errors.tolerance` does not allow it; the task must then fail.
    fn report(&self, record: &SinkRecord, error: ConnectError) -> Result<(), ConnectError>;
}

/// What a sink task may ask of its loop. Calls return at once and take effect before the next poll.
pub trait SinkTaskHandle: Send + Sync {
    /// Asks for a commit in the next iteration.
    fn request_commit(&self);

    /// Rewinds a partition: the next record read is the one at `offset`.
    fn rewind(&self, partition: TopicPartition, offset: i64);

    /// Stops fetching from partitions.
    fn pause(&self, partitions: &[TopicPartition]);

    /// Fetches again from paused partitions.
    fn resume(&self, partitions: &[TopicPartition]);

    /// Sets the wait before a batch that failed with a retriable error comes again.
    fn retry_in(&self, delay: Duration);

    /// Reports the state of a fault that the task is riding out, or its end (`None`), for status and metrics.
    fn report_trouble(&self, trouble: Option<String>);
}

/// What a sink task is given when it starts.
#[derive(Clone)]
pub struct SinkTaskContext {
    /// The task.
    pub id: TaskId,
    /// Way back to the loop.
    pub handle: Arc<dyn SinkTaskHandle>,
    /// Present only if a DLQ topic is set or `errors.log.enable` is true.
    pub errant_reporter: Option<Arc<dyn ErrantRecordReporter>>,
    /// Cancelled when the task must end; waits must listen to it.
    pub stop: CancellationToken,
    /// Memory the task's buffers are taken from.
    pub budget: ByteBudget,
    /// Time and chance.
    pub clock: SharedClock,
}

/// Looks up stored source offsets.
#[async_trait]
pub trait OffsetReader: Send + Sync {
    /// Returns the stored offset of each partition, in order; `None` where there is none.
    ///
    /// # Errors
    /// Retriable when the store cannot be read now.
    async fn offsets(&self, partitions: &[Map]) -> Result<Vec<Option<Map>>, ConnectError>;
}

/// What a task says about the transactions that its records are written in. Calls return at once and speak of the
/// batch that the poll under way returns: a poll that may still be dropped must not make them before it is sure of
/// its records. Asking for both ends of one transaction fails the task.
pub trait TransactionContext: Send + Sync {
    /// Commits the transaction after the last record of the batch.
    fn commit(&self);

    /// Commits the transaction after the record at `index` of the batch.
    fn commit_after(&self, index: usize);

    /// Aborts the transaction after the last record of the batch. Offsets of aborted records are stored all the
    /// same, so that they are not read again.
    fn abort(&self);

    /// Aborts the transaction after the record at `index` of the batch, which is the last one aborted.
    fn abort_after(&self, index: usize);
}

/// What a source task is given when it starts.
#[derive(Clone)]
pub struct SourceTaskContext {
    /// The task.
    pub id: TaskId,
    /// Stored offsets.
    pub offsets: Arc<dyn OffsetReader>,
    /// Present only if the task writes exactly once with `transaction.boundary=connector`.
    pub transactions: Option<Arc<dyn TransactionContext>>,
    /// Cancelled when the task must end.
    pub stop: CancellationToken,
    /// Time and chance.
    pub clock: SharedClock,
}
