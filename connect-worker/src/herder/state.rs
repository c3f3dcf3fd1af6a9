//! What is configured: connectors, their target states and task configurations, and how log records change them.
//! Pure: no I/O, no clock.

use std::sync::Arc;

use connect_core::config::Props;
use connect_core::data::java_map::iteration_order;
use indexmap::IndexMap;

use crate::stores::config::{ConfigRecord, RestartRequest, TargetState};
use crate::stores::status::RunState;
use crate::task::TaskState;

impl From<TaskState> for RunState {
    fn from(state: TaskState) -> Self {
        match state {
            TaskState::Unassigned => RunState::Unassigned,
            TaskState::Running => RunState::Running,
            TaskState::Paused => RunState::Paused,
            TaskState::Failed => RunState::Failed,
            TaskState::Restarting => RunState::Restarting,
        }
    }
}

/// The state a connector is created in (KIP-980).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum InitialState {
    /// Working.
    Running,
    /// Initialised but idle.
    Paused,
    /// Without tasks.
    Stopped,
}

impl InitialState {
    /// Returns the state of the given name, in any case.
    pub fn parse(name: &str) -> Option<Self> {
        match name.to_ascii_uppercase().as_str() {
            "RUNNING" => Some(InitialState::Running),
            "PAUSED" => Some(InitialState::Paused),
            "STOPPED" => Some(InitialState::Stopped),
            _ => None,
        }
    }

    /// Returns the target state to store.
    pub fn target(self) -> TargetState {
        match self {
            InitialState::Running => TargetState::Started,
            InitialState::Paused => TargetState::Paused,
            InitialState::Stopped => TargetState::Stopped,
        }
    }
}

/// What a record changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Change {
    /// A connector is new or has another configuration.
    Configured(Arc<str>),
    /// A connector is gone.
    Deleted(Arc<str>),
    /// A connector's tasks were committed.
    Tasks(Arc<str>),
    /// A connector's target state was written.
    Target(Arc<str>),
    /// A restart is due.
    Restart(RestartRequest),
}

/// One configured connector.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ConnectorEntry {
    /// Raw configuration.
    pub(crate) config: Props,
    /// Changes with every configuration, to notice that one was replaced meanwhile.
    pub(crate) revision: u64,
    /// Target state.
    pub(crate) target: TargetState,
    /// Raw task configurations.
    pub(crate) tasks: Vec<Props>,
}

/// All configured connectors.
#[derive(Debug, Default)]
pub(crate) struct ClusterState {
    connectors: IndexMap<Arc<str>, ConnectorEntry>,
    /// Target states that were written before their connector.
    early_targets: IndexMap<Arc<str>, TargetState>,
    revision: u64,
}

impl ClusterState {
    /// Applies a record and returns what it changed, if anything.
    pub(crate) fn apply(&mut self, record: ConfigRecord) -> Option<Change> {
        match record {
            ConfigRecord::Connector { name, config: Some(config) } => {
                self.revision += 1;
                let revision = self.revision;
                match self.connectors.get_mut(&name) {
                    Some(entry) => {
                        entry.config = config;
                        entry.revision = revision;
                    }
                    None => {
                        let target = self.early_targets.shift_remove(&name).unwrap_or(TargetState::Started);
                        let entry = ConnectorEntry { config, revision, target, tasks: Vec::new() };
                        self.connectors.insert(Arc::clone(&name), entry);
                    }
                }
                Some(Change::Configured(name))
            }
            ConfigRecord::Connector { name, config: None } => {
                self.early_targets.shift_remove(&name);
                self.connectors.shift_remove(&name).map(|_| Change::Deleted(name))
            }
            ConfigRecord::Tasks { name, configs } => {
                let entry = self.connectors.get_mut(&name)?;
                entry.tasks = configs;
                Some(Change::Tasks(name))
            }
            ConfigRecord::Target { name, target } => {
                let wanted = target.unwrap_or(TargetState::Started);
                match (self.connectors.get_mut(&name), target) {
                    (Some(entry), _) => {
                        entry.target = wanted;
                        target.map(|_| Change::Target(name))
                    }
                    (None, Some(target)) => {
                        self.early_targets.insert(name, target);
                        None
                    }
                    (None, None) => {
                        self.early_targets.shift_remove(&name);
                        None
                    }
                }
            }
            ConfigRecord::Restart(request) => Some(Change::Restart(request)),
            // Of clusters only.
            ConfigRecord::IncompleteTasks { .. }
            | ConfigRecord::FencedTasks { .. }
            | ConfigRecord::SessionKey(_)
            | ConfigRecord::LoggerLevel { .. } => None,
        }
    }

    /// Returns a connector.
    pub(crate) fn get(&self, name: &str) -> Option<&ConnectorEntry> {
        self.connectors.get(name)
    }

    /// Returns the stored name of a connector.
    pub(crate) fn name(&self, name: &str) -> Option<Arc<str>> {
        self.connectors.get_key_value(name).map(|(stored, _)| Arc::clone(stored))
    }

    /// Returns the names in the order in which the JVM's hash map lists them.
    pub(crate) fn names(&self) -> Vec<Arc<str>> {
        let order = iteration_order(self.connectors.keys().map(|name| &**name));
        order
            .into_iter()
            .filter_map(|index| self.connectors.get_index(index))
            .map(|(name, _)| Arc::clone(name))
            .collect()
    }
}

/// Returns the configuration in the order in which the JVM's hash map lists it.
pub fn java_ordered(props: &Props) -> Props {
    let order = iteration_order(props.keys().map(String::as_str));
    let entry =
        |index| props.get_index(index).map(|(key, value): (&String, &String)| (key.clone(), value.clone()));
    order.into_iter().filter_map(entry).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(text: &str) -> Props {
        [("connector.class".to_owned(), text.to_owned())].into_iter().collect()
    }

    #[test]
    fn target_written_before_its_connector_applies_to_it() {
        let mut state = ClusterState::default();
        let name: Arc<str> = "c".into();
        let target = ConfigRecord::Target { name: Arc::clone(&name), target: Some(TargetState::Stopped) };
        assert_eq!(state.apply(target), None);
        let connector = ConfigRecord::Connector { name: Arc::clone(&name), config: Some(config("A")) };
        assert_eq!(state.apply(connector), Some(Change::Configured(name)));
        assert_eq!(state.get("c").map(|entry| entry.target), Some(TargetState::Stopped));
    }

    #[test]
    fn replaced_configuration_keeps_target_and_tasks_and_changes_the_revision() {
        let mut state = ClusterState::default();
        let name: Arc<str> = "c".into();
        for record in [
            ConfigRecord::Connector { name: Arc::clone(&name), config: Some(config("A")) },
            ConfigRecord::Target { name: Arc::clone(&name), target: Some(TargetState::Paused) },
            ConfigRecord::Tasks { name: Arc::clone(&name), configs: vec![config("t")] },
            ConfigRecord::Connector { name: Arc::clone(&name), config: Some(config("B")) },
        ] {
            state.apply(record);
        }
        let expected = ConnectorEntry {
            config: config("B"),
            revision: 2,
            target: TargetState::Paused,
            tasks: vec![config("t")],
        };
        assert_eq!(state.get("c"), Some(&expected));
    }

    #[test]
    fn records_of_unknown_connectors_change_nothing() {
        let mut state = ClusterState::default();
        let name: Arc<str> = "c".into();
        assert_eq!(state.apply(ConfigRecord::Connector { name: Arc::clone(&name), config: None }), None);
        assert_eq!(state.apply(ConfigRecord::Tasks { name, configs: vec![] }), None);
        assert!(state.names().is_empty());
    }

    #[test]
    fn connectors_are_listed_in_hash_map_order() {
        let mut state = ClusterState::default();
        for name in ["b", "a", "q", "c"] {
            state.apply(ConfigRecord::Connector { name: name.into(), config: Some(config("A")) });
        }
        let names: Vec<String> = state.names().iter().map(ToString::to_string).collect();
        assert_eq!(names, ["a", "q", "b", "c"]);
    }
}
