//! JoinGroup: who the sender is, whether it fits, and whether a new round begins.

use std::time::{Duration, Instant};

use bytes::Bytes;
use kafka_protocol::{
    error::ResponseError,
    messages::{JoinGroupRequest, JoinGroupResponse},
    protocol::StrBytes,
};
use tokio::sync::oneshot;

use super::{
    group::{Group, GroupState, answer},
    member::{Member, join_error},
};
use crate::support::string;

/// Who sent a JoinGroup, beside what the request says.
#[derive(Debug, Clone)]
pub(crate) struct Joiner {
    pub(crate) client_id: String,
    pub(crate) client_host: String,
    /// From version 4 on, a member without an id must come back with the one it is given.
    pub(crate) requires_known_id: bool,
    /// From version 9 on, a returning leader can be told to keep the old assignment.
    pub(crate) supports_skipping_assignment: bool,
    /// The id for a new member.
    pub(crate) new_member_id: StrBytes,
}

impl Group {
    /// Handles a JoinGroup; the answer comes through `reply`, perhaps much later.
    pub(crate) fn join(
        &mut self,
        request: &JoinGroupRequest,
        joiner: &Joiner,
        reply: oneshot::Sender<JoinGroupResponse>,
        now: Instant,
    ) {
        let member_id = match self.admit(request, joiner, now) {
            Ok(Admission::New(member_id)) => member_id,
            Ok(Admission::Replaces(old)) => {
                self.replace_static(&old, request, joiner, reply, now);
                return;
            }
            Ok(Admission::Known(member_id)) => {
                if self.state != GroupState::PreparingRebalance && !self.needs_rebalance(&member_id, request)
                {
                    answer(reply, self.current_generation(&member_id, self.leader.clone(), false));
                    self.touch(&member_id, now);
                    return;
                }
                member_id
            }
            Err((error, member_id)) => {
                answer(reply, join_error(error, &member_id));
                return;
            }
        };
        self.pending.remove(&member_id);
        let mut member = new_member(request, joiner, now);
        member.joining = Some(reply);
        if self.members.is_empty() {
            self.protocol_type = request.protocol_type.clone();
            self.leader = member_id.clone();
            self.not_before = now + self.initial_delay;
        }
        if let Some(mut old) = self.members.insert(member_id, member) {
            old.fail(ResponseError::RebalanceInProgress);
        }
        self.prepare_rebalance(now);
        self.try_complete_join(now);
    }

    /// Decides who the sender of a JoinGroup is.
    fn admit(
        &mut self,
        request: &JoinGroupRequest,
        joiner: &Joiner,
        now: Instant,
    ) -> Result<Admission, (ResponseError, StrBytes)> {
        let member_id = &request.member_id;
        if !self.accepts_protocols(request) {
            return Err((ResponseError::InconsistentGroupProtocol, member_id.clone()));
        }
        if let Some(instance_id) = &request.group_instance_id {
            return match self.static_member(instance_id) {
                Some(current) if member_id.is_empty() => Ok(Admission::Replaces(current)),
                Some(current) if current == *member_id => Ok(Admission::Known(current)),
                Some(_) => Err((ResponseError::FencedInstanceId, member_id.clone())),
                None if member_id.is_empty() => Ok(Admission::New(joiner.new_member_id.clone())),
                None => Err((ResponseError::UnknownMemberId, member_id.clone())),
            };
        }
        if member_id.is_empty() {
            let new = joiner.new_member_id.clone();
            if joiner.requires_known_id {
                self.pending.insert(new.clone(), now + millis(request.session_timeout_ms));
                return Err((ResponseError::MemberIdRequired, new));
            }
            return Ok(Admission::New(new));
        }
        if self.members.contains_key(member_id) {
            Ok(Admission::Known(member_id.clone()))
        } else if self.pending.contains_key(member_id) {
            Ok(Admission::New(member_id.clone()))
        } else {
            Err((ResponseError::UnknownMemberId, member_id.clone()))
        }
    }

    /// Says whether the group and the sender have a protocol in common; the sender's own old ones do not count.
    fn accepts_protocols(&self, request: &JoinGroupRequest) -> bool {
        if request.protocol_type.is_empty() || request.protocols.is_empty() {
            return false;
        }
        let mut others = self.members.iter().filter(|(id, _)| **id != request.member_id).peekable();
        if others.peek().is_none() {
            return true;
        }
        let others: Vec<&Member> = others.map(|(_, member)| member).collect();
        let is_common = |name| others.iter().all(|member| member.supports(name));
        request.protocol_type == self.protocol_type
            && request.protocols.iter().any(|protocol| is_common(&protocol.name))
    }

    /// Says whether a known member's JoinGroup starts a new round: a follower that only lost our answer does not.
    fn needs_rebalance(&self, member_id: &StrBytes, request: &JoinGroupRequest) -> bool {
        let is_same =
            self.members.get(member_id).is_some_and(|member| member.protocols == protocols_of(request));
        let is_returning_leader = self.state == GroupState::Stable && *member_id == self.leader;
        !is_same || is_returning_leader
    }

    /// Lets a restarted static member take its old place, without a rebalance when nothing else changed
    /// (`updateStaticMemberThenRebalanceOrCompleteJoin`).
    fn replace_static(
        &mut self,
        old_id: &StrBytes,
        request: &JoinGroupRequest,
        joiner: &Joiner,
        reply: oneshot::Sender<JoinGroupResponse>,
        now: Instant,
    ) {
        let Some(mut old) = self.members.remove(old_id) else { return };
        old.fail(ResponseError::FencedInstanceId);
        let new_id = joiner.new_member_id.clone();
        let mut member = new_member(request, joiner, now);
        member.assignment = old.assignment.clone();
        let is_same = old.metadata(&self.protocol) == member.metadata(&self.protocol)
            && member.supports(&self.protocol);
        let was_leader = self.leader == *old_id;
        if was_leader {
            self.leader = new_id.clone();
        }
        let is_stable = self.state == GroupState::Stable;
        if !(is_stable && is_same) {
            member.joining = Some(reply);
            self.members.insert(new_id, member);
            self.prepare_rebalance(now);
            self.try_complete_join(now);
            return;
        }
        self.members.insert(new_id.clone(), member);
        // A leader that cannot skip is shown its old id as leader, so that it acts as a follower.
        let skips = was_leader && joiner.supports_skipping_assignment;
        let leader = if was_leader && !skips { old_id.clone() } else { self.leader.clone() };
        answer(reply, self.current_generation(&new_id, leader, skips));
    }
}

/// How a JoinGroup enters.
enum Admission {
    New(StrBytes),
    Known(StrBytes),
    /// A static member that restarted, with the id it had.
    Replaces(StrBytes),
}

fn new_member(request: &JoinGroupRequest, joiner: &Joiner, now: Instant) -> Member {
    let session_timeout = millis(request.session_timeout_ms);
    Member {
        instance_id: request.group_instance_id.clone(),
        client_id: joiner.client_id.clone(),
        client_host: joiner.client_host.clone(),
        session_timeout,
        // Version 0 has no rebalance timeout.
        rebalance_timeout: if request.rebalance_timeout_ms < 0 {
            session_timeout
        } else {
            millis(request.rebalance_timeout_ms)
        },
        protocols: protocols_of(request),
        assignment: Bytes::new(),
        last_seen: now,
        joining: None,
        syncing: None,
    }
}

fn protocols_of(request: &JoinGroupRequest) -> Vec<(StrBytes, Bytes)> {
    request.protocols.iter().map(|protocol| (protocol.name.clone(), protocol.metadata.clone())).collect()
}

fn millis(count: i32) -> Duration {
    Duration::from_millis(u64::try_from(count).unwrap_or_default())
}

/// Returns a new member id in Kafka's form: the client's or instance's name and a random part.
pub(crate) fn new_member_id(client_id: &str, instance_id: Option<&StrBytes>) -> StrBytes {
    let prefix = instance_id.map_or(client_id, |instance_id| instance_id.as_str());
    string(format!("{prefix}-{}", uuid::Uuid::new_v4()))
}
