//! The records: application logs as JSON, about 250 bytes each, and the same logs in envelopes with their schema.

use std::fmt::Write;
use std::time::Duration;

use rdkafka::ClientConfig;
use rdkafka::message::{Header, OwnedHeaders};
use rdkafka::producer::{BaseProducer, BaseRecord, Producer};

const LEVELS: [&str; 6] = ["INFO", "INFO", "INFO", "DEBUG", "WARN", "ERROR"];
const SERVICES: [&str; 8] =
    ["checkout", "payments", "inventory", "gateway", "auth", "search", "shipping", "emailer"];
const VERBS: [&str; 5] = ["completed", "started", "failed to finish", "retried", "queued"];
const STATUSES: [u16; 6] = [200, 200, 200, 201, 404, 500];

/// The header of [`Shape::Marked`].
pub(crate) const MARK: &str = "sampled";
/// Which part of the records has it: one in so many.
pub(crate) const MARKED: u64 = 100;

/// The schema of a log, as it stands in every record of [`Shape::Envelope`].
const SCHEMA: &str = concat!(
    r#"{"type":"struct","fields":["#,
    r#"{"type":"string","optional":false,"field":"timestamp"},"#,
    r#"{"type":"string","optional":false,"field":"level"},"#,
    r#"{"type":"string","optional":false,"field":"service"},"#,
    r#"{"type":"string","optional":false,"field":"host"},"#,
    r#"{"type":"string","optional":false,"field":"trace_id"},"#,
    r#"{"type":"int32","optional":false,"field":"duration_ms"},"#,
    r#"{"type":"string","optional":false,"field":"message"}],"#,
    r#""optional":false,"name":"com.example.Log"}"#,
);

/// What the records look like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shape {
    /// A JSON object.
    Plain,
    /// The same, and one in [`MARKED`] has the header [`MARK`].
    Marked,
    /// The JSON object in an envelope with its schema.
    Envelope,
}

/// Produces `records` logs, the same in every run, and returns the sum of their sizes in bytes.
pub(crate) fn produce(bootstrap: &str, topic: &str, shape: Shape, records: u64) -> u64 {
    let producer: BaseProducer = ClientConfig::new()
        .set("bootstrap.servers", bootstrap)
        .set("compression.type", "lz4")
        .set("linger.ms", "50")
        .set("acks", "1")
        .create()
        .expect("a producer");
    let mut random = fastrand::Rng::with_seed(7);
    let (mut text, mut bytes) = (String::new(), 0);
    for number in 0..records {
        text.clear();
        match shape {
            Shape::Plain | Shape::Marked => write_log(&mut text, number, &mut random),
            Shape::Envelope => {
                text.push_str("{\"schema\":");
                text.push_str(SCHEMA);
                text.push_str(",\"payload\":");
                write_log(&mut text, number, &mut random);
                text.push('}');
            }
        }
        bytes += text.len() as u64;
        let partition = partition_of(number);
        let mut record = BaseRecord::<(), str>::to(topic).partition(partition).payload(&text);
        if shape == Shape::Marked && number.is_multiple_of(MARKED) {
            record = record.headers(OwnedHeaders::new().insert(Header { key: MARK, value: Some("true") }));
        }
        while let Err((_, refused)) = producer.send(record) {
            record = refused;
            producer.poll(Duration::from_millis(20));
        }
    }
    producer.flush(Duration::from_secs(120)).expect("everything is written");
    bytes
}

/// Returns the number of records in each partition.
pub(crate) fn partition_sizes(records: u64) -> Vec<u64> {
    let mut sizes = vec![0; crate::PARTITIONS as usize];
    for number in 0..records {
        sizes[partition_of(number) as usize] += 1;
    }
    sizes
}

fn partition_of(number: u64) -> i32 {
    (number / 64 % crate::PARTITIONS as u64) as i32
}

fn write_log(text: &mut String, number: u64, random: &mut fastrand::Rng) {
    let (level, service) = (random.choice(LEVELS), random.choice(SERVICES));
    let written = write!(
        text,
        "{{\"timestamp\":\"2026-11-20T{:02}:{:02}:{:02}.{:03}Z\",\"level\":\"{}\",\"service\":\"{}\",\
         \"host\":\"ip-10-0-{}-{}\",\"trace_id\":\"{:016x}\",\"duration_ms\":{},\"message\":\"Request {} {} for user {} \
         on /api/v1/{}/{} with status {} after {} attempts\"}}",
        number / 3_600_000 % 24,
        number / 60_000 % 60,
        number / 1_000 % 60,
        number % 1_000,
        level.unwrap_or("INFO"),
        service.unwrap_or("auth"),
        random.u8(0..4),
        random.u8(0..64),
        random.u64(..),
        random.u16(0..2_000),
        number,
        random.choice(VERBS).unwrap_or("queued"),
        random.u32(0..100_000),
        random.choice(SERVICES).unwrap_or("auth"),
        random.u16(0..10_000),
        random.choice(STATUSES).unwrap_or(200),
        random.u8(0..4),
    );
    written.expect("a string takes everything");
}
