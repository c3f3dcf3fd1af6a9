//! Sink tasks as static members of their consumer group, on the embedded broker and on Apache Kafka: the next owner
//! has the partitions at once, and a task that was overtaken ends without a word.

use connect_tests::wait;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use connect_tests::kafka::{self, KafkaClient};
use connect_worker::task::{StopReason, TaskKind, TaskState};
use dev_broker::{Broker, BrokerConfig};

use crate::tasks::Tasks;

mod stopped_sinks;

#[tokio::test(flavor = "multi_thread")]
async fn next_owner_has_the_partitions_at_once_on_the_dev_broker() {
    let folder = tempfile::tempdir().expect("a temporary folder is made");
    let broker = Broker::start(BrokerConfig::new(folder.path())).await.expect("the broker starts");
    next_owner_has_the_partitions_at_once(&broker.address().to_string()).await;
    broker.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn next_owner_has_the_partitions_at_once_on_kafka() {
    let kafka = tokio::task::spawn_blocking(kafka::shared).await.expect("Kafka starts");
    next_owner_has_the_partitions_at_once(&kafka.bootstrap()).await;
}

async fn next_owner_has_the_partitions_at_once(bootstrap: &str) {
    let mut world = World::new(bootstrap).await;
    world.produce(10).await;
    let dead = world.tasks.start();
    world.until_written("the first owner").await;

    // Gone without a word, as after kill -9.
    dead.join(Instant::now()).await;
    world.produce(10).await;
    let overtaken = world.tasks.start();
    let elapsed = world.until_written("the owner after a crash").await;
    assert!(elapsed < wait::AT_ONCE, "data flowed again after {elapsed:?}");

    // A task that does not know that it lost its place.
    world.tasks.states();
    let last = world.tasks.start();
    world.tasks.until_running(3).await;
    world.produce(10).await;
    let elapsed = world.until_written("the owner that fenced another one").await;
    assert!(elapsed < wait::AT_ONCE, "data flowed again after {elapsed:?}");
    // Its next heartbeat tells it; then it has closed its file and only waits to be stopped.
    tokio::time::sleep(Duration::from_secs(4)).await;
    assert!(overtaken.join(Instant::now() + wait::LIMIT).await, "a fenced task ends");
    assert_eq!(world.tasks.states(), [], "the new owner speaks for the task");
    world.produce(10).await;
    world.until_written("the only owner").await;

    // Closing keeps the place for the next one, who is there at once.
    last.stop_for(StopReason::RestartsHere);
    assert!(last.join(Instant::now() + wait::LIMIT).await, "the task ends");
    assert_eq!(world.tasks.states(), [(3, TaskState::Unassigned)]);
    world.produce(10).await;
    let restarted = world.tasks.start();
    let elapsed = world.until_written("the owner after a restart").await;
    assert!(elapsed < wait::AT_ONCE, "data flowed again after {elapsed:?}");
    assert!(restarted.join(Instant::now() + wait::LIMIT).await, "the task ends");
}

/// A file sink of one task on a topic of two partitions.
struct World {
    client: KafkaClient,
    topic: String,
    file: PathBuf,
    produced: usize,
    tasks: Tasks,
    _folder: tempfile::TempDir,
}

impl World {
    async fn new(bootstrap: &str) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder is made");
        let file = folder.path().join("lines");
        let (topic, name) = (kafka::unique("static"), kafka::unique("static-sink"));
        let client = KafkaClient::new(bootstrap);
        client.create_topic(&topic, 2).await;
        let connector = [
            ("name", name.as_str()),
            ("connector.class", "FileStreamSink"),
            ("topics", &topic),
            ("file", &file.display().to_string()),
        ];
        let tasks = Tasks::new(bootstrap, TaskKind::Sink, &connector, None);
        Self { client, topic, file, produced: 0, tasks, _folder: folder }
    }

    async fn produce(&mut self, count: usize) {
        let values: Vec<String> =
            (self.produced..self.produced + count).map(|number| number.to_string()).collect();
        self.client.produce(&self.topic, 0, &values).await;
        self.produced += count;
    }

    /// Waits until the file holds everything produced, and returns how long that took.
    async fn until_written(&self, what: &str) -> Duration {
        let started = Instant::now();
        loop {
            let missing = missing(&self.file, self.produced);
            if missing.is_empty() {
                return started.elapsed();
            }
            assert!(started.elapsed() < wait::LIMIT, "{what}: {missing:?} are not written");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }
}

fn missing(file: &Path, count: usize) -> Vec<String> {
    let text = std::fs::read_to_string(file).unwrap_or_default();
    (0..count).map(|number| number.to_string()).filter(|line| !text.lines().any(|it| it == line)).collect()
}
