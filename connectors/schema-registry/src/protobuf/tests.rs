//! Schema texts and bytes as Confluent's converter makes them, and the way there and back.

use std::sync::Arc;

use bytes::Bytes;
use connect_core::data::{Datum, Map, Schema, SchemaBuilder, SchemaRef, Struct, Type, Value, logical};
use connect_core::testkit::props;

use super::format::ProtobufFormat;
use crate::converter::Format;
use crate::registry::SchemaText;

fn format(pairs: &[(&str, &str)]) -> ProtobufFormat {
    let mut format = ProtobufFormat::default();
    format.configure(&props(pairs)).expect("valid");
    format
}

fn write(format: &ProtobufFormat, schema: &SchemaRef, value: &Value) -> Vec<u8> {
    let text = format.describe(Some(schema)).expect("described").text;
    let writer = format.writer(Some(schema), &SchemaText::new(&text, "PROTOBUF"));
    let writer = writer.unwrap_or_else(|error| panic!("{}\n{text}", error.trace()));
    let mut out = Vec::new();
    format.write(&writer, Some(schema), value, &mut out).unwrap_or_else(|error| panic!("{}", error.trace()));
    out
}

fn read(format: &ProtobufFormat, text: &str, bytes: &[u8]) -> Datum {
    let reader = format.reader(&SchemaText::new(text, "PROTOBUF"), None);
    let reader = reader.unwrap_or_else(|error| panic!("{}\n{text}", error.trace()));
    format
        .read(&reader, &Bytes::copy_from_slice(bytes), 0)
        .unwrap_or_else(|error| panic!("{}", error.trace()))
}

fn structure(schema: &SchemaRef, values: Vec<Value>) -> Value {
    Value::Struct(Box::new(Struct::from_parts(Arc::clone(schema), values)))
}

fn values(datum: &Datum) -> Vec<Value> {
    match datum.value().into_owned() {
        Value::Struct(structure) => structure.into_parts().1,
        other => panic!("no struct: {other:?}"),
    }
}

#[test]
fn structs_have_the_text_and_bytes_of_confluents_converter() {
    let format = format(&[]);
    let user = SchemaBuilder::structure()
        .name("org.example.User")
        .field("id", Schema::of(Type::Int64))
        .field("age", Schema::of(Type::Int8))
        .field("names", SchemaBuilder::array(Schema::of(Type::String).into()).build().unwrap())
        .build()
        .unwrap();
    let text = "syntax = \"proto3\";\npackage org.example;\n\nmessage User {\n  int64 id = 1;\n  int32 age = 2 [(confluent.field_meta) = {\n    params: [\n      {\n        key: \"connect.type\",\n        value: \"int8\"\n      }\n    ]\n  }];\n  repeated string names = 3;\n}\n";
    let described = format.describe(Some(&user)).unwrap();
    assert_eq!((described.text.as_str(), described.record.as_deref()), (text, Some("org.example.User")));
    let value = structure(
        &user,
        vec![Value::Int64(150), Value::Int8(7), Value::Array(vec![Value::string("a"), Value::string("b")])],
    );
    // The indexes in short, field 1 with 150, field 2 with 7, field 3 twice.
    let bytes = [0, 0x08, 0x96, 0x01, 0x10, 7, 0x1a, 1, b'a', 0x1a, 1, b'b'];
    assert_eq!(write(&format, &user, &value), bytes);
    let read = read(&format, text, &bytes);
    assert_eq!(
        values(&read),
        [Value::Int64(150), Value::Int8(7), Value::Array(vec![Value::string("a"), Value::string("b")])]
    );
    let schema = read.schema().unwrap();
    assert_eq!(schema.name.as_deref(), Some("User"));
    let age = &schema.field("age").unwrap().schema;
    assert_eq!((age.ty, age.optional), (Type::Int8, true));
    assert_eq!(age.parameters.get("io.confluent.connect.protobuf.Tag").map(String::as_str), Some("2"));
}

#[test]
fn nested_types_maps_and_logical_types_come_back() {
    let format = format(&[]);
    let inner =
        SchemaBuilder::structure().name("Inner").field("x", Schema::of(Type::Float64)).build().unwrap();
    let map =
        SchemaBuilder::map(Arc::clone(&logical::STRING), Schema::of(Type::Int32).into()).name("tag_map");
    let schema = SchemaBuilder::structure()
        .name("Outer")
        .field("inner", Arc::clone(&inner))
        .field("tags", map.build().unwrap())
        .field("price", logical::decimal(2))
        .field("day", logical::date())
        .field("time", logical::time())
        .field("at", logical::timestamp())
        .field("raw", Schema::of(Type::Bytes))
        .build()
        .unwrap();
    let value = vec![
        structure(&inner, vec![Value::Float64(0.5)]),
        Value::Map(Map { entries: vec![(Value::string("a"), Value::Int32(-1))] }),
        Value::Decimal("-12.34".parse().unwrap()),
        Value::Date(-86_400_000),
        Value::Date(3_723_004),
        Value::Date(-1),
        Value::Bytes(Bytes::from_static(b"\x00\xff")),
    ];
    let text = format.describe(Some(&schema)).unwrap().text;
    assert!(
        text.contains("repeated TagMapEntry tags = 2;") && text.contains("  message TagMapEntry {"),
        "{text}"
    );
    let read = read(&format, &text, &write(&format, &schema, &structure(&schema, value.clone())));
    let read_values = values(&read);
    assert_eq!(read_values[1..], value[1..]);
    assert!(read.schema().unwrap().field("tags").unwrap().schema.is_named("tag_map"));
    for millis in [-62_135_596_800_000, 951_782_400_000, 253_402_214_400_000] {
        let mut value = value.clone();
        value[3] = Value::Date(millis);
        let bytes = write(&format, &schema, &structure(&schema, value));
        assert_eq!(values(&self::read(&format, &text, &bytes))[3], Value::Date(millis));
    }
}

#[test]
fn oneofs_enums_wrappers_and_inner_messages_are_read() {
    let text = "syntax = \"proto3\"; package p; import \"google/protobuf/wrappers.proto\";
        message First { int32 a = 1; }
        message M {
            message In { optional string s = 1; }
            enum E { ZERO = 0; ONE = 1; }
            oneof choice { string text = 1; In inner = 2; }
            E e = 3;
            google.protobuf.StringValue w = 4;
            map<string, uint32> m = 5;
        }";
    let wrappers = format(&[("wrapper.for.nullables", "true"), ("enhanced.protobuf.schema.support", "true")]);
    // Indexes [1]: one index, 1. Then `inner` with an empty message, e = 1, w = "x", m["k"] = 3.
    let bytes = [2, 2, 0x12, 0, 0x18, 1, 0x22, 3, 0x0a, 1, b'x', 0x2a, 5, 0x0a, 1, b'k', 0x10, 3];
    let datum = read(&wrappers, text, &bytes);
    let schema = datum.schema().unwrap();
    let names: Vec<&str> = schema.fields.iter().map(|field| field.name.as_str()).collect();
    assert_eq!((schema.name.as_deref(), names), (Some("p.M"), vec!["choice_0", "e", "w", "m"]));
    let found = values(&datum);
    let Value::Struct(choice) = &found[0] else { panic!("no oneof: {found:?}") };
    assert!(choice.get("text").unwrap().is_null());
    let Value::Struct(inner) = choice.get("inner").unwrap() else { panic!("no member") };
    assert_eq!(inner.get("s").unwrap(), &Value::Null);
    assert_eq!(found[1..3], [Value::string("ONE"), Value::string("x")]);
    assert_eq!(found[3], Value::Map(Map { entries: vec![(Value::string("k"), Value::Int64(3))] }));
    // Indexes [1, 0]: the message inside.
    let inside = read(&wrappers, text, &[4, 2, 0, 0x0a, 1, b'y']);
    assert_eq!(values(&inside), [Value::string("y")]);
    // And back: the schema read makes a message of its own with the same bytes behind the indexes.
    assert_eq!(write(&wrappers, schema, &datum.value()), [&[0], &bytes[2..]].concat());
}

#[test]
fn what_protobuf_cannot_say_is_refused() {
    let format = format(&[]);
    let list = SchemaBuilder::array(Arc::clone(&logical::STRING)).build().unwrap();
    assert_eq!(format.describe(Some(&list)).unwrap_err().context(), "Unsupported root schema of type ARRAY");
    let nested = SchemaBuilder::array(SchemaBuilder::array(Arc::clone(&logical::STRING)).build().unwrap())
        .build()
        .unwrap();
    let nested = SchemaBuilder::structure().field("a", nested).build().unwrap();
    assert_eq!(format.describe(Some(&nested)).unwrap_err().context(), "Array cannot be nested");
    let cyclic = "syntax = \"proto3\"; message L { L next = 1; }";
    let reader = format.reader(&SchemaText::new(cyclic, "PROTOBUF"), None).unwrap();
    let error = format.read(&reader, &Bytes::from_static(&[0]), 0).unwrap_err();
    assert_eq!(error.context(), "message `L` holds itself, which is not supported");
    assert!(format.reader(&SchemaText::new("message", "PROTOBUF"), None).is_err());
}

#[test]
fn files_that_are_referred_to_are_imported() {
    let mut schema = SchemaText::new(
        "syntax = \"proto3\"; import \"other.proto\"; message M { o.Other other = 1; }",
        "PROTOBUF",
    );
    schema.references = vec![(
        "other.proto".to_owned(),
        "syntax = \"proto3\"; package o; message Other { bool yes = 1; }".to_owned(),
    )];
    let format = format(&[]);
    let datum = format
        .read(&format.reader(&schema, Some(3)).unwrap(), &Bytes::from_static(&[0, 0x0a, 2, 8, 1]), 0)
        .unwrap();
    assert_eq!(datum.schema().unwrap().version, Some(3));
    assert_eq!(values(&datum).len(), 1);
}

proptest::proptest! {
    #[test]
    fn random_bytes_fail_with_data_errors_only(noise in proptest::collection::vec(proptest::prelude::any::<u8>(), 0..64)) {
        let format = format(&[]);
        let text = "syntax = \"proto3\"; message M { string a = 1; repeated int64 b = 2; map<int32, M2> c = 3; message M2 { bytes d = 1; } }";
        let reader = format.reader(&SchemaText::new(text, "PROTOBUF"), None).unwrap();
        if let Err(error) = format.read(&reader, &Bytes::from(noise), 0) {
            proptest::prop_assert_eq!(error.kind(), connect_core::error::ErrorKind::Data);
        }
    }
}
