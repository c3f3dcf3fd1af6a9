//! The probe of groups with bare requests: other protocol types, static members, and members that fall silent.

use std::time::Duration;

use bytes::Bytes;
use connect_tests::{kafka::unique, wait};
use kafka_protocol::{
    error::ResponseError,
    messages::{
        DescribeGroupsRequest, FindCoordinatorRequest, GroupId, HeartbeatRequest, JoinGroupRequest,
        JoinGroupResponse, LeaveGroupRequest, ListGroupsRequest, SyncGroupRequest,
        join_group_request::JoinGroupRequestProtocol, leave_group_request::MemberIdentity,
        sync_group_request::SyncGroupRequestAssignment,
    },
    protocol::StrBytes,
};

use super::raw::Connection;

const JOIN: i16 = 9;
const SYNC: i16 = 5;
const HEARTBEAT: i16 = 4;
const LEAVE: i16 = 5;

/// A member as the test plays it.
struct Player {
    connection: Connection,
    group: String,
    instance_id: Option<String>,
    member_id: StrBytes,
    generation: i32,
    metadata: &'static str,
    session_timeout_ms: i32,
}

pub(super) async fn a_connect_group_elects_a_leader_and_shares_opaque_assignments(bootstrap: &str) {
    let group = unique("probe-connect");
    let mut first = Player::new(bootstrap, &group, "first").await;
    let joined = first.join().await;
    assert_eq!((joined.generation_id, &joined.leader), (1, &first.member_id));
    assert_eq!(joined.protocol_type, Some(text("connect")));
    assert_eq!(first.sync(&[(first.member_id.clone(), "alone")]).await, Ok(Bytes::from("alone")));
    assert_eq!(first.heartbeat().await, Ok(()));

    let mut second = Player::new(bootstrap, &group, "second").await;
    second.claim_id().await;
    second.send_join().await;
    wait::until("a rebalance", wait::LIMIT, async || match first.heartbeat().await {
        Err(ResponseError::RebalanceInProgress) => Ok(()),
        other => Err(other),
    })
    .await;
    let led = first.join().await;
    let followed = second.receive_join().await;
    assert_eq!((led.generation_id, followed.generation_id), (2, 2));
    assert_eq!(followed.leader, first.member_id);
    assert!(followed.members.is_empty());
    let mut shown: Vec<&[u8]> = led.members.iter().map(|member| &member.metadata[..]).collect();
    shown.sort_unstable();
    assert_eq!(shown, [b"first".as_slice(), b"second"]);

    // The follower waits for the leader's assignment.
    second.send_sync(&[]).await;
    let plan = [(first.member_id.clone(), "left"), (second.member_id.clone(), "right")];
    assert_eq!(first.sync(&plan).await, Ok(Bytes::from("left")));
    assert_eq!(second.receive_sync().await, Ok(Bytes::from("right")));

    described(bootstrap, &group).await;
    refusals(bootstrap, &group, &mut first).await;
    second.leave().await;
    wait::until("a rebalance", wait::LIMIT, async || match first.heartbeat().await {
        Err(ResponseError::RebalanceInProgress) => Ok(()),
        other => Err(other),
    })
    .await;
    assert_eq!(first.join().await.generation_id, 3);
    first.leave().await;
}

/// Checks what the admin requests say of a stable group of two.
async fn described(bootstrap: &str, group: &str) {
    let mut connection = Connection::open(bootstrap).await;
    let request = DescribeGroupsRequest::default().with_groups(vec![GroupId(text(group))]);
    let described = connection.call(5, &request).await.groups.remove(0);
    assert_eq!((described.group_state.as_str(), described.protocol_type.as_str()), ("Stable", "connect"));
    assert_eq!(described.protocol_data.as_str(), "sessioned");
    let mut assignments: Vec<Bytes> =
        described.members.iter().map(|member| member.member_assignment.clone()).collect();
    assignments.sort();
    assert_eq!(assignments, ["left", "right"]);
    let request = ListGroupsRequest::default().with_states_filter(vec![text("Stable")]);
    let listed = connection.call(4, &request).await.groups;
    assert!(listed.iter().any(|listed| listed.group_id.as_str() == group), "{listed:?}");
}

/// Checks what is refused in a stable group.
async fn refusals(bootstrap: &str, group: &str, member: &mut Player) {
    let mut stranger = Player::new(bootstrap, group, "stranger").await;
    let request = stranger.join_request("consumer");
    let refused = stranger.connection.call(JOIN, &request).await;
    assert_eq!(code(refused.error_code), Err(ResponseError::InconsistentGroupProtocol));
    stranger.member_id = text("nobody");
    assert_eq!(stranger.heartbeat().await, Err(ResponseError::UnknownMemberId));
    member.generation -= 1;
    assert_eq!(member.heartbeat().await, Err(ResponseError::IllegalGeneration));
    member.generation += 1;
}

pub(super) async fn a_static_member_keeps_its_place(bootstrap: &str) {
    let group = unique("probe-static");
    let mut first = Player::new(bootstrap, &group, "same").await;
    first.instance_id = Some("instance-1".to_owned());
    first.send_join().await;
    let joined = first.receive_join().await;
    assert_eq!(joined.generation_id, 1);
    assert_eq!(first.sync(&[(first.member_id.clone(), "mine")]).await, Ok(Bytes::from("mine")));

    let mut restarted = Player::new(bootstrap, &group, "same").await;
    restarted.instance_id = Some("instance-1".to_owned());
    restarted.send_join().await;
    let joined = restarted.receive_join().await;
    assert_eq!((joined.generation_id, joined.skip_assignment), (1, true));
    assert_ne!(restarted.member_id, first.member_id);
    assert_eq!(restarted.sync(&[]).await, Ok(Bytes::from("mine")));
    assert_eq!(first.heartbeat().await, Err(ResponseError::FencedInstanceId));
    restarted.leave().await;
}

pub(super) async fn a_silent_member_is_removed(bootstrap: &str) {
    let group = unique("probe-silent");
    let mut silent = Player::new(bootstrap, &group, "silent").await;
    silent.session_timeout_ms = 6000;
    silent.join().await;
    let plan = [(silent.member_id.clone(), "all")];
    assert_eq!(silent.sync(&plan).await, Ok(Bytes::from("all")));
    let mut connection = Connection::open(bootstrap).await;
    let request = DescribeGroupsRequest::default().with_groups(vec![GroupId(text(&group))]);
    wait::until("an empty group", wait::LIMIT, async || {
        let described = connection.call(5, &request).await.groups.remove(0);
        if described.group_state.as_str() == "Empty" { Ok(()) } else { Err(described.group_state) }
    })
    .await;
    assert_eq!(silent.heartbeat().await, Err(ResponseError::UnknownMemberId));
}

impl Player {
    async fn new(bootstrap: &str, group: &str, metadata: &'static str) -> Self {
        let mut connection = Connection::open(bootstrap).await;
        let find = FindCoordinatorRequest::default().with_coordinator_keys(vec![text(group)]);
        // A broker that has just started makes the topic for its groups first.
        wait::until("a coordinator", Duration::from_secs(60), async || {
            let found = connection.call(4, &find).await.coordinators.remove(0);
            code(found.error_code)
        })
        .await;
        Self {
            connection,
            group: group.to_owned(),
            instance_id: None,
            member_id: StrBytes::new(),
            generation: -1,
            metadata,
            session_timeout_ms: 60_000,
        }
    }

    fn join_request(&self, protocol_type: &'static str) -> JoinGroupRequest {
        let protocol = JoinGroupRequestProtocol::default()
            .with_name(text("sessioned"))
            .with_metadata(Bytes::from_static(self.metadata.as_bytes()));
        JoinGroupRequest::default()
            .with_group_id(GroupId(text(&self.group)))
            .with_session_timeout_ms(self.session_timeout_ms)
            .with_rebalance_timeout_ms(60_000)
            .with_member_id(self.member_id.clone())
            .with_group_instance_id(self.instance_id.as_deref().map(text))
            .with_protocol_type(text(protocol_type))
            .with_protocols(vec![protocol])
    }

    /// Asks for a member id; a coordinator that is still loading is asked again.
    async fn claim_id(&mut self) {
        let request = self.join_request("connect");
        let given = wait::until("a member id", wait::LIMIT, async || {
            let answer = self.connection.call(JOIN, &request).await;
            match code(answer.error_code) {
                Err(ResponseError::MemberIdRequired) => Ok(answer.member_id),
                other => Err(other),
            }
        })
        .await;
        self.member_id = given;
    }

    async fn join(&mut self) -> JoinGroupResponse {
        if self.member_id.is_empty() {
            self.claim_id().await;
        }
        self.send_join().await;
        self.receive_join().await
    }

    async fn send_join(&mut self) {
        let request = self.join_request("connect");
        self.connection.send(JOIN, &request).await;
    }

    async fn receive_join(&mut self) -> JoinGroupResponse {
        let joined = self.connection.receive::<JoinGroupRequest>(JOIN).await;
        assert_eq!(code(joined.error_code), Ok(()));
        self.member_id = joined.member_id.clone();
        self.generation = joined.generation_id;
        joined
    }

    async fn sync(&mut self, plan: &[(StrBytes, &'static str)]) -> Result<Bytes, ResponseError> {
        self.send_sync(plan).await;
        self.receive_sync().await
    }

    async fn send_sync(&mut self, plan: &[(StrBytes, &'static str)]) {
        let give = |(member_id, assignment): &(StrBytes, &'static str)| {
            SyncGroupRequestAssignment::default()
                .with_member_id(member_id.clone())
                .with_assignment(Bytes::from_static(assignment.as_bytes()))
        };
        let request = SyncGroupRequest::default()
            .with_group_id(GroupId(text(&self.group)))
            .with_generation_id(self.generation)
            .with_member_id(self.member_id.clone())
            .with_group_instance_id(self.instance_id.as_deref().map(text))
            .with_protocol_type(Some(text("connect")))
            .with_protocol_name(Some(text("sessioned")))
            .with_assignments(plan.iter().map(give).collect());
        self.connection.send(SYNC, &request).await;
    }

    async fn receive_sync(&mut self) -> Result<Bytes, ResponseError> {
        let synced = self.connection.receive::<SyncGroupRequest>(SYNC).await;
        code(synced.error_code).map(|()| synced.assignment)
    }

    async fn heartbeat(&mut self) -> Result<(), ResponseError> {
        let request = HeartbeatRequest::default()
            .with_group_id(GroupId(text(&self.group)))
            .with_generation_id(self.generation)
            .with_member_id(self.member_id.clone())
            .with_group_instance_id(self.instance_id.as_deref().map(text));
        code(self.connection.call(HEARTBEAT, &request).await.error_code)
    }

    async fn leave(&mut self) {
        let member = MemberIdentity::default()
            .with_member_id(self.member_id.clone())
            .with_group_instance_id(self.instance_id.as_deref().map(text));
        let request =
            LeaveGroupRequest::default().with_group_id(GroupId(text(&self.group))).with_members(vec![member]);
        let left = self.connection.call(LEAVE, &request).await;
        assert_eq!((code(left.error_code), code(left.members[0].error_code)), (Ok(()), Ok(())));
    }
}

fn text(text: &str) -> StrBytes {
    StrBytes::from_string(text.to_owned())
}

fn code(code: i16) -> Result<(), ResponseError> {
    ResponseError::try_from_code(code).map_or(Ok(()), Err)
}
