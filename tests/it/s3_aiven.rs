//! The S3 sink with the configuration of Aiven's connector, on real Kafka and a real S3 server: names and bytes of what
//! arrives.

use std::io::Read;

use base64::{Engine, engine::general_purpose::STANDARD};
use bytes::Bytes;
use connect_tests::{
    s3::{ACCESS_KEY, Objects, REGION, SECRET_KEY},
    sluice::{Setup, Sluice},
    wait,
};
use parquet::file::reader::{FileReader, SerializedFileReader};
use serde_json::{Value, json};

use crate::{
    s3_formats::with_schema,
    sink_s3::await_objects,
    support::{Place, properties, with},
};

const STRINGS: &str = "org.apache.kafka.connect.storage.StringConverter";
const JSON: &str = "org.apache.kafka.connect.json.JsonConverter";
const BYTES: &str = "org.apache.kafka.connect.converters.ByteArrayConverter";

/// Returns a configuration as Aiven's README has it, for a place.
fn aiven(place: &Place, more: Value) -> Value {
    let config = json!({
        "connector.class": "io.aiven.kafka.connect.s3.AivenKafkaConnectS3SinkConnector",
        "tasks.max": "1",
        "topics": place.topic,
        "aws.access.key.id": ACCESS_KEY,
        "aws.secret.access.key": SECRET_KEY,
        "aws.s3.bucket.name": Place::BUCKET,
        "aws.s3.endpoint": place.s3.url(),
        "aws.s3.region": REGION,
        "key.converter": STRINGS,
        "value.converter": JSON,
        "value.converter.schemas.enable": "false",
        "format.output.type": "jsonl",
    });
    with(config, more)
}

/// Starts a worker that commits offsets, and so writes files, every `commit_ms` milliseconds.
async fn worker(place: &Place, config: &Value, commit_ms: u64) -> Sluice {
    let setup =
        Setup::new(&place.broker.bootstrap()).property("offset.flush.interval.ms", &commit_ms.to_string());
    setup.connector("aiven.properties", &properties(&place.name, config)).start().await
}

async fn await_names(place: &Place, names: &[String]) -> Objects {
    wait::until(&format!("objects {names:?}"), wait::LIMIT, async || {
        let found = place.s3.objects(Place::BUCKET);
        if found.keys().eq(names) { Ok(found) } else { Err(found.into_keys().collect::<Vec<_>>()) }
    })
    .await
}

fn gunzip(bytes: &[u8]) -> String {
    let mut text = String::new();
    flate2::read::GzDecoder::new(bytes).read_to_string(&mut text).expect("gzip");
    text
}

#[tokio::test]
async fn full_files_are_written_at_once_and_the_rest_when_the_worker_stops() {
    let place = Place::new("aiven-jsonl", 2).await;
    for partition in 0..2 {
        let value = |id: i32| format!("{{\"id\":{id},\"partition\":{partition}}}");
        let values: Vec<String> = (0..25).map(value).collect();
        place.client.produce(&place.topic, partition, &values).await;
    }
    let config = json!({
        "file.name.template": "dir1/{{topic}}-{{partition:padding=true}}-{{start_offset:padding=true}}.gz",
        "format.output.fields": "key,value,offset",
        "file.max.records": "10",
    });
    let mut worker = worker(&place, &aiven(&place, config), 600_000).await;
    let name = |partition: i32, start: i64| format!("dir1/{}-{partition:010}-{start:020}.gz", place.topic);
    let names = |starts: &[i64]| -> Vec<String> {
        (0..2)
            .flat_map(|partition| starts.iter().map(move |start| (partition, *start)))
            .map(|(partition, start)| name(partition, start))
            .collect()
    };
    await_names(&place, &names(&[0, 10])).await;
    assert!(worker.terminate().success(), "{}", worker.log());
    let objects = await_names(&place, &names(&[0, 10, 20])).await;
    for partition in 0..2 {
        for (start, end) in [(0, 10), (10, 20), (20, 25)] {
            // Members stand in the order of the hash maps that converter and writer keep them in.
            let value = |id: i64| format!("{{\"partition\":{partition},\"id\":{id}}}");
            let line = |id: i64| format!("{{\"offset\":{id},\"value\":{},\"key\":null}}", value(id));
            let wanted: Vec<String> = (start..end).map(line).collect();
            assert_eq!(gunzip(&objects[&name(partition, start)]), wanted.join("\n"));
        }
    }
    assert_eq!(place.committed(2), [25, 25], "what is written is committed");
}

#[tokio::test]
async fn objects_of_keys_hold_their_newest_values_and_are_written_over() {
    let place = Place::new("aiven-compact", 1).await;
    place
        .client
        .produce_keyed(&place.topic, 0, &[("0", Some("a")), ("1", Some("b")), ("0", Some("c"))])
        .await;
    let config = json!({
        "value.converter": BYTES,
        "format.output.type": "csv",
        "format.output.fields": "value",
        "format.output.fields.value.encoding": "none",
        "file.name.template": "{{topic}}/k{{key}}",
        "file.compression.type": "none",
    });
    let _worker = worker(&place, &aiven(&place, config), 1000).await;
    let objects = |first: &str, second: &str| -> Objects {
        let pairs = [("k0", first), ("k1", second)];
        pairs.map(|(name, value)| (format!("{}/{name}", place.topic), value.as_bytes().to_vec())).into()
    };
    await_objects(&place.s3, Place::BUCKET, &objects("c", "b")).await;
    place.client.produce_keyed(&place.topic, 0, &[("1", Some("d")), ("0", None), ("1", Some("e"))]).await;
    await_objects(&place.s3, Place::BUCKET, &objects("", "e")).await;
}

#[tokio::test]
async fn old_keys_and_names_are_those_of_versions_before_the_templates() {
    let place = Place::new("aiven-old", 1).await;
    let records = [("key0", Some("value0")), ("key1", Some("value1"))];
    place.client.produce_keyed(&place.topic, 0, &records).await;
    let config = json!({
        "aws.access.key.id": null,
        "aws.secret.access.key": null,
        "aws.s3.bucket.name": null,
        "aws.s3.endpoint": null,
        "aws.s3.region": null,
        "aws_access_key_id": ACCESS_KEY,
        "aws_secret_access_key": SECRET_KEY,
        "aws_s3_bucket": Place::BUCKET,
        "aws_s3_endpoint": place.s3.url(),
        "aws_s3_region": REGION,
        "aws_s3_prefix": "prefix-{{topic}}/",
        "output_compression": "none",
        "output_fields": "key,value,offset",
        "format.output.type": "csv",
        "value.converter": BYTES,
        "file.max.records": "2",
    });
    let _worker = worker(&place, &aiven(&place, config), 600_000).await;
    let line = |index: usize| {
        let (key, value) =
            (STANDARD.encode(records[index].0), STANDARD.encode(records[index].1.unwrap_or_default()));
        format!("{key},{value},{index}")
    };
    let name = format!("prefix-{0}/{0}-0-{1:020}", place.topic, 0);
    let wanted = Objects::from([(name, format!("{}\n{}", line(0), line(1)).into_bytes())]);
    await_objects(&place.s3, Place::BUCKET, &wanted).await;
}

#[tokio::test]
async fn arrays_and_files_with_schemas_hold_what_readers_find() {
    let place = Place::new("aiven-formats", 1).await;
    let values: Vec<String> = (0..4).map(with_schema).collect();
    place.client.produce(&place.topic, 0, &values).await;
    let common = json!({ "value.converter.schemas.enable": "true", "file.max.records": "2" });
    let formats = [
        json!({ "format.output.type": "json", "file.compression.type": "none", "format.output.envelope": "false" }),
        json!({ "format.output.type": "parquet", "file.compression.type": "snappy", "format.output.fields": "offset,value" }),
        json!({ "format.output.type": "avro", "format.output.fields": "value", "format.output.envelope": "false" }),
    ];
    let worker = Setup::new(&place.broker.bootstrap()).start().await;
    for (index, format) in formats.into_iter().enumerate() {
        let template = format!("{index}/{{{{topic}}}}-{{{{partition}}}}-{{{{start_offset}}}}");
        let config = with(with(common.clone(), format), json!({ "file.name.template": template }));
        worker.create(&format!("{}-{index}", place.name), &aiven(&place, config)).await;
    }
    let names: Vec<String> =
        (0..3).flat_map(|index| [0, 2].map(|start| format!("{index}/{}-0-{start}", place.topic))).collect();
    let objects = await_names(&place, &names).await;
    let array = String::from_utf8_lossy(&objects[&names[1]]);
    assert_eq!(array, "[\n{\"id\":2,\"text\":\"text 2\"},\n{\"id\":3,\"text\":null}\n]");
    let reader =
        SerializedFileReader::new(Bytes::copy_from_slice(&objects[&names[3]])).expect("a Parquet file");
    let rows = reader.get_row_iter(None).expect("rows").map(|row| row.expect("a row").to_string());
    let row = |id: i64, text: &str| format!("{{offset: {id}, value: {{id: {id}, text: {text}}}}}");
    assert_eq!(rows.collect::<Vec<_>>(), [row(2, "\"text 2\""), row(3, "null")]);
    let mut avro = Vec::new();
    flate2::read::GzDecoder::new(&*objects[&names[5]]).read_to_end(&mut avro).expect("gzip around Avro");
    assert_eq!(crate::s3_formats::ids("x.avro", &avro), [2, 3]);
}
