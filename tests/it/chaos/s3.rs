//! Chaos before S3: each offset is in exactly one object, and no object ever changes.

use std::{env, time::Duration};

use connect_tests::{
    fault_s3::{Fault, FaultS3, Seen},
    s3::S3Server,
    wait,
};
use fastrand::Rng;
use serde_json::json;

use super::{Flow, PARTITIONS, Pair, count};
use crate::{
    s3_offsets::{assert_each_offset_once, assert_no_object_changed, stored},
    support::{s3_sink, with},
};

const BUCKET: &str = "logs";
const FLUSH_SIZE: usize = 50;
/// Records of this size fill more than one part of an upload before a file is full.
const LARGE_FLUSH_SIZE: usize = 500;
const LARGE_BYTES: usize = 11 * 1024;

/// Breaks one request in twenty, and one in five of the uploads in parts, in one of seven ways.
fn faults(seed: u64) -> impl FnMut(&Seen) -> Option<Fault> + Send {
    let mut random = Rng::with_seed(seed);
    let is_long = env::var("CHAOS_RECORDS").is_ok();
    move |seen| {
        let share = if seen.target.contains("upload") { 20 } else { 5 };
        if random.u8(..100) >= share {
            return None;
        }
        // Longer than the sink waits for an answer.
        if is_long && random.u8(..50) == 0 {
            return Some(Fault::Delay(Duration::from_secs(21)));
        }
        Some(match random.u8(..7) {
            0 => Fault::Answer(429, "TooManyRequests"),
            1 => Fault::Answer(500, "InternalError"),
            2 => Fault::Answer(503, "SlowDown"),
            3 => Fault::Delay(Duration::from_millis(1_500)),
            4 => Fault::Drop,
            5 => Fault::Late(Duration::from_secs(2)),
            _ => Fault::DropAnswer,
        })
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn workers_killed_before_a_failing_s3_leave_each_offset_in_one_object_that_never_changes() {
    let server = S3Server::start();
    server.create_bucket(BUCKET);
    let proxy = FaultS3::start(server.port());
    let mut pair = Pair::start("chaos-s3", |setup| setup.s3(&proxy.url())).await;
    let (client, large_client) = (pair.broker.client(), pair.broker.client());

    let (large, large_name) = (format!("{}-large", pair.topic), format!("{}-large", pair.name));
    client.create_topic(&large, PARTITIONS).await;
    let count = count();
    let large_count = (count / 40).next_multiple_of(LARGE_FLUSH_SIZE);
    for (name, topic, flush_size) in
        [(&pair.name, &pair.topic, FLUSH_SIZE), (&large_name, &large, LARGE_FLUSH_SIZE)]
    {
        let more = json!({
            "flush.size": flush_size.to_string(), "tasks.max": "3", "value.converter.schemas.enable": "false",
            "retry.backoff.ms": "500",
        });
        pair.create(name, &with(s3_sink(topic, BUCKET), more)).await;
    }
    proxy.set(faults(13));

    let flow = Flow::start(client, &pair.topic, count, |partition, number| {
        json!({ "id": number, "partition": partition }).to_string()
    });
    let filler = "x".repeat(LARGE_BYTES);
    let large_flow = async {
        for first in (0..large_count).step_by(LARGE_FLUSH_SIZE / 2) {
            for partition in 0..PARTITIONS {
                let numbers = first..first + LARGE_FLUSH_SIZE / 2;
                let values = numbers.map(|number| json!({ "id": number, "filler": filler }).to_string());
                large_client.produce(&large, partition, values).await;
            }
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
    };
    let mut progress = (0, 0);
    let killing = pair.kill_while(&flow, async |pair| {
        let (committed, objects) = (pair.committed(), server.objects(BUCKET));
        for (partition, committed) in (0..).zip(committed) {
            let stored = stored(&objects, &pair.topic, partition);
            assert!(committed <= stored, "partition {partition}: committed {committed}, stored {stored}");
        }
        progress = (progress.0 + usize::from(objects.len() > progress.1), objects.len());
    });
    tokio::join!(killing, large_flow);
    let start = flow.end().await;
    pair.await_committed(count).await;
    let wanted =
        usize::try_from(PARTITIONS).expect("a few") * (count / FLUSH_SIZE + large_count / LARGE_FLUSH_SIZE);
    wait::until("all objects", wait::LIMIT, async || match server.objects(BUCKET).len() {
        found if found == wanted => Ok(()),
        found => Err((found, wanted)),
    })
    .await;

    let parts = usize::try_from(PARTITIONS).expect("a few");
    let rewritten = proxy.versions().values().filter(|contents| contents.len() > 1).count();
    println!(
        "S3: {} records in {:?}; {} kills ({} after new objects), {} of {} requests failed, {rewritten} of {wanted} \
         objects written more than once",
        parts * (count + large_count),
        start.elapsed(),
        pair.kills,
        progress.0,
        proxy.faults(),
        proxy.seen().len(),
    );
    let objects = server.objects(BUCKET);
    assert_each_offset_once(&objects, &pair.topic, PARTITIONS, count);
    assert_each_offset_once(&objects, &large, PARTITIONS, large_count);
    assert_no_object_changed(&proxy);
    assert!(progress.0 > 0, "the kills came too early to prove anything");
}

/// Files are closed by the clock, so what is written again after a kill is cut otherwise: commit records keep each
/// offset in one object all the same.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn workers_killed_while_the_clock_closes_files_leave_each_offset_in_one_object_with_commit_records() {
    let server = S3Server::start();
    server.create_bucket(BUCKET);
    let proxy = FaultS3::start(server.port());
    let mut pair = Pair::start("chaos-clock", |setup| setup.s3(&proxy.url())).await;
    let more = json!({
        "flush.size": "1000000", "rotate.schedule.interval.ms": "700", "timezone": "UTC", "tasks.max": "3",
        "sluice.s3.exactly.once": "true", "value.converter.schemas.enable": "false", "retry.backoff.ms": "500",
    });
    pair.create(&pair.name, &with(s3_sink(&pair.topic, BUCKET), more)).await;
    proxy.set(faults(23));
    let count = count();
    let flow = Flow::start(pair.broker.client(), &pair.topic, count, |partition, number| {
        json!({ "id": number, "partition": partition }).to_string()
    });
    pair.kill_while(&flow, async |_| {}).await;
    let start = flow.end().await;
    pair.await_committed(count).await;
    let objects = server.objects(BUCKET);
    println!(
        "S3 by the clock: {} records in {:?}; {} kills, {} of {} requests failed, {} objects",
        count * usize::try_from(PARTITIONS).expect("a few"),
        start.elapsed(),
        pair.kills,
        proxy.faults(),
        proxy.seen().len(),
        objects.len(),
    );
    assert_each_offset_once(&objects, &pair.topic, PARTITIONS, count);
    assert!(pair.kills > 0, "the kills came too late to prove anything");
}
