//! The state machine of one group, after Kafka's `ClassicGroup` and `GroupMetadataManager`.
//!
//! It knows nothing of sockets or clocks: requests come in with the time, answers leave through the channels that
//! came with them. Joining is in `join`, the round from one generation to the next in `rebalance`.

use std::{
    collections::{BTreeMap, HashMap},
    time::{Duration, Instant},
};

use bytes::Bytes;
use kafka_protocol::{
    error::ResponseError,
    messages::{SyncGroupRequest, SyncGroupResponse},
    protocol::StrBytes,
};
use tokio::sync::oneshot;

use super::member::Member;

/// Where a group stands in its round.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum GroupState {
    /// No members; offsets may be committed by anyone.
    Empty,
    /// Waiting for all members to join again.
    PreparingRebalance,
    /// Waiting for the leader's assignment.
    CompletingRebalance,
    Stable,
}

/// One group.
#[derive(Debug)]
pub(crate) struct Group {
    pub(crate) state: GroupState,
    pub(crate) generation: i32,
    pub(crate) protocol_type: StrBytes,
    pub(crate) protocol: StrBytes,
    pub(crate) members: BTreeMap<StrBytes, Member>,
    pub(super) leader: StrBytes,
    /// Ids given out but not used yet, with the time they expire.
    pub(super) pending: HashMap<StrBytes, Instant>,
    /// When a rebalance stops waiting for members.
    pub(super) deadline: Instant,
    /// A rebalance does not complete before: others may be about to join.
    pub(super) not_before: Instant,
    pub(super) initial_delay: Duration,
}

/// Who a request claims to be from.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Identity<'a> {
    pub(crate) member_id: &'a StrBytes,
    pub(crate) instance_id: Option<&'a StrBytes>,
    pub(crate) generation: i32,
}

impl GroupState {
    /// Returns Kafka's name for the state.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Empty => "Empty",
            Self::PreparingRebalance => "PreparingRebalance",
            Self::CompletingRebalance => "CompletingRebalance",
            Self::Stable => "Stable",
        }
    }
}

impl Group {
    /// Returns a group without members.
    pub(crate) fn new(now: Instant, initial_delay: Duration) -> Self {
        Self {
            state: GroupState::Empty,
            generation: 0,
            protocol_type: StrBytes::new(),
            protocol: StrBytes::new(),
            members: BTreeMap::new(),
            leader: StrBytes::new(),
            pending: HashMap::new(),
            deadline: now,
            not_before: now,
            initial_delay,
        }
    }

    /// Handles a SyncGroup; the answer comes through `reply` once the leader has sent the assignment.
    pub(crate) fn sync(
        &mut self,
        request: &SyncGroupRequest,
        reply: oneshot::Sender<SyncGroupResponse>,
        now: Instant,
    ) {
        if let Err(error) = self.check_sync(request) {
            answer(reply, SyncGroupResponse::default().with_error_code(error.code()));
            return;
        }
        if let Some(member) = self.members.get_mut(&request.member_id) {
            member.last_seen = now;
            member.syncing = Some(reply);
        }
        if self.state == GroupState::CompletingRebalance {
            if request.member_id != self.leader {
                return;
            }
            for member in self.members.values_mut() {
                member.assignment = Bytes::new();
            }
            for given in &request.assignments {
                if let Some(member) = self.members.get_mut(&given.member_id) {
                    member.assignment = given.assignment.clone();
                }
            }
            self.state = GroupState::Stable;
        }
        let (protocol_type, protocol) = (self.protocol_type.clone(), self.protocol.clone());
        for member in self.members.values_mut().filter(|member| member.syncing.is_some()) {
            member.last_seen = now;
            let response = SyncGroupResponse::default()
                .with_protocol_type(Some(protocol_type.clone()))
                .with_protocol_name(Some(protocol.clone()))
                .with_assignment(member.assignment.clone());
            member.answer_sync(response);
        }
    }

    /// Handles a Heartbeat.
    pub(crate) fn heartbeat(&mut self, from: Identity<'_>, now: Instant) -> Result<(), ResponseError> {
        self.check_member(from)?;
        self.touch(from.member_id, now);
        match self.state {
            GroupState::PreparingRebalance => Err(ResponseError::RebalanceInProgress),
            _ => Ok(()),
        }
    }

    /// Removes one member, by its id or (for a static member, as the admin client does) by its instance id.
    pub(crate) fn leave(&mut self, from: Identity<'_>, now: Instant) -> Result<(), ResponseError> {
        let member_id = match from.instance_id {
            Some(instance_id) => {
                let current = self.static_member(instance_id).ok_or(ResponseError::UnknownMemberId)?;
                if !from.member_id.is_empty() && *from.member_id != current {
                    return Err(ResponseError::FencedInstanceId);
                }
                current
            }
            None if self.pending.remove(from.member_id).is_some() => {
                self.try_complete_join(now);
                return Ok(());
            }
            None => from.member_id.clone(),
        };
        if !self.members.contains_key(&member_id) {
            return Err(ResponseError::UnknownMemberId);
        }
        self.remove(&member_id, now);
        self.try_complete_join(now);
        Ok(())
    }

    /// Says whether this sender may commit offsets now (`ClassicGroup.validateOffsetCommit`).
    pub(crate) fn check_commit(
        &mut self,
        from: Identity<'_>,
        is_transactional: bool,
        now: Instant,
    ) -> Result<(), ResponseError> {
        let is_anonymous = from.generation < 0 && from.member_id.is_empty() && from.instance_id.is_none();
        if from.generation < 0 && self.state == GroupState::Empty || is_transactional && is_anonymous {
            return Ok(());
        }
        self.check_member(from)?;
        if !is_transactional {
            self.touch(from.member_id, now);
        }
        match self.state {
            GroupState::CompletingRebalance if !is_transactional => Err(ResponseError::RebalanceInProgress),
            _ => Ok(()),
        }
    }

    fn check_sync(&self, request: &SyncGroupRequest) -> Result<(), ResponseError> {
        self.check_member(Identity {
            member_id: &request.member_id,
            instance_id: request.group_instance_id.as_ref(),
            generation: request.generation_id,
        })?;
        let differs = |told: &Option<StrBytes>, ours| told.as_ref().is_some_and(|told| told != ours);
        if differs(&request.protocol_type, &self.protocol_type)
            || differs(&request.protocol_name, &self.protocol)
        {
            return Err(ResponseError::InconsistentGroupProtocol);
        }
        match self.state {
            GroupState::PreparingRebalance => Err(ResponseError::RebalanceInProgress),
            _ => Ok(()),
        }
    }

    fn check_member(&self, from: Identity<'_>) -> Result<(), ResponseError> {
        if let Some(instance_id) = from.instance_id {
            let current = self.static_member(instance_id).ok_or(ResponseError::UnknownMemberId)?;
            if current != *from.member_id {
                return Err(ResponseError::FencedInstanceId);
            }
        }
        if !self.members.contains_key(from.member_id) {
            return Err(ResponseError::UnknownMemberId);
        }
        if from.generation != self.generation {
            return Err(ResponseError::IllegalGeneration);
        }
        Ok(())
    }

    pub(super) fn static_member(&self, instance_id: &StrBytes) -> Option<StrBytes> {
        let is_it = |member: &Member| member.instance_id.as_ref() == Some(instance_id);
        self.members.iter().find(|(_, member)| is_it(member)).map(|(id, _)| id.clone())
    }

    pub(super) fn touch(&mut self, member_id: &StrBytes, now: Instant) {
        if let Some(member) = self.members.get_mut(member_id) {
            member.last_seen = now;
        }
    }
}

/// Sends the answer; when the connection is gone, nobody wants to know.
pub(super) fn answer<T>(reply: oneshot::Sender<T>, response: T) {
    reply.send(response).ok();
}
