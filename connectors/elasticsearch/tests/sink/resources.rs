//! Indices, data streams, mappings, templates: made on demand.

use std::sync::Arc;

use bytes::Bytes;
use connect_core::data::{Datum, Schema, SchemaBuilder, Struct, Type, Value, json as connect_json};
use connect_core::record::SinkRecord;
use serde_json::json;

use crate::rig::{OPENSEARCH, Rig, batch, json, keyed};

fn parsed(offset: i64, text: &'static str) -> SinkRecord {
    let mut record = json(offset, "{}");
    let text = Bytes::from_static(text.as_bytes());
    let mut scratch = Default::default();
    record.record.value = connect_json::schemaless_datum(&text, &mut scratch).expect("JSON");
    record
}

#[tokio::test]
async fn indices_are_made_once_with_settings_and_mappings() {
    let mut rig = Rig::start(&[
        ("index.settings", r#"{"number_of_shards":2,"number_of_replicas":1}"#),
        ("index.mappings", r#"{"properties":{"n":{"type":"long"}}}"#),
        ("lifecycle.policy.name", "thirty-days"),
        ("lifecycle.policy", r#"{"policy":{"phases":{}}}"#),
        ("index.template.name", "web"),
        ("index.template", r#"{"index_patterns":["web-*"]}"#),
    ])
    .await;
    rig.put(&batch(0..10)).await;
    rig.put(&batch(10..20)).await;
    rig.settle(20).await;
    let state = rig.cluster.state();
    assert_eq!(
        state.indices.get("logs"),
        Some(&json!({
            "settings": { "number_of_shards": 2, "number_of_replicas": 1, "index.lifecycle.name": "thirty-days" },
            "mappings": { "properties": { "n": { "type": "long" } } },
        }))
    );
    assert_eq!(state.stored["/_ilm/policy/thirty-days"], json!({ "policy": { "phases": {} } }));
    assert_eq!(state.stored["/_index_template/web"], json!({ "index_patterns": ["web-*"] }));
    let made = state.calls.iter().filter(|call| *call == "PUT /logs").count();
    assert_eq!(made, 1, "{:?}", state.calls);
}

#[tokio::test]
async fn mappings_come_from_the_schema_and_fill_an_empty_index() {
    let schema = SchemaBuilder::structure().field("n", Schema::of(Type::Int32)).build().expect("a schema");
    let record = |offset: i64| {
        let mut value = Struct::new(Arc::clone(&schema));
        value.put("n", Value::Int32(7)).expect("the field fits");
        let mut record = json(offset, "{}");
        record.record.value = Datum::new(Some(Arc::clone(&schema)), Value::Struct(Box::new(value)));
        record
    };
    let expected = json!({ "properties": { "n": { "type": "integer" } } });
    for is_there in [false, true] {
        let cluster = crate::fake::FakeCluster::start().await;
        if is_there {
            cluster.state().indices.insert("logs".to_owned(), json!({}));
        }
        let mut rig = Rig::start_on(cluster, crate::rig::ELASTICSEARCH, &[("schema.ignore", "false")]).await;
        rig.put(&[record(0)]).await;
        rig.settle(1).await;
        assert_eq!(rig.cluster.state().indices["logs"]["mappings"], expected, "index was there: {is_there}");
        assert_eq!(rig.cluster.document("logs", "logs+0+0"), Some(json!({ "n": 7 })));
    }
}

#[tokio::test]
async fn an_index_that_was_removed_is_made_again() {
    let mut rig = Rig::start(&[]).await;
    rig.put(&batch(0..5)).await;
    rig.settle(5).await;
    rig.cluster.state().indices.clear();
    rig.put(&batch(5..10)).await;
    rig.settle(10).await;
    assert!(rig.cluster.state().indices.contains_key("logs"));
    assert_eq!(rig.cluster.ids("logs").len(), 10);
}

#[tokio::test]
async fn data_streams_get_created_documents_with_timestamps() {
    let extra = [("data.stream.type", "LOGS"), ("data.stream.dataset", "web")];
    let mut rig = Rig::start(&extra).await;
    rig.put(&[json(5, "{\"a\":1}")]).await;
    rig.settle(6).await;
    assert!(rig.cluster.state().streams.contains("logs-web-logs"));
    let expected = json!({ "a": 1, "@timestamp": 1_767_225_600_005_i64 });
    assert_eq!(rig.cluster.document("logs-web-logs", "logs+0+5"), Some(expected));
    // Delivered again, the document is there already: that is success.
    let mut again = Rig::start_on(rig.cluster.clone(), crate::rig::ELASTICSEARCH, &extra).await;
    again.put(&[json(5, "{\"a\":1}")]).await;
    again.settle(6).await;
    assert_eq!(again.reporter.take(), []);

    let extra = [("data.stream.enabled", "true"), ("data.stream.prefix", "os")];
    let mut rig = Rig::start_as(OPENSEARCH, &extra).await;
    rig.put(&[json(0, "{\"@timestamp\":1}"), json(1, "{}")]).await;
    rig.settle(2).await;
    assert_eq!(rig.cluster.document("os-logs", "logs+0+0"), Some(json!({ "@timestamp": 1 })));
    let template = rig.cluster.state().stored["/_index_template/os-logs-template"].clone();
    assert_eq!(template["index_patterns"], json!(["os-logs"]));
}

#[tokio::test]
async fn existing_resources_are_written_to_and_never_made() {
    let extra = [("external.resource.usage", "INDEX"), ("topic.to.external.resource.mapping", "logs:Mine")];
    let cluster = crate::fake::FakeCluster::start().await;
    cluster.state().indices.insert("Mine".to_owned(), json!({}));
    let mut rig = Rig::start_on(cluster, crate::rig::ELASTICSEARCH, &extra).await;
    rig.put(&batch(0..2)).await;
    rig.settle(2).await;
    assert_eq!(rig.cluster.ids("Mine").len(), 2);
    assert!(!rig.cluster.state().calls.iter().any(|call| call.starts_with("PUT")));
}

#[tokio::test]
async fn names_ids_and_times_are_made_from_the_record() {
    let mut rig = Rig::start(&[
        ("index.name.format", "Web-${value.tenant}-${yyyy.MM.dd}"),
        ("document.id.format", "${value.tenant}:${offset}"),
        ("indexed.at.field", "indexed_at"),
    ])
    .await;
    rig.put(&[parsed(0, r#"{"tenant":"A"}"#), parsed(1, r#"{"tenant":"b"}"#)]).await;
    rig.settle(2).await;
    assert_eq!(rig.cluster.ids("web-a-2026.01.01"), ["A:0"]);
    let document = rig.cluster.document("web-b-2026.01.01", "b:1").expect("a document");
    let time = document["indexed_at"].as_str().expect("a time");
    assert!(time.len() == 24 && time.ends_with('Z'), "{time}");
    let report = rig.try_put(&[parsed(2, r#"{"other":1}"#)]).await.expect("a batch is taken");
    assert_eq!(report.failed[0].error.to_string(), "the record has no `value.tenant`");
}

#[tokio::test]
async fn ids_tell_topics_apart_that_transforms_gave_one_name() {
    let mut rig = Rig::start(&[]).await;
    rig.task.open(&[connect_core::record::TopicPartition::new("other", 0)]).await.expect("a partition opens");
    let mut first = json(0, "{}");
    first.record.topic = "one".into();
    let mut second = connect_core::testkit::record("other", 0, 0, json(0, "{}").record.value);
    second.record.topic = "one".into();
    rig.put(&[first, second]).await;
    rig.settle(1).await;
    rig.put(&[]).await;
    assert_eq!(rig.cluster.ids("one"), ["logs+0+0", "other+0+0"]);
}

#[tokio::test]
async fn topics_renamed_by_a_transform_are_written_and_committed_in_both_modes() {
    for (mode, method) in [("false", "INSERT"), ("true", "INSERT"), ("false", "UPSERT"), ("true", "UPSERT")] {
        let extra = [("key.ignore", "false"), ("flush.synchronously", mode), ("write.method", method)];
        let mut rig = Rig::start(&extra).await;
        let dated = |offset: i64| {
            let mut record = keyed(offset, &format!("k{offset}"), "{\"a\":1}");
            record.record.topic = format!("logs-2026.01.0{}", 1 + offset % 3).into();
            record
        };
        rig.put(&(0..9).map(dated).collect::<Vec<_>>()).await;
        rig.settle(9).await;
        assert_eq!(rig.cluster.ids("logs-2026.01.02"), ["k1", "k4", "k7"], "{mode} {method}");
        assert_eq!(rig.cluster.state().documents.len(), 9, "{mode} {method}");
    }
}

#[tokio::test]
async fn documents_go_through_the_ingest_pipeline() {
    let mut rig = Rig::start(&[("ingest.pipeline", "geo")]).await;
    rig.put(&batch(0..2)).await;
    rig.settle(2).await;
    let queries = rig.cluster.state().queries.clone();
    assert!(
        !queries.is_empty() && queries.iter().all(|query| query.ends_with("&pipeline=geo")),
        "{queries:?}"
    );
}

#[tokio::test]
async fn routing_comes_from_the_key_or_a_pointer_into_the_value() {
    let mut rig = Rig::start_as(OPENSEARCH, &[("routing.type", "key"), ("key.ignore", "false")]).await;
    rig.put(&[keyed(0, "a", "{}")]).await;
    rig.settle(1).await;
    let mut rig =
        Rig::start_as(OPENSEARCH, &[("routing.type", "value"), ("routing.type.record.value.path", "/a/b")])
            .await;
    let report = rig
        .try_put(&[parsed(0, r#"{"a":{"b":5}}"#), parsed(1, r#"{"a":{}}"#)])
        .await
        .expect("a batch is taken");
    assert_eq!(report.failed.len(), 1);
    assert_eq!(report.failed[0].index, 1);
    rig.settle(2).await;
    assert_eq!(rig.cluster.ids("logs"), ["logs+0+0"]);
}
