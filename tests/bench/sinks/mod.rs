//! The sinks for object stores, search and Firehose: records per CPU-second of the worker, which alone is counted,
//! beside what a compressor and a writer of columns take for the same records.

mod alone;
mod cases;
mod node;
mod stub;

use std::time::Duration;

use connect_tests::kafka::Kafka;
use connect_tests::s3::S3Server;
use connect_tests::sluice::Setup;
use serde_json::{Value, json};

use crate::load::{self, Shape};
use crate::measure::{Figures, Meter, Rows, best_of, print_table};
use crate::paths::with;
use crate::{PARTITIONS, paths};
pub(crate) use alone::measure as measure_alone;
use cases::{CASES, Case, Target};
use stub::Stub;

pub(crate) const PLAIN_TOPIC: &str = "bench_plain";
const ENVELOPE_TOPIC: &str = "bench_schemas";
/// Records of an object.
pub(crate) const OBJECT_RECORDS: u64 = 10_000;
/// Every partition then holds whole objects, so that every record is delivered.
const STEP: u64 = 240_000;
const BUCKET: &str = "bench";
/// How long a worker rests after its start, so that what it does then is not counted.
const REST: Duration = Duration::from_millis(500);

/// Measures the cases whose names hold `wanted`, `runs` times each, in a new worker for each case.
pub(crate) async fn run(records: u64, runs: u64, wanted: &str) {
    let records = (records / STEP).max(1) * STEP;
    let kafka = Kafka::start();
    for (topic, shape) in [(PLAIN_TOPIC, Shape::Plain), (ENVELOPE_TOPIC, Shape::Envelope)] {
        let is_used = CASES.iter().any(|case| case.topic == topic && case.is_wanted(wanted));
        if is_used || (topic == PLAIN_TOPIC && node::NAME.contains(wanted)) {
            kafka.client().create_topic(topic, PARTITIONS).await;
            let bytes = load::produce(&kafka.bootstrap(), topic, shape, records);
            println!("{topic}: {records} records of {} bytes, lz4, {PARTITIONS} partitions", bytes / records);
        }
    }
    let mut rows: Vec<(&str, Vec<Figures>)> = Vec::new();
    for case in CASES.iter().filter(|case| case.is_wanted(wanted)) {
        rows.push((case.name, measure(&kafka, case, records, runs).await));
    }
    for name in alone::NAMES.into_iter().filter(|name| name.contains(wanted)) {
        rows.push((name, alone::figures(name, runs)));
    }
    print_table(&rows);
    compare(&rows);
    if node::NAME.contains(wanted) {
        node::measure(&kafka, records).await;
    }
}

/// Prints how the sinks stand to what they cannot be faster than.
fn compare(rows: &Rows<'_>) {
    for (name, alone) in cases::COMPARED {
        if let (Some(sink), Some(alone_best)) = (best_of(rows, name), best_of(rows, alone)) {
            println!("{name}: {:.0} % of {alone}", 100.0 * sink / alone_best);
        }
    }
}

async fn measure(kafka: &Kafka, case: &Case, records: u64, runs: u64) -> Vec<Figures> {
    let client = kafka.client();
    let (server, url) = match case.target {
        Target::S3(_) => with_url(S3Server::start()),
        Target::SecureS3(_) => with_url(S3Server::start_with_tls()),
        Target::Search => (None, Stub::start(stub::search).url()),
        Target::Firehose => (None, Stub::start(stub::firehose).url()),
    };
    let mut setup = Setup::new(&kafka.bootstrap()).s3(&url);
    if let Some(certificate) = server.as_ref().and_then(S3Server::certificate) {
        setup = setup.variable("SSL_CERT_FILE", &certificate.display().to_string());
    }
    let sluice = setup.start().await;
    let mut figures = Vec::new();
    for run in 0..runs {
        // Each run has a bucket and a consumer group of its own.
        let (name, bucket) = (format!("{}-{run}", case.slug()), format!("{BUCKET}-{run}"));
        if let Some(server) = &server {
            server.create_bucket(&bucket);
        }
        let config = case.config(&url, &bucket);
        tokio::time::sleep(REST).await;
        let meter = Meter::start(sluice.pid());
        paths::create(&sluice.url(), &name, &config).await;
        paths::await_committed(&client, &name, case.topic, records).await;
        figures.push(meter.stop(records));
        paths::delete(&sluice.url(), &name).await;
        if let Some(server) = &server {
            server.remove_bucket(&bucket);
        }
    }
    figures
}

fn with_url(server: S3Server) -> (Option<S3Server>, String) {
    let url = server.url();
    (Some(server), url)
}

/// Returns what the configurations of all sinks have in common.
fn sink(topic: &str, class: &str) -> Value {
    let has_schemas = (topic == ENVELOPE_TOPIC).to_string();
    with(paths::sink_config(topic, class), json!({ "value.converter.schemas.enable": has_schemas }))
}
