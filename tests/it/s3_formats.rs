//! Avro and Parquet objects of the S3 sink, on real Kafka and a real S3 server, read back by readers of their own.

use bytes::Bytes;
use connect_core::data::Value as ConnectValue;
use connect_tests::{s3::Objects, sluice::Setup, wait};
use connector_avro::{config::AvroConfig, decode, plan, reader::Reader, schema};
use parquet::{
    file::reader::{FileReader, SerializedFileReader},
    record::Field,
};
use serde_json::json;

use crate::support::{Place, s3_sink, with};

pub(crate) const AVRO: &str = "io.confluent.connect.s3.format.avro.AvroFormat";
pub(crate) const PARQUET: &str = "io.confluent.connect.s3.format.parquet.ParquetFormat";

/// Returns a value with the schema beside it, as `JsonConverter` reads it.
pub(crate) fn with_schema(id: usize) -> String {
    json!({
        "schema": { "type": "struct", "name": "org.example.Log", "optional": false, "fields": [
            { "field": "id", "type": "int64", "optional": false },
            { "field": "text", "type": "string", "optional": true },
        ] },
        "payload": { "id": id, "text": if id.is_multiple_of(2) { Some(format!("text {id}")) } else { None } },
    })
    .to_string()
}

/// Runs a sink over `values` in one partition until the offset of the last whole object is committed.
async fn objects_of(place: &Place, more: serde_json::Value, values: &[String], objects: usize) -> Objects {
    let mut worker = Setup::new(&place.broker.bootstrap()).s3(&place.s3.url()).start().await;
    place.client.produce(&place.topic, 0, values).await;
    worker.create(&place.name, &with(s3_sink(&place.topic, Place::BUCKET), more)).await;
    let what = format!("{objects} objects");
    wait::until(&what, wait::LIMIT, async || {
        let found = place.s3.objects(Place::BUCKET);
        if found.len() == objects { Ok(()) } else { Err(found.into_keys().collect::<Vec<_>>()) }
    })
    .await;
    worker.terminate();
    place.s3.objects(Place::BUCKET)
}

/// Returns the numbers of the records of an object, in order, by a reader for its name.
pub(crate) fn ids(name: &str, bytes: &[u8]) -> Vec<i64> {
    let number = |value: ConnectValue| match value {
        ConnectValue::Int64(number) => number,
        other => panic!("{other:?} is no number"),
    };
    match name {
        name if name.ends_with(".parquet") => ids_in_parquet(bytes),
        name if name.ends_with(".avro") => records_in_avro(bytes).1.iter().map(id_of).map(number).collect(),
        _ => {
            let lines = bytes.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
            let id = |line| serde_json::from_slice::<serde_json::Value>(line).expect("JSON")["id"].as_i64();
            lines.map(|line| id(line).expect("a number")).collect()
        }
    }
}

fn ids_in_parquet(bytes: &[u8]) -> Vec<i64> {
    let reader = SerializedFileReader::new(Bytes::copy_from_slice(bytes)).expect("a Parquet file");
    let rows = reader.get_row_iter(None).expect("rows").map(|row| row.expect("a row"));
    rows.map(|row| {
        row.get_column_iter()
            .find_map(|(name, field)| match field {
                Field::Long(number) if name == "id" => Some(*number),
                _ => None,
            })
            .expect("an id")
    })
    .collect()
}

fn records_in_avro(bytes: &[u8]) -> (String, Vec<ConnectValue>) {
    let bytes = Bytes::copy_from_slice(bytes);
    let mut reader = Reader::new(&bytes);
    reader.take(4).expect("a magic");
    let mut schema_text = String::new();
    for _ in 0..reader.long().expect("a count") {
        let key = reader.string().expect("a key");
        let value = reader.bytes().expect("a value");
        if &*key == "avro.schema" {
            schema_text = String::from_utf8(value.to_vec()).expect("text");
        }
    }
    reader.long().expect("the end of the map");
    reader.take(16).expect("a mark");
    let avro = schema::parse(&schema_text, &[]).expect("a schema");
    let (_, plan) = plan::make(&AvroConfig::default(), &avro, None).expect("readable");
    let mut records = Vec::new();
    while let Ok(count) = reader.long() {
        reader.long().expect("a size");
        for _ in 0..count {
            records.push(decode::decode(&plan, &mut reader).expect("a record"));
        }
        reader.take(16).expect("a mark");
    }
    (schema_text, records)
}

fn id_of(value: &ConnectValue) -> ConnectValue {
    match value {
        ConnectValue::Struct(structure) => structure.get("id").expect("there").clone(),
        other => panic!("{other:?} is no struct"),
    }
}

#[tokio::test]
async fn avro_objects_hold_the_records_and_their_keys() {
    let place = Place::new("s3-avro", 1).await;
    let values: Vec<String> = (0..100).map(with_schema).collect();
    let more = json!({ "format.class": AVRO, "value.converter.schemas.enable": "true", "flush.size": "50" });
    let objects = objects_of(&place, more, &values, 2).await;
    for (first, name) in [(0, "0000000000"), (50, "0000000050")] {
        let object = &objects[&format!("topics/{0}/partition=0/{0}+0+{name}.avro", place.topic)];
        let (schema, records) = records_in_avro(object);
        assert!(
            schema.starts_with("{\"type\":\"record\",\"name\":\"Log\",\"namespace\":\"org.example\""),
            "{schema}"
        );
        let wanted: Vec<ConnectValue> = (first..first + 50).map(ConnectValue::Int64).collect();
        assert_eq!(records.iter().map(id_of).collect::<Vec<_>>(), wanted);
    }
}

#[tokio::test]
async fn parquet_objects_hold_records_with_a_schema() {
    let place = Place::new("s3-parquet", 1).await;
    let values: Vec<String> = (0..100).map(with_schema).collect();
    let more =
        json!({ "format.class": PARQUET, "value.converter.schemas.enable": "true", "parquet.codec": "zstd" });
    let objects = objects_of(&place, more, &values, 1).await;
    let object = &objects[&format!("topics/{0}/partition=0/{0}+0+0000000000.zstd.parquet", place.topic)];
    assert_eq!(ids_in_parquet(object), (0..100).collect::<Vec<_>>());
}

#[tokio::test]
async fn parquet_objects_hold_json_without_a_schema() {
    let place = Place::new("s3-parquet-json", 1).await;
    let value = |id: usize| match id {
        99 => json!({ "id": id, "late": { "deep": [1, 2] } }).to_string(),
        _ => json!({ "id": id, "level": "INFO" }).to_string(),
    };
    let values: Vec<String> = (0..100).map(value).collect();
    let more = json!({ "format.class": PARQUET, "value.converter.schemas.enable": "false" });
    let objects = objects_of(&place, more, &values, 1).await;
    let object = &objects[&format!("topics/{0}/partition=0/{0}+0+0000000000.snappy.parquet", place.topic)];
    assert_eq!(ids_in_parquet(object), (0..100).collect::<Vec<_>>());
}

/// Vector 10 of the rules of Confluent's sink: keys files beside those of the values, and alone for tombstones.
#[tokio::test]
async fn keys_stand_beside_the_values_and_keys_of_tombstones_in_a_directory_of_their_own() {
    let place = Place::new("s3-keys", 1).await;
    place.client.produce_keyed(&place.topic, 0, &[("k0", Some("{\"id\":0}")), ("k1", None)]).await;
    let more = json!({ "store.kafka.keys": "true", "behavior.on.null.values": "write", "flush.size": "2" });
    let objects = objects_of(&place, more, &[], 3).await;
    let name = |rest: &str| format!("topics/{0}/{rest}", place.topic).replace("TOPIC", &place.topic);
    assert_eq!(objects[&name("partition=0/TOPIC+0+0000000000.json")], b"{\"id\":0}\n");
    for (object, key) in
        [("partition=0/TOPIC+0+0000000000.keys.avro", "k0"), ("tombstone/TOPIC+0+0000000001.keys.avro", "k1")]
    {
        let (schema, records) = records_in_avro(&objects[&name(object)]);
        assert_eq!((schema.as_str(), records), ("[\"null\",\"string\"]", vec![ConnectValue::string(key)]));
    }
}
