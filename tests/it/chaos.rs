//! Chaos: two workers of a group are killed in turn while records flow to a target that fails one request in twenty.
//! No record may be lost, and none be there twice where the target can tell.
//!
//! `CHAOS_RECORDS` sets how many records flow; the bar of the project is 240,000.

mod elasticsearch;
mod firehose;
mod s3;

use std::{
    env,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use connect_tests::{
    group::Group,
    kafka::{self, KafkaClient},
    sluice::{Setup, Sluice},
    wait,
};
use fastrand::Rng;
use serde_json::Value;
use tokio::task::JoinHandle;

use crate::{kill::kill_seed, support::committed};

pub(crate) const PARTITIONS: i32 = 4;
const RECORDS: usize = 16_000;
/// Records of each partition in one step of the flow, and the pause after it: some 2,000 records a second over all,
/// so that kills meet the flow.
pub(crate) const STEP: usize = 50;
const PAUSE: Duration = Duration::from_millis(100);

/// Returns how many records flow into each partition.
fn count() -> usize {
    let records = env::var("CHAOS_RECORDS").ok().and_then(|text| text.parse().ok()).unwrap_or(RECORDS);
    let partitions = usize::try_from(PARTITIONS).expect("a few");
    (records / partitions).next_multiple_of(STEP)
}

/// Records that flow into a topic at an even pace.
pub(crate) struct Flow {
    start: Instant,
    stop: Arc<AtomicBool>,
    producing: JoinHandle<usize>,
}

impl Flow {
    /// Begins to produce `count` values to each partition of `topic`.
    pub(crate) fn start(
        client: KafkaClient,
        topic: &str,
        count: usize,
        value: impl Fn(i32, usize) -> String + Send + Sync + 'static,
    ) -> Self {
        let (topic, stop) = (topic.to_owned(), Arc::new(AtomicBool::new(false)));
        let asked = Arc::clone(&stop);
        let producing = tokio::spawn(async move {
            for first in (0..count).step_by(STEP) {
                if asked.load(Ordering::Relaxed) {
                    return first;
                }
                for partition in 0..PARTITIONS {
                    let values = (first..first + STEP).map(|number| value(partition, number));
                    client.produce(&topic, partition, values).await;
                }
                tokio::time::sleep(PAUSE).await;
            }
            count
        });
        Self { start: Instant::now(), stop, producing }
    }

    /// Ends it before its time and returns how many values each partition has: a multiple of [`STEP`].
    pub(crate) async fn stop(self) -> usize {
        self.stop.store(true, Ordering::Relaxed);
        self.producing.await.expect("the producer ends well")
    }

    fn is_over(&self) -> bool {
        self.producing.is_finished()
    }

    /// Waits for the last record and returns when the first one came.
    async fn end(self) -> Instant {
        self.producing.await.expect("the producer ends well");
        self.start
    }
}

/// Two workers of a group, and a topic that a connector of theirs reads.
struct Pair {
    broker: kafka::SharedKafka,
    topic: String,
    name: String,
    workers: [Sluice; 2],
    random: Rng,
    kills: usize,
}

impl Pair {
    /// Creates the topic and starts the workers.
    async fn start(prefix: &str, setup: impl Fn(Setup) -> Setup) -> Self {
        let broker = kafka::shared();
        let topic = kafka::unique(prefix);
        broker.client().create_topic(&topic, PARTITIONS).await;
        let name = format!("{topic}-sink");
        let group = Group::new(&broker.bootstrap(), &name).property("offset.flush.interval.ms", "300");
        let workers =
            [setup(Setup::member(&group)).start().await, setup(Setup::member(&group)).start().await];
        Self { broker, topic, name, workers, random: Rng::with_seed(kill_seed()), kills: 0 }
    }

    /// Creates a connector and waits until it runs, so that kills meet its work.
    async fn create(&self, name: &str, config: &Value) {
        self.workers[0].create(name, config).await;
        self.workers[0].await_task(name, "RUNNING").await;
    }

    /// Returns the committed offsets of a topic, 0 where there is none.
    fn committed(&self) -> Vec<i64> {
        committed(&self.broker.client(), &self.name, &self.topic, PARTITIONS)
    }

    /// Kills one worker and the other in turn as long as records flow: mostly when every partition went on since the
    /// kill before, and now and then while the group is still busy with that. Calls `check` while one is dead.
    async fn kill_while(&mut self, flow: &Flow, mut check: impl AsyncFnMut(&Self)) {
        while !flow.is_over() {
            if self.kills % 3 == 2 {
                tokio::time::sleep(Duration::from_secs(2)).await;
            } else {
                self.await_progress(flow).await;
            }
            tokio::time::sleep(Duration::from_millis(self.random.u64(0..1_500))).await;
            if flow.is_over() {
                return;
            }
            let place = self.kills % 2;
            self.workers[place].kill();
            self.kills += 1;
            check(self).await;
            self.workers[place].restart();
            self.workers[place].ready().await;
        }
    }

    /// Waits until more is committed of every partition, or everything that flows has been produced.
    async fn await_progress(&self, flow: &Flow) {
        let before = self.committed();
        wait::until("every partition going on", wait::LIMIT, async || {
            let committed = self.committed();
            let goes_on = before.iter().zip(&committed).all(|(before, now)| before < now);
            if goes_on || flow.is_over() { Ok(()) } else { Err((before.clone(), committed)) }
        })
        .await;
    }

    /// Waits until `count` records of each partition are committed.
    async fn await_committed(&self, count: usize) {
        let wanted =
            vec![i64::try_from(count).expect("a count"); usize::try_from(PARTITIONS).expect("a few")];
        wait::until("committed offsets", wait::LIMIT, async || {
            let committed = self.committed();
            if committed == wanted { Ok(()) } else { Err(committed) }
        })
        .await;
    }
}
