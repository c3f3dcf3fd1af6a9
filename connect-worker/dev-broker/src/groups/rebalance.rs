//! The round from one generation to the next, and what time does to it: members expire, waiting ends.

use std::time::Instant;

use kafka_protocol::{
    error::ResponseError,
    messages::{JoinGroupResponse, SyncGroupResponse, join_group_response::JoinGroupResponseMember},
    protocol::StrBytes,
};

use super::{
    group::{Group, GroupState},
    member::Member,
};

impl Group {
    pub(super) fn prepare_rebalance(&mut self, now: Instant) {
        if self.state == GroupState::PreparingRebalance {
            return;
        }
        for member in self.members.values_mut() {
            let response =
                SyncGroupResponse::default().with_error_code(ResponseError::RebalanceInProgress.code());
            member.answer_sync(response);
        }
        self.state = GroupState::PreparingRebalance;
        let timeout = self.members.values().map(|member| member.rebalance_timeout).max();
        self.deadline = now + timeout.unwrap_or_default();
    }

    pub(super) fn try_complete_join(&mut self, now: Instant) {
        let is_waiting_for_all = self.members.values().all(|member| member.joining.is_some());
        let is_complete = is_waiting_for_all && self.pending.is_empty() && now >= self.not_before;
        if self.state == GroupState::PreparingRebalance && !self.members.is_empty() && is_complete {
            self.complete_join(now);
        }
    }

    /// Begins the next generation with those who joined.
    pub(super) fn complete_join(&mut self, now: Instant) {
        self.generation += 1;
        self.state = GroupState::CompletingRebalance;
        self.protocol = self.choose_protocol();
        let leader_joined = self.members.get(&self.leader).is_some_and(|leader| leader.joining.is_some());
        if !leader_joined
            && let Some((id, _)) = self.members.iter().find(|(_, member)| member.joining.is_some())
        {
            self.leader = id.clone();
        }
        let ids: Vec<StrBytes> = self.members.keys().cloned().collect();
        for id in ids {
            let response = self.current_generation(&id, self.leader.clone(), false);
            if let Some(member) = self.members.get_mut(&id) {
                member.last_seen = now;
                member.answer_join(response);
            }
        }
    }

    pub(super) fn remove(&mut self, member_id: &StrBytes, now: Instant) {
        let Some(mut member) = self.members.remove(member_id) else { return };
        member.fail(ResponseError::UnknownMemberId);
        if self.members.is_empty() {
            self.state = GroupState::Empty;
            self.generation += 1;
            self.protocol = StrBytes::new();
            self.leader = StrBytes::new();
            return;
        }
        if self.leader == *member_id
            && let Some(next) = self.members.keys().next()
        {
            self.leader = next.clone();
        }
        self.prepare_rebalance(now);
    }

    /// Counts each member's vote for its first protocol that all know (`ClassicGroup.selectProtocol`).
    fn choose_protocol(&self) -> StrBytes {
        let mut votes: Vec<(StrBytes, usize)> = Vec::new();
        for member in self.members.values() {
            let is_common = |name: &StrBytes| self.members.values().all(|other| other.supports(name));
            let Some((choice, _)) = member.protocols.iter().find(|(name, _)| is_common(name)) else {
                continue;
            };
            match votes.iter_mut().find(|(name, _)| name == choice) {
                Some((_, count)) => *count += 1,
                None => votes.push((choice.clone(), 1)),
            }
        }
        // Of equal counts the first wins, so that the choice does not change from round to round.
        let best = votes.into_iter().rev().max_by_key(|(_, count)| *count);
        best.map(|(name, _)| name).unwrap_or_default()
    }

    pub(super) fn current_generation(
        &self,
        member_id: &StrBytes,
        leader: StrBytes,
        skips: bool,
    ) -> JoinGroupResponse {
        let describe = |(id, member): (&StrBytes, &Member)| {
            JoinGroupResponseMember::default()
                .with_member_id(id.clone())
                .with_group_instance_id(member.instance_id.clone())
                .with_metadata(member.metadata(&self.protocol))
        };
        let members =
            if *member_id == leader { self.members.iter().map(describe).collect() } else { Vec::new() };
        JoinGroupResponse::default()
            .with_generation_id(self.generation)
            .with_protocol_type(Some(self.protocol_type.clone()))
            .with_protocol_name(Some(self.protocol.clone()))
            .with_leader(leader)
            .with_skip_assignment(skips)
            .with_member_id(member_id.clone())
            .with_members(members)
    }

    /// Applies what is due at `now`.
    pub(crate) fn tick(&mut self, now: Instant) {
        self.pending.retain(|_, expires| *expires > now);
        for member_id in self.ids_where(|group, id| group.members[id].is_expired(now)) {
            tracing::debug!(member = %member_id, "member did not send heartbeats in time");
            self.remove(&member_id, now);
        }
        if self.state != GroupState::PreparingRebalance {
            return;
        }
        if now >= self.deadline {
            self.stop_waiting(now);
        }
        self.try_complete_join(now);
    }

    /// Goes on without the members that did not join in time. Static members keep their place until their session
    /// ends, and somebody must be left to lead.
    fn stop_waiting(&mut self, now: Instant) {
        self.pending.clear();
        let is_late = |group: &Self, id: &StrBytes| group.members[id].joining.is_none();
        let is_dynamic = |group: &Self, id: &StrBytes| group.members[id].instance_id.is_none();
        for member_id in self.ids_where(|group, id| is_late(group, id) && is_dynamic(group, id)) {
            self.remove(&member_id, now);
        }
        if self.members.values().any(|member| member.joining.is_some()) {
            self.complete_join(now);
        } else if let Some(timeout) = self.members.values().map(|member| member.rebalance_timeout).max() {
            self.deadline = now + timeout;
        }
    }

    fn ids_where(&self, matches: impl Fn(&Self, &StrBytes) -> bool) -> Vec<StrBytes> {
        self.members.keys().filter(|id| matches(self, id)).cloned().collect()
    }
}
