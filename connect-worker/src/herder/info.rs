//! What the herder tells about connectors and tasks. Field order is the order in Kafka Connect's JSON.

use connect_core::config::Props;
use connect_core::plugin::PluginKind;
use serde::{Serialize, Serializer};
use serde_json::{Map as JsonMap, Value as Json};

/// The direction of a connector.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum ConnectorType {
    /// Produces records to Kafka.
    Source,
    /// Reads records from Kafka.
    Sink,
    /// The plug-in is not installed.
    Unknown,
}

impl ConnectorType {
    /// Returns the type of connectors of a plug-in.
    pub fn of(kind: PluginKind) -> Self {
        match kind {
            PluginKind::Sink => ConnectorType::Sink,
            PluginKind::Source => ConnectorType::Source,
            _ => ConnectorType::Unknown,
        }
    }

    /// Returns the word used in JSON and messages.
    pub fn name(self) -> &'static str {
        match self {
            ConnectorType::Source => "source",
            ConnectorType::Sink => "sink",
            ConnectorType::Unknown => "unknown",
        }
    }
}

/// A task's name in JSON.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct TaskIdInfo {
    /// Connector.
    pub connector: String,
    /// Number.
    pub task: u32,
}

/// A connector's configuration and tasks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ConnectorInfo {
    /// Name.
    pub name: String,
    /// Configuration as stored.
    #[serde(serialize_with = "as_object")]
    pub config: Props,
    /// Tasks.
    pub tasks: Vec<TaskIdInfo>,
    /// Direction.
    #[serde(rename = "type")]
    pub ty: ConnectorType,
}

/// A task's configuration.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct TaskInfo {
    /// Task.
    pub id: TaskIdInfo,
    /// Configuration as stored.
    #[serde(serialize_with = "as_object")]
    pub config: Props,
}

/// The state of a connector instance.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct StateInfo {
    /// State.
    pub state: &'static str,
    /// Worker that wrote the state.
    pub worker_id: String,
    /// Version of the plug-in; null while nothing runs.
    pub version: Option<String>,
    /// Cause of a failure.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub trace: Option<String>,
}

/// The state of a task.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct TaskStateInfo {
    /// Number.
    pub id: u32,
    /// State.
    #[serde(flatten)]
    pub state: StateInfo,
}

/// The state of a connector and its tasks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ConnectorStateInfo {
    /// Name.
    pub name: String,
    /// State of the connector instance.
    pub connector: StateInfo,
    /// States of the tasks, sorted by number.
    pub tasks: Vec<TaskStateInfo>,
    /// Direction.
    #[serde(rename = "type")]
    pub ty: ConnectorType,
}

/// One stored offset, in JSON terms.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ConnectorOffset {
    /// Partition.
    pub partition: Option<JsonMap<String, Json>>,
    /// Offset.
    pub offset: Option<JsonMap<String, Json>>,
}

/// New offsets asked for: `Some` alters the given ones, `None` resets all.
pub type OffsetRequest = Option<Vec<ConnectorOffset>>;

fn as_object<S: Serializer>(props: &Props, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_map(props)
}
