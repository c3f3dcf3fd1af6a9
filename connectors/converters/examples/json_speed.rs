//! Prints how fast schemaless JSON is read: the fast way, the slow way, and a plain copy to compare with.
//! `cargo run --release -p connector-converters --example json_speed`

#![expect(clippy::print_stdout, reason = "a program that prints its measurements")]

use std::hint::black_box;
use std::time::Instant;

use bytes::{BufMut, Bytes, BytesMut};
use connect_core::config::Props;
use connect_core::converter::{Converter, ConverterRole};
use connect_core::data::json::schemaless_datum_by_tree;
use connector_converters::JsonConverter;

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

fn measure(name: &str, records: &[Bytes], mut each: impl FnMut(&Bytes, &mut BytesMut)) {
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

fn main() {
    let records: Vec<Bytes> = (0..RECORDS).map(record).collect();
    let spaced: Vec<Bytes> = records
        .iter()
        .map(|record| {
            Bytes::from(String::from_utf8_lossy(record).replace("\":", "\": ").replace(",\"", ", \""))
        })
        .collect();
    println!("{} bytes a record, such as\n{}", records[7].len(), String::from_utf8_lossy(&records[7]));
    let mut converter = JsonConverter::default();
    let props = Props::from_iter([("schemas.enable".to_owned(), "false".to_owned())]);
    converter.configure(&props, ConverterRole::Value).expect("valid settings");
    let read = |record: &Bytes, scratch: &mut BytesMut| {
        black_box(converter.to_connect_data("t", None, Some(record), scratch).expect("JSON"));
    };
    measure("fast", &records, read);
    measure("fast, with white space", &spaced, read);
    measure("slow", &records, |record, scratch| {
        black_box(schemaless_datum_by_tree(record, scratch).expect("JSON"));
    });
    measure("copy", &records, |record, scratch| {
        scratch.put_slice(record);
        black_box(scratch.split().freeze());
    });
}
