//! What must hold of assignments whatever happens, and what a leader does in cases worth a name.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use connect_cluster::assignor::{Cooperative, Owners};
use connect_cluster::membership::Round;
use connect_cluster::protocol::{Assignment, AssignmentError, GroupProtocol, MemberState};
use connect_cluster::{Configured, Work};
use proptest::prelude::*;

const MAX_DELAY_MS: i32 = 300_000;

/// A group whose members do as told at once.
struct Group {
    assignor: Cooperative,
    members: BTreeMap<String, Work>,
    configured: Configured,
    departed: BTreeSet<String>,
    owners: Owners,
    stray: Work,
    generation: i32,
    now_ms: i64,
    names: usize,
}

/// What a round changed.
#[derive(Debug, PartialEq, Eq)]
struct Change {
    given: Work,
    revoked: Work,
    delay_ms: i32,
}

const NOTHING: Change = Change {
    given: Work { connectors: BTreeSet::new(), tasks: BTreeSet::new() },
    revoked: Work { connectors: BTreeSet::new(), tasks: BTreeSet::new() },
    delay_ms: 0,
};

impl Group {
    fn new(max_delay_ms: i32, members: usize, connectors: &[(&str, u32)]) -> Self {
        let connectors = connectors.iter().map(|(name, tasks)| (Arc::from(*name), *tasks)).collect();
        let mut group = Self {
            assignor: Cooperative::new(max_delay_ms),
            members: BTreeMap::new(),
            configured: Configured { offset: 1, connectors },
            departed: BTreeSet::new(),
            owners: Owners::default(),
            stray: Work::default(),
            generation: 0,
            now_ms: 1,
            names: 0,
        };
        for _ in 0..members {
            group.join();
        }
        group
    }

    fn join(&mut self) -> String {
        self.names += 1;
        // Random to the order of a hash map, as real member ids are.
        let name = format!("m{}-{:x}", self.names, self.names.wrapping_mul(0x9e37_79b9));
        self.members.insert(name.clone(), Work::default());
        name
    }

    fn nth(&self, index: usize) -> String {
        self.members.keys().nth(index % self.members.len()).expect("a member").clone()
    }

    fn crash(&mut self, index: usize) -> Work {
        let name = self.nth(index);
        self.members.remove(&name).expect("a member")
    }

    fn depart(&mut self, index: usize) -> Work {
        self.departed.insert(self.nth(index));
        self.crash(index)
    }

    fn decide(&mut self) -> BTreeMap<String, Assignment> {
        let round = Round {
            generation: self.generation + 1,
            last_completed_generation: self.generation,
            protocol: GroupProtocol::Sessioned,
            leader: self.nth(0),
            members: self.members.iter().map(|(name, work)| (name.clone(), state(work.clone()))).collect(),
        };
        self.generation += 1;
        let decision = self.assignor.assign(&round, &self.configured, &self.departed, self.now_ms);
        self.owners = decision.owners;
        self.stray = decision.stray;
        decision.assignments
    }

    /// Runs a round that everybody follows.
    fn round(&mut self) -> Change {
        let mut change = NOTHING;
        for (name, told) in self.decide() {
            change.given.add(&told.assigned);
            change.revoked.add(&told.revoked);
            change.delay_ms = told.delay_ms;
            let work = self.members.get_mut(&name).expect("a member");
            work.remove(&told.revoked);
            work.add(&told.assigned);
        }
        self.check_nothing_twice();
        change
    }

    /// Runs rounds until one changes nothing.
    fn settle(&mut self) {
        for _ in 0..60 {
            let change = self.round();
            if change == NOTHING && self.stray.is_empty() {
                return;
            }
            self.now_ms += i64::from(change.delay_ms);
        }
        panic!("the group does not come to rest");
    }

    fn check_nothing_twice(&self) {
        let count: usize = self.members.values().map(Work::len).sum();
        assert_eq!(count, self.placed().len(), "something runs twice: {:?}", self.members);
    }

    fn placed(&self) -> Work {
        let mut placed = Work::default();
        for work in self.members.values() {
            placed.add(work);
        }
        placed
    }

    fn check_settled(&self) {
        assert_eq!(self.placed(), self.configured.work());
        for count in [|work: &Work| work.connectors.len(), |work: &Work| work.tasks.len()] {
            let counts: Vec<_> = self.members.values().map(count).collect();
            let spread = counts.iter().max().expect("members") - counts.iter().min().expect("members");
            assert!(spread <= 1, "unbalanced: {counts:?}");
        }
        for (name, work) in &self.members {
            let owns = |owner: Option<&connect_cluster::assignor::Owner>| {
                owner.is_some_and(|owner| owner.member == *name && owner.url == "http://h/")
            };
            assert!(work.connectors.iter().all(|connector| owns(self.owners.connector(connector))));
            assert!(work.tasks.iter().all(|task| owns(self.owners.task(task))));
        }
        let owned = self.owners.connectors().count() + self.owners.tasks().count();
        assert_eq!(owned, self.configured.work().len());
    }
}

fn state(assigned: Work) -> MemberState {
    let allocation = Assignment {
        version: 2,
        error: AssignmentError::None,
        leader: String::new(),
        leader_url: String::new(),
        offset: 1,
        assigned,
        revoked: Work::default(),
        delay_ms: 0,
    };
    MemberState { url: "http://h/".to_owned(), offset: 1, allocation: Some(allocation) }
}

#[derive(Debug, Clone)]
enum Op {
    Join,
    Crash(usize),
    Depart(usize),
    Configure(u8, u32),
    Delete(u8),
    Wait(i64),
    Fail,
    Round,
}

fn any_op() -> impl Strategy<Value = Op> {
    prop_oneof![
        2 => Just(Op::Join),
        1 => (0usize..9).prop_map(Op::Crash),
        1 => (0usize..9).prop_map(Op::Depart),
        3 => (0u8..8, 0u32..7).prop_map(|(name, tasks)| Op::Configure(name, tasks)),
        1 => (0u8..8).prop_map(Op::Delete),
        2 => (0i64..400_000).prop_map(Op::Wait),
        1 => Just(Op::Fail),
        6 => Just(Op::Round),
    ]
}

fn apply(group: &mut Group, op: Op) {
    match op {
        Op::Join => drop(group.join()),
        Op::Crash(index) if group.members.len() > 1 => drop(group.crash(index)),
        Op::Depart(index) if group.members.len() > 1 => drop(group.depart(index)),
        Op::Crash(_) | Op::Depart(_) => {}
        Op::Configure(name, tasks) => {
            group.configured.connectors.insert(format!("c{name}").into(), tasks);
        }
        Op::Delete(name) => {
            group.configured.connectors.remove(format!("c{name}").as_str());
        }
        Op::Wait(wait_ms) => group.now_ms += wait_ms,
        Op::Fail => {
            // The round is decided, but fails before anyone hears of it.
            group.decide();
            group.generation -= 1;
        }
        Op::Round => drop(group.round()),
    }
}

proptest! {
    #[test]
    fn after_anything_the_group_settles_complete_balanced_and_at_rest(
        max_delay_ms in prop_oneof![Just(0), Just(40), Just(1_000), Just(MAX_DELAY_MS)],
        members in 1usize..5,
        ops in proptest::collection::vec(any_op(), 0..60),
    ) {
        let mut group = Group::new(max_delay_ms, members, &[("c0", 3), ("c1", 4)]);
        for op in ops {
            apply(&mut group, op);
        }
        group.settle();
        group.check_settled();
        let before = group.members.clone();
        prop_assert_eq!(group.round(), NOTHING);
        prop_assert_eq!(group.members, before);
    }
}

#[test]
fn deleted_work_is_revoked_in_the_next_round_without_delay() {
    let mut group = Group::new(MAX_DELAY_MS, 3, &[("a", 4), ("b", 2)]);
    group.settle();
    let wanted = group.configured.work();
    group.configured.connectors = [(Arc::from("b"), 1)].into();
    let change = group.round();
    assert!(wanted.without(&group.configured.work()).without(&change.revoked).is_empty(), "{change:?}");
    assert_eq!(change.delay_ms, 0);
    group.settle();
    group.check_settled();
}

#[test]
fn a_new_leader_names_deleted_work_as_stray_and_revokes_it_in_the_next_round() {
    let mut group = Group::new(MAX_DELAY_MS, 2, &[("a", 2), ("b", 2)]);
    group.settle();
    group.assignor = Cooperative::new(MAX_DELAY_MS);
    let wanted = group.configured.work();
    group.configured.connectors = [(Arc::from("a"), 2)].into();
    let deleted = wanted.without(&group.configured.work());
    let first = group.round();
    // Some of it may leave for balance already.
    assert!(!group.stray.is_empty());
    assert_eq!(group.stray, deleted.without(&first.revoked));
    let second = group.round();
    assert!(deleted.without(&first.revoked).without(&second.revoked).is_empty(), "{second:?}");
    assert_eq!(group.stray, Work::default());
    group.settle();
    group.check_settled();
}

#[test]
fn work_that_two_members_run_is_revoked_from_both_and_given_again() {
    let mut group = Group::new(MAX_DELAY_MS, 2, &[("a", 2)]);
    group.settle();
    let (first, second) = (group.nth(0), group.nth(1));
    let shared = group.members[&first].clone();
    group.members.get_mut(&second).expect("a member").add(&shared);
    let change = group.round();
    assert!(shared.without(&change.revoked).is_empty(), "{change:?}");
    assert!(group.members.values().all(|work| work.is_disjoint(&shared)));
    assert_eq!(change.given, Work::default(), "nobody gets what others may still run");
    group.settle();
    group.check_settled();
}

#[test]
fn without_a_delay_lost_work_goes_to_others_at_once() {
    let mut group = Group::new(0, 3, &[("a", 6)]);
    group.settle();
    let lost = group.crash(0);
    assert_eq!(group.round(), Change { given: lost, ..NOTHING });
    group.check_settled();
}

#[test]
fn lost_work_waits_for_the_whole_delay_and_has_no_owner() {
    let mut group = Group::new(MAX_DELAY_MS, 3, &[("a", 6)]);
    group.settle();
    let lost = group.crash(0);
    assert_eq!(group.round(), Change { delay_ms: MAX_DELAY_MS, ..NOTHING });
    assert!(lost.tasks.iter().all(|task| group.owners.task(task).is_none()));
    assert_eq!(group.assignor.scheduled_ms(), Some(group.now_ms + i64::from(MAX_DELAY_MS)));
    group.now_ms += 100_000;
    assert_eq!(group.round(), Change { delay_ms: 200_000, ..NOTHING });
    group.now_ms += 200_000;
    assert_eq!(group.round(), Change { given: lost, ..NOTHING });
    group.settle();
    group.check_settled();
}

#[test]
fn a_returning_worker_gets_its_work_back_and_others_keep_theirs() {
    let mut group = Group::new(MAX_DELAY_MS, 3, &[("a", 6), ("b", 3)]);
    group.settle();
    let lost = group.crash(1);
    group.round();
    let others = group.members.clone();
    group.now_ms += 5_000;
    let returned = group.join();
    assert_eq!(group.round(), Change { delay_ms: MAX_DELAY_MS - 5_000, ..NOTHING });
    group.now_ms += i64::from(MAX_DELAY_MS) - 5_000;
    assert_eq!(group.round(), Change { given: lost.clone(), ..NOTHING });
    let wanted: BTreeMap<_, _> = others.into_iter().chain([(returned, lost)]).collect();
    assert_eq!(group.members, wanted);
}

#[test]
fn a_worker_that_says_good_bye_hands_over_at_once() {
    let mut group = Group::new(MAX_DELAY_MS, 3, &[("a", 6)]);
    group.settle();
    let left = group.depart(2);
    assert_eq!(group.round(), Change { given: left, ..NOTHING });
    group.settle();
    group.check_settled();
}

#[test]
fn when_one_says_good_bye_and_one_crashes_only_the_crashed_ones_work_waits() {
    let mut group = Group::new(MAX_DELAY_MS, 4, &[("a", 8)]);
    group.settle();
    let left = group.depart(3);
    let lost = group.crash(0);
    assert_eq!(group.round(), Change { given: left, delay_ms: MAX_DELAY_MS, ..NOTHING });
    group.now_ms += i64::from(MAX_DELAY_MS);
    assert_eq!(group.round().given, lost);
    group.settle();
    group.check_settled();
}

#[test]
fn a_good_bye_during_the_wait_for_another_does_not_end_that_wait() {
    let mut group = Group::new(MAX_DELAY_MS, 4, &[("a", 8)]);
    group.settle();
    group.crash(0);
    group.round();
    group.now_ms += 1_000;
    let left = group.depart(0);
    assert_eq!(group.round(), Change { given: left, delay_ms: MAX_DELAY_MS - 1_000, ..NOTHING });
}

#[test]
fn a_new_worker_gets_its_share_after_one_revocation() {
    let mut group = Group::new(MAX_DELAY_MS, 2, &[("a", 6)]);
    group.settle();
    group.join();
    let change = group.round();
    assert_eq!((change.revoked.tasks.len(), change.given.len(), change.delay_ms), (2, 0, 0));
    let given = group.round().given;
    assert_eq!(given, change.revoked);
    group.settle();
    group.check_settled();
}
