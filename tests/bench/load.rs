//! The records: application logs as JSON, about 250 bytes each, the same logs in envelopes with their schema, and in
//! Avro with the id of their schema in a registry.

use std::io::Write;
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

/// The schema of a log in Avro.
pub(crate) const AVRO_SCHEMA: &str = concat!(
    r#"{"type":"record","name":"Log","namespace":"com.example","fields":["#,
    r#"{"name":"timestamp","type":"string"},{"name":"level","type":"string"},"#,
    r#"{"name":"service","type":"string"},{"name":"host","type":"string"},"#,
    r#"{"name":"trace_id","type":"string"},{"name":"duration_ms","type":"int"},"#,
    r#"{"name":"message","type":"string"}]}"#,
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
    /// Avro, behind the id of [`AVRO_SCHEMA`] in a registry.
    Avro(i32),
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
    let mut logs = Logs::default();
    let (mut value, mut bytes) = (Vec::new(), 0);
    for number in 0..records {
        value.clear();
        let log = logs.next();
        match shape {
            Shape::Plain | Shape::Marked => log.write_json(&mut value),
            Shape::Envelope => {
                value.extend_from_slice(b"{\"schema\":");
                value.extend_from_slice(SCHEMA.as_bytes());
                value.extend_from_slice(b",\"payload\":");
                log.write_json(&mut value);
                value.push(b'}');
            }
            Shape::Avro(id) => log.write_avro(id, &mut value),
        }
        bytes += value.len() as u64;
        let partition = partition_of(number);
        let mut record = BaseRecord::<(), [u8]>::to(topic).partition(partition).payload(&value);
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

/// The logs one after the other, as [`produce`] makes them.
pub(crate) struct Logs {
    number: u64,
    random: fastrand::Rng,
}

impl Default for Logs {
    fn default() -> Self {
        Self { number: 0, random: fastrand::Rng::with_seed(7) }
    }
}

impl Logs {
    /// Returns the next log as JSON.
    pub(crate) fn next_line(&mut self) -> String {
        let mut text = Vec::new();
        self.next().write_json(&mut text);
        String::from_utf8(text).expect("logs are text")
    }

    fn next(&mut self) -> Log {
        let log = Log::new(self.number, &mut self.random);
        self.number += 1;
        log
    }
}

struct Log {
    timestamp: String,
    level: &'static str,
    service: &'static str,
    host: String,
    trace_id: String,
    duration_ms: u16,
    message: String,
}

impl Log {
    fn new(number: u64, random: &mut fastrand::Rng) -> Self {
        Self {
            timestamp: format!(
                "2026-11-20T{:02}:{:02}:{:02}.{:03}Z",
                number / 3_600_000 % 24,
                number / 60_000 % 60,
                number / 1_000 % 60,
                number % 1_000,
            ),
            level: random.choice(LEVELS).unwrap_or("INFO"),
            service: random.choice(SERVICES).unwrap_or("auth"),
            host: format!("ip-10-0-{}-{}", random.u8(0..4), random.u8(0..64)),
            trace_id: format!("{:016x}", random.u64(..)),
            duration_ms: random.u16(0..2_000),
            message: format!(
                "Request {number} {} for user {} on /api/v1/{}/{} with status {} after {} attempts",
                random.choice(VERBS).unwrap_or("queued"),
                random.u32(0..100_000),
                random.choice(SERVICES).unwrap_or("auth"),
                random.u16(0..10_000),
                random.choice(STATUSES).unwrap_or(200),
                random.u8(0..4),
            ),
        }
    }

    fn write_json(&self, out: &mut Vec<u8>) {
        let written = write!(
            out,
            "{{\"timestamp\":\"{}\",\"level\":\"{}\",\"service\":\"{}\",\"host\":\"{}\",\"trace_id\":\"{}\",\
             \"duration_ms\":{},\"message\":\"{}\"}}",
            self.timestamp,
            self.level,
            self.service,
            self.host,
            self.trace_id,
            self.duration_ms,
            self.message,
        );
        written.expect("a vector takes everything");
    }

    fn write_avro(&self, id: i32, out: &mut Vec<u8>) {
        out.push(0);
        out.extend_from_slice(&id.to_be_bytes());
        for text in [&self.timestamp, self.level, self.service, &self.host, &self.trace_id] {
            write_avro_text(out, text);
        }
        write_avro_int(out, u64::from(self.duration_ms));
        write_avro_text(out, &self.message);
    }
}

fn write_avro_text(out: &mut Vec<u8>, text: &str) {
    write_avro_int(out, text.len() as u64);
    out.extend_from_slice(text.as_bytes());
}

/// Zig-zag, seven bits a byte.
fn write_avro_int(out: &mut Vec<u8>, number: u64) {
    let mut rest = number << 1;
    while rest >= 0x80 {
        out.push(rest as u8 | 0x80);
        rest >>= 7;
    }
    out.push(rest as u8);
}
