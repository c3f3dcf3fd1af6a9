//! Work that the herder gives away, and the messages by which it comes back.

use std::sync::Arc;
use std::time::Duration;

use connect_core::config::Props;
use connect_core::error::ConnectError;
use connect_core::task::TaskId;

use crate::herder::connector::ConnectorReport;
use crate::herder::fleet::FleetMessage;

/// A message to the herder from work it gave away.
pub(crate) enum Message {
    /// A connector instance reports.
    Connector { name: Arc<str>, run: u64, report: ConnectorReport },
    /// A connector instance ended, or was abandoned.
    ConnectorStopped { name: Arc<str>, run: u64, has_ended: bool },
    /// A task's configurations are resolved.
    TaskReady { id: TaskId, run: u64, resolved: Result<ReadyTask, ConnectError> },
    /// A task ended, or was abandoned.
    TaskStopped { id: TaskId, run: u64, has_ended: bool },
    /// It is time to generate task configurations again.
    Regenerate { name: Arc<str>, run: u64 },
    /// Task configurations could not be stored.
    TasksNotStored { name: Arc<str>, error: ConnectError },
    /// Of groups only.
    Fleet(FleetMessage),
}

/// What a task is started with.
pub(crate) struct ReadyTask {
    pub(crate) connector_props: Props,
    pub(crate) task_props: Props,
    /// Time after which values in them must be read again, by path.
    pub(crate) ttls: Vec<(String, Duration)>,
}
