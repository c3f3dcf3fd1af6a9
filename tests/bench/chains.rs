//! Converters and transforms in front of a sink that does nothing, in Sluice and in JVM Kafka Connect, on the same
//! topics in one run.

use std::env;
use std::fs;
use std::process::Command;

use connect_tests::jvm_connect::JvmConnect;
use connect_tests::kafka::{Kafka, KafkaClient};
use connect_tests::registry::SchemaRegistry;
use connect_tests::services::{kafka_home, repository};
use connect_tests::sluice::Setup;
use reqwest::Client;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::load::{self, AVRO_SCHEMA, MARK, Shape};
use crate::measure::{Figures, Meter};
use crate::{PARTITIONS, paths};

const MARKED_TOPIC: &str = "bench_marked";
const ENVELOPE_TOPIC: &str = "bench_envelopes";
const AVRO_TOPIC: &str = "bench_avro";
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

const CASES: [Case; 6] = [
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
    // Kafka has no such converter: measured here only.
    Case { name: "Avro with a schema registry", topic: AVRO_TOPIC, chain: "", drops_most: false },
];

/// A worker under measurement.
struct Worker<'a> {
    who: &'a str,
    url: String,
    pid: u32,
    client: KafkaClient,
    registry: String,
}

/// Measures every case `runs` times in one process of each kind, or of ours alone.
pub(crate) async fn run(records: u64, runs: u64, with_jvm: bool) {
    let kafka = Kafka::start();
    let bootstrap = kafka.bootstrap();
    let registry = SchemaRegistry::shared().await;
    registry.await_ready().await;
    let id = register(&registry.url()).await;
    let shapes =
        [(MARKED_TOPIC, Shape::Marked), (ENVELOPE_TOPIC, Shape::Envelope), (AVRO_TOPIC, Shape::Avro(id))];
    for (topic, shape) in shapes {
        kafka.client().create_topic(topic, PARTITIONS).await;
        let bytes = load::produce(&bootstrap, topic, shape, records);
        println!("{topic}: {records} records of {} bytes, lz4, {PARTITIONS} partitions", bytes / records);
    }
    let program = env::current_exe().expect("a path").with_file_name("bench-worker");
    let sluice = Setup::new(&bootstrap).program(program).start().await;
    let worker = |who, url, pid| Worker { who, url, pid, client: kafka.client(), registry: registry.url() };
    let ours = worker("sluice", sluice.url(), sluice.pid()).measure(records, runs, &CASES).await;
    drop(sluice);
    let mut theirs = Vec::new();
    if with_jvm {
        let classes = compile();
        let connect = JvmConnect::with_classes(&bootstrap, classes.path());
        let cases = &CASES[..CASES.len() - 1];
        theirs = worker("jvm", connect.url(), connect.pid()).measure(records, runs, cases).await;
    }

    println!(
        "\n{:<50}{:>14}{:>14}{:>14}{:>14}{:>8}",
        "records per CPU-s", "Sluice cold", "Sluice best", "JVM cold", "JVM best", "ratio"
    );
    for (index, (case, ours)) in CASES.iter().zip(&ours).enumerate() {
        let best = Figures::best(ours).per_cpu_second();
        print!("{:<50}{:>14.0}{best:>14.0}", case.name, ours[0].per_cpu_second());
        match theirs.get(index) {
            Some(theirs) => {
                let their_best = Figures::best(theirs).per_cpu_second();
                let cold = theirs[0].per_cpu_second();
                println!("{cold:>14.0}{their_best:>14.0}{:>8.1}", best / their_best);
            }
            None => println!(),
        }
    }
}

/// Registers the schema of the Avro records and returns its id.
async fn register(registry: &str) -> i32 {
    let url = format!("{registry}/subjects/{AVRO_TOPIC}-value/versions");
    let request = Client::new().post(url).json(&json!({ "schema": AVRO_SCHEMA }));
    let answer: Value = request.send().await.expect("the registry answers").json().await.expect("JSON");
    answer["id"].as_i64().and_then(|id| id.try_into().ok()).expect("an id")
}

impl Worker<'_> {
    /// Returns the figures of each case.
    async fn measure(&self, records: u64, runs: u64, cases: &[Case]) -> Vec<Vec<Figures>> {
        let mut figures = vec![Vec::new(); cases.len()];
        // Round by round: what disturbs the machine for a while does not fall upon one case alone.
        for run in 0..runs {
            for (index, case) in cases.iter().enumerate() {
                let name = format!("{}-{index}-{run}", self.who);
                let meter = Meter::start(self.pid);
                paths::create(&self.url, &name, &self.config(case)).await;
                paths::await_committed(&self.client, &name, case.topic, records).await;
                figures[index].push(meter.stop(records));
                paths::delete(&self.url, &name).await;
            }
        }
        figures
    }

    fn config(&self, case: &Case) -> Value {
        let converter = match case.topic {
            AVRO_TOPIC => "io.confluent.connect.avro.AvroConverter",
            _ => "org.apache.kafka.connect.json.JsonConverter",
        };
        json!({
            "connector.class": NULL_SINK, "tasks.max": "1", "topics": case.topic,
            "key.converter": "org.apache.kafka.connect.storage.StringConverter",
            "value.converter": converter,
            "value.converter.schemas.enable": (case.topic == ENVELOPE_TOPIC).to_string(),
            "value.converter.schema.registry.url": self.registry,
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
