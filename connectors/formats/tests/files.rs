//! Whole files: what is collected and encoded is read back by readers of their own.

use std::sync::Arc;

use connect_core::data::{Datum, Map, Schema, SchemaBuilder, SchemaRef, Struct, Type, Value, logical};
use connect_core::record::SinkRecord;
use connect_core::testkit::record;
use connector_avro::{decode, plan, reader, schema};
use connector_formats::{
    AvroCodec, AvroConfig, AvroFormat, Compression, Envelope, JsonFormat, LineFormat, OutputField,
    ParquetCodec, ParquetFormat, Part, RecordFormat, schema_of_avro,
};
use parquet::file::reader::{FileReader, SerializedFileReader};
use parquet::record::Field;
use proptest::prelude::*;

fn avro(codec: &str) -> RecordFormat {
    let config = AvroConfig { enhanced: true, ..AvroConfig::default() };
    RecordFormat::Avro(Arc::new(AvroFormat::new(config, AvroCodec::parse(codec).expect("a codec"))))
}

fn parquet(codec: &str, given: Option<&str>) -> RecordFormat {
    let given = given.map(|text| schema_of_avro(text).expect("a record"));
    let codec = ParquetCodec::parse(codec).expect("a codec");
    RecordFormat::Parquet(Arc::new(ParquetFormat::new(AvroConfig::default(), codec, given)))
}

/// Writes records to a file, taken to pieces after every `piece` of them.
fn file(format: &RecordFormat, part: Part, records: &[SinkRecord], piece: usize) -> Vec<u8> {
    let mut rows = format.rows(part);
    let mut encoder = format.encoder("topics/t/partition=0/t+0+0000000000");
    let mut out = Vec::new();
    for chunk in records.chunks(piece) {
        chunk.iter().for_each(|record| rows.append(record).expect("fits"));
        encoder.write(rows.take().expect("laid out")).expect("encoded");
        out.extend(encoder.take());
    }
    out.extend(encoder.finish().expect("ended"));
    out
}

fn user_schema() -> SchemaRef {
    let place = SchemaBuilder::structure().name("org.example.Place").optional();
    let place = place.field("city", Schema::optional(Type::String)).build().expect("valid");
    SchemaBuilder::structure()
        .name("org.example.User")
        .field("id", Schema::of(Type::Int64))
        .field("name", Schema::optional(Type::String))
        .field("tags", SchemaBuilder::array(Arc::new(Schema::of(Type::String))).build().expect("valid"))
        .field(
            "counts",
            SchemaBuilder::map(Arc::clone(&logical::STRING), Arc::new(Schema::of(Type::Int32)))
                .build()
                .expect("valid"),
        )
        .field("born", logical::date())
        .field("seen", logical::timestamp())
        .field("price", logical::decimal(2))
        .field("place", place)
        .build()
        .expect("valid")
}

fn structure(schema: &SchemaRef, values: Vec<Value>) -> Value {
    Value::Struct(Box::new(Struct::from_parts(Arc::clone(schema), values)))
}

fn user(schema: &SchemaRef, id: i64, name: Option<&str>, tags: &[&str], city: Option<&str>) -> SinkRecord {
    let place_schema = &schema.field("place").expect("there").schema;
    let place = match city {
        Some(city) => structure(place_schema, vec![Value::string(city)]),
        None => Value::Null,
    };
    let counts = tags.iter().map(|tag| (Value::string(*tag), Value::Int32(7))).collect();
    let value = structure(
        schema,
        vec![
            Value::Int64(id),
            name.map_or(Value::Null, Value::string),
            Value::Array(tags.iter().map(|tag| Value::string(*tag)).collect()),
            Value::Map(Map { entries: counts }),
            Value::Date(86_400_000),
            Value::Date(1_767_225_600_123),
            Value::Decimal("12.34".parse().expect("a number")),
            place,
        ],
    );
    record("t", 0, id, Datum::new(Some(Arc::clone(schema)), value))
}

fn users(schema: &SchemaRef) -> Vec<SinkRecord> {
    vec![
        user(schema, 1, Some("a"), &["x", "y"], Some("Rome")),
        user(schema, 2, None, &[], None),
        user(schema, 3, Some("c"), &["z"], Some("Oslo")),
    ]
}

/// What stands in an Avro file: codec, schema text, records.
fn read_avro(bytes: &[u8]) -> (String, String, Vec<Value>) {
    let bytes = bytes::Bytes::copy_from_slice(bytes);
    let mut reader = reader::Reader::new(&bytes);
    assert_eq!(reader.take(4).expect("there"), b"Obj\x01");
    assert_eq!(reader.long().expect("there"), 2, "two entries");
    let mut entries = std::collections::BTreeMap::new();
    for _ in 0..2 {
        let key = reader.string().expect("a key");
        entries.insert(key.to_string(), reader.bytes().expect("a value"));
    }
    assert_eq!(reader.long().expect("there"), 0, "the end of the map");
    let sync = reader.take(16).expect("there").to_vec();
    let text = |key: &str| String::from_utf8(entries[key].to_vec()).expect("text");
    let (codec, schema_text) = (text("avro.codec"), text("avro.schema"));
    let parsed = schema::parse(&schema_text, &[]).expect("a schema");
    let config = AvroConfig { enhanced: true, ..AvroConfig::default() };
    let (_, plan) = plan::make(&config, &parsed, None).expect("readable");
    let mut values = Vec::new();
    while let Ok(count) = reader.long() {
        let block = decompress(&codec, reader.slice().expect("a block"));
        let block = bytes::Bytes::from(block);
        let mut inside = reader::Reader::new(&block);
        for _ in 0..count {
            values.push(decode::decode(&plan, &mut inside).expect("a record"));
        }
        assert!(inside.take(1).is_err(), "nothing is left in the block");
        assert_eq!(reader.take(16).expect("there"), sync, "the mark after each block");
    }
    (codec, schema_text, values)
}

fn decompress(codec: &str, block: &[u8]) -> Vec<u8> {
    use std::io::Read;
    let mut out = Vec::new();
    match codec {
        "null" => out.extend_from_slice(block),
        "deflate" => {
            flate2::read::DeflateDecoder::new(block).read_to_end(&mut out).expect("deflate");
        }
        "snappy" => {
            let (body, sum) = block.split_at(block.len() - 4);
            out = snap::raw::Decoder::new().decompress_vec(body).expect("snappy");
            assert_eq!(sum, crc32fast::hash(&out).to_be_bytes());
        }
        _ => out = zstd::stream::decode_all(block).expect("zstandard"),
    }
    out
}

#[test]
fn avro_files_hold_schema_and_records_in_every_codec() {
    let schema = user_schema();
    let records = users(&schema);
    let wanted: Vec<Value> = records.iter().map(|record| record.value.value().into_owned()).collect();
    for codec in ["null", "deflate", "snappy", "zstandard"] {
        let (name, text, values) = read_avro(&file(&avro(codec), Part::Value, &records, 2));
        assert_eq!(name, codec);
        assert!(text.starts_with(r#"{"type":"record","name":"User","namespace":"org.example","fields":[{"name":"id","type":"long"},{"name":"name","type":["null","string"],"default":null}"#), "{text}");
        assert_eq!(
            values.iter().map(parts).collect::<Vec<_>>(),
            wanted.iter().map(parts).collect::<Vec<_>>()
        );
    }
}

/// The fields of a user, without the schemas they came with.
fn parts(value: &Value) -> (Vec<Value>, Option<Vec<Value>>) {
    let Value::Struct(user) = value else { panic!("{value:?} is no struct") };
    let (place, fields) = user.values().split_last().expect("fields");
    let place = match place {
        Value::Struct(place) => Some(place.values().to_vec()),
        _ => None,
    };
    (fields.to_vec(), place)
}

#[test]
fn avro_files_begin_with_the_bytes_that_java_writes() {
    let records = [record("t", 0, 0, Datum::new(Some(Arc::clone(&logical::STRING)), Value::string("hi")))];
    let bytes = file(&avro("null"), Part::Value, &records, 1);
    let head = b"Obj\x01\x04\x16avro.schema\x10\"string\"\x14avro.codec\x08null\x00";
    assert_eq!(bytes[..head.len()], head[..]);
    let rest = &bytes[head.len() + 16..];
    assert_eq!(rest[..5], [2, 6, 4, b'h', b'i'], "one record of three bytes");
    assert_eq!(rest[5..], bytes[head.len()..head.len() + 16], "the mark again");
}

#[test]
fn avro_blocks_end_where_java_ends_them_whatever_the_pieces() {
    let records: Vec<SinkRecord> = (0..100)
        .map(|offset| {
            let text = "x".repeat(1_998);
            record("t", 0, offset, Datum::new(Some(Arc::clone(&logical::STRING)), Value::string(text)))
        })
        .collect();
    let whole = file(&avro("null"), Part::Value, &records, 100);
    assert_eq!(whole, file(&avro("null"), Part::Value, &records, 7), "pieces change nothing");
    // 2,000 bytes a record: a block is full with 32 of them.
    let (_, _, values) = read_avro(&whole);
    assert_eq!(values.len(), 100);
    let mark = whole[whole.len() - 16..].to_vec();
    assert_eq!(whole.windows(16).filter(|window| *window == mark).count(), 1 + 4);
}

#[test]
fn avro_takes_values_without_schema_keys_and_headers() {
    let value = Value::Map(Map { entries: vec![(Value::string("a"), Value::Int64(1))] });
    let mut made = record("t", 0, 0, Datum::schemaless(value.clone()));
    made.key = Datum::new(Some(Arc::clone(&logical::STRING)), Value::string("k"));
    made.headers.add("h", Datum::schemaless(Value::Int32(5)));
    let (_, text, values) = read_avro(&file(&avro("null"), Part::Value, std::slice::from_ref(&made), 1));
    assert!(text.contains("\"Anything\""));
    assert_eq!(values, [value]);
    let (_, text, values) = read_avro(&file(&avro("null"), Part::Key, std::slice::from_ref(&made), 1));
    assert_eq!((text.as_str(), values), ("\"string\"", vec![Value::string("k")]));
    let (_, _, values) = read_avro(&file(&avro("null"), Part::Headers, &[made], 1));
    assert!(format!("{values:?}").contains("\"5\""), "{values:?}");
}

#[test]
fn a_record_taken_back_is_not_in_the_file() {
    let schema = user_schema();
    let records = users(&schema);
    for format in [avro("null"), parquet("none", None), lines(Compression::None)] {
        let mut rows = format.rows(Part::Value);
        rows.append(&records[2]).expect("fits");
        rows.undo();
        rows.append(&records[0]).expect("fits");
        rows.append(&records[1]).expect("fits");
        rows.undo();
        let mut encoder = format.encoder("topics/t/partition=0/t+0+0000000000");
        encoder.write(rows.take().expect("laid out")).expect("encoded");
        assert_eq!(encoder.finish().expect("ended"), file(&format, Part::Value, &records[..1], 1));
    }
}

fn lines(compression: Compression) -> RecordFormat {
    RecordFormat::Lines(Arc::new(LineFormat::Json(JsonFormat::new(false))), compression)
}

#[test]
fn compressed_lines_are_read_by_readers_of_their_format() {
    use std::io::Read;
    let records: Vec<SinkRecord> =
        (0..100).map(|offset| record("t", 0, offset, Datum::schemaless(Value::Int64(offset)))).collect();
    let plain = file(&lines(Compression::None), Part::Value, &records, 10);
    let mut out = Vec::new();
    let gzip = file(&lines(Compression::Gzip(1)), Part::Value, &records, 10);
    flate2::read::GzDecoder::new(gzip.as_slice()).read_to_end(&mut out).expect("gzip");
    assert_eq!(out, plain);
    let zstandard = file(&lines(Compression::Zstd(-1)), Part::Value, &records, 10);
    assert_eq!(zstd::stream::decode_all(zstandard.as_slice()).expect("zstd"), plain);
    let mut out = Vec::new();
    let snappy = file(&lines(Compression::Snappy), Part::Value, &records, 10);
    snap::read::FrameDecoder::new(snappy.as_slice()).read_to_end(&mut out).expect("snappy");
    assert_eq!(out, plain);
}

fn json_text(field: &Field) -> String {
    match field {
        Field::Null => "null".to_owned(),
        Field::Str(text) => format!("{text:?}"),
        Field::Double(number) => format!("{number:?}"),
        Field::Group(row) => {
            let fields = row.get_column_iter().map(|(name, field)| format!("{name:?}:{}", json_text(field)));
            format!("{{{}}}", fields.collect::<Vec<_>>().join(","))
        }
        Field::ListInternal(list) => {
            format!("[{}]", list.elements().iter().map(json_text).collect::<Vec<_>>().join(","))
        }
        Field::MapInternal(map) => {
            let entries =
                map.entries().iter().map(|(key, value)| format!("{}:{}", json_text(key), json_text(value)));
            format!("{{{}}}", entries.collect::<Vec<_>>().join(","))
        }
        other => other.to_string(),
    }
}

fn read_parquet(bytes: Vec<u8>) -> (usize, Vec<String>) {
    let reader = SerializedFileReader::new(bytes::Bytes::from(bytes)).expect("a Parquet file");
    let rows =
        reader.get_row_iter(None).expect("rows").map(|row| json_text(&Field::Group(row.expect("a row"))));
    (reader.num_row_groups(), rows.collect())
}

#[test]
fn parquet_files_hold_nested_values_in_every_codec() {
    let schema = user_schema();
    for codec in ["none", "snappy", "gzip", "zstd", "lz4", "lz4_raw"] {
        let (groups, rows) = read_parquet(file(&parquet(codec, None), Part::Value, &users(&schema), 2));
        assert_eq!(groups, 2, "one for each piece");
        assert_eq!(rows.len(), 3, "{codec}");
        // The reader of this crate shows lists of Avro's older style as lists of one list.
        for (row, part) in rows.iter().zip([
            r#""id":1,"name":"a","tags":[["x","y"]],"counts":{"x":7,"y":7}"#,
            r#""id":2,"name":null,"tags":[],"counts":{}"#,
            r#""id":3,"name":"c","tags":[["z"]],"counts":{"z":7}"#,
        ]) {
            assert!(row.contains(part), "{codec}: {row}");
        }
        assert!(
            rows[0].contains(r#""place":{"city":"Rome"}"#) && rows[1].contains(r#""place":null"#),
            "{rows:?}"
        );
    }
}

#[test]
fn parquet_types_are_those_that_parquet_java_chooses() {
    let schema = user_schema();
    let bytes = file(&parquet("snappy", None), Part::Value, &users(&schema), 9);
    let reader = SerializedFileReader::new(bytes::Bytes::from(bytes)).expect("a Parquet file");
    let mut text = Vec::new();
    parquet::schema::printer::print_schema(&mut text, reader.metadata().file_metadata().schema());
    assert_eq!(
        String::from_utf8(text).expect("text"),
        "message org.example.User {\n  \
           REQUIRED INT64 id;\n  \
           OPTIONAL BYTE_ARRAY name (STRING);\n  \
           REQUIRED group tags (LIST) {\n    REPEATED BYTE_ARRAY array (STRING);\n  }\n  \
           REQUIRED group counts (MAP) {\n    REPEATED group key_value {\n      \
           REQUIRED BYTE_ARRAY key (STRING);\n      REQUIRED INT32 value;\n    }\n  }\n  \
           REQUIRED INT32 born (DATE);\n  \
           REQUIRED INT64 seen (TIMESTAMP(MILLIS,true));\n  \
           REQUIRED BYTE_ARRAY price (DECIMAL(64,2));\n  \
           OPTIONAL group place {\n    OPTIONAL BYTE_ARRAY city (STRING);\n  }\n}\n"
    );
    let metadata = reader.metadata().file_metadata().key_value_metadata().expect("there");
    assert_eq!(metadata[0].key, "parquet.avro.schema");
}

fn json(text: &'static str) -> SinkRecord {
    fn value(json: &serde_json::Value) -> Value {
        match json {
            serde_json::Value::Null => Value::Null,
            serde_json::Value::Bool(flag) => Value::Boolean(*flag),
            serde_json::Value::Number(number) => match number.as_i64() {
                Some(number) => Value::Int64(number),
                None => Value::Float64(number.as_f64().expect("a number")),
            },
            serde_json::Value::String(text) => Value::string(text.as_str()),
            serde_json::Value::Array(items) => Value::Array(items.iter().map(value).collect()),
            serde_json::Value::Object(map) => Value::Map(Map {
                entries: map.iter().map(|(key, item)| (Value::string(key.as_str()), value(item))).collect(),
            }),
        }
    }
    let parsed = serde_json::from_str(text).expect("JSON");
    record("t", 0, 0, Datum::schemaless(value(&parsed)))
}

#[test]
fn parquet_finds_the_schema_of_json_out_from_the_rows_of_the_file() {
    let records = [
        json(r#"{"b":1,"a":"x","mixed":1,"list":[{"k":1}]}"#),
        json(r#"{"b":2.5,"c":{"d":true},"mixed":"two","list":[{"l":null},{"k":3}]}"#),
    ];
    let (_, rows) = read_parquet(file(&parquet("snappy", None), Part::Value, &records, 2));
    assert_eq!(
        rows,
        [
            r#"{"a":"x","b":1.0,"c":null,"list":[{"k":1,"l":null}],"mixed":"1"}"#,
            r#"{"a":null,"b":2.5,"c":{"d":true},"list":[{"k":null,"l":null},{"k":3,"l":null}],"mixed":"two"}"#,
        ]
    );
}

#[test]
fn parquet_takes_objects_without_fields_and_names_that_avro_has_not() {
    let (_, rows) = read_parquet(file(&parquet("none", None), Part::Value, &[json("{}"), json("{}")], 2));
    assert_eq!(rows, [r#"{"_empty":null}"#, r#"{"_empty":null}"#]);
    let bytes = file(&parquet("none", None), Part::Value, &[json(r#"{"a-b":1,"2":{"x y":true}}"#)], 1);
    let reader = SerializedFileReader::new(bytes::Bytes::from(bytes.clone())).expect("a Parquet file");
    let metadata = reader.metadata().file_metadata().key_value_metadata();
    assert!(metadata.is_none_or(|entries| entries.iter().all(|entry| entry.key != "parquet.avro.schema")));
    assert_eq!(read_parquet(bytes).1, [r#"{"2":{"x y":true},"a-b":1}"#]);
}

#[test]
fn a_row_without_a_place_in_the_file_asks_for_another_file() {
    let format = parquet("snappy", None);
    let mut rows = format.rows(Part::Value);
    rows.append(&json(r#"{"a":1}"#)).expect("fits");
    assert!(rows.fits(&json(r#"{"b":1}"#)), "the layout is open until rows are taken");
    rows.take().expect("laid out");
    assert!(rows.fits(&json(r#"{"a":2}"#)) && rows.fits(&json(r#"{}"#)) && rows.fits(&json(r#"{"a":null}"#)));
    assert!(!rows.fits(&json(r#"{"b":1}"#)) && !rows.fits(&json(r#"{"a":"text"}"#)));
}

#[test]
fn parquet_takes_a_given_schema_for_json() {
    let given = r#"{"type":"record","name":"R","fields":[{"name":"a","type":"int"},
        {"name":"t","type":["null",{"type":"long","logicalType":"timestamp-millis"}],"default":null},
        {"name":"o","type":["null","string"],"default":null}]}"#;
    let format = parquet("zstd", Some(given));
    let records = [json(r#"{"a":1,"t":5,"o":{"x":[1]},"other":true}"#), json(r#"{"a":2}"#)];
    let (_, rows) = read_parquet(file(&format, Part::Value, &records, 1));
    assert!(rows[0].contains(r#""a":1"#) && rows[0].contains(r#""o":"{\"x\":[1]}""#), "{rows:?}");
    assert!(rows[1].contains(r#""a":2,"t":null,"o":null"#), "{rows:?}");
    let mut refused = format.rows(Part::Value);
    assert!(refused.append(&json(r#"{"t":1}"#)).is_err(), "a required field is missing");
    assert!(refused.append(&json(r#"{"a":"text"}"#)).is_err());
    assert!(refused.append(&record("t", 0, 0, Datum::schemaless(Value::string("x")))).is_err());
}

#[test]
fn parquet_wraps_keys_and_headers() {
    let mut made = json("{}");
    made.key = Datum::new(Some(Arc::clone(&logical::STRING)), Value::string("k"));
    made.headers.add("h", Datum::schemaless(Value::Int32(5)));
    let made = [made];
    let (_, rows) = read_parquet(file(&parquet("none", None), Part::Key, &made, 1));
    assert_eq!(rows, [r#"{"key":"k"}"#]);
    let (_, rows) = read_parquet(file(&parquet("none", None), Part::Headers, &made, 1));
    assert_eq!(rows, [r#"{"headers":[[{"key":"h","value":"5"}]]}"#], "a list of Avro's older style");
}

fn tree() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::Boolean),
        any::<i64>().prop_map(Value::Int64),
        (-1.0e9..1.0e9).prop_map(Value::Float64),
        "[a-z]{0,3}".prop_map(Value::string),
    ];
    leaf.prop_recursive(3, 16, 3, |inner| {
        let map = prop::collection::btree_map("[a-c]", inner.clone(), 0..3);
        prop_oneof![
            prop::collection::vec(inner, 0..3).prop_map(Value::Array),
            map.prop_map(|map| Value::Map(Map {
                entries: map.into_iter().map(|(key, value)| (Value::string(key), value)).collect()
            })),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, ..ProptestConfig::default() })]

    #[test]
    fn any_json_objects_make_a_file_with_as_many_rows(
        maps in prop::collection::vec(prop::collection::btree_map("[a-c]", tree(), 0..4), 1..8),
        piece in 1usize..8,
    ) {
        let records: Vec<SinkRecord> = maps.into_iter().map(|map| {
            let entries = map.into_iter().map(|(key, value)| (Value::string(key), value)).collect();
            record("t", 0, 0, Datum::schemaless(Value::Map(Map { entries })))
        }).collect();
        let format = parquet("none", None);
        let mut rows = format.rows(Part::Value);
        let mut encoder = format.encoder("k");
        let mut written = 0;
        for chunk in records.chunks(piece) {
            for record in chunk {
                if rows.fits(record) {
                    rows.append(record).expect("what fits is taken");
                    written += 1;
                }
            }
            encoder.write(rows.take().expect("laid out")).expect("encoded");
        }
        let (_, read) = read_parquet(encoder.finish().expect("ended"));
        prop_assert_eq!(read.len(), written);
    }
}

fn keyed(offset: i64, name: &str) -> SinkRecord {
    let schema = SchemaBuilder::structure().field("name", Schema::of(Type::String)).build().expect("valid");
    let value = structure(&schema, vec![Value::string(name)]);
    let mut made = record("t", 0, offset, Datum::new(Some(schema), value));
    made.key =
        Datum::new(Some(Arc::new(Schema::optional(Type::String))), Value::string(format!("k{offset}")));
    made.timestamp = Some(1000 + offset);
    made.headers.add("h", Datum::new(Some(Arc::clone(&logical::STRING)), Value::string("x")));
    made
}

fn envelope(fields: &[OutputField], wraps: bool) -> Envelope {
    Envelope { fields: fields.to_vec(), wraps }
}

const ALL: [OutputField; 5] =
    [OutputField::Key, OutputField::Offset, OutputField::Timestamp, OutputField::Headers, OutputField::Value];

#[test]
fn avro_envelopes_have_aivens_schema_and_are_compressed_around() {
    let format = |wraps: bool, fields: &[OutputField], compression: Compression| {
        let format = AvroFormat::new(AvroConfig::default(), AvroCodec::Null);
        let format = format.with_envelope(envelope(fields, wraps)).compressed(compression);
        RecordFormat::Avro(Arc::new(format))
    };
    let records = [keyed(0, "a"), keyed(1, "b")];
    let bytes = file(&format(true, &ALL, Compression::Gzip(-1)), Part::Value, &records, 1);
    let mut plain = Vec::new();
    std::io::Read::read_to_end(&mut flate2::read::GzDecoder::new(&*bytes), &mut plain).expect("gzip");
    let (codec, schema, values) = read_avro(&plain);
    assert_eq!(codec, "null");
    let expected = concat!(
        r#"{"type":"record","name":"connector_records","namespace":"io.aiven.avro.output.schema","fields":["#,
        r#"{"name":"key","type":["null","string"]},{"name":"offset","type":"long"},"#,
        r#"{"name":"timestamp","type":"long"},{"name":"headers","type":{"type":"map","values":"string"}},"#,
        r#"{"name":"value","type":{"type":"record","name":"ConnectDefault","#,
        r#""namespace":"io.confluent.connect.avro","fields":[{"name":"name","type":"string"}]}}]}"#
    );
    assert_eq!(schema, expected);
    let texts: Vec<String> = values.iter().map(connect_core::data::java_text::to_text).collect();
    let row = |offset: i64, name: &str| {
        format!(
            "Struct{{key=k{offset},offset={offset},timestamp={},headers={{h=x}},value=Struct{{name={name}}}}}",
            1000 + offset
        )
    };
    assert_eq!(texts, [row(0, "a"), row(1, "b")]);

    let bare = file(&format(false, &[OutputField::Value], Compression::None), Part::Value, &records, 2);
    let (_, schema, values) = read_avro(&bare);
    assert!(schema.contains(r#""name":"ConnectDefault""#), "{schema}");
    assert_eq!(values.len(), 2);
}

#[test]
fn parquet_envelopes_hold_every_part_and_bare_values_their_own_columns() {
    let codec = || ParquetCodec::parse("gzip").expect("a codec");
    let format = |wraps: bool, fields: &[OutputField]| {
        let format = ParquetFormat::new(AvroConfig::default(), codec(), None);
        RecordFormat::Parquet(Arc::new(format.with_envelope(envelope(fields, wraps))))
    };
    let (_, rows) = read_parquet(file(&format(true, &ALL), Part::Value, &[keyed(7, "a")], 1));
    assert_eq!(
        rows,
        [r#"{"key":"k7","offset":7,"timestamp":1007,"headers":{"h":"x"},"value":{"name":"a"}}"#]
    );
    let bare = format(false, &[OutputField::Value]);
    assert_eq!(read_parquet(file(&bare, Part::Value, &[keyed(7, "a")], 1)).1, [r#"{"name":"a"}"#]);
    let map = SchemaBuilder::map(Arc::clone(&logical::STRING), Arc::new(Schema::of(Type::Int32)));
    let map = map.build().expect("valid");
    let entries = vec![(Value::string("one"), Value::Int32(1)), (Value::string("two"), Value::Int32(2))];
    let mapped = record("t", 0, 0, Datum::new(Some(map), Value::Map(Map { entries })));
    assert_eq!(read_parquet(file(&bare, Part::Value, &[mapped], 1)).1, [r#"{"one":1,"two":2}"#]);
    assert_eq!(read_parquet(file(&bare, Part::Value, &[json(r#"{"a":1}"#)], 1)).1, [r#"{"a":1}"#]);
    let refused = format(true, &ALL).rows(Part::Value).append(&json(r#"{"a":1}"#));
    assert!(refused.expect_err("no schema").to_string().contains("without schema"));
}
