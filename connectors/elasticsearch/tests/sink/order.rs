//! Several records of one document keep their order, whatever fails in between.

use connect_core::data::{Datum, Value};
use connect_core::record::SinkRecord;
use serde_json::json;

use crate::fake::Fault;
use crate::rig::{OPENSEARCH, Rig, keyed, tombstone};

#[tokio::test]
async fn updates_of_one_key_are_in_one_request_at_a_time_and_end_with_the_last() {
    let extra = [
        ("key.ignore", "false"),
        ("write.method", "UPSERT"),
        ("batch.size", "7"),
        ("max.in.flight.requests", "5"),
        ("max.buffered.records", "2000"),
    ];
    let mut rig = Rig::start(&extra).await;
    let mut random = fastrand::Rng::with_seed(3);
    rig.cluster.state().faults = (0..60)
        .map(|_| match random.u8(..4) {
            0 => Fault::Drop,
            1 => Fault::Answer(429, None),
            _ => Fault::Delay(std::time::Duration::from_millis(random.u64(1..20))),
        })
        .collect();
    let record = |offset: i64| {
        keyed(offset, &format!("k{}", offset % 13), &format!("{{\"last\":{offset},\"f{}\":1}}", offset % 3))
    };
    for start in (0..1000).step_by(50) {
        let records: Vec<SinkRecord> = (start..start + 50).map(record).collect();
        rig.put(&records).await;
    }
    rig.settle(1000).await;
    assert_eq!(rig.cluster.state().overlaps, Vec::<String>::new());
    for key in 0..13 {
        let last = (0..1000).rev().find(|offset| offset % 13 == key).expect("a record of each key");
        let document = rig.cluster.document("logs", &format!("k{key}")).expect("a document of each key");
        assert_eq!(document, json!({ "last": last, "f0": 1, "f1": 1, "f2": 1 }));
    }
}

#[tokio::test]
async fn later_updates_are_repeated_with_an_earlier_one_that_was_rejected() {
    let mut rig =
        Rig::start(&[("key.ignore", "false"), ("write.method", "UPSERT"), ("linger.ms", "20")]).await;
    rig.cluster.refuse("a", 429, "es_rejected_execution_exception", 1);
    rig.put(&[keyed(0, "a", "{\"v\":1}"), keyed(1, "b", "{\"v\":1}"), keyed(2, "a", "{\"v\":2}")]).await;
    rig.settle(3).await;
    assert_eq!(rig.cluster.document("logs", "a"), Some(json!({ "v": 2 })));
    let requests = rig.cluster.state().requests.clone();
    assert_eq!(requests, [vec!["a", "b", "a"], vec!["a", "a"]]);
}

#[tokio::test]
async fn a_delete_that_was_rejected_does_not_undo_a_later_write() {
    let extra = [
        ("key.ignore", "true"),
        ("key.ignore.id.strategy", "record.key"),
        ("index.write.method", "upsert"),
        ("behavior.on.null.values", "delete"),
        ("linger.ms", "20"),
    ];
    let mut rig = Rig::start_as(OPENSEARCH, &extra).await;
    rig.put(&[keyed(0, "a", "{\"old\":1}")]).await;
    rig.settle(1).await;
    rig.cluster.refuse("a", 503, "unavailable_shards_exception", 1);
    rig.put(&[tombstone(1, Datum::schemaless(Value::string("a"))), keyed(2, "a", "{\"new\":1}")]).await;
    rig.settle(3).await;
    assert_eq!(rig.cluster.document("logs", "a"), Some(json!({ "new": 1 })));
}

#[tokio::test]
async fn a_tombstone_removes_a_document_that_was_updated_more_often_than_its_offset_tells() {
    let extra = [("key.ignore", "false"), ("write.method", "UPSERT"), ("behavior.on.null.values", "DELETE")];
    let mut rig = Rig::start(&extra).await;
    // A copy of the index made elsewhere, say, whose documents have had many versions.
    rig.cluster.state().indices.insert("logs".to_owned(), json!({}));
    let key = ("logs".to_owned(), "a".to_owned());
    rig.cluster.state().documents.insert(key, (json!({ "old": 1 }), 1000));
    rig.put(&[keyed(0, "a", "{\"new\":1}")]).await;
    rig.settle(1).await;
    assert_eq!(rig.cluster.document("logs", "a"), Some(json!({ "old": 1, "new": 1 })));
    rig.put(&[tombstone(1, Datum::schemaless(Value::string("a")))]).await;
    rig.settle(2).await;
    assert_eq!(rig.cluster.ids("logs"), Vec::<String>::new());
}

#[tokio::test]
async fn the_reporter_policy_of_conflicts_is_followed() {
    let keys = |policy| [("key.ignore", "false"), ("behavior.on.version.conflict", policy)];
    for (policy, count) in [("report", 1), ("warn", 0), ("(unset)", 0)] {
        let mut rig = Rig::start_as(OPENSEARCH, &keys(policy)).await;
        rig.put(&[keyed(7, "a", "{\"v\":7}")]).await;
        rig.settle(8).await;
        let mut late = Rig::start_on(rig.cluster.clone(), OPENSEARCH, &keys(policy)).await;
        late.put(&[keyed(3, "a", "{\"v\":3}")]).await;
        late.settle(4).await;
        assert_eq!(late.cluster.document("logs", "a"), Some(json!({ "v": 7 })), "the newer one is kept");
        assert_eq!(late.reporter.take().len(), count, "{policy}");
    }
    let mut rig = Rig::start_as(OPENSEARCH, &keys("fail")).await;
    rig.put(&[keyed(7, "a", "{}")]).await;
    rig.settle(8).await;
    let mut late = Rig::start_on(rig.cluster.clone(), OPENSEARCH, &keys("fail")).await;
    late.put(&[keyed(3, "a", "{}")]).await;
    assert!(late.fail().await.to_string().contains("`behavior.on.version.conflict`"));
}
