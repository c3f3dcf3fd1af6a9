//! Three workers of one group with many sinks of one task each: how long things take, and what an idle task costs.
//!
//! A few of the sinks read a topic into which a line flows every few milliseconds; the others have nothing to do.

mod flow;

use std::path::Path;
use std::time::{Duration, Instant};

use connect_tests::group::{Group, Member, Picture, await_picture};
use connect_tests::kafka::Kafka;
use serde_json::{Value, json};

use crate::measure::resident_kib;
use flow::Flow;

const LIMIT: Duration = Duration::from_secs(300);
const WORKERS: usize = 3;
/// Sinks with data.
const BUSY: usize = 12;
/// Time for memory to come to rest.
const REST: Duration = Duration::from_secs(15);
/// Time without a change of any state after which a group has come to rest.
const CALM: Duration = Duration::from_secs(2);
const IDLE_TOPIC: &str = "fleet_idle";

/// Which workers are measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// The program.
    Sluice,
    /// JVM Kafka Connect.
    Jvm,
}

/// A group under measurement.
struct Fleet {
    kind: Kind,
    group: Group,
    sinks: usize,
    members: Vec<Member>,
    flow: Flow,
}

/// Measures a group of three workers with `sinks` sinks.
pub(crate) async fn run(kind: Kind, sinks: usize) {
    let kafka = Kafka::start();
    kafka.client().create_topic(IDLE_TOPIC, 1).await;
    let flow = Flow::new(&kafka).await;
    let group = Group::new(&kafka.bootstrap(), "fleet").property("session.timeout.ms", "10000");
    let mut fleet = Fleet { kind, group, sinks, members: Vec::new(), flow };
    println!("{WORKERS} workers ({kind:?}), {sinks} sinks of one task, session of 10 s, no delay");
    fleet.start_one_by_one().await;
    fleet.create().await;
    fleet.flow.begin(kafka.client());
    fleet.change().await;
    fleet.stop("follower").await;
    fleet.stop("leader").await;
    fleet.kill().await;
    fleet.start_cold().await;
    fleet.flow.end().await;
}

impl Fleet {
    /// Starts the workers; the first one leads from then on.
    async fn start_one_by_one(&mut self) {
        for _ in 0..WORKERS {
            let member = start(self.kind, self.group.clone()).await;
            self.members.push(member);
        }
    }

    /// Measures what comes with connectors: time until they run, and memory.
    async fn create(&mut self) {
        tokio::time::sleep(REST).await;
        let empty = self.resident();
        let mut times = Vec::new();
        for number in 0..5 {
            let start = Instant::now();
            self.create_sink(number).await;
            self.members[1].api().await_task(&name(number), "RUNNING").await;
            times.push(start.elapsed());
            tokio::time::sleep(Duration::from_millis(137)).await;
        }
        times.sort_unstable();
        println!("create until RUNNING, over a follower: median {:?} of {times:?}", times[times.len() / 2]);
        let start = Instant::now();
        for number in 5..self.sinks {
            self.create_sink(number).await;
        }
        let created = start.elapsed();
        self.await_all(&self.members).await;
        println!(
            "{} more: created after {created:?}, all RUNNING after {:?}",
            self.sinks - 5,
            start.elapsed()
        );
        tokio::time::sleep(REST).await;
        let full = self.resident();
        let (before, after): (u64, u64) = (empty.iter().sum(), full.iter().sum());
        println!(
            "resident MiB: {:?} without connectors, {:?} with {} idle sinks: {} KiB a task",
            empty.iter().map(|kib| kib / 1_024).collect::<Vec<_>>(),
            full.iter().map(|kib| kib / 1_024).collect::<Vec<_>>(),
            self.sinks,
            after.saturating_sub(before) / self.sinks as u64
        );
    }

    async fn create_sink(&self, number: usize) {
        self.members[1].api().create(&name(number), &self.config(number, &self.flow.file(number))).await;
    }

    fn config(&self, number: usize, file: &Path) -> Value {
        let topic = if number < BUSY { flow::TOPIC } else { IDLE_TOPIC };
        let file = if number < BUSY { file } else { Path::new("/dev/null") };
        json!({ "connector.class": "FileStreamSink", "tasks.max": "1", "topics": topic, "file": file })
    }

    /// Measures the time from a changed configuration to data in the new file.
    async fn change(&mut self) {
        self.flow.await_fresh(0..BUSY, LIMIT).await;
        let mut times = Vec::new();
        for number in 0..5 {
            let file = self.flow.move_file(number);
            let start = Instant::now();
            let path = format!("/connectors/{}/config", name(number));
            let config = self.config(number, &file);
            self.members[1].api().settled("PUT", &path, Some(&config), 200).await;
            self.flow.await_fresh(number..number + 1, LIMIT).await;
            times.push(start.elapsed());
        }
        times.sort_unstable();
        println!("changed until data in the new file: median {:?} of {times:?}", times[times.len() / 2]);
        self.await_calm().await;
    }

    /// Measures an orderly stop, and brings a new worker in.
    async fn stop(&mut self, place: &str) {
        self.flow.await_fresh(0..BUSY, LIMIT).await;
        let mut stopped = if place == "leader" { self.members.remove(0) } else { self.members.remove(1) };
        let watch = self.flow.watch();
        let start = Instant::now();
        let stopping = std::thread::spawn(move || (stopped.stop(), start.elapsed()));
        self.await_elsewhere(place, start).await;
        let pause = watch.end().await;
        let (status, ended) = stopping.join().expect("the worker ends");
        println!("    longest pause of data {pause:?}; the process ended after {ended:?} ({status})");
        self.refill().await;
    }

    /// Measures kill -9 of a follower.
    async fn kill(&mut self) {
        self.flow.await_fresh(0..BUSY, LIMIT).await;
        let mut killed = self.members.remove(1);
        let watch = self.flow.watch();
        let start = Instant::now();
        killed.kill();
        self.await_elsewhere("killed follower", start).await;
        println!("    longest pause of data {:?}", watch.end().await);
        self.refill().await;
    }

    async fn await_elsewhere(&self, what: &str, start: Instant) {
        self.await_all(&self.members).await;
        let moved = start.elapsed();
        self.flow.await_fresh(0..BUSY, LIMIT).await;
        println!(
            "{what} stops: all RUNNING elsewhere after {moved:?}, data everywhere after {:?}",
            start.elapsed()
        );
    }

    /// Starts a worker in place of the one that is gone.
    async fn refill(&mut self) {
        let member = start(self.kind, self.group.clone()).await;
        self.members.push(member);
        let start = Instant::now();
        self.await_balance().await;
        println!("    a new worker has its share {:?} after its start", start.elapsed());
        self.await_calm().await;
    }

    /// Measures the start of all workers at once with everything configured already.
    async fn start_cold(&mut self) {
        let stop = |mut member: Member| std::thread::spawn(move || member.stop());
        let stops: Vec<_> = self.members.drain(..).map(stop).collect();
        for stop in stops {
            stop.join().expect("the worker ends");
        }
        let begin = Instant::now();
        let one = || start(self.kind, self.group.clone());
        let members: [Member; WORKERS] = tokio::join!(one(), one(), one()).into();
        self.members.extend(members);
        let answering = begin.elapsed();
        self.await_all(&self.members).await;
        let running = begin.elapsed();
        self.await_balance().await;
        let balanced = begin.elapsed();
        self.flow.await_fresh(0..BUSY, LIMIT).await;
        println!(
            "cold start: workers answer after {answering:?}, all RUNNING after {running:?}, balanced after {balanced:?}, \
             data everywhere after {:?}",
            begin.elapsed()
        );
    }

    /// Waits until everything runs on these workers.
    async fn await_all(&self, members: &[Member]) {
        let ids = ids(members);
        let all = |picture: &Picture| picture.runs_on(&ids, self.sinks, self.sinks);
        await_picture("everything RUNNING", LIMIT, members[0].api(), all).await;
    }

    async fn await_balance(&self) {
        let ids = ids(&self.members);
        let is_wanted = |picture: &Picture| {
            picture.runs_on(&ids, self.sinks, self.sinks) && picture.is_balanced(ids.len())
        };
        await_picture("balance", LIMIT, self.members[0].api(), is_wanted).await;
    }

    /// Waits until nothing has changed for a while.
    async fn await_calm(&self) {
        let (mut last, mut since) = (None, Instant::now());
        while since.elapsed() < CALM {
            tokio::time::sleep(Duration::from_millis(200)).await;
            let picture = Picture::of(self.members[0].api()).await.ok();
            if picture != last {
                (last, since) = (picture, Instant::now());
            }
        }
    }

    fn resident(&self) -> Vec<u64> {
        self.members.iter().map(|member| resident_kib(member.pid())).collect()
    }
}

async fn start(kind: Kind, group: Group) -> Member {
    match kind {
        Kind::Sluice => Member::sluice(&group).await,
        Kind::Jvm => tokio::task::spawn_blocking(move || Member::jvm(&group)).await.expect("a worker starts"),
    }
}

fn ids(members: &[Member]) -> Vec<String> {
    members.iter().map(Member::worker_id).collect()
}

fn name(number: usize) -> String {
    format!("sink-{number}")
}
