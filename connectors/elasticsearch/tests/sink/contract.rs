//! The contract of sinks, and the checks of configurations.

use std::net::TcpListener;
use std::time::{Duration, Instant};

use connect_core::config::Props;
use connect_core::data::Datum;
use connect_core::plugin::Factory;
use connect_core::testkit::{BadConfig, sink_contract};
use serde_json::json;

use crate::fake::FakeCluster;
use crate::rig::{self, ELASTICSEARCH, OPENSEARCH, plugin, settings};

fn value() -> Datum {
    rig::json(0, "{\"a\":1}").record.value
}

/// Returns the keys with errors, and the errors of one.
pub(crate) fn errors(class: &str, props: &Props) -> Vec<(String, String)> {
    let Factory::Sink(make) = plugin(class).factory else { panic!("`{class}` is a sink") };
    let report = make().validate(props);
    let failed = report.values.into_iter().filter(|value| !value.errors.is_empty());
    failed.map(|value| (value.name, value.errors.join("\n"))).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn elasticsearch_sink_keeps_the_contract_of_sinks() {
    let cluster = FakeCluster::start().await;
    let bad: BadConfig<'_> = &[
        ("batch.size", "many"),
        ("write.method", "REPLACE"),
        ("proxy.username", "somebody"),
        ("elastic.https.ssl.truststore.type", "JKS"),
        ("kerberos.user.principal", "somebody"),
        ("index.mappings", "[1]"),
        ("index.name.format", "${nothing}"),
    ];
    sink_contract(&plugin(ELASTICSEARCH), &settings(&cluster, &[]), bad, &value()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn opensearch_sink_keeps_the_contract_of_sinks() {
    let cluster = FakeCluster::start().await;
    let bad: BadConfig<'_> = &[
        ("linger.ms", "-1"),
        ("routing.type.record.value.path", "a"),
        ("behavior.on.version.conflict", "explode"),
        ("aws.sts.role.arn", "arn:aws:iam::1:role/x"),
        ("connection.ssl.keystore.type", "JKS"),
    ];
    sink_contract(&plugin(OPENSEARCH), &settings(&cluster, &[]), bad, &value()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cluster_that_cannot_be_reached_is_an_error_of_the_url_within_seconds() {
    let cluster = FakeCluster::start().await;
    let refused = settings(&cluster, &[("connection.url", "http://127.0.0.1:9")]);
    let found = errors(ELASTICSEARCH, &refused);
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].0, "connection.url");
    assert!(found[0].1.starts_with("Could not connect to Elasticsearch. Error message: "), "{}", found[0].1);

    // Something that accepts connections and never answers.
    let silent = TcpListener::bind("127.0.0.1:0").expect("a port is free");
    let url = format!("http://{}", silent.local_addr().expect("a bound socket has an address"));
    let start = Instant::now();
    let props = settings(&cluster, &[("connection.url", &url), ("read.timeout.ms", "300")]);
    let found = errors(ELASTICSEARCH, &props);
    assert!(start.elapsed() < Duration::from_secs(10), "{:?}", start.elapsed());
    assert_eq!(found.first().map(|(key, _)| key.as_str()), Some("connection.url"));
}

#[tokio::test(flavor = "multi_thread")]
async fn servers_are_known_by_a_small_look_and_only_old_ones_are_refused() {
    let of = |number: &str, distribution: &str| json!({ "version": { "number": number, "distribution": distribution } });
    let refused = |text: &str| vec![("connection.url".to_owned(), text.to_owned())];
    let old = "Could not connect to Elasticsearch. Error message: Elasticsearch version 6.8.23 is not supported; it must be at least 7";
    for (class, about, expected) in [
        (ELASTICSEARCH, json!({ "version": { "number": "6.8.23" } }), refused(old)),
        (ELASTICSEARCH, json!({ "version": { "number": "9.2.0" } }), Vec::new()),
        (ELASTICSEARCH, of("1.3.20", "opensearch"), Vec::new()),
        (OPENSEARCH, of("3.3.2", "opensearch"), Vec::new()),
        // The right to write is enough.
        (ELASTICSEARCH, json!(403), Vec::new()),
        // A serverless collection has nothing at its root.
        (OPENSEARCH, json!(404), Vec::new()),
    ] {
        let cluster = FakeCluster::start().await;
        cluster.state().stored.insert("/".to_owned(), about.clone());
        assert_eq!(errors(class, &settings(&cluster, &[])), expected, "{class} {about}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn resources_that_must_exist_are_looked_for() {
    let cluster = FakeCluster::start().await;
    let props = settings(
        &cluster,
        &[
            ("topics", "a,b"),
            ("external.resource.usage", "INDEX"),
            ("topic.to.external.resource.mapping", "a:known,b:missing"),
        ],
    );
    cluster.state().indices.insert("known".to_owned(), serde_json::json!({}));
    let key = "topic.to.external.resource.mapping".to_owned();
    let text = "Resource 'missing' does not exist in Elasticsearch".to_owned();
    assert_eq!(errors(ELASTICSEARCH, &props), [(key, text)]);
}

/// A connector, keys beside the usual ones, and the key and text of each error.
type Case = (&'static str, &'static [(&'static str, &'static str)], Vec<(&'static str, &'static str)>);

const BUFFERED: &str = "'max.buffered.records' (100) must be larger than or equal to 'batch.size' (2000) x max.in.flight.requests (5).";
const BOTH: &str = "'topic.key.ignore' can not be set if 'key.ignore' is true.";
const STREAM: &str = "Either both or neither 'data.stream.dataset' and 'data.stream.type' must be set.";
const STREAM_UPSERT: &str =
    "Upserts are not supported with data streams. write.method must not be UPSERT when using data streams.";
const DATASET: &str = "Invalid value we-b for configuration data.stream.dataset: The specified dataset must not contain any of the characters \\ / * ? \" < > | , # : - or a space";
const STRATEGY: &str = "Invalid value topic.partition.offset for configuration key.ignore.id.strategy: topic.partition.offset is not supported for index upsert. Supported is: record.key";
const SERVICE: &str =
    "Invalid value null for configuration aws.service.signing.name: it is needed to sign requests";

fn wrong_beside_others() -> Vec<Case> {
    vec![
        (ELASTICSEARCH, &[("topic.key.ignore", "t")], vec![("key.ignore", BOTH), ("topic.key.ignore", BOTH)]),
        (
            ELASTICSEARCH,
            &[("max.buffered.records", "100")],
            vec![
                ("batch.size", BUFFERED),
                ("max.buffered.records", BUFFERED),
                ("max.in.flight.requests", BUFFERED),
            ],
        ),
        (
            ELASTICSEARCH,
            &[("data.stream.type", "LOGS"), ("data.stream.dataset", "web"), ("write.method", "UPSERT")],
            vec![("write.method", STREAM_UPSERT)],
        ),
        (
            ELASTICSEARCH,
            &[("data.stream.type", "LOGS")],
            vec![("data.stream.dataset", STREAM), ("data.stream.type", STREAM)],
        ),
        (
            ELASTICSEARCH,
            &[("data.stream.type", "LOGS"), ("data.stream.dataset", "we-b")],
            vec![("data.stream.dataset", DATASET)],
        ),
        (OPENSEARCH, &[("index.write.method", "upsert")], vec![("key.ignore.id.strategy", STRATEGY)]),
        (
            OPENSEARCH,
            &[("aws.access_key_id", "id"), ("aws.secret_access_key", "secret"), ("aws.region", "eu-west-1")],
            vec![("aws.service.signing.name", SERVICE)],
        ),
    ]
}

#[test]
fn each_key_that_is_wrong_beside_others_is_named() {
    for (class, extra, expected) in wrong_beside_others() {
        let mut props =
            connect_core::testkit::props(&[("connection.url", "http://127.0.0.1:9"), ("key.ignore", "true")]);
        props.extend(connect_core::testkit::props(extra));
        let mut found = errors(class, &props);
        // Where the rules hold, only the cluster is missing.
        found.retain(|(key, _)| key != "connection.url");
        found.sort();
        let mut expected: Vec<(String, String)> =
            expected.into_iter().map(|(key, text)| (key.to_owned(), text.to_owned())).collect();
        expected.sort();
        assert_eq!(found, expected, "{extra:?}");
    }
}
