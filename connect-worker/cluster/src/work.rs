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
}

/// What is configured in the cluster, as the config topic tells it up to an offset.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Configured {
    /// Snapshot offset: one more than the offset of the last config record read; -1 before any.
    pub offset: i64,
    /// Number of tasks by connector; 0 for a connector whose task configurations are incomplete.
    pub connectors: BTreeMap<Arc<str>, u32>,
}
