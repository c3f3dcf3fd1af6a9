//! Source tasks that write exactly once, on the embedded broker and on Apache Kafka: a reader of committed data sees
//! every line once, whatever became of the tasks that wrote them.

use std::collections::HashMap;
use std::io::Write;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use bytes::Bytes;
use connect_core::async_trait;
use connect_core::config::Props;
use connect_core::error::ConnectError;
use connect_core::task::TaskId;
use connect_tests::{kafka, wait};
use connect_worker::stores::offsets::{ExactlyOnceOffsets, OffsetStore, SourceOffsetStores};
use connect_worker::task::{ExactlyOnce, SourceFencing, TaskKind};
use dev_broker::{Broker, BrokerConfig};
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::message::Message;
use rdkafka::{ClientConfig, Offset, TopicPartitionList};

use crate::tasks::Tasks;

const LINES: usize = 4_000;

#[tokio::test(flavor = "multi_thread")]
async fn dev_broker_holds_every_line_once() {
    let folder = tempfile::tempdir().expect("a temporary folder is made");
    let broker = Broker::start(BrokerConfig::new(folder.path())).await.expect("the broker starts");
    let bootstrap = broker.address().to_string();
    every_line_is_read_once(&bootstrap).await;
    transaction_that_takes_too_long_fails_with_advice(&bootstrap).await;
    broker.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn kafka_holds_every_line_once() {
    let kafka = tokio::task::spawn_blocking(kafka::shared).await.expect("Kafka starts");
    every_line_is_read_once(&kafka.bootstrap()).await;
}

/// A task is overtaken by another one while it lives, the next is killed, and the last one finishes.
async fn every_line_is_read_once(bootstrap: &str) {
    let mut world = World::new(bootstrap, &[("batch.size", "20")]);
    world.append(LINES / 4);
    let zombie = world.tasks.start();
    world.until_lines(LINES / 4).await;

    let killed = world.tasks.start();
    world.tasks.until_running(2).await;
    // Both read on; only one of them can write.
    world.append(LINES / 4);
    let (run, trace) = world.tasks.failure().await;
    assert_eq!(run, 1, "the older of two tasks fails: {trace}");
    assert!(trace.contains("another producer with the same transactional id took over"), "{trace}");
    world.until_lines(LINES / 2).await;

    world.append(LINES / 2);
    world.until_lines(LINES * 5 / 8).await;
    killed.join(Instant::now()).await;
    let last = world.tasks.start();
    world.until_lines(LINES).await;
    assert!(last.join(Instant::now() + wait::LIMIT).await, "the task ends in time");
    assert!(zombie.join(Instant::now() + wait::LIMIT).await, "a failed task ends when it is stopped");
    let expected: Vec<String> = (0..LINES).map(|number| format!("line {number}")).collect();
    assert_eq!(world.lines().await, expected);
}

async fn transaction_that_takes_too_long_fails_with_advice(bootstrap: &str) {
    let mut world = World::new(
        bootstrap,
        &[
            ("transaction.boundary", "interval"),
            ("transaction.boundary.interval.ms", "4000"),
            ("producer.override.transaction.timeout.ms", "1000"),
        ],
    );
    world.append(10);
    let task = world.tasks.start();
    let (_, trace) = world.tasks.failure().await;
    assert!(trace.contains("before its producer transaction expired"), "{trace}");
    assert!(trace.contains("producer.override.transaction.timeout.ms"), "{trace}");
    assert!(task.join(Instant::now() + wait::LIMIT).await, "a failed task ends when it is stopped");
    assert_eq!(world.lines().await, Vec::<String>::new());
}

/// A group of workers that agrees with everything: fencing is left to the transactional id.
struct Agreeing;

#[async_trait]
impl SourceFencing for Agreeing {
    async fn fence(&self, _: &Arc<str>) -> Result<(), ConnectError> {
        Ok(())
    }

    async fn verify(&self, _: &TaskId, _: u64) -> Result<(), ConnectError> {
        Ok(())
    }
}

/// The committed part of an offset topic, read once.
struct Stores {
    bootstrap: String,
    topic: Arc<str>,
}

struct Committed(Mutex<HashMap<Bytes, Bytes>>);

#[async_trait]
impl SourceOffsetStores for Stores {
    async fn open(&self, _: &TaskId, _: &Props) -> Result<Arc<dyn OffsetStore>, ConnectError> {
        Err(ConnectError::fatal("tasks here write exactly once"))
    }

    async fn open_connector(&self, _: &str, _: &Props) -> Result<Arc<dyn OffsetStore>, ConnectError> {
        Err(ConnectError::fatal("nobody asks for offsets by REST here"))
    }

    async fn open_exactly_once(&self, _: &TaskId, _: &Props) -> Result<ExactlyOnceOffsets, ConnectError> {
        let records = committed(&self.bootstrap, &self.topic).await;
        let offsets = records.into_iter().map(|(key, value)| (key.into(), value.into())).collect();
        let store = Arc::new(Committed(Mutex::new(offsets)));
        Ok(ExactlyOnceOffsets { topic: Arc::clone(&self.topic), store, secondary: None })
    }
}

#[async_trait]
impl OffsetStore for Committed {
    async fn get(&self, keys: &[Bytes]) -> Result<Vec<Option<Bytes>>, ConnectError> {
        let offsets = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        Ok(keys.iter().map(|key| offsets.get(key).cloned()).collect())
    }

    async fn set(&self, _: Vec<(Bytes, Option<Bytes>)>) -> Result<(), ConnectError> {
        Err(ConnectError::fatal("the producer of the task writes"))
    }

    async fn entries(&self) -> Result<Vec<(Bytes, Bytes)>, ConnectError> {
        Ok(Vec::new())
    }
}

/// Reads the committed records of a topic's only partition: keys and values.
pub(crate) async fn committed(bootstrap: &str, topic: &str) -> Vec<(Vec<u8>, Vec<u8>)> {
    let (bootstrap, topic) = (bootstrap.to_owned(), topic.to_owned());
    let read = move || {
        let consumer: BaseConsumer = ClientConfig::new()
            .set("bootstrap.servers", bootstrap)
            .set("group.id", "unused")
            .set("isolation.level", "read_committed")
            .set("enable.partition.eof", "true")
            .set("allow.auto.create.topics", "true")
            .create()
            .expect("a consumer is made");
        let mut assignment = TopicPartitionList::new();
        assignment.add_partition_offset(&topic, 0, Offset::Beginning).expect("an offset");
        consumer.assign(&assignment).expect("assigned");
        let (mut records, deadline) = (Vec::new(), Instant::now() + wait::LIMIT);
        loop {
            assert!(Instant::now() < deadline, "the end of the topic in time");
            match consumer.poll(Duration::from_millis(100)) {
                Some(Ok(message)) => {
                    let bytes = |it: Option<&[u8]>| it.unwrap_or_default().to_vec();
                    records.push((bytes(message.key()), bytes(message.payload())));
                }
                Some(Err(rdkafka::error::KafkaError::PartitionEOF(_))) => return records,
                // The topic is being made.
                Some(Err(_)) | None => {}
            }
        }
    };
    tokio::task::spawn_blocking(read).await.expect("the topic is read")
}

/// One task that reads a file of lines.
struct World {
    bootstrap: String,
    topic: String,
    tasks: Tasks,
    appended: usize,
    folder: tempfile::TempDir,
}

impl World {
    fn new(bootstrap: &str, extra: &[(&str, &str)]) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder is made");
        let file = folder.path().join("lines");
        std::fs::write(&file, "").expect("the file is made");
        let (name, topic) = (kafka::unique("once"), kafka::unique("once-lines"));
        let offsets = kafka::unique("once-offsets").into();
        let stores = Arc::new(Stores { bootstrap: bootstrap.to_owned(), topic: offsets });
        let file = file.display().to_string();
        let mut connector = vec![
            ("name", name.as_str()),
            ("connector.class", "FileStreamSource"),
            ("topic", &topic),
            ("file", &file),
        ];
        connector.extend(extra);
        let mode = ExactlyOnce { fencing: Arc::new(Agreeing), generation: 1 };
        let tasks = Tasks::new(bootstrap, TaskKind::Source, &connector, Some((mode, stores)));
        Self { bootstrap: bootstrap.to_owned(), topic, tasks, appended: 0, folder }
    }

    /// Appends lines to the file.
    fn append(&mut self, count: usize) {
        let path = self.folder.path().join("lines");
        let mut file = std::fs::OpenOptions::new().append(true).open(path).expect("the file is there");
        let next = self.appended + count;
        let lines: String = (self.appended..next).map(|number| format!("line {number}\n")).collect();
        file.write_all(lines.as_bytes()).expect("the file is written");
        self.appended = next;
    }

    async fn lines(&self) -> Vec<String> {
        let records = committed(&self.bootstrap, &self.topic).await;
        records.into_iter().map(|(_, value)| String::from_utf8(value).expect("text")).collect()
    }

    async fn until_lines(&self, count: usize) {
        let deadline = Instant::now() + wait::LIMIT;
        loop {
            let seen = self.lines().await.len();
            if seen >= count {
                return;
            }
            assert!(Instant::now() < deadline, "{seen} of {count} lines in time");
        }
    }
}
