//! Members that advertise addresses which lead nowhere or to another, and neighbours that speak something else.

use std::time::Duration;

use connect_tests::{
    group::Group,
    kafka::{self, unique},
    process::free_port,
    sluice::{Setup, Sluice},
    wait,
};
use rdkafka::{
    ClientConfig,
    consumer::{BaseConsumer, Consumer},
};
use serde_json::json;

use super::{assert_holds, await_all, last_error, refused};
use crate::{group_member::Silent, group_support::Scene, support::file_sink};

const ADVICE: &str = "check `rest.advertised.host.name`, `rest.advertised.port` and `listeners`";

fn port(worker: &Sluice) -> String {
    worker.url().rsplit(':').next().unwrap_or_default().to_owned()
}

/// Two workers of a scene, the second one with a property of its own, and data that flows through both.
async fn two(scene: &Scene, first: Setup, second: impl FnOnce(&Sluice) -> Setup) -> (Sluice, Sluice) {
    let first = first.start().await;
    scene.create(first.api()).await;
    let mut second = second(&first).start().await;
    second.await_log("took an assignment");
    scene.await_flow(wait::LIMIT).await;
    (first, second)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_workers_with_one_address_are_both_told_and_the_work_goes_on() {
    let broker = kafka::shared();
    let mut scene = Scene::new("same-address", &broker.bootstrap(), 2).await;
    let group = scene.group.clone();
    let same = |first: &Sluice| Setup::member(&group).property("rest.advertised.port", &port(first));
    let (mut first, mut second) = two(&scene, Setup::member(&group), same).await;
    let url = first.url();
    await_all(&mut first, &["several members advertise the same address", &url, ADVICE]);
    await_all(&mut second, &["the leader advertises the address of this worker", ADVICE]);
    scene.await_flow(wait::LIMIT).await;
    scene.check().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_second_worker_on_a_port_that_is_taken_ends_with_the_address_before_it_joins() {
    let broker = kafka::shared();
    let group = Group::new(&broker.bootstrap(), &unique("taken-port"));
    let first = Setup::member(&group).start().await;
    let listener = format!("http://127.0.0.1:{}", port(&first));
    let log = refused(Setup::member(&group).property("listeners", &listener), 2);
    assert_holds(last_error(&log), &[&port(&first), "in use"]);
    assert!(!log.contains("Joined group"), "{log}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_address_that_others_cannot_reach_is_told_by_them_and_costs_requests_only() {
    let broker = kafka::shared();
    let mut scene = Scene::new("unreachable", &broker.bootstrap(), 2).await;
    let closed = |group: &Group| {
        let port = free_port().to_string();
        (Setup::member(group).property("rest.advertised.port", &port), format!("http://127.0.0.1:{port}/"))
    };
    let ((leader, leader_url), (follower, follower_url)) = (closed(&scene.group), closed(&scene.group));
    let (mut leader, mut follower) = two(&scene, leader, |_| follower).await;
    let told = "a member of the group cannot be reached at the address it advertises";
    await_all(&mut leader, &[told, &follower_url, ADVICE]);
    await_all(&mut follower, &[told, &leader_url, ADVICE]);
    // The leader takes requests itself; the follower answers at once that it cannot.
    let body = json!({ "name": "late", "config": file_sink("t", "/dev/null") });
    let (status, answer) = follower.request("POST", "/connectors", Some(&body)).await;
    assert_eq!(status, 500, "{answer}");
    assert_holds(&answer.to_string(), &["IO Error trying to forward REST request"]);
    scene.await_flow(wait::LIMIT).await;
    scene.check().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_group_that_speaks_no_common_protocol_is_left_as_it_is() {
    let broker = kafka::shared();
    let group = Group::new(&broker.bootstrap(), &unique("protocols"));
    let mut other = Silent::new(&broker.bootstrap(), group.name(), "connect").await;
    // It speaks `sessioned` alone.
    other.lead(120_000, None).await;
    let log = refused(Setup::member(&group).property("connect.protocol", "eager"), 1);
    let name = format!("joining group `{}`", group.name());
    assert_holds(
        last_error(&log),
        &[&name, "its members speak `sessioned`, and this worker offers `default`;", "`connect.protocol`"],
    );
    assert_untouched(&broker, &group);
    // The very same worker finds its place where the protocols meet.
    let mut worker = Setup::member(&group).spawn();
    worker.await_log("took an assignment");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_group_of_consumers_is_left_to_them() {
    let broker = kafka::shared();
    let group = Group::new(&broker.bootstrap(), &unique("consumers"));
    let topic = format!("{}-lines", group.name());
    broker.client().create_topic(&topic, 1).await;
    let consumer: BaseConsumer = ClientConfig::new()
        .set("bootstrap.servers", broker.bootstrap())
        .set("group.id", group.name())
        .create()
        .expect("a consumer is made");
    consumer.subscribe(&[&topic]).expect("subscribed");
    let assigned = || consumer.assignment().expect("an assignment").count();
    connect_tests::wait::until_blocking("the consumer's assignment", wait::LIMIT, || {
        drop(consumer.poll(Duration::from_millis(100)));
        if assigned() == 1 { Ok(()) } else { Err(assigned()) }
    });
    let log = refused(Setup::member(&group), 1);
    assert_holds(&log, &["is a group of type `consumer`", "choose another `group.id`", group.name()]);
    assert_untouched(&broker, &group);
    drop(consumer.poll(Duration::from_millis(100)));
    assert_eq!(assigned(), 1, "the consumer keeps what it has");
}

/// Checks that a worker that may not join wrote nothing.
fn assert_untouched(broker: &kafka::SharedKafka, group: &Group) {
    for (topic, partitions) in [("configs", 1), ("offsets", 5), ("status", 5)] {
        let topic = format!("{}-{topic}", group.name());
        let ends = broker.client().end_offsets(&topic, partitions);
        assert!(ends.iter().all(|end| *end == 0), "{topic}: {ends:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_broker_that_is_not_there_is_told_at_a_bounded_rate_and_a_stop_is_heard() {
    let group = Group::new(&format!("127.0.0.1:{}", free_port()), &unique("no-broker"));
    let mut worker = Setup::member(&group).spawn();
    await_all(&mut worker, &["no answer from the brokers yet; still trying", "refused"]);
    let lines = worker.log().lines().count();
    assert!(lines < 20, "{}", worker.log());
    worker.signal("TERM");
    assert!(worker.wait(Duration::from_secs(10)).success(), "{}", worker.log());
}
