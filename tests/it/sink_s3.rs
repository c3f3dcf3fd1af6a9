//! The S3 sink on real Kafka and a real S3 server: what arrives is compared byte by byte.

use std::collections::BTreeSet;

use connect_tests::{
    kafka, oracle,
    s3::{Objects, S3Server},
    sluice::Setup,
    wait,
};
use serde_json::json;

use crate::support::{Place, properties, s3_sink, with};

/// The connector file of pipeline 1, as its users have it.
const PIPELINE_1: &str = "\
name=msk-connect-s3-connector
connector.class=io.confluent.connect.s3.S3SinkConnector
tasks.max=1
topics=raw_logs
s3.region=ap-southeast-2
s3.bucket.name=kafka-logs-bucket
s3.part.size=5242880
flush.size=100
key.converter=org.apache.kafka.connect.storage.StringConverter
value.converter=org.apache.kafka.connect.json.JsonConverter
storage.class=io.confluent.connect.s3.storage.S3Storage
format.class=io.confluent.connect.s3.format.json.JsonFormat
";

#[tokio::test]
async fn the_property_file_of_pipeline_1_works_verbatim() {
    let broker = kafka::shared();
    let client = broker.client();
    client.create_topic("raw_logs", 6).await;
    let s3 = S3Server::start();
    s3.create_bucket("kafka-logs-bucket");
    let mut wanted = Objects::new();
    for partition in 0..6 {
        let values = oracle::log_records(partition as usize * 1000, 250);
        client.produce("raw_logs", partition, &values).await;
        wanted.extend(oracle::json_objects("raw_logs", partition, &values, 100));
    }

    let worker = Setup::new(&broker.bootstrap()).s3(&s3.url()).connector("s3-sink.properties", PIPELINE_1);
    let mut worker = worker.start().await;
    worker.await_task("msk-connect-s3-connector", "RUNNING").await;
    await_objects(&s3, "kafka-logs-bucket", &wanted).await;

    let group = "connect-msk-connect-s3-connector";
    wait::until("offsets committed up to the last whole object", wait::LIMIT, async || {
        let committed = client.committed(group, "raw_logs", 6);
        if committed == vec![Some(200); 6] { Ok(()) } else { Err(committed) }
    })
    .await;
    let warnings =
        worker.log().lines().filter(|line| line.contains("WARN") && line.contains("schema")).count();
    assert_eq!(warnings, 1, "one warning says that values are taken as schemaless JSON:\n{}", worker.log());
    assert!(worker.terminate().success(), "{}", worker.log());
    assert_eq!(
        client.committed(group, "raw_logs", 6),
        vec![Some(200); 6],
        "a stop commits nothing that is not stored"
    );
    assert_eq!(oracle::compare(&wanted, &s3.objects("kafka-logs-bucket")), Ok(()));
}

#[tokio::test]
async fn a_sink_created_over_rest_writes_what_is_produced_later_and_goes_on_after_a_restart() {
    let place = Place::new("rest-created", 2).await;
    let mut worker = Setup::new(&place.broker.bootstrap()).s3(&place.s3.url()).start().await;
    worker.create(&place.name, &s3_sink(&place.topic, Place::BUCKET)).await;
    worker.await_task(&place.name, "RUNNING").await;

    let values = [oracle::log_records(0, 330), oracle::log_records(1000, 190)];
    for (partition, values) in (0..).zip(&values) {
        place.client.produce(&place.topic, partition, &values[..150]).await;
    }
    let first = objects(&place.topic, &[&values[0][..150], &values[1][..150]]);
    await_objects(&place.s3, Place::BUCKET, &first).await;
    worker.terminate();
    for (partition, values) in (0..).zip(&values) {
        place.client.produce(&place.topic, partition, &values[150..]).await;
    }
    worker.restart();
    worker.ready().await;
    // A standalone worker keeps connectors made over REST in memory only, as the JVM's does.
    assert_eq!(worker.get("/connectors").await, (200, json!([])));
    worker.create(&place.name, &s3_sink(&place.topic, Place::BUCKET)).await;
    await_objects(&place.s3, Place::BUCKET, &objects(&place.topic, &[&values[0], &values[1]])).await;
}

#[tokio::test]
async fn two_tasks_share_the_partitions_and_write_each_record_once() {
    let place = Place::new("two-tasks", 6).await;
    let config = with(s3_sink(&place.topic, Place::BUCKET), json!({ "tasks.max": "2", "flush.size": "50" }));
    let worker = Setup::new(&place.broker.bootstrap())
        .s3(&place.s3.url())
        .connector("sink.properties", &properties(&place.name, &config))
        .start()
        .await;
    worker.await_task(&place.name, "RUNNING").await;
    let mut wanted = Objects::new();
    let mut records = Vec::new();
    for partition in 0..6 {
        let values = oracle::log_records(partition as usize * 1000, 200);
        place.client.produce(&place.topic, partition, &values).await;
        wanted.extend(oracle::json_objects(&place.topic, partition, &values, 50));
        records.extend(values);
    }
    await_objects(&place.s3, Place::BUCKET, &wanted).await;
    assert_eq!(oracle::each_exactly_once(&records, &place.s3.objects(Place::BUCKET)), Ok(()));
    let (_, status) = worker.get(&format!("/connectors/{}/status", place.name)).await;
    let states: Vec<_> =
        status["tasks"].as_array().into_iter().flatten().map(|task| &task["state"]).collect();
    assert_eq!(states, ["RUNNING", "RUNNING"]);
}

#[tokio::test]
async fn a_stopped_sink_writes_nothing_and_a_reset_makes_it_write_the_same_objects_again() {
    let place = Place::new("reset", 1).await;
    let worker = Setup::new(&place.broker.bootstrap()).s3(&place.s3.url()).start().await;
    worker.create(&place.name, &s3_sink(&place.topic, Place::BUCKET)).await;
    let values = oracle::log_records(0, 200);
    place.client.produce(&place.topic, 0, &values).await;
    let wanted = objects(&place.topic, &[&values]);
    await_objects(&place.s3, Place::BUCKET, &wanted).await;

    let path = |end: &str| format!("/connectors/{}/{end}", place.name);
    assert_eq!(worker.request("PUT", &path("stop"), None).await.0, 204);
    wait::until("no tasks", wait::LIMIT, async || {
        let (_, status) = worker.get(&path("status")).await;
        if status["tasks"] == json!([]) { Ok(()) } else { Err(status.to_string()) }
    })
    .await;
    assert_eq!(place.committed(1), [200]);
    let answer = worker.request("DELETE", &path("offsets"), None).await;
    assert_eq!(answer.0, 200, "{}", answer.1);
    assert_eq!(worker.get(&path("offsets")).await.1, json!({ "offsets": [] }));
    assert_eq!(worker.request("PUT", &path("resume"), None).await.0, 202);
    wait::until("the offsets committed again", wait::LIMIT, async || {
        let committed = place.committed(1);
        if committed == [200] { Ok(()) } else { Err(committed) }
    })
    .await;
    assert_eq!(oracle::compare(&wanted, &place.s3.objects(Place::BUCKET)), Ok(()));
}

#[tokio::test]
async fn a_topic_pattern_takes_all_topics_that_match() {
    let place = Place::new("pattern", 1).await;
    let second = format!("{}-b", place.topic);
    place.client.create_topic(&second, 1).await;
    let pattern = format!("{}(-b)?", place.topic);
    let config = with(s3_sink("", Place::BUCKET), json!({ "topics": null, "topics.regex": pattern }));
    let worker = Setup::new(&place.broker.bootstrap()).s3(&place.s3.url()).start().await;
    worker.create(&place.name, &config).await;
    let values = oracle::log_records(0, 100);
    let mut wanted = Objects::new();
    for topic in [&place.topic, &second] {
        place.client.produce(topic, 0, &values).await;
        wanted.extend(oracle::json_objects(topic, 0, &values, 100));
    }
    await_objects(&place.s3, Place::BUCKET, &wanted).await;
    wait::until("both topics listed", wait::LIMIT, async || {
        let (_, answer) = worker.get(&format!("/connectors/{}/topics", place.name)).await;
        let topics: BTreeSet<_> = answer[&place.name]["topics"]
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(|topic| topic.as_str())
            .collect();
        let all = topics == BTreeSet::from([place.topic.as_str(), second.as_str()]);
        if all { Ok(()) } else { Err(answer.to_string()) }
    })
    .await;
}

fn objects(topic: &str, partitions: &[&[String]]) -> Objects {
    let each =
        (0..).zip(partitions).map(|(partition, values)| oracle::json_objects(topic, partition, values, 100));
    each.flatten().collect()
}

/// Waits until the bucket holds exactly `wanted`.
pub(crate) async fn await_objects(s3: &S3Server, bucket: &str, wanted: &Objects) {
    let what = format!("{} objects in bucket {bucket}", wanted.len());
    wait::until(&what, wait::LIMIT, async || oracle::compare(wanted, &s3.objects(bucket))).await;
}
