//! Static membership of sink tasks in their consumer groups (KIP-345). A static member stays in its group when it
//! closes: whoever runs the task next has its partitions at once. When nobody will, it must be removed.

use std::time::Duration;

use connect_core::async_trait;
use connect_core::config::Props;
use connect_core::error::ConnectError;

use crate::config::{ClientKind, WorkerConfig, client_props};
use crate::task::handle::{TaskKind, TaskSpec};
use crate::task::services::TaskServices;

/// Longest time the end of a task waits for the removal; without it the member leaves when its session times out.
const REMOVAL: Duration = Duration::from_secs(3);

/// Why a task is stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StopReason {
    /// Nobody goes on with it: its connector is stopped or deleted, or has fewer tasks now.
    EndsForGood,
    /// Another worker goes on with it, or does already.
    MayMove {
        /// Whether every worker of the group is Sluice's. The JVM's tasks have no instance ids, so that they cannot
        /// take over from a static member.
        all_members_are_sluice: bool,
    },
    /// It is started again here.
    RestartsHere,
}

impl StopReason {
    fn ends_membership(self) -> bool {
        match self {
            StopReason::EndsForGood => true,
            StopReason::MayMove { all_members_are_sluice } => !all_members_are_sluice,
            StopReason::RestartsHere => false,
        }
    }
}

/// A static member of a sink's consumer group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StaticMember {
    /// The consumer group.
    pub group: String,
    /// `group.instance.id`.
    pub instance_id: String,
    /// Settings of its consumer by Java's names, with all that a connection to its brokers needs.
    pub client: Props,
}

/// Removes static members from their groups.
#[async_trait]
pub trait StaticMembers: Send + Sync {
    /// Removes a member; one that is not in its group counts as removed.
    ///
    /// # Errors
    /// Fails when the broker cannot be asked or refuses.
    async fn remove(&self, member: &StaticMember) -> Result<(), ConnectError>;
}

/// The membership of one task, as whoever watches over the task sees it.
pub(crate) struct Membership {
    services: TaskServices,
    member: Option<StaticMember>,
}

impl Membership {
    /// Returns the membership that a task's consumer is going to have.
    pub(crate) fn new(spec: &TaskSpec, services: &TaskServices) -> Self {
        Self { services: services.clone(), member: member(spec, &services.worker) }
    }

    /// Removes the member after its task was stopped, if the reason says so.
    pub(crate) async fn end_for(&self, reason: StopReason) {
        if reason.ends_membership() {
            self.end().await;
        }
    }

    /// Removes the member, so that others have its partitions at once and the group can become empty.
    pub(crate) async fn end(&self) {
        let (Some(member), Some(members)) = (&self.member, &self.services.members) else { return };
        let reason = match tokio::time::timeout(REMOVAL, members.remove(member)).await {
            Ok(Ok(())) => return,
            Ok(Err(error)) => error.trace(),
            Err(_) => "no answer in time".to_owned(),
        };
        let (group, instance) = (&member.group, &member.instance_id);
        tracing::warn!(
            group,
            instance,
            reason,
            "removing a static member; the group keeps its partitions until its session times out"
        );
    }
}

fn member(spec: &TaskSpec, worker: &WorkerConfig) -> Option<StaticMember> {
    if spec.kind != TaskKind::Sink {
        return None;
    }
    let (kind, id) = (ClientKind::SinkConsumer, &spec.id);
    // An override that the policy refuses fails the task before it has a consumer.
    let client = client_props(kind, worker, &id.connector, Some(id.task), &spec.connector_props).ok()?;
    let read = |key: &str| client.get(key).cloned();
    Some(StaticMember { group: read("group.id")?, instance_id: read("group.instance.id")?, client })
}
