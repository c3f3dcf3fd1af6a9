//! Converters and transforms in front of a sink that does nothing, in Sluice and in JVM Kafka Connect, on the same
//! topics in one run.

use std::env;
use std::fs;
use std::process::Command;

use connect_tests::jvm_connect::JvmConnect;
use connect_tests::kafka::{Kafka, KafkaClient};
use connect_tests::services::{kafka_home, repository};
use connect_tests::sluice::Setup;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::load::{self, MARK, Shape};
use crate::measure::{Figures, Meter};
use crate::{PARTITIONS, paths};

const MARKED_TOPIC: &str = "bench_marked";
const ENVELOPE_TOPIC: &str = "bench_envelopes";
/// The sink's class, in `tests/bench-worker` and in `tests/java/NullSink.java`.
const NULL_SINK: &str = "bench.NullSink";
const TRANSFORMS: &str = "org.apache.kafka.connect.transforms";

/// One row of the table.
struct Case {
    name: &'static str,
    topic: &'static str,
    /// Names of the transforms, in order.
    chain: &'static str,
    /// Whether the filter drops the records without the header, which are nearly all, or those with it.
    drops_most: bool,
}

const CASES: [Case; 5] = [
    Case { name: "JSON", topic: MARKED_TOPIC, chain: "", drops_most: false },
    Case {
        name: "JSON, InsertField, ReplaceField, Filter of 1 %",
        topic: MARKED_TOPIC,
        chain: "insert,replace,filter",
        drops_most: false,
    },
    Case { name: "JSON, Filter of 99 %", topic: MARKED_TOPIC, chain: "filter", drops_most: true },
    Case {
        name: "JSON, Filter of 99 %, InsertField, ReplaceField",
        topic: MARKED_TOPIC,
        chain: "filter,insert,replace",
        drops_most: true,
    },
    Case { name: "JSON with schemas", topic: ENVELOPE_TOPIC, chain: "", drops_most: false },
];

/// A worker under measurement.
struct Worker<'a> {
    who: &'a str,
    url: String,
    pid: u32,
    client: KafkaClient,
}

/// Measures every case `runs` times in one process of each kind.
pub(crate) async fn run(records: u64, runs: u64) {
    let kafka = Kafka::start();
    let bootstrap = kafka.bootstrap();
    for (topic, shape) in [(MARKED_TOPIC, Shape::Marked), (ENVELOPE_TOPIC, Shape::Envelope)] {
        kafka.client().create_topic(topic, PARTITIONS).await;
        let bytes = load::produce(&bootstrap, topic, shape, records);
        println!("{topic}: {records} records of {} bytes, lz4, {PARTITIONS} partitions", bytes / records);
    }
    let program = env::current_exe().expect("a path").with_file_name("bench-worker");
    let sluice = Setup::new(&bootstrap).program(program).start().await;
    let ours = Worker { who: "sluice", url: sluice.url(), pid: sluice.pid(), client: kafka.client() };
    let our_figures = ours.measure(records, runs).await;
    drop(sluice);
    let classes = compile();
    let connect = JvmConnect::with_classes(&bootstrap, classes.path());
    let theirs = Worker { who: "jvm", url: connect.url(), pid: connect.pid(), client: kafka.client() };
    let their_figures = theirs.measure(records, runs).await;

    println!(
        "\n{:<50}{:>14}{:>14}{:>14}{:>14}{:>8}",
        "records per CPU-s", "Sluice cold", "Sluice best", "JVM cold", "JVM best", "ratio"
    );
    for ((case, ours), theirs) in CASES.iter().zip(&our_figures).zip(&their_figures) {
        let (our_best, their_best) =
            (Figures::best(ours).per_cpu_second(), Figures::best(theirs).per_cpu_second());
        println!(
            "{:<50}{:>14.0}{our_best:>14.0}{:>14.0}{their_best:>14.0}{:>8.1}",
            case.name,
            ours[0].per_cpu_second(),
            theirs[0].per_cpu_second(),
            our_best / their_best
        );
    }
}

impl Worker<'_> {
    /// Returns the figures of each case.
    async fn measure(&self, records: u64, runs: u64) -> Vec<Vec<Figures>> {
        let mut figures = vec![Vec::new(); CASES.len()];
        // Round by round: what disturbs the machine for a while does not fall upon one case alone.
        for run in 0..runs {
            for (index, case) in CASES.iter().enumerate() {
                let name = format!("{}-{index}-{run}", self.who);
                let meter = Meter::start(self.pid);
                paths::create(&self.url, &name, &config(case)).await;
                let group = format!("connect-{name}");
                let committed = || self.client.committed(&group, case.topic, PARTITIONS);
                let sum = || committed().into_iter().flatten().map(i64::unsigned_abs).sum();
                paths::await_count(records, sum).await;
                figures[index].push(meter.stop(records));
                paths::delete(&self.url, &name).await;
            }
        }
        figures
    }
}

fn config(case: &Case) -> Value {
    json!({
        "connector.class": NULL_SINK, "tasks.max": "1", "topics": case.topic,
        "key.converter": "org.apache.kafka.connect.storage.StringConverter",
        "value.converter": "org.apache.kafka.connect.json.JsonConverter",
        "value.converter.schemas.enable": (case.topic == ENVELOPE_TOPIC).to_string(),
        "transforms": case.chain,
        "transforms.insert.type": format!("{TRANSFORMS}.InsertField$Value"),
        "transforms.insert.static.field": "environment",
        "transforms.insert.static.value": "production",
        "transforms.replace.type": format!("{TRANSFORMS}.ReplaceField$Value"),
        "transforms.replace.exclude": "trace_id",
        "transforms.replace.renames": "message:text",
        "transforms.filter.type": format!("{TRANSFORMS}.Filter"),
        "transforms.filter.predicate": "marked",
        "transforms.filter.negate": case.drops_most.to_string(),
        "predicates": "marked",
        "predicates.marked.type": format!("{TRANSFORMS}.predicates.HasHeaderKey"),
        "predicates.marked.name": MARK,
    })
}

/// Compiles the JVM's sink that does nothing into a folder that lists it as a plug-in.
fn compile() -> TempDir {
    let classes = tempfile::tempdir().expect("a temporary folder is made");
    let mut compiler = Command::new("javac");
    compiler.args(["-nowarn", "-cp", &format!("{}/lib/*", kafka_home().display()), "-d"]).arg(classes.path());
    compiler.arg(repository().join("tests/java/NullSink.java"));
    assert!(compiler.status().expect("javac runs").success(), "the sink compiles");
    let services = classes.path().join("META-INF/services");
    fs::create_dir_all(&services).expect("a folder is made");
    let file = services.join("org.apache.kafka.connect.sink.SinkConnector");
    fs::write(file, NULL_SINK).expect("a file is written");
    classes
}
