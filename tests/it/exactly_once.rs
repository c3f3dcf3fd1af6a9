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
use connect_core::kit::SystemClock;
use connect_core::task::TaskId;
use connect_tests::kafka;
use connect_worker::config::{WorkerConfig, WorkerMode};
use connect_worker::obs::metrics::{MetricsOptions, MetricsRegistry, Windows};
use connect_worker::stores::offsets::{ExactlyOnceOffsets, OffsetStore, SourceOffsetStores};
use connect_worker::task::{
    ExactlyOnce, SourceFencing, Spawner, TargetState, TaskEvent, TaskHandle, TaskKind, TaskReport,
    TaskServices, TaskSpec, TaskState, native_consumers, native_transactional_producers,
};
use dev_broker::{Broker, BrokerConfig};
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::message::Message;
use rdkafka::{ClientConfig, Offset, TopicPartitionList};
use tokio::sync::mpsc;

const LIMIT: Duration = Duration::from_secs(60);
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
    let zombie = world.start();
    world.until_lines(LINES / 4).await;

    let killed = world.start();
    world.until_running(2).await;
    // Both read on; only one of them can write.
    world.append(LINES / 4);
    let (run, trace) = world.failure().await;
    assert_eq!(run, 1, "the older of two tasks fails: {trace}");
    assert!(trace.contains("another producer with the same transactional id took over"), "{trace}");
    world.until_lines(LINES / 2).await;

    world.append(LINES / 2);
    world.until_lines(LINES * 5 / 8).await;
    killed.join(Instant::now()).await;
    let last = world.start();
    world.until_lines(LINES).await;
    assert!(last.join(Instant::now() + LIMIT).await, "the task ends in time");
    assert!(zombie.join(Instant::now() + LIMIT).await, "a failed task ends when it is stopped");
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
    let task = world.start();
    let (_, trace) = world.failure().await;
    assert!(trace.contains("before its producer transaction expired"), "{trace}");
    assert!(trace.contains("producer.override.transaction.timeout.ms"), "{trace}");
    assert!(task.join(Instant::now() + LIMIT).await, "a failed task ends when it is stopped");
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
async fn committed(bootstrap: &str, topic: &str) -> Vec<(Vec<u8>, Vec<u8>)> {
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
        let (mut records, deadline) = (Vec::new(), Instant::now() + LIMIT);
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

/// One task that reads a file of lines, run several times.
struct World {
    bootstrap: String,
    topic: String,
    spec: TaskSpec,
    spawner: Spawner,
    sender: mpsc::UnboundedSender<TaskEvent>,
    events: mpsc::UnboundedReceiver<TaskEvent>,
    appended: usize,
    folder: tempfile::TempDir,
}

impl World {
    fn new(bootstrap: &str, extra: &[(&str, &str)]) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder is made");
        let file = folder.path().join("lines");
        std::fs::write(&file, "").expect("the file is made");
        let tag = fastrand::u64(..);
        let (name, topic) = (format!("once-{tag}"), format!("once-lines-{tag}"));
        let registry = connectors::registry();
        let worker = props(&[
            ("bootstrap.servers", bootstrap),
            ("group.id", "once"),
            ("config.storage.topic", "once-configs"),
            ("offset.storage.topic", "once-offsets"),
            ("status.storage.topic", "once-status"),
            ("exactly.once.source.support", "enabled"),
            ("key.converter", "org.apache.kafka.connect.storage.StringConverter"),
            ("value.converter", "org.apache.kafka.connect.storage.StringConverter"),
        ]);
        let worker = WorkerConfig::parse(&worker, WorkerMode::Distributed, &registry).expect("worker");
        let topics = Stores { bootstrap: bootstrap.to_owned(), topic: format!("once-offsets-{tag}").into() };
        let clock = Arc::new(SystemClock);
        let metrics = MetricsRegistry::new(MetricsOptions {
            windows: Windows::default(),
            clock: clock.clone(),
            worker_id: "w:1".to_owned(),
            version: "1".to_owned(),
            commit: "c".to_owned(),
        });
        let spawner = Spawner::new(TaskServices {
            worker: Arc::new(worker),
            metrics: Arc::new(metrics),
            offsets: Arc::new(Committed(Mutex::default())),
            source_stores: Some(Arc::new(topics)),
            clock,
            consumers: native_consumers(),
            producers: native_transactional_producers(),
        });
        let mut connector_props = props(&[
            ("name", &name),
            ("connector.class", "FileStreamSource"),
            ("topic", &topic),
            ("file", &file.display().to_string()),
        ]);
        connector_props.extend(props(extra));
        let spec = TaskSpec {
            id: TaskId { connector: name.into(), task: 0 },
            run: 0,
            kind: TaskKind::Source,
            task_props: connector_props.clone(),
            connector_props,
            target: TargetState::Started,
            registry,
            exactly_once: Some(ExactlyOnce { fencing: Arc::new(Agreeing), generation: 1 }),
        };
        let (sender, events) = mpsc::unbounded_channel();
        let bootstrap = bootstrap.to_owned();
        Self { bootstrap, topic, spec, spawner, sender, events, appended: 0, folder }
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

    fn start(&mut self) -> TaskHandle {
        self.spec.run += 1;
        self.spawner.start(self.spec.clone(), self.sender.clone())
    }

    async fn lines(&self) -> Vec<String> {
        let records = committed(&self.bootstrap, &self.topic).await;
        records.into_iter().map(|(_, value)| String::from_utf8(value).expect("text")).collect()
    }

    async fn until_lines(&self, count: usize) {
        let deadline = Instant::now() + LIMIT;
        loop {
            let seen = self.lines().await.len();
            if seen >= count {
                return;
            }
            assert!(Instant::now() < deadline, "{seen} of {count} lines in time");
        }
    }

    async fn until_running(&mut self, run: u64) {
        loop {
            let event = tokio::time::timeout(LIMIT, self.events.recv()).await.expect("a start in time");
            let event = event.expect("an open channel");
            if let (true, TaskReport::State { state: TaskState::Running, .. }) =
                (event.run == run, event.report)
            {
                return;
            }
        }
    }

    /// Waits for the next failure and returns the run and its trace.
    async fn failure(&mut self) -> (u64, String) {
        loop {
            let event = tokio::time::timeout(LIMIT, self.events.recv()).await.expect("a failure in time");
            let event = event.expect("an open channel");
            if let TaskReport::State { state: TaskState::Failed, trace } = event.report {
                return (event.run, trace.expect("a trace"));
            }
        }
    }
}

fn props(pairs: &[(&str, &str)]) -> Props {
    pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
}
