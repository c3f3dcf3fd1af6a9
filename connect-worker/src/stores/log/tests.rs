//! Logs on the embedded broker.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use connect_core::config::Props;
use dev_broker::{ApiKey, Broker, BrokerConfig, ResponseError};
use tempfile::TempDir;

use super::*;
use crate::kafka::admin::{Admin, NewTopic};
use crate::kafka::port::KafkaError;
use crate::kafka::producer::{OutgoingRecord, native_transactional_producers};

type Seen = std::sync::Arc<Mutex<Vec<LogRecord>>>;

struct Lab {
    broker: Broker,
    _folder: TempDir,
}

fn props(pairs: &[(&str, &str)]) -> Props {
    pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
}

impl Lab {
    async fn start() -> Self {
        let folder = tempfile::tempdir().expect("folder");
        let mut config = BrokerConfig::new(folder.path());
        config.auto_create_topics = false;
        let broker = Broker::start(config).await.expect("broker");
        Self { broker, _folder: folder }
    }

    fn base(&self) -> Props {
        props(&[("bootstrap.servers", &self.broker.address().to_string()), ("client.id", "log")])
    }

    fn settings(&self, partitions: i32) -> LogSettings {
        let mut producer = self.base();
        producer.extend(props(&[("acks", "all"), ("enable.idempotence", "false")]));
        LogSettings {
            topic: "t".into(),
            spec: Some(TopicSpec {
                partitions,
                replication_factor: 1,
                configs: props(&[("segment.bytes", "1048576")]),
                property: "status.storage.topic".to_owned(),
                purpose: "connector and task statuses".to_owned(),
                is_single_partition: partitions == 1,
            }),
            admin: self.base(),
            consumer: self.base(),
            producer: Some(producer),
        }
    }

    async fn open(&self, settings: LogSettings) -> Result<(TopicLog, Seen), KafkaError> {
        let seen = Seen::default();
        let records = seen.clone();
        let handler = Box::new(move |record| {
            lock(&records).push(record);
            None
        });
        Ok((TopicLog::open(settings, handler).await?, seen))
    }

    async fn create(&self, partitions: i32, policy: &str) {
        let topic = NewTopic {
            name: "t".to_owned(),
            partitions,
            replication_factor: 1,
            configs: props(&[("cleanup.policy", policy)]),
        };
        Admin::new(&self.base()).expect("admin").create_topic(&topic).await.expect("created");
    }

    async fn refusal(&self, settings: LogSettings) -> String {
        match self.open(settings).await {
            Ok(_) => panic!("the topic was accepted"),
            Err(error) => error.to_string(),
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

async fn write(log: &TopicLog, key: &str, value: Option<&str>) {
    let written = log.write(key.as_bytes(), value.map(str::as_bytes));
    written.await.expect("told").expect("written");
}

async fn read_to_end(log: &TopicLog) {
    let read = tokio::time::timeout(Duration::from_secs(120), log.read_to_end());
    read.await.expect("in time").expect("told").expect("read");
}

fn pairs(seen: &Seen) -> Vec<(String, Option<String>)> {
    let text = |bytes: &bytes::Bytes| String::from_utf8_lossy(bytes).into_owned();
    let records = lock(seen);
    records
        .iter()
        .map(|record| (record.key.as_ref().map(text).unwrap_or_default(), record.value.as_ref().map(text)))
        .collect()
}

fn pair(key: &str, value: Option<&str>) -> (String, Option<String>) {
    (key.to_owned(), value.map(str::to_owned))
}

#[tokio::test(flavor = "multi_thread")]
async fn log_creates_its_topic_and_reads_back_what_any_log_wrote_in_order() {
    let lab = Lab::start().await;
    let (first, first_seen) = lab.open(lab.settings(1)).await.expect("opened");
    let configs = Admin::new(&lab.base()).expect("admin").topic_configs("t").await.expect("described");
    let configs = configs.expect("there");
    assert_eq!(configs.get("cleanup.policy").map(String::as_str), Some("compact"));
    assert_eq!(configs.get("segment.bytes").map(String::as_str), Some("1048576"));
    write(&first, "a", Some("1")).await;
    write(&first, "b", Some("2")).await;
    write(&first, "a", None).await;
    read_to_end(&first).await;
    let expected = [pair("a", Some("1")), pair("b", Some("2")), pair("a", None)];
    assert_eq!(pairs(&first_seen), expected);
    // Another worker finds everything at its start, and from then on what the first writes.
    let (second, second_seen) = lab.open(lab.settings(1)).await.expect("opened");
    assert_eq!(pairs(&second_seen), expected);
    assert_eq!(lock(&second_seen).iter().map(|record| record.offset).collect::<Vec<_>>(), [0, 1, 2]);
    write(&first, "c", Some("")).await;
    read_to_end(&second).await;
    assert_eq!(pairs(&second_seen).last(), Some(&pair("c", Some(""))));
    second.close().await;
    first.close().await;
    lab.broker.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_go_to_the_partitions_that_java_gives_them() {
    let lab = Lab::start().await;
    let (log, seen) = lab.open(lab.settings(25)).await.expect("opened");
    assert_eq!(log.partitions(), 25);
    let keys = [r#"["src",{"filename":"/data/in.txt"}]"#, "status-connector-c", "", "é"];
    for key in keys {
        write(&log, key, Some("v")).await;
    }
    read_to_end(&log).await;
    for record in lock(&seen).iter() {
        let key = record.key.clone().expect("key");
        assert_eq!(record.partition, (murmur2(&key) & 0x7fff_ffff) % 25, "{key:?}");
    }
    assert_eq!(lock(&seen).len(), keys.len());
    log.close().await;
}

/// Java's `Utils.murmur2`.
fn murmur2(key: &[u8]) -> i32 {
    const M: u32 = 0x5bd1_e995;
    let mut hash = 0x9747_b28c ^ u32::try_from(key.len()).expect("short");
    let mut chunks = key.chunks_exact(4);
    for chunk in chunks.by_ref() {
        let mut part = u32::from_le_bytes(chunk.try_into().expect("four")).wrapping_mul(M);
        part = (part ^ (part >> 24)).wrapping_mul(M);
        hash = hash.wrapping_mul(M) ^ part;
    }
    let rest = chunks.remainder();
    if !rest.is_empty() {
        let bytes = rest.iter().rev().fold(0, |all, byte| (all << 8) | u32::from(*byte));
        hash = (hash ^ bytes).wrapping_mul(M);
    }
    hash = (hash ^ (hash >> 13)).wrapping_mul(M);
    (hash ^ (hash >> 15)).cast_signed()
}

#[tokio::test(flavor = "multi_thread")]
async fn reading_to_the_end_passes_the_markers_of_transactions_and_waits_for_open_ones_only_if_uncommitted() {
    let lab = Lab::start().await;
    let mut committed = lab.settings(1);
    committed.consumer.insert("isolation.level".to_owned(), "read_committed".to_owned());
    // Far longer than the test waits, so that an end which is found only when a fetch comes back empty fails it.
    committed.consumer.insert("fetch.max.wait.ms".to_owned(), "20000".to_owned());
    let (log, seen) = lab.open(committed.clone()).await.expect("opened");
    let mut leader = lab.base();
    leader.insert("transactional.id".to_owned(), "x".to_owned());
    let leader = native_transactional_producers()(&leader).expect("producer");
    while leader.init().await.is_err() {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let send = |key: &'static str| {
        let record = OutgoingRecord {
            topic: "t",
            partition: None,
            key: Some(key.as_bytes()),
            value: Some(b"v"),
            timestamp: None,
            headers: Vec::new(),
        };
        leader.begin().expect("begun");
        leader.send(&record, 0).expect("taken");
    };
    send("committed");
    leader.commit().await.expect("committed");
    let start = Instant::now();
    read_to_end(&log).await;
    let elapsed = start.elapsed();
    assert!(elapsed < Duration::from_secs(10), "waiting for data behind a marker: {elapsed:?}");
    assert_eq!(pairs(&seen), [pair("committed", Some("v"))]);
    send("aborted");
    leader.abort().await.expect("aborted");
    read_to_end(&log).await;
    // While a transaction is open the end of what is decided lies before it.
    send("open");
    read_to_end(&log).await;
    assert_eq!(pairs(&seen), [pair("committed", Some("v"))]);
    // A log that begins now has markers and aborted records to pass as well.
    let (late, late_seen) = lab.open(committed).await.expect("opened");
    assert_eq!(pairs(&late_seen), [pair("committed", Some("v"))]);
    leader.commit().await.expect("committed");
    read_to_end(&late).await;
    assert_eq!(pairs(&late_seen).last(), Some(&pair("open", Some("v"))));
    leader.close().await;
    late.close().await;
    log.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn topic_that_is_not_only_compacted_is_refused_in_kafka_connects_words() {
    let lab = Lab::start().await;
    lab.create(5, "delete").await;
    assert_eq!(
        lab.refusal(lab.settings(5)).await,
        "Topic 't' supplied via the 'status.storage.topic' property is required to have \
         'cleanup.policy=compact' to guarantee consistency and durability of connector and task statuses, but \
         found the topic currently has 'cleanup.policy=delete'. Continuing would likely result in eventually \
         losing connector and task statuses and problems restarting this Connect cluster in the future. Change \
         the 'status.storage.topic' property in the Connect worker configurations to use a topic with \
         'cleanup.policy=compact'."
    );
    // Who only looks does not mind.
    let (log, _) = lab.open(lab.settings(5).read_only()).await.expect("opened");
    let refused = log.write(b"k", None).await.expect("told");
    assert!(refused.expect_err("read only").to_string().contains("read only"));
    log.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn config_topic_with_several_partitions_is_refused() {
    let lab = Lab::start().await;
    lab.create(2, "compact").await;
    assert_eq!(
        lab.refusal(lab.settings(1)).await,
        "Topic 't' supplied via the 'status.storage.topic' property is required to have a single partition in \
         order to guarantee consistency of connector and task statuses, but found 2 partitions."
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn wrong_policy_is_refused_also_when_the_broker_learns_of_the_topic_a_moment_later() {
    let lab = Lab::start().await;
    lab.create(1, "delete").await;
    lab.broker.faults().fail(ApiKey::DescribeConfigs, ResponseError::UnknownTopicOrPartition, 3);
    let error = lab.refusal(lab.settings(1)).await;
    assert!(error.contains("'cleanup.policy=delete'"), "{error}");
    assert_eq!(lab.broker.faults().injected(ApiKey::DescribeConfigs), 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn settings_that_cannot_be_seen_and_creation_that_is_refused_do_not_matter_if_the_topic_is_there() {
    let lab = Lab::start().await;
    lab.create(1, "compact").await;
    let refused = ResponseError::TopicAuthorizationFailed;
    lab.broker.faults().fail(ApiKey::CreateTopics, refused, 100);
    lab.broker.faults().fail(ApiKey::DescribeConfigs, refused, 100);
    let (log, _) = lab.open(lab.settings(1)).await.expect("opened");
    log.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn missing_rights_end_the_start_with_the_acl() {
    let lab = Lab::start().await;
    let refused = ResponseError::TopicAuthorizationFailed;
    lab.broker.faults().fail(ApiKey::CreateTopics, refused, 100);
    let error = lab.refusal(lab.settings(1)).await;
    assert!(error.contains("CREATE on the topic `t`"), "{error}");
    lab.broker.faults().clear();
    lab.create(1, "compact").await;
    let (log, _) = lab.open(lab.settings(1)).await.expect("opened");
    write(&log, "k", Some("v")).await;
    log.close().await;
    for api in [ApiKey::ListOffsets, ApiKey::Fetch] {
        lab.broker.faults().fail(api, refused, 1000);
        let refusal = tokio::time::timeout(Duration::from_secs(120), lab.refusal(lab.settings(1)));
        let error = refusal.await.expect("in time");
        assert!(error.contains("READ and DESCRIBE on the topic `t`"), "{api:?}: {error}");
        lab.broker.faults().clear();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn outage_is_sat_out_and_reading_goes_on() {
    let lab = Lab::start().await;
    let (log, seen) = lab.open(lab.settings(1)).await.expect("opened");
    write(&log, "a", Some("1")).await;
    read_to_end(&log).await;
    lab.broker.faults().refuse_connections(true);
    let read = log.read_to_end();
    let written = log.write(b"b", Some(b"2"));
    tokio::time::sleep(Duration::from_secs(2)).await;
    lab.broker.faults().refuse_connections(false);
    let both = async {
        written.await.expect("told").expect("written");
        read.await.expect("told").expect("read");
    };
    tokio::time::timeout(Duration::from_secs(120), both).await.expect("in time");
    read_to_end(&log).await;
    assert_eq!(pairs(&seen), [pair("a", Some("1")), pair("b", Some("2"))]);
    log.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn creation_is_tried_again_while_there_are_too_few_brokers() {
    let lab = Lab::start().await;
    lab.broker.faults().fail(ApiKey::CreateTopics, ResponseError::InvalidReplicationFactor, 2);
    let (log, _) = lab.open(lab.settings(1)).await.expect("opened");
    assert_eq!(lab.broker.faults().injected(ApiKey::CreateTopics), 2);
    log.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn write_that_is_not_allowed_names_the_acl_and_one_that_fails_for_now_is_retriable() {
    let lab = Lab::start().await;
    let mut settings = lab.settings(1);
    settings.producer.as_mut().expect("writes").insert("retries".to_owned(), "0".to_owned());
    let (log, _) = lab.open(settings).await.expect("opened");
    let faults = lab.broker.faults();
    faults.fail(ApiKey::Produce, ResponseError::NotEnoughReplicas, 1);
    let error = log.write(b"k", None).await.expect("told").expect_err("refused");
    assert!(matches!(error, KafkaError::Retriable(_)), "{error}");
    write(&log, "k", None).await;
    faults.fail(ApiKey::Produce, ResponseError::TopicAuthorizationFailed, 1);
    let error = log.write(b"k", None).await.expect("told").expect_err("refused");
    assert!(error.to_string().contains("WRITE on the topic `t`"), "{error}");
    log.close().await;
}
