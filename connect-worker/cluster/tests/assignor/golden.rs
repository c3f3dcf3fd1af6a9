//! The assignor against rounds that the JVM's assignor of Kafka Connect 4.3.1 decided. The file comes from
//! `tests/java/AssignorOracle.java`, which describes its lines. `ASSIGNOR_GOLDEN` names another file to replay.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;

use connect_cluster::assignor::{Cooperative, Owners};
use connect_cluster::membership::Round;
use connect_cluster::protocol::{Assignment, AssignmentError, GroupProtocol, MemberState};
use connect_cluster::{Configured, Work};
use connect_core::task::TaskId;
use serde_json::Value;

#[test]
fn every_recorded_round_is_decided_as_the_jvm_decided_it() {
    let mut assignor = Cooperative::new(0);
    let mut group = Value::Null;
    let mut rounds = 0;
    for (number, recorded) in recorded("assignor.jsonl", "ASSIGNOR_GOLDEN").into_iter().enumerate() {
        if recorded.get("seed").is_some() {
            assignor = Cooperative::new(int(&recorded["max"]));
            group = recorded;
            continue;
        }
        let wanted = ["gets", "loses", "runs"].map(|key| works(&recorded[key]));
        let decided = replay(&mut assignor, &recorded);
        let place = format!("line {}, group {group}", number + 1);
        assert_eq!(decided, (wanted, int(&recorded["delay"])), "{place}: {recorded}");
        rounds += 1;
    }
    assert!(rounds >= 500, "{rounds} rounds");
}

pub(crate) type Works = BTreeMap<String, Work>;

/// Returns the lines of a golden file, or of the file that `variable` names.
pub(crate) fn recorded(file: &str, variable: &str) -> Vec<Value> {
    let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(file);
    let path = std::env::var_os(variable).map_or(golden, Into::into);
    let text = std::fs::read_to_string(path).expect("golden file");
    text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect()
}

/// Returns what each member gets, loses and runs, and the delay.
fn replay(assignor: &mut Cooperative, recorded: &Value) -> ([Works; 3], i32) {
    let configured = configured(recorded, 5);
    let members: BTreeMap<String, MemberState> =
        works(&recorded["has"]).into_iter().map(|(member, work)| (member, state(work))).collect();
    let round = Round {
        generation: int(&recorded["gen"]),
        last_completed_generation: int(&recorded["last"]),
        protocol: GroupProtocol::Sessioned,
        leader: members.keys().next().expect("a member").clone(),
        members,
    };
    let decision = assignor.assign(&round, &configured, &BTreeSet::new(), int(&recorded["now"]));

    let part = |part: fn(&Assignment) -> &Work| {
        let works = decision.assignments.iter().map(|(member, told)| (member.clone(), part(told).clone()));
        works.filter(|(_, work)| !work.is_empty()).collect()
    };
    let delays: BTreeSet<i32> = decision.assignments.values().map(|told| told.delay_ms).collect();
    assert_eq!(delays.len(), 1, "one delay for all");
    (
        [part(|told| &told.assigned), part(|told| &told.revoked), runs(&decision.owners)],
        delays.into_iter().next().expect("one"),
    )
}

pub(crate) fn configured(recorded: &Value, offset: i64) -> Configured {
    let connectors = recorded["conf"].as_object().expect("connectors").iter();
    let connectors = connectors.map(|(name, tasks)| (Arc::from(name.as_str()), int(tasks))).collect();
    Configured { offset, connectors }
}

/// Returns what each member runs, as the leader tells those that ask for owners.
pub(crate) fn runs(owners: &Owners) -> Works {
    let mut runs = Works::new();
    for (name, owner) in owners.connectors() {
        runs.entry(owner.member.clone()).or_default().connectors.insert(Arc::clone(name));
    }
    for (task, owner) in owners.tasks() {
        runs.entry(owner.member.clone()).or_default().tasks.insert(task.clone());
    }
    runs
}

fn state(assigned: Work) -> MemberState {
    let allocation = Assignment {
        version: 2,
        error: AssignmentError::None,
        leader: "m".to_owned(),
        leader_url: "u".to_owned(),
        offset: 5,
        assigned,
        revoked: Work::default(),
        delay_ms: 0,
    };
    MemberState { url: "u".to_owned(), offset: 5, allocation: Some(allocation) }
}

pub(crate) fn works(texts: &Value) -> Works {
    let texts = texts.as_object().expect("members").iter();
    texts.map(|(member, text)| (member.clone(), work(text.as_str().expect("a text")))).collect()
}

pub(crate) fn work(text: &str) -> Work {
    let mut work = Work::default();
    for item in text.split_whitespace() {
        match item.split_once('/') {
            None => drop(work.connectors.insert(Arc::from(item))),
            Some((connector, task)) => {
                let task = TaskId { connector: Arc::from(connector), task: task.parse().expect("a number") };
                work.tasks.insert(task);
            }
        }
    }
    work
}

pub(crate) fn int<T: TryFrom<i64, Error: std::fmt::Debug>>(value: &Value) -> T {
    value.as_i64().expect("a number").try_into().expect("in range")
}
