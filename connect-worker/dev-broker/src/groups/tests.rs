//! Tests of the group state machine: requests in, answers out, time by hand.

use std::time::{Duration, Instant};

use bytes::Bytes;
use kafka_protocol::{
    error::ResponseError,
    messages::{
        JoinGroupRequest, JoinGroupResponse, SyncGroupRequest, SyncGroupResponse,
        join_group_request::JoinGroupRequestProtocol, sync_group_request::SyncGroupRequestAssignment,
    },
    protocol::StrBytes,
};
use tokio::sync::oneshot::{self, Receiver};

use super::{
    group::{Group, GroupState, Identity},
    join::Joiner,
    offsets::{Committed, GroupOffsets, OffsetChange, TopicPartition},
};

const SESSION: Duration = Duration::from_secs(10);
const REBALANCE: Duration = Duration::from_secs(60);

/// A group and a clock.
struct Scene {
    group: Group,
    now: Instant,
}

impl Scene {
    fn new() -> Self {
        let now = Instant::now();
        Self { group: Group::new(now, Duration::ZERO), now }
    }

    fn join_as(
        &mut self,
        member_id: &str,
        change: impl FnOnce(&mut JoinGroupRequest),
    ) -> Receiver<JoinGroupResponse> {
        let mut request = JoinGroupRequest::default()
            .with_session_timeout_ms(SESSION.as_millis() as i32)
            .with_rebalance_timeout_ms(REBALANCE.as_millis() as i32)
            .with_member_id(text(member_id))
            .with_protocol_type(text("consumer"))
            .with_protocols(protocols(&["range"]));
        change(&mut request);
        let joiner = Joiner {
            client_id: "client".to_owned(),
            client_host: "/127.0.0.1".to_owned(),
            requires_known_id: false,
            supports_skipping_assignment: true,
            new_member_id: text(&format!(
                "member-{}",
                self.group.members.len() + self.group.generation as usize
            )),
        };
        let (reply, answer) = oneshot::channel();
        self.group.join(&request, &joiner, reply, self.now);
        answer
    }

    fn join(&mut self) -> Receiver<JoinGroupResponse> {
        self.join_as("", |_| ())
    }

    fn sync(&mut self, member: &JoinGroupResponse, plan: &[(&str, &str)]) -> Receiver<SyncGroupResponse> {
        let give = |(id, assignment): &(&str, &str)| {
            SyncGroupRequestAssignment::default()
                .with_member_id(text(id))
                .with_assignment(Bytes::copy_from_slice(assignment.as_bytes()))
        };
        let request = SyncGroupRequest::default()
            .with_member_id(member.member_id.clone())
            .with_generation_id(member.generation_id)
            .with_assignments(plan.iter().map(give).collect());
        let (reply, answer) = oneshot::channel();
        self.group.sync(&request, reply, self.now);
        answer
    }

    fn heartbeat(&mut self, member: &JoinGroupResponse) -> Result<(), ResponseError> {
        let from =
            Identity { member_id: &member.member_id, instance_id: None, generation: member.generation_id };
        self.group.heartbeat(from, self.now)
    }

    fn pass(&mut self, time: Duration) {
        self.now += time;
        self.group.tick(self.now);
    }

    /// Returns a stable group of a leader and a follower.
    fn stable_pair() -> (Self, JoinGroupResponse, JoinGroupResponse) {
        let mut scene = Self::new();
        let leader = now(scene.join());
        let mut follower = scene.join();
        let mut again = scene.join_as(&leader.member_id, |_| ());
        let (leader, follower) = (again.try_recv().unwrap(), follower.try_recv().unwrap());
        let plan = [(leader.member_id.to_string(), "l"), (follower.member_id.to_string(), "f")];
        let plan: Vec<(&str, &str)> =
            plan.iter().map(|(id, assignment)| (id.as_str(), *assignment)).collect();
        now(scene.sync(&leader, &plan));
        assert_eq!(now(scene.sync(&follower, &[])).assignment, "f");
        assert_eq!(scene.group.state, GroupState::Stable);
        (scene, leader, follower)
    }
}

fn now<T>(mut answer: Receiver<T>) -> T {
    answer.try_recv().expect("the answer is there at once")
}

fn text(text: &str) -> StrBytes {
    StrBytes::from_string(text.to_owned())
}

fn protocols(names: &[&str]) -> Vec<JoinGroupRequestProtocol> {
    names.iter().map(|name| JoinGroupRequestProtocol::default().with_name(text(name))).collect()
}

fn code(error: ResponseError) -> i16 {
    error.code()
}

#[test]
fn first_member_leads_and_a_second_waits_for_it_to_join_again() {
    let mut scene = Scene::new();
    let first = now(scene.join());
    assert_eq!((first.generation_id, &first.leader), (1, &first.member_id));
    let mut second = scene.join();
    assert!(second.try_recv().is_err());
    assert_eq!(scene.heartbeat(&first), Err(ResponseError::RebalanceInProgress));
    let first = now(scene.join_as(&first.member_id, |_| ()));
    let second = second.try_recv().unwrap();
    assert_eq!((first.generation_id, second.generation_id), (2, 2));
    assert_eq!((first.members.len(), second.members.len()), (2, 0));
    assert_eq!(second.leader, first.member_id);
}

#[test]
fn follower_waits_for_the_assignment_and_a_new_member_cuts_the_wait_short() {
    let mut scene = Scene::new();
    let leader = now(scene.join());
    let mut follower = scene.join();
    let leader = now(scene.join_as(&leader.member_id, |_| ()));
    let follower = follower.try_recv().unwrap();
    let mut waiting = scene.sync(&follower, &[]);
    assert!(waiting.try_recv().is_err());
    let _third = scene.join();
    assert_eq!(waiting.try_recv().unwrap().error_code, code(ResponseError::RebalanceInProgress));
    assert_eq!(now(scene.sync(&leader, &[])).error_code, code(ResponseError::RebalanceInProgress));
}

#[test]
fn rebalance_goes_on_without_a_member_that_does_not_join_in_time() {
    let (mut scene, leader, follower) = Scene::stable_pair();
    let mut again = scene.join_as(&leader.member_id, |_| ());
    while scene.group.state == GroupState::PreparingRebalance {
        // The follower lives, but does not join.
        scene.heartbeat(&follower).unwrap_err();
        scene.pass(Duration::from_secs(5));
        assert!(scene.group.members.len() == 2 || again.try_recv().unwrap().members.len() == 1);
    }
    assert_eq!(scene.heartbeat(&follower), Err(ResponseError::UnknownMemberId));
    assert_eq!(scene.group.generation, 3);
}

#[test]
fn silent_member_expires_and_a_silent_group_becomes_empty() {
    let (mut scene, leader, follower) = Scene::stable_pair();
    scene.pass(SESSION / 2);
    assert_eq!(scene.heartbeat(&leader), Ok(()));
    scene.pass(SESSION / 2);
    assert_eq!(scene.heartbeat(&follower), Err(ResponseError::UnknownMemberId));
    assert_eq!(scene.heartbeat(&leader), Err(ResponseError::RebalanceInProgress));
    scene.pass(SESSION);
    assert_eq!(scene.group.state, GroupState::Empty);
    assert_eq!(scene.heartbeat(&leader), Err(ResponseError::UnknownMemberId));
}

#[test]
fn follower_that_lost_the_answer_gets_it_again_but_a_returning_leader_starts_a_round() {
    let (mut scene, leader, follower) = Scene::stable_pair();
    let again = now(scene.join_as(&follower.member_id, |_| ()));
    assert_eq!((again.generation_id, scene.group.state), (follower.generation_id, GroupState::Stable));
    let mut again = scene.join_as(&leader.member_id, |_| ());
    assert!(again.try_recv().is_err());
    assert_eq!(scene.group.state, GroupState::PreparingRebalance);
}

#[test]
fn protocol_is_the_one_most_members_prefer_of_those_all_know() {
    let mut scene = Scene::new();
    let first = now(scene.join_as("", |request| request.protocols = protocols(&["a", "b", "c"])));
    let mut others = Vec::new();
    for _ in 0..2 {
        others.push(scene.join_as("", |request| request.protocols = protocols(&["c", "b"])));
    }
    let first =
        now(scene.join_as(&first.member_id, |request| request.protocols = protocols(&["a", "b", "c"])));
    assert_eq!(first.protocol_name, Some(text("c")));
    let refused = now(scene.join_as("", |request| request.protocols = protocols(&["d"])));
    assert_eq!(refused.error_code, code(ResponseError::InconsistentGroupProtocol));
    let refused = now(scene.join_as("", |request| request.protocol_type = text("connect")));
    assert_eq!(refused.error_code, code(ResponseError::InconsistentGroupProtocol));
}

#[test]
fn newer_client_must_come_back_with_the_id_it_was_given() {
    let mut scene = Scene::new();
    let joiner = Joiner {
        client_id: "client".to_owned(),
        client_host: String::new(),
        requires_known_id: true,
        supports_skipping_assignment: true,
        new_member_id: text("given"),
    };
    let request = JoinGroupRequest::default()
        .with_session_timeout_ms(10_000)
        .with_protocol_type(text("consumer"))
        .with_protocols(protocols(&["range"]));
    let (reply, answer) = oneshot::channel();
    scene.group.join(&request, &joiner, reply, scene.now);
    let answer = now(answer);
    assert_eq!((answer.error_code, answer.member_id), (code(ResponseError::MemberIdRequired), text("given")));
    assert!(scene.group.members.is_empty());
    assert_eq!(now(scene.join_as("invented", |_| ())).error_code, code(ResponseError::UnknownMemberId));
    assert_eq!(now(scene.join_as("given", |_| ())).generation_id, 1);
}

#[test]
fn restarted_static_member_fences_its_older_self_without_a_rebalance() {
    let mut scene = Scene::new();
    let as_static = |request: &mut JoinGroupRequest| request.group_instance_id = Some(text("one"));
    let old = now(scene.join_as("", as_static));
    now(scene.sync(&old, &[(&old.member_id, "mine")]));
    let new = now(scene.join_as("", as_static));
    assert_eq!((new.generation_id, new.skip_assignment, new.error_code), (1, true, 0));
    assert_eq!(now(scene.sync(&new, &[])).assignment, "mine");
    let instance_id = text("one");
    let from = Identity { member_id: &old.member_id, instance_id: Some(&instance_id), generation: 1 };
    assert_eq!(scene.group.heartbeat(from, scene.now), Err(ResponseError::FencedInstanceId));
    // With other metadata the group has to meet again.
    let changed = now(scene.join_as("", |request| {
        as_static(request);
        request.protocols[0].metadata = Bytes::from_static(b"other");
    }));
    assert_eq!(changed.generation_id, 2);
    // The admin client removes it by its instance id alone.
    let none = StrBytes::new();
    let from = Identity { member_id: &none, instance_id: Some(&instance_id), generation: -1 };
    assert_eq!(scene.group.leave(from, scene.now), Ok(()));
    assert_eq!(scene.group.state, GroupState::Empty);
}

#[test]
fn static_member_keeps_its_place_when_a_rebalance_stops_waiting() {
    let mut scene = Scene::new();
    let long_session = |request: &mut JoinGroupRequest| {
        request.group_instance_id = Some(text("one"));
        request.session_timeout_ms = 600_000;
    };
    let absent = now(scene.join_as("", long_session));
    let mut joining = scene.join();
    scene.pass(REBALANCE);
    let joined = joining.try_recv().unwrap();
    assert_eq!((joined.generation_id, &joined.leader, joined.members.len()), (2, &joined.member_id, 2));
    assert!(scene.group.members.contains_key(&absent.member_id));
}

#[test]
fn commits_are_allowed_for_members_of_this_generation_and_for_anyone_when_empty() {
    let none = StrBytes::new();
    let anyone = Identity { member_id: &none, instance_id: None, generation: -1 };
    let mut empty = Scene::new();
    assert_eq!(empty.group.check_commit(anyone, false, empty.now), Ok(()));
    let (mut scene, leader, _) = Scene::stable_pair();
    let now = scene.now;
    let mut check = |from| scene.group.check_commit(from, false, now);
    let member =
        Identity { member_id: &leader.member_id, instance_id: None, generation: leader.generation_id };
    assert_eq!(check(member), Ok(()));
    assert_eq!(check(anyone), Err(ResponseError::UnknownMemberId));
    assert_eq!(check(Identity { generation: 1, ..member }), Err(ResponseError::IllegalGeneration));
    scene.join();
    assert_eq!(scene.group.check_commit(member, false, now), Ok(()), "while members finish their work");
}

#[test]
fn member_that_leaves_makes_the_others_meet_again() {
    let (mut scene, leader, follower) = Scene::stable_pair();
    let from = Identity { member_id: &leader.member_id, instance_id: None, generation: -1 };
    assert_eq!(scene.group.leave(from, scene.now), Ok(()));
    assert_eq!(scene.group.leave(from, scene.now), Err(ResponseError::UnknownMemberId));
    let again = now(scene.join_as(&follower.member_id, |_| ()));
    assert_eq!((&again.leader, again.members.len()), (&follower.member_id, 1));
}

#[test]
fn offsets_survive_reopening_and_deletion_does_too() {
    let dir = tempfile::tempdir().unwrap();
    let change = |group: &str, partition: i32, offset: i64| OffsetChange {
        group: group.to_owned(),
        partition: TopicPartition { topic: "t".to_owned(), partition },
        committed: Some(Committed { offset, leader_epoch: -1, metadata: "m".to_owned() }),
    };
    let mut offsets = GroupOffsets::open(dir.path()).unwrap();
    offsets.apply(vec![change("a", 0, 1), change("b", 0, 2), change("a", 0, 3)]).unwrap();
    assert!(offsets.delete_group("b").unwrap());
    assert!(!offsets.delete_group("b").unwrap());
    drop(offsets);
    let mut offsets = GroupOffsets::open(dir.path()).unwrap();
    let positions: Vec<i64> =
        offsets.of_group("a").unwrap().values().map(|committed| committed.offset).collect();
    assert_eq!(positions, [3]);
    assert!(offsets.of_group("b").is_none());
    // Thousands of commits of one position do not stay in the file.
    for number in 0..25_000 {
        offsets.apply(vec![change("a", 0, number)]).unwrap();
    }
    let size = std::fs::metadata(dir.path().join("group-offsets.jsonl")).unwrap().len();
    assert!(size < 1_200_000, "{size}");
    let reopened = GroupOffsets::open(dir.path()).unwrap();
    assert_eq!(reopened.of_group("a").unwrap().values().next().unwrap().offset, 24_999);
}
