//! A cluster as its config topic tells it. Pure.

use std::collections::BTreeMap;
use std::sync::Arc;

use connect_core::config::Props;

use crate::stores::config::{ConfigRecord, ConfigUpdate, TargetState};

/// A connector as it is configured.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Configured {
    /// Raw configuration.
    pub(super) config: Props,
    /// What it should be doing.
    pub(super) target: TargetState,
    /// Number of its tasks; `None` when configurations of tasks are missing in the topic.
    pub(super) tasks: Option<usize>,
}

/// Everything that is configured, and the snapshot offset.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Cluster {
    pub(super) offset: i64,
    pub(super) connectors: BTreeMap<Arc<str>, Configured>,
}

impl Cluster {
    /// Applies the updates of the topic, in order.
    pub(super) fn of(updates: Vec<ConfigUpdate>) -> Self {
        let mut cluster = Self { offset: -1, ..Self::default() };
        // A target state may come before its connector, and is then kept for it.
        let mut targets = BTreeMap::new();
        for ConfigUpdate { offset, record } in updates {
            cluster.offset = offset;
            match record {
                Some(ConfigRecord::Connector { name, config: Some(config) }) => {
                    cluster.configure(name, config)
                }
                Some(ConfigRecord::Connector { name, config: None }) => {
                    cluster.connectors.remove(&name);
                    targets.remove(&name);
                }
                Some(ConfigRecord::Tasks { name, configs }) => cluster.set_tasks(&name, Some(configs.len())),
                Some(ConfigRecord::IncompleteTasks { name, .. }) => cluster.set_tasks(&name, None),
                Some(ConfigRecord::Target { name, target }) => {
                    targets.insert(name, target.unwrap_or(TargetState::Started));
                }
                _ => {}
            }
        }
        for (name, target) in targets {
            if let Some(connector) = cluster.connectors.get_mut(&name) {
                connector.target = target;
            }
        }
        cluster
    }

    fn configure(&mut self, name: Arc<str>, config: Props) {
        match self.connectors.get_mut(&name) {
            Some(connector) => connector.config = config,
            None => {
                let connector = Configured { config, target: TargetState::Started, tasks: Some(0) };
                self.connectors.insert(name, connector);
            }
        }
    }

    fn set_tasks(&mut self, name: &str, tasks: Option<usize>) {
        if let Some(connector) = self.connectors.get_mut(name) {
            connector.tasks = tasks;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_record_of_each_kind_counts() {
        let props = |value: &str| Props::from_iter([("k".to_owned(), value.to_owned())]);
        let connector =
            |name: &str, config: Option<Props>| ConfigRecord::Connector { name: name.into(), config };
        let records = [
            Some(connector("gone", Some(props("1")))),
            Some(ConfigRecord::Target { name: "kept".into(), target: Some(TargetState::Paused) }),
            Some(connector("kept", Some(props("1")))),
            Some(ConfigRecord::Tasks { name: "kept".into(), configs: vec![Props::new(); 2] }),
            Some(connector("gone", None)),
            None,
            Some(connector("kept", Some(props("2")))),
            Some(connector("half", Some(props("3")))),
            Some(ConfigRecord::IncompleteTasks { name: "half".into(), count: 3 }),
        ];
        let updates = (1..).zip(records).map(|(offset, record)| ConfigUpdate { offset, record }).collect();
        let configured = |value: &str, target, tasks| Configured { config: props(value), target, tasks };
        assert_eq!(
            Cluster::of(updates),
            Cluster {
                offset: 9,
                connectors: BTreeMap::from([
                    ("half".into(), configured("3", TargetState::Started, None)),
                    ("kept".into(), configured("2", TargetState::Paused, Some(2))),
                ]),
            }
        );
    }
}
