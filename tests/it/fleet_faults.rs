//! Workers of a group whose topics, addresses, rights or neighbours are not as they should be: each says clearly what
//! is wrong, changes nothing, and what can go on goes on.

mod acls;
mod members;
mod records;

use connect_tests::{
    group::Group,
    kafka::{self, unique},
    sluice::{Setup, Sluice},
    wait,
};
use rdkafka::{
    ClientConfig,
    admin::{AdminClient, AdminOptions, NewTopic, TopicReplication},
    client::DefaultClientContext,
};

const TOPICS: [(&str, &str); 3] = [
    ("configs", "config.storage.topic"),
    ("offsets", "offset.storage.topic"),
    ("status", "status.storage.topic"),
];

/// Starts a worker that cannot begin, and returns its log.
fn refused(setup: Setup, code: i32) -> String {
    let mut worker = setup.spawn();
    let status = worker.wait(wait::LIMIT);
    let log = worker.log();
    assert_eq!(status.code(), Some(code), "{log}");
    log
}

/// Returns the last ERROR of a worker's log.
fn last_error(log: &str) -> &str {
    log.lines().rev().find(|line| line.contains("] ERROR ")).unwrap_or_default()
}

fn assert_holds(text: &str, parts: &[&str]) {
    assert!(parts.iter().all(|part| text.contains(part)), "{parts:?} are not all in: {text}");
}

fn await_all(worker: &mut Sluice, parts: &[&str]) {
    for part in parts {
        worker.await_log(part);
    }
}

async fn create_topic(bootstrap: &str, name: &str, partitions: i32, policy: &str) {
    let admin: AdminClient<DefaultClientContext> =
        ClientConfig::new().set("bootstrap.servers", bootstrap).create().expect("an admin client is made");
    let topic = NewTopic::new(name, partitions, TopicReplication::Fixed(1)).set("cleanup.policy", policy);
    let made = admin.create_topics(&[topic], &AdminOptions::new()).await.expect("the broker answers");
    assert!(made.iter().all(Result::is_ok), "creating topic {name}: {made:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_internal_topic_that_would_lose_records_is_refused_by_its_name_and_nothing_is_written() {
    let broker = kafka::shared();
    for (topic, property) in TOPICS {
        for policy in ["delete", "compact,delete"] {
            let group = Group::new(&broker.bootstrap(), &unique("policy"));
            let topic = format!("{}-{topic}", group.name());
            create_topic(&broker.bootstrap(), &topic, 1, policy).await;
            let log = refused(Setup::member(&group), 1);
            let found = format!("'cleanup.policy={policy}'");
            assert_holds(
                last_error(&log),
                &[&format!("Topic '{topic}'"), &format!("'{property}'"), &found, "'cleanup.policy=compact'"],
            );
            assert!(!log.contains("Joined group"), "{log}");
            assert_eq!(broker.client().end_offsets(&topic, 1), [0], "nothing is written to {topic}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_config_topic_of_two_partitions_is_refused_by_its_name_and_nothing_is_written() {
    let broker = kafka::shared();
    let group = Group::new(&broker.bootstrap(), &unique("two-partitions"));
    let topic = format!("{}-configs", group.name());
    create_topic(&broker.bootstrap(), &topic, 2, "compact").await;
    let log = refused(Setup::member(&group), 1);
    let found = "required to have a single partition in order to guarantee consistency of connector \
                 configurations, but found 2 partitions";
    assert_holds(
        last_error(&log),
        &[&format!("Topic '{topic}' supplied via the 'config.storage.topic' property"), found],
    );
    assert!(!log.contains("Joined group"), "{log}");
    assert_eq!(broker.client().end_offsets(&topic, 2), [0, 0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn more_replicas_than_brokers_are_refused_with_the_property_and_the_topic() {
    let broker = kafka::shared();
    let group = Group::new(&broker.bootstrap(), &unique("replicas"));
    let group = group.property("status.storage.replication.factor", "3");
    let mut worker = Setup::member(&group).spawn();
    // More brokers may come, so it is tried for a minute; it says so meanwhile.
    await_all(
        &mut worker,
        &["creating an internal topic is tried again", &format!("{}-status", group.name())],
    );
    assert!(worker.terminate().success(), "{}", worker.log());
}
