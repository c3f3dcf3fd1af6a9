//! Prints how fast JSON is read: schemaless the fast way and the slow way, in envelopes with a schema, and a plain
//! copy to compare with.
//! `cargo run --release -p connector-converters --example json_speed [NAME]`

#![expect(clippy::print_stdout, reason = "a program that prints its measurements")]

use std::hint::black_box;
use std::time::Instant;

use bytes::{BufMut, Bytes, BytesMut};
use connect_core::config::Props;
use connect_core::converter::{Converter, ConverterRole};
use connect_core::data::json::schemaless_datum_by_tree;
use connector_converters::JsonConverter;

const SCHEMA: &str = r#"{"type":"struct","fields":[
    {"type":"string","optional":false,"field":"timestamp"},{"type":"string","optional":false,"field":"level"},
    {"type":"string","optional":false,"field":"service"},{"type":"string","optional":false,"field":"message"},
    {"type":"int32","optional":false,"field":"status"},{"type":"double","optional":false,"field":"latency_ms"},
    {"type":"string","optional":false,"field":"host"},{"type":"string","optional":false,"field":"trace_id"}],
    "optional":false,"name":"com.example.Log"}"#;
const RECORDS: usize = 1000;
const ROUNDS: usize = 3000;

fn record(index: usize) -> Bytes {
    let level = ["INFO", "WARN", "ERROR"][index % 3];
    let service = ["user-service", "order-service", "payment-service"][index / 3 % 3];
    let text = format!(
        "{{\"timestamp\":\"2025-01-01T12:{:02}:{:02}Z\",\"level\":\"{level}\",\"service\":\"{service}\",\
         \"message\":\"request {index} to /api/v1/resources/{} was answered after a retry of the backend\",\
         \"status\":{},\"latency_ms\":{}.{},\"host\":\"ip-10-0-{}-{}\",\"trace_id\":\"{:032x}\"}}",
        index / 60 % 60,
        index % 60,
        index * 7,
        200 + index % 5,
        index % 900,
        1 + index % 9,
        index % 256,
        index / 256,
        (index as u128).wrapping_mul(0x9E37_79B9_7F4A_7C15_F39C_0C56_A5A5_A5A5),
    );
    Bytes::from(text)
}

/// Returns records that share one piece of memory, as those of a batch do.
fn in_one_piece(records: impl Iterator<Item = Bytes>) -> Vec<Bytes> {
    let records: Vec<Bytes> = records.collect();
    let all = Bytes::from(records.concat());
    let mut at = 0;
    let slice = |record: &Bytes| {
        at += record.len();
        all.slice(at - record.len()..at)
    };
    records.iter().map(slice).collect()
}

fn measure(name: &str, records: &[Bytes], mut each: impl FnMut(&Bytes, &mut BytesMut)) {
    if std::env::args().nth(1).is_some_and(|only| !name.starts_with(&only)) {
        return;
    }
    let bytes: usize = records.iter().map(Bytes::len).sum();
    // The best of many short rounds: what the machine can do when nothing else runs.
    let mut best = f64::INFINITY;
    for _ in 0..ROUNDS {
        let mut scratch = BytesMut::with_capacity(bytes + bytes / 8);
        let start = Instant::now();
        for record in records {
            each(record, &mut scratch);
        }
        best = best.min(start.elapsed().as_secs_f64());
    }
    let nanos = best * 1e9 / records.len() as f64;
    println!("{name:<28} {:>8.0} MB/s {nanos:>8.1} ns/record", bytes as f64 / best / 1e6);
}

/// Returns a converter with or without envelopes.
fn converter(schemas_enable: bool) -> JsonConverter {
    let mut converter = JsonConverter::default();
    let props = Props::from_iter([("schemas.enable".to_owned(), schemas_enable.to_string())]);
    converter.configure(&props, ConverterRole::Value).expect("valid settings");
    converter
}

fn main() {
    let records: Vec<Bytes> = in_one_piece((0..RECORDS).map(record));
    let spaced: Vec<Bytes> = records
        .iter()
        .map(|record| {
            Bytes::from(String::from_utf8_lossy(record).replace("\":", "\": ").replace(",\"", ", \""))
        })
        .collect();
    println!("{} bytes a record, such as\n{}", records[7].len(), String::from_utf8_lossy(&records[7]));
    let bare = converter(false);
    let read = |record: &Bytes, scratch: &mut BytesMut| {
        black_box(bare.to_connect_data("t", None, Some(record), scratch).expect("JSON"));
    };
    measure("fast", &records, read);
    measure("fast, with white space", &spaced, read);
    measure("slow", &records, |record, scratch| {
        black_box(schemaless_datum_by_tree(record, scratch).expect("JSON"));
    });
    let envelope = |payload: &Bytes| {
        let payload = String::from_utf8_lossy(payload);
        Bytes::from(format!("{{\"schema\":{},\"payload\":{payload}}}", SCHEMA.replace("\n    ", "")))
    };
    let opener = converter(true);
    measure("envelopes", &in_one_piece(records.iter().map(envelope)), |record, scratch| {
        black_box(opener.to_connect_data("t", None, Some(record), scratch).expect("JSON"));
    });
    measure("copy", &records, |record, scratch| {
        scratch.put_slice(record);
        black_box(scratch.split().freeze());
    });
}
