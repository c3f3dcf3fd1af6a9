//! Chaos before Elasticsearch: each record is one document in the end.

use std::{env, time::Duration};

use connect_tests::{
    fault_s3::{Fault, FaultS3, Seen},
    search::{Product, SearchServer},
};
use fastrand::Rng;
use serde_json::{Value, json};

use super::{Flow, PARTITIONS, Pair, count};

/// Breaks one bulk request in twenty in one of seven ways, and some of the items of another one.
fn faults(seed: u64) -> impl FnMut(&Seen) -> Option<Fault> + Send {
    let mut random = Rng::with_seed(seed);
    move |seen| {
        if !seen.target.starts_with("/_bulk") {
            return None;
        }
        match random.u8(..100) {
            0..5 => Some(match random.u8(..7) {
                0 => Fault::Answer(429, "TooManyRequests"),
                1 => Fault::Answer(500, "InternalServerError"),
                2 => Fault::Answer(503, "ServiceUnavailable"),
                3 => Fault::Drop,
                4 => Fault::DropAnswer,
                5 => Fault::Late(Duration::from_secs(2)),
                // Longer than the sink waits for an answer.
                _ => Fault::Delay(Duration::from_millis(2_500)),
            }),
            5..10 => Some(Fault::RejectEvery(random.usize(2..10))),
            _ => None,
        }
    }
}

fn document(partition: i32, number: usize) -> Value {
    json!({ "partition": partition, "n": number })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn workers_killed_before_a_failing_elasticsearch_leave_each_record_as_one_document() {
    let server = SearchServer::shared(Product::Elasticsearch);
    let proxy = FaultS3::start(server.port());
    let mut pair = Pair::start("chaos-elasticsearch", |setup| setup).await;
    let config = json!({
        "connector.class": "io.confluent.connect.elasticsearch.ElasticsearchSinkConnector", "tasks.max": "3",
        "topics": pair.topic, "connection.url": proxy.url(), "schema.ignore": "true", "key.ignore": "true",
        "key.converter": "org.apache.kafka.connect.storage.StringConverter",
        "value.converter": "org.apache.kafka.connect.json.JsonConverter", "value.converter.schemas.enable": "false",
        "batch.size": "100", "read.timeout.ms": "1500", "retry.backoff.ms": "50",
    });
    pair.create(&pair.name, &config).await;
    proxy.set(faults(11));

    let count = count();
    let flow = Flow::start(pair.broker.client(), &pair.topic, count, |partition, number| {
        document(partition, number).to_string()
    });
    let is_long = env::var("CHAOS_RECORDS").is_ok();
    pair.kill_while(&flow, async |pair| {
        // Reading all documents takes too long where there are many.
        if !is_long || pair.kills <= 2 {
            assert_documents_reach(server, pair).await;
        }
    })
    .await;
    let start = flow.end().await;
    pair.await_committed(count).await;

    let elapsed = start.elapsed();
    let found = server.documents(&pair.topic).await;
    let bulks = proxy.seen().iter().filter(|seen| seen.target.starts_with("/_bulk")).count();
    println!(
        "Elasticsearch: {} records in {elapsed:?}; {} kills, {} of {bulks} bulk requests failed wholly or in part",
        found.len(),
        pair.kills,
        proxy.faults(),
    );
    assert_eq!(found.len(), count * usize::try_from(PARTITIONS).expect("a few"));
    for partition in 0..PARTITIONS {
        for number in 0..count {
            let id = format!("{}+{partition}+{number}", pair.topic);
            assert_eq!(found.get(&id), Some(&document(partition, number)), "{id}");
        }
    }
    assert!(pair.kills > 0, "the kills came too late to prove anything");
}

/// Whatever is committed is in the index: the offsets are read first, so documents that come later do not matter.
async fn assert_documents_reach(server: &SearchServer, pair: &Pair) {
    let committed = pair.committed();
    let found = server.documents(&pair.topic).await;
    for (partition, end) in (0..PARTITIONS).zip(committed) {
        for offset in 0..end {
            let id = format!("{}+{partition}+{offset}", pair.topic);
            assert!(found.contains_key(&id), "{id} is committed and not written");
        }
    }
}
