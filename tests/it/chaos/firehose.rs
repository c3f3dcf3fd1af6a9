//! Chaos before Firehose: nothing is lost, and only entries of unknown outcome come again.

use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use connect_tests::firehose::{Call, Firehose, Outcome};
use fastrand::Rng;
use serde_json::json;

use super::{Flow, PARTITIONS, Pair, count};

const STREAM: &str = "logs";

/// What the server was told to do.
#[derive(Default)]
struct Told {
    faults: AtomicUsize,
    /// Entries that were accepted without the sender hearing of it.
    unheard: AtomicUsize,
}

/// Breaks one call in twenty in one of six ways, and lets a share of the entries of another one fail.
fn faults(seed: u64, told: Arc<Told>) -> impl FnMut(&Call) -> Outcome + Send {
    let mut random = Rng::with_seed(seed);
    move |call| {
        let outcome = match random.u8(..100) {
            0..5 => match random.u8(..6) {
                0 => Outcome::Refuse(400, "ThrottlingException"),
                1 => Outcome::Refuse(503, "ServiceUnavailableException"),
                2 => Outcome::Refuse(500, "InternalFailure"),
                3 => Outcome::Silence,
                4 => Outcome::LoseAnswer,
                // Longer than the sink waits for an answer.
                _ => Outcome::Slow(Duration::from_millis(2_500)),
            },
            5..10 => Outcome::Fail((0..call.entries.len()).filter(|_| random.bool()).collect()),
            _ => return Outcome::Accept,
        };
        told.faults.fetch_add(1, Ordering::Relaxed);
        if matches!(outcome, Outcome::LoseAnswer | Outcome::Slow(_)) {
            told.unheard.fetch_add(call.entries.len(), Ordering::Relaxed);
        }
        outcome
    }
}

/// Returns how often each text was accepted.
fn counts(firehose: &Firehose) -> BTreeMap<Vec<u8>, usize> {
    let mut counts = BTreeMap::new();
    for entry in firehose.accepted() {
        *counts.entry(entry).or_default() += 1;
    }
    counts
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn workers_killed_before_a_failing_firehose_lose_nothing_and_repeat_only_what_had_no_answer() {
    let firehose = Arc::new(Firehose::start(STREAM));
    let mut pair = Pair::start("chaos-firehose", |setup| setup.s3(&firehose.url())).await;
    let text = "org.apache.kafka.connect.storage.StringConverter";
    let config = json!({
        "connector.class": "com.amazon.kinesis.kafka.FirehoseSinkConnector", "tasks.max": "3",
        "topics": pair.topic, "region": "eu-west-1", "deliveryStream": STREAM, "kinesisEndpoint": firehose.url(),
        "batch": "true", "batchSize": "100", "linger.ms": "20", "key.converter": text, "value.converter": text,
        "request.timeout.ms": "1500", "max.buffered.records": "2000",
    });
    pair.create(&pair.name, &config).await;
    let told = Arc::new(Told::default());
    firehose.set(faults(17, Arc::clone(&told)));

    let count = count();
    let flow = Flow::start(pair.broker.client(), &pair.topic, count, |partition, number| {
        format!("{partition}-{number:06}")
    });
    // Entries that were accepted and not committed when a worker died, of either worker.
    let mut uncommitted = 0;
    pair.kill_while(&flow, async |pair| {
        // A request that the server had already read when the worker died is still accepted.
        tokio::time::sleep(Duration::from_millis(300)).await;
        let committed = usize::try_from(pair.committed().iter().sum::<i64>()).expect("not negative");
        let accepted = counts(&firehose).len();
        assert!(committed <= accepted, "committed {committed}, accepted {accepted}");
        uncommitted += accepted - committed;
    })
    .await;
    let start = flow.end().await;
    pair.await_committed(count).await;

    let counts = counts(&firehose);
    let repeats: usize = counts.values().map(|count| count - 1).sum();
    let unheard = told.unheard.load(Ordering::Relaxed);
    println!(
        "Firehose: {} records in {:?}; {} kills, {} of {} calls failed wholly or in part, {repeats} repeats \
         ({unheard} entries accepted without an answer, {uncommitted} not committed at kills)",
        counts.len(),
        start.elapsed(),
        pair.kills,
        told.faults.load(Ordering::Relaxed),
        firehose.calls().len(),
    );
    assert_eq!(counts.len(), count * usize::try_from(PARTITIONS).expect("a few"), "none is lost");
    assert!(repeats <= unheard + uncommitted, "only what had no answer or was not committed comes again");
    assert!(pair.kills > 0, "the kills came too late to prove anything");
}
