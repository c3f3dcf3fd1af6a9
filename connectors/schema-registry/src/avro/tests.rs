//! Schema texts and bytes as Confluent's converter makes them, and the way there and back.

use std::sync::Arc;

use bytes::Bytes;
use connect_core::data::{Datum, Map, Schema, SchemaBuilder, SchemaRef, Struct, Type, Value, logical};
use connect_core::testkit::props;
use proptest::prelude::*;

use super::format::AvroFormat;
use crate::converter::Format;
use crate::registry::SchemaText;

fn format(pairs: &[(&str, &str)]) -> AvroFormat {
    let mut format = AvroFormat::default();
    format.configure(&props(pairs)).expect("valid");
    format
}

fn text(format: &AvroFormat, schema: &SchemaRef) -> String {
    format.describe(Some(schema)).expect("described").text
}

fn write(format: &AvroFormat, schema: Option<&SchemaRef>, value: &Value) -> Vec<u8> {
    let described = format.describe(schema).expect("described");
    let writer = format.writer(schema, &SchemaText::new(&described.text, "AVRO")).expect("own text");
    let mut out = Vec::new();
    format.write(&writer, schema, value, &mut out).expect("written");
    out
}

fn read(format: &AvroFormat, text: &str, bytes: &[u8]) -> Datum {
    let reader = format.reader(&SchemaText::new(text, "AVRO"), None).expect("readable");
    format.read(&reader, &Bytes::copy_from_slice(bytes), 0).expect("read")
}

fn round_trip(format: &AvroFormat, schema: &SchemaRef, value: &Value) -> Datum {
    read(format, &text(format, schema), &write(format, Some(schema), value))
}

fn structure(schema: &SchemaRef, values: Vec<Value>) -> Value {
    Value::Struct(Box::new(Struct::from_parts(Arc::clone(schema), values)))
}

fn optional(ty: Type) -> SchemaRef {
    Arc::new(Schema::optional(ty))
}

#[test]
fn schemas_have_the_text_that_confluents_converter_registers() {
    let format = format(&[]);
    let user = SchemaBuilder::structure()
        .name("org.example.User")
        .version(2)
        .field("id", Schema::of(Type::Int64))
        .field("age", Schema { default: Some(Value::Int8(7)), ..Schema::of(Type::Int8) })
        .field("name", optional(Type::String))
        .field("born", logical::date())
        .field("price", logical::decimal(2))
        .field(
            "tags",
            SchemaBuilder::map(Arc::clone(&logical::STRING), optional(Type::Int32)).build().unwrap(),
        )
        .field(
            "nick",
            Schema { optional: true, default: Some(Value::string("x")), ..Schema::of(Type::String) },
        )
        .build()
        .unwrap();
    let expected = r#"{"type":"record","name":"User","namespace":"org.example","fields":[{"name":"id","type":"long"},{"name":"age","type":{"type":"int","connect.default":7,"connect.type":"int8"},"default":7},{"name":"name","type":["null","string"],"default":null},{"name":"born","type":{"type":"int","connect.version":1,"connect.name":"org.apache.kafka.connect.data.Date","logicalType":"date"}},{"name":"price","type":{"type":"bytes","scale":2,"precision":64,"connect.version":1,"connect.parameters":{"scale":"2"},"connect.name":"org.apache.kafka.connect.data.Decimal","logicalType":"decimal"}},{"name":"tags","type":{"type":"map","values":["null","int"]}},{"name":"nick","type":[{"type":"string","connect.default":"x"},"null"],"default":"x"}],"connect.version":2,"connect.name":"org.example.User"}"#;
    assert_eq!(text(&format, &user), expected);
    let value = structure(
        &user,
        vec![
            Value::Int64(-3),
            Value::Int8(1),
            Value::Null,
            Value::Date(86_400_000),
            Value::Decimal("12.34".parse().unwrap()),
            Value::Map(Map { entries: vec![(Value::string("a"), Value::Int32(5))] }),
            Value::Null,
        ],
    );
    // long -3, int 1, branch 0, int 1, 2 bytes 0x04d2, one entry "a" of branch 1 with 5, end, the default of `nick`.
    let expected = [&[5, 2, 0, 2, 4, 0x04, 0xd2, 2, 2, b'a', 2, 10, 0][..], &[0, 2, b'x']].concat();
    assert_eq!(write(&format, Some(&user), &value), expected);
}

#[test]
fn unnamed_structs_and_maps_get_confluents_default_names() {
    let format = format(&[]);
    let inner = SchemaBuilder::structure().field("a", Schema::of(Type::Boolean)).build().unwrap();
    let entries = SchemaBuilder::map(Arc::new(Schema::of(Type::Int32)), Arc::clone(&inner)).build().unwrap();
    let outer = SchemaBuilder::structure()
        .field("inner", Arc::clone(&inner))
        .field("again", inner.clone())
        .field("entries", entries)
        .build()
        .unwrap();
    let expected = r#"{"type":"record","name":"ConnectDefault","namespace":"io.confluent.connect.avro","fields":[{"name":"inner","type":{"type":"record","name":"ConnectDefault2","fields":[{"name":"a","type":"boolean"}]}},{"name":"again","type":"ConnectDefault2"},{"name":"entries","type":{"type":"array","items":{"type":"record","name":"MapEntry","fields":[{"name":"key","type":"int"},{"name":"value","type":"ConnectDefault2"}]}}}]}"#;
    assert_eq!(text(&format, &outer), expected);
    let of = |flag| structure(&inner, vec![Value::Boolean(flag)]);
    let map = Value::Map(Map { entries: vec![(Value::Int32(9), of(true))] });
    let value = structure(&outer, vec![of(true), of(false), map]);
    assert_eq!(write(&format, Some(&outer), &value), [1, 0, 2, 18, 1, 0]);
    assert_eq!(round_trip(&format, &outer, &value).into_parts(), (Some(outer), value));
}

#[test]
fn values_without_a_schema_are_records_of_any_type() {
    let format = format(&[]);
    let text = format.describe(None).unwrap().text;
    assert!(text.starts_with(r#"{"type":"record","name":"Anything","namespace":"io.confluent.connect.avro","fields":[{"name":"boolean","type":["null","boolean"],"default":null}"#));
    let map = Map { entries: vec![(Value::string("k"), Value::Array(vec![Value::Int32(1), Value::Null]))] };
    let value = Value::Map(map);
    let bytes = write(&format, None, &value);
    let int = [0, 0, 0, 0, 2, 2, 0, 0, 0, 0];
    let expected = [
        &[0, 0, 0, 0, 0, 0, 0, 0, 2, 2][..],
        &[0, 0, 0, 0, 0, 0, 2, 2, b'k', 0, 0],
        &[0, 0, 0, 0, 0, 0, 0, 2, 4],
        &int[..],
        &[0; 9],
        &[0, 0],
        &[0],
    ]
    .concat();
    assert_eq!(bytes, expected);
    let datum = read(&format, &text, &bytes);
    assert_eq!(datum.schema(), None);
    assert_eq!(*datum.value(), value);
}

#[test]
fn bytes_that_are_the_whole_record_stand_without_their_length() {
    let format = format(&[]);
    let bytes = Arc::new(Schema::of(Type::Bytes));
    let value = Value::Bytes(Bytes::from_static(b"abc"));
    assert_eq!(write(&format, Some(&bytes), &value), b"abc");
    assert_eq!(*round_trip(&format, &bytes, &value).value(), value);
    let decimal = Arc::new(logical::decimal(1));
    let value = Value::Decimal("-0.1".parse().unwrap());
    assert_eq!(write(&format, Some(&decimal), &value), [0xff]);
    assert_eq!(round_trip(&format, &decimal, &value), Datum::new(Some(decimal), value));
}

#[test]
fn avros_own_types_become_connects() {
    let text = r#"{"type":"record","name":"R","namespace":"n","doc":"about","fields":[
        {"name":"e","type":{"type":"enum","name":"E","symbols":["A","B"]},"doc":"letter","default":"B"},
        {"name":"u","type":["null","int",{"type":"record","name":"S","fields":[{"name":"x","type":"string"}]}]},
        {"name":"f","type":{"type":"fixed","name":"F","size":2}},
        {"name":"t","type":{"type":"long","logicalType":"timestamp-micros"}},
        {"name":"n","type":"int","default":3}]}"#;
    let format = format(&[]);
    let datum = read(&format, text, &[2, 4, 2, b'z', 1, 2, 6, 8]);
    let schema = datum.schema().unwrap();
    let docs =
        |key: &str| schema.parameters.get(&format!("io.confluent.connect.avro.{key}")).map(String::as_str);
    assert_eq!(
        (schema.name.as_deref(), docs("record.doc"), docs("field.doc.e")),
        (Some("n.R"), Some("about"), Some("letter"))
    );
    let symbols = &schema.field("e").unwrap().schema;
    assert_eq!((symbols.name.as_deref(), &symbols.default), (Some("n.E"), &Some(Value::string("B"))));
    let parameters: Vec<(&str, &str)> =
        symbols.parameters.iter().map(|(key, value)| (key.as_str(), value.as_str())).collect();
    assert_eq!(
        parameters,
        [
            ("io.confluent.connect.avro.Enum", "n.E"),
            ("io.confluent.connect.avro.Enum.A", "A"),
            ("io.confluent.connect.avro.Enum.B", "B"),
            ("io.confluent.connect.avro.field.default", "true"),
        ]
    );
    let union = &schema.field("u").unwrap().schema;
    assert!(union.optional && union.is_named("io.confluent.connect.avro.Union"));
    let names: Vec<&str> = union.fields.iter().map(|field| field.name.as_str()).collect();
    assert_eq!(names, ["int", "S"]);
    let value = datum.value();
    let Value::Struct(record) = value.as_ref() else { panic!("no struct: {value:?}") };
    let Value::Struct(chosen) = record.get("u").unwrap() else { panic!("no union") };
    let Value::Struct(inner) = chosen.get("S").unwrap() else { panic!("no branch") };
    assert_eq!(inner.get("x").unwrap(), &Value::string("z"));
    assert_eq!(record.get("e").unwrap(), &Value::string("B"));
    assert_eq!(record.get("f").unwrap(), &Value::Bytes(Bytes::from_static(b"\x01\x02")));
    assert_eq!((record.get("t").unwrap(), record.get("n").unwrap()), (&Value::Int64(3), &Value::Int32(4)));
    // The union, the enum (as a string, without enhanced support) and the fixed type find their way back.
    assert_eq!(round_trip(&format, schema, &value).value(), value);
    let enhanced = self::format(&[("enhanced.avro.schema.support", "true")]);
    let datum = read(&enhanced, text, &[2, 4, 2, b'z', 1, 2, 6, 8]);
    let again = self::text(&enhanced, datum.schema().unwrap());
    assert!(again.contains(r#"{"type":"enum","name":"E","symbols":["A","B"]"#), "{again}");
    assert_eq!(round_trip(&enhanced, datum.schema().unwrap(), &datum.value()), datum);
}

#[test]
fn the_registrys_version_is_the_schemas_unless_it_names_its_own() {
    let format = format(&[]);
    let version = |text: &str| {
        let reader = format.reader(&SchemaText::new(text, "AVRO"), Some(4));
        let datum = format.read(&reader.unwrap(), &Bytes::from_static(&[0]), 0).unwrap();
        datum.schema().unwrap().version
    };
    assert_eq!(version("\"int\""), Some(4));
    assert_eq!(version(r#"{"type":"int","connect.version":9}"#), Some(9));
    let date = SchemaText::new(r#"{"type":"int","logicalType":"date"}"#, "AVRO");
    assert!(format.reader(&date, Some(4)).unwrap_err().context().starts_with("Mismatched versions"));
}

#[test]
fn what_avro_cannot_say_is_refused() {
    let format = format(&[]);
    let refused =
        |text: &str| format.reader(&SchemaText::new(text, "AVRO"), None).unwrap_err().context().to_owned();
    assert_eq!(refused("\"null\""), "Standalone null schemas are not supported by this converter");
    let cyclic = r#"{"type":"record","name":"L","fields":[{"name":"next","type":["null","L"]}]}"#;
    assert_eq!(refused(cyclic), "record `L` holds itself, which is not supported");
    assert!(refused("{\"type\":\"what\"}").contains("`what` is not defined"));
    let first = SchemaBuilder::structure().name("a").field("x", Schema::of(Type::Int8)).build().unwrap();
    let second = SchemaBuilder::structure().name("a").field("y", Schema::of(Type::Int8)).build().unwrap();
    let both = SchemaBuilder::structure().field("p", first).field("q", second).build().unwrap();
    assert_eq!(format.describe(Some(&both)).unwrap_err().context(), "Can't redefine: a");
}

#[test]
fn a_newer_schema_takes_fields_by_name() {
    let format = format(&[]);
    let schema = SchemaBuilder::structure()
        .name("R")
        .field("a", Schema::of(Type::Int32))
        .field("b", Schema::of(Type::String))
        .build()
        .unwrap();
    let value = structure(&schema, vec![Value::Int32(1), Value::string("b")]);
    let newest = r#"{"type":"record","name":"R","fields":[{"name":"b","type":"string"},{"name":"c","type":["null","int"],"default":null},{"name":"a","type":"long"}]}"#;
    let writer = format.writer(Some(&schema), &SchemaText::new(newest, "AVRO")).unwrap();
    let mut out = Vec::new();
    format.write(&writer, Some(&schema), &value, &mut out).unwrap();
    assert_eq!(out, [2, b'b', 0, 2]);
    let other = r#"{"type":"record","name":"R","fields":[{"name":"z","type":"string"}]}"#;
    let writer = format.writer(Some(&schema), &SchemaText::new(other, "AVRO")).unwrap();
    assert!(format.write(&writer, Some(&schema), &value, &mut out).is_err());
}

/// Schemas with values of them.
fn samples() -> impl Strategy<Value = (SchemaRef, Value)> {
    let leaf = prop_oneof![
        any::<i8>().prop_map(|number| (Schema::of(Type::Int8), Value::Int8(number))),
        any::<i16>().prop_map(|number| (Schema::of(Type::Int16), Value::Int16(number))),
        any::<i32>().prop_map(|number| (Schema::of(Type::Int32), Value::Int32(number))),
        any::<i64>().prop_map(|number| (Schema::of(Type::Int64), Value::Int64(number))),
        (-1e30f32..1e30).prop_map(|number| (Schema::of(Type::Float32), Value::Float32(number))),
        (-1e300f64..1e300).prop_map(|number| (Schema::of(Type::Float64), Value::Float64(number))),
        any::<bool>().prop_map(|flag| (Schema::of(Type::Boolean), Value::Boolean(flag))),
        ".{0,12}".prop_map(|text| (Schema::of(Type::String), Value::string(text))),
        prop::collection::vec(any::<u8>(), 0..9)
            .prop_map(|bytes| (Schema::of(Type::Bytes), Value::Bytes(Bytes::from(bytes)))),
        (any::<i64>(), 0..9i32).prop_map(|(number, scale)| {
            let decimal = bigdecimal::BigDecimal::new(number.into(), i64::from(scale));
            (logical::decimal(scale), Value::Decimal(decimal))
        }),
        any::<i32>()
            .prop_map(|days| (logical::date(), Value::Date(i64::from(days) * logical::MILLIS_PER_DAY))),
        (0..86_400_000i64).prop_map(|millis| (logical::time(), Value::Date(millis))),
        any::<i64>().prop_map(|millis| (logical::timestamp(), Value::Date(millis))),
    ];
    let leaf = (leaf, any::<bool>(), any::<bool>()).prop_map(|((schema, value), optional, is_null)| {
        let value = if optional && is_null { Value::Null } else { value };
        (Arc::new(Schema { optional, ..schema }), value)
    });
    leaf.prop_recursive(3, 24, 5, |inner| {
        prop_oneof![
            (inner.clone(), 0..4usize).prop_map(|((schema, value), count)| {
                (SchemaBuilder::array(schema).build().unwrap(), Value::Array(vec![value; count]))
            }),
            (inner.clone(), 0..2usize).prop_map(|((schema, value), count)| {
                let entries = vec![(Value::string("k"), value); count];
                (
                    SchemaBuilder::map(Arc::clone(&logical::STRING), schema).build().unwrap(),
                    Value::Map(Map { entries }),
                )
            }),
            prop::collection::vec(inner, 0..5).prop_map(|fields| {
                let mut builder = SchemaBuilder::structure();
                let mut values = Vec::new();
                for (index, (schema, value)) in fields.into_iter().enumerate() {
                    builder = builder.field(format!("f{index}"), schema);
                    values.push(value);
                }
                let schema = builder.build().unwrap();
                let value = structure(&schema, values);
                (schema, value)
            }),
        ]
    })
}

proptest! {
    #[test]
    fn what_is_written_is_read_again((schema, value) in samples()) {
        prop_assume!(!value.is_null());
        let format = format(&[]);
        let datum = round_trip(&format, &schema, &value);
        prop_assert_eq!(datum.schema(), Some(&schema));
        let read = datum.value().into_owned();
        prop_assert_eq!(read, value);
    }

    #[test]
    fn random_bytes_neither_panic_nor_take_memory_without_bound(
        (schema, _) in samples(),
        noise in prop::collection::vec(any::<u8>(), 0..64),
    ) {
        let format = format(&[]);
        for text in [text(&format, &schema), format.describe(None).unwrap().text] {
            let reader = format.reader(&SchemaText::new(&text, "AVRO"), None).unwrap();
            if let Err(error) = format.read(&reader, &Bytes::from(noise.clone()), 0) {
                prop_assert_eq!(error.kind(), connect_core::error::ErrorKind::Data);
            }
        }
    }

    #[test]
    fn random_texts_are_no_schema_and_do_not_panic(text in "[\\[\\]{}\":,a-z]{0,40}") {
        let format = format(&[]);
        if let Err(error) = format.reader(&SchemaText::new(&text, "AVRO"), None) {
            prop_assert!(!error.context().is_empty());
        }
    }
}
