//! The converters with a schema registry against a real one.

use std::{sync::Arc, time::Duration};

use bytes::{Bytes, BytesMut};
use connect_core::{
    config::Props,
    converter::{Converter, ConverterRole},
    data::{Datum, Schema, SchemaBuilder, SchemaRef, Struct, Type, Value, logical},
    error::ErrorKind,
    plugin::{Factory, PluginKind},
};
use connect_tests::registry::SchemaRegistry;
use serde_json::json;

pub(crate) const CLASSES: [&str; 3] = [
    "io.confluent.connect.avro.AvroConverter",
    "io.confluent.connect.json.JsonSchemaConverter",
    "io.confluent.connect.protobuf.ProtobufConverter",
];

pub(crate) fn converter(class: &str, url: &str, settings: &[(&str, &str)]) -> Box<dyn Converter> {
    let registry = connectors::registry();
    let plugin = registry.find(&[PluginKind::Converter], class).expect("the class is known");
    let Factory::Converter(make) = plugin.factory else { panic!("`{class}` is no converter") };
    let mut props = Props::from_iter([("schema.registry.url".to_owned(), url.to_owned())]);
    props.extend(settings.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())));
    let mut converter = make();
    converter.configure(&props, ConverterRole::Value).expect("valid settings");
    converter
}

pub(crate) async fn write(converter: &dyn Converter, topic: &str, datum: &Datum) -> Bytes {
    let early = converter.from_datum(topic, datum).expect_err("nothing is registered before it is prepared");
    assert!(early.is_retriable(), "{}", early.trace());
    converter.prepare_write(topic, datum).await.unwrap_or_else(|error| panic!("{}", error.trace()));
    converter.from_datum(topic, datum).expect("prepared").expect("no tombstone")
}

async fn read(converter: &dyn Converter, topic: &str, bytes: &Bytes) -> Datum {
    let convert = || converter.to_connect_data(topic, None, Some(bytes), &mut BytesMut::new());
    assert!(convert().expect_err("nothing is fetched before it is prepared").is_retriable());
    let prepared = converter.prepare(topic, &[Some(bytes.clone())]).await;
    prepared.unwrap_or_else(|error| panic!("{}", error.trace()));
    convert().expect("prepared")
}

fn user() -> (SchemaRef, Datum) {
    let schema = SchemaBuilder::structure()
        .name("org.example.User")
        .version(1)
        .field("id", Schema::of(Type::Int64))
        .field("name", Schema::optional(Type::String))
        .build()
        .expect("a schema");
    let values = vec![Value::Int64(7), Value::string("Ada")];
    let value = Value::Struct(Box::new(Struct::from_parts(Arc::clone(&schema), values)));
    (Arc::clone(&schema), Datum::new(Some(schema), value))
}

async fn registry() -> &'static SchemaRegistry {
    let registry = SchemaRegistry::shared().await;
    registry.await_ready().await;
    registry
}

/// Returns the fields' values, which all formats keep.
fn values(datum: &Datum) -> Vec<Value> {
    match datum.value().into_owned() {
        Value::Struct(structure) => structure.into_parts().1,
        other => panic!("no struct: {other:?}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_written_with_a_registry_is_read_again_by_another_converter() {
    let url = registry().await.url();
    for (index, class) in CLASSES.into_iter().enumerate() {
        let topic = format!("round-trip-{index}");
        let (_, datum) = user();
        let bytes = write(converter(class, &url, &[]).as_ref(), &topic, &datum).await;
        let read = read(converter(class, &url, &[]).as_ref(), &topic, &bytes).await;
        assert_eq!(values(&read), values(&datum), "{class}");
        assert_eq!(read.schema().and_then(|schema| schema.version), Some(1), "{class}");
        let again = converter(class, &url, &[("auto.register.schemas", "false")]);
        assert_eq!(write(again.as_ref(), &topic, &datum).await, bytes, "{class}: the schema is found again");
    }
}

/// The text of such a schema has options and types of Confluent's, which it does not import.
#[tokio::test(flavor = "multi_thread")]
async fn narrow_and_logical_types_are_read_again_in_every_format() {
    let url = registry().await.url();
    let inner = SchemaBuilder::structure().name("Inner").field("x", Schema::of(Type::Int16)).build();
    let inner = inner.expect("a schema");
    let schema = SchemaBuilder::structure()
        .name("org.example.Narrow")
        .field("small", Schema::of(Type::Int8))
        .field("price", logical::decimal(2))
        .field("at", logical::timestamp())
        .field("inner", Arc::clone(&inner))
        .build()
        .expect("a schema");
    let inside = Value::Struct(Box::new(Struct::from_parts(inner, vec![Value::Int16(-5)])));
    let price = Value::Decimal("12.34".parse().expect("a number"));
    let values = vec![Value::Int8(-7), price, Value::Date(1_700_000_000_123), inside];
    let value = Value::Struct(Box::new(Struct::from_parts(Arc::clone(&schema), values)));
    let datum = Datum::new(Some(schema), value);
    for (index, class) in CLASSES.into_iter().enumerate() {
        let topic = format!("narrow-{index}");
        let bytes = write(converter(class, &url, &[]).as_ref(), &topic, &datum).await;
        let read = read(converter(class, &url, &[]).as_ref(), &topic, &bytes).await;
        assert_eq!(self::values(&read)[..3], self::values(&datum)[..3], "{class}");
        let Value::Struct(inside) = &self::values(&read)[3] else { panic!("{class}: no struct") };
        assert_eq!(inside.values(), [Value::Int16(-5)], "{class}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn newest_version_of_the_subject_is_written_with() {
    let url = registry().await.url();
    let newest = r#"{"type":"record","name":"User","namespace":"org.example","fields":[{"name":"name","type":["null","string"],"default":null},{"name":"id","type":"long"}]}"#;
    let answer = reqwest::Client::new()
        .post(format!("{url}/subjects/newest-value/versions"))
        .json(&json!({ "schema": newest }))
        .send()
        .await
        .expect("the registry answers");
    let answer: serde_json::Value = answer.json().await.expect("an id");
    let id = i32::try_from(answer["id"].as_i64().expect("an id")).expect("small");
    let settings = [("auto.register.schemas", "false"), ("use.latest.version", "true")];
    let bytes = write(converter(CLASSES[0], &url, &settings).as_ref(), "newest", &user().1).await;
    let payload = [&[0][..], &id.to_be_bytes(), &[2, 6, b'A', b'd', b'a', 14]].concat();
    assert_eq!(bytes, payload);
    let by_id = id.to_string();
    let settings = [("auto.register.schemas", "false"), ("use.schema.id", by_id.as_str())];
    assert_eq!(write(converter(CLASSES[0], &url, &settings).as_ref(), "other", &user().1).await, payload);
}

#[tokio::test(flavor = "multi_thread")]
async fn unknown_ids_and_subjects_are_errors_that_say_so_and_a_deleted_subject_is_still_read() {
    let url = registry().await.url();
    let avro = converter(CLASSES[0], &url, &[]);
    let unknown = Bytes::from_static(b"\0\0\x0f\x42\x3f\x02");
    let error = avro.prepare("unknown", &[Some(unknown)]).await.expect_err("no such id");
    assert_eq!((error.kind(), error.is_retriable()), (ErrorKind::Data, false));
    assert!(error.trace().contains("Error retrieving schema for id 999999"), "{}", error.trace());
    let settings = [("auto.register.schemas", "false")];
    let strict = converter(CLASSES[0], &url, &settings);
    let error = strict.prepare_write("never-seen", &user().1).await.expect_err("no such subject");
    assert!(error.trace().contains("never-seen-value"), "{}", error.trace());

    let bytes = write(avro.as_ref(), "deleted", &user().1).await;
    let client = reqwest::Client::new();
    let deleted = client.delete(format!("{url}/subjects/deleted-value")).send().await.expect("an answer");
    assert!(deleted.status().is_success(), "{}", deleted.status());
    let read = read(converter(CLASSES[0], &url, &[]).as_ref(), "deleted", &bytes).await;
    assert_eq!(values(&read), values(&user().1));
}

#[tokio::test(flavor = "multi_thread")]
async fn registry_that_is_away_for_a_while_is_a_retriable_error_and_then_recovery() {
    // A registry of its own would take another twenty seconds; this one is frozen behind a proxy instead.
    let upstream = registry().await;
    let proxy = Gate::start(upstream.url()).await;
    let settings = [
        ("max.retries", "1"),
        ("retries.wait.ms", "10"),
        ("http.read.timeout.ms", "300"),
        ("http.connect.timeout.ms", "300"),
    ];
    let avro = converter(CLASSES[0], &proxy.url, &settings);
    let (_, datum) = user();
    proxy.close();
    let error = avro.prepare_write("away", &datum).await.expect_err("the registry is away");
    assert!(error.is_retriable(), "{}", error.trace());
    assert!(error.trace().contains("Network connection error while serializing Avro data for topic away"));
    proxy.open();
    let bytes = write(avro.as_ref(), "away", &datum).await;
    let reader = converter(CLASSES[0], &proxy.url, &settings);
    proxy.close();
    let error = reader.prepare("away", &[Some(bytes.clone())]).await.expect_err("the registry is away");
    assert!(error.is_retriable(), "{}", error.trace());
    proxy.open();
    assert_eq!(values(&read(reader.as_ref(), "away", &bytes).await), values(&datum));
}

/// A proxy that lets connections through, or holds them without an answer.
struct Gate {
    url: String,
    is_open: Arc<std::sync::atomic::AtomicBool>,
    _task: tokio::task::JoinSet<()>,
}

impl Gate {
    async fn start(upstream: String) -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port is free");
        let port = listener.local_addr().expect("bound").port();
        let (authority, path) = upstream.trim_start_matches("http://").split_once('/').expect("a path");
        let (authority, path) = (authority.to_owned(), path.to_owned());
        let is_open = Arc::new(std::sync::atomic::AtomicBool::new(true));
        let mut task = tokio::task::JoinSet::new();
        let gate = Arc::clone(&is_open);
        task.spawn(async move {
            let mut connections = tokio::task::JoinSet::new();
            while let Ok((mut client, _)) = listener.accept().await {
                let (authority, gate) = (authority.clone(), Arc::clone(&gate));
                connections.spawn(async move {
                    let Ok(mut server) = tokio::net::TcpStream::connect(authority).await else { return };
                    let closed = async {
                        while gate.load(std::sync::atomic::Ordering::Relaxed) {
                            tokio::time::sleep(Duration::from_millis(5)).await;
                        }
                    };
                    tokio::select! {
                        _ = tokio::io::copy_bidirectional(&mut client, &mut server) => {}
                        () = closed => {}
                    }
                });
            }
        });
        Self { url: format!("http://127.0.0.1:{port}/{path}"), is_open, _task: task }
    }

    fn close(&self) {
        self.is_open.store(false, std::sync::atomic::Ordering::Relaxed);
        std::thread::sleep(Duration::from_millis(20));
    }

    fn open(&self) {
        self.is_open.store(true, std::sync::atomic::Ordering::Relaxed);
    }
}
