//! One probe suite for the embedded broker and for Apache Kafka: what a client may rely on must hold on both.
//!
//! `probe` takes any broker's address. It looks with rdkafka (`clients`, `transactions`), with bare requests
//! (`groups`), and, where Kafka's jars are installed, with Java's own tools (`java`).

mod clients;
mod faults;
mod groups;
mod java;
mod raw;
mod transactions;

use connect_tests::{kafka, wait};
use dev_broker::{Broker, BrokerConfig};
use rdkafka::{
    ClientConfig, Message, TopicPartitionList,
    admin::{AdminClient, AdminOptions, NewTopic, TopicReplication},
    client::DefaultClientContext,
    consumer::{Consumer, StreamConsumer},
    message::{Header, Headers, OwnedHeaders},
    producer::{FutureProducer, FutureRecord, Producer},
};

#[tokio::test(flavor = "multi_thread")]
async fn dev_broker_passes_the_probe() {
    let folder = tempfile::tempdir().expect("a temporary folder is made");
    let broker = Broker::start(BrokerConfig::new(folder.path())).await.expect("the broker starts");
    probe(&broker.address().to_string()).await;
    broker.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn dev_broker_serves_javas_tools() {
    let folder = tempfile::tempdir().expect("a temporary folder is made");
    let broker = Broker::start(BrokerConfig::new(folder.path())).await.expect("the broker starts");
    java::tools_work(&broker.address().to_string()).await;
    broker.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn kafka_passes_the_probe() {
    let kafka = tokio::task::spawn_blocking(kafka::shared).await.expect("Kafka starts");
    probe(&kafka.bootstrap()).await;
    java::tools_work(&kafka.bootstrap()).await;
}

/// Runs every check that must hold on any broker. Topics and groups have names of their own in each run.
pub(crate) async fn probe(bootstrap: &str) {
    clients::topics_are_created_described_altered_and_deleted(bootstrap).await;
    clients::every_compression_comes_back_with_keys_headers_and_times(bootstrap).await;
    clients::offsets_are_found_by_time_and_records_can_be_deleted(bootstrap).await;
    clients::cooperative_consumers_share_partitions_and_commit(bootstrap).await;
    transactions::only_committed_records_are_seen(bootstrap).await;
    transactions::offsets_count_when_their_transaction_commits(bootstrap).await;
    transactions::a_second_producer_fences_the_first(bootstrap).await;
    groups::a_connect_group_elects_a_leader_and_shares_opaque_assignments(bootstrap).await;
    groups::a_static_member_keeps_its_place(bootstrap).await;
    groups::a_silent_member_is_removed(bootstrap).await;
    clients::compaction_keeps_the_last_value_of_each_key(bootstrap).await;
}

/// A record as tests compare it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Seen {
    key: Option<String>,
    value: Option<String>,
    headers: Vec<(String, String)>,
    timestamp_ms: Option<i64>,
}

fn client(bootstrap: &str, settings: &[(&str, &str)]) -> ClientConfig {
    let mut config = ClientConfig::new();
    config.set("bootstrap.servers", bootstrap);
    for (key, value) in settings {
        config.set(*key, *value);
    }
    config
}

fn admin(bootstrap: &str) -> AdminClient<DefaultClientContext> {
    client(bootstrap, &[]).create().expect("an admin client is made")
}

fn producer(bootstrap: &str, settings: &[(&str, &str)]) -> FutureProducer {
    client(bootstrap, settings).create().expect("a producer is made")
}

async fn create_topic(bootstrap: &str, topic: &str, partitions: i32, configs: &[(&str, &str)]) {
    let mut new = NewTopic::new(topic, partitions, TopicReplication::Fixed(1));
    for (key, value) in configs {
        new = new.set(key, value);
    }
    let made =
        admin(bootstrap).create_topics(&[new], &AdminOptions::new()).await.expect("the broker answers");
    assert_eq!(made, [Ok(topic.to_owned())]);
}

async fn send(producer: &FutureProducer, topic: &str, key: &str, value: Option<&str>) -> i64 {
    let mut record = FutureRecord::<str, str>::to(topic).partition(0).key(key);
    record.payload = value;
    let delivery = producer.send(record, wait::LIMIT).await.expect("the record is delivered");
    delivery.offset
}

/// Reads partition 0 of `topic` from the start until `count` records came.
async fn read(bootstrap: &str, topic: &str, count: usize, isolation: &str) -> Vec<Seen> {
    let settings = [("group.id", "none"), ("isolation.level", isolation), ("enable.auto.commit", "false")];
    let consumer: StreamConsumer = client(bootstrap, &settings).create().expect("a consumer is made");
    let mut list = TopicPartitionList::new();
    list.add_partition_offset(topic, 0, rdkafka::Offset::Beginning).expect("an offset is valid");
    consumer.assign(&list).expect("a partition is assigned");
    let mut records = Vec::new();
    while records.len() < count {
        let next = tokio::time::timeout(wait::LIMIT, consumer.recv()).await;
        let message =
            next.unwrap_or_else(|_| panic!("{} of {count} records came: {records:?}", records.len()));
        records.push(seen(&message.expect("a record is read")));
    }
    records
}

fn seen(message: &impl Message) -> Seen {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let header =
        |header: Header<'_, &[u8]>| (header.key.to_owned(), header.value.map(text).unwrap_or_default());
    Seen {
        key: message.key().map(text),
        value: message.payload().map(text),
        headers: message.headers().map(|all| all.iter().map(header).collect()).unwrap_or_default(),
        timestamp_ms: message.timestamp().to_millis(),
    }
}

fn headers(name: &str, value: &str) -> OwnedHeaders {
    OwnedHeaders::new().insert(Header { key: name, value: Some(value) })
}

fn flush(producer: &FutureProducer) {
    producer.flush(wait::LIMIT).expect("the producer is flushed");
}
