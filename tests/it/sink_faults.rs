//! The S3 sink when the bucket, the credentials, the server or a record is not as it should be. A connector beside the
//! failing one goes on in each case.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use connect_tests::{
    fault_s3::{Fault, FaultS3},
    kafka, oracle,
    s3::Objects,
    sluice::{Setup, Sluice},
    wait,
};
use serde_json::json;

use crate::{
    sink_s3::await_objects,
    support::{Place, s3_sink, with},
};

#[tokio::test]
async fn a_missing_bucket_fails_the_task_with_its_name_and_a_restart_heals_it() {
    let place = Place::new("no-bucket", 1).await;
    let worker = Setup::new(&place.broker.bootstrap()).s3(&place.s3.url()).start().await;
    let wanted = produce(&place, 100).await;
    worker.create(&place.name, &s3_sink(&place.topic, "nonesuch")).await;
    worker.create("beside", &s3_sink(&place.topic, Place::BUCKET)).await;
    let trace = await_failure(&worker, &place.name).await;
    assert_holds(&trace, &["`nonesuch`", "s3.bucket.name"]);
    await_objects(&place.s3, Place::BUCKET, &wanted).await;
    assert_eq!(place.committed(1), [0]);

    place.s3.create_bucket("nonesuch");
    let path = format!("/connectors/{}/restart?includeTasks=true&onlyFailed=true", place.name);
    assert_eq!(worker.request("POST", &path, None).await.0, 202);
    await_objects(&place.s3, "nonesuch", &wanted).await;
    worker.await_task(&place.name, "RUNNING").await;
}

#[tokio::test]
async fn wrong_credentials_fail_the_task_with_the_servers_code_and_the_keys_to_check() {
    let place = Place::new("credentials", 1).await;
    let worker = Setup::new(&place.broker.bootstrap()).s3(&place.s3.url()).start().await;
    let wanted = produce(&place, 100).await;
    let config = s3_sink(&place.topic, Place::BUCKET);
    let secret = json!({ "aws.access.key.id": "test", "aws.secret.access.key": "not-the-secret" });
    let key = json!({ "aws.access.key.id": "nobody", "aws.secret.access.key": "not-the-secret" });
    worker.create("wrong-secret", &with(config.clone(), secret)).await;
    worker.create("wrong-key", &with(config.clone(), key)).await;
    let trace = await_failure(&worker, "wrong-secret").await;
    assert_holds(&trace, &["SignatureDoesNotMatch", "aws.secret.access.key"]);
    let trace = await_failure(&worker, "wrong-key").await;
    // The gateway answers `HEAD` for an unknown key with 404, so the text must name that cause too.
    assert_holds(&trace, &["credentials", "`logs`"]);
    assert!(!worker.log().contains("not-the-secret"), "a secret is in the log");
    worker.create(&place.name, &config).await;
    await_objects(&place.s3, Place::BUCKET, &wanted).await;
}

#[tokio::test]
async fn errors_lost_answers_and_slow_answers_of_the_server_neither_lose_nor_repeat_a_record() {
    let faults = [
        ("500", Fault::Answer(500, "InternalError")),
        ("503", Fault::Answer(503, "SlowDown")),
        ("dropped", Fault::Drop),
        ("answer lost", Fault::DropAnswer),
        ("slow", Fault::Delay(Duration::from_millis(700))),
    ];
    let place = Place::new("s3-faults", 2).await;
    let proxy = FaultS3::start(place.s3.port());
    let worker = Setup::new(&place.broker.bootstrap()).s3(&proxy.url()).start().await;
    let config = with(s3_sink(&place.topic, Place::BUCKET), json!({ "retry.backoff.ms": "200" }));
    worker.create(&place.name, &config).await;
    worker.await_task(&place.name, "RUNNING").await;
    let mut values = [Vec::new(), Vec::new()];
    for (round, (what, fault)) in faults.into_iter().enumerate() {
        println!("fault: {what}");
        let met = Arc::new(AtomicUsize::new(0));
        let counter = Arc::clone(&met);
        proxy.set(move |seen| {
            let is_write = matches!(seen.method.as_str(), "PUT" | "POST");
            // Every second write meets the fault, so tries and retries both do.
            (is_write && counter.fetch_add(1, Ordering::Relaxed).is_multiple_of(2)).then(|| fault.clone())
        });
        let mut wanted = Objects::new();
        for (partition, values) in (0..).zip(&mut values) {
            let more = oracle::log_records(partition as usize * 10_000 + round * 300, 300);
            place.client.produce(&place.topic, partition, &more).await;
            values.extend(more);
            wanted.extend(oracle::json_objects(&place.topic, partition, values, 100));
        }
        await_objects(&place.s3, Place::BUCKET, &wanted).await;
        assert!(met.load(Ordering::Relaxed) >= 6, "{what}: only {} writes", met.load(Ordering::Relaxed));
    }
    proxy.clear();
    await_committed(&place, &[1500, 1500]).await;
    assert_eq!(oracle::each_exactly_once(&values.concat(), &place.s3.objects(Place::BUCKET)), Ok(()));
    let (_, status) = worker.get(&format!("/connectors/{}/status", place.name)).await;
    assert_eq!(status["tasks"][0]["state"], "RUNNING", "{status}");
}

#[tokio::test]
async fn while_the_server_is_down_nothing_is_committed_and_afterwards_everything_arrives() {
    let place = Place::new("s3-down", 1).await;
    let proxy = FaultS3::start(place.s3.port());
    let worker = Setup::new(&place.broker.bootstrap()).s3(&proxy.url()).start().await;
    let config = with(s3_sink(&place.topic, Place::BUCKET), json!({ "retry.backoff.ms": "200" }));
    worker.create(&place.name, &config).await;
    let values = oracle::log_records(0, 500);
    place.client.produce(&place.topic, 0, &values[..100]).await;
    await_committed(&place, &[100]).await;

    let refused = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&refused);
    proxy.set(move |_| {
        counter.fetch_add(1, Ordering::Relaxed);
        Some(Fault::Answer(503, "ServiceUnavailable"))
    });
    place.client.produce(&place.topic, 0, &values[100..]).await;
    wait::until("ten refused requests", wait::LIMIT, async || {
        let count = refused.load(Ordering::Relaxed);
        if count >= 10 { Ok(()) } else { Err(count) }
    })
    .await;
    assert_eq!(place.committed(1), [100]);
    let (_, status) = worker.get(&format!("/connectors/{}/status", place.name)).await;
    assert_eq!(
        status["tasks"][0]["state"], "RUNNING",
        "a fault that may pass does not fail the task: {status}"
    );
    proxy.clear();
    await_objects(&place.s3, Place::BUCKET, &oracle::json_objects(&place.topic, 0, &values, 100)).await;
    await_committed(&place, &[500]).await;
}

#[tokio::test]
async fn a_value_that_is_not_json_fails_the_task_or_goes_to_the_dead_letter_queue() {
    let place = Place::new("not-json", 1).await;
    let dlq = format!("{}-dlq", place.topic);
    place.client.create_topic(&dlq, 1).await;
    let mut values = oracle::log_records(0, 101);
    values[50] = "{\"timestamp\": broken".to_owned();
    place.client.produce(&place.topic, 0, &values).await;
    place.s3.create_bucket("tolerant");
    let worker = Setup::new(&place.broker.bootstrap()).s3(&place.s3.url()).start().await;
    worker.create(&place.name, &s3_sink(&place.topic, Place::BUCKET)).await;
    let tolerant = json!({
        "errors.tolerance": "all",
        "errors.deadletterqueue.topic.name": dlq,
        "errors.deadletterqueue.topic.replication.factor": "1",
        "errors.deadletterqueue.context.headers.enable": "true",
    });
    worker.create("tolerant", &with(s3_sink(&place.topic, "tolerant"), tolerant)).await;

    let trace = await_failure(&worker, &place.name).await;
    assert_holds(&trace, &["Tolerance exceeded in error handler", &place.topic, "partition 0", "offset 50"]);
    assert_eq!(place.committed(1), [0]);
    assert_eq!(place.s3.objects(Place::BUCKET), Objects::new());
    wait::until("an object without the bad record", wait::LIMIT, async || {
        let objects = place.s3.objects("tolerant");
        let good: Vec<String> = [&values[..50], &values[51..]].concat();
        let lines: String = good.iter().map(|value| oracle::log_line(value) + "\n").collect();
        let key = format!("topics/{0}/partition=0/{0}+0+0000000000.json", place.topic);
        oracle::compare(&Objects::from([(key, lines.into_bytes())]), &objects)
    })
    .await;
    wait::until("the bad record in the dead letter queue", wait::LIMIT, async || {
        let letters = place.client.values(&dlq, 0);
        if letters == [values[50].as_bytes()] { Ok(()) } else { Err(letters) }
    })
    .await;
    worker.await_task("tolerant", "RUNNING").await;
}

#[tokio::test]
async fn a_value_without_schema_fails_the_task_when_schemas_are_asked_for() {
    let place = Place::new("no-schema", 1).await;
    produce(&place, 100).await;
    let worker = Setup::new(&place.broker.bootstrap()).s3(&place.s3.url()).start().await;
    let strict = json!({ "value.converter.schemas.enable": "true" });
    worker.create(&place.name, &with(s3_sink(&place.topic, Place::BUCKET), strict)).await;
    let trace = await_failure(&worker, &place.name).await;
    assert_holds(&trace, &["JsonConverter with schemas.enable requires \"schema\" and \"payload\" fields"]);
    assert_eq!(place.s3.objects(Place::BUCKET), Objects::new());
}

#[tokio::test]
async fn a_configuration_that_is_refused_names_each_key_and_disturbs_no_other_connector() {
    let place = Place::new("refused", 1).await;
    let worker = Setup::new(&place.broker.bootstrap()).s3(&place.s3.url()).start().await;
    worker.create(&place.name, &s3_sink(&place.topic, Place::BUCKET)).await;
    let cases = [
        (
            json!({ "flush.size": null }),
            "Missing required configuration \"flush.size\" which has no default value.",
        ),
        (
            json!({ "flush.size": "many" }),
            "Invalid value many for configuration flush.size: Not a number of type INT",
        ),
        (json!({ "s3.bucket.name": null }), "Missing required configuration \"s3.bucket.name\""),
        (json!({ "s3.part.size": "5" }), "s3.part.size"),
        (
            json!({ "tasks.max": "0" }),
            "Invalid value 0 for configuration tasks.max: Value must be at least 1",
        ),
        (json!({ "topics": null }), "Must configure one of topics or topics.regex"),
        (
            json!({ "topics.regex": ".*" }),
            "topics and topics.regex are mutually exclusive options, but both are set.",
        ),
        (json!({ "format.class": "no.such.Format" }), "no.such.Format"),
        (
            json!({ "connector.class": "no.such.Connector" }),
            "Failed to find any class that implements Connector",
        ),
    ];
    for (change, text) in cases {
        let config = with(s3_sink(&place.topic, Place::BUCKET), change.clone());
        let body = json!({ "name": "refused", "config": config });
        let (status, answer) = worker.request("POST", "/connectors", Some(&body)).await;
        assert_eq!(status, 400, "{change}: {answer}");
        assert!(
            answer["message"].as_str().is_some_and(|message| message.contains(text)),
            "{change}: {answer}"
        );
    }
    let wanted = produce(&place, 100).await;
    await_objects(&place.s3, Place::BUCKET, &wanted).await;
    assert_eq!(worker.get("/connectors").await, (200, json!([place.name])));
}

#[tokio::test]
async fn a_broker_that_is_killed_and_comes_back_costs_no_record_and_needs_no_hand() {
    let mut broker = kafka::Kafka::start();
    let client = broker.client();
    client.create_topic("outage", 2).await;
    let s3 = connect_tests::s3::S3Server::start();
    s3.create_bucket("outage");
    let worker = Setup::new(&broker.bootstrap()).s3(&s3.url()).start().await;
    worker.create("outage", &s3_sink("outage", "outage")).await;
    let values = oracle::log_records(0, 600);
    client.produce("outage", 0, &values[..250]).await;
    await_objects(&s3, "outage", &oracle::json_objects("outage", 0, &values[..250], 100)).await;
    broker.kill();
    let (status, _) = worker.get("/connectors/outage/status").await;
    assert_eq!(status, 200, "the REST interface answers without a broker");
    broker.restart();
    broker.client().produce("outage", 0, &values[250..]).await;
    await_objects(&s3, "outage", &oracle::json_objects("outage", 0, &values, 100)).await;
    worker.await_task("outage", "RUNNING").await;
}

/// Produces to partition 0 and returns the objects that come of it.
async fn produce(place: &Place, count: usize) -> Objects {
    let values = oracle::log_records(0, count);
    place.client.produce(&place.topic, 0, &values).await;
    oracle::json_objects(&place.topic, 0, &values, 100)
}

async fn await_failure(worker: &Sluice, name: &str) -> String {
    let status = worker.await_task(name, "FAILED").await;
    status["tasks"][0]["trace"].as_str().unwrap_or_default().to_owned()
}

async fn await_committed(place: &Place, wanted: &[i64]) {
    wait::until(&format!("offsets {wanted:?} committed"), wait::LIMIT, async || {
        let committed = place.committed(wanted.len() as i32);
        if committed == wanted { Ok(()) } else { Err(committed) }
    })
    .await;
}

fn assert_holds(text: &str, parts: &[&str]) {
    for part in parts {
        assert!(text.contains(part), "`{part}` is missing in:\n{text}");
    }
}
