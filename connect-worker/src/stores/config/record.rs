//! The records of the config log, as the herder sees them.

use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use connect_core::config::Props;

/// What a task or connector should be doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TargetState {
    /// Working.
    Started,
    /// Initialised but idle.
    Paused,
    /// Without tasks.
    Stopped,
}

/// A restart asked for with flags.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RestartRequest {
    /// Connector.
    pub connector: Arc<str>,
    /// Whether only failed instances are restarted.
    pub only_failed: bool,
    /// Whether tasks are restarted too.
    pub include_tasks: bool,
}

/// The key that workers sign their requests to each other with (KIP-507).
#[derive(Clone, PartialEq, Eq)]
pub struct SessionKey {
    /// Secret bytes.
    pub key: Bytes,
    /// Java's name of the algorithm it was generated with.
    pub algorithm: String,
    /// Milliseconds since the epoch.
    pub created_ms: i64,
}

impl fmt::Debug for SessionKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = formatter.debug_struct("SessionKey");
        shown
            .field("algorithm", &self.algorithm)
            .field("created_ms", &self.created_ms)
            .finish_non_exhaustive()
    }
}

/// A record of the config log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ConfigRecord {
    /// A connector's configuration; `None` deletes the connector.
    Connector {
        /// Connector.
        name: Arc<str>,
        /// Raw configuration.
        config: Option<Props>,
    },
    /// A complete, committed set of task configurations.
    Tasks {
        /// Connector.
        name: Arc<str>,
        /// Raw configurations by task number.
        configs: Vec<Props>,
    },
    /// A commit of task configurations of which some are missing, lost to compaction. Only read, never written.
    IncompleteTasks {
        /// Connector.
        name: Arc<str>,
        /// Number of tasks that were committed.
        count: u32,
    },
    /// A target state; `None` goes back to the default and is told to nobody.
    Target {
        /// Connector.
        name: Arc<str>,
        /// State.
        target: Option<TargetState>,
    },
    /// The number of tasks whose producers may exist, written after a round of zombie fencing.
    FencedTasks {
        /// Connector.
        name: Arc<str>,
        /// Number.
        count: u32,
    },
    /// A restart asked for with flags. Never read at start-up.
    Restart(RestartRequest),
    /// A new session key.
    SessionKey(SessionKey),
    /// A log level for all workers. Never read at start-up.
    LoggerLevel {
        /// Logger.
        namespace: String,
        /// Level, upper case.
        level: String,
    },
}
