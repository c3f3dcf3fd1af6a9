//! The incremental cooperative assignor of the protocols `compatible` and `sessioned` (KIP-415,
//! `IncrementalCooperativeAssignor`).

use std::collections::{BTreeMap, BTreeSet};

use crate::membership::Round;
use crate::protocol::Assignment;
use crate::work::{Configured, Work};

use super::loads::{self, Load};
use super::lost::Wait;
use super::{Decision, Owners, assigned_offset, balance, blank};

/// Growth of the wait between revocations in successive rounds.
const BACKOFF_FACTOR: f64 = 40.0;

/// The assignor with what a leader remembers between rounds. A new leader begins with an empty one.
///
/// Where it differs from the JVM's: work of members that said good-bye goes to others at once.
#[derive(Debug)]
pub struct Cooperative {
    max_delay_ms: i32,
    /// What was running, or should have been, after the last round.
    previous: Work,
    /// Who ran `previous`.
    owners: Owners,
    /// What the last round revoked.
    revoked: Work,
    /// Whether the last round revoked for balance.
    pub(super) has_revoked: bool,
    /// Rounds in a row that would have revoked for balance.
    successive: u32,
    generation: i32,
    pub(super) members: BTreeSet<String>,
    pub(super) wait: Wait,
}

impl Cooperative {
    /// Makes an assignor that has seen no round. `max_delay_ms` is `scheduled.rebalance.max.delay.ms`.
    pub fn new(max_delay_ms: i32) -> Self {
        Self {
            max_delay_ms,
            previous: Work::default(),
            owners: Owners::default(),
            revoked: Work::default(),
            has_revoked: false,
            successive: 0,
            generation: -1,
            members: BTreeSet::new(),
            wait: Wait::new(max_delay_ms),
        }
    }

    /// Decides a round.
    ///
    /// `configured` must not be behind any member, see [`super::offset_check`]. `departed` holds the ids of members
    /// that said good-bye before they left: their work does not wait for them to come back. `now_ms` may come from
    /// any clock, as long as it is the same one in all rounds.
    pub fn assign(
        &mut self,
        round: &Round,
        configured: &Configured,
        departed: &BTreeSet<String>,
        now_ms: i64,
    ) -> Decision {
        if self.generation != round.last_completed_generation {
            // The last assignment never reached the group, or another worker has led since.
            self.previous = Work::default();
        }
        let wanted = configured.work();
        let current = loads::current(round);
        let active = loads::total(&current);
        if !std::mem::take(&mut self.revoked).is_disjoint(&active) {
            // A revocation did not take effect.
            self.previous = active.clone();
        }
        let deleted = self.previous.without(&wanted);
        let lost = self.previous.without(&active).without(&deleted);
        let created = wanted.without(&self.previous).without(&active);

        let mut stopped = deleted.clone();
        stopped.add(&loads::duplicated(&current));
        let mut revoked: BTreeMap<String, Work> =
            current.iter().map(|load| (load.member.clone(), load.work.common(&stopped))).collect();
        let mut next = current.clone();
        loads::take(&mut next, &revoked);

        let again = self.place_lost(&lost, &mut next, departed, now_ms);
        for (member, surplus) in self.balance(&wanted, &next, &lost, now_ms) {
            revoked.entry(member).or_default().add(&surplus);
        }
        loads::take(&mut next, &revoked);
        loads::share(&mut next, &[&created, &again]);
        self.remember(round, &next, &revoked, &lost);

        let given = newly_given(&current, &next, &deleted);
        let offset = assigned_offset(round, configured);
        let stray = loads::total(&next).without(&wanted);
        Decision {
            assignments: self.tell(round, offset, given, revoked),
            owners: owners(round, &next),
            stray,
        }
    }

    /// Returns when the group should join again at the latest, by the clock of the last round; `None` for never.
    pub fn scheduled_ms(&self) -> Option<i64> {
        self.wait.until_ms()
    }

    /// Places lost work at once, or has it wait. Returns what is to be shared among all members.
    fn place_lost(
        &mut self,
        lost: &Work,
        next: &mut [Load],
        departed: &BTreeSet<String>,
        now_ms: i64,
    ) -> Work {
        let mut at_once = Work::default();
        if !departed.is_empty() {
            at_once = self.owned_by(lost, departed);
            self.members.retain(|member| !departed.contains(member));
        }
        let placed = self.handle_lost(&lost.without(&at_once), next, now_ms);
        at_once.add(&placed);
        at_once
    }

    /// Returns the part of `lost` that members of `departed` ran.
    fn owned_by(&self, lost: &Work, departed: &BTreeSet<String>) -> Work {
        let has_departed =
            |owner: Option<&super::Owner>| owner.is_some_and(|owner| departed.contains(&owner.member));
        let connectors = lost.connectors.iter().filter(|name| has_departed(self.owners.connector(name)));
        let tasks = lost.tasks.iter().filter(|task| has_departed(self.owners.task(task)));
        Work { connectors: connectors.cloned().collect(), tasks: tasks.cloned().collect() }
    }

    /// Returns what is to be revoked for balance in this round. Rounds that revoke are spaced ever wider, because each
    /// of them stops work.
    fn balance(&mut self, wanted: &Work, next: &[Load], lost: &Work, now_ms: i64) -> BTreeMap<String, Work> {
        if self.wait.delay_ms() > 0 {
            self.has_revoked = false;
            return BTreeMap::new();
        }
        let surplus = balance::surplus(wanted, next, lost);
        match (self.has_revoked, surplus.is_empty()) {
            (true, false) => {
                self.successive = self.successive.saturating_add(1);
                let delay_ms = backoff_ms(self.successive, self.max_delay_ms);
                if delay_ms == 0 {
                    return surplus;
                }
                self.wait.schedule(now_ms, delay_ms);
                BTreeMap::new()
            }
            (false, false) => {
                self.has_revoked = true;
                surplus
            }
            (true, true) => {
                self.has_revoked = false;
                self.successive = 0;
                surplus
            }
            (false, true) => surplus,
        }
    }

    fn remember(&mut self, round: &Round, next: &[Load], revoked: &BTreeMap<String, Work>, lost: &Work) {
        let mut all_revoked = Work::default();
        for work in revoked.values() {
            all_revoked.add(work);
        }
        self.previous = loads::total(next).without(&all_revoked);
        self.previous.add(lost);
        let mut owners = owners(round, next);
        owners.remember(lost, &self.owners);
        self.owners = owners;
        self.revoked = all_revoked;
        self.generation = round.generation;
        self.members = round.members.keys().cloned().collect();
    }

    fn tell(
        &self,
        round: &Round,
        offset: i64,
        mut given: BTreeMap<String, Work>,
        mut revoked: BTreeMap<String, Work>,
    ) -> BTreeMap<String, Assignment> {
        let blank = Assignment { delay_ms: self.wait.delay_ms(), ..blank(round, offset) };
        let tell = |member: &String| {
            let assigned = given.remove(member).unwrap_or_default();
            let revoked = revoked.remove(member).unwrap_or_default();
            (member.clone(), Assignment { assigned, revoked, ..blank.clone() })
        };
        round.members.keys().map(tell).collect()
    }
}

/// Returns what each member gets on top of what it runs.
fn newly_given(current: &[Load], next: &[Load], deleted: &Work) -> BTreeMap<String, Work> {
    let running: BTreeMap<&String, Work> =
        current.iter().map(|load| (&load.member, load.work.without(deleted))).collect();
    let given = |load: &Load| match running.get(&load.member) {
        Some(running) => (load.member.clone(), load.work.without(running)),
        None => (load.member.clone(), load.work.clone()),
    };
    next.iter().map(given).collect()
}

fn owners(round: &Round, loads: &[Load]) -> Owners {
    let mut owners = Owners::default();
    for load in loads {
        owners.insert(round, &load.member, &load.work);
    }
    owners
}

/// Returns the wait before the revocation that follows `successive` others: 40, 1600, 64000 ms, at most `max_ms`. In
/// floating point as the JVM computes it (`ExponentialBackoff.backoff` from 1 ms without jitter).
pub(super) fn backoff_ms(successive: u32, max_ms: i32) -> i32 {
    if max_ms <= 1 {
        return max_ms.max(0);
    }
    let most = f64::from(max_ms).ln() / BACKOFF_FACTOR.ln();
    let wait = BACKOFF_FACTOR.powf(f64::from(successive).min(most));
    #[expect(clippy::cast_possible_truncation, reason = "bounded by `max_ms`, and cut as the JVM cuts it")]
    let wait = wait as i32;
    wait.min(max_ms)
}
