//! Memberships against the embedded broker, with its faults.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::{Duration, Instant},
};

use dev_broker::{ApiKey, Broker, BrokerConfig, Fault, FaultRule, ResponseError};
use tempfile::TempDir;
use tokio::{sync::mpsc, time::timeout};

use super::*;
use crate::{
    connection::{BrokerAddress, ConnectionSettings},
    protocol::{Assignment, AssignmentError, GroupProtocol},
    work::Work,
};

/// Longer than the slowest machine needs for anything.
const LIMIT: Duration = Duration::from_secs(60);

struct Scene {
    _folder: TempDir,
    broker: Broker,
}

impl Scene {
    async fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder is made");
        let broker = Broker::start(BrokerConfig::new(folder.path())).await.expect("a broker starts");
        Self { _folder: folder, broker }
    }

    fn settings(&self, name: &str) -> GroupSettings {
        let address = self.broker.address();
        let props = [
            ("bootstrap.servers", format!("{}:{}", address.ip(), address.port())),
            ("retry.backoff.ms", "20".to_owned()),
            ("retry.backoff.max.ms", "100".to_owned()),
            ("reconnect.backoff.max.ms", "100".to_owned()),
        ];
        let props = props.into_iter().map(|(key, value)| (key.to_owned(), value)).collect();
        GroupSettings {
            group: "fleet".to_owned(),
            url: format!("http://{name}:8083/"),
            client_id: format!("sluice-{name}"),
            protocol: GroupProtocol::Sessioned,
            session_timeout: Duration::from_secs(4),
            rebalance_timeout: Duration::from_secs(7),
            heartbeat_interval: Duration::from_millis(100),
            connection: ConnectionSettings::from_props(&props).expect("valid settings"),
        }
    }

    fn join(&self, name: &str) -> Herder {
        Herder::new(self.settings(name))
    }

    /// Joins with a session that no load on the machine outlasts.
    fn join_for_long(&self, name: &str) -> Herder {
        Herder::new(GroupSettings { session_timeout: LIMIT, ..self.settings(name) })
    }
}

/// A herder that gives connector `c` as many tasks as there are members, one each.
struct Herder {
    handle: GroupHandle,
    events: mpsc::UnboundedReceiver<GroupEvent>,
    offset: i64,
}

/// What a herder saw, without the ways back.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Seen {
    Joining,
    Leading(i32, i32, BTreeSet<String>),
    Assigned(i32, String, usize),
    Lost(LossCause),
    Failed(String),
    End,
}

impl Herder {
    fn new(settings: GroupSettings) -> Self {
        let (handle, events) = spawn(settings).expect("a thread starts");
        Self { handle, events, offset: 7 }
    }

    /// Takes the next event and answers it.
    async fn step(&mut self) -> Seen {
        let event = timeout(LIMIT, self.events.recv()).await.expect("an event comes in time");
        match event {
            None => Seen::End,
            Some(GroupEvent::Joining { reply, .. }) => {
                drop(reply.send(JoinState { offset: self.offset, allocation: None }));
                Seen::Joining
            }
            Some(GroupEvent::Leading { round, reply }) => {
                let members = round.members.keys().cloned().collect();
                let seen = Seen::Leading(round.generation, round.last_completed_generation, members);
                drop(reply.send(assign(&round)));
                seen
            }
            Some(GroupEvent::Assigned { generation, member_id, assignment, protocol }) => {
                assert_eq!((assignment.version, protocol), (2, GroupProtocol::Sessioned));
                Seen::Assigned(generation, member_id, assignment.assigned.tasks.len())
            }
            Some(GroupEvent::Lost(cause)) => Seen::Lost(cause),
            Some(GroupEvent::Failed(text)) => Seen::Failed(text),
        }
    }

    /// Steps until something satisfies `wanted`, and returns all that was seen.
    async fn until(&mut self, wanted: impl Fn(&Seen) -> bool) -> Vec<Seen> {
        let mut all = Vec::new();
        loop {
            let seen = self.step().await;
            assert_ne!(seen, Seen::End, "after {all:?}");
            all.push(seen);
            if all.last().is_some_and(&wanted) {
                return all;
            }
        }
    }

    async fn assigned(&mut self) -> (i32, String) {
        let all = self.until(|seen| matches!(seen, Seen::Assigned(..))).await;
        match all.last() {
            Some(Seen::Assigned(generation, member, 1)) => (*generation, member.clone()),
            other => panic!("not one task: {other:?}"),
        }
    }
}

/// Answers both herders until they hold places in one generation, however many rounds they need to meet.
async fn meet(one: &mut Herder, two: &mut Herder) {
    let mut generations = [None, None];
    while generations[0].is_none() || generations[0] != generations[1] {
        let (herder, seen) = tokio::select! {
            seen = one.step() => (0, seen),
            seen = two.step() => (1, seen),
        };
        if let Seen::Assigned(generation, ..) = seen {
            generations[herder] = Some(generation);
        }
    }
}

fn assign(round: &Round) -> BTreeMap<String, Assignment> {
    let numbered = round.members.keys().enumerate();
    let given = numbered.map(|(number, member)| {
        let task = connect_core::task::TaskId { connector: "c".into(), task: number as u32 };
        let assignment = Assignment {
            version: round.protocol.version(),
            error: AssignmentError::None,
            leader: round.leader.clone(),
            leader_url: round.members[&round.leader].url.clone(),
            offset: 7,
            assigned: Work { tasks: [task].into(), ..Work::default() },
            revoked: Work::default(),
            delay_ms: 0,
        };
        (member.clone(), assignment)
    });
    given.collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn first_member_leads_and_second_starts_a_round_that_both_complete() {
    let scene = Scene::new().await;
    let mut one = scene.join_for_long("one");
    assert_eq!(one.step().await, Seen::Joining);
    let Seen::Leading(generation, -1, members) = one.step().await else { panic!("not leading") };
    let Seen::Assigned(assigned, id, 1) = one.step().await else { panic!("not assigned") };
    assert_eq!((assigned, members), (generation, BTreeSet::from([id.clone()])));
    assert!(id.starts_with("sluice-one-"), "{id}");
    assert!(one.handle.holds_place());

    let mut two = scene.join_for_long("two");
    let (seen, other) = tokio::join!(one.until(|seen| matches!(seen, Seen::Assigned(..))), two.assigned());
    let both = BTreeSet::from([id.clone(), other.1]);
    let Some(Seen::Leading(next, last, members)) = seen.get(1) else { panic!("{seen:?}") };
    assert_eq!((*last, members, *next), (generation, &both, other.0));
    assert_eq!(seen.last(), Some(&Seen::Assigned(other.0, id, 1)));

    let listed = two.handle.members().await.expect("described");
    let clients: BTreeSet<&str> = listed.iter().map(|member| member.client_id.as_str()).collect();
    assert_eq!(clients, BTreeSet::from(["sluice-one", "sluice-two"]));
    assert!(listed.iter().all(|member| both.contains(&member.member_id)));
}

#[tokio::test(flavor = "multi_thread")]
async fn rejoin_begins_a_round_and_leave_ends_the_membership_and_frees_its_place() {
    let scene = Scene::new().await;
    let mut one = scene.join_for_long("one");
    let (first, id) = one.assigned().await;
    one.handle.rejoin();
    assert_eq!(one.assigned().await, (first + 1, id));
    let mut two = scene.join_for_long("two");
    let (_, second) = tokio::join!(one.assigned(), two.assigned());

    let start = Instant::now();
    one.handle.leave().await;
    assert_eq!(one.step().await, Seen::End);
    assert!(!one.handle.holds_place() && one.handle.members().await == Err(GroupError::Ended));
    let seen = two.until(|seen| matches!(seen, Seen::Assigned(..))).await;
    assert!(seen.contains(&Seen::Leading(second.0 + 1, second.0, [second.1].into())), "{seen:?}");
    assert!(start.elapsed() < LIMIT / 2, "{:?}", start.elapsed());
}

#[tokio::test(flavor = "multi_thread")]
async fn member_whose_process_was_stopped_past_its_session_says_expired_first_and_joins_again() {
    let scene = Scene::new().await;
    let mut one = scene.join("one");
    let (_, id) = one.assigned().await;
    one.handle.freeze(Duration::from_millis(6500));
    tokio::time::sleep(Duration::from_millis(4500)).await;
    assert!(!one.handle.holds_place(), "the lease ends while the thread stands still");
    assert_eq!(one.step().await, Seen::Lost(LossCause::Expired));
    let (_, again) = one.assigned().await;
    assert_ne!(id, again, "the broker had forgotten the member");
}

#[tokio::test(flavor = "multi_thread")]
async fn short_stop_costs_nothing() {
    let scene = Scene::new().await;
    let settings = scene.settings("one");
    let mut one = Herder::new(GroupSettings { session_timeout: Duration::from_secs(6), ..settings });
    one.assigned().await;
    one.handle.freeze(Duration::from_millis(700));
    let quiet = timeout(Duration::from_millis(2500), one.events.recv()).await;
    assert!(quiet.is_err(), "{quiet:?}");
    assert!(one.handle.holds_place());
}

#[tokio::test(flavor = "multi_thread")]
async fn coordinator_that_cannot_be_reached_expires_the_place_and_is_found_again() {
    let scene = Scene::new().await;
    let mut one = scene.join("one");
    one.assigned().await;
    let start = Instant::now();
    scene.broker.faults().refuse_connections(true);
    assert_eq!(one.step().await, Seen::Lost(LossCause::Expired));
    let waited = start.elapsed();
    assert!(waited > Duration::from_secs(2) && waited < LIMIT / 2, "{waited:?}");
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert!(one.events.try_recv().is_err(), "the herder is not asked before a coordinator is found");
    assert_eq!(one.handle.stage(), "looking for the group's coordinator");
    scene.broker.faults().refuse_connections(false);
    one.assigned().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn lost_answers_and_moves_within_the_session_cost_nothing() {
    let scene = Scene::new().await;
    let mut one = scene.join("one");
    one.assigned().await;
    let faults = scene.broker.faults();
    faults.inject(FaultRule::new(ApiKey::Heartbeat, Fault::Disconnect).times(2));
    faults.inject(FaultRule::new(ApiKey::Heartbeat, Fault::Error(ResponseError::NotCoordinator)).times(2));
    faults.inject(
        FaultRule::new(ApiKey::Heartbeat, Fault::Error(ResponseError::CoordinatorLoadInProgress)).times(2),
    );
    let quiet = timeout(Duration::from_secs(2), one.events.recv()).await;
    assert!(quiet.is_err(), "{quiet:?}");
    assert_eq!(scene.broker.faults().injected(ApiKey::Heartbeat), 6);
}

#[tokio::test(flavor = "multi_thread")]
async fn fenced_member_says_so_and_joins_anew() {
    for error in [ResponseError::UnknownMemberId, ResponseError::IllegalGeneration] {
        let scene = Scene::new().await;
        let mut one = scene.join("one");
        one.assigned().await;
        scene.broker.faults().fail(ApiKey::Heartbeat, error, 1);
        assert_eq!(one.step().await, Seen::Lost(LossCause::Fenced), "{error:?}");
        one.assigned().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn errors_of_joins_and_synchronisations_that_pass_are_tried_again() {
    for api in [ApiKey::FindCoordinator, ApiKey::JoinGroup, ApiKey::SyncGroup] {
        for fault in [
            Fault::Error(ResponseError::CoordinatorLoadInProgress),
            Fault::Error(ResponseError::NotCoordinator),
            Fault::Error(ResponseError::CoordinatorNotAvailable),
            Fault::Error(ResponseError::RebalanceInProgress),
            Fault::Disconnect,
        ] {
            let scene = Scene::new().await;
            scene.broker.faults().inject(FaultRule::new(api, fault.clone()).times(2));
            scene.join("one").assigned().await;
            assert_eq!(scene.broker.faults().injected(api), 2, "{api:?} {fault:?}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn leader_whose_synchronisation_failed_has_not_completed_the_generation() {
    let scene = Scene::new().await;
    scene
        .broker
        .faults()
        .inject(FaultRule::new(ApiKey::SyncGroup, Fault::Error(ResponseError::RebalanceInProgress)).times(1));
    let mut one = scene.join("one");
    let seen = one.until(|seen| matches!(seen, Seen::Assigned(..))).await;
    let completed: Vec<(i32, i32)> = seen
        .iter()
        .filter_map(|seen| match seen {
            Seen::Leading(generation, last, _) => Some((*generation, *last)),
            _ => None,
        })
        .collect();
    let [(first, -1), (second, -1)] = completed[..] else { panic!("{seen:?}") };
    // A broker may give the same generation again, as nothing about the member changed.
    assert!(second >= first);
    one.handle.rejoin();
    let seen = one.until(|seen| matches!(seen, Seen::Leading(..))).await;
    assert!(matches!(seen.last(), Some(Seen::Leading(_, last, _)) if *last == second), "{seen:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn herder_that_does_not_answer_loses_the_place_after_the_rebalance_timeout_and_is_asked_again() {
    let scene = Scene::new().await;
    let mut one = scene.join("one");
    let (_, id) = one.assigned().await;
    one.handle.rejoin();
    let unanswered = timeout(LIMIT, one.events.recv()).await.expect("in time");
    assert!(matches!(unanswered, Some(GroupEvent::Joining { .. })), "{unanswered:?}");
    let start = Instant::now();
    while start.elapsed() < Duration::from_millis(5500) {
        assert!(one.handle.holds_place(), "heartbeats go on while the herder thinks");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert_eq!(one.step().await, Seen::Lost(LossCause::Stalled));
    let waited = start.elapsed();
    assert!(waited > Duration::from_millis(6500) && waited < LIMIT / 2, "{waited:?}");
    assert_ne!(one.assigned().await.1, id);
}

#[tokio::test(flavor = "multi_thread")]
async fn member_whose_join_does_not_arrive_gives_up_its_place_before_the_round_goes_on_without_it() {
    let scene = Scene::new().await;
    let mut one = scene.join("one");
    one.assigned().await;
    let lost = FaultRule::new(ApiKey::JoinGroup, Fault::Disconnect).client("sluice-one");
    scene.broker.faults().inject(lost);
    let start = Instant::now();
    let mut two = scene.join("two");
    let handle = one.handle.clone();
    let leads_alone = async {
        two.until(|seen| matches!(seen, Seen::Leading(_, _, members) if members.len() == 1)).await;
        assert!(!handle.holds_place(), "two workers believe in their places after {:?}", start.elapsed());
    };
    let gives_up = async {
        let seen = one.until(|seen| matches!(seen, Seen::Lost(_))).await;
        (seen.last().cloned(), start.elapsed())
    };
    let ((lost, waited), ()) = tokio::join!(gives_up, leads_alone);
    assert_eq!(lost, Some(Seen::Lost(LossCause::Expired)));
    // Longer than a session: its heartbeats were acknowledged all the time.
    assert!(waited > Duration::from_secs(5) && waited < LIMIT / 2, "{waited:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn refusals_that_need_a_human_end_the_membership_with_what_to_do() {
    let scene = Scene::new().await;
    for (error, advice) in [
        (ResponseError::GroupAuthorizationFailed, "READ and DESCRIBE on group `fleet`"),
        (ResponseError::GroupMaxSizeReached, "`group.max.size`"),
        (ResponseError::InvalidSessionTimeout, "`session.timeout.ms`"),
    ] {
        scene.broker.faults().fail(ApiKey::JoinGroup, error, 1);
        let mut one = scene.join("one");
        assert_eq!(one.step().await, Seen::Joining);
        let Seen::Failed(text) = one.step().await else { panic!("{error:?} did not end it") };
        assert!(text.starts_with("joining group `fleet`: ") && text.contains(advice), "{text}");
        assert_eq!(one.step().await, Seen::End);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn leave_during_a_join_that_waits_for_others_does_not_wait() {
    let scene = Scene::new().await;
    let mut one = scene.join("one");
    one.assigned().await;
    // The first member does not answer `Joining`, so the second one's join stays open.
    let mut two = scene.join("two");
    assert_eq!(two.step().await, Seen::Joining);
    let asked = timeout(LIMIT, one.events.recv()).await.expect("in time");
    assert!(matches!(asked, Some(GroupEvent::Joining { .. })), "{asked:?}");
    let start = Instant::now();
    two.handle.leave().await;
    assert!(start.elapsed() < Duration::from_secs(5), "{:?}", start.elapsed());
    assert_eq!(two.step().await, Seen::End);
}

#[tokio::test(flavor = "multi_thread")]
async fn dropping_the_last_handle_leaves_the_group() {
    let scene = Scene::new().await;
    // Far longer than the test waits, so that a member which only falls silent fails it.
    let mut settings = scene.settings("one");
    settings.session_timeout = Duration::from_secs(300);
    let mut one = Herder::new(settings);
    let mut two = scene.join("two");
    meet(&mut one, &mut two).await;
    drop(one);
    loop {
        let seen = two.until(|seen| matches!(seen, Seen::Leading(..))).await;
        if matches!(seen.last(), Some(Seen::Leading(_, _, members)) if members.len() == 1) {
            break;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn bootstrap_list_with_hosts_that_are_gone_is_enough_if_one_answers() {
    let scene = Scene::new().await;
    let mut settings = scene.settings("one");
    let gone = |host: &str| BrokerAddress { host: host.to_owned(), port: 9 };
    settings.connection.bootstrap.insert(0, gone("127.0.0.1"));
    settings.connection.bootstrap.push(gone("no-such-host.invalid"));
    Herder::new(settings).assigned().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn static_members_that_are_not_in_the_group_count_as_removed() {
    let scene = Scene::new().await;
    let settings = scene.settings("one").connection;
    scene.broker.faults().fail(ApiKey::LeaveGroup, ResponseError::NotCoordinator, 2);
    remove_static_members(&settings, "consumers", &["c-0", "c-1"]).await.expect("nothing to remove");
    scene.broker.faults().fail(ApiKey::LeaveGroup, ResponseError::GroupAuthorizationFailed, 1);
    let refused = remove_static_members(&settings, "consumers", &["c-0"]).await.expect_err("refused");
    assert!(refused.to_string().contains("READ and DESCRIBE on group `consumers`"), "{refused}");
}
