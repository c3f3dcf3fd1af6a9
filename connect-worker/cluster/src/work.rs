//! What can be assigned: connectors and tasks, by name.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use connect_core::task::TaskId;

/// A set of connectors and tasks.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Work {
    /// Connector instances.
    pub connectors: BTreeSet<Arc<str>>,
    /// Tasks, sorted by connector, then number.
    pub tasks: BTreeSet<TaskId>,
}

impl Work {
    /// Returns whether nothing is in the set.
    pub fn is_empty(&self) -> bool {
        self.connectors.is_empty() && self.tasks.is_empty()
    }

    /// Returns the number of connectors and tasks together.
    pub fn len(&self) -> usize {
        self.connectors.len() + self.tasks.len()
    }

    /// Adds everything of `other`.
    pub fn add(&mut self, other: &Work) {
        self.connectors.extend(other.connectors.iter().cloned());
        self.tasks.extend(other.tasks.iter().cloned());
    }

    /// Removes everything that is in `other`.
    pub fn remove(&mut self, other: &Work) {
        self.connectors.retain(|connector| !other.connectors.contains(connector));
        self.tasks.retain(|task| !other.tasks.contains(task));
    }

    /// Returns what is in this set and not in `other`.
    pub fn without(&self, other: &Work) -> Work {
        Work {
            connectors: self.connectors.difference(&other.connectors).cloned().collect(),
            tasks: self.tasks.difference(&other.tasks).cloned().collect(),
        }
    }

    /// Returns what is in both sets.
    pub fn common(&self, other: &Work) -> Work {
        Work {
            connectors: self.connectors.intersection(&other.connectors).cloned().collect(),
            tasks: self.tasks.intersection(&other.tasks).cloned().collect(),
        }
    }

    /// Returns whether nothing is in both sets.
    pub fn is_disjoint(&self, other: &Work) -> bool {
        self.connectors.is_disjoint(&other.connectors) && self.tasks.is_disjoint(&other.tasks)
    }
}

/// What is configured in the cluster, as the config topic tells it up to an offset.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Configured {
    /// Snapshot offset: one more than the offset of the last config record read; -1 before any.
    pub offset: i64,
    /// Number of tasks by connector; 0 for a connector whose task configurations are incomplete.
    pub connectors: BTreeMap<Arc<str>, u32>,
}

impl Configured {
    /// Returns everything that must run somewhere.
    pub fn work(&self) -> Work {
        let tasks = self.connectors.iter().flat_map(|(connector, &count)| {
            (0..count).map(move |task| TaskId { connector: Arc::clone(connector), task })
        });
        Work { connectors: self.connectors.keys().cloned().collect(), tasks: tasks.collect() }
    }
}
