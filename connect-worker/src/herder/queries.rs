//! Commands that only read.

use std::sync::Arc;

use connect_core::config::Props;
use connect_core::data::java_map::iteration_order;

use crate::herder::command::task_name;
use crate::herder::error::HerderError;
use crate::herder::info::{
    ConnectorInfo, ConnectorStateInfo, ConnectorType, StateInfo, TaskIdInfo, TaskInfo, TaskStateInfo,
};
use crate::herder::run::Herder;
use crate::herder::state::ConnectorEntry;
use crate::stores::status::Status;

const TRACKING_DISABLED: &str = "Topic tracking is disabled.";
const RESET_DISABLED: &str = "Topic tracking reset is disabled.";

impl From<Status> for StateInfo {
    fn from(status: Status) -> Self {
        let Status { state, worker_id, version, trace, generation: _ } = status;
        StateInfo {
            state: state.name(),
            worker_id: worker_id.to_string(),
            version: version.map(|version| version.to_string()),
            trace: trace.filter(|trace| !trace.is_empty()),
        }
    }
}

impl Herder {
    /// Returns a connector's configuration and tasks.
    pub(crate) fn info(&self, name: &str) -> Result<ConnectorInfo, HerderError> {
        let (name, entry) = self.known(name)?;
        let tasks = (0u32..).zip(&entry.tasks);
        let tasks = tasks.map(|(task, _)| TaskIdInfo { connector: name.to_string(), task }).collect();
        let ty = self.type_of(&name);
        Ok(ConnectorInfo { config: entry.config.clone(), tasks, ty, name: name.to_string() })
    }

    /// Returns a connector's raw configuration and its revision.
    pub(crate) fn config_of(&self, name: &str) -> Result<(Props, u64), HerderError> {
        self.known(name).map(|(_, entry)| (entry.config.clone(), entry.revision))
    }

    /// Returns a connector's task configurations.
    pub(crate) fn tasks_of(&self, name: &str) -> Result<Vec<TaskInfo>, HerderError> {
        let (name, entry) = self.known(name)?;
        let info = |(task, config): (u32, &Props)| TaskInfo {
            id: TaskIdInfo { connector: name.to_string(), task },
            config: config.clone(),
        };
        Ok((0u32..).zip(&entry.tasks).map(info).collect())
    }

    /// Returns the states of a connector and its tasks.
    pub(crate) fn state_info(&self, name: &str) -> Result<ConnectorStateInfo, HerderError> {
        let missing = || HerderError::not_found(format!("No status found for connector {name}"));
        let connector = self.status.connector(name).ok_or_else(missing)?;
        Ok(self.state_answer(name, connector, self.status.tasks(name)))
    }

    /// Returns states in the form of an answer.
    pub(crate) fn state_answer(
        &self,
        name: &str,
        connector: Status,
        tasks: Vec<(u32, Status)>,
    ) -> ConnectorStateInfo {
        let tasks = tasks.into_iter().map(|(id, status)| TaskStateInfo { id, state: status.into() });
        ConnectorStateInfo {
            name: name.to_owned(),
            connector: connector.into(),
            tasks: tasks.collect(),
            ty: self.type_of(name),
        }
    }

    /// Returns the state of one task.
    pub(crate) fn task_state(&self, name: &str, task: i32) -> Result<TaskStateInfo, HerderError> {
        let missing =
            || HerderError::not_found(format!("No status found for task {}", task_name(name, task)));
        let wanted = u32::try_from(task).map_err(|_| missing())?;
        let found = self.status.tasks(name).into_iter().find(|(id, _)| *id == wanted);
        found.map(|(id, status)| TaskStateInfo { id, state: status.into() }).ok_or_else(missing)
    }

    /// Returns the topics a connector used, in the order in which the JVM's hash set lists them.
    pub(crate) fn topics_of(&self, name: &str) -> Result<Vec<Arc<str>>, HerderError> {
        if !self.settings.tracks_topics {
            return Err(HerderError::forbidden(TRACKING_DISABLED));
        }
        let topics = self.status.topics(name);
        let order = iteration_order(topics.iter().map(|topic| &**topic));
        Ok(order.into_iter().filter_map(|index| topics.get(index).cloned()).collect())
    }

    /// Forgets the topics a connector used.
    pub(crate) fn reset_topics(&mut self, name: &str) -> Result<(), HerderError> {
        if !self.settings.tracks_topics {
            return Err(HerderError::forbidden(TRACKING_DISABLED));
        }
        if !self.settings.allows_topic_reset {
            return Err(HerderError::forbidden(RESET_DISABLED));
        }
        self.status.reset_topics(name);
        Ok(())
    }

    /// Returns a configured connector.
    pub(crate) fn known(&self, name: &str) -> Result<(Arc<str>, &ConnectorEntry), HerderError> {
        let missing = || HerderError::not_found(format!("Connector {name} not found"));
        let stored = self.state.name(name).ok_or_else(missing)?;
        let entry = self.state.get(name).ok_or_else(missing)?;
        Ok((stored, entry))
    }

    /// Returns the direction of a connector.
    pub(crate) fn type_of(&self, name: &str) -> ConnectorType {
        self.plugin(name).map_or(ConnectorType::Unknown, |plugin| ConnectorType::of(plugin.kind()))
    }
}
