//! Data that flows through a cluster while its workers come and go, and the check that none of it is lost.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use connect_tests::{
    api::Api,
    group::{Group, Member, await_picture},
    kafka::{self, KafkaClient},
    wait,
};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::task::JoinHandle;

use crate::support::file_sink;

const PAUSE: Duration = Duration::from_millis(20);

/// Numbered lines that flow into a topic, a line to each partition every few milliseconds, and sinks that write each
/// line to a file.
pub(crate) struct Flow {
    topic: String,
    partitions: i32,
    folder: TempDir,
    produced: Arc<AtomicUsize>,
    stop: Arc<AtomicBool>,
    producing: Option<JoinHandle<()>>,
}

impl Flow {
    /// Creates the topic and begins to produce.
    pub(crate) async fn start(client: KafkaClient, topic: &str, partitions: i32) -> Self {
        client.create_topic(topic, partitions).await;
        let folder = tempfile::Builder::new().prefix("flow").tempdir().expect("a temporary folder is made");
        let (produced, stop) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicBool::new(false)));
        let mut flow = Self { topic: topic.to_owned(), partitions, folder, produced, stop, producing: None };
        flow.resume(client);
        flow
    }

    /// Goes on producing after [`Flow::pause`].
    pub(crate) fn resume(&mut self, client: KafkaClient) {
        self.stop.store(false, Ordering::Relaxed);
        let (topic, partitions) = (self.topic.clone(), self.partitions);
        let (produced, stop) = (Arc::clone(&self.produced), Arc::clone(&self.stop));
        self.producing = Some(tokio::spawn(async move {
            while !stop.load(Ordering::Relaxed) {
                let number = produced.load(Ordering::Relaxed);
                for partition in 0..partitions {
                    client.produce(&topic, partition, [line(partition, number)]).await;
                }
                produced.store(number + 1, Ordering::Relaxed);
                tokio::time::sleep(PAUSE).await;
            }
        }));
    }

    /// Stops producing and returns how many lines each partition has.
    pub(crate) async fn pause(&mut self) -> usize {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(producing) = self.producing.take() {
            producing.await.expect("the producer ends well");
        }
        self.produced.load(Ordering::Relaxed)
    }

    /// Returns the configuration of a sink of the topic with `tasks` tasks, and its file.
    pub(crate) fn sink(&self, name: &str, tasks: usize) -> (Value, PathBuf) {
        let file = self.folder.path().join(name);
        let mut config = file_sink(&self.topic, &file.to_string_lossy());
        config["tasks.max"] = json!(tasks.to_string());
        (config, file)
    }

    /// Waits until a line of each partition that is produced from now on is in the file, and returns how long that
    /// took.
    pub(crate) async fn await_fresh(&self, file: &Path, limit: Duration) -> Duration {
        let start = Instant::now();
        let number = self.produced.load(Ordering::Relaxed) + 1;
        wait::until(&format!("lines after {number} in {}", file.display()), limit, async || {
            let newest = newest(file);
            let is_fresh = |partition: i32| newest.get(&partition).is_some_and(|newest| *newest >= number);
            if (0..self.partitions).all(is_fresh) { Ok(()) } else { Err(newest) }
        })
        .await;
        start.elapsed()
    }

    /// Waits until all lines that were produced are in the file, and returns how many are there more than once.
    pub(crate) async fn await_all(&self, file: &Path) -> usize {
        let produced = self.produced.load(Ordering::Relaxed);
        let wanted = produced * self.partitions as usize;
        let what = format!("{wanted} lines in {}", file.display());
        let counts = wait::until(&what, wait::LIMIT, async || {
            let counts = counts(file);
            if counts.len() >= wanted { Ok(counts) } else { Err(counts.len()) }
        })
        .await;
        let is_ours = |line: &&String| {
            (0..self.partitions).any(|partition| {
                let number = line.strip_prefix(&format!("{partition}:"));
                number.and_then(|number| number.parse().ok()).is_some_and(|number: usize| number < produced)
            })
        };
        let foreign: Vec<&String> = counts.keys().filter(|line| !is_ours(line)).collect();
        assert!(foreign.is_empty(), "lines that nobody produced: {foreign:?}");
        counts.values().filter(|count| **count > 1).count()
    }
}

impl Drop for Flow {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
    }
}

fn line(partition: i32, number: usize) -> String {
    format!("{partition}:{number}")
}

/// Returns how often each line is in a file.
pub(crate) fn counts(file: &Path) -> BTreeMap<String, usize> {
    let text = fs::read_to_string(file).unwrap_or_default();
    let mut counts = BTreeMap::new();
    // The last line may be half-written.
    for line in text.split_inclusive('\n').filter_map(|line| line.strip_suffix('\n')) {
        *counts.entry(line.to_owned()).or_default() += 1;
    }
    counts
}

fn newest(file: &Path) -> BTreeMap<i32, usize> {
    let mut newest = BTreeMap::new();
    for line in counts(file).into_keys() {
        let parsed = line.split_once(':').and_then(|(partition, number)| {
            Some((partition.parse::<i32>().ok()?, number.parse::<usize>().ok()?))
        });
        if let Some((partition, number)) = parsed {
            let best = newest.entry(partition).or_default();
            *best = number.max(*best);
        }
    }
    newest
}

/// A group with data flowing through sinks of one task each.
pub(crate) struct Scene {
    pub(crate) group: Group,
    pub(crate) flow: Flow,
    pub(crate) sinks: Vec<Sink>,
}

/// A sink, and where its lines go.
pub(crate) struct Sink {
    pub(crate) name: String,
    pub(crate) config: Value,
    pub(crate) file: PathBuf,
}

impl Scene {
    /// Makes a group on the broker with sinks that are not created yet.
    pub(crate) async fn new(name: &str, bootstrap: &str, sinks: usize) -> Self {
        let group = Group::new(bootstrap, &kafka::unique(name));
        let topic = format!("{}-lines", group.name());
        let flow = Flow::start(KafkaClient::new(bootstrap), &topic, 2).await;
        let sink = |number: usize| {
            let name = format!("{}-sink-{number}", group.name());
            let (config, file) = flow.sink(&name, 1);
            Sink { name, config, file }
        };
        let sinks = (0..sinks).map(sink).collect();
        Self { group, flow, sinks }
    }

    /// Creates the sinks over a worker.
    pub(crate) async fn create(&self, api: &Api) {
        for sink in &self.sinks {
            api.create(&sink.name, &sink.config).await;
        }
    }

    /// Waits until everything runs, spread evenly over exactly these workers, as each of them tells it.
    pub(crate) async fn await_balance(&self, what: &str, members: &[&Member]) {
        let ids: Vec<String> = members.iter().map(|member| member.worker_id()).collect();
        for member in members {
            await_picture(&format!("balance {what}"), wait::LIMIT, member.api(), |picture| {
                picture.runs_on(&ids, self.sinks.len(), self.sinks.len()) && picture.is_balanced(ids.len())
            })
            .await;
        }
    }

    /// Waits until fresh data arrives in every file, and returns how long that took.
    pub(crate) async fn await_flow(&self, limit: Duration) -> Duration {
        let start = Instant::now();
        for sink in &self.sinks {
            self.flow.await_fresh(&sink.file, limit).await;
        }
        start.elapsed()
    }

    /// Ends producing and checks that every line arrived everywhere; returns how many came more than once.
    pub(crate) async fn check(&mut self) -> usize {
        self.flow.pause().await;
        let mut repeated = 0;
        for sink in &self.sinks {
            repeated += self.flow.await_all(&sink.file).await;
        }
        repeated
    }
}
