//! Removal of sink tasks that are static members from their consumer groups, on a connection of its own.

use connect_cluster::connection::ConnectionSettings;
use connect_cluster::membership::{GroupError, describe_group, remove_static_members};
use connect_core::async_trait;
use connect_core::config::Props;
use connect_core::error::ConnectError;

use crate::config::{ClientKind, WorkerConfig, client_props};
use crate::task::{StaticMember, StaticMembers};

/// Asks the coordinator of a member's group.
pub(super) struct Members;

#[async_trait]
impl StaticMembers for Members {
    async fn remove(&self, member: &StaticMember) -> Result<(), ConnectError> {
        let failed = || ConnectError::retriable(format!("removing static member `{}`", member.instance_id));
        let settings =
            ConnectionSettings::from_props(&member.client).map_err(|error| failed().because(error))?;
        remove_static_members(&settings, &member.group, &[&member.instance_id])
            .await
            .map_err(|error| failed().because(error))
    }
}

/// Removes the static members of a sink's tasks numbered `first` and above, as far as they are in the group.
///
/// # Errors
/// Fails when the brokers cannot be asked or refuse.
pub(super) async fn remove_task_members(
    worker: &WorkerConfig,
    connector: &str,
    props: &Props,
    first: u32,
) -> Result<(), ConnectError> {
    let client = client_props(ClientKind::SinkConsumer, worker, connector, Some(first), props)?;
    let Some(group) = client.get("group.id").filter(|_| client.contains_key("group.instance.id")) else {
        return Ok(());
    };
    let failed = || ConnectError::retriable(format!("removing static members of group `{group}`"));
    let settings = ConnectionSettings::from_props(&client).map_err(|error| failed().because(error))?;
    let found = describe_group(&settings, group).await.map_err(|error| failed().because(error))?;
    let present: Vec<String> = found.members.into_iter().filter_map(|member| member.instance_id).collect();
    let strays = strays(&present, first, |task| {
        let client = client_props(ClientKind::SinkConsumer, worker, connector, Some(task), props).ok()?;
        client.get("group.instance.id").cloned()
    });
    if strays.is_empty() {
        return Ok(());
    }
    tracing::info!(connector, group, members = ?strays, "removing static members of tasks that do not exist");
    let removed: Result<(), GroupError> = remove_static_members(&settings, group, &strays).await;
    removed.map_err(|error| failed().because(error))
}

/// Returns the instance ids among those present that tasks numbered `first` and above have, and none below.
fn strays(present: &[String], first: u32, instance_of: impl Fn(u32) -> Option<String>) -> Vec<&str> {
    let is_kept = |id: &String| (0..first).any(|task| instance_of(task).as_ref() == Some(id));
    let is_of_task = |id: &String| {
        // An id of the user's own has no number; the first task's is that of all.
        let number = id.rsplit('-').next().and_then(|number| number.parse().ok());
        let tasks = [Some(first), number.filter(|number| *number > first)];
        tasks.into_iter().flatten().any(|task| instance_of(task).as_ref() == Some(id))
    };
    present.iter().filter(|id| is_of_task(id) && !is_kept(id)).map(String::as_str).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_members_of_tasks_that_do_not_exist_are_strays() {
        let present = ["g-c-0", "g-c-1", "g-c-12", "g-c-x", "g-d-1", "other"].map(str::to_owned);
        let named = |task: u32| Some(format!("g-c-{task}"));
        assert_eq!(strays(&present, 0, named), ["g-c-0", "g-c-1", "g-c-12"]);
        assert_eq!(strays(&present, 1, named), ["g-c-1", "g-c-12"]);
        let own = |_: u32| Some("other".to_owned());
        assert_eq!(strays(&present, 0, own), ["other"]);
        // The task that is left has the same id.
        assert_eq!(strays(&present, 1, own), Vec::<&str>::new());
    }
}
