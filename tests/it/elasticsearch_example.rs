//! Pipeline 2 as its files describe it, on a real broker and real servers: scheduled runs that end by themselves, and
//! what is in the index, for the charts as well.

use std::{
    collections::BTreeSet,
    fs,
    path::Path,
    process::{Command, Output},
};

use connect_tests::{
    kafka::{self, SharedKafka},
    search::{
        Product::{Elasticsearch, OpenSearch},
        SearchServer,
    },
    services::repository,
    sluice::{Setup, program},
    wait,
};
use serde_json::{Value, json};

const TOPIC: &str = "web-logs-topic";
const RECORDS: usize = 6000;
/// Five batches of 500.
const RUN_RECORDS: u64 = 2500;

fn example(file: &str) -> String {
    let path = repository().join("examples/2-web-logs-to-elasticsearch").join(file);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("reading {}: {error}", path.display()))
}

/// Returns a sink file of the example for a server of the tests.
fn sink(file: &str, server: &SearchServer) -> String {
    let text = example(file);
    assert!(text.contains("connection.url=http://localhost:9200\n"), "{file}");
    text.replace("http://localhost:9200", &server.url())
}

/// Runs the worker as the example's crontab does.
fn scheduled(folder: &Path, broker: &SharedKafka, sink: &str) -> Output {
    let worker = example("worker.properties").replace("localhost:9092", &broker.bootstrap());
    fs::write(folder.join("worker.properties"), worker).expect("a file is written");
    fs::write(folder.join("sink.properties"), sink).expect("a file is written");
    let crontab = example("crontab");
    assert!(crontab.contains("--once --max-batches 5"), "{crontab}");
    let mut command = Command::new(program());
    command.args(["standalone", "worker.properties", "sink.properties", "--once", "--max-batches", "5"]);
    command.current_dir(folder).output().expect("the program starts")
}

/// Lets the example's generator fill the topic.
async fn fill(broker: &SharedKafka) {
    let datagen = example("datagen.properties");
    assert!(datagen.contains("\nrate=0.8333\n"), "100 logs in two minutes");
    let datagen = datagen.replace("\nrate=0.8333\n", &format!("\nrate=0\nmax.records={RECORDS}\n"));
    let client = broker.client();
    client.create_topic(TOPIC, 6).await;
    let _worker = Setup::new(&broker.bootstrap()).connector("datagen.properties", &datagen).start().await;
    wait::until("the logs in the topic", wait::LIMIT, async || {
        let ends = client.end_offsets(TOPIC, 6);
        if ends.iter().sum::<i64>() == RECORDS as i64 { Ok(()) } else { Err(ends) }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn scheduled_runs_index_every_log_once_and_say_when_there_is_nothing_to_do() {
    let broker = kafka::shared();
    fill(&broker).await;
    for (product, file) in
        [(Elasticsearch, "elasticsearch-sink.properties"), (OpenSearch, "opensearch-sink.properties")]
    {
        let server = SearchServer::shared(product);
        let text = sink(file, server);
        let folder = tempfile::tempdir().expect("a temporary folder is made");
        let mut counts = vec![0];
        loop {
            let run = tokio::task::block_in_place(|| scheduled(folder.path(), &broker, &text));
            let count = server.count(TOPIC).await;
            match run.status.code() {
                Some(0) => {}
                Some(3) => break,
                _ => panic!("{run:?}"),
            }
            let before = counts[counts.len() - 1];
            assert!(count > before && count - before <= RUN_RECORDS, "{count} after {counts:?}: {run:?}");
            counts.push(count);
        }
        assert_eq!(counts.last(), Some(&(RECORDS as u64)), "{counts:?}");
        assert!(counts.len() > 3, "no run takes more than five batches: {counts:?}");
        assert_documents(server).await;
        assert_charts(server).await;
        assert_made(server, product == Elasticsearch).await;
    }
}

async fn assert_documents(server: &SearchServer) {
    for (id, document) in server.documents(TOPIC).await {
        assert_eq!(document["request_id"], json!(id), "the key is the id");
        let status = document["status"].as_i64().expect("a number");
        assert_eq!(document["is_error"], json!(i64::from(status >= 500)), "{document}");
        assert!(document["indexed_at"].is_string() && document["timestamp"].is_string(), "{document}");
    }
}

/// What the page asks has the answers that its four charts draw.
async fn assert_charts(server: &SearchServer) {
    let page = example("charts.html");
    let start =
        page.find("application/json\">").expect("the page holds its question") + "application/json\">".len();
    let end = start + page[start..].find("</script>").expect("an end");
    let question: Value = serde_json::from_str(&page[start..end]).expect("JSON");
    let found = server.done("POST", &format!("/{TOPIC}/_search"), Some(&question)).await;
    let buckets =
        |chart: &str| found["aggregations"][chart]["buckets"].as_array().cloned().unwrap_or_default();
    let counted: u64 = buckets("status").iter().filter_map(|bucket| bucket["doc_count"].as_u64()).sum();
    assert_eq!(counted, RECORDS as u64, "{found}");
    assert!(buckets("endpoints").len() > 3 && buckets("clients").len() == 10, "{found}");
    assert!(buckets("clients").iter().all(|bucket| bucket["bytes"]["value"].as_f64() > Some(0.0)), "{found}");
    for bucket in buckets("errors") {
        let rate = bucket["rate"]["value"].as_f64().expect("a rate");
        assert!((0.0..0.5).contains(&rate), "{bucket}");
    }
}

/// The index is as the users asked for: 2 shards, 1 replica, the fields' types, retention.
async fn assert_made(server: &SearchServer, has_policy: bool) {
    let made = server.done("GET", &format!("/{TOPIC}"), None).await;
    let settings = &made[TOPIC]["settings"]["index"];
    assert_eq!((&settings["number_of_shards"], &settings["number_of_replicas"]), (&json!("2"), &json!("1")));
    assert_eq!(made[TOPIC]["mappings"]["properties"]["client_ip"]["type"], json!("ip"));
    if has_policy {
        assert_eq!(settings["lifecycle"]["name"], json!("web-logs-30-days"));
        let policy = server.done("GET", "/_ilm/policy/web-logs-30-days", None).await;
        let deleted = &policy["web-logs-30-days"]["policy"]["phases"]["delete"]["min_age"];
        assert_eq!(deleted, &json!("30d"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn lines_of_a_web_server_become_the_same_fields_and_others_go_to_their_own_topic() {
    let broker = kafka::shared();
    let client = broker.client();
    for topic in ["web-access-lines", "web-access-lines-dlq"] {
        client.create_topic(topic, 1).await;
    }
    let server = SearchServer::shared(Elasticsearch);
    let index = kafka::unique("web-lines");
    let text = sink("access-log-sink.properties", server)
        .replace("index.name.format=web-logs-topic", &format!("index.name.format={index}"));
    let worker = Setup::new(&broker.bootstrap()).property("offset.flush.interval.ms", "500");
    let _worker = worker.connector("sink.properties", &text).start().await;
    let line =
        r#"203.0.113.9 - - [21/Nov/2026:13:55:36 +0100] "GET /cart HTTP/1.1" 502 1043 "-" "curl/8.5.0""#;
    client.produce("web-access-lines", 0, [line, "no line of a web server"]).await;
    wait::until("one document and one dead letter", wait::LIMIT, async || {
        let count = server.count(&index).await;
        let dead = client.values("web-access-lines-dlq", 0);
        if count == 1 && dead == [b"no line of a web server"] { Ok(()) } else { Err((count, dead)) }
    })
    .await;
    let mut found = server.documents(&index).await;
    let mut document = found.remove("web-access-lines+0+0").expect("topic, partition and offset are the id");
    let indexed_at = document.as_object_mut().and_then(|fields| fields.remove("indexed_at"));
    assert!(indexed_at.is_some_and(|time| time.is_string()));
    let wanted = json!({
        "client_ip": "203.0.113.9", "method": "GET", "path": "/cart", "status": 502, "bytes": 1043,
        "referer": null, "user_agent": "curl/8.5.0", "timestamp": "2026-11-21T12:55:36.000Z", "is_error": 1,
    });
    assert_eq!(document, wanted);
}

/// Kibana refuses a file whose references lead nowhere, and draws nothing for a field that the index does not have.
#[test]
fn dashboards_name_fields_of_the_index_and_objects_of_the_file() {
    let text = example("elasticsearch-sink.properties");
    let start = text.find("\"mappings\"").expect("a template");
    let mapping = &text[start..text.find("# Retention").expect("a policy")];
    let has_field = |field: &str| mapping.contains(&format!("\"{field}\":{{\"type\""));
    let objects: Vec<Value> = example("dashboards.ndjson")
        .lines()
        .map(|line| serde_json::from_str(line).expect("an object a line"))
        .collect();
    let name = |object: &Value| (object["type"].to_string(), object["id"].to_string());
    let known: BTreeSet<_> = objects.iter().map(name).collect();
    let mut charts = 0;
    for object in &objects {
        for reference in object["references"].as_array().expect("references") {
            assert!(known.contains(&name(reference)), "{reference}");
        }
        let Some(state) = object["attributes"]["visState"].as_str() else { continue };
        let state: Value = serde_json::from_str(state).expect("a state");
        charts += 1;
        for field in state["aggs"].as_array().expect("aggregations").iter() {
            let field = field["params"]["field"].as_str();
            assert!(field.is_none_or(has_field), "{field:?}");
        }
    }
    assert_eq!((charts, objects.len()), (4, 6), "a data view, four charts and a dashboard");
}
