//! Avro records with an id of a schema registry, read by one converter on one thread: records per second of CPU.
//! `cargo bench -p connector-schema-registry` runs it. Confluent's converter reads the same record 0.70 million
//! times per CPU-second once it is warm, 0.30 million in the first second.
#![expect(clippy::print_stdout, reason = "the benchmark's output is its result")]

use std::sync::Arc;
use std::time::Duration;

use bytes::BytesMut;
use connect_core::config::Props;
use connect_core::converter::{Converter, ConverterRole};
use connect_core::data::{Datum, Schema, SchemaBuilder, Struct, Type, Value};
use connector_schema_registry::AvroConverter;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

const RECORDS: u32 = 1_000_000;
const RUNS: usize = 5;
const READ_LIMIT: Duration = Duration::from_millis(50);

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port is free");
    let url = format!("http://{}", listener.local_addr().expect("bound"));
    let mut registry = JoinSet::new();
    registry.spawn(answer(listener));
    let mut converter = AvroConverter::default();
    let props = Props::from_iter([("schema.registry.url".to_owned(), url)]);
    converter.configure(&props, ConverterRole::Value).expect("valid settings");
    let log = log();
    converter.prepare_write("t", &log).await.expect("registered");
    let bytes = converter.from_datum("t", &log).expect("prepared").expect("no tombstone");
    converter.prepare("t", &[Some(bytes.clone())]).await.expect("fetched");
    let mut scratch = BytesMut::new();
    for _ in 0..RUNS {
        let begin = cpu_time();
        for _ in 0..RECORDS {
            let datum = converter.to_connect_data("t", None, Some(&bytes), &mut scratch).expect("read");
            std::hint::black_box(datum);
        }
        let seconds = (cpu_time() - begin).as_secs_f64();
        let millions = f64::from(RECORDS) / seconds / 1e6;
        println!("Avro, {} bytes, ten fields: {millions:.2} million records per CPU-second", bytes.len());
    }
}

/// The time that this thread ran, which is the first number of `schedstat`, in nanoseconds.
fn cpu_time() -> Duration {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").expect("Linux");
    let nanos = text.split(' ').next().expect("a number");
    Duration::from_nanos(nanos.parse().expect("a number"))
}

/// A registry of one schema, the one that was registered.
async fn answer(listener: TcpListener) {
    let mut known = serde_json::Value::Null;
    while let Ok((mut client, _)) = listener.accept().await {
        let request = request(&mut client).await;
        let body = request.split_once("\r\n\r\n").map_or("", |(_, body)| body);
        if let Ok(body) = serde_json::from_str(body) {
            known = body;
        }
        known["id"] = 1.into();
        known["version"] = 1.into();
        let answer = known.to_string();
        let length = answer.len();
        let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n");
        client.write_all((head + &answer).as_bytes()).await.expect("the converter listens");
    }
}

/// Reads what comes until nothing more does.
async fn request(client: &mut TcpStream) -> String {
    let mut bytes = Vec::new();
    while let Ok(Ok(1..)) = tokio::time::timeout(READ_LIMIT, client.read_buf(&mut bytes)).await {}
    String::from_utf8_lossy(&bytes).into_owned()
}

/// A log of ten fields, 150 bytes in Avro.
fn log() -> Datum {
    let text = || Schema::of(Type::String);
    let schema = SchemaBuilder::structure()
        .name("org.example.Log")
        .field("ts", Schema::of(Type::Int64))
        .field("level", text())
        .field("host", text())
        .field("status", Schema::of(Type::Int32))
        .field("bytes", Schema::of(Type::Int64))
        .field("took", Schema::of(Type::Float64))
        .field("path", text())
        .field("user", Schema::optional(Type::String))
        .field("message", text())
        .field("ok", Schema::of(Type::Boolean))
        .build()
        .expect("a schema");
    let values = vec![
        Value::Int64(1_700_000_000_123),
        Value::string("INFO"),
        Value::string("web-17.example.org"),
        Value::Int32(200),
        Value::Int64(51_234),
        Value::Float64(0.0123),
        Value::string("/api/v1/orders/8812/items"),
        Value::string("ada"),
        Value::string("request served from the cache after a look-up in the index of orders"),
        Value::Boolean(true),
    ];
    let value = Value::Struct(Box::new(Struct::from_parts(Arc::clone(&schema), values)));
    Datum::new(Some(schema), value)
}
