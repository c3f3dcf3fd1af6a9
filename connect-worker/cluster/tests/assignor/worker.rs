//! A model of a worker as member of a group: what it runs, tells and asks. Pure, time and chance as arguments.

use std::collections::{BTreeMap, BTreeSet};

use connect_cluster::assignor::{Cooperative, OffsetCheck, config_mismatch, eager, offset_check};
use connect_cluster::membership::Round;
use connect_cluster::protocol::{Assignment, AssignmentError, GroupProtocol, MemberState};
use connect_cluster::{Configured, Work};

use crate::coordinator::{Reply, Request};

pub(crate) const SESSION_MS: i64 = 3_000;
pub(crate) const REBALANCE_MS: i64 = 6_000;
const BEAT_MS: i64 = 500;

/// A request under way.
#[derive(Debug, Clone, Copy)]
struct Sent {
    number: u64,
    at: i64,
    generation: i32,
}

#[derive(Debug, Clone, Copy)]
enum Phase {
    Out { until: i64 },
    Joining(Sent),
    Syncing(Sent),
    Stable,
}

/// A worker.
#[derive(Debug)]
pub(crate) struct Worker {
    pub(crate) is_up: bool,
    /// What is really running, while the lease holds.
    running: Work,
    /// End of the session by the worker's own clock.
    lease: i64,
    /// Sending of the last request that the coordinator answered outside a round. A round that began since removes
    /// members that have not joined it after the rebalance time-out, however lively they are.
    settled: i64,
    /// What it is responsible for: told when it joins.
    held: Work,
    pub(crate) member: Option<String>,
    pub(crate) generation: i32,
    completed: i32,
    phase: Phase,
    assignment: Option<Assignment>,
    /// An assignment whose revocations are being stopped, and until when.
    stopping: Option<(Assignment, i64)>,
    rejoins: bool,
    rejoin_at: Option<i64>,
    beat: Option<Sent>,
    next_beat: i64,
    view: Configured,
    assignor: Cooperative,
    /// Whether the round that this worker leads left strays.
    has_strays: bool,
    pub(crate) departed: BTreeSet<String>,
    requests: u64,
    protocol: GroupProtocol,
    max_delay_ms: i32,
}

impl Worker {
    pub(crate) fn new(protocol: GroupProtocol, max_delay_ms: i32) -> Self {
        Self {
            is_up: false,
            running: Work::default(),
            lease: 0,
            settled: 0,
            held: Work::default(),
            member: None,
            generation: -1,
            completed: -1,
            phase: Phase::Out { until: 0 },
            assignment: None,
            stopping: None,
            rejoins: false,
            rejoin_at: None,
            beat: None,
            next_beat: 0,
            view: Configured::default(),
            assignor: Cooperative::new(max_delay_ms),
            has_strays: false,
            departed: BTreeSet::new(),
            requests: 0,
            protocol,
            max_delay_ms,
        }
    }

    /// Begins anew, as a process that has just been started.
    pub(crate) fn start(&mut self, view: Configured) {
        *self = Self {
            is_up: true,
            view,
            requests: self.requests,
            ..Self::new(self.protocol, self.max_delay_ms)
        };
    }

    /// Ends at once.
    pub(crate) fn crash(&mut self) {
        self.start(Configured::default());
        self.is_up = false;
    }

    pub(crate) fn is_stable(&self) -> bool {
        matches!(self.phase, Phase::Stable)
    }

    pub(crate) fn is_stopping(&self) -> bool {
        self.stopping.is_some()
    }

    pub(crate) fn leads(&self) -> bool {
        self.assignment.as_ref().is_some_and(|assignment| Some(&assignment.leader) == self.member.as_ref())
    }

    /// Returns what is running now: nothing that outlives the lease.
    pub(crate) fn running(&self, now: i64) -> Option<&Work> {
        (now < self.lease()).then_some(&self.running)
    }

    fn lease(&self) -> i64 {
        self.lease.min(self.settled + REBALANCE_MS)
    }

    /// Does what is due, and returns the requests to send with their numbers.
    pub(crate) fn tick(&mut self, now: i64, chance: &mut fastrand::Rng) -> Vec<(u64, Request)> {
        let mut requests = Vec::new();
        if self.member.is_some() && now >= self.lease() {
            self.lose(now, chance);
        }
        requests.extend(self.beat(now));
        if matches!(self.stopping, Some((_, until)) if now >= until) {
            self.finish_stop();
        }
        self.rejoins |= self.rejoin_at.is_some_and(|at| now >= at);
        let joins = match self.phase {
            Phase::Out { until } => now >= until,
            Phase::Joining(sent) => now > sent.at + REBALANCE_MS + 1_000,
            Phase::Syncing(sent) => now > sent.at + SESSION_MS,
            Phase::Stable => self.rejoins && self.stopping.is_none(),
        };
        requests.extend(joins.then(|| self.join(now)));
        requests
    }

    pub(crate) fn see_config(&mut self, view: &Configured) {
        if view.offset <= self.view.offset {
            return;
        }
        self.view = view.clone();
        self.rejoins = true;
        self.settle();
    }

    /// Takes a reply. Replies to requests that were given up are ignored.
    pub(crate) fn take(
        &mut self,
        number: u64,
        reply: Reply,
        now: i64,
        chance: &mut fastrand::Rng,
    ) -> Option<(u64, Request)> {
        if let Some(beat) = self.beat.filter(|beat| beat.number == number) {
            self.beat = None;
            self.take_beat(beat, &reply, now, chance);
            return None;
        }
        match (self.phase, reply) {
            (Phase::Joining(sent), Reply::Joined { member, generation, leader, members })
                if sent.number == number =>
            {
                if self.member.is_none() {
                    self.lease = now + SESSION_MS;
                }
                self.settled = self.settled.max(sent.at);
                self.member = Some(member);
                self.generation = generation;
                Some(self.sync(leader, members, now))
            }
            (Phase::Syncing(sent), Reply::Assigned(assignment)) if sent.number == number => {
                self.lease = self.lease.max(sent.at + SESSION_MS);
                self.settled = self.settled.max(sent.at);
                self.follow(assignment, now, chance);
                None
            }
            (Phase::Syncing(sent), Reply::RebalanceInProgress) if sent.number == number => {
                Some(self.join(now))
            }
            (Phase::Joining(sent) | Phase::Syncing(sent), _) if sent.number == number => {
                self.lose(now, chance);
                None
            }
            _ => None,
        }
    }

    /// Stops everything and returns the request to leave.
    pub(crate) fn leave(&mut self) -> Option<(u64, Request)> {
        let member = self.member.take();
        self.crash();
        member.map(|member| (self.next_number(), Request::Leave { member }))
    }

    fn take_beat(&mut self, beat: Sent, reply: &Reply, now: i64, chance: &mut fastrand::Rng) {
        match reply {
            Reply::Alive => {
                self.lease = self.lease.max(beat.at + SESSION_MS);
                self.settled = self.settled.max(beat.at);
            }
            Reply::RebalanceInProgress => {
                self.lease = self.lease.max(beat.at + SESSION_MS);
                self.rejoins |= self.is_stable();
            }
            // While a join is under way the coordinator may be one generation ahead.
            Reply::IllegalGeneration if !self.is_stable() || beat.generation != self.generation => {}
            _ => self.lose(now, chance),
        }
    }

    fn beat(&mut self, now: i64) -> Option<(u64, Request)> {
        let member = self.member.clone()?;
        if now < self.next_beat {
            return None;
        }
        self.next_beat = now + BEAT_MS;
        let sent = self.sent(now);
        self.beat = Some(sent);
        Some((sent.number, Request::Heartbeat { member, generation: self.generation }))
    }

    fn lose(&mut self, now: i64, chance: &mut fastrand::Rng) {
        let (requests, completed) = (self.requests, self.completed);
        let (view, departed) = (std::mem::take(&mut self.view), std::mem::take(&mut self.departed));
        let assignor = std::mem::replace(&mut self.assignor, Cooperative::new(0));
        let phase = Phase::Out { until: now + chance.i64(0..500) };
        let fresh = Self::new(self.protocol, self.max_delay_ms);
        *self = Self { is_up: true, phase, requests, completed, view, departed, assignor, ..fresh };
    }

    fn join(&mut self, now: i64) -> (u64, Request) {
        self.rejoins = false;
        self.rejoin_at = None;
        if self.protocol == GroupProtocol::Eager {
            self.held = Work::default();
            self.running = Work::default();
        }
        let held = &self.held;
        let allocation = self.assignment.as_ref().map(|assignment| Assignment {
            assigned: held.clone(),
            revoked: Work::default(),
            ..assignment.clone()
        });
        let state = MemberState { url: String::new(), offset: self.view.offset, allocation };
        // Through the bytes, as the broker carries it.
        let state = MemberState::decode(&state.encode(self.protocol)).expect("own bytes");
        let sent = self.sent(now);
        self.phase = Phase::Joining(sent);
        (sent.number, Request::Join { member: self.member.clone(), state })
    }

    fn sync(&mut self, leader: String, members: BTreeMap<String, MemberState>, now: i64) -> (u64, Request) {
        let member = self.member.clone().expect("joined");
        let mut assignments = BTreeMap::new();
        if leader == member {
            let round = Round {
                generation: self.generation,
                last_completed_generation: self.completed,
                protocol: self.protocol,
                leader,
                members,
            };
            assignments = match offset_check(&round, self.view.offset) {
                OffsetCheck::Behind { .. } => config_mismatch(&round),
                OffsetCheck::Current if self.protocol == GroupProtocol::Eager => {
                    eager::assign(&round, &self.view).assignments
                }
                OffsetCheck::Current => {
                    let decision = self.assignor.assign(&round, &self.view, &self.departed, now);
                    self.has_strays = !decision.stray.is_empty();
                    decision.assignments
                }
            };
        }
        let sent = self.sent(now);
        self.phase = Phase::Syncing(sent);
        (sent.number, Request::Sync { member, generation: self.generation, assignments })
    }

    /// Begins to do as the leader says: first stops what is revoked, which takes a while.
    fn follow(&mut self, assignment: Assignment, now: i64, chance: &mut fastrand::Rng) {
        self.phase = Phase::Stable;
        self.completed = self.generation;
        self.rejoins |= std::mem::take(&mut self.has_strays);
        if assignment.delay_ms > 0 {
            self.rejoin_at = Some(now + i64::from(assignment.delay_ms));
        }
        if assignment.error == AssignmentError::ConfigMismatch {
            let kept = Assignment { assigned: Work::default(), ..assignment.clone() };
            self.assignment = Some(kept);
            self.settle();
            return;
        }
        let stop_ms = if assignment.revoked.is_empty() { 0 } else { chance.i64(0..800) };
        self.stopping = Some((assignment, now + stop_ms));
        if stop_ms == 0 {
            self.finish_stop();
        }
    }

    fn finish_stop(&mut self) {
        let Some((assignment, _)) = self.stopping.take() else { return };
        self.held.remove(&assignment.revoked);
        self.running.remove(&assignment.revoked);
        self.held.add(&assignment.assigned);
        self.rejoins |= !assignment.revoked.is_empty();
        self.assignment = Some(assignment);
        self.settle();
    }

    /// Starts what it holds once the config log is read as far as the assignment is made from.
    fn settle(&mut self) {
        let Some(assignment) = self.assignment.as_ref() else { return };
        if !self.is_stable() || self.stopping.is_some() || self.view.offset < assignment.offset {
            return;
        }
        if self.view.offset > assignment.offset || assignment.error == AssignmentError::ConfigMismatch {
            self.rejoins = true;
            return;
        }
        // What is no longer configured ends here even when the leader does not know of it.
        let wanted = self.view.work();
        self.held = self.held.common(&wanted);
        self.running = self.held.clone();
    }

    fn sent(&mut self, at: i64) -> Sent {
        Sent { number: self.next_number(), at, generation: self.generation }
    }

    fn next_number(&mut self) -> u64 {
        self.requests += 1;
        self.requests
    }
}
