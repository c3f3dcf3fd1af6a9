//! The sinks of Elasticsearch and OpenSearch when the server rejects, fails, hangs up or keeps silent: each record is
//! one document in the end. What happens when the worker is killed meanwhile is in `chaos`.

use std::time::Duration;

use connect_tests::{
    fault_s3::{Fault, FaultS3},
    search::Product::{Elasticsearch, OpenSearch},
    sluice::{Setup, Sluice},
    wait,
};
use fastrand::Rng;
use serde_json::json;

use crate::elasticsearch::Site;

const PARTITIONS: i32 = 3;

/// Returns a rule that breaks every twentieth bulk request in one of five ways.
fn five_percent(seed: u64) -> impl FnMut(&connect_tests::fault_s3::Seen) -> Option<Fault> + Send {
    let mut random = Rng::with_seed(seed);
    move |seen| {
        if !seen.target.starts_with("/_bulk") || random.u8(..100) >= 5 {
            return None;
        }
        Some(match random.u8(..5) {
            0 => Fault::Answer(429, "TooManyRequests"),
            1 => Fault::Answer(500, "InternalServerError"),
            2 => Fault::Answer(503, "ServiceUnavailable"),
            3 => Fault::Drop,
            _ => Fault::DropAnswer,
        })
    }
}

fn values(partition: i32, count: usize) -> Vec<String> {
    (0..count).map(|number| json!({ "partition": partition, "n": number }).to_string()).collect()
}

/// Each record is one document under its coordinates, and nothing else is there.
async fn assert_exactly_once(site: &Site, count: usize) {
    let found = site.server.documents(&site.topic).await;
    assert_eq!(found.len(), count * usize::try_from(PARTITIONS).expect("a few"));
    for partition in 0..PARTITIONS {
        for number in 0..count {
            let id = format!("{}+{partition}+{number}", site.topic);
            assert_eq!(found.get(&id), Some(&json!({ "partition": partition, "n": number })), "{id}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn rejections_errors_and_dropped_connections_neither_lose_nor_repeat_a_document() {
    for product in [Elasticsearch, OpenSearch] {
        let site = Site::new(product, "rejected", PARTITIONS).await;
        let proxy = FaultS3::start(site.server.port());
        proxy.set(five_percent(7));
        let worker = Setup::new(&site.broker.bootstrap()).property("offset.flush.interval.ms", "500");
        let worker = worker.start().await;
        let config = json!({
            "key.ignore": "true", "connection.url": proxy.url(), "batch.size": "50", "tasks.max": "2",
        });
        worker.create(&site.name, &site.sink(config)).await;
        for partition in 0..PARTITIONS {
            site.client.produce(&site.topic, partition, values(partition, 4000)).await;
        }
        site.await_committed(&site.name, &[4000; 3]).await;
        assert_exactly_once(&site, 4000).await;
        let bulks = proxy.seen().iter().filter(|seen| seen.target.starts_with("/_bulk")).count();
        assert!(bulks >= 240, "{bulks} requests are too few for faults of five percent");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_keeps_silent_or_rejects_everything_is_waited_for_and_told_about() {
    let site = Site::new(OpenSearch, "silent", 1).await;
    let proxy = FaultS3::start(site.server.port());
    let worker =
        Setup::new(&site.broker.bootstrap()).property("offset.flush.interval.ms", "500").start().await;
    let config = json!({
        "key.ignore": "true", "connection.url": proxy.url(), "read.timeout.ms": "500", "retry.backoff.ms": "50",
    });
    worker.create(&site.name, &site.sink(config)).await;
    site.client.produce(&site.topic, 0, values(0, 100)).await;
    site.await_committed(&site.name, &[100]).await;

    let faults = [Fault::Answer(503, "ServiceUnavailable"), Fault::Delay(Duration::from_secs(5))];
    for (told, fault) in (1..).zip(faults) {
        let before = site.committed(&site.name, 1);
        proxy.set(move |seen| seen.target.starts_with("/_bulk").then(|| fault.clone()));
        site.client.produce(&site.topic, 0, values(0, 100)).await;
        await_told(&worker, "task rides out a fault of its target", told).await;
        assert_eq!(site.committed(&site.name, 1), before, "nothing is committed that was not written");
        let (_, status) = worker.get(&format!("/connectors/{}/status", site.name)).await;
        assert_eq!(status["tasks"][0]["state"], json!("RUNNING"));
        proxy.clear();
        site.await_committed(&site.name, &[before[0] + 100]).await;
        await_told(&worker, "target of the task works again", told).await;
    }
    assert_eq!(site.server.count(&site.topic).await, 300);
}

/// Waits until the worker's log says something for the given time.
async fn await_told(worker: &Sluice, text: &str, times: usize) {
    wait::until(&format!("`{text}` for the {times}. time"), wait::LIMIT, async || {
        let found = worker.log().matches(text).count();
        if found == times { Ok(()) } else { Err(found) }
    })
    .await;
}
