//! The worker is killed, as by a power cut, at moments chosen at random: nothing may be lost, nothing stored twice.

use std::{
    env,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use connect_tests::{
    oracle,
    s3::Objects,
    sluice::{Setup, Sluice},
    wait,
};
use fastrand::Rng;
use serde_json::{Value, json};

use crate::{
    s3_formats::{AVRO, PARQUET, with_schema},
    s3_offsets::{assert_each_offset_once, stored},
    sink_s3::await_objects,
    support::{Place, properties, s3_sink, with},
};

const KILLS: usize = 24;
/// Kills of each of the formats other than JSON.
const FORMAT_KILLS: usize = 8;
const PARTITIONS: i32 = 3;
const FLUSH_SIZE: usize = 100;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_at_random_moments_each_record_is_in_exactly_one_object_and_no_offset_is_committed_early() {
    let mut random = Rng::with_seed(kill_seed());
    let place = Arc::new(Place::new("killed", PARTITIONS).await);
    let stop = Arc::new(AtomicBool::new(false));
    let producing = tokio::spawn(produce(Arc::clone(&place), PARTITIONS, Arc::clone(&stop), values));
    let mut worker = start(&place, json!({})).await;
    let mut kills_with_progress = 0;
    for kill in 0..KILLS {
        let before = place.s3.objects(Place::BUCKET).len();
        tokio::time::sleep(Duration::from_millis(random.u64(50..1500))).await;
        worker.kill();
        let objects = place.s3.objects(Place::BUCKET);
        kills_with_progress += usize::from(objects.len() > before);
        assert_committed_is_stored(&place, &format!("after kill {kill}"));
        worker.restart();
    }
    stop.store(true, Ordering::Relaxed);
    let count = producing.await.expect("the producer ends well");
    let mut wanted = Objects::new();
    for partition in 0..PARTITIONS {
        wanted.extend(oracle::json_objects(
            &place.topic,
            partition,
            &values(partition, 0, count),
            FLUSH_SIZE,
        ));
    }
    println!("{count} records per partition, {kills_with_progress} of {KILLS} kills after new objects");
    await_objects(&place.s3, Place::BUCKET, &wanted).await;
    assert_committed_is_stored(&place, "in the end");
    assert!(
        kills_with_progress >= KILLS / 4,
        "the kills came too early to prove anything: {kills_with_progress}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_while_it_writes_avro_or_parquet_each_offset_is_in_exactly_one_object() {
    for format in [AVRO, PARQUET] {
        let mut random = Rng::with_seed(kill_seed());
        let place = Arc::new(Place::new("killed-format", PARTITIONS).await);
        let stop = Arc::new(AtomicBool::new(false));
        let values = |_, first, count| (first..first + count).map(with_schema).collect();
        let producing = tokio::spawn(produce(Arc::clone(&place), PARTITIONS, Arc::clone(&stop), values));
        let more = json!({ "format.class": format, "value.converter.schemas.enable": "true" });
        let mut worker = start(&place, more).await;
        let mut kills_with_progress = 0;
        for kill in 0..FORMAT_KILLS {
            let before = place.s3.objects(Place::BUCKET).len();
            tokio::time::sleep(Duration::from_millis(random.u64(300..2_500))).await;
            worker.kill();
            let (committed, objects) = (place.committed(PARTITIONS), place.s3.objects(Place::BUCKET));
            kills_with_progress += usize::from(objects.len() > before);
            for (partition, committed) in (0..).zip(committed) {
                let stored = stored(&objects, &place.topic, partition);
                assert!(
                    committed <= stored,
                    "kill {kill}: {partition}: committed {committed}, stored {stored}"
                );
            }
            worker.restart();
        }
        stop.store(true, Ordering::Relaxed);
        let full = producing.await.expect("the producer ends well") / FLUSH_SIZE;
        let wanted = full * usize::try_from(PARTITIONS).expect("a few");
        wait::until(&format!("{wanted} objects"), wait::LIMIT, async || {
            match place.s3.objects(Place::BUCKET).len() {
                found if found >= wanted => Ok(()),
                found => Err(found),
            }
        })
        .await;
        println!("{format}: {wanted} objects, {kills_with_progress} of {FORMAT_KILLS} kills after new ones");
        let objects = place.s3.objects(Place::BUCKET);
        assert_each_offset_once(&objects, &place.topic, PARTITIONS, full * FLUSH_SIZE);
        assert!(kills_with_progress > 0, "the kills came too early to prove anything");
    }
}

/// Returns what the moments of kills follow from, and prints it: `KILL_SEED` repeats a run, if not what the worker does
/// until then.
#[expect(clippy::print_stdout, reason = "shown when the test that asks fails")]
pub(crate) fn kill_seed() -> u64 {
    let given = env::var("KILL_SEED").ok().and_then(|seed| seed.parse().ok());
    let seed = given.unwrap_or_else(|| fastrand::u64(..));
    println!("KILL_SEED={seed}");
    seed
}

/// Starts a worker with a sink of the topic.
async fn start(place: &Place, more: Value) -> Sluice {
    // A static member: without it each killed one would hold its partitions for a session timeout.
    let settings =
        json!({ "flush.size": FLUSH_SIZE.to_string(), "consumer.override.group.instance.id": place.name });
    let config = with(with(s3_sink(&place.topic, Place::BUCKET), settings), more);
    Setup::new(&place.broker.bootstrap())
        .property("offset.flush.interval.ms", "200")
        .s3(&place.s3.url())
        .connector("sink.properties", &properties(&place.name, &config))
        .start()
        .await
}

/// Produces batches of an odd size, so that kills meet half-filled objects, until told to stop; returns how many records
/// each partition has.
pub(crate) async fn produce(
    place: Arc<Place>,
    partitions: i32,
    stop: Arc<AtomicBool>,
    values: impl Fn(i32, usize, usize) -> Vec<String>,
) -> usize {
    const BATCH: usize = 37;
    let mut produced = 0;
    while !stop.load(Ordering::Relaxed) {
        for partition in 0..partitions {
            place.client.produce(&place.topic, partition, values(partition, produced, BATCH)).await;
        }
        produced += BATCH;
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    produced
}

/// Returns logs that no other partition has.
pub(crate) fn values(partition: i32, first: usize, count: usize) -> Vec<String> {
    oracle::log_records(partition as usize * 1_000_000 + first, count)
}

/// The offsets are read first: objects that come in between only make the rule easier to keep.
fn assert_committed_is_stored(place: &Place, when: &str) {
    let committed = place.committed(PARTITIONS);
    let objects = place.s3.objects(Place::BUCKET);
    for (partition, committed) in (0..).zip(committed) {
        let stored = oracle::durable_offset(&place.topic, partition, &objects, FLUSH_SIZE as i64);
        assert!(committed <= stored, "{when}: partition {partition}: committed {committed}, stored {stored}");
    }
}
