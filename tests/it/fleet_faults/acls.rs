//! A worker whose user may log in and nothing else, until each missing ACL has been named and given; and users whose
//! password is wrong.

use std::time::Instant;

use connect_cluster::connection::{BrokerConnection, ConnectionSettings};
use connect_tests::{
    group::Group,
    kafka::KafkaClient,
    secured_kafka::{GUEST, Listener, SecuredKafka, USER, login},
    sluice::{Setup, Sluice},
    wait,
};
use kafka_protocol::{
    messages::{CreateAclsRequest, create_acls_request::AclCreation},
    protocol::StrBytes,
};
use serde_json::{Value, json};

use super::{assert_holds, last_error, refused};
use crate::support::{file_sink, with};

const GROUP: &str = "acls";
const LINES: &str = "acls-lines";

/// Kinds of resources and operations, by their numbers in Kafka's protocol.
const TOPIC: i8 = 2;
const CONSUMERS: i8 = 3;
const TRANSACTIONS: i8 = 5;
const READ: i8 = 3;
const WRITE: i8 = 4;
const CREATE: i8 = 5;
const DESCRIBE: i8 = 8;

/// A right that a worker needs, and how its absence is told.
struct Right {
    told: String,
    kind: i8,
    name: String,
    operation: i8,
    ends_worker: bool,
}

impl Right {
    fn new(kind: i8, name: &str, operation: i8, told: &str) -> Self {
        let told = told.replace("<name>", name);
        Self { told, kind, name: name.to_owned(), operation, ends_worker: false }
    }

    /// Says that a worker without it ends; without others it lives until they are given.
    fn ending(self) -> Self {
        Self { ends_worker: true, ..self }
    }
}

// One test, because one broker serves it: its start costs more than everything after it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_missing_right_is_named_and_wrong_passwords_end_a_worker() {
    let kafka = SecuredKafka::start();
    wrong_passwords_end_a_worker(&kafka);
    let mut broker = connection(&kafka).await;
    let mut worker = member(&kafka, "PLAIN", GUEST).spawn();
    climb(&mut worker, &mut broker, rights_of_a_worker()).await;
    worker.ready().await;
    worker.terminate();

    let exactly_once = member(&kafka, "PLAIN", GUEST).property("exactly.once.source.support", "enabled");
    let mut worker = exactly_once.spawn();
    let leader = format!("connect-cluster-{GROUP}");
    let told = "WRITE and DESCRIBE on the transactional id `<name>`";
    climb(&mut worker, &mut broker, vec![Right::new(TRANSACTIONS, &leader, WRITE, told)]).await;
    worker.ready().await;
    let client = KafkaClient::new(&kafka.bootstrap(Listener::Plaintext));
    client.create_topic(LINES, 1).await;
    a_sink_names_what_its_consumer_lacks(&mut worker, &mut broker).await;
    a_source_names_what_its_producer_lacks(&mut worker, &mut broker).await;
}

fn wrong_passwords_end_a_worker(kafka: &SecuredKafka) {
    for (mechanism, reason) in [
        ("PLAIN", "Invalid username or password"),
        ("SCRAM-SHA-512", "invalid credentials with SASL mechanism SCRAM-SHA-512"),
    ] {
        let start = Instant::now();
        let log = refused(member(kafka, mechanism, (USER.0, "wrong-secret")), 2);
        assert_holds(
            last_error(&log),
            &["authenticating to the Kafka brokers", &kafka.bootstrap(Listener::SaslSsl), reason],
        );
        assert!(!log.contains("wrong-secret"), "a password is in the log: {log}");
        assert!(start.elapsed() < wait::LIMIT / 2, "{:?}", start.elapsed());
        assert!(log.lines().count() < 30, "{log}");
    }
}

fn rights_of_a_worker() -> Vec<Right> {
    let mut rights = Vec::new();
    for topic in ["configs", "offsets", "status"] {
        let name = format!("{GROUP}-{topic}");
        rights.push(Right::new(TOPIC, &name, CREATE, "CREATE on the topic `<name>`").ending());
        rights.push(Right::new(TOPIC, &name, DESCRIBE, "needs DESCRIBE on the topic `<name>`").ending());
        rights.push(Right::new(TOPIC, &name, READ, "READ and DESCRIBE on the topic `<name>`"));
    }
    let configs = format!("{GROUP}-configs");
    rights.push(Right::new(TOPIC, &configs, WRITE, "WRITE on the topic `<name>`"));
    rights.push(Right::new(CONSUMERS, GROUP, READ, "READ and DESCRIBE on group `<name>`").ending());
    rights
}

/// Gives right after right, each when its absence was told, until the worker has them all.
async fn climb(worker: &mut Sluice, broker: &mut BrokerConnection, mut rights: Vec<Right>) {
    let mut seen = 0;
    while !rights.is_empty() {
        let found = wait::until("a missing right", wait::LIMIT, async || {
            let log = worker.log();
            let new: String = log.lines().skip(seen).filter(|line| is_complaint(line)).collect();
            rights.iter().position(|right| new.contains(&right.told)).ok_or(log)
        })
        .await;
        let right = rights.remove(found);
        grant(broker, &right).await;
        if right.ends_worker {
            worker.wait(wait::LIMIT);
            seen = worker.log().lines().count();
            worker.restart();
        }
    }
}

fn is_complaint(line: &str) -> bool {
    line.contains("] ERROR ") || line.contains("] WARN ")
}

async fn a_sink_names_what_its_consumer_lacks(worker: &mut Sluice, broker: &mut BrokerConnection) {
    worker.create("sink", &file_sink(LINES, "/dev/null")).await;
    let status = format!("{GROUP}-status");
    let right = Right::new(TOPIC, &status, WRITE, "WRITE on the topic `<name>`");
    climb(worker, broker, vec![right]).await;
    // What was refused is stored later, so the connector's state is seen without a restart.
    let rights = [
        Right::new(CONSUMERS, "connect-sink", READ, "READ on the consumer group"),
        Right::new(TOPIC, LINES, READ, "READ and DESCRIBE on the topic"),
    ];
    fail_until_given(worker, broker, "sink", rights.into()).await;
}

async fn a_source_names_what_its_producer_lacks(worker: &mut Sluice, broker: &mut BrokerConnection) {
    let file = worker.folder().join("in");
    std::fs::write(&file, "line\n").expect("a file is written");
    let source = json!({ "connector.class": "FileStreamSource", "tasks.max": "1", "topic": LINES });
    worker.create("source", &with(source, json!({ "file": file }))).await;
    let id = format!("{GROUP}-source-0");
    let rights = [
        Right::new(TRANSACTIONS, &id, WRITE, "WRITE and DESCRIBE on the transactional id `<name>`"),
        Right::new(TOPIC, LINES, WRITE, "WRITE on the topic"),
        Right::new(TOPIC, &format!("{GROUP}-offsets"), WRITE, "WRITE on the topic"),
    ];
    fail_until_given(worker, broker, "source", rights.into()).await;
    wait::until("the source's offset", wait::LIMIT, async || {
        let (_, offsets) = worker.get("/connectors/source/offsets").await;
        if offsets["offsets"][0]["offset"]["position"] == json!(5) { Ok(()) } else { Err(offsets) }
    })
    .await;
}

/// Gives the rights that the traces of a failing connector name, until its task runs.
async fn fail_until_given(
    worker: &mut Sluice,
    broker: &mut BrokerConnection,
    name: &str,
    mut rights: Vec<Right>,
) {
    while !rights.is_empty() {
        let found = wait::until(&format!("{name} failing by a missing right"), wait::LIMIT, async || {
            let (_, status) = worker.get(&format!("/connectors/{name}/status")).await;
            let trace = status["tasks"][0]["trace"].as_str().unwrap_or_default();
            let found = rights.iter().position(|right| trace.contains(&right.told));
            found.ok_or(status)
        })
        .await;
        let right = rights.remove(found);
        grant(broker, &right).await;
        let path = format!("/connectors/{name}/restart?includeTasks=true&onlyFailed=false");
        worker.api().settled("POST", &path, None, 202).await;
    }
    wait::until(&format!("{name} running"), wait::LIMIT, async || {
        let (_, status) = worker.get(&format!("/connectors/{name}/status")).await;
        if status["tasks"][0]["state"] == json!("RUNNING") { Ok(()) } else { Err::<(), Value>(status) }
    })
    .await;
}

fn member(kafka: &SecuredKafka, mechanism: &str, user: (&str, &str)) -> Setup {
    let group = Group::new(&kafka.bootstrap(Listener::SaslSsl), GROUP);
    let client = [kafka.client(Listener::SaslSsl), login(mechanism, user)].concat();
    let mut setup = Setup::member(&group);
    for (key, value) in client.iter().filter(|(key, _)| key != "bootstrap.servers") {
        for prefix in ["", "producer.", "consumer.", "admin."] {
            setup = setup.property(&format!("{prefix}{key}"), value);
        }
    }
    setup
}

async fn connection(kafka: &SecuredKafka) -> BrokerConnection {
    let client = kafka.client(Listener::Plaintext).into_iter().collect();
    let settings = ConnectionSettings::from_props(&client).expect("valid settings");
    BrokerConnection::open(&settings.bootstrap[0], &settings).await.expect("a connection")
}

async fn grant(broker: &mut BrokerConnection, right: &Right) {
    const LITERAL: i8 = 3;
    const ALLOW: i8 = 3;
    let text = |value: &str| StrBytes::from_string(value.to_owned());
    let acl = AclCreation::default()
        .with_resource_type(right.kind)
        .with_resource_name(text(&right.name))
        .with_resource_pattern_type(LITERAL)
        .with_principal(text(&format!("User:{}", GUEST.0)))
        .with_host(text("*"))
        .with_operation(right.operation)
        .with_permission_type(ALLOW);
    let answer = broker.call(&CreateAclsRequest::default().with_creations(vec![acl])).await;
    let results = answer.expect("the broker answers").results;
    assert!(results.iter().all(|result| result.error_code == 0), "{results:?}");
}
