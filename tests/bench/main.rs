//! The benchmark: Sluice's sinks, the floor that librdkafka sets, and JVM Kafka Connect's file sink, on one topic in
//! one run. Figures are records per second and per CPU-second of the process, and its peak memory.
//!
//! `make bench` runs it. `SLUICE_BENCH_RECORDS` sets the number of records (1,000,000), `SLUICE_BENCH_RUNS` how often
//! each path is run (3; the best is the warm figure).
//!
//! `bench chains` measures converters and transforms in front of a sink that does nothing, ours and the JVM's;
//! `bench chains sluice` ours alone.
//! `bench sinks` measures the sinks for S3, Elasticsearch and Firehose; `bench sinks Parquet` those of that name.
//! `bench fleet` and `bench fleet jvm` measure a group of three workers instead, with `SLUICE_BENCH_SINKS` sinks (200).
#![expect(clippy::print_stdout, reason = "the benchmark's output is its result")]

mod chains;
mod fleet;
mod floor;
mod load;
mod measure;
mod paths;
mod sinks;

use std::env;

use connect_tests::kafka::Kafka;
use load::Shape;
use measure::{Figures, best_of, print_table};

/// Partitions of the topic.
const PARTITIONS: i32 = 6;
const TOPIC: &str = "bench_logs";

fn main() {
    let arguments: Vec<String> = env::args().collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        // The floor is measured in a process of its own, so that its CPU and memory are librdkafka's alone.
        [_, "floor", bootstrap, records] => {
            floor::consume(bootstrap, records.parse().expect("a number of records"));
        }
        // What the sinks are compared with, in processes of their own as well.
        [_, "alone", name] => sinks::measure_alone(name),
        // Fills a topic that exists already, for profiling one path by hand.
        [_, "produce", bootstrap, records] => {
            let records = records.parse().expect("a number of records");
            println!("{} bytes", load::produce(bootstrap, TOPIC, Shape::Plain, records));
        }
        [_, mode @ ..] => measure(mode),
        [] => measure(&[]),
    }
}

fn measure(mode: &[&str]) {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("a runtime");
    let records = number("SLUICE_BENCH_RECORDS", 1_000_000);
    let runs = number("SLUICE_BENCH_RUNS", 3);
    let sinks = number("SLUICE_BENCH_SINKS", 200) as usize;
    match mode {
        ["fleet", "jvm"] => runtime.block_on(fleet::run(fleet::Kind::Jvm, sinks)),
        ["fleet"] => runtime.block_on(fleet::run(fleet::Kind::Sluice, sinks)),
        ["chains"] => runtime.block_on(chains::run(records, runs, true)),
        ["chains", "sluice"] => runtime.block_on(chains::run(records, runs, false)),
        ["sinks"] => runtime.block_on(sinks::run(records, runs, "")),
        ["sinks", wanted] => runtime.block_on(sinks::run(records, runs, wanted)),
        [] => runtime.block_on(run(records, runs)),
        _ => panic!(
            "`bench`, `bench chains`, `bench chains sluice`, `bench sinks`, `bench fleet` or `bench fleet jvm`"
        ),
    }
}

fn number(name: &str, default: u64) -> u64 {
    env::var(name).map_or(default, |text| text.parse().expect("a number"))
}

async fn run(records: u64, runs: u64) {
    let kafka = Kafka::start();
    let bootstrap = kafka.bootstrap();
    kafka.client().create_topic(TOPIC, PARTITIONS).await;
    let bytes = load::produce(&bootstrap, TOPIC, Shape::Plain, records);
    println!("{records} JSON logs of {} bytes, lz4, {PARTITIONS} partitions, real Kafka", bytes / records);

    let mut rows: Vec<(&str, Vec<Figures>)> = Vec::new();
    let start = paths::start(&bootstrap).await;
    rows.push(("librdkafka batches (floor)", paths::floor(&bootstrap, records, runs)));
    rows.push(("Sluice file sink", paths::sluice_file(&bootstrap, records, runs).await));
    rows.push(("Sluice S3 sink", paths::sluice_s3(&bootstrap, records, runs, "none").await));
    rows.push(("Sluice S3 sink, gzip", paths::sluice_s3(&bootstrap, records, runs, "gzip").await));
    rows.push(("JVM file sink", paths::jvm_file(&bootstrap, records, runs).await));
    drop(kafka);

    println!("\nREST ready after {:.2} s; idle {} MiB (peak)", start.ready.as_secs_f64(), start.idle_mib);
    print_table(&rows);
    let best = |name| best_of(&rows, name).expect("measured above");
    let (floor, jvm) = (best("librdkafka batches (floor)"), best("JVM file sink"));
    println!("\nratios of best records per CPU-second:");
    for name in ["Sluice file sink", "Sluice S3 sink", "Sluice S3 sink, gzip"] {
        println!(
            "{name:<28}{:>6.1} × JVM file sink{:>8.0} % of the floor",
            best(name) / jvm,
            100.0 * best(name) / floor
        );
    }
}
