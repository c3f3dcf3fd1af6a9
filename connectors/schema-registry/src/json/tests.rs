//! Schema texts and payloads as Confluent's converter makes them, and the way there and back.

use std::sync::Arc;

use bytes::Bytes;
use connect_core::data::{Datum, Map, Schema, SchemaBuilder, SchemaRef, Struct, Type, Value, logical};
use connect_core::testkit::props;
use serde_json::json;

use super::format::JsonSchemaFormat;
use crate::converter::Format;
use crate::registry::SchemaText;

fn format(pairs: &[(&str, &str)]) -> JsonSchemaFormat {
    let mut format = JsonSchemaFormat::default();
    format.configure(&props(pairs)).expect("valid");
    format
}

fn write(format: &JsonSchemaFormat, schema: &SchemaRef, value: &Value) -> String {
    let mut out = Vec::new();
    format.write(&(), Some(schema), value, &mut out).expect("written");
    String::from_utf8(out).expect("text")
}

fn read(format: &JsonSchemaFormat, text: &str, payload: &str) -> Datum {
    let reader = format.reader(&SchemaText::new(text, "JSON"), None).expect("readable");
    format.read(&reader, &Bytes::copy_from_slice(payload.as_bytes()), 0).expect("read")
}

fn structure(schema: &SchemaRef, values: Vec<Value>) -> Value {
    Value::Struct(Box::new(Struct::from_parts(Arc::clone(schema), values)))
}

#[test]
fn structs_have_the_schema_and_payload_of_confluents_converter() {
    let format = format(&[]);
    let user = SchemaBuilder::structure()
        .name("User")
        .field("id", Schema::of(Type::Int64))
        .field("nick", Schema::optional(Type::String))
        .field("price", logical::decimal(2))
        .field("born", logical::date())
        .field(
            "tags",
            SchemaBuilder::map(Arc::clone(&logical::STRING), Schema::of(Type::Int8).into()).build().unwrap(),
        )
        .field(
            "by",
            SchemaBuilder::map(Schema::of(Type::Int32).into(), Schema::of(Type::Boolean).into())
                .build()
                .unwrap(),
        )
        .build()
        .unwrap();
    let text = format.describe(Some(&user)).unwrap().text;
    let expected = json!({"type": "object", "title": "User", "properties": {
        "id": {"type": "integer", "connect.type": "int64", "connect.index": 0},
        "nick": {"oneOf": [{"type": "null"}, {"type": "string"}], "connect.index": 1},
        "price": {"type": "string", "connect.type": "bytes", "title": "org.apache.kafka.connect.data.Decimal",
            "connect.version": 1, "connect.parameters": {"scale": "2"}, "connect.index": 2},
        "born": {"type": "integer", "connect.type": "int32", "title": "org.apache.kafka.connect.data.Date",
            "connect.version": 1, "connect.index": 3},
        "tags": {"type": "object", "connect.type": "map", "connect.index": 4,
            "additionalProperties": {"type": "integer", "connect.type": "int8"}},
        "by": {"type": "array", "connect.type": "map", "connect.index": 5, "items": {"type": "object", "properties": {
            "key": {"type": "integer", "connect.type": "int32", "connect.index": 0},
            "value": {"type": "boolean", "connect.index": 1}}}},
    }});
    assert_eq!(serde_json::from_str::<serde_json::Value>(&text).unwrap(), expected);
    let value = structure(
        &user,
        vec![
            Value::Int64(7),
            Value::Null,
            Value::Decimal("12.34".parse().unwrap()),
            Value::Date(86_400_000),
            Value::Map(Map { entries: vec![(Value::string("a"), Value::Int8(1))] }),
            Value::Map(Map { entries: vec![(Value::Int32(2), Value::Boolean(true))] }),
        ],
    );
    let payload =
        r#"{"id":7,"nick":null,"price":"BNI=","born":1,"tags":{"a":1},"by":[{"key":2,"value":true}]}"#;
    assert_eq!(write(&format, &user, &value), payload);
    assert_eq!(read(&format, &text, payload), Datum::new(Some(Arc::clone(&user)), value.clone()));
    let numeric = self::format(&[("decimal.format", "numeric"), ("object.additional.properties", "false")]);
    assert!(write(&numeric, &user, &value).contains(r#""price":12.34"#));
    let text = numeric.describe(Some(&user)).unwrap().text;
    assert!(text.contains(r#""additionalProperties":false"#), "{text}");
    assert_eq!(*read(&numeric, &text, &write(&numeric, &user, &value)).value(), value);
}

#[test]
fn schemas_of_others_become_connects() {
    let text = r##"{"title":"R","type":"object","required":["a"],"properties":{
        "a":{"type":"integer"},
        "b":{"type":["null","string"],"default":"x"},
        "c":{"enum":["p","q"]},
        "d":{"oneOf":[{"type":"string"},{"type":"object","properties":{"x":{"type":"number"}}},{"type":"null"}]},
        "e":{"$ref":"#/definitions/E"},
        "f":{"allOf":[{"$ref":"#/definitions/E"},{"properties":{"z":{"type":"boolean"}}}]}},
        "definitions":{"E":{"type":"object","properties":{"y":{"type":"array","items":{"type":"string"}}}}}}"##;
    let format = format(&[("use.optional.for.nonrequired", "true")]);
    let datum = read(&format, text, r#"{"a":1,"c":"q","d":{"x":1.5},"e":{"y":["k"]},"f":{"y":[],"z":true}}"#);
    let schema = datum.schema().unwrap();
    let field = |name: &str| schema.field(name).unwrap().schema.clone();
    assert_eq!((field("a").ty, field("a").optional), (Type::Int64, false));
    assert_eq!((field("b").default.clone(), field("b").optional), (Some(Value::string("x")), true));
    assert_eq!(field("c").parameters.get("io.confluent.connect.json.Enum.q").map(String::as_str), Some("q"));
    assert!(field("d").is_named("io.confluent.connect.json.OneOf") && field("d").optional);
    let value = datum.value();
    let Value::Struct(record) = value.as_ref() else { panic!("no struct") };
    let Value::Struct(choice) = record.get("d").unwrap() else { panic!("no union") };
    let Value::Struct(chosen) = choice.get("io.confluent.connect.json.OneOf.field.1").unwrap() else {
        panic!("no branch")
    };
    assert_eq!(chosen.get("x").unwrap(), &Value::Float64(1.5));
    assert_eq!(record.get("b").unwrap(), &Value::string("x"));
    let Value::Struct(all) = record.get("f").unwrap() else { panic!("no struct") };
    assert_eq!(all.get("z").unwrap(), &Value::Boolean(true));
}

#[test]
fn what_has_no_counterpart_is_refused() {
    let format = format(&[]);
    let refused =
        |text: &str| format.reader(&SchemaText::new(text, "JSON"), None).unwrap_err().context().to_owned();
    assert_eq!(refused(r#"{"type":"array"}"#), "Array schema did not specify the items type");
    assert!(refused(r##"{"type":"object","properties":{"a":{"$ref":"#"}}}"##).contains("holds itself"));
    assert!(refused(r##"{"$ref":"#/nowhere"}"##).contains("`#/nowhere`"));
    assert!(refused("{}").starts_with("Unsupported schema type"));
    assert!(format.describe(None).is_err());
}

proptest::proptest! {
    #[test]
    fn random_payloads_fail_with_data_errors_only(noise in proptest::collection::vec(proptest::prelude::any::<u8>(), 0..64)) {
        let format = format(&[]);
        let text = r#"{"type":"object","properties":{"a":{"type":"array","items":{"type":"string","connect.type":"bytes"}}}}"#;
        let reader = format.reader(&SchemaText::new(text, "JSON"), None).unwrap();
        if let Err(error) = format.read(&reader, &Bytes::from(noise), 0) {
            proptest::prop_assert_eq!(error.kind(), connect_core::error::ErrorKind::Data);
        }
    }
}
