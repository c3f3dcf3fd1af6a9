//! Member states and assignments as the JVM's workers of Kafka Connect 4.3.1 wrote them. The file comes from
//! `tests/java/GroupBytesOracle.java`, which describes its lines.

use std::path::Path;

use connect_cluster::protocol::{Assignment, AssignmentError, GroupProtocol, MemberState};

use crate::golden::work;

const URL: &str = "http://h:8083/";

#[test]
fn what_the_jvm_wrote_is_read_and_written_alike() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/group_bytes.tsv");
    let text = std::fs::read_to_string(path).expect("golden file");
    let (mut lines, mut same) = (0, 0);
    for line in text.lines() {
        let fields: Vec<&str> = line.split('\t').collect();
        let [kind, version, error, offset, assigned, revoked, delay, hex] = fields[..] else {
            panic!("fields: {line}")
        };
        let protocol = [GroupProtocol::Eager, GroupProtocol::Compatible, GroupProtocol::Sessioned]
            [version.parse::<usize>().expect("a version")];
        let assignment = Assignment {
            version: protocol.version(),
            error: if error == "0" { AssignmentError::None } else { AssignmentError::ConfigMismatch },
            leader: "m1".to_owned(),
            leader_url: URL.to_owned(),
            offset: offset.parse().expect("an offset"),
            assigned: work(assigned),
            revoked: work(revoked),
            delay_ms: delay.parse().expect("a delay"),
        };
        // The JVM writes assigned instances in the order of a hash set, so only one of them is comparable to the byte.
        let is_ordered = assignment.assigned.connectors.len() <= 1;
        let written = if kind == "state" {
            let offset = assignment.offset;
            let allocation = (protocol != GroupProtocol::Eager).then_some(assignment);
            let state = MemberState { url: URL.to_owned(), offset, allocation };
            assert_eq!(MemberState::decode(&bytes(hex)).as_ref(), Ok(&state), "{line}");
            state.encode(protocol)
        } else {
            assert_eq!(Assignment::decode(&bytes(hex)).as_ref(), Ok(&assignment), "{line}");
            assignment.encode(protocol)
        };
        assert_eq!(written.len(), hex.len() / 2, "{line}");
        if is_ordered {
            assert_eq!(written, bytes(hex), "{line}");
            same += 1;
        }
        lines += 1;
    }
    assert!(lines >= 200 && same >= 100, "{lines} lines, {same} of them comparable to the byte");
}

fn bytes(hex: &str) -> Vec<u8> {
    let digits = hex.as_bytes().chunks(2);
    let byte = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).expect("ASCII"), 16).expect("hex");
    digits.map(byte).collect()
}
