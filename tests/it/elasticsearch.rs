//! The sinks of Elasticsearch and OpenSearch on real servers, from a real broker through the real worker: ids,
//! operations, data streams, creation on demand, and what happens to documents that the server refuses.

use std::collections::BTreeMap;

use connect_tests::{
    kafka::{self, KafkaClient, SharedKafka},
    search::{
        Product::{self, Elasticsearch, OpenSearch},
        SearchServer,
    },
    sluice::{Setup, Sluice},
    wait,
};
use serde_json::{Value, json};

use crate::support::{committed, with};

const BOTH: [Product; 2] = [Elasticsearch, OpenSearch];

/// Documents by their ids.
type Documents = BTreeMap<String, Value>;

/// A topic of the shared broker and a node of a product.
pub(crate) struct Site {
    pub(crate) broker: SharedKafka,
    pub(crate) client: KafkaClient,
    pub(crate) server: &'static SearchServer,
    pub(crate) product: Product,
    pub(crate) topic: String,
    pub(crate) name: String,
}

impl Site {
    pub(crate) async fn new(product: Product, prefix: &str, partitions: i32) -> Self {
        let server = SearchServer::shared(product);
        let broker = kafka::shared();
        let client = broker.client();
        let topic = kafka::unique(&format!("{prefix}-{product:?}").to_lowercase());
        client.create_topic(&topic, partitions).await;
        let name = format!("{topic}-sink");
        Self { broker, client, server, product, topic, name }
    }

    /// Returns a configuration with the class names of the JVM's connectors.
    pub(crate) fn sink(&self, more: Value) -> Value {
        let class = match self.product {
            Elasticsearch => "io.confluent.connect.elasticsearch.ElasticsearchSinkConnector",
            OpenSearch => "io.aiven.kafka.connect.opensearch.OpensearchSinkConnector",
        };
        let config = json!({
            "connector.class": class,
            "tasks.max": "1",
            "topics": self.topic,
            "connection.url": self.server.url(),
            "schema.ignore": "true",
            "key.converter": "org.apache.kafka.connect.storage.StringConverter",
            "value.converter": "org.apache.kafka.connect.json.JsonConverter",
            "value.converter.schemas.enable": "false",
        });
        with(config, more)
    }

    async fn worker(&self) -> Sluice {
        Setup::new(&self.broker.bootstrap()).property("offset.flush.interval.ms", "500").start().await
    }

    async fn produce(&self, partition: i32, values: &[Value]) {
        self.client.produce(&self.topic, partition, values.iter().map(Value::to_string)).await;
    }

    /// Returns the offsets that the connector's group committed, 0 where there is none.
    pub(crate) fn committed(&self, connector: &str, partitions: i32) -> Vec<i64> {
        committed(&self.client, connector, &self.topic, partitions)
    }

    async fn await_documents(&self, index: &str, wanted: &Documents) {
        wait::until(&format!("{} documents in {index}", wanted.len()), wait::LIMIT, async || {
            let found = self.server.documents(index).await;
            if found == *wanted { Ok(()) } else { Err(found) }
        })
        .await;
    }

    pub(crate) async fn await_committed(&self, connector: &str, wanted: &[i64]) {
        let partitions = i32::try_from(wanted.len()).expect("a handful");
        wait::until("the offsets committed", wait::LIMIT, async || {
            let committed = self.committed(connector, partitions);
            if committed == wanted { Ok(()) } else { Err(committed) }
        })
        .await;
    }
}

fn documents<const N: usize>(wanted: [(&str, Value); N]) -> Documents {
    wanted.into_iter().map(|(id, document)| (id.to_owned(), document)).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn documents_get_the_ids_of_their_coordinates_and_a_reset_writes_no_second_one() {
    for product in BOTH {
        let site = Site::new(product, "coordinates", 2).await;
        let worker = site.worker().await;
        worker.create(&site.name, &site.sink(json!({ "key.ignore": "true" }))).await;
        let mut wanted = Documents::new();
        for partition in 0..2 {
            let values: Vec<Value> =
                (0..300).map(|number| json!({ "partition": partition, "n": number })).collect();
            site.produce(partition, &values).await;
            let ids = (0..300).map(|offset| format!("{}+{partition}+{offset}", site.topic));
            wanted.extend(ids.zip(values));
        }
        site.await_documents(&site.topic, &wanted).await;
        site.await_committed(&site.name, &[300, 300]).await;

        let path = |end: &str| format!("/connectors/{}/{end}", site.name);
        assert_eq!(worker.request("PUT", &path("stop"), None).await.0, 204);
        wait::until("the offsets reset", wait::LIMIT, async || {
            match worker.request("DELETE", &path("offsets"), None).await {
                (200, _) => Ok(()),
                answer => Err(answer),
            }
        })
        .await;
        assert_eq!(worker.request("PUT", &path("resume"), None).await.0, 202);
        site.await_committed(&site.name, &[300, 300]).await;
        assert_eq!(site.server.documents(&site.topic).await, wanted);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_become_ids_tombstones_delete_and_an_older_version_changes_nothing() {
    for product in BOTH {
        let site = Site::new(product, "keys", 1).await;
        let worker = site.worker().await;
        worker.create(&site.name, &site.sink(json!({ "behavior.on.null.values": "delete" }))).await;
        let records = [
            ("a", Some(r#"{"n":1}"#)),
            ("b", Some(r#"{"n":2}"#)),
            ("a", Some(r#"{"n":3}"#)),
            ("c", Some(r#"{"n":4}"#)),
            ("b", None),
            ("never-there", None),
        ];
        site.client.produce_keyed(&site.topic, 0, &records).await;
        let wanted = documents([("a", json!({ "n": 3 })), ("c", json!({ "n": 4 }))]);
        site.await_documents(&site.topic, &wanted).await;
        site.await_committed(&site.name, &[6]).await;
        let found = site.server.done("GET", &format!("/{}/_doc/a", site.topic), None).await;
        assert_eq!(found["_version"], json!(2), "the offset is the external version");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn upserts_merge_fields_in_the_order_of_the_topic_and_a_tombstone_ends_them() {
    for (product, key) in [(Elasticsearch, "write.method"), (OpenSearch, "index.write.method")] {
        let site = Site::new(product, "upserts", 1).await;
        let worker = site.worker().await;
        // Small requests, several at a time: order must not depend on luck.
        let config = site.sink(json!({
            key: "upsert", "batch.size": "5", "max.in.flight.requests": "4", "behavior.on.null.values": "delete",
        }));
        worker.create(&site.name, &config).await;
        site.client.produce_keyed(&site.topic, 0, &[("a", Some(r#"{"first":true,"n":-1}"#))]).await;
        let values: Vec<String> = (0..200).map(|number| format!(r#"{{"n":{number}}}"#)).collect();
        let records: Vec<(&str, Option<&str>)> =
            values.iter().map(|value| ("a", Some(value.as_str()))).collect();
        site.client.produce_keyed(&site.topic, 0, &records).await;
        site.await_committed(&site.name, &[201]).await;
        let wanted = documents([("a", json!({ "first": true, "n": 199 }))]);
        assert_eq!(site.server.documents(&site.topic).await, wanted);
        // The document has had as many versions as the offset of its tombstone says.
        site.client.produce_keyed(&site.topic, 0, &[("a", None)]).await;
        site.await_committed(&site.name, &[202]).await;
        assert_eq!(site.server.documents(&site.topic).await, Documents::new());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn data_streams_are_made_and_get_each_record_once_with_its_timestamp() {
    for product in BOTH {
        let site = Site::new(product, "stream", 1).await;
        let template = kafka::unique("template");
        let (stream, config) = match product {
            Elasticsearch => {
                let stream = format!("logs-web-{}", site.topic);
                let body = json!({ "index_patterns": [stream], "data_stream": {}, "priority": 500 });
                let namespace = site.topic.replace('-', "_");
                let stream = stream.replace(&site.topic, &namespace);
                let body = with(body, json!({ "index_patterns": [stream] })).to_string();
                let config = json!({
                    "data.stream.type": "LOGS", "data.stream.dataset": "web", "data.stream.namespace": namespace,
                    "index.template.name": template, "index.template": body,
                });
                (stream, config)
            }
            OpenSearch => {
                let config = json!({ "data.stream.enabled": "true", "data.stream.prefix": "logs" });
                (format!("logs-{}", site.topic), config)
            }
        };
        let worker = site.worker().await;
        worker.create(&site.name, &with(site.sink(json!({ "key.ignore": "true" })), config)).await;
        site.produce(0, &(0..50).map(|number| json!({ "n": number })).collect::<Vec<_>>()).await;
        site.await_committed(&site.name, &[50]).await;
        let found = site.server.documents(&stream).await;
        assert_eq!(found.len(), 50);
        for document in found.values() {
            let time = document["@timestamp"].to_string();
            assert!(document["n"].is_number() && time.len() > 10, "{document}");
        }
        let (status, _) = site.server.call("PUT", &format!("/_data_stream/{stream}"), None).await;
        assert_eq!(status, 400, "`{stream}` is a data stream already");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_index_is_made_with_settings_mappings_and_a_template_and_names_follow_the_record() {
    for product in BOTH {
        let site = Site::new(product, "made", 1).await;
        let pattern = format!("{}-*", site.topic);
        let template = json!({
            "index_patterns": [pattern], "priority": 400,
            "template": { "mappings": { "properties": { "client": { "type": "ip" } } } },
        });
        let config = site.sink(json!({
            "key.ignore": "true",
            "index.name.format": "${topic}-${value.kind}",
            "index.settings": r#"{"number_of_shards":2,"number_of_replicas":0}"#,
            "index.mappings": r#"{"properties":{"status":{"type":"short"}}}"#,
            "index.template.name": site.topic,
            "index.template": template.to_string(),
            "indexed.at.field": "indexed_at",
        }));
        let worker = site.worker().await;
        worker.create(&site.name, &config).await;
        let value = |kind: &str| json!({ "kind": kind, "client": "10.0.0.1", "status": 200 });
        site.produce(0, &[value("access"), value("audit"), value("access")]).await;
        site.await_committed(&site.name, &[3]).await;
        for (index, count) in [(format!("{}-access", site.topic), 2), (format!("{}-audit", site.topic), 1)] {
            let found = site.server.documents(&index).await;
            assert_eq!(found.len(), count, "{found:?}");
            assert!(found.values().all(|document| document["indexed_at"].is_string()), "{found:?}");
            let made = &site.server.done("GET", &format!("/{index}"), None).await[&index];
            assert_eq!(made["settings"]["index"]["number_of_shards"], json!("2"));
            let properties = &made["mappings"]["properties"];
            assert_eq!(properties["client"]["type"], json!("ip"), "from the template");
            assert_eq!(properties["status"]["type"], json!("short"), "from the connector");
        }
    }
}

/// The second of three documents does not fit the mapping that the first one made.
const MISFIT: [&str; 3] = [r#"{"n":1}"#, r#"{"n":"many"}"#, r#"{"n":3}"#];

#[tokio::test(flavor = "multi_thread")]
async fn a_document_that_does_not_fit_the_mapping_is_left_out_by_policy_or_goes_to_the_dead_letter_queue() {
    for (product, policy) in [
        (Elasticsearch, "ignore"),
        (Elasticsearch, "warn"),
        (OpenSearch, "ignore"),
        (OpenSearch, "warn"),
        (OpenSearch, "report"),
    ] {
        let site = Site::new(product, "misfit", 1).await;
        let queue = format!("{}-dlq", site.topic);
        site.client.create_topic(&queue, 1).await;
        let config = site.sink(json!({
            "key.ignore": "true",
            "behavior.on.malformed.documents": policy,
            "index.mappings": r#"{"properties":{"n":{"type":"long"}}}"#,
            "errors.tolerance": "all",
            "errors.deadletterqueue.topic.name": queue,
            "errors.deadletterqueue.topic.replication.factor": "1",
        }));
        let worker = site.worker().await;
        worker.create(&site.name, &config).await;
        site.client.produce(&site.topic, 0, MISFIT).await;
        site.await_committed(&site.name, &[3]).await;
        let found = site.server.documents(&site.topic).await;
        assert_eq!(found.len(), 2, "{product:?} {policy}: {found:?}");
        // Confluent's connector reports each one, Aiven's only where the policy says so.
        let is_reported = product == Elasticsearch || policy == "report";
        let wanted: Vec<Vec<u8>> = if is_reported { vec![MISFIT[1].into()] } else { Vec::new() };
        assert_eq!(site.client.values(&queue, 0), wanted, "{product:?} {policy}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_document_that_does_not_fit_the_mapping_fails_the_task_with_the_servers_reason() {
    for product in BOTH {
        let site = Site::new(product, "misfit-fails", 1).await;
        let config = site.sink(json!({
            "key.ignore": "true", "index.mappings": r#"{"properties":{"n":{"type":"long"}}}"#,
        }));
        let worker = site.worker().await;
        worker.create(&site.name, &config).await;
        site.client.produce(&site.topic, 0, MISFIT).await;
        let status = worker.await_task(&site.name, "FAILED").await;
        let trace = status["tasks"][0]["trace"].as_str().unwrap_or_default();
        for part in ["offset 1", &site.topic, "n", "behavior.on.malformed.documents"] {
            assert!(trace.contains(part), "{part}: {trace}");
        }
        assert!(site.committed(&site.name, 1)[0] <= 1, "nothing after the refused record is committed");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unknown_pipeline_fails_the_task_whatever_the_policy_for_malformed_documents() {
    // The node of OpenSearch runs without the part for pipelines and answers 500 to all that name one.
    let site = Site::new(Elasticsearch, "no-pipeline", 1).await;
    let config = json!({
        "key.ignore": "true", "ingest.pipeline": "none-such", "behavior.on.malformed.documents": "ignore",
    });
    let worker = site.worker().await;
    worker.create(&site.name, &site.sink(config)).await;
    site.client.produce(&site.topic, 0, [r#"{"n":1}"#]).await;
    let status = worker.await_task(&site.name, "FAILED").await;
    let trace = status["tasks"][0]["trace"].as_str().unwrap_or_default();
    assert!(trace.contains("pipeline with id [none-such] does not exist"), "{trace}");
    assert!(site.committed(&site.name, 1)[0] <= 0, "nothing is committed that was not written");
}
