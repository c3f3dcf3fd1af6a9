use std::sync::Arc;

use connect_core::task::TaskId;
use proptest::prelude::*;

use super::*;

fn bytes(hex: &str) -> Vec<u8> {
    let digits: Vec<u8> = hex.bytes().filter(|byte| !byte.is_ascii_whitespace()).collect();
    let pair = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).expect("ASCII"), 16).expect("hex");
    digits.chunks(2).map(pair).collect()
}

fn work(connectors: &[&str], tasks: &[(&str, u32)]) -> Work {
    let task = |(connector, task): &(&str, u32)| TaskId { connector: Arc::from(*connector), task: *task };
    Work {
        connectors: connectors.iter().map(|name| Arc::from(*name)).collect(),
        tasks: tasks.iter().map(task).collect(),
    }
}

fn assignment(version: i16, assigned: Work, revoked: Work) -> Assignment {
    Assignment {
        version,
        error: AssignmentError::None,
        leader: "m1".to_owned(),
        leader_url: "http://h:8083/".to_owned(),
        offset: 5,
        assigned,
        revoked,
        delay_ms: 0,
    }
}

fn state(allocation: Option<Assignment>) -> MemberState {
    MemberState { url: "http://h:8083/".to_owned(), offset: 5, allocation }
}

const METADATA_V0: &str = "0000 000e 687474703a2f2f683a383038332f 0000000000000005";
const METADATA_V1: &str = "0001 000e 687474703a2f2f683a383038332f 0000000000000005 ffffffff";
const METADATA_V2: &str = "0002000e687474703a2f2f683a383038332f00000000000000050000004800020000000\
    26d31000e687474703a2f2f683a383038332f0000000000000005000000010002633100000002ffffffff0000000000000001000263320000\
    00010000000300000000";
const ASSIGNMENT_V0: &str = "0000 0000 0002 6d31 000e 687474703a2f2f683a383038332f 0000000000000005 00000001 0002 \
    6331 00000002 ffffffff 00000000";
const ASSIGNMENT_V1: &str = "0001 0001 0002 6d31 0001 75 0000000000000007 00000000 00000000 000493e0";

fn running() -> MemberState {
    state(Some(assignment(2, work(&["c1"], &[("c1", 0)]), work(&[], &[("c2", 3)]))))
}

fn mismatch() -> Assignment {
    Assignment {
        error: AssignmentError::ConfigMismatch,
        leader_url: "u".to_owned(),
        offset: 7,
        delay_ms: 300_000,
        ..assignment(1, Work::default(), Work::default())
    }
}

#[test]
fn member_states_have_the_bytes_of_kafka_connect() {
    for (hex, protocol, state) in [
        (METADATA_V0, GroupProtocol::Eager, state(None)),
        (METADATA_V1, GroupProtocol::Compatible, state(None)),
        (METADATA_V2, GroupProtocol::Sessioned, running()),
    ] {
        assert_eq!(state.encode(protocol), bytes(hex), "{protocol:?}");
        assert_eq!(MemberState::decode(&bytes(hex)), Ok(state), "{protocol:?}");
    }
}

#[test]
fn assignments_have_the_bytes_of_kafka_connect() {
    let eager = assignment(0, work(&["c1"], &[("c1", 0)]), Work::default());
    for (hex, protocol, assignment) in
        [(ASSIGNMENT_V0, GroupProtocol::Eager, eager), (ASSIGNMENT_V1, GroupProtocol::Compatible, mismatch())]
    {
        assert_eq!(assignment.encode(protocol), bytes(hex), "{protocol:?}");
        assert_eq!(Assignment::decode(&bytes(hex)), Ok(assignment), "{protocol:?}");
    }
}

#[test]
fn connectors_without_instance_are_written_after_those_with_one() {
    let encoded =
        assignment(1, work(&["b"], &[("a", 1), ("b", 2)]), Work::default()).encode(GroupProtocol::Compatible);
    let elements = bytes("00000002 0001 62 00000002 ffffffff 00000002 0001 61 00000001 00000001");
    assert!(encoded.windows(elements.len()).any(|window| window == elements), "{encoded:02x?}");
}

#[test]
fn an_eager_member_does_not_tell_what_it_runs() {
    assert_eq!(running().encode(GroupProtocol::Eager), bytes(METADATA_V0));
}

#[test]
fn trailing_bytes_and_higher_versions_are_read_as_far_as_known() {
    let mut longer = bytes(METADATA_V2);
    longer[1] = 7;
    longer.extend([1, 2, 3]);
    assert_eq!(MemberState::decode(&longer), Ok(running()));
    let mut longer = bytes(ASSIGNMENT_V1);
    longer[1] = 9;
    longer.push(1);
    assert_eq!(Assignment::decode(&longer), Ok(Assignment { version: 9, ..mismatch() }));
    let mut longer = bytes(METADATA_V0);
    longer.extend([1, 2, 3]);
    assert_eq!(MemberState::decode(&longer), Ok(state(None)));
}

#[test]
fn fields_missing_at_the_end_are_empty() {
    let metadata = bytes(METADATA_V1);
    assert_eq!(MemberState::decode(&metadata[..metadata.len() - 4]), Ok(state(None)));
    let full = bytes(ASSIGNMENT_V1);
    let short = Assignment { delay_ms: 0, ..mismatch() };
    assert_eq!(Assignment::decode(&full[..full.len() - 4]), Ok(short.clone()));
    assert_eq!(Assignment::decode(&full[..full.len() - 8]), Ok(short));
}

#[test]
fn null_collections_are_empty() {
    let null = "0001 0001 0002 6d31 0001 75 0000000000000007 ffffffff ffffffff 000493e0";
    assert_eq!(Assignment::decode(&bytes(null)), Ok(mismatch()));
    let tasks = "0001 0001 0002 6d31 0001 75 0000000000000007 00000001 0001 63 ffffffff 00000000 000493e0";
    assert_eq!(Assignment::decode(&bytes(tasks)), Ok(mismatch()));
}

#[test]
fn impossible_values_are_refused() {
    let truncated = |field| ProtocolError::Truncated { field };
    for (hex, error) in [
        ("ffff", ProtocolError::Version { version: -1 }),
        ("00", truncated("version")),
        ("0001 0000 0005 6d", truncated("leader")),
        ("0001 0000 ffff", ProtocolError::Length { field: "leader", length: -1 }),
        ("0001 0000 0001 ff", ProtocolError::Text { field: "leader" }),
        (
            "0001 0000 0000 0000 0000000000000007 7fffffff",
            ProtocolError::Length { field: "assignment", length: i32::MAX },
        ),
        (
            "0001 0000 0000 0000 0000000000000007 fffffffe",
            ProtocolError::Length { field: "assignment", length: -2 },
        ),
        (
            "0001 0000 0000 0000 0000000000000007 00000001 0000 40000000",
            ProtocolError::Length { field: "tasks", length: 0x4000_0000 },
        ),
        (
            "0001 0000 0000 0000 0000000000000007 00000001 0000 00000001 fffffffe",
            ProtocolError::Task { number: -2 },
        ),
    ] {
        assert_eq!(Assignment::decode(&bytes(hex)), Err(error), "{hex}");
    }
    let allocation = "0001 0000 0000000000000000 7fffffff";
    assert_eq!(MemberState::decode(&bytes(allocation)), Err(truncated("allocation")));
}

#[test]
fn a_text_longer_than_kafkas_type_is_cut_between_characters() {
    let long = "é".repeat(20_000);
    let decoded = MemberState::decode(&MemberState { url: long, ..state(None) }.encode(GroupProtocol::Eager));
    assert_eq!(decoded.expect("readable").url.len(), 32_766);
}

fn any_work() -> impl Strategy<Value = Work> {
    let connectors = proptest::collection::btree_set("[a-zé]{0,4}", 0..4);
    let tasks = proptest::collection::btree_set(("[a-zé]{0,4}", 0..=i32::MAX.cast_unsigned()), 0..6);
    (connectors, tasks).prop_map(|(connectors, tasks)| Work {
        connectors: connectors.into_iter().map(Arc::from).collect(),
        tasks: tasks.into_iter().map(|(name, task)| TaskId { connector: Arc::from(name), task }).collect(),
    })
}

proptest! {
    #[test]
    fn what_was_written_is_read(
        url in ".{0,20}", offset: i64, delay_ms: i32, assigned in any_work(), revoked in any_work(), has_allocation: bool,
    ) {
        let allocation = Assignment { offset, delay_ms, ..assignment(1, assigned, revoked) };
        let state = MemberState { url, offset, allocation: has_allocation.then_some(allocation) };
        prop_assert_eq!(MemberState::decode(&state.encode(GroupProtocol::Compatible)), Ok(state));
    }

    #[test]
    fn random_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        // What can be read can be written again and means the same.
        if let Ok(state) = MemberState::decode(&bytes) {
            let again = MemberState::decode(&state.encode(GroupProtocol::Sessioned)).expect("own bytes");
            prop_assert_eq!(again.url, state.url);
        }
        if let Ok(assignment) = Assignment::decode(&bytes) {
            let again = Assignment::decode(&assignment.encode(GroupProtocol::Sessioned)).expect("own bytes");
            prop_assert_eq!(again.assigned, assignment.assigned);
        }
    }

    #[test]
    fn damaged_messages_never_panic(at in 0usize..150, value: u8, cut in 0usize..150) {
        for hex in [METADATA_V2, ASSIGNMENT_V0, ASSIGNMENT_V1] {
            let mut damaged = bytes(hex);
            let length = damaged.len();
            damaged[at % length] = value;
            damaged.truncate(cut.max(1));
            for result in [MemberState::decode(&damaged).err(), Assignment::decode(&damaged).err()].into_iter().flatten() {
                prop_assert!(result.to_string().starts_with("reading "));
            }
        }
    }
}
