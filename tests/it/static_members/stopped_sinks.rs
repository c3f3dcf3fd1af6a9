//! Sinks that are stopped: nothing of their tasks is left in their consumer group, so that their offsets can be
//! changed at once. And what workers agree on, on real runs: the protocol of a group, and keys that are replaced.

use std::{
    collections::BTreeSet,
    time::{Duration, Instant},
};

use connect_tests::{
    group::{Group, Member, await_picture},
    kafka::{self, unique},
    wait,
};
use serde_json::{Value, json};

use crate::support::file_sink;

/// A sink of two tasks, one on each of two workers.
struct World {
    topic: String,
    name: String,
    config: Value,
    folder: tempfile::TempDir,
    one: Member,
    two: Member,
}

impl World {
    async fn new(what: &str, set: &[(&str, &str)]) -> Self {
        let broker = kafka::shared();
        let group = Group::new(&broker.bootstrap(), &unique(what));
        let group = set.iter().fold(group, |group, (key, value)| group.property(key, value));
        let (topic, name) = (unique("stopped"), unique("sink"));
        let client = broker.client();
        client.create_topic(&topic, 2).await;
        for partition in 0..2 {
            client.produce(&topic, partition, ["one", "two", "three"]).await;
        }
        let folder = tempfile::tempdir().expect("a temporary folder is made");
        let mut config = file_sink(&topic, &folder.path().join("out").to_string_lossy());
        config["tasks.max"] = json!("2");
        let one = Member::sluice(&group).await;
        let two = Member::sluice(&group).await;
        one.api().create(&name, &config).await;
        Self { topic, name, config, folder, one, two }
    }

    async fn await_both(&self) {
        let ids = [self.one.worker_id(), self.two.worker_id()];
        await_picture("a task on each worker", wait::LIMIT, self.one.api(), |picture| {
            let owners: BTreeSet<&String> = picture.tasks.values().map(|(worker, _)| worker).collect();
            picture.runs_on(&ids, 1, 2) && owners.len() == 2
        })
        .await;
    }

    async fn call(&self, method: &str, rest: &str, body: Option<&Value>, status: u16) {
        self.one.api().settled(method, &format!("/connectors/{}{rest}", self.name), body, status).await;
    }

    /// Stops the sink and alters and resets its offsets; returns how long that took.
    async fn stop_and_change(&self) -> Duration {
        let start = Instant::now();
        self.call("PUT", "/stop", None, 204).await;
        let partition = json!({ "kafka_topic": self.topic, "kafka_partition": 0 });
        let body = json!({ "offsets": [{ "partition": partition, "offset": { "kafka_offset": 1 } }] });
        self.call("PATCH", "/offsets", Some(&body), 200).await;
        self.call("DELETE", "/offsets", None, 200).await;
        start.elapsed()
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn offsets_of_a_stopped_sink_change_at_once_also_when_it_was_paused_or_failed_or_its_worker_died() {
    let mut world = World::new("stopped-sink", &[]).await;
    world.await_both().await;
    let took = world.stop_and_change().await;
    assert!(took < wait::AT_ONCE, "running: {took:?}");

    world.call("PUT", "/resume", None, 202).await;
    world.await_both().await;
    world.call("PUT", "/pause", None, 202).await;
    world.one.api().await_task(&world.name, "PAUSED").await;
    let took = world.stop_and_change().await;
    assert!(took < wait::AT_ONCE, "paused: {took:?}");

    // Created again under the same name, with fewer tasks, while the deletion is still being carried out.
    world.call("PUT", "/resume", None, 202).await;
    world.await_both().await;
    world.call("DELETE", "", None, 204).await;
    world.config["tasks.max"] = json!("1");
    world.one.api().create(&world.name, &world.config).await;
    world.one.api().await_task(&world.name, "RUNNING").await;
    let took = world.stop_and_change().await;
    assert!(took < wait::AT_ONCE, "created again: {took:?}");

    world.config["tasks.max"] = json!("2");
    world.config["file"] = json!(world.folder.path().to_string_lossy());
    world.call("PUT", "/config", Some(&world.config), 200).await;
    world.call("PUT", "/resume", None, 202).await;
    world.one.api().await_task(&world.name, "FAILED").await;
    let took = world.stop_and_change().await;
    assert!(took < wait::AT_ONCE, "failed: {took:?}");

    world.config["file"] = json!(world.folder.path().join("out").to_string_lossy());
    world.call("PUT", "/config", Some(&world.config), 200).await;
    world.call("PUT", "/resume", None, 202).await;
    world.await_both().await;
    world.two.kill();
    let took = world.stop_and_change().await;
    assert!(took < wait::AT_ONCE, "its worker died: {took:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn workers_of_each_protocol_share_the_work_and_tell_it_in_their_metrics() {
    for (protocol, shown) in [("eager", "EAGER"), ("compatible", "COMPATIBLE"), ("sessioned", "SESSIONED")] {
        let world = World::new(protocol, &[("connect.protocol", protocol)]).await;
        world.await_both().await;
        for member in [&world.one, &world.two] {
            let (_, page) = member.api().get("/metrics").await;
            let page = page.as_str().expect("a page");
            let wanted = [
                format!("kafka_connect_worker_rebalance_connect_protocol{{connect_protocol=\"{shown}\"}} 1"),
                format!(
                    "kafka_connect_worker_rebalance_leader_name{{leader_name=\"{}/\"}} 1",
                    world.one.api().url()
                ),
                "kafka_connect_worker_rebalance_rebalancing 0".to_owned(),
            ];
            for line in wanted {
                assert!(page.lines().any(|it| it == line), "{protocol}: `{line}` is missing:\n{page}");
            }
        }
        let took = world.stop_and_change().await;
        assert!(took < wait::AT_ONCE, "{protocol}: {took:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn requests_between_workers_go_on_while_the_leader_replaces_the_key_that_signs_them() {
    let world = World::new("keys", &[("inter.worker.key.ttl.ms", "700")]).await;
    world.await_both().await;
    // Every second connector runs on the worker that does not lead: it sends its task configurations, signed.
    for number in 0..8 {
        let name = format!("{}-{number}", world.name);
        world.one.api().create(&name, &world.config).await;
        world.one.api().await_task(&name, "RUNNING").await;
    }
    let keys = world.one.log().matches("distributing a new session key").count();
    assert!(keys >= 3, "{keys} keys");
}
