//! `sluice standalone --once`: what is read, what is committed and what the exit code says.

use std::{fs, path::Path, sync::Arc, time::Duration};

use connect_tests::{
    firehose::{Firehose, Outcome},
    kafka::{self, KafkaClient},
    sluice::{Setup, Sluice},
    wait,
};
use serde_json::{Value, json};

use crate::{
    s3_formats::{AVRO, PARQUET, ids, with_schema},
    support::{Place, committed, file_sink, properties, s3_sink, with},
};

const DONE: Option<i32> = Some(0);
const FAILED: Option<i32> = Some(1);
const NOTHING: Option<i32> = Some(3);

/// A topic and a file sink that reads it once.
struct Rig {
    broker: kafka::SharedKafka,
    client: KafkaClient,
    topic: String,
    name: String,
    folder: tempfile::TempDir,
}

impl Rig {
    async fn new(partitions: i32) -> Self {
        let broker = kafka::shared();
        let client = broker.client();
        let topic = kafka::unique("once");
        client.create_topic(&topic, partitions).await;
        let folder = tempfile::tempdir().expect("a temporary folder is made");
        let name = format!("{topic}-sink");
        Self { broker, client, topic, name, folder }
    }

    fn file(&self) -> String {
        self.folder.path().join("out.txt").display().to_string()
    }

    fn config(&self, more: Value) -> Value {
        let text = "org.apache.kafka.connect.storage.StringConverter";
        let config = with(file_sink(&self.topic, &self.file()), json!({ "value.converter": text }));
        with(config, more)
    }

    fn spawn(&self, config: &Value, arguments: &[&str]) -> Sluice {
        let setup = Setup::new(&self.broker.bootstrap());
        let setup = setup.connector("sink.properties", &properties(&self.name, config));
        arguments.iter().fold(setup, |setup, argument| setup.argument(argument)).spawn()
    }

    /// Runs to the end and returns exit code and log.
    fn run(&self, more: Value, arguments: &[&str]) -> (Option<i32>, String) {
        let mut worker = self.spawn(&self.config(more), arguments);
        let status = worker.wait(wait::LIMIT);
        (status.code(), worker.log())
    }

    async fn produce(&self, partition: i32, numbers: std::ops::Range<usize>) {
        let values = numbers.map(|number| format!("{partition}-{number}"));
        self.client.produce(&self.topic, partition, values).await;
    }

    fn committed(&self, partitions: i32) -> Vec<i64> {
        committed(&self.client, &self.name, &self.topic, partitions)
    }

    fn lines(&self) -> Vec<String> {
        let text = fs::read_to_string(Path::new(&self.file())).unwrap_or_default();
        text.lines().map(str::to_owned).collect()
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn everything_is_read_and_committed_and_a_second_run_has_nothing_to_do() {
    let rig = Rig::new(3).await;
    for (partition, count) in [(0, 500), (1, 3_000)] {
        rig.produce(partition, 0..count).await;
    }
    let (code, log) = rig.run(json!({ "tasks.max": "2" }), &["--once"]);
    assert_eq!(code, DONE, "{log}");
    assert_eq!(rig.committed(3), [500, 3_000, 0]);
    assert_eq!(rig.lines().len(), 3_500);
    assert!(!log.contains("8083"), "the port of a worker that runs for ever is left alone: {log}");

    assert_eq!(rig.run(json!({}), &["--once"]).0, NOTHING);
    assert_eq!(rig.lines().len(), 3_500);

    rig.produce(2, 0..7).await;
    assert_eq!(rig.run(json!({ "sluice.once": "true" }), &[]).0, DONE, "asked for by the connector's key");
    assert_eq!((rig.committed(3), rig.lines().len()), (vec![500, 3_000, 7], 3_507));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn batches_and_records_of_a_run_are_bounded() {
    let rig = Rig::new(2).await;
    for partition in 0..2 {
        rig.produce(partition, 0..3_000).await;
    }
    let batches = json!({ "sluice.once.max.batches": "5", "consumer.override.max.poll.records": "500" });
    assert_eq!(rig.run(batches, &["--once"]).0, DONE);
    assert_eq!((rig.committed(2).iter().sum::<i64>(), rig.lines().len()), (2_500, 2_500));
    assert_eq!(rig.run(json!({}), &["--once", "--max-records", "100"]).0, DONE);
    assert_eq!((rig.committed(2).iter().sum::<i64>(), rig.lines().len()), (2_600, 2_600));
    assert_eq!(rig.run(json!({}), &["--once"]).0, DONE);
    let mut lines = rig.lines();
    lines.sort();
    lines.dedup();
    assert_eq!(lines.len(), 6_000, "each record once over all runs");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn records_produced_meanwhile_are_left_to_the_next_run() {
    let rig = Arc::new(Rig::new(1).await);
    rig.produce(0, 0..10_000).await;
    let producer = Arc::clone(&rig);
    let writing = tokio::spawn(async move {
        let mut number = 10_000;
        loop {
            producer.produce(0, number..number + 50).await;
            number += 50;
        }
    });
    let mut worker = rig.spawn(&rig.config(json!({})), &["--once"]);
    let status = tokio::task::block_in_place(|| worker.wait(wait::LIMIT));
    let end = rig.client.end_offsets(&rig.topic, 1)[0];
    writing.abort();
    assert_eq!(status.code(), DONE, "{}", worker.log());
    let committed = rig.committed(1)[0];
    assert!(committed >= 10_000 && committed < end, "{committed} of {end}");
    assert_eq!(rig.lines().len(), usize::try_from(committed).expect("positive"), "no more than is committed");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_cannot_be_done_ends_with_one_and_commits_nothing() {
    let rig = Rig::new(1).await;
    rig.produce(0, 0..10).await;
    let missing = rig.folder.path().join("nonesuch").join("out.txt");
    let cases = [
        (json!({ "file": missing }), "nonesuch"),
        (json!({ "topics": "no-such-topic-anywhere" }), "topic `no-such-topic-anywhere` does not exist"),
        (
            json!({ "value.converter": "org.apache.kafka.connect.converters.IntegerConverter" }),
            "IntegerDeserializer",
        ),
        (json!({ "sluice.once.max.records": "none" }), "sluice.once.max.records"),
        (json!({ "connector.class": "FileStreamSource", "topic": rig.topic, "topics": null }), "only sinks"),
    ];
    for (more, text) in cases {
        let (code, log) = rig.run(more.clone(), &["--once"]);
        assert_eq!(code, FAILED, "{more}: {log}");
        assert!(log.contains(text), "{more}: {log}");
        assert_eq!(rig.committed(1), [0], "{more}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_empty_topic_and_a_paused_connector_are_nothing_to_do() {
    let rig = Rig::new(2).await;
    assert_eq!(rig.run(json!({}), &["--once"]).0, NOTHING);
    rig.produce(0, 0..10).await;
    let paused = json!({ "name": rig.name, "config": rig.config(json!({})), "initial_state": "PAUSED" });
    let setup = Setup::new(&rig.broker.bootstrap()).connector("sink.json", &paused.to_string());
    let mut worker = setup.argument("--once").spawn();
    assert_eq!(worker.wait(wait::LIMIT).code(), NOTHING, "{}", worker.log());
    assert_eq!(rig.committed(2), [0, 0]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn stopped_in_the_middle_it_commits_what_arrived_and_the_next_run_goes_on_from_there() {
    let rig = Rig::new(1).await;
    rig.produce(0, 0..5_000).await;
    let firehose = Firehose::start("logs");
    firehose.set(|_| Outcome::Slow(Duration::from_millis(150)));
    let config = with(
        rig.config(json!({})),
        json!({
            "connector.class": "com.amazon.kinesis.kafka.FirehoseSinkConnector", "deliveryStream": "logs",
            "region": "eu-west-1", "kinesisEndpoint": firehose.url(), "file": null, "batchSize": "50",
            "max.in.flight.requests": "1", "flush.timeout.ms": "300", "max.buffered.records": "500",
            "aws.access.key.id": "test", "aws.secret.access.key": "testtest",
        }),
    );
    let mut worker = rig.spawn(&config, &["--once"]);
    wait::until("some entries", wait::LIMIT, async || {
        if firehose.accepted().len() >= 500 { Ok(()) } else { Err(firehose.accepted().len()) }
    })
    .await;
    assert_eq!(worker.terminate().code(), FAILED, "{}", worker.log());
    let committed = usize::try_from(rig.committed(1)[0]).expect("positive");
    let accepted = firehose.accepted().len();
    assert!((1..=accepted).contains(&committed) && accepted < 5_000, "{committed} of {accepted}");

    firehose.set(|_| Outcome::Accept);
    let mut worker = rig.spawn(&config, &["--once"]);
    assert_eq!(worker.wait(wait::LIMIT).code(), DONE, "{}", worker.log());
    assert_eq!(rig.committed(1), [5_000]);
    let mut texts = firehose.accepted();
    texts.sort();
    texts.dedup();
    assert_eq!(texts.len(), 5_000, "none is lost");
    // The stream may take the one request that was under way when the first run ended only after that.
    let repeats = accepted - committed + 50;
    let accepted = firehose.accepted().len();
    assert!(accepted <= 5_000 + repeats, "{accepted} accepted: only what was not committed comes again");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_target_in_trouble_is_waited_for_until_the_time_of_the_run_is_over() {
    let rig = Rig::new(1).await;
    rig.produce(0, 0..100).await;
    let firehose = Firehose::start("logs");
    firehose.set(|_| Outcome::Refuse(500, "InternalFailure"));
    let config = with(
        rig.config(json!({})),
        json!({
            "connector.class": "com.amazon.kinesis.kafka.FirehoseSinkConnector", "deliveryStream": "logs",
            "region": "eu-west-1", "kinesisEndpoint": firehose.url(), "file": null, "flush.timeout.ms": "200",
            "aws.access.key.id": "test", "aws.secret.access.key": "testtest",
        }),
    );
    let mut worker = rig.spawn(&config, &["--once", "--max-seconds", "12"]);
    assert_eq!(worker.wait(wait::LIMIT).code(), FAILED, "{}", worker.log());
    assert!(worker.log().contains("the time of the run is over"), "{}", worker.log());
    assert_eq!(rig.committed(1), [0]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn files_of_s3_that_are_not_full_are_written_and_a_second_run_has_nothing_to_do() {
    let json = "io.confluent.connect.s3.format.json.JsonFormat";
    for (format, extension) in [(json, "json"), (AVRO, "avro"), (PARQUET, "snappy.parquet")] {
        let place = Place::new("once-s3", 2).await;
        for partition in 0..2 {
            place.client.produce(&place.topic, partition, (0..25).map(with_schema)).await;
        }
        let more = json!({
            "format.class": format, "value.converter.schemas.enable": "true", "flush.size": "10", "tasks.max": "2",
        });
        let run = || {
            let config = with(s3_sink(&place.topic, Place::BUCKET), more.clone());
            let setup = Setup::new(&place.broker.bootstrap()).s3(&place.s3.url()).argument("--once");
            let mut worker = setup.connector("sink.properties", &properties(&place.name, &config)).spawn();
            (worker.wait(wait::LIMIT).code(), worker.log())
        };
        let (code, log) = run();
        assert_eq!(code, DONE, "{log}");
        assert_eq!(place.committed(2), [25, 25], "{format}");
        let objects = place.s3.objects(Place::BUCKET);
        assert_eq!(objects.len(), 6, "{:?}", objects.keys());
        for (first, count) in [(0, 10), (10, 10), (20, 5)] {
            for partition in 0..2 {
                let name = format!("{}+{partition}+{first:010}.{extension}", place.topic);
                let object = &objects[&format!("topics/{}/partition={partition}/{name}", place.topic)];
                assert_eq!(ids(&name, object), (first..first + count).collect::<Vec<i64>>(), "{name}");
            }
        }
        assert_eq!(run().0, NOTHING, "{format}");
        assert_eq!(place.s3.objects(Place::BUCKET), objects, "{format}");

        place.client.produce(&place.topic, 0, (25..28).map(with_schema)).await;
        assert_eq!(run().0, DONE, "{format}");
        assert_eq!(
            (place.committed(2), place.s3.objects(Place::BUCKET).len()),
            (vec![28, 25], 7),
            "{format}"
        );
    }
}
