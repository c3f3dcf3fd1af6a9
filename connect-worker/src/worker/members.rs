//! Removal of sink tasks that are static members from their consumer groups, on a connection of its own.

use connect_cluster::connection::ConnectionSettings;
use connect_cluster::membership::remove_static_members;
use connect_core::async_trait;
use connect_core::error::ConnectError;

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
