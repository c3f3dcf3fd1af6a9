use std::collections::BTreeMap;
use std::sync::Arc;

use super::cooperative::backoff_ms;
use super::*;
use crate::protocol::{GroupProtocol, MemberState};

fn round(offsets: &[i64]) -> Round {
    let state = |offset: i64| MemberState { url: format!("http://h{offset}/"), offset, allocation: None };
    let member = |(index, offset): (usize, &i64)| (format!("m{index}"), state(*offset));
    Round {
        generation: 1,
        last_completed_generation: -1,
        protocol: GroupProtocol::Eager,
        leader: "m1".to_owned(),
        members: offsets.iter().enumerate().map(member).collect(),
    }
}

fn text(work: &Work) -> String {
    let connectors = work.connectors.iter().map(ToString::to_string);
    connectors.chain(work.tasks.iter().map(ToString::to_string)).collect::<Vec<_>>().join(" ")
}

#[test]
fn revocations_in_successive_rounds_are_spaced_ever_wider() {
    // As the JVM's `ExponentialBackoff` says, which cuts a floating point number.
    for (max_ms, waits) in [
        (0, [0; 6]),
        (1, [1; 6]),
        (2, [2; 6]),
        (40, [40; 6]),
        (1_000, [40, 999, 999, 999, 999, 999]),
        (60_000, [40, 1_600, 60_000, 60_000, 60_000, 60_000]),
        (300_000, [40, 1_600, 64_000, 300_000, 300_000, 300_000]),
        (i32::MAX, [40, 1_600, 64_000, 2_560_000, 102_400_000, i32::MAX]),
    ] {
        assert_eq!([1, 2, 3, 4, 5, 6].map(|successive| backoff_ms(successive, max_ms)), waits, "{max_ms}");
    }
    assert_eq!(backoff_ms(u32::MAX, 300_000), 300_000);
}

#[test]
fn a_leader_that_read_less_than_a_member_is_behind() {
    let round = round(&[4, 9, 7]);
    assert_eq!(offset_check(&round, 8), OffsetCheck::Behind { max: 9 });
    assert_eq!(offset_check(&round, 9), OffsetCheck::Current);
    assert_eq!(offset_check(&round, 10), OffsetCheck::Current);
}

#[test]
fn behind_a_member_everybody_is_told_the_highest_offset_and_no_work() {
    let mismatch = Assignment {
        version: 0,
        error: AssignmentError::ConfigMismatch,
        leader: "m1".to_owned(),
        leader_url: "http://h9/".to_owned(),
        offset: 9,
        assigned: Work::default(),
        revoked: Work::default(),
        delay_ms: 0,
    };
    let wanted: BTreeMap<_, _> =
        ["m0", "m1", "m2"].map(|member| (member.to_owned(), mismatch.clone())).into();
    assert_eq!(config_mismatch(&round(&[4, 9, 7])), wanted);
}

#[test]
fn eager_deals_connectors_then_tasks_in_one_turn() {
    let connectors = [("a", 2), ("b", 0), ("c", 3)].map(|(name, tasks)| (Arc::from(name), tasks)).into();
    let decision = eager::assign(&round(&[9, 9]), &Configured { offset: 9, connectors });
    let given: Vec<_> = decision.assignments.values().map(|told| text(&told.assigned)).collect();
    assert_eq!(given, ["a c a-1 c-1", "b a-0 c-0 c-2"]);
    assert!(decision.assignments.values().all(|told| told.version == 0 && told.offset == 9));
    let owner = Owner { member: "m1".to_owned(), url: "http://h9/".to_owned() };
    assert_eq!(decision.owners.connector("b"), Some(&owner));
    assert_eq!(decision.owners.connector("d"), None);
}
