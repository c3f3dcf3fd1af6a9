//! All groups of the broker. It finds the group of a request and waits for its answer; the rules are in `group`.

use std::{
    collections::HashMap,
    sync::Mutex,
    time::{Duration, Instant},
};

use kafka_protocol::{
    error::ResponseError,
    messages::{JoinGroupRequest, JoinGroupResponse, SyncGroupRequest, SyncGroupResponse},
};
use tokio::sync::oneshot;

use super::{
    group::{Group, GroupState, Identity},
    join::Joiner,
    member::join_error,
};
use crate::support::lock;

/// The groups by name. Groups live until they are deleted or the broker stops.
#[derive(Debug)]
pub(crate) struct Coordinator {
    groups: Mutex<HashMap<String, Group>>,
    initial_delay: Duration,
}

impl Coordinator {
    pub(crate) fn new(initial_delay: Duration) -> Self {
        Self { groups: Mutex::default(), initial_delay }
    }

    /// Handles a JoinGroup, waiting until the rebalance completes. Dropping the future leaves the member in the group,
    /// as a lost connection does in Kafka.
    pub(crate) async fn join(&self, request: &JoinGroupRequest, joiner: &Joiner) -> JoinGroupResponse {
        if request.group_id.is_empty() {
            return join_error(ResponseError::InvalidGroupId, &request.member_id);
        }
        if request.session_timeout_ms <= 0 {
            return join_error(ResponseError::InvalidSessionTimeout, &request.member_id);
        }
        let (reply, answer) = oneshot::channel();
        let now = Instant::now();
        {
            let mut groups = lock(&self.groups);
            let new_group = || Group::new(now, self.initial_delay);
            let group = groups.entry(request.group_id.to_string()).or_insert_with(new_group);
            group.join(request, joiner, reply, now);
        }
        let gone = |_| join_error(ResponseError::NotCoordinator, &request.member_id);
        answer.await.unwrap_or_else(gone)
    }

    /// Handles a SyncGroup, waiting until the leader has sent the assignment.
    pub(crate) async fn sync(&self, request: &SyncGroupRequest) -> SyncGroupResponse {
        let error = |error: ResponseError| SyncGroupResponse::default().with_error_code(error.code());
        let (reply, answer) = oneshot::channel();
        {
            let mut groups = lock(&self.groups);
            let Some(group) = groups.get_mut(request.group_id.as_str()) else {
                return error(ResponseError::UnknownMemberId);
            };
            group.sync(request, reply, Instant::now());
        }
        answer.await.unwrap_or_else(|_| error(ResponseError::NotCoordinator))
    }

    /// Runs `action` on a group, if it has (or lately had) members.
    pub(crate) fn with_group<T>(&self, group_id: &str, action: impl FnOnce(&mut Group) -> T) -> Option<T> {
        lock(&self.groups).get_mut(group_id).map(action)
    }

    /// Runs `action` on every group.
    pub(crate) fn for_each(&self, mut action: impl FnMut(&str, &Group)) {
        for (name, group) in lock(&self.groups).iter() {
            action(name, group);
        }
    }

    /// Says whether the sender may commit offsets for `group_id`.
    pub(crate) fn check_commit(
        &self,
        group_id: &str,
        from: Identity<'_>,
        is_transactional: bool,
    ) -> Result<(), ResponseError> {
        if group_id.is_empty() {
            return Err(ResponseError::InvalidGroupId);
        }
        let now = Instant::now();
        match self.with_group(group_id, |group| group.check_commit(from, is_transactional, now)) {
            Some(result) => result,
            None if from.generation < 0 => Ok(()),
            None => Err(ResponseError::IllegalGeneration),
        }
    }

    /// Forgets a group without members. Says whether it was known.
    pub(crate) fn delete(&self, group_id: &str) -> Result<bool, ResponseError> {
        let mut groups = lock(&self.groups);
        match groups.get(group_id) {
            None => Ok(false),
            Some(group) if group.state != GroupState::Empty => Err(ResponseError::NonEmptyGroup),
            Some(_) => Ok(groups.remove(group_id).is_some()),
        }
    }

    /// Applies what is due at `now` in every group.
    pub(crate) fn tick(&self, now: Instant) {
        for group in lock(&self.groups).values_mut() {
            group.tick(now);
        }
    }
}
