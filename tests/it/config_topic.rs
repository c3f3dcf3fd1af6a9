//! The config topic: what a JVM worker writes is what we read, and what we write for it has the same keys and the
//! same values.

use std::time::Duration;

use connect_core::plugin::Registry;
use connect_tests::{
    group::Group,
    jvm_connect::JvmConnect,
    kafka::{self, unique},
};
use connect_worker::{
    config::{WorkerConfig, WorkerMode, providers},
    stores::config::{ConfigRecord, ConfigStore, ConfigUpdate, KafkaConfigStore, read_config_topic},
};
use rdkafka::{
    ClientConfig, Message, Offset, TopicPartitionList,
    consumer::{BaseConsumer, Consumer},
};
use serde_json::{Value, json};

use crate::support::file_sink;

fn worker(group: &Group) -> WorkerConfig {
    let lines = group.file(0);
    let pairs = lines.lines().filter_map(|line| line.split_once('='));
    let props = pairs.map(|(key, value)| (key.trim().to_owned(), value.trim().to_owned())).collect();
    WorkerConfig::parse(&props, WorkerMode::Distributed, &Registry::new(providers::plugins()))
        .expect("a valid worker file")
}

/// Returns keys and values of a topic of one partition. Values are compared as JSON: the JVM writes its maps in no
/// certain order.
fn records(bootstrap: &str, topic: &str) -> Vec<(String, Option<Value>)> {
    let mut config = ClientConfig::new();
    config.set("bootstrap.servers", bootstrap).set("group.id", unique("reader"));
    let consumer: BaseConsumer = config.create().expect("a consumer");
    let (_, end) = consumer.fetch_watermarks(topic, 0, Duration::from_secs(30)).expect("watermarks");
    let mut partitions = TopicPartitionList::new();
    partitions.add_partition_offset(topic, 0, Offset::Beginning).expect("an offset");
    consumer.assign(&partitions).expect("assigned");
    let mut records = Vec::new();
    while records.len() < usize::try_from(end).expect("an end") {
        let message = consumer.poll(Duration::from_secs(30)).expect("a record").expect("no error");
        let key = String::from_utf8_lossy(message.key().expect("a key")).into_owned();
        let value = message.payload().map(|value| serde_json::from_slice(value).expect("JSON"));
        records.push((key, value));
    }
    records
}

/// Lets a JVM worker write every kind of record.
async fn operate(jvm: &JvmConnect, topic: &str) {
    let api = jvm.api();
    let file = jvm.folder().join("out").to_string_lossy().into_owned();
    let body = json!({ "name": "s-n-k", "config": file_sink(topic, &file), "initial_state": "PAUSED" });
    api.settled("POST", "/connectors", Some(&body), 201).await;
    api.settled("PUT", "/connectors/s-n-k/resume", None, 202).await;
    api.await_task("s-n-k", "RUNNING").await;
    api.settled("POST", "/connectors/s-n-k/restart?includeTasks=true", None, 202).await;
    let level = json!({ "level": "WARN" });
    api.settled("PUT", "/admin/loggers/org.apache.kafka.x?scope=cluster", Some(&level), 204).await;
    api.settled("PUT", "/connectors/s-n-k/stop", None, 204).await;
    api.await_connector("s-n-k", "STOPPED").await;
    api.settled("DELETE", "/connectors/s-n-k", None, 204).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn records_of_a_jvm_worker_are_read_and_written_again_just_so() {
    let kafka = kafka::shared();
    let group = Group::new(&kafka.bootstrap(), &unique("config-topic"));
    let mut jvm = JvmConnect::member(&group);
    operate(&jvm, &unique("lines")).await;
    jvm.stop();
    let theirs = records(&kafka.bootstrap(), &format!("{}-configs", group.name()));
    let read = read_config_topic(&worker(&group)).await.expect("the topic is read");
    assert_eq!(read.last().map(|update| update.offset), i64::try_from(theirs.len()).ok());

    let own = Group::new(&kafka.bootstrap(), &unique("config-topic-own"));
    let opened = KafkaConfigStore::open(&worker(&own)).await.expect("opened");
    let mut store = opened.store;
    for records in batches(read, &theirs) {
        store.write(records).await.expect("told").expect("written");
    }
    drop(store);
    opened.closed.await.expect("closed");
    let ours = records(&kafka.bootstrap(), &format!("{}-configs", own.name()));
    assert_eq!(ours, theirs);
    for prefix in
        ["target-state-", "connector-", "task-", "commit-", "restart-connector-", "session-key", "logger-"]
    {
        assert!(theirs.iter().any(|(key, _)| key.starts_with(prefix)), "the JVM worker wrote `{prefix}`");
    }
}

/// Returns the operations that write the records again. What is dropped at a start is taken from the log itself.
fn batches(read: Vec<ConfigUpdate>, theirs: &[(String, Option<Value>)]) -> Vec<Vec<ConfigRecord>> {
    let mut batches: Vec<Vec<ConfigRecord>> = Vec::new();
    for (update, (key, value)) in read.into_iter().zip(theirs) {
        let text = |field: &str| value.as_ref().map_or(Value::Null, |value| value[field].clone());
        let is_set = |field| text(field) == Value::Bool(true);
        let record = match (key.strip_prefix("restart-connector-"), key.strip_prefix("logger-cluster-")) {
            (Some(connector), _) => ConfigRecord::Restart(connect_worker::stores::config::RestartRequest {
                connector: connector.into(),
                only_failed: is_set("only-failed"),
                include_tasks: is_set("include-tasks"),
            }),
            (_, Some(namespace)) => ConfigRecord::LoggerLevel {
                namespace: namespace.to_owned(),
                level: text("level").as_str().unwrap_or_default().to_owned(),
            },
            // A task record alone means nothing.
            _ => match update.record {
                Some(record) => record,
                None => continue,
            },
        };
        // Deleting a connector writes the tombstone of its target state as well.
        if !matches!(&record, ConfigRecord::Target { target: None, .. }) {
            batches.push(vec![record]);
        }
    }
    batches
}
