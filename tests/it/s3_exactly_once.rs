//! Exactly once in rotation modes that do not go by records: on real Kafka and a real S3 server, whatever is killed,
//! frozen or set from outside.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use connect_tests::{oracle, s3::Objects, sluice::Setup, wait};
use fastrand::Rng;
use serde_json::{Value, json};

use crate::{
    kill::{kill_seed, produce, values},
    support::{Place, properties, s3_sink, with},
};

const PARTITIONS: i32 = 3;

/// Files closed by the clock alone, three of them at a time.
fn by_the_clock(place: &Place) -> Value {
    let settings = json!({
        "flush.size": "1000000",
        "rotate.schedule.interval.ms": "400",
        "timezone": "UTC",
        "sluice.s3.exactly.once": "true",
        "retry.backoff.ms": "500",
        "partitioner.class": "io.sluice.connect.s3.TemplatePartitioner",
        "sluice.partition.template": "level=${field:level}",
    });
    with(s3_sink(&place.topic, Place::BUCKET), settings)
}

/// Returns the objects that hold records.
fn data(place: &Place) -> Objects {
    let objects = place.s3.objects(Place::BUCKET).into_iter();
    objects.filter(|(key, _)| !key.starts_with("_commits/")).collect()
}

/// Returns the offset that the commit record of a partition holds.
fn recorded(place: &Place, partition: i32) -> i64 {
    let key = format!("_commits/{}/{}/{partition}.json", place.name, place.topic);
    let record = place.s3.objects(Place::BUCKET).remove(&key);
    let record: Option<Value> = record.and_then(|text| serde_json::from_slice(&text).ok());
    record.and_then(|record| record["offset"].as_i64()).unwrap_or_default()
}

async fn assert_each_once(place: &Place, count: usize) {
    let wanted: Vec<String> = (0..PARTITIONS).flat_map(|partition| values(partition, 0, count)).collect();
    let ends = vec![count as i64; PARTITIONS as usize];
    wait::until("all records committed", wait::LIMIT, async || {
        let committed = place.committed(PARTITIONS);
        if committed == ends { Ok(()) } else { Err(committed) }
    })
    .await;
    assert_eq!(oracle::each_exactly_once(&wanted, &data(place)), Ok(()));
    for partition in 0..PARTITIONS {
        assert_eq!(recorded(place, partition), count as i64, "partition {partition}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_while_the_clock_closes_files_each_record_is_in_exactly_one_object() {
    const KILLS: usize = 14;
    let mut random = Rng::with_seed(kill_seed());
    let place = Arc::new(Place::new("clock-killed", PARTITIONS).await);
    let stop = Arc::new(AtomicBool::new(false));
    let producing = tokio::spawn(produce(Arc::clone(&place), PARTITIONS, Arc::clone(&stop), values));
    // A static member: without it each killed one would hold its partitions for a session timeout.
    let config = with(by_the_clock(&place), json!({ "consumer.override.group.instance.id": place.name }));
    let mut worker = Setup::new(&place.broker.bootstrap())
        // Longer than files are open: most kills find records committed in the bucket and not in Kafka.
        .property("offset.flush.interval.ms", "1500")
        .s3(&place.s3.url())
        .connector("sink.properties", &properties(&place.name, &config))
        .start()
        .await;
    let (mut with_progress, mut ahead) = (0, 0);
    for kill in 0..KILLS {
        let before = data(&place).len();
        tokio::time::sleep(Duration::from_millis(random.u64(400..2800))).await;
        worker.kill();
        with_progress += usize::from(data(&place).len() > before);
        for (partition, committed) in (0..).zip(place.committed(PARTITIONS)) {
            let recorded = recorded(&place, partition);
            assert!(committed <= recorded, "kill {kill}: partition {partition}: {committed}, {recorded}");
            ahead += usize::from(committed < recorded);
        }
        worker.restart();
    }
    stop.store(true, Ordering::Relaxed);
    let count = producing.await.expect("the producer ends well");
    println!(
        "{count} records per partition, {with_progress} of {KILLS} kills after new objects, {ahead} records of partitions ahead of Kafka"
    );
    assert_each_once(&place, count).await;
    assert!(with_progress >= KILLS / 4, "the kills came too early to prove anything: {with_progress}");
    assert!(ahead > 0, "no kill came between a commit in the bucket and one in Kafka");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn worker_that_was_frozen_and_replaced_writes_nothing_twice() {
    let place = Arc::new(Place::new("clock-frozen", PARTITIONS).await);
    let stop = Arc::new(AtomicBool::new(false));
    let producing = tokio::spawn(produce(Arc::clone(&place), PARTITIONS, Arc::clone(&stop), values));
    let timeouts = json!({
        "consumer.override.session.timeout.ms": "6000",
        "consumer.override.heartbeat.interval.ms": "1000",
    });
    let config = properties(&place.name, &with(by_the_clock(&place), timeouts));
    let setup = || {
        Setup::new(&place.broker.bootstrap())
            .property("offset.flush.interval.ms", "300")
            .s3(&place.s3.url())
            .connector("sink.properties", &config)
    };
    let old = setup().start().await;
    wait::until(
        "first objects",
        wait::LIMIT,
        async || {
            if data(&place).is_empty() { Err("none") } else { Ok(()) }
        },
    )
    .await;
    old.signal("STOP");
    let frozen_at = recorded(&place, 0);
    let _new = setup().start().await;
    wait::until("the new worker's commits", wait::LIMIT, async || {
        let recorded = recorded(&place, 0);
        if recorded > frozen_at + 200 { Ok(()) } else { Err(recorded) }
    })
    .await;
    old.signal("CONT");
    tokio::time::sleep(Duration::from_secs(3)).await;
    stop.store(true, Ordering::Relaxed);
    let count = producing.await.expect("the producer ends well");
    assert_each_once(&place, count).await;
}

#[tokio::test]
async fn offsets_set_over_rest_set_the_commit_records() {
    let place = Place::new("clock-offsets", 1).await;
    let worker = Setup::new(&place.broker.bootstrap()).s3(&place.s3.url()).start().await;
    let config = with(by_the_clock(&place), json!({ "consumer.override.auto.offset.reset": "earliest" }));
    worker.create(&place.name, &config).await;
    place.client.produce(&place.topic, 0, values(0, 0, 100)).await;
    let path = |end: &str| format!("/connectors/{}/{end}", place.name);
    let settled = async |offset: i64| {
        wait::until("the records written", wait::LIMIT, async || {
            let recorded = recorded(&place, 0);
            if recorded == offset { Ok(()) } else { Err(recorded) }
        })
        .await;
        assert_eq!(worker.request("PUT", &path("stop"), None).await.0, 204);
        wait::until("no tasks", wait::LIMIT, async || {
            let (_, status) = worker.get(&path("status")).await;
            if status["tasks"] == json!([]) { Ok(()) } else { Err(status.to_string()) }
        })
        .await;
    };
    settled(100).await;
    place.client.produce(&place.topic, 0, values(0, 100, 50)).await;
    let to = json!({ "offsets": [{
        "partition": { "kafka_topic": place.topic, "kafka_partition": 0 },
        "offset": { "kafka_offset": 120 },
    }] });
    let answer = worker.request("PATCH", &path("offsets"), Some(&to)).await;
    let done = json!({ "message": "The offsets for this connector have been altered successfully" });
    assert_eq!(answer, (200, done));
    assert_eq!(recorded(&place, 0), 120);
    assert_eq!(worker.request("PUT", &path("resume"), None).await.0, 202);
    settled(150).await;
    let mut wanted = values(0, 0, 150);
    wanted.drain(100..120);
    assert_eq!(oracle::each_exactly_once(&wanted, &data(&place)), Ok(()));

    let answer = worker.request("DELETE", &path("offsets"), None).await;
    assert_eq!(answer.0, 200, "{}", answer.1);
    assert_eq!(recorded(&place, 0), 0, "the record holds no offset");
    assert_eq!(worker.request("PUT", &path("resume"), None).await.0, 202);
    settled(150).await;
    let found = data(&place);
    let texts: Vec<_> = found.values().map(|bytes| String::from_utf8_lossy(bytes)).collect();
    let missing = values(0, 0, 150)
        .iter()
        .map(|record| oracle::log_line(record))
        .find(|line| !texts.iter().any(|text| text.lines().any(|written| written == line)));
    assert_eq!(missing, None, "all records are written once more");
}

#[tokio::test]
async fn runs_that_end_by_themselves_commit_by_the_record() {
    let place = Place::new("clock-once", 1).await;
    let settings = json!({
        "rotate.schedule.interval.ms": "3600000",
        "consumer.override.auto.offset.reset": "earliest",
    });
    let config = properties(&place.name, &with(by_the_clock(&place), settings));
    for end in [250_usize, 287] {
        let first = recorded(&place, 0) as usize;
        place.client.produce(&place.topic, 0, values(0, first, end - first)).await;
        let worker = Setup::new(&place.broker.bootstrap()).s3(&place.s3.url());
        let mut worker = worker.connector("sink.properties", &config).argument("--once").spawn();
        assert!(worker.wait(wait::LIMIT).success(), "{}", worker.log());
        assert_eq!((recorded(&place, 0), place.committed(1)), (end as i64, vec![end as i64]));
        assert_eq!(oracle::each_exactly_once(&values(0, 0, end), &data(&place)), Ok(()));
    }
}
