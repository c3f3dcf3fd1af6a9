//! What the herder needs of the rest of the worker, as traits: standalone and distributed mode, and tests, bring
//! their own makings.

use std::fmt;

use connect_core::async_trait;
use connect_core::config::Props;
use connect_core::connector::SinkOffsetChanges;
use connect_core::data::Map;
use connect_core::error::ConnectError;
use connect_core::record::Offsets;
use indexmap::IndexMap;
use serde_json::Value as Json;
use tokio::sync::mpsc;

use crate::config::transformer::Transformed;
use crate::herder::error::HerderError;
use crate::stores::config::SessionKey;
use crate::task::{TaskEvent, TaskHandle, TaskSpec};

/// Starts tasks.
pub trait TaskSpawner: Send + Sync {
    /// Starts a task's loop. Returns at once; everything that can fail is reported as an event.
    fn start(&self, spec: TaskSpec, events: mpsc::UnboundedSender<TaskEvent>) -> TaskHandle;
}

/// A configuration as REST received it: values may be null.
pub type RawProps = IndexMap<String, Option<String>>;

/// The outcome of a validation.
#[derive(Debug, Clone)]
pub struct Validation {
    /// Number of errors, as the answer counts them.
    pub error_count: usize,
    /// All errors in the order of the answer's keys.
    pub errors: Vec<String>,
    /// Keys that nothing reads, a sentence each; they are no errors.
    pub hints: Vec<String>,
    /// The answer of `PUT /connector-plugins/{p}/config/validate`.
    pub body: Json,
}

/// Why a configuration cannot be validated at all.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ValidateError {
    /// JVM class of the exception, shown by the validate endpoint.
    pub class: &'static str,
    /// The refusal.
    pub error: HerderError,
}

/// The plug-ins as REST shows them. Calls may run plug-in code and block: they are made off the herder.
pub trait PluginCatalog: Send + Sync {
    /// Returns the plug-ins in list order.
    fn list(&self, connectors_only: bool) -> Json;

    /// Returns the keys of a plug-in.
    ///
    /// # Errors
    /// Fails when the plug-in or the version is unknown.
    fn config(&self, plugin: &str, version: Option<&str>) -> Result<Json, HerderError>;

    /// Checks a connector configuration.
    ///
    /// # Errors
    /// Fails when the configuration does not lead to a connector plug-in.
    fn validate(&self, props: &RawProps) -> Result<Validation, ValidateError>;

    /// Returns what a connector with this configuration would do with the records, each a JSON object. Waits for
    /// services that converters ask: called where blocking is allowed.
    ///
    /// # Errors
    /// Fails when the configuration is invalid or a record cannot be read.
    fn preview(&self, props: &RawProps, records: Vec<Json>) -> Result<Json, HerderError>;
}

/// Puts the values of `${…}` references into a configuration. May read files: called off the herder.
pub trait ConfigResolver: Send + Sync {
    /// Returns the configuration with all references resolved, and when their values must be read again.
    ///
    /// # Errors
    /// Fails when a provider cannot read its data.
    fn transform(&self, props: &Props) -> Result<Transformed, ConnectError>;

    /// Returns the configuration with all references resolved.
    ///
    /// # Errors
    /// As above.
    fn resolve(&self, props: &Props) -> Result<Props, ConnectError> {
        self.transform(props).map(|transformed| transformed.props)
    }
}

/// Why offsets of a consumer group cannot be changed.
#[derive(Debug)]
pub enum SinkOffsetsError {
    /// The group still has members.
    GroupNotEmpty,
    /// Anything else, with its cause.
    Other(ConnectError),
}

impl fmt::Display for SinkOffsetsError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            SinkOffsetsError::GroupNotEmpty => formatter.write_str("consumer group is not empty"),
            SinkOffsetsError::Other(error) => error.fmt(formatter),
        }
    }
}

/// The committed offsets of a sink connector's consumer group. `props` is the connector's resolved configuration,
/// from which the group (`connect-<name>` or the override) and the admin settings come.
#[async_trait]
pub trait SinkOffsets: Send + Sync {
    /// Returns the committed offsets, in the order to be shown.
    ///
    /// # Errors
    /// Fails when the broker cannot be asked.
    async fn list(&self, connector: &str, props: &Props) -> Result<Offsets, ConnectError>;

    /// Sets offsets, and deletes those that are `None`.
    ///
    /// # Errors
    /// Fails when the broker refuses.
    async fn alter(
        &self,
        connector: &str,
        props: &Props,
        changes: &SinkOffsetChanges,
    ) -> Result<(), SinkOffsetsError>;

    /// Deletes the whole group; a group that does not exist is success.
    ///
    /// # Errors
    /// Fails when the broker refuses.
    async fn reset(&self, connector: &str, props: &Props) -> Result<(), SinkOffsetsError>;

    /// Removes what static membership left in the group of tasks that do not exist: those numbered `first` and above.
    /// Nothing is removed that belongs to somebody else.
    ///
    /// # Errors
    /// Fails when the broker cannot be asked or refuses.
    async fn remove_members(&self, connector: &str, props: &Props, first: u32) -> Result<(), ConnectError>;
}

/// The stored offsets of source connectors. `props` is the connector's resolved configuration, from which a topic of
/// its own and the settings of the clients come.
#[async_trait]
pub trait OffsetStore: Send + Sync {
    /// Returns the known partitions of a connector with their offsets, in the order to be shown.
    ///
    /// # Errors
    /// Fails when the store cannot be read.
    async fn list(&self, connector: &str, props: &Props) -> Result<Vec<(Map, Map)>, ConnectError>;

    /// Stores offsets durably; `None` deletes one.
    ///
    /// # Errors
    /// Fails when the store cannot be written.
    async fn write(
        &self,
        connector: &str,
        props: &Props,
        changes: Vec<(Map, Option<Map>)>,
    ) -> Result<(), ConnectError>;
}

/// What workers ask of the leader, over its internal REST endpoints. A request without a key goes unsigned.
#[async_trait]
pub trait LeaderClient: Send + Sync {
    /// Has the leader store task configurations.
    ///
    /// # Errors
    /// Fails as the leader answered, or when it cannot be reached.
    async fn put_tasks(
        &self,
        leader_url: &str,
        connector: &str,
        configs: &[Props],
        key: Option<&SessionKey>,
    ) -> Result<(), HerderError>;

    /// Has the leader fence zombies of a source connector.
    ///
    /// # Errors
    /// As above.
    async fn fence(
        &self,
        leader_url: &str,
        connector: &str,
        key: Option<&SessionKey>,
    ) -> Result<(), HerderError>;

    /// Tells the leader that a member is about to leave for good.
    ///
    /// # Errors
    /// As above; a JVM leader answers 404.
    async fn tell_departure(
        &self,
        leader_url: &str,
        member_id: &str,
        key: Option<&SessionKey>,
    ) -> Result<(), HerderError>;

    /// Checks that a worker answers at a URL.
    ///
    /// # Errors
    /// Fails with what came instead.
    async fn find_worker(&self, url: &str) -> Result<(), String>;
}

/// How requests of other workers are to be checked.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Session {
    /// Whether the group's current protocol asks for signatures.
    pub is_sessioned: bool,
    /// The newest key, `None` before one was read.
    pub key: Option<SessionKey>,
}

/// Sets log levels that another worker asked for.
pub trait LevelSetter: Send + Sync {
    /// Sets the level of a logger and those below it.
    fn set_level(&self, namespace: &str, level: &str);
}

/// The membership of the worker in its group.
#[async_trait]
pub trait Group: Send + Sync {
    /// Asks for a round. Returns at once.
    fn rejoin(&self);

    /// Leaves the group and ends the membership.
    async fn leave(&self);

    /// Returns whether every member of the group is a worker of this program; `false` while nobody can tell.
    async fn has_only_own_kind(&self) -> bool;

    /// Returns whether the member's place can still be its own, by this machine's clock.
    fn holds_place(&self) -> bool;

    /// Returns what the membership is doing, to follow `the worker is`.
    fn stage(&self) -> &'static str;
}

/// Ends transactions of producers that may still be alive, and keeps those producers from writing again.
#[async_trait]
pub trait ProducerFencer: Send + Sync {
    /// Fences all producers of the given transactional ids. `props` is the connector's resolved configuration.
    ///
    /// # Errors
    /// Fails when the brokers refuse or do not answer.
    async fn fence(
        &self,
        connector: &str,
        props: &Props,
        transactional_ids: Vec<String>,
    ) -> Result<(), ConnectError>;
}
