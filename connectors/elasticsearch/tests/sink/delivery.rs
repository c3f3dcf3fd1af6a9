//! What is written, and what may be committed.

use serde_json::json;

use connect_core::data::{Datum, Value};
use connect_core::record::SinkRecord;
use connect_core::task::CloseReason;
use connect_core::testkit::HandleCall;

use crate::rig::{OPENSEARCH, Rig, batch, id, json, keyed, partition, tombstone};

#[tokio::test]
async fn documents_are_written_as_they_are_and_offsets_follow() {
    let mut rig = Rig::start(&[("batch.size", "100"), ("max.buffered.records", "1000")]).await;
    rig.put(&batch(0..250)).await;
    rig.settle(250).await;
    let mut expected: Vec<String> = (0..250).map(id).collect();
    expected.sort();
    assert_eq!(rig.cluster.ids("logs"), expected);
    assert_eq!(rig.cluster.document("logs", &id(7)), Some(json!({ "n": 7 })));
    assert!(rig.cluster.state().requests.iter().all(|request| request.len() <= 100));
    assert_eq!(rig.commit(260).await, Some(260), "records dropped before the task count as done");
}

#[tokio::test]
async fn bulk_requests_are_bounded_by_bytes() {
    let mut rig = Rig::start(&[("bulk.size.bytes", "3500"), ("linger.ms", "50")]).await;
    let text = format!("{{\"text\":\"{}\"}}", "x".repeat(900));
    let records: Vec<SinkRecord> = (0..12).map(|offset| json(offset, &text)).collect();
    rig.put(&records).await;
    rig.settle(12).await;
    let sizes: Vec<usize> = rig.cluster.state().requests.iter().map(Vec::len).collect();
    assert_eq!((sizes.iter().sum::<usize>(), sizes.iter().max()), (12, Some(&3)), "{sizes:?}");
}

#[tokio::test]
async fn a_document_larger_than_a_bulk_request_goes_alone() {
    let mut rig = Rig::start(&[("bulk.size.bytes", "1000")]).await;
    let large = format!("{{\"text\":\"{}\"}}", "x".repeat(3000));
    rig.put(&[json(0, "{}"), json(1, &large), json(2, "{}")]).await;
    rig.settle(3).await;
    assert_eq!(rig.cluster.ids("logs").len(), 3);
}

#[tokio::test]
async fn keys_become_ids_with_offsets_as_versions_and_redelivery_is_no_conflict() {
    let mut rig = Rig::start(&[("key.ignore", "false")]).await;
    let records = [keyed(5, "a", "{\"v\":1}"), keyed(6, "b", "{\"v\":2}"), keyed(7, "a", "{\"v\":3}")];
    rig.put(&records).await;
    rig.settle(8).await;
    // The worker died before it committed: another one delivers the same records.
    let mut again =
        Rig::start_on(rig.cluster.clone(), crate::rig::ELASTICSEARCH, &[("key.ignore", "false")]).await;
    again.put(&records).await;
    again.settle(8).await;
    assert_eq!(again.cluster.ids("logs"), ["a", "b"]);
    assert_eq!(again.cluster.document("logs", "a"), Some(json!({ "v": 3 })));
    let versions: Vec<i64> = again.cluster.state().documents.values().map(|(_, version)| *version).collect();
    assert_eq!(versions, [7, 6]);
    assert_eq!(again.reporter.take(), []);
}

#[tokio::test]
async fn tombstones_delete_and_those_without_key_do_not_hold_offsets() {
    let mut rig = Rig::start(&[("key.ignore", "false"), ("behavior.on.null.values", "delete")]).await;
    rig.put(&[keyed(0, "a", "{}"), keyed(1, "b", "{}")]).await;
    rig.settle(2).await;
    let key = Datum::schemaless(Value::string("a"));
    rig.put(&[tombstone(2, key), tombstone(3, Datum::NULL)]).await;
    rig.settle(4).await;
    assert_eq!(rig.cluster.ids("logs"), ["b"]);
}

#[tokio::test]
async fn tombstones_fail_or_are_passed_over_by_policy() {
    let mut rig = Rig::start(&[]).await;
    let report = rig.try_put(&[tombstone(4, Datum::NULL)]).await.expect("a batch is taken");
    let text = report.failed[0].error.to_string();
    assert!(text.starts_with("record from topic=logs partition=0 offset=4 has a null value"), "{text}");
    let mut rig = Rig::start(&[("behavior.on.null.values", "ignore")]).await;
    rig.put(&[tombstone(0, Datum::NULL)]).await;
    rig.settle(1).await;
    assert_eq!(rig.reporter.take(), [(partition(), 0, "Cannot write null valued record.".to_owned())]);
    let mut rig = Rig::start_as(OPENSEARCH, &[]).await;
    rig.put(&[tombstone(0, Datum::NULL)]).await;
    rig.settle(1).await;
    assert_eq!(rig.reporter.take(), []);
}

#[tokio::test]
async fn records_without_usable_key_are_refused_one_by_one_or_left_out() {
    let bad = || vec![keyed(0, "", "{}"), json(1, "{}"), keyed(2, "k", "{}")];
    let mut rig = Rig::start(&[("key.ignore", "false")]).await;
    let report = rig.try_put(&bad()).await.expect("a batch is taken");
    let failed: Vec<(usize, String)> =
        report.failed.iter().map(|failure| (failure.index, failure.error.to_string())).collect();
    assert_eq!(
        failed,
        [
            (0, "Key is used as document id and can not be empty.".to_owned()),
            (1, "Key is used as document id and can not be null.".to_owned()),
        ]
    );
    rig.settle(3).await;
    assert_eq!(rig.cluster.ids("logs"), ["k"]);
    let mut rig = Rig::start(&[("key.ignore", "false"), ("drop.invalid.message", "true")]).await;
    rig.put(&bad()).await;
    rig.settle(3).await;
    assert_eq!(rig.reporter.take().len(), 2);
}

#[tokio::test]
async fn a_batch_that_comes_again_is_taken_once() {
    let mut rig = Rig::start(&[("use.autogenerated.ids", "true")]).await;
    rig.put(&batch(0..10)).await;
    rig.put(&batch(0..20)).await;
    rig.settle(20).await;
    assert_eq!(rig.cluster.ids("logs").len(), 20);
}

#[tokio::test]
async fn a_partition_that_left_is_not_committed_and_begins_anew_when_it_returns() {
    let mut rig = Rig::start(&[("linger.ms", "60000")]).await;
    rig.put(&batch(0..3)).await;
    rig.task.close(&[partition()], CloseReason::Lost).await.expect("a partition closes");
    assert_eq!(rig.task.pre_commit(&Default::default()).await.expect("pre_commit works"), Default::default());
    assert_eq!(rig.cluster.ids("logs"), Vec::<String>::new(), "what waited was dropped");
    rig.task.open(&[partition()]).await.expect("a partition opens");
    rig.put(&batch(0..3)).await;
    rig.settle(3).await;
    assert_eq!(rig.cluster.ids("logs").len(), 3);
}

#[tokio::test]
async fn partitions_are_paused_while_too_much_is_held_and_resumed_later() {
    let small = [("batch.size", "10"), ("max.in.flight.requests", "1"), ("max.buffered.records", "20")];
    let mut rig = Rig::start(&small).await;
    rig.cluster.state().faults = vec![crate::fake::Fault::Delay(std::time::Duration::from_millis(1500))];
    rig.put(&batch(0..100)).await;
    let pause = HandleCall::Pause(vec![partition()]);
    assert!(rig.handle.take().contains(&pause), "held records pass the bound");
    rig.settle(100).await;
    assert!(rig.handle.take().contains(&HandleCall::Resume(vec![partition()])));
}

#[tokio::test]
async fn requests_are_compressed_and_authorised() {
    let extra =
        [("connection.compression", "true"), ("connection.username", "u"), ("connection.password", "p")];
    let mut rig = Rig::start(&extra).await;
    rig.put(&batch(0..5)).await;
    rig.settle(5).await;
    let headers = rig.cluster.state().headers[0].clone();
    let header = |name: &str| headers.get(name).map(String::as_str);
    assert_eq!(header("content-encoding"), Some("gzip"));
    assert_eq!(header("authorization"), Some("Basic dTpw"));
    assert_eq!(header("content-type"), Some("application/x-ndjson"));
    assert_eq!(rig.cluster.ids("logs").len(), 5);
    let mut rig = Rig::start(&[("api.key.value", "a2V5")]).await;
    rig.put(&batch(0..1)).await;
    rig.settle(1).await;
    assert_eq!(rig.cluster.state().headers[0].get("authorization").map(String::as_str), Some("ApiKey a2V5"));
}
