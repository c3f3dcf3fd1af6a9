//! The sink task contract.

use crate::async_trait;
use crate::config::Props;
use crate::error::{ConnectError, RecordFailure};
use crate::record::{Offsets, SinkRecord, TopicPartition};
use crate::task::SinkTaskContext;

/// Why partitions are closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CloseReason {
    /// They move to another member; offsets were committed before this call.
    Revoked,
    /// They were lost; another member may own them already. Nothing may be written or committed any more.
    Lost,
    /// The task stops.
    Stopping,
}

/// The outcome of a `put` that did not fail as a whole: records not listed were taken.
#[derive(Debug, Default)]
#[must_use]
pub struct PutReport {
    /// Records refused for good, by index into the batch, ascending.
    pub failed: Vec<RecordFailure>,
}

impl PutReport {
    /// Returns a report without failures.
    pub fn accepted() -> Self {
        Self::default()
    }
}

/// Writes records to a foreign system.
///
/// The worker owns the task and calls one method at a time. It never drops a future half-way, but stops waiting
/// for it when the task must end. Records taken by `put` count as delivered only when `pre_commit` says so.
#[async_trait]
pub trait SinkTask: Send {
    /// Starts the task.
    ///
    /// # Errors
    /// Any error fails the task.
    async fn start(&mut self, context: SinkTaskContext, props: &Props) -> Result<(), ConnectError>;

    /// Tells of newly assigned partitions.
    ///
    /// # Errors
    /// Any error fails the task.
    async fn open(&mut self, _partitions: &[TopicPartition]) -> Result<(), ConnectError> {
        Ok(())
    }

    /// Tells of newly assigned partitions and of the offsets the consumer group has committed of them; partitions
    /// without one are left out. This is what the worker calls; the default calls [`SinkTask::open`].
    ///
    /// # Errors
    /// Any error fails the task.
    async fn open_at(
        &mut self,
        partitions: &[TopicPartition],
        _committed: &Offsets,
    ) -> Result<(), ConnectError> {
        self.open(partitions).await
    }

    /// Takes a batch, which may be empty: it is called at least once a poll interval so that time-based work can
    /// happen. The batch stays with the worker, so a task that buffers copies what it needs.
    ///
    /// # Errors
    /// Retriable: the same batch comes again and the task must accept that part of it was already taken.
    /// Refused ([`ConnectError::refusing_batch`]): nothing of the batch was delivered or kept. With
    /// `errors.tolerance=all` its halves come next, in order, down to the records at fault, which are reported; else
    /// the task fails.
    /// Fatal: the task fails.
    async fn put(&mut self, batch: &[SinkRecord]) -> Result<PutReport, ConnectError>;

    /// Returns what may be committed: for each partition the next offset to read, with everything before it
    /// durable. `consumed` holds the offsets after the last `put`; partitions left out commit nothing.
    ///
    /// # Errors
    /// The worker seeks back to the last committed offsets.
    async fn pre_commit(&mut self, consumed: &Offsets) -> Result<Offsets, ConnectError>;

    /// Makes everything put so far durable, full or not: a run that ends by itself has read its last record, and more
    /// records may never come. `pre_commit` follows, and is asked for what this call made durable; both may be called
    /// again. The default suits tasks whose `pre_commit` makes everything durable that can be.
    ///
    /// # Errors
    /// Retriable: it is called again. Fatal: the task fails.
    async fn drain(&mut self) -> Result<(), ConnectError> {
        Ok(())
    }

    /// Closes partitions; with [`CloseReason::Revoked`] and [`CloseReason::Stopping`], `pre_commit` was called
    /// just before and should have made durable what can be.
    ///
    /// # Errors
    /// Any error fails the task.
    async fn close(
        &mut self,
        _partitions: &[TopicPartition],
        _reason: CloseReason,
    ) -> Result<(), ConnectError> {
        Ok(())
    }

    /// Returns when the task wants `put` to be called even without records, as milliseconds from now; `None`
    /// leaves it to the worker (at most [`SinkTask::IDLE_PUT_MS`]).
    fn next_wakeup_ms(&self) -> Option<u64> {
        None
    }

    /// Releases everything.
    ///
    /// # Errors
    /// Logged only.
    async fn stop(&mut self) -> Result<(), ConnectError> {
        Ok(())
    }
}

impl dyn SinkTask {
    /// Longest time between two calls of `put`, in milliseconds.
    pub const IDLE_PUT_MS: u64 = 1_000;
}
