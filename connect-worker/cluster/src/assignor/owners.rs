//! Who runs what, for requests that must reach the owner.

use std::collections::BTreeMap;
use std::sync::Arc;

use connect_core::task::TaskId;

use crate::Work;
use crate::membership::Round;

/// A member that runs something.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Owner {
    /// Member id.
    pub member: String,
    /// Advertised URL, ends with `/`.
    pub url: String,
}

/// Owners of connectors and tasks. Work that waits for a member to come back has none.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Owners {
    connectors: BTreeMap<Arc<str>, Arc<Owner>>,
    tasks: BTreeMap<TaskId, Arc<Owner>>,
}

impl Owners {
    /// Returns the owner of a connector.
    pub fn connector(&self, name: &str) -> Option<&Owner> {
        self.connectors.get(name).map(Arc::as_ref)
    }

    /// Returns the owner of a task.
    pub fn task(&self, task: &TaskId) -> Option<&Owner> {
        self.tasks.get(task).map(Arc::as_ref)
    }

    /// Returns the connectors with their owners, sorted by name.
    pub fn connectors(&self) -> impl Iterator<Item = (&Arc<str>, &Owner)> {
        self.connectors.iter().map(|(name, owner)| (name, owner.as_ref()))
    }

    /// Returns the tasks with their owners, sorted by connector, then number.
    pub fn tasks(&self) -> impl Iterator<Item = (&TaskId, &Owner)> {
        self.tasks.iter().map(|(task, owner)| (task, owner.as_ref()))
    }

    /// Gives all of `work` to `member`.
    pub(super) fn insert(&mut self, round: &Round, member: &str, work: &Work) {
        let url = round.members.get(member).map(|state| state.url.clone()).unwrap_or_default();
        let owner = Arc::new(Owner { member: member.to_owned(), url });
        let connectors = work.connectors.iter().map(|name| (Arc::clone(name), Arc::clone(&owner)));
        self.connectors.extend(connectors);
        self.tasks.extend(work.tasks.iter().map(|task| (task.clone(), Arc::clone(&owner))));
    }

    /// Adds what `older` knows of `work` and this one does not.
    pub(super) fn remember(&mut self, work: &Work, older: &Owners) {
        for name in &work.connectors {
            if let Some(owner) = older.connectors.get(name) {
                self.connectors.entry(Arc::clone(name)).or_insert_with(|| Arc::clone(owner));
            }
        }
        for task in &work.tasks {
            if let Some(owner) = older.tasks.get(task) {
                self.tasks.entry(task.clone()).or_insert_with(|| Arc::clone(owner));
            }
        }
    }
}
