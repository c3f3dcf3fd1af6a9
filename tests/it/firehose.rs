//! The Firehose sink against a server that keeps the service's limits and fails entries, calls and answers.

use std::{
    collections::BTreeMap,
    process::Command,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
        mpsc::channel,
    },
    time::Duration,
};

use connect_tests::{
    firehose::{Firehose, Outcome},
    kafka::{self, KafkaClient},
    s3::ACCESS_KEY,
    services::repository,
    sluice::{Setup, Sluice, program},
    wait,
};
use fastrand::Rng;
use serde_json::{Value, json};

use crate::{
    kill::kill_seed,
    s3_options::{token_service, token_service_that_refuses},
    support::{committed, properties, with},
};

const STREAM: &str = "logs";

/// A topic, a server, and the sink between them.
struct Rig {
    broker: kafka::SharedKafka,
    client: KafkaClient,
    firehose: Arc<Firehose>,
    topic: String,
    name: String,
}

impl Rig {
    async fn new(prefix: &str, partitions: i32) -> Self {
        let broker = kafka::shared();
        let client = broker.client();
        let topic = kafka::unique(prefix);
        client.create_topic(&topic, partitions).await;
        let name = format!("{topic}-sink");
        Self { broker, client, firehose: Arc::new(Firehose::start(STREAM)), topic, name }
    }

    fn config(&self, more: Value) -> Value {
        let config = json!({
            "connector.class": "com.amazon.kinesis.kafka.FirehoseSinkConnector",
            "tasks.max": "1",
            "topics": self.topic,
            "region": "eu-west-1",
            "deliveryStream": STREAM,
            "kinesisEndpoint": self.firehose.url(),
            "batch": "true",
            "key.converter": "org.apache.kafka.connect.storage.StringConverter",
            "value.converter": "org.apache.kafka.connect.storage.StringConverter",
            "linger.ms": "20",
        });
        with(config, more)
    }

    fn setup(&self) -> Setup {
        let setup = Setup::new(&self.broker.bootstrap()).property("offset.flush.interval.ms", "200");
        setup.s3(&self.firehose.url())
    }

    async fn start(&self, more: Value) -> Sluice {
        let worker = self.setup().start().await;
        worker.create(&self.name, &self.config(more)).await;
        worker
    }

    async fn produce(&self, partition: i32, count: usize) {
        self.client.produce(&self.topic, partition, values(partition, 0..count)).await;
    }

    /// Returns how many records are committed.
    fn committed(&self, partitions: i32) -> usize {
        let sum: i64 = committed(&self.client, &self.name, &self.topic, partitions).iter().sum();
        usize::try_from(sum).expect("not negative")
    }

    async fn await_committed(&self, wanted: &[i64]) {
        let partitions = i32::try_from(wanted.len()).expect("few");
        wait::until("committed offsets", wait::LIMIT, async || {
            let committed = committed(&self.client, &self.name, &self.topic, partitions);
            if committed == wanted { Ok(()) } else { Err((committed, self.firehose.accepted().len())) }
        })
        .await;
    }
}

fn values(partition: i32, numbers: std::ops::Range<usize>) -> Vec<String> {
    numbers.map(|number| format!("{partition}-{number:06}")).collect()
}

/// Returns how often each text was accepted.
fn counts(firehose: &Firehose) -> BTreeMap<String, usize> {
    let mut counts = BTreeMap::new();
    for entry in firehose.accepted() {
        *counts.entry(String::from_utf8(entry).expect("text")).or_default() += 1;
    }
    counts
}

/// Fails each entry with a chance.
fn unlucky(share: f64) -> impl FnMut(&connect_tests::firehose::Call) -> Outcome + Send + 'static {
    let mut random = Rng::with_seed(7);
    move |call| Outcome::Fail((0..call.entries.len()).filter(|_| random.f64() < share).collect())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn failed_entries_alone_are_sent_again_and_each_record_arrives_once() {
    let rig = Rig::new("firehose-partial", 2).await;
    rig.firehose.set(unlucky(0.05));
    for partition in 0..2 {
        rig.produce(partition, 5_000).await;
    }
    let _worker = rig.start(json!({ "tasks.max": "2" })).await;
    rig.await_committed(&[5_000, 5_000]).await;
    let counts = counts(&rig.firehose);
    assert_eq!(counts.len(), 10_000, "none is lost");
    assert!(counts.values().all(|count| *count == 1), "none is accepted twice");
    let calls = rig.firehose.calls();
    let sent: usize = calls.iter().map(|call| call.entries.len()).sum();
    assert!((10_300..11_500).contains(&sent), "5 % of 10,000 are sent again, not whole requests: {sent}");
    assert!(calls.iter().any(|call| call.entries.len() == 500), "requests are full where they can be");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn throttles_errors_and_lost_answers_cost_repeats_of_unknown_outcomes_only() {
    let rig = Rig::new("firehose-faults", 1).await;
    rig.produce(0, 3_000).await;
    let lost = Arc::new(AtomicUsize::new(0));
    let (counted, mut number) = (Arc::clone(&lost), 0);
    rig.firehose.set(move |call| {
        number += 1;
        match number {
            2 => Outcome::Refuse(400, "ThrottlingException"),
            3 => Outcome::Refuse(503, "ServiceUnavailableException"),
            4 => Outcome::Refuse(500, "InternalFailure"),
            5 => Outcome::Silence,
            6 => {
                counted.fetch_add(call.entries.len(), Ordering::Relaxed);
                Outcome::LoseAnswer
            }
            _ => Outcome::Accept,
        }
    });
    let _worker = rig.start(json!({ "request.timeout.ms": "2000" })).await;
    rig.await_committed(&[3_000]).await;
    let counts = counts(&rig.firehose);
    assert_eq!(counts.keys().cloned().collect::<Vec<_>>(), values(0, 0..3_000), "none is lost");
    let repeats: usize = counts.values().map(|count| count - 1).sum();
    assert_eq!(repeats, lost.load(Ordering::Relaxed), "only what was accepted without an answer comes twice");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn records_that_firehose_never_takes_go_to_the_dead_letter_queue_and_the_others_through() {
    let rig = Rig::new("firehose-letters", 1).await;
    let letters = kafka::unique("letters");
    rig.client.create_topic(&letters, 1).await;
    let (large, refused) = ("x".repeat(900 * 1024), "refused".to_owned());
    // Its JSON form is larger than an entry may be.
    let escaped = "\"".repeat(600 * 1024);
    rig.client.produce(&rig.topic, 0, ["first", &large, &escaped, &refused, "last"]).await;
    rig.firehose.set(|call| match call.entries.iter().any(|entry| entry.starts_with(b"\"refused")) {
        true => Outcome::Refuse(400, "InvalidArgumentException"),
        false => Outcome::Accept,
    });
    let _worker = rig
        .start(json!({
            "errors.tolerance": "all",
            "errors.deadletterqueue.topic.name": letters,
            "errors.deadletterqueue.topic.replication.factor": "1",
            "record.delimiter": "\\n",
            "value.format": "json",
        }))
        .await;
    rig.await_committed(&[5]).await;
    let mut accepted: Vec<usize> = rig.firehose.accepted().iter().map(Vec::len).collect();
    accepted.sort_unstable();
    assert_eq!(accepted, ["'last'\n".len(), "'first'\n".len(), large.len() + 3]);
    let mut dead: Vec<usize> = rig.client.values(&letters, 0).iter().map(Vec::len).collect();
    dead.sort_unstable();
    assert_eq!(dead, [refused.len(), escaped.len()]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn where_order_is_kept_a_partition_arrives_in_order_request_by_request() {
    let rig = Rig::new("firehose-order", 3).await;
    for partition in 0..3 {
        rig.produce(partition, 2_000).await;
    }
    // Whole requests fail, so that order of acceptance shows what was sent before what.
    let mut random = Rng::with_seed(3);
    rig.firehose.set(move |call| match random.f64() < 0.3 {
        true => Outcome::Fail((0..call.entries.len()).collect()),
        false => Outcome::Accept,
    });
    let _worker = rig.start(json!({ "preserve.order": "true", "batchSize": "100" })).await;
    rig.await_committed(&[2_000, 2_000, 2_000]).await;
    let accepted: Vec<String> =
        rig.firehose.accepted().into_iter().map(|entry| String::from_utf8(entry).expect("text")).collect();
    for partition in 0..3 {
        let prefix = format!("{partition}-");
        let of_partition: Vec<&String> = accepted.iter().filter(|text| text.starts_with(&prefix)).collect();
        assert_eq!(of_partition.len(), 2_000, "once each");
        assert!(of_partition.is_sorted(), "partition {partition} is out of order");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_missing_stream_fails_the_task_with_its_name_and_what_to_do() {
    let rig = Rig::new("firehose-missing", 1).await;
    let worker = rig.start(json!({ "deliveryStream": "nonesuch" })).await;
    let status = worker.await_task(&rig.name, "FAILED").await;
    let trace = status["tasks"][0]["trace"].as_str().unwrap_or_default().to_owned();
    assert!(trace.contains("ResourceNotFoundException") && trace.contains("deliveryStream"), "{trace}");
    assert!(trace.contains("nonesuch"), "{trace}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_batches_each_record_goes_with_a_call_of_its_own_to_the_region_that_is_set() {
    let rig = Rig::new("firehose-single", 1).await;
    rig.produce(0, 50).await;
    let _worker = rig.start(json!({ "batch": "false" })).await;
    rig.await_committed(&[50]).await;
    assert_eq!(counts(&rig.firehose).into_keys().collect::<Vec<_>>(), values(0, 0..50));
    for call in rig.firehose.calls() {
        assert_eq!((call.operation.as_str(), call.entries.len()), ("PutRecord", 1));
        let signature = call.header("authorization").unwrap_or_default();
        assert!(signature.contains("/eu-west-1/firehose/aws4_request"), "{signature}");
    }
}

/// Returns keys of a sink whose own credentials the server does not know.
fn with_role() -> Value {
    json!({
        "aws.access.key.id": "somebody",
        "aws.secret.access.key": "else",
        "roleARN": "arn:aws:iam::123456789012:role/writer",
        "roleExternalID": "outside",
        "roleSessionName": "session-1",
        "roleDurationSeconds": "900",
    })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_credentials_of_an_assumed_role_sign_the_requests_to_firehose() {
    let rig = Rig::new("firehose-role", 1).await;
    rig.produce(0, 100).await;
    let (sender, requests) = channel();
    let setup = Setup::new(&rig.broker.bootstrap()).property("offset.flush.interval.ms", "200");
    let worker = setup.variable("AWS_ENDPOINT_URL", &token_service(sender)).start().await;
    worker.create(&rig.name, &rig.config(with_role())).await;
    rig.await_committed(&[100]).await;
    for call in rig.firehose.calls() {
        let signature = call.header("authorization").unwrap_or_default();
        assert!(signature.contains(&format!("Credential={ACCESS_KEY}/")), "{signature}");
        assert_eq!(call.header("x-amz-security-token"), Some("token-1"));
    }
    let request = requests.recv_timeout(wait::LIMIT).expect("a request for credentials");
    for part in [
        "Action=AssumeRole",
        "role%2Fwriter",
        "ExternalId=outside",
        "RoleSessionName=session-1",
        "DurationSeconds=900",
    ] {
        assert!(request.contains(part), "{part} is not in {request}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_role_that_may_not_be_assumed_fails_the_task_and_names_the_key() {
    let rig = Rig::new("firehose-no-role", 1).await;
    rig.produce(0, 1).await;
    let (sender, _requests) = channel();
    let url = token_service_that_refuses(sender);
    let setup = Setup::new(&rig.broker.bootstrap()).variable("AWS_ENDPOINT_URL", &url);
    let worker = setup.start().await;
    worker.create(&rig.name, &rig.config(with_role())).await;
    let status = worker.await_task(&rig.name, "FAILED").await;
    let trace = status["tasks"][0]["trace"].as_str().unwrap_or_default().to_owned();
    assert!(trace.contains("AccessDenied") && trace.contains("`roleARN`"), "{trace}");
    assert!(rig.firehose.calls().is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_at_random_moments_with_failing_entries_nothing_is_lost() {
    const KILLS: usize = 8;
    const COUNT: usize = 20_000;
    let mut random = Rng::with_seed(kill_seed());
    let rig = Rig::new("firehose-killed", 2).await;
    for partition in 0..2 {
        rig.produce(partition, COUNT).await;
    }
    let mut fails = unlucky(0.05);
    rig.firehose.set(move |call| {
        // Slow enough that every kill meets requests on their way.
        std::thread::sleep(Duration::from_millis(40));
        fails(call)
    });
    // A static member: without it each killed one would hold its partitions for a session time-out.
    let config = rig.config(json!({
        "consumer.override.group.instance.id": rig.name,
        "max.buffered.records": "2000",
    }));
    let mut worker = rig.setup().connector("sink.properties", &properties(&rig.name, &config)).start().await;
    let (mut with_progress, mut expected) = (0, 0);
    for _ in 0..KILLS {
        let before = rig.firehose.accepted().len();
        tokio::time::sleep(Duration::from_millis(random.u64(300..1500))).await;
        worker.kill();
        // A request that the server had already read when the worker died is still accepted.
        tokio::time::sleep(Duration::from_millis(300)).await;
        with_progress += usize::from(rig.firehose.accepted().len() > before);
        expected += counts(&rig.firehose).len() - rig.committed(2);
        worker.restart();
    }
    let end = i64::try_from(COUNT).expect("small");
    rig.await_committed(&[end, end]).await;
    let counts = counts(&rig.firehose);
    let repeats: usize = counts.values().map(|count| count - 1).sum();
    println!(
        "{} records, {repeats} repeats ({expected} accepted and not committed at kills), \
         {with_progress} of {KILLS} kills after progress",
        counts.len()
    );
    assert_eq!(counts.len(), 2 * COUNT, "none is lost");
    assert!(repeats <= expected, "only what was not committed comes again: {repeats} of {expected}");
    assert!(with_progress > 0, "the kills came too early to prove anything");
}

#[test]
fn the_example_passes_its_own_tests() {
    let folder = repository().join("examples/5-data-lake");
    let run = Command::new(program()).arg("test").arg(folder.join("firehose-sink.test.yaml")).output();
    let output = run.expect("the program starts");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
}
