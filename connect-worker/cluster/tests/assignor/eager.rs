//! The eager assignor against rounds that the JVM's assignor of Kafka Connect 4.3.1 decided. The file comes from
//! `tests/java/EagerOracle.java`, which describes its lines. `EAGER_GOLDEN` names another file to replay.

use std::collections::BTreeMap;

use connect_cluster::Work;
use connect_cluster::assignor::{OffsetCheck, config_mismatch, eager, offset_check};
use connect_cluster::membership::Round;
use connect_cluster::protocol::{Assignment, AssignmentError, GroupProtocol, MemberState};
use serde_json::Value;

use crate::golden::{Works, configured, int, recorded, runs, works};

#[test]
fn every_recorded_round_is_decided_eagerly_as_the_jvm_decided_it() {
    let rounds = recorded("eager.jsonl", "EAGER_GOLDEN");
    let mut mismatches = 0;
    for round in &rounds {
        let wanted = wanted(round);
        mismatches += usize::from(wanted.values().any(|told| told.error == AssignmentError::ConfigMismatch));
        assert_eq!(decided(round), wanted, "{round}");
    }
    let decided = rounds.len() - mismatches;
    assert!(decided >= 150 && mismatches >= 20, "{decided} rounds decided, {mismatches} could not be");
}

/// Returns what the JVM tells each member.
fn wanted(recorded: &Value) -> BTreeMap<String, Assignment> {
    let error = match &recorded["error"] {
        code if *code == 0 => AssignmentError::None,
        _ => AssignmentError::ConfigMismatch,
    };
    let told = |(member, assigned)| {
        let assignment = Assignment {
            version: 0,
            error,
            leader: text(&recorded["leader"]),
            leader_url: text(&recorded["url"]),
            offset: int(&recorded["offset"]),
            assigned,
            revoked: Work::default(),
            delay_ms: 0,
        };
        (member, assignment)
    };
    works(&recorded["gets"]).into_iter().map(told).collect()
}

/// Returns what ours tells each member, and checks that it names the same ones as owners.
fn decided(recorded: &Value) -> BTreeMap<String, Assignment> {
    let offsets = recorded["offsets"].as_object().expect("members").iter();
    let state = |member: &str, offset| MemberState {
        url: format!("http://{member}:8083/"),
        offset: int(offset),
        allocation: None,
    };
    let round = Round {
        generation: 1,
        last_completed_generation: -1,
        protocol: GroupProtocol::Eager,
        leader: text(&recorded["leader"]),
        members: offsets.map(|(member, offset)| (member.clone(), state(member, offset))).collect(),
    };
    let configured = configured(recorded, int(&recorded["read"]));
    if offset_check(&round, configured.offset) != OffsetCheck::Current {
        return config_mismatch(&round);
    }
    let decision = eager::assign(&round, &configured);
    let given = decision.assignments.iter().filter(|(_, told)| !told.assigned.is_empty());
    let given: Works = given.map(|(member, told)| (member.clone(), told.assigned.clone())).collect();
    assert_eq!(runs(&decision.owners), given, "{recorded}");
    decision.assignments
}

fn text(value: &Value) -> String {
    value.as_str().expect("a text").to_owned()
}
