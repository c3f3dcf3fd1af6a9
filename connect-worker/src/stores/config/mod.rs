//! The log of configuration records: connectors, task configurations, target states and what else workers of one
//! cluster share. Standalone mode keeps it in memory, distributed mode in the config topic.

mod codec;
mod kafka;
mod leader;
mod memory;
mod record;
mod replay;
mod snapshot;
mod writing;

use connect_core::error::ConnectError;
use tokio::sync::oneshot;

pub use kafka::{KafkaConfigStore, OpenConfigStore};
pub use memory::MemoryConfigStore;
pub use record::{ConfigRecord, RestartRequest, SessionKey, TargetState};
pub use snapshot::read_config_topic;

/// A record that was read from the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigUpdate {
    /// Snapshot offset once it is applied: one more than the offset of the log record. All workers of a cluster
    /// must count it alike.
    pub offset: i64,
    /// The record; `None` when it means nothing to this worker, and only the offset moves.
    pub record: Option<ConfigRecord>,
}

/// Why records could not be written.
#[derive(Debug)]
pub enum ConfigWriteError {
    /// Another leader has claimed the right to write, or this worker never did. Claim it again if still leader.
    Fenced(ConnectError),
    /// Anything else, with Kafka Connect's text.
    Failed(ConnectError),
}

impl ConfigWriteError {
    /// Returns the error for whoever asked.
    pub fn into_error(self) -> ConnectError {
        match self {
            ConfigWriteError::Fenced(error) | ConfigWriteError::Failed(error) => error,
        }
    }
}

/// The outcome of a write, once it is known.
pub type Written = oneshot::Receiver<Result<(), ConfigWriteError>>;

/// Writes to the log. What was written comes back to the herder as updates, in log order, also what other workers
/// wrote. Calls return at once.
pub trait ConfigStore: Send {
    /// Writes records, in order. The receiver is told when they are stored and were read back: their updates have
    /// been sent before it is told.
    ///
    /// A target state together with its connector's configuration is one batch. Target states and logger levels
    /// alone may be written by any worker; everything else by the leader only.
    fn write(&mut self, records: Vec<ConfigRecord>) -> Written;

    /// Reads to the present end of the log. The receiver is told the snapshot offset after all updates up to it
    /// have been sent.
    fn read_to_end(&mut self) -> oneshot::Receiver<Result<i64, ConnectError>>;

    /// Claims the right to write as the leader, fencing former leaders; nothing to do where the log does not ask
    /// for it.
    fn claim(&mut self) -> Written;
}
