//! A worker whose schema registry is frozen, or killed and started again, while records of schemas arrive that the
//! worker has not seen: what may wait waits, what may not fails and says why, and nothing is lost.
//!
//! `REGISTRY_OUTAGE_SECONDS` lengthens the outages.

use std::{env, fs, sync::Arc, time::Duration};

use connect_core::data::{Datum, Schema, SchemaBuilder, Struct, Type, Value};
use connect_tests::{
    kafka::{self, KafkaClient},
    registry::SchemaRegistry,
    sluice::{Setup, Sluice},
    wait,
};
use serde_json::json;

use crate::{
    schema_registry::{CLASSES, converter, write},
    support::{file_sink, with},
};

/// Longer than the consumers may be without a poll, see [`PATIENCE`].
const OUTAGE_SECONDS: u64 = 8;
const PATIENCE: &str = "5000";
const BATCH: i64 = 20;

struct Scene {
    registry: SchemaRegistry,
    worker: Sluice,
    client: KafkaClient,
    topic: String,
    _broker: kafka::SharedKafka,
    produced: i64,
}

impl Scene {
    async fn new() -> Self {
        let registry = tokio::task::block_in_place(SchemaRegistry::start);
        registry.await_ready().await;
        let broker = kafka::shared();
        let client = broker.client();
        let topic = kafka::unique("outage");
        client.create_topic(&topic, 1).await;
        let worker = Setup::new(&broker.bootstrap()).property("offset.flush.interval.ms", "300");
        let worker = worker.start().await;
        Self { registry, worker, client, topic, _broker: broker, produced: 0 }
    }

    /// Creates a file sink; returns its name.
    async fn sink(&self, kind: &str, more: serde_json::Value) -> String {
        let name = format!("{}-{kind}", self.topic);
        let file = self.worker.folder().join(&name);
        let avro = json!({
            "key.converter": "org.apache.kafka.connect.storage.StringConverter",
            "value.converter": CLASSES[0],
            "value.converter.schema.registry.url": self.registry.url(),
            "value.converter.http.connect.timeout.ms": "500",
            "value.converter.http.read.timeout.ms": "500",
            "value.converter.max.retries": "1",
            "value.converter.retries.wait.ms": "50",
            "consumer.override.max.poll.interval.ms": PATIENCE,
            "consumer.override.session.timeout.ms": PATIENCE,
        });
        let config = file_sink(&self.topic, file.to_str().expect("UTF-8"));
        self.worker.create(&name, &with(with(config, avro), more)).await;
        name
    }

    /// Registers a schema that nobody has seen and returns its id and records under it.
    async fn prepare(&self, round: usize) -> (i32, Vec<Vec<u8>>) {
        let schema = SchemaBuilder::structure()
            .name(format!("org.example.Round{round}"))
            .field(format!("of{round}"), Schema::of(Type::Int64))
            .build()
            .expect("a schema");
        let avro = converter(CLASSES[0], &self.registry.url(), &[]);
        let mut records = Vec::new();
        for number in self.produced..self.produced + BATCH {
            let values = vec![Value::Int64(number)];
            let value = Value::Struct(Box::new(Struct::from_parts(Arc::clone(&schema), values)));
            let datum = Datum::new(Some(Arc::clone(&schema)), value);
            // A subject of its own for each schema, which need not be compatible with the others.
            let subject = format!("{}-{round}", self.topic);
            let bytes = match records.is_empty() {
                true => write(avro.as_ref(), &subject, &datum).await,
                false => avro.from_datum(&subject, &datum).expect("registered").expect("no tombstone"),
            };
            records.push(bytes.to_vec());
        }
        let id = records[0][1..5].try_into().map(i32::from_be_bytes).expect("four bytes");
        (id, records)
    }

    async fn produce(&mut self, records: &[Vec<u8>]) {
        self.client.produce(&self.topic, 0, records).await;
        self.produced += BATCH;
    }

    fn committed(&self, name: &str) -> i64 {
        self.client.committed(&format!("connect-{name}"), &self.topic, 1)[0].unwrap_or_default()
    }

    async fn await_committed(&self, name: &str, wanted: i64) {
        wait::until(&format!("{wanted} committed by {name}"), wait::LIMIT, async || {
            match self.committed(name) {
                found if found == wanted => Ok(()),
                found => Err(found),
            }
        })
        .await;
    }

    /// Returns the numbers in the file of a sink, in its order.
    fn written(&self, name: &str) -> Vec<i64> {
        let text = fs::read_to_string(self.worker.folder().join(name)).unwrap_or_default();
        let number = |line: &str| line.trim_end_matches('}').rsplit('=').next()?.parse().ok();
        text.lines().map(|line| number(line).unwrap_or_else(|| panic!("no record: {line}"))).collect()
    }

    async fn await_failure(&self, name: &str, id: i32) {
        let status = self.worker.await_task(name, "FAILED").await;
        let trace = status["tasks"][0]["trace"].as_str().unwrap_or_default();
        let parts = [
            "Tolerance exceeded in error handler".to_owned(),
            format!("Network connection error while deserializing Avro data for topic {}", self.topic),
            format!("Error retrieving schema for id {id}"),
            format!("{} does not answer", self.registry.url()),
        ];
        for part in parts {
            assert!(trace.contains(&part), "`{part}` is missing in:\n{trace}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn registry_that_is_away_for_a_while_costs_no_record() {
    let seconds = env::var("REGISTRY_OUTAGE_SECONDS").ok().map(|text| text.parse().expect("a number"));
    let outage = Duration::from_secs(seconds.unwrap_or(OUTAGE_SECONDS));
    let mut scene = Scene::new().await;
    let patient = scene.sink("patient", json!({ "errors.retry.timeout": "-1" })).await;
    let strict = scene.sink("strict", json!({})).await;
    let dlq = format!("{}-dlq", scene.topic);
    let skipping = json!({
        "errors.tolerance": "all",
        "errors.deadletterqueue.topic.name": dlq,
        "errors.deadletterqueue.topic.replication.factor": "1",
        "value.converter.http.read.timeout.ms": "300",
        "value.converter.max.retries": "0",
    });
    let skipping = scene.sink("skipping", skipping).await;
    let sinks = [&patient, &strict, &skipping];
    let (id, records) = scene.prepare(0).await;
    // The registry's first answer of a kind takes longer than the impatient sink waits.
    let first = reqwest::get(format!("{}/schemas/ids/{id}", scene.registry.url())).await;
    assert!(first.is_ok_and(|answer| answer.status().is_success()));
    scene.produce(&records).await;
    for sink in sinks {
        scene.await_committed(sink, BATCH).await;
    }

    let mut letters = Vec::new();
    for round in 1..=2 {
        let (id, records) = scene.prepare(round).await;
        let before = scene.produced;
        match round {
            1 => scene.registry.freeze(),
            _ => scene.registry.kill(),
        }
        scene.produce(&records).await;
        letters.extend(records);
        scene.await_failure(&strict, id).await;
        // Without patience and with tolerance each record is skipped, as in Kafka Connect: it is in the queue.
        let skipped = scene.produced;
        let gone = tokio::time::Instant::now() + outage;
        tokio::time::sleep_until(gone).await;
        let (_, status) = scene.worker.get(&format!("/connectors/{patient}/status")).await;
        assert_eq!(status["tasks"][0]["state"], "RUNNING", "{status}");
        assert_eq!([scene.committed(&patient), scene.committed(&strict)], [before; 2]);
        scene.await_committed(&skipping, skipped).await;
        match round {
            1 => scene.registry.thaw(),
            _ => tokio::task::block_in_place(|| scene.registry.restart()),
        }
        scene.await_committed(&patient, scene.produced).await;
        let restart = format!("/connectors/{strict}/tasks/0/restart");
        wait::until("the task restarted", wait::LIMIT, async || {
            scene.registry.await_ready().await;
            match scene.worker.request("POST", &restart, None).await {
                (204, _) => Ok(()),
                answer => Err(answer),
            }
        })
        .await;
        scene.await_committed(&strict, scene.produced).await;
    }

    let all: Vec<i64> = (0..scene.produced).collect();
    assert_eq!(scene.written(&patient), all);
    assert_eq!(scene.written(&strict), all);
    assert_eq!(scene.written(&skipping), all[..BATCH as usize]);
    assert_eq!(scene.client.values(&dlq, 0), letters);
    // The consumer that waited kept its place, though it waited for longer than it may be without a poll.
    let log = scene.worker.log();
    let assigned = log.lines().filter(|line| line.contains("partitions assigned") && line.contains(&patient));
    assert_eq!(assigned.count(), 1, "{log}");
}
