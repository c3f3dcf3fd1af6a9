//! The measured paths.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::time::{Duration, Instant};

use connect_tests::jvm_connect::JvmConnect;
use connect_tests::kafka::KafkaClient;
use connect_tests::s3::S3Server;
use connect_tests::sluice::{Setup, Sluice};
use reqwest::Client;
use serde_json::{Value, json};

use crate::measure::{Figures, Meter, peak_mib};
use crate::{PARTITIONS, TOPIC};

const LIMIT: Duration = Duration::from_secs(300);
const BUCKET: &str = "bench";

/// What a worker without connectors takes.
pub(crate) struct Start {
    pub(crate) ready: Duration,
    pub(crate) idle_mib: u64,
}

/// Measures a worker without connectors.
pub(crate) async fn start(bootstrap: &str) -> Start {
    let started = Instant::now();
    let sluice = Setup::new(bootstrap).start().await;
    let ready = started.elapsed();
    tokio::time::sleep(Duration::from_secs(2)).await;
    Start { ready, idle_mib: peak_mib(sluice.pid()) }
}

/// Measures librdkafka alone, each run in a new process.
pub(crate) fn floor(bootstrap: &str, records: u64, runs: u64) -> Vec<Figures> {
    let run = |_| Figures::of_own_process(&["floor", bootstrap, &records.to_string()], records);
    (0..runs).map(run).collect()
}

/// Measures Sluice's file sink.
pub(crate) async fn sluice_file(bootstrap: &str, records: u64, runs: u64) -> Vec<Figures> {
    let sluice = Setup::new(bootstrap).start().await;
    file_sink("sluice", &sluice.url(), sluice.pid(), sluice.folder(), records, runs).await
}

/// Measures the JVM's file sink.
pub(crate) async fn jvm_file(bootstrap: &str, records: u64, runs: u64) -> Vec<Figures> {
    let connect = JvmConnect::standalone(bootstrap, &[]);
    file_sink("jvm", &connect.url(), connect.pid(), connect.folder(), records, runs).await
}

async fn file_sink(who: &str, url: &str, pid: u32, folder: &Path, records: u64, runs: u64) -> Vec<Figures> {
    let mut figures = Vec::new();
    for run in 0..runs {
        // The consumer group follows from the name: each run reads from the beginning.
        let name = format!("{who}-file-{run}");
        let file = folder.join(&name);
        let config = with(sink_config(TOPIC, "FileStreamSink"), json!({ "file": file }));
        let meter = Meter::start(pid);
        create(url, &name, &config).await;
        await_count(records, || lines(&file)).await;
        figures.push(meter.stop(records));
        delete(url, &name).await;
        fs::remove_file(&file).ok();
    }
    figures
}

/// Measures Sluice's S3 sink, 10,000 records an object.
pub(crate) async fn sluice_s3(bootstrap: &str, records: u64, runs: u64, compression: &str) -> Vec<Figures> {
    let mut figures = Vec::new();
    for run in 0..runs {
        let server = S3Server::start();
        server.create_bucket(BUCKET);
        let sluice: Sluice = Setup::new(bootstrap).s3(&server.url()).start().await;
        let own = json!({
            "s3.bucket.name": BUCKET, "s3.region": connect_tests::s3::REGION, "flush.size": "10000",
            "s3.compression.type": compression,
            "storage.class": "io.confluent.connect.s3.storage.S3Storage",
            "format.class": "io.confluent.connect.s3.format.json.JsonFormat",
        });
        let config = with(sink_config(TOPIC, "io.confluent.connect.s3.S3SinkConnector"), own);
        // Partitions end with a part of an object, which stays open: whole objects are counted.
        let per_partition = crate::load::partition_sizes(records);
        let objects: u64 = per_partition.iter().map(|size| size / 10_000).sum();
        let meter = Meter::start(sluice.pid());
        let name = format!("s3-{compression}-{run}");
        create(&sluice.url(), &name, &config).await;
        await_count(objects, || server.objects(BUCKET).len() as u64).await;
        figures.push(meter.stop(objects * 10_000));
    }
    figures
}

/// Returns what the configurations of all sinks have in common.
pub(crate) fn sink_config(topic: &str, class: &str) -> Value {
    json!({
        "connector.class": class, "tasks.max": "1", "topics": topic,
        "key.converter": "org.apache.kafka.connect.storage.StringConverter",
        "value.converter": "org.apache.kafka.connect.json.JsonConverter",
        "value.converter.schemas.enable": "false",
    })
}

/// Returns a configuration with members of another in place of its own.
pub(crate) fn with(mut config: Value, more: Value) -> Value {
    let more = more.as_object().cloned().unwrap_or_default();
    config.as_object_mut().expect("an object").extend(more);
    config
}

pub(crate) async fn create(url: &str, name: &str, config: &Value) {
    let body = json!({ "name": name, "config": config });
    let answer = Client::new().post(format!("{url}/connectors")).json(&body).send().await.expect("an answer");
    assert!(answer.status().is_success(), "creating {name}: {}", answer.text().await.unwrap_or_default());
}

pub(crate) async fn delete(url: &str, name: &str) {
    Client::new().delete(format!("{url}/connectors/{name}")).send().await.expect("an answer");
}

pub(crate) async fn await_count(wanted: u64, count: impl Fn() -> u64) {
    let deadline = Instant::now() + LIMIT;
    loop {
        let seen = count();
        if seen >= wanted {
            return;
        }
        assert!(Instant::now() < deadline, "waited {LIMIT:?} for {wanted}, saw {seen}");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

/// Waits until the group of a connector has committed so many records.
pub(crate) async fn await_committed(client: &KafkaClient, connector: &str, topic: &str, records: u64) {
    let group = format!("connect-{connector}");
    let committed = || client.committed(&group, topic, PARTITIONS);
    await_count(records, || committed().into_iter().flatten().map(i64::unsigned_abs).sum()).await;
}

/// Counts lines only once the file has stopped growing, so that counting does not compete for the processors.
fn lines(file: &Path) -> u64 {
    let size = || fs::metadata(file).map_or(0, |metadata| metadata.len());
    let before = size();
    std::thread::sleep(Duration::from_millis(150));
    if before == 0 || size() != before {
        return 0;
    }
    let Ok(opened) = fs::File::open(file) else { return 0 };
    BufReader::new(opened).split(b'\n').count() as u64
}
