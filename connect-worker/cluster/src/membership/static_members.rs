//! Removes static members of consumer groups: they stay in their group when their process ends, until removed.

use std::time::Duration;

use kafka_protocol::{
    error::ResponseError,
    messages::{LeaveGroupRequest, leave_group_request::MemberIdentity},
    protocol::StrBytes,
};
use tokio::time::{Instant, sleep, timeout_at};

use crate::{
    connection::{Backoff, ConnectionError, ConnectionSettings, ErrorKind},
    membership::{coordinator::Coordinator, error::GroupError},
};

/// First version of `LeaveGroup` that knows static members.
const LEAVE_STATIC: i16 = 3;

/// Removes members of `group` by their `group.instance.id`. Those that are not in it count as removed.
///
/// # Errors
/// Fails when the coordinator refuses, or does not serve within the request time-out.
pub async fn remove_static_members(
    settings: &ConnectionSettings,
    group: &str,
    instances: &[&str],
) -> Result<(), GroupError> {
    if instances.is_empty() {
        return Ok(());
    }
    let end = Instant::now() + settings.request_timeout;
    let mut coordinator = Coordinator::new(group, settings.clone());
    let mut backoff = Backoff::new(settings.retry_backoff, settings.retry_backoff_max);
    loop {
        let error = match timeout_at(end, remove(&mut coordinator, group, instances)).await {
            Ok(Ok(())) => return Ok(()),
            Ok(Err(error)) => error,
            Err(_) => return Err(late(group, settings.request_timeout)),
        };
        let wait = backoff.next(fastrand::f64());
        if !error.is_retriable() || Instant::now() + wait > end {
            return Err(error);
        }
        coordinator.forget_if_moved(&error);
        sleep(wait).await;
    }
}

async fn remove(coordinator: &mut Coordinator, group: &str, instances: &[&str]) -> Result<(), GroupError> {
    let version = coordinator.ensure().await?.version::<LeaveGroupRequest>()?;
    if version < LEAVE_STATIC {
        let text = format!("removing static members of group `{group}`: the broker is older than 2.4");
        return Err(ConnectionError::new(ErrorKind::Unsupported, text).into());
    }
    let members = instances.iter().map(|instance| {
        MemberIdentity::default()
            .with_group_instance_id(Some(StrBytes::from_string((*instance).to_owned())))
            .with_reason(Some(StrBytes::from_static_str("the task ended")))
    });
    let request =
        LeaveGroupRequest::default().with_group_id(coordinator.group_id()).with_members(members.collect());
    let response = coordinator.call(&request, None).await?;
    let codes = std::iter::once(response.error_code)
        .chain(response.members.iter().map(|member| member.error_code))
        .find(|code| *code != 0 && *code != ResponseError::UnknownMemberId.code());
    match codes {
        None => Ok(()),
        Some(code) => Err(GroupError::refused("removing static members of group", group, code)),
    }
}

fn late(group: &str, limit: Duration) -> GroupError {
    let limit = limit.as_millis();
    let text = format!("removing static members of group `{group}`: no success within {limit} ms");
    ConnectionError::new(ErrorKind::Timeout, text).into()
}
