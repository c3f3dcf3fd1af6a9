//! Everything one may ask of the herder. Each command carries the way back for its answer.

use std::sync::Arc;

use connect_core::config::Props;
use connect_core::task::TaskId;
use tokio::sync::oneshot;

use crate::herder::error::HerderError;
use crate::herder::info::{
    ConnectorInfo, ConnectorOffset, ConnectorStateInfo, OffsetRequest, TaskInfo, TaskStateInfo,
};
use crate::herder::ports::RawProps;
use crate::herder::state::InitialState;
use crate::stores::config::RestartRequest;
use crate::task::TargetState;

/// Way back for an answer.
pub(crate) type Reply<T> = oneshot::Sender<Result<T, HerderError>>;

/// A connector to be created.
#[derive(Debug, Clone)]
pub struct CreateRequest {
    /// Name.
    pub name: Arc<str>,
    /// Raw configuration; its name is added or checked.
    pub config: RawProps,
    /// State to be created in; absent is running.
    pub initial_state: Option<InitialState>,
}

/// A validated configuration to be stored.
#[derive(Debug)]
pub(crate) struct PutRequest {
    pub(crate) name: Arc<str>,
    pub(crate) config: Props,
    pub(crate) target: Option<TargetState>,
    pub(crate) replace: Replace,
}

/// Whether a configuration may replace another one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Replace {
    /// The connector must be new.
    Never,
    /// Any configuration.
    Any,
    /// Only the one with this revision, on which the new one is based.
    Revision(u64),
}

/// What became of a request to store a configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Modified {
    /// The connector is new.
    Created(ConnectorInfo),
    /// The connector existed.
    Updated(ConnectorInfo),
    /// The configuration it was based on was replaced meanwhile; nothing was stored.
    Outdated,
}

/// A command to the herder.
pub(crate) enum Command {
    /// Proves that the herder answers.
    Ping { reply: Reply<()> },
    /// Names of all connectors.
    List { reply: Reply<Vec<Arc<str>>> },
    /// One connector.
    Info { name: String, reply: Reply<ConnectorInfo> },
    /// Raw configuration and its revision. `is_for_change` has the leader asked, who alone may change it.
    Config { name: String, is_for_change: bool, reply: Reply<(Props, u64)> },
    /// Task configurations.
    Tasks { name: String, reply: Reply<Vec<TaskInfo>> },
    /// States.
    Status { name: String, reply: Reply<ConnectorStateInfo> },
    /// State of one task; the number may be one that no task has.
    TaskStatus { name: String, task: i32, reply: Reply<TaskStateInfo> },
    /// Stores a configuration.
    Put { request: PutRequest, reply: Reply<Modified> },
    /// Deletes a connector.
    Delete { name: String, reply: Reply<()> },
    /// Pauses or resumes.
    Target { name: String, target: TargetState, reply: Reply<()> },
    /// Stops the connector and ends its tasks.
    Stop { name: String, reply: Reply<()> },
    /// Restarts the connector instance.
    RestartConnector { name: String, reply: Reply<()> },
    /// Restarts what the flags say.
    Restart { request: RestartRequest, reply: Reply<ConnectorStateInfo> },
    /// Restarts a task.
    RestartTask { name: String, task: i32, reply: Reply<()> },
    /// Topics used.
    Topics { name: String, reply: Reply<Vec<Arc<str>>> },
    /// Forgets topics used.
    ResetTopics { name: String, reply: Reply<()> },
    /// Stored offsets.
    Offsets { name: String, reply: Reply<Vec<ConnectorOffset>> },
    /// Stores task configurations that another worker's connector generated.
    WriteTasks { name: String, configs: Vec<Props>, reply: Reply<()> },
    /// Fences producers of former tasks.
    Fence { name: String, reply: Reply<()> },
    /// Sets the level of a logger on all workers.
    SetLevel { namespace: String, level: String, reply: Reply<()> },
    /// Notes that a member is about to leave for good.
    Departure { member: String, reply: Reply<()> },
    /// Alters or resets offsets; answers with the text to show.
    ModifyOffsets { name: String, request: OffsetRequest, reply: Reply<String> },
}

/// Returns the name of a task as messages show it, also of one that cannot exist.
pub(crate) fn task_name(connector: &str, task: i32) -> String {
    format!("{connector}-{task}")
}

/// Returns the identifier of a task.
pub(crate) fn task_id(connector: &Arc<str>, task: u32) -> TaskId {
    TaskId { connector: Arc::clone(connector), task }
}
