//! The source task contract.

use crate::async_trait;
use crate::config::Props;
use crate::error::ConnectError;
use crate::record::SourceRecord;
use crate::task::SourceTaskContext;

/// Reads records from a foreign system.
#[async_trait]
pub trait SourceTask: Send {
    /// Starts the task.
    ///
    /// # Errors
    /// Any error fails the task.
    async fn start(&mut self, context: SourceTaskContext, props: &Props) -> Result<(), ConnectError>;

    /// Returns the next records; it may wait for them. Cancel safe: the worker drops the future to stop or pause
    /// the task, and no record may be lost by that.
    ///
    /// # Errors
    /// Retriable: counts as nothing read. Fatal: the task fails.
    async fn poll(&mut self) -> Result<Vec<SourceRecord>, ConnectError>;

    /// Tells that a record was acknowledged by Kafka, or dropped on its way (`was_written == false`).
    fn commit_record(&mut self, _record: &SourceRecord, _was_written: bool) {}

    /// Tells that offsets were stored.
    ///
    /// # Errors
    /// Logged only.
    async fn commit(&mut self) -> Result<(), ConnectError> {
        Ok(())
    }

    /// Releases everything.
    ///
    /// # Errors
    /// Logged only.
    async fn stop(&mut self) -> Result<(), ConnectError> {
        Ok(())
    }
}
