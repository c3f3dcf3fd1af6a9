//! What is configured: connectors, their target states and task configurations, and how log records change them.
//! Pure: no I/O, no clock.

use std::collections::HashMap;
use std::sync::Arc;

use connect_cluster::Configured;
use connect_core::config::Props;
use connect_core::data::java_map::iteration_order;
use indexmap::IndexMap;

use crate::stores::config::{ConfigRecord, RestartRequest, SessionKey, TargetState};
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
    /// A connector is new.
    Added(Arc<str>),
    /// A connector has another configuration.
    Configured(Arc<str>),
    /// A connector is gone.
    Deleted(Arc<str>),
    /// A connector's tasks were committed.
    Tasks(Arc<str>),
    /// A connector's target state was written.
    Target(Arc<str>),
    /// A restart is due.
    Restart(RestartRequest),
    /// There is a new key for requests between workers.
    SessionKey(SessionKey),
    /// A log level is to be set.
    Level { namespace: String, level: String },
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
    /// Raw task configurations; none while they are incomplete in the log.
    pub(crate) tasks: Vec<Props>,
    /// Number of tasks in the last commit, complete or not.
    pub(crate) task_count: u32,
    /// The raw configuration that was in force at the last complete commit.
    pub(crate) applied: Option<Props>,
}

/// What the log tells of a connector's name beyond the connector: it outlives a deletion.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Legacy {
    /// Target state, if one was written.
    pub(crate) target: Option<TargetState>,
    /// Whether task configurations of the last commit are missing.
    pub(crate) is_inconsistent: bool,
    /// Counts complete commits.
    pub(crate) generation: u64,
    /// Tasks whose producers may exist.
    pub(crate) fenced_tasks: Option<u32>,
    /// Whether tasks were committed since the last round of fencing.
    pub(crate) is_fencing_due: bool,
}

/// All configured connectors.
#[derive(Debug)]
pub(crate) struct ClusterState {
    connectors: IndexMap<Arc<str>, ConnectorEntry>,
    legacies: HashMap<Arc<str>, Legacy>,
    revision: u64,
    /// Snapshot offset: one more than the offset of the last record; -1 before any.
    pub(crate) offset: i64,
}

impl Default for ClusterState {
    fn default() -> Self {
        Self { connectors: IndexMap::new(), legacies: HashMap::new(), revision: 0, offset: -1 }
    }
}

impl ClusterState {
    /// Applies a record and returns what it changed, if anything.
    pub(crate) fn apply(&mut self, record: ConfigRecord) -> Option<Change> {
        match record {
            ConfigRecord::Connector { name, config: Some(config) } => Some(self.configure(name, config)),
            ConfigRecord::Connector { name, config: None } => {
                self.connectors.shift_remove(&name).map(|_| Change::Deleted(name))
            }
            ConfigRecord::Tasks { name, configs } => self.commit(name, configs),
            ConfigRecord::IncompleteTasks { name, count } => {
                let entry = self.connectors.get_mut(&name)?;
                entry.task_count = count;
                entry.tasks.clear();
                let legacy = self.legacies.entry(Arc::clone(&name)).or_default();
                legacy.is_inconsistent = true;
                legacy.is_fencing_due = true;
                Some(Change::Tasks(name))
            }
            ConfigRecord::Target { name, target } => {
                self.legacies.entry(Arc::clone(&name)).or_default().target = target;
                let entry = self.connectors.get_mut(&name)?;
                entry.target = target.unwrap_or(TargetState::Started);
                target.map(|_| Change::Target(name))
            }
            ConfigRecord::FencedTasks { name, count } => {
                let legacy = self.legacies.entry(name).or_default();
                legacy.fenced_tasks = Some(count);
                legacy.is_fencing_due = false;
                None
            }
            ConfigRecord::Restart(request) => Some(Change::Restart(request)),
            ConfigRecord::SessionKey(key) => Some(Change::SessionKey(key)),
            ConfigRecord::LoggerLevel { namespace, level } => Some(Change::Level { namespace, level }),
        }
    }

    fn configure(&mut self, name: Arc<str>, config: Props) -> Change {
        self.revision += 1;
        let revision = self.revision;
        if let Some(entry) = self.connectors.get_mut(&name) {
            entry.config = config;
            entry.revision = revision;
            return Change::Configured(name);
        }
        let target = self.legacies.get(&name).and_then(|legacy| legacy.target);
        let entry = ConnectorEntry {
            config,
            revision,
            target: target.unwrap_or(TargetState::Started),
            tasks: Vec::new(),
            task_count: 0,
            applied: None,
        };
        self.connectors.insert(Arc::clone(&name), entry);
        Change::Added(name)
    }

    fn commit(&mut self, name: Arc<str>, configs: Vec<Props>) -> Option<Change> {
        let entry = self.connectors.get_mut(&name)?;
        let legacy = self.legacies.entry(Arc::clone(&name)).or_default();
        legacy.generation += u64::from(!configs.is_empty());
        legacy.is_inconsistent = false;
        legacy.is_fencing_due = true;
        entry.task_count = u32::try_from(configs.len()).unwrap_or(u32::MAX);
        entry.tasks = configs;
        entry.applied = Some(entry.config.clone());
        Some(Change::Tasks(name))
    }

    /// Returns what the leader assigns from.
    pub(crate) fn configured(&self) -> Configured {
        let count = |entry: &ConnectorEntry| u32::try_from(entry.tasks.len()).unwrap_or(u32::MAX);
        let connectors = self.connectors.iter().map(|(name, entry)| (Arc::clone(name), count(entry)));
        Configured { offset: self.offset, connectors: connectors.collect() }
    }

    /// Returns what the log tells of a connector's name beyond the connector.
    pub(crate) fn legacy(&self, name: &str) -> Legacy {
        self.legacies.get(name).cloned().unwrap_or_default()
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
        assert_eq!(state.apply(connector), Some(Change::Added(name)));
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
            task_count: 1,
            applied: Some(config("A")),
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
