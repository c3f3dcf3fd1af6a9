//! The way to talk to the herder: one command a request, each with a time limit.

use std::sync::Arc;
use std::time::Duration;

use connect_core::config::Props;
use tokio::sync::{mpsc, oneshot, watch};

use crate::herder::command::{Command, CreateRequest, Modified, PutRequest, Replace, Reply};
use crate::herder::error::HerderError;
use crate::herder::info::{
    ConnectorInfo, ConnectorOffset, ConnectorStateInfo, OffsetRequest, TaskInfo, TaskStateInfo,
};
use crate::herder::ports::{PluginCatalog, RawProps, Session, ValidateError, Validation};
use crate::herder::raw::{patched, put_name, without_nulls};
use crate::herder::stage::StageClock;
use crate::herder::state::InitialState;
use crate::stores::config::RestartRequest;
use crate::task::TargetState;

/// Time for every request that the herder answers.
const REQUEST_LIMIT: Duration = Duration::from_secs(90);
/// Time for the answer to a health check.
const HEALTH_LIMIT: Duration = Duration::from_secs(10);

/// Talks to the herder. Cheap to clone.
#[derive(Clone)]
pub struct HerderHandle {
    commands: mpsc::Sender<Command>,
    stages: StageClock,
    catalog: Arc<dyn PluginCatalog>,
    told: watch::Receiver<Told>,
}

/// What the herder tells everybody, so that nobody has to ask.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Told {
    /// Whether the herder has read its log and knows its first assignment.
    pub(crate) is_ready: bool,
    /// How requests of other workers are to be checked.
    pub(crate) session: Session,
}

impl HerderHandle {
    pub(crate) fn new(
        commands: mpsc::Sender<Command>,
        stages: StageClock,
        catalog: Arc<dyn PluginCatalog>,
        told: watch::Receiver<Told>,
    ) -> Self {
        Self { commands, stages, catalog, told }
    }

    /// Returns whether the herder has begun its work: in a group, after the config log is read and the first
    /// assignment is known.
    pub fn is_ready(&self) -> bool {
        self.told.borrow().is_ready
    }

    /// Waits until the herder has begun its work. Returns `false` when it ended before.
    pub async fn ready(&self) -> bool {
        self.told.clone().wait_for(|told| told.is_ready).await.is_ok()
    }

    /// Returns how requests of other workers are to be checked now.
    pub fn session(&self) -> Session {
        self.told.borrow().session.clone()
    }

    /// Returns the plug-ins.
    pub fn catalog(&self) -> &Arc<dyn PluginCatalog> {
        &self.catalog
    }

    /// Returns what the herder does or did last, for messages about time-outs.
    pub fn stage(&self) -> Option<String> {
        self.stages.current().map(|stage| stage.summary())
    }

    /// Proves that the herder answers.
    ///
    /// # Errors
    /// Fails when it does not within 10 s.
    pub async fn ping(&self) -> Result<(), HerderError> {
        self.ask_within(HEALTH_LIMIT, |reply| Command::Ping { reply }).await
    }

    /// Returns the names of all connectors.
    ///
    /// # Errors
    /// Fails when the herder does not answer in time; so do all requests below.
    pub async fn list(&self) -> Result<Vec<Arc<str>>, HerderError> {
        self.ask(|reply| Command::List { reply }).await
    }

    /// Returns a connector's configuration and tasks.
    ///
    /// # Errors
    /// Fails when the connector is unknown.
    pub async fn info(&self, name: String) -> Result<ConnectorInfo, HerderError> {
        self.ask(|reply| Command::Info { name, reply }).await
    }

    /// Returns a connector's configuration.
    ///
    /// # Errors
    /// Fails when the connector is unknown.
    pub async fn config(&self, name: String) -> Result<Props, HerderError> {
        self.ask(|reply| Command::Config { name, is_for_change: false, reply })
            .await
            .map(|(config, _)| config)
    }

    /// Returns a connector's task configurations.
    ///
    /// # Errors
    /// Fails when the connector is unknown.
    pub async fn tasks(&self, name: String) -> Result<Vec<TaskInfo>, HerderError> {
        self.ask(|reply| Command::Tasks { name, reply }).await
    }

    /// Returns the states of a connector and its tasks.
    ///
    /// # Errors
    /// Fails when there are none.
    pub async fn status(&self, name: String) -> Result<ConnectorStateInfo, HerderError> {
        self.ask(|reply| Command::Status { name, reply }).await
    }

    /// Returns the state of a task.
    ///
    /// # Errors
    /// Fails when there is none.
    pub async fn task_status(&self, name: String, task: i32) -> Result<TaskStateInfo, HerderError> {
        self.ask(|reply| Command::TaskStatus { name, task, reply }).await
    }

    /// Creates a connector.
    ///
    /// # Errors
    /// Fails when the configuration is invalid, the connector exists or its start fails.
    pub async fn create(&self, request: CreateRequest) -> Result<ConnectorInfo, HerderError> {
        let CreateRequest { name, config: mut raw, initial_state } = request;
        put_name(&name, &mut raw)?;
        let config = without_nulls(&raw);
        self.check(raw).await?;
        let target = initial_state.map(InitialState::target);
        let put = PutRequest { name, config, target, replace: Replace::Never };
        match self.ask(|reply| Command::Put { request: put, reply }).await? {
            Modified::Created(info) | Modified::Updated(info) => Ok(info),
            Modified::Outdated => Err(HerderError::internal("creating a connector found it outdated")),
        }
    }

    /// Creates a connector or replaces its configuration.
    ///
    /// # Errors
    /// Fails when the configuration is invalid or the connector's start fails.
    pub async fn put_config(&self, name: Arc<str>, mut raw: RawProps) -> Result<Modified, HerderError> {
        put_name(&name, &mut raw)?;
        let config = without_nulls(&raw);
        self.check(raw).await?;
        let request = PutRequest { name, config, target: None, replace: Replace::Any };
        self.ask(|reply| Command::Put { request, reply }).await
    }

    /// Merges a patch over the stored configuration; a null removes its key (KIP-477).
    ///
    /// # Errors
    /// Fails when the connector is unknown, the result is invalid or the connector's start fails.
    pub async fn patch_config(&self, name: Arc<str>, patch: RawProps) -> Result<ConnectorInfo, HerderError> {
        loop {
            let asked = name.to_string();
            let (stored, revision) =
                self.ask(|reply| Command::Config { name: asked, is_for_change: true, reply }).await?;
            let config = crate::herder::state::java_ordered(&patched(stored, &patch));
            self.check(config.iter().map(|(key, value)| (key.clone(), Some(value.clone()))).collect())
                .await?;
            let replace = Replace::Revision(revision);
            let request = PutRequest { name: Arc::clone(&name), config, target: None, replace };
            match self.ask(|reply| Command::Put { request, reply }).await? {
                Modified::Created(info) | Modified::Updated(info) => return Ok(info),
                Modified::Outdated => {}
            }
        }
    }

    /// Deletes a connector and waits until nothing of it runs.
    ///
    /// # Errors
    /// Fails when the connector is unknown.
    pub async fn delete(&self, name: String) -> Result<(), HerderError> {
        self.ask(|reply| Command::Delete { name, reply }).await
    }

    /// Pauses a connector.
    ///
    /// # Errors
    /// Fails when the connector is unknown.
    pub async fn pause(&self, name: String) -> Result<(), HerderError> {
        self.ask(|reply| Command::Target { name, target: TargetState::Paused, reply }).await
    }

    /// Resumes a connector.
    ///
    /// # Errors
    /// Fails when the connector is unknown.
    pub async fn resume(&self, name: String) -> Result<(), HerderError> {
        self.ask(|reply| Command::Target { name, target: TargetState::Started, reply }).await
    }

    /// Stops a connector and waits until no task runs.
    ///
    /// # Errors
    /// Fails when the connector is unknown.
    pub async fn stop(&self, name: String) -> Result<(), HerderError> {
        self.ask(|reply| Command::Stop { name, reply }).await
    }

    /// Restarts a connector instance.
    ///
    /// # Errors
    /// Fails when the connector is unknown or its start fails.
    pub async fn restart_connector(&self, name: String) -> Result<(), HerderError> {
        self.ask(|reply| Command::RestartConnector { name, reply }).await
    }

    /// Restarts what the flags say and returns the states, RESTARTING where it applies.
    ///
    /// # Errors
    /// Fails when the connector is unknown or has no status.
    pub async fn restart(&self, request: RestartRequest) -> Result<ConnectorStateInfo, HerderError> {
        self.ask(|reply| Command::Restart { request, reply }).await
    }

    /// Restarts a task.
    ///
    /// # Errors
    /// Fails when the task is unknown.
    pub async fn restart_task(&self, name: String, task: i32) -> Result<(), HerderError> {
        self.ask(|reply| Command::RestartTask { name, task, reply }).await
    }

    /// Returns the topics a connector used.
    ///
    /// # Errors
    /// Fails when the worker does not track topics.
    pub async fn topics(&self, name: String) -> Result<Vec<Arc<str>>, HerderError> {
        self.ask(|reply| Command::Topics { name, reply }).await
    }

    /// Forgets the topics a connector used.
    ///
    /// # Errors
    /// Fails when the worker's settings forbid it.
    pub async fn reset_topics(&self, name: String) -> Result<(), HerderError> {
        self.ask(|reply| Command::ResetTopics { name, reply }).await
    }

    /// Returns the stored offsets of a connector.
    ///
    /// # Errors
    /// Fails when the connector is unknown or the offsets cannot be read.
    pub async fn offsets(&self, name: String) -> Result<Vec<ConnectorOffset>, HerderError> {
        self.ask(|reply| Command::Offsets { name, reply }).await
    }

    /// Alters or resets the offsets of a stopped connector and returns the text to show.
    ///
    /// # Errors
    /// Fails when the connector is not stopped or the offsets cannot be changed.
    pub async fn modify_offsets(&self, name: String, request: OffsetRequest) -> Result<String, HerderError> {
        self.ask(|reply| Command::ModifyOffsets { name, request, reply }).await
    }

    /// Stores task configurations that a connector generated on another worker.
    ///
    /// # Errors
    /// Fails when this worker does not lead, or the connector is unknown or stopped.
    pub async fn write_task_configs(&self, name: String, configs: Vec<Props>) -> Result<(), HerderError> {
        self.ask(|reply| Command::WriteTasks { name, configs, reply }).await
    }

    /// Fences the producers of former tasks of a source connector.
    ///
    /// # Errors
    /// Fails when this worker does not lead, or the connector is unknown or a sink.
    pub async fn fence(&self, name: String) -> Result<(), HerderError> {
        self.ask(|reply| Command::Fence { name, reply }).await
    }

    /// Notes that a member is about to leave for good: its work goes to others without delay.
    ///
    /// # Errors
    /// Fails when the herder does not answer in time.
    pub async fn note_departure(&self, member: String) -> Result<(), HerderError> {
        self.ask(|reply| Command::Departure { member, reply }).await
    }

    /// Sets the level of a logger on all workers of the group.
    ///
    /// # Errors
    /// Fails when it cannot be written.
    pub async fn set_level(&self, namespace: String, level: String) -> Result<(), HerderError> {
        self.ask(|reply| Command::SetLevel { namespace, level, reply }).await
    }

    /// Checks a configuration.
    ///
    /// # Errors
    /// Fails when the configuration does not lead to a connector plug-in, or takes longer than the limit.
    pub async fn validate(&self, raw: RawProps) -> Result<Validation, ValidateError> {
        let catalog = Arc::clone(&self.catalog);
        let checked = tokio::task::spawn_blocking(move || catalog.validate(&raw));
        let class = "org.apache.kafka.connect.errors.ConnectException";
        let failed = |message: String| ValidateError { class, error: HerderError::internal(message) };
        match tokio::time::timeout(REQUEST_LIMIT, checked).await {
            Ok(Ok(outcome)) => outcome,
            Ok(Err(error)) => Err(failed(format!("validation panicked: {error}"))),
            Err(_) => Err(failed(self.timed_out())),
        }
    }

    async fn check(&self, raw: RawProps) -> Result<(), HerderError> {
        let name = raw.get("name").cloned().flatten().unwrap_or_default();
        let checked = self.validate(raw).await.map_err(|failure| failure.error)?;
        if checked.error_count == 0 {
            for hint in &checked.hints {
                tracing::warn!(connector = name, "{hint}");
            }
            return Ok(());
        }
        Err(HerderError::bad_request(format!(
            "Connector configuration is invalid and contains the following {} error(s):\n{}\nYou can also find the \
             above list of errors at the endpoint `/connector-plugins/{{connectorType}}/config/validate`",
            checked.error_count,
            checked.errors.join("\n")
        )))
    }

    async fn ask<T>(&self, command: impl FnOnce(Reply<T>) -> Command) -> Result<T, HerderError> {
        self.ask_within(REQUEST_LIMIT, command).await
    }

    async fn ask_within<T>(
        &self,
        limit: Duration,
        command: impl FnOnce(Reply<T>) -> Command,
    ) -> Result<T, HerderError> {
        let (reply, answer) = oneshot::channel();
        let asked = async {
            self.commands.send(command(reply)).await.ok()?;
            answer.await.ok()
        };
        match tokio::time::timeout(limit, asked).await {
            Ok(Some(outcome)) => outcome,
            Ok(None) => Err(HerderError::internal("Worker is shutting down")),
            Err(_) => Err(HerderError::internal(self.timed_out())),
        }
    }

    fn timed_out(&self) -> String {
        match self.stage() {
            Some(stage) => format!("Request timed out. {stage}"),
            None => "Request timed out".to_owned(),
        }
    }
}
