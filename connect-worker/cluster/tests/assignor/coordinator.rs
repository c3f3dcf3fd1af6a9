//! A model of Kafka's group coordinator for one group: classic protocol, time as an argument.

use std::collections::BTreeMap;

use connect_cluster::protocol::{Assignment, MemberState};

/// A request of a worker. Replies go to the worker that sent it.
#[derive(Debug, Clone)]
pub(crate) enum Request {
    Join { member: Option<String>, state: MemberState },
    Sync { member: String, generation: i32, assignments: BTreeMap<String, Assignment> },
    Heartbeat { member: String, generation: i32 },
    Leave { member: String },
}

/// A reply of the coordinator.
#[derive(Debug, Clone)]
pub(crate) enum Reply {
    /// All members have joined. The leader gets all states.
    Joined {
        member: String,
        generation: i32,
        leader: String,
        members: BTreeMap<String, MemberState>,
    },
    Assigned(Assignment),
    Alive,
    RebalanceInProgress,
    IllegalGeneration,
    UnknownMember,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    Empty,
    Preparing { until: i64 },
    Completing,
    Stable,
}

#[derive(Debug)]
struct Member {
    state: MemberState,
    /// Address to reply to: worker, and number of its last request.
    waits: Option<Address>,
    has_joined: bool,
    expires: i64,
}

/// Where a reply goes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Address {
    pub(crate) worker: usize,
    pub(crate) request: u64,
}

/// The coordinator.
#[derive(Debug)]
pub(crate) struct Coordinator {
    session_ms: i64,
    rebalance_ms: i64,
    pub(crate) generation: i32,
    phase: Phase,
    leader: String,
    members: BTreeMap<String, Member>,
    assignments: BTreeMap<String, Assignment>,
    names: u32,
}

type Replies = Vec<(Address, Reply)>;

impl Coordinator {
    pub(crate) fn new(session_ms: i64, rebalance_ms: i64) -> Self {
        Self {
            session_ms,
            rebalance_ms,
            generation: 0,
            phase: Phase::Empty,
            leader: String::new(),
            members: BTreeMap::new(),
            assignments: BTreeMap::new(),
            names: 0,
        }
    }

    pub(crate) fn is_stable(&self) -> bool {
        self.phase == Phase::Stable
    }

    pub(crate) fn handle(&mut self, from: Address, request: Request, now: i64) -> Replies {
        match request {
            Request::Join { member, state } => self.join(from, member, state, now),
            Request::Sync { member, generation, assignments } => {
                self.sync(from, &member, generation, assignments, now)
            }
            Request::Heartbeat { member, generation } => {
                vec![(from, self.heartbeat(&member, generation, now))]
            }
            Request::Leave { member } => self.remove(&member, now),
        }
    }

    /// Ends sessions and a round that took too long.
    pub(crate) fn tick(&mut self, now: i64) -> Replies {
        let expired = |member: &Member| now >= member.expires && member.waits.is_none();
        let expired: Vec<String> =
            self.members.iter().filter(|(_, member)| expired(member)).map(|(name, _)| name.clone()).collect();
        let mut replies: Replies = expired.iter().flat_map(|name| self.remove(name, now)).collect();
        if matches!(self.phase, Phase::Preparing { until } if now >= until) {
            self.members.retain(|_, member| member.has_joined);
            replies.extend(self.complete_join(now));
        }
        replies
    }

    fn join(&mut self, from: Address, member: Option<String>, state: MemberState, now: i64) -> Replies {
        let name = match member {
            Some(name) if !self.members.contains_key(&name) => return vec![(from, Reply::UnknownMember)],
            Some(name) => name,
            None => {
                self.names += 1;
                // As random as a real one to the order of a hash map.
                format!("sluice-{}-{:x}", self.names, self.names.wrapping_mul(0x9e37_79b9))
            }
        };
        let expires = now + self.session_ms;
        self.members.insert(name, Member { state, waits: Some(from), has_joined: true, expires });
        self.prepare(now);
        self.complete_join_if_all(now)
    }

    fn prepare(&mut self, now: i64) {
        if matches!(self.phase, Phase::Preparing { .. }) {
            return;
        }
        // The first member of an empty group waits a little for others, as `group.initial.rebalance.delay.ms` has it.
        let until = now + if self.phase == Phase::Empty { 300 } else { self.rebalance_ms };
        self.phase = Phase::Preparing { until };
    }

    /// Members that wait in a sync must join again, too.
    fn interrupt_syncs(&mut self) -> Replies {
        let syncing = self.members.values_mut().filter(|member| !member.has_joined);
        syncing
            .filter_map(|member| member.waits.take())
            .map(|address| (address, Reply::RebalanceInProgress))
            .collect()
    }

    fn complete_join_if_all(&mut self, now: i64) -> Replies {
        let mut replies = self.interrupt_syncs();
        let is_initial = self.assignments.is_empty() && self.generation == 0;
        if !is_initial && self.members.values().all(|member| member.has_joined) {
            replies.extend(self.complete_join(now));
        }
        replies
    }

    fn complete_join(&mut self, now: i64) -> Replies {
        if self.members.is_empty() {
            self.phase = Phase::Empty;
            return Vec::new();
        }
        self.generation += 1;
        self.phase = Phase::Completing;
        self.assignments.clear();
        if !self.members.contains_key(&self.leader) {
            self.leader = self.members.keys().next().expect("a member").clone();
        }
        let states: BTreeMap<_, _> =
            self.members.iter().map(|(name, member)| (name.clone(), member.state.clone())).collect();
        let mut replies = Vec::new();
        for (name, member) in &mut self.members {
            member.has_joined = false;
            member.expires = now + self.session_ms;
            let members = if *name == self.leader { states.clone() } else { BTreeMap::new() };
            let joined = Reply::Joined {
                member: name.clone(),
                generation: self.generation,
                leader: self.leader.clone(),
                members,
            };
            replies.extend(member.waits.take().map(|address| (address, joined)));
        }
        replies
    }

    fn sync(
        &mut self,
        from: Address,
        member: &str,
        generation: i32,
        assignments: BTreeMap<String, Assignment>,
        now: i64,
    ) -> Replies {
        let Some(state) = self.members.get_mut(member) else { return vec![(from, Reply::UnknownMember)] };
        if generation != self.generation {
            return vec![(from, Reply::IllegalGeneration)];
        }
        state.expires = now + self.session_ms;
        match self.phase {
            Phase::Preparing { .. } | Phase::Empty => vec![(from, Reply::RebalanceInProgress)],
            Phase::Stable => vec![(from, Reply::Assigned(self.assignments[member].clone()))],
            Phase::Completing => {
                state.waits = Some(from);
                if member == self.leader { self.propagate(assignments, now) } else { Vec::new() }
            }
        }
    }

    fn propagate(&mut self, assignments: BTreeMap<String, Assignment>, now: i64) -> Replies {
        self.assignments = assignments;
        self.phase = Phase::Stable;
        let mut replies = Vec::new();
        for (name, member) in &mut self.members {
            member.expires = now + self.session_ms;
            let assignment = self.assignments[name].clone();
            replies.extend(member.waits.take().map(|address| (address, Reply::Assigned(assignment))));
        }
        replies
    }

    fn heartbeat(&mut self, member: &str, generation: i32, now: i64) -> Reply {
        let Some(member) = self.members.get_mut(member) else { return Reply::UnknownMember };
        if generation != self.generation {
            return Reply::IllegalGeneration;
        }
        member.expires = now + self.session_ms;
        if matches!(self.phase, Phase::Preparing { .. }) { Reply::RebalanceInProgress } else { Reply::Alive }
    }

    fn remove(&mut self, name: &str, now: i64) -> Replies {
        if self.members.remove(name).is_none() {
            return Vec::new();
        }
        if self.members.is_empty() {
            self.phase = Phase::Empty;
            return Vec::new();
        }
        self.prepare(now);
        self.complete_join_if_all(now)
    }
}
