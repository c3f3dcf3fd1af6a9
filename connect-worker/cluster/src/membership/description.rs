//! A look at a group from outside.

use kafka_protocol::error::ResponseError;
use tokio::time::{Instant, sleep};

use crate::{
    connection::{Backoff, ConnectionSettings},
    membership::{coordinator::Coordinator, error::GroupError, handle::GroupMember},
};

/// What the coordinator tells of a group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GroupDescription {
    /// `Stable`, `PreparingRebalance`, `CompletingRebalance`, `Empty`, or `Dead` when there is none.
    pub state: String,
    /// Protocol that the members agreed on; empty while there is none.
    pub protocol: String,
    /// Members.
    pub members: Vec<GroupMember>,
}

/// Describes a group without joining it.
///
/// # Errors
/// Fails when the coordinator refuses, or does not answer within the request time-out.
pub async fn describe_group(
    settings: &ConnectionSettings,
    group: &str,
) -> Result<GroupDescription, GroupError> {
    let end = Instant::now() + settings.request_timeout;
    let mut coordinator = Coordinator::new(group, settings.clone());
    let mut backoff = Backoff::new(settings.retry_backoff, settings.retry_backoff_max);
    loop {
        let error = match coordinator.describe().await {
            Ok(described) => {
                let members = described.members.into_iter().map(GroupMember::from).collect();
                let state = described.group_state.to_string();
                return Ok(GroupDescription {
                    state,
                    protocol: described.protocol_data.to_string(),
                    members,
                });
            }
            // Brokers since 4.0 say so; those before tell of a dead group. One without members is soon forgotten.
            Err(GroupError::Refused { code, .. }) if code == ResponseError::GroupIdNotFound.code() => {
                return Ok(GroupDescription {
                    state: "Dead".to_owned(),
                    protocol: String::new(),
                    members: Vec::new(),
                });
            }
            Err(error) => error,
        };
        let wait = backoff.next(fastrand::f64());
        if !error.is_retriable() || Instant::now() + wait > end {
            return Err(error);
        }
        coordinator.forget_if_moved(&error);
        sleep(wait).await;
    }
}
