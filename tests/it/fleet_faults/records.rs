//! Records in the internal topics that no worker wrote.

use std::{fs, path::Path, time::Duration};

use connect_tests::{
    api::Api,
    group::{Group, Member, await_picture},
    kafka,
    sluice::{Setup, Sluice},
    wait,
};
use rdkafka::{
    ClientConfig,
    producer::{FutureProducer, FutureRecord},
};
use serde_json::{Value, json};

use crate::group_support::Scene;

/// Partition that everything foreign goes to.
const PARTITION: i32 = 0;

/// Key and value of a record. A compacted topic takes none without a key.
type Foreign<'a> = (&'a str, Option<&'a str>);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn foreign_records_in_internal_topics_are_skipped_by_their_place_and_disturb_nothing() {
    let broker = kafka::shared();
    let mut scene = Scene::new("foreign-records", &broker.bootstrap(), 1).await;
    let mut worker = Setup::member(&scene.group).start().await;
    scene.create(worker.api()).await;
    let input = worker.folder().join("in");
    append(&input, "first");
    let source = json!({
        "connector.class": "FileStreamSource", "tasks.max": "1",
        "topic": format!("{}-copies", scene.group.name()), "file": input,
    });
    worker.create("source", &source).await;
    await_position(worker.api(), 6).await;
    scene.await_flow(wait::LIMIT).await;

    let sink = scene.sinks[0].name.clone();
    let places = produce_all(&scene.group, &sink).await;
    await_warnings(&mut worker, &places, 1);
    append(&input, "second");
    await_position(worker.api(), 13).await;
    scene.await_flow(wait::LIMIT).await;
    let before = said(worker.api(), &sink).await;

    // A worker that finds them at its start.
    worker.terminate();
    worker.restart();
    worker.ready().await;
    await_warnings(&mut worker, &places, 2);
    let worker = Member::Sluice(Box::new(worker));
    await_picture("both connectors", wait::LIMIT, worker.api(), |picture| {
        picture.runs_on(&[worker.worker_id()], 2, 2)
    })
    .await;
    assert_eq!(said(worker.api(), &sink).await, before);
    append(&input, "third");
    await_position(worker.api(), 19).await;
    scene.await_flow(wait::LIMIT).await;
    assert_eq!(scene.check().await, 0, "nothing came twice");
}

/// Produces foreign records to the internal topics, and returns topic and offset of each that must be told.
async fn produce_all(group: &Group, sink: &str) -> Vec<(String, i64)> {
    let [own_config, own_task, own_commit, own_target] =
        ["connector-", "task-", "commit-", "target-state-"].map(|prefix| format!("{prefix}{sink}"));
    let (task, own_status) = (format!("{own_task}-0"), format!("status-connector-{sink}"));
    let configs: &[Foreign<'_>] = &[
        ("stranger", Some(r#"{"a":1}"#)),
        (&own_config, Some("{{ not JSON")),
        (&own_config, Some("[1]")),
        (&own_config, Some(r#"{"properties":5}"#)),
        (&task, Some(r#"{"properties":"x"}"#)),
        (&own_commit, Some(r#"{"tasks":"many"}"#)),
        (&own_target, Some(r#"{"state":"DANCING"}"#)),
        ("session-key", Some("\u{0}\u{1}")),
    ];
    let offsets: &[Foreign<'_>] = &[
        ("not JSON", Some(r#"{"position":1}"#)),
        (r#"{"a":1}"#, Some("{}")),
        (r#"["source"]"#, None),
        (r#"["source",{"filename":"f"}]"#, Some("not JSON")),
        (r#"["source",{"filename":"f"}]"#, Some("[1]")),
    ];
    let statuses: &[Foreign<'_>] = &[
        ("stranger", Some("{}")),
        ("stranger", None),
        (&own_status, Some("not JSON")),
        (&own_status, Some(r#"{"worker_id":"x"}"#)),
        (&format!("status-topic-t:connector-{sink}"), Some("[]")),
    ];
    let mut places = Vec::new();
    for (topic, records) in [("configs", configs), ("offsets", offsets), ("status", statuses)] {
        let topic = format!("{}-{topic}", group.name());
        for record in records {
            places.push((topic.clone(), produce(group.bootstrap(), &topic, *record).await));
        }
    }
    // Tombstones of what is not there are nobody's mistake.
    produce(group.bootstrap(), &format!("{}-configs", group.name()), ("connector-nobody", None)).await;
    places
}

/// Produces a record and returns its offset.
async fn produce(bootstrap: &str, topic: &str, (key, value): Foreign<'_>) -> i64 {
    let producer: FutureProducer =
        ClientConfig::new().set("bootstrap.servers", bootstrap).create().expect("a producer is made");
    let mut record = FutureRecord::<str, str>::to(topic).partition(PARTITION).key(key);
    record.payload = value;
    producer.send(record, Duration::from_secs(30)).await.expect("it is produced").offset
}

/// Waits until each place was told `times` times.
fn await_warnings(worker: &mut Sluice, places: &[(String, i64)], times: usize) {
    wait::until_blocking("a warning for each foreign record", wait::LIMIT, || {
        let log = worker.log();
        let told = |(topic, offset): &&(String, i64)| {
            let place = format!("topic={topic} partition={PARTITION} offset={offset} ");
            log.lines().filter(|line| line.contains("] WARN ") && line.contains(&place)).count() == times
        };
        let missing: Vec<_> = places.iter().filter(|place| !told(place)).collect();
        if missing.is_empty() { Ok(()) } else { Err(format!("{missing:?}")) }
    });
}

/// Returns what clients see, without states.
async fn said(api: &Api, sink: &str) -> Vec<Value> {
    let mut answers = Vec::new();
    for path in [
        "/connectors".to_owned(),
        "/connectors/source".to_owned(),
        "/connectors/source/offsets".to_owned(),
        format!("/connectors/{sink}"),
        format!("/connectors/{sink}/topics"),
    ] {
        let (status, mut body) = api.get(&path).await;
        assert_eq!(status, 200, "{path}: {body}");
        if let Some(names) = body.as_array_mut() {
            names.sort_by_key(Value::to_string);
        }
        answers.push(body);
    }
    answers
}

async fn await_position(api: &Api, position: u64) {
    wait::until(&format!("the source at {position}"), wait::LIMIT, async || {
        let (_, offsets) = api.get("/connectors/source/offsets").await;
        let found = &offsets["offsets"][0]["offset"]["position"];
        if *found == json!(position) { Ok(()) } else { Err(offsets.to_string()) }
    })
    .await;
}

fn append(path: &Path, line: &str) {
    let text = fs::read_to_string(path).unwrap_or_default();
    fs::write(path, format!("{text}{line}\n")).expect("a line is written");
}
