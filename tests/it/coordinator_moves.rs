//! Three workers on a Kafka cluster of three nodes that lose the node with the group's coordinator, and then the one
//! with the coordinator of a source's transactions: everything moves and goes on without a human.

use std::{
    fs::{self, File},
    io::Write,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use connect_tests::{
    group::{Member, await_picture},
    kafka_cluster::{Coordinated, KafkaCluster},
    wait,
};
use serde_json::json;
use tokio::task::JoinHandle;

use crate::{
    exactly_once::committed,
    group_support::{Scene, counts},
    support::{file_sink, with},
};

const SINKS: usize = 2;
/// The sinks, the source, and the sink of what the source writes.
const ALL: usize = SINKS + 2;
const PAUSE: Duration = Duration::from_millis(20);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn coordinators_that_move_between_brokers_cost_no_record_no_task_and_no_place() {
    let mut cluster = KafkaCluster::start();
    let town = Town::settle(&cluster).await;
    let group = town.scene.group.name().to_owned();
    let transactions = format!("{group}-{group}-source-0");

    let killed = cluster.coordinator(Coordinated::Group(&group));
    let start = Instant::now();
    cluster.kill(killed);
    town.await_alive("killed", start).await;
    assert_ne!(cluster.coordinator(Coordinated::Group(&group)), killed, "the coordinator moved");
    cluster.restart(killed);

    let stopped = cluster.coordinator(Coordinated::Transactions(&transactions));
    assert_ne!(stopped, killed, "a node that came back leads nothing yet");
    let start = Instant::now();
    cluster.stop(stopped);
    town.await_alive("stopped", start).await;
    assert_ne!(cluster.coordinator(Coordinated::Transactions(&transactions)), stopped, "it moved too");
    town.check().await;
}

/// Workers with sinks that data flows to, and a source of lines that writes exactly once.
struct Town {
    scene: Scene,
    members: [Member; 3],
    source: Lines,
    bootstrap: String,
}

impl Town {
    async fn settle(cluster: &KafkaCluster) -> Self {
        let bootstrap = cluster.bootstrap();
        let mut scene = Scene::new("moves", &bootstrap, SINKS).await;
        for topic in ["config", "offset", "status"] {
            scene.group = scene.group.property(&format!("{topic}.storage.replication.factor"), "-1");
        }
        scene.group = scene.group.property("exactly.once.source.support", "enabled");
        let group = &scene.group;
        let members =
            tokio::join!(Member::sluice(group), Member::sluice(group), Member::sluice(group)).into();
        let source = Lines::start(&format!("{}-source", group.name()));
        cluster.client().create_topic(&source.name, 1).await;
        let town = Self { scene, members, source, bootstrap };
        let api = town.members[0].api();
        town.scene.create(api).await;
        let config = json!({
            "connector.class": "FileStreamSource", "tasks.max": "1", "topic": town.source.name,
            "file": town.source.path("lines"),
        });
        api.create(&town.source.name, &config).await;
        let copy = json!({ "consumer.override.isolation.level": "read_committed" });
        let copy = with(file_sink(&town.source.name, &town.source.path("copy")), copy);
        api.create(&format!("{}-copy", town.source.name), &copy).await;
        town.await_alive("settled", Instant::now()).await;
        town
    }

    /// Waits until fresh data arrives everywhere, and each worker has its share and says that everything runs.
    #[expect(clippy::print_stdout, reason = "how long a move takes is worth reading")]
    async fn await_alive(&self, what: &str, start: Instant) {
        self.scene.await_flow(wait::LIMIT).await;
        self.source.await_copied().await;
        let flowed = start.elapsed();
        let ids = self.members.each_ref().map(Member::worker_id);
        for member in &self.members {
            await_picture(&format!("the group {what}"), wait::LIMIT, member.api(), |picture| {
                picture.runs_on(&ids, ALL, ALL) && picture.is_balanced(ids.len())
            })
            .await;
        }
        println!("{what}: data everywhere after {flowed:?}, all work placed after {:?}", start.elapsed());
    }

    /// Checks that nothing is lost, nothing of the source is there twice, and no task ever failed.
    async fn check(mut self) {
        self.scene.check().await;
        self.source.stop.store(true, Ordering::Relaxed);
        let appended = (&mut self.source.appending).await.expect("the lines are written");
        let expected: Vec<String> = (0..appended).map(|number| number.to_string()).collect();
        wait::until("all lines of the source", wait::LIMIT, async || {
            let found = values(&self.bootstrap, &self.source.name).await;
            if found == expected { Ok(()) } else { Err((found.len(), expected.len())) }
        })
        .await;
        for member in &self.members {
            let log = member.log();
            assert!(!log.contains("task failed") && !log.contains("panicked"), "{log}");
        }
    }
}

/// A file that grows by numbered lines, and the source that reads it into a topic of its own name.
struct Lines {
    name: String,
    folder: tempfile::TempDir,
    stop: Arc<AtomicBool>,
    appending: JoinHandle<usize>,
}

impl Lines {
    fn start(name: &str) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder is made");
        let mut file = File::create(folder.path().join("lines")).expect("the file is made");
        let stop = Arc::new(AtomicBool::new(false));
        let is_over = Arc::clone(&stop);
        let appending = tokio::spawn(async move {
            let mut count = 0;
            while !is_over.load(Ordering::Relaxed) {
                writeln!(file, "{count}").expect("a line is written");
                count += 1;
                tokio::time::sleep(PAUSE).await;
            }
            count
        });
        Self { name: name.to_owned(), folder, stop, appending }
    }

    fn path(&self, file: &str) -> String {
        self.folder.path().join(file).display().to_string()
    }

    /// Waits until a line that is not in the file yet has gone through the topic and is in the copy.
    async fn await_copied(&self) {
        let next = fs::read_to_string(self.path("lines")).expect("the file is read").lines().count();
        wait::until(&format!("line {next} of {}", self.name), wait::LIMIT, async || {
            let found = counts(Path::new(&self.path("copy")));
            if found.contains_key(&next.to_string()) { Ok(()) } else { Err(found.len()) }
        })
        .await;
    }
}

impl Drop for Lines {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
    }
}

async fn values(bootstrap: &str, topic: &str) -> Vec<String> {
    let text = |(_, value): (Vec<u8>, Vec<u8>)| String::from_utf8(value).expect("lines are text");
    committed(bootstrap, topic).await.into_iter().map(text).collect()
}
