//! Members that vanish, and a broker that does.

use std::time::{Duration, Instant};

use bytes::Bytes;
use connect_cluster::{
    connection::{BrokerConnection, ConnectionSettings},
    membership::{GroupEvent, JoinState, LossCause, remove_static_members},
    protocol::{GroupProtocol, MemberState},
};
use connect_tests::{
    kafka::{Kafka, shared, unique},
    wait,
};
use kafka_protocol::{
    messages::{
        GroupId, JoinGroupRequest, JoinGroupResponse, SyncGroupRequest,
        join_group_request::JoinGroupRequestProtocol, sync_group_request::SyncGroupRequestAssignment,
    },
    protocol::StrBytes,
};

use super::echo::{Echo, Told, one_each, plain, settings};

/// A member made of single requests, which never sends a heartbeat.
pub(crate) struct Silent {
    connection: BrokerConnection,
    group: String,
    kind: &'static str,
}

impl Silent {
    pub(crate) async fn new(bootstrap: &str, group: &str, kind: &'static str) -> Self {
        let settings =
            ConnectionSettings::from_props(&plain(bootstrap).into_iter().collect()).expect("valid");
        let connection =
            BrokerConnection::open(&settings.bootstrap[0], &settings).await.expect("a connection");
        Self { connection, group: group.to_owned(), kind }
    }

    /// Joins and leads a first round; its session ends `session_ms` later. With an instance it is a static member.
    pub(crate) async fn lead(&mut self, session_ms: i32, instance: Option<&str>) -> String {
        let mut member = String::new();
        let joined = loop {
            let answer = self.join(session_ms, instance, &member).await;
            member = answer.member_id.to_string();
            match answer.error_code {
                0 => break answer,
                79 => {}
                // The coordinator's topic is being made.
                14..=16 => tokio::time::sleep(Duration::from_millis(100)).await,
                code => panic!("joining: {code}"),
            }
        };
        assert_eq!(joined.leader, joined.member_id);
        let given = SyncGroupRequestAssignment::default()
            .with_member_id(joined.member_id.clone())
            .with_assignment(Bytes::new());
        let request = SyncGroupRequest::default()
            .with_group_id(GroupId(text(&self.group)))
            .with_generation_id(joined.generation_id)
            .with_member_id(joined.member_id)
            .with_group_instance_id(instance.map(text))
            .with_protocol_type(Some(text(self.kind)))
            .with_protocol_name(Some(text("sessioned")))
            .with_assignments(vec![given]);
        assert_eq!(self.connection.call(&request).await.expect("an answer").error_code, 0);
        member
    }

    async fn join(&mut self, session_ms: i32, instance: Option<&str>, member: &str) -> JoinGroupResponse {
        let state = MemberState { url: "http://silent:1/".to_owned(), offset: 0, allocation: None };
        let protocol = JoinGroupRequestProtocol::default()
            .with_name(text("sessioned"))
            .with_metadata(state.encode(GroupProtocol::Sessioned));
        let request = JoinGroupRequest::default()
            .with_group_id(GroupId(text(&self.group)))
            .with_session_timeout_ms(session_ms)
            .with_rebalance_timeout_ms(60_000)
            .with_member_id(text(member))
            .with_group_instance_id(instance.map(text))
            .with_protocol_type(text(self.kind))
            .with_protocols(vec![protocol]);
        self.connection.call(&request).await.expect("an answer")
    }
}

fn text(value: &str) -> StrBytes {
    StrBytes::from_string(value.to_owned())
}

#[tokio::test(flavor = "multi_thread")]
async fn follower_leads_after_the_leaders_session_has_ended() {
    let (kafka, group) = (shared(), unique("takeover"));
    // The coordinator is certain to be found after another client found it.
    Echo::new(settings(&plain(&kafka.bootstrap()), &group, "first").expect("valid")).assigned().await;
    let mut silent = Silent::new(&kafka.bootstrap(), &unique("takeover"), "connect").await;
    let gone = silent.lead(6000, None).await;
    let group = silent.group.clone();
    let mut member = Echo::new(settings(&plain(&kafka.bootstrap()), &group, "one").expect("valid"));
    let start = Instant::now();
    let Told::Leading(members) = member.until(|told| matches!(told, Told::Leading(_))).await else {
        panic!("not leading")
    };
    assert!(!members.contains(&gone) && members.len() == 1, "{members:?}");
    assert!(start.elapsed() < wait::AT_ONCE, "{:?}", start.elapsed());
}

#[tokio::test(flavor = "multi_thread")]
async fn group_of_another_kind_is_refused_by_naming_its_type() {
    let (kafka, group) = (shared(), unique("registry"));
    Echo::new(settings(&plain(&kafka.bootstrap()), &unique("warm"), "first").expect("valid"))
        .assigned()
        .await;
    let mut silent = Silent::new(&kafka.bootstrap(), &group, "registry").await;
    silent.lead(60_000, None).await;
    let mut member = Echo::new(settings(&plain(&kafka.bootstrap()), &group, "one").expect("valid"));
    let text = member.failed().await;
    assert!(
        text.contains("is a group of type `registry`") && text.contains("choose another `group.id`"),
        "{text}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn static_member_is_removed_by_its_instance_and_only_once() {
    let (kafka, group) = (shared(), unique("static"));
    let props = plain(&kafka.bootstrap());
    let settings = settings(&props, &unique("warm"), "first").expect("valid");
    let connection = settings.connection.clone();
    Echo::new(settings).assigned().await;
    let mut silent = Silent::new(&kafka.bootstrap(), &group, "connect").await;
    let first = silent.lead(60_000, Some("c-0")).await;
    for _ in 0..2 {
        remove_static_members(&connection, &group, &["c-0", "c-1"]).await.expect("removed");
    }
    let start = Instant::now();
    let next = silent.lead(60_000, Some("c-0")).await;
    assert!(next != first && start.elapsed() < wait::AT_ONCE, "{:?}", start.elapsed());
}

#[tokio::test(flavor = "multi_thread")]
async fn round_that_takes_longer_than_a_session_costs_nobody_its_place() {
    let (kafka, group) = (shared(), unique("slow-round"));
    let member = |name: &str| Echo::new(settings(&plain(&kafka.bootstrap()), &group, name).expect("valid"));
    let (mut one, mut two) = (member("one"), member("two"));
    let first = one.settle_with(&mut two).await;
    let pause = Duration::from_secs(8);
    let both_hold = async |one: &mut Echo, two: &mut Echo| {
        let start = Instant::now();
        while start.elapsed() < pause {
            assert!(one.handle.holds_place() && two.handle.holds_place(), "after {:?}", start.elapsed());
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        assert!(one.waiting().is_none() && two.waiting().is_none());
    };

    // One waits in its join for the other, whose herder thinks. A follower that joins with nothing new to tell would
    // be given the present generation again.
    one.offset = 1;
    one.handle.rejoin();
    assert_eq!(one.step().await, Told::Joining);
    let GroupEvent::Joining { reply, .. } = two.take().await else { panic!("not joining") };
    both_hold(&mut one, &mut two).await;
    reply.send(JoinState { offset: 0, allocation: None }).expect("still awaited");

    // The follower waits for the leader, whose herder thinks.
    let (leading, mut leader, mut follower) = tokio::select! {
        event = one.take() => (event, one, two),
        event = two.take() => (event, two, one),
    };
    let GroupEvent::Leading { round, reply } = leading else { panic!("not leading: {leading:?}") };
    both_hold(&mut leader, &mut follower).await;
    reply.send(one_each(&round)).expect("still awaited");
    let (led, followed) = tokio::join!(leader.step(), follower.step());
    for told in [led, followed] {
        assert!(matches!(told, Told::Assigned { generation, .. } if generation == first + 1), "{told:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn members_survive_a_broker_that_restarts_and_one_that_stands_still() {
    let mut kafka = Kafka::start();
    let group = unique("restart");
    let member = |name: &str| Echo::new(settings(&plain(&kafka.bootstrap()), &group, name).expect("valid"));
    let (mut one, mut two) = (member("one"), member("two"));
    let first = one.settle_with(&mut two).await;

    let start = Instant::now();
    kafka.freeze();
    let lost = |told: &Told| matches!(told, Told::Lost(_));
    assert_eq!(one.until(lost).await, Told::Lost(LossCause::Expired));
    let waited = start.elapsed();
    assert!(waited > Duration::from_secs(3) && waited < wait::AT_ONCE, "{waited:?}");
    assert_eq!(two.until(lost).await, Told::Lost(LossCause::Expired));
    assert!(!one.handle.holds_place() && !two.handle.holds_place());
    kafka.thaw();
    assert!(one.settle_with(&mut two).await > first);

    kafka.kill();
    assert_eq!(one.until(lost).await, Told::Lost(LossCause::Expired));
    kafka.restart();
    one.settle_with(&mut two).await;
    assert_eq!(one.handle.members().await.expect("described").len(), 2);
    assert_eq!(one.handle.stage(), "a member of the group");
}
