//! Whatever a record holds, converting it takes memory in proportion to its length: no length, count, scale or depth
//! in it is believed. `FUZZ_SEED` repeats a run, which prints its seed; `FUZZ_CASES` lengthens it.

mod registry;

use std::fs;

use bytes::{Bytes, BytesMut};
use connect_core::config::Props;
use connect_core::converter::{Converter, ConverterRole, HeaderConverter};
use connect_core::data::Datum;
use connect_core::plugin::{Factory, PluginKind};
use connect_core::testkit::{CountingAllocator, MemoryBound, damaged, fuzz_settings, props};
use connect_worker::config::{read_connector, read_document, read_worker};

#[global_allocator]
static ALLOCATOR: CountingAllocator = CountingAllocator;

/// Bytes that may be held for each byte of a record, and for any record. The dearest honest input is a list of short
/// items: two bytes of text are a value, in a list that grows by doubling, and again what is written of it.
const PER_BYTE: usize = 256;
const FOR_ANY: usize = 256 * 1024;
/// Inputs for each format, a second or two.
const CASES: usize = 800;

const JSON: &str = "org.apache.kafka.connect.json.JsonConverter";
const PLAIN: &[u8] = br#"{"a":[1,-2.5e3,"x\n",null,true,[]],"b":{"c":"d","n":12345678901234567890}}"#;
const ENVELOPE: &[u8] = br#"{"schema":{"type":"struct","name":"S","optional":false,"fields":[
    {"field":"n","type":"int64","optional":true,"default":7},{"field":"l","type":"array","items":{"type":"string"}},
    {"field":"m","type":"map","keys":{"type":"int32"},"values":{"type":"bytes"}},
    {"field":"p","type":"bytes","name":"org.apache.kafka.connect.data.Decimal","version":1,"parameters":{"scale":"2"}},
    {"field":"t","type":"int64","name":"org.apache.kafka.connect.data.Timestamp","version":1}]},
    "payload":{"n":1,"l":["a","b"],"m":[[1,"AQI="]],"p":"BNI=","t":1700000000000}}"#;
const HEADERS: [&[u8]; 5] = [
    b"[1, 2.5, \"a\", null, [true]]",
    b"{\"a\":1,\"b\":{}}",
    b"2024-02-03T04:05:06.789Z",
    b"-123.45",
    b"text",
];

/// The framed formats: class, schema, and a record of that schema behind its five bytes.
const AVRO: &str = r#"{"type":"record","name":"R","fields":[
    {"name":"empties","type":{"type":"array","items":{"type":"record","name":"E","fields":[]}}},
    {"name":"text","type":"string"},
    {"name":"map","type":{"type":"map","values":"bytes"}},
    {"name":"lists","type":{"type":"array","items":{"type":"array","items":"int"}}},
    {"name":"price","type":["null",{"type":"bytes","logicalType":"decimal","precision":10,"scale":2}]}]}"#;
const AVRO_RECORD: &[u8] = b"\x04\x00\x06abc\x02\x02k\x04xy\x00\x02\x04\x02\x04\x00\x00\x02\x04\x01\x02";
const PROTOBUF: &str = r#"syntax = "proto3";
    message M { int64 id = 1; string name = 2; repeated int32 numbers = 3; map<string, bytes> entries = 4;
                Inner inner = 5; repeated Inner many = 6; }
    message Inner { string a = 1; repeated double b = 2; }"#;
const PROTOBUF_RECORD: &[u8] = b"\x00\x08\x07\x12\x03abc\x1a\x03\x01\x02\x03\x22\x07\x0a\x01k\x12\x02xy\
    \x2a\x03\x0a\x01a\x32\x0a\x12\x08\x00\x00\x00\x00\x00\x00\xf0\x3f";
const SCHEMA: &str = r#"{"type":"object","properties":{"id":{"type":"integer"},
    "tags":{"type":"array","items":{"type":"string"}},
    "m":{"type":"object","connect.type":"map","additionalProperties":{"type":"number"}}}}"#;
const SCHEMA_RECORD: &[u8] = br#"{"id":1,"tags":["a","b"],"m":{"x":1.5}}"#;
const SCHEMAS: [(&str, &str); 3] = [("AVRO", AVRO), ("PROTOBUF", PROTOBUF), ("JSON", SCHEMA)];

fn converter(class: &str, settings: &Props) -> Box<dyn Converter> {
    let registry = connectors::registry();
    let plugin = registry.find(&[PluginKind::Converter], class).expect("the class is known");
    let Factory::Converter(make) = plugin.factory else { panic!("`{class}` is no converter") };
    let mut converter = make();
    converter.configure(settings, ConverterRole::Value).expect("valid settings");
    converter
}

fn header_converter() -> Box<dyn HeaderConverter> {
    let class = "org.apache.kafka.connect.storage.SimpleHeaderConverter";
    let registry = connectors::registry();
    let plugin = registry.find(&[PluginKind::HeaderConverter], class).expect("the class is known");
    let Factory::HeaderConverter(make) = plugin.factory else { panic!("`{class}` is no header converter") };
    let mut converter = make();
    converter.configure(&Props::new()).expect("valid settings");
    converter
}

/// What a sink may do with a value: take it apart and write it as JSON in both forms of numbers.
fn used(datum: &Datum, writers: &[Box<dyn Converter>]) {
    drop(datum.value());
    for writer in writers {
        // A value that cannot be written is as good.
        writer.from_datum("t", datum).ok();
    }
}

fn writers() -> Vec<Box<dyn Converter>> {
    let plain = props(&[("schemas.enable", "false")]);
    let numeric = props(&[("schemas.enable", "true"), ("decimal.format", "NUMERIC")]);
    vec![converter(JSON, &plain), converter(JSON, &numeric)]
}

#[test]
fn json_and_its_envelope_take_memory_in_proportion() {
    for (is_envelope, sample) in [("false", PLAIN), ("true", ENVELOPE)] {
        let what = format!("JSON with schemas.enable={is_envelope}");
        let (mut rng, cases) = fuzz_settings(&what, CASES);
        let (writers, mut bound) = (writers(), MemoryBound::new(what, PER_BYTE, FOR_ANY));
        for _ in 0..cases {
            // A new one each time: what it remembers of schemas is not the record's.
            let reader = converter(JSON, &props(&[("schemas.enable", is_envelope)]));
            let input = Bytes::from(damaged(&mut rng, sample, 0));
            bound.check(&input, || {
                let datum = reader.to_connect_data("t", None, Some(&input), &mut BytesMut::new());
                if let Ok(datum) = &datum {
                    used(datum, &writers);
                }
            });
        }
    }
}

#[test]
fn headers_take_memory_in_proportion() {
    let (mut rng, cases) = fuzz_settings("headers", CASES);
    let (converter, writers) = (header_converter(), writers());
    let mut bound = MemoryBound::new("headers", PER_BYTE, FOR_ANY);
    for sample in HEADERS {
        // What is made once for all, such as patterns, is no record's.
        converter.to_connect_header("t", "h", Some(&Bytes::from_static(sample))).expect("a header");
    }
    for _ in 0..cases {
        let sample = HEADERS[rng.usize(0..HEADERS.len())];
        let input = Bytes::from(damaged(&mut rng, sample, 0));
        bound.check(&input, || {
            if let Ok(datum) = converter.to_connect_header("t", "h", Some(&input)) {
                used(&datum, &writers);
            }
        });
    }
}

#[tokio::test]
async fn framed_formats_take_memory_in_proportion() {
    let url = registry::serve(&SCHEMAS).await;
    let targets = [
        ("io.confluent.connect.avro.AvroConverter", AVRO_RECORD),
        ("io.confluent.connect.protobuf.ProtobufConverter", PROTOBUF_RECORD),
        ("io.confluent.connect.json.JsonSchemaConverter", SCHEMA_RECORD),
    ];
    for (id, (class, record)) in (1..).zip(targets) {
        let (mut rng, cases) = fuzz_settings(class, CASES);
        let reader = converter(class, &props(&[("schema.registry.url", &url), ("max.retries", "0")]));
        let (writers, mut bound) = (writers(), MemoryBound::new(class, PER_BYTE, FOR_ANY));
        let sample = Bytes::from([&[0, 0, 0, 0, id], record].concat());
        reader.prepare("t", &[Some(sample.clone())]).await.expect("the registry knows the schema");
        let read = |input: &Bytes| reader.to_connect_data("t", None, Some(input), &mut BytesMut::new());
        read(&sample).unwrap_or_else(|error| panic!("{class}: {}", error.trace()));
        for _ in 0..cases {
            // Now and then the frame itself.
            let kept = if rng.u32(0..20) == 0 { 0 } else { 5 };
            let input = Bytes::from(damaged(&mut rng, &sample, kept));
            let outcome = bound.check(&input, || read(&input).inspect(|datum| used(datum, &writers)));
            if outcome.is_err_and(|error| error.is_retriable()) {
                // Another schema, or none at all: the next step of a worker.
                reader.prepare("t", &[Some(input)]).await.ok();
            }
        }
    }
}

#[test]
fn files_take_memory_in_proportion() {
    let folder = tempfile::tempdir().expect("a temporary folder is made");
    // In YAML a mark may stand for what another one stands for; the reader follows a hundred for each that is there.
    let samples: [(&str, &[u8], usize); 3] = [
        (
            "c.properties",
            b"name=c\ntopics=a,\\\n  b\nfile=out\\u0041\n# comment\ntransforms.x.type : Y\n",
            PER_BYTE,
        ),
        (
            "c.json",
            br#"{"name":"c","config":{"topics":"t","tasks.max":2,"x":null},"initial_state":"PAUSED"}"#,
            PER_BYTE,
        ),
        (
            "c.yaml",
            b"name: c\ntopics: &t [a, b]\nfile: *t\nmore: {a: &x [*t, *t, *t], b: [*x, *x, *x]}\n",
            32 * PER_BYTE,
        ),
    ];
    for (name, sample, per_byte) in samples {
        let (mut rng, cases) = fuzz_settings(name, CASES);
        let mut bound = MemoryBound::new(name, per_byte, FOR_ANY);
        let path = folder.path().join(name);
        fs::write(&path, sample).expect("a file is written");
        read_worker(&path).ok();
        for _ in 0..cases {
            let input = damaged(&mut rng, sample, 0);
            fs::write(&path, &input).expect("a file is written");
            bound.check(&input, || {
                read_connector(&path).ok();
                read_worker(&path).ok();
                read_document(&path).ok();
            });
        }
    }
}
