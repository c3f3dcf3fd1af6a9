use connect_core::data::{Schema, SchemaBuilder, Type};

use super::*;

fn converter(pairs: &[(&str, &str)]) -> Result<JsonConverter, ConnectError> {
    let props = pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
    let mut converter = JsonConverter::default();
    converter.configure(&props, ConverterRole::Value)?;
    Ok(converter)
}

fn read(converter: &JsonConverter, text: &str) -> Result<Datum, ConnectError> {
    let bytes = Bytes::copy_from_slice(text.as_bytes());
    converter.to_connect_data("t", None, Some(&bytes), &mut BytesMut::new())
}

const LOG: &str = r#"{"timestamp":"2025-01-01T12:00:00Z","level":"ERROR"}"#;
const ENVELOPE: &str = r#"{"schema":{"type":"int32","optional":false},"payload":7}"#;

#[test]
fn plain_json_passes_when_schemas_enable_is_not_set() {
    let converter = converter(&[]).unwrap();
    let datum = read(&converter, LOG).unwrap();
    assert_eq!(datum.schema(), None);
    assert_eq!(&*datum.json_text().unwrap(), r#"{"level":"ERROR","timestamp":"2025-01-01T12:00:00Z"}"#);
    assert!(converter.has_warned.load(Ordering::Relaxed));
    for text in ["", "null"] {
        assert!(read(&converter, text).unwrap().is_null());
    }
    let near_envelope = r#"{"schema":1,"payload":2,"more":3}"#;
    assert_eq!(
        &*read(&converter, near_envelope).unwrap().json_text().unwrap(),
        r#"{"schema":1,"payload":2,"more":3}"#
    );
}

#[test]
fn envelopes_are_opened_when_schemas_enable_is_not_set() {
    let converter = converter(&[]).unwrap();
    for text in [ENVELOPE.to_owned(), ENVELOPE.replace("schema", "\\u0073chema"), format!(" {ENVELOPE} ")] {
        let datum = read(&converter, &text).unwrap();
        assert_eq!(datum.schema().unwrap().ty, Type::Int32, "{text}");
        assert_eq!(datum.value().into_owned(), Value::Int32(7));
        assert_eq!(converter.from_datum("t", &datum).unwrap().unwrap(), ENVELOPE);
    }
    assert!(!converter.has_warned.load(Ordering::Relaxed));
}

#[test]
fn plain_json_fails_when_schemas_are_enabled() {
    let converter = converter(&[("schemas.enable", "true")]).unwrap();
    for text in [LOG, "", "null", "[]", "5"] {
        assert_eq!(read(&converter, text).unwrap_err().context(), NO_ENVELOPE, "{text}");
    }
    assert_eq!(read(&converter, ENVELOPE).unwrap().value().into_owned(), Value::Int32(7));
}

#[test]
fn an_envelopes_schema_is_built_once() {
    let converter = converter(&[("schemas.enable", "true")]).unwrap();
    let first = read(&converter, ENVELOPE).unwrap();
    let second = read(&converter, &ENVELOPE.replace('7', "8")).unwrap();
    assert!(Arc::ptr_eq(first.schema().unwrap(), second.schema().unwrap()));
    let uncached = self::converter(&[("schemas.enable", "true"), ("schemas.cache.size", "0")]).unwrap();
    let other = [read(&uncached, ENVELOPE).unwrap(), read(&uncached, ENVELOPE).unwrap()];
    assert!(!Arc::ptr_eq(other[0].schema().unwrap(), other[1].schema().unwrap()));
    assert_eq!(other[0], other[1]);
}

#[test]
fn schema_content_types_bare_payloads() {
    let content = r#"{"type":"struct","fields":[{"type":"int8","field":"a"}]}"#;
    let converter = converter(&[("schemas.enable", "true"), ("schema.content", content)]).unwrap();
    let datum = read(&converter, r#"{"a":300}"#).unwrap();
    let Value::Struct(structure) = datum.value().into_owned() else { panic!("a struct") };
    assert_eq!(structure.get("a").unwrap(), &Value::Int8(44));
    let error = read(&converter, "").unwrap_err();
    assert_eq!(error.context(), "Structs should be encoded as JSON objects, but found MISSING");
    assert!(self::converter(&[("schema.content", "{")]).is_err());
}

#[test]
fn missing_values_are_replaced_by_defaults_unless_told_otherwise() {
    let schema = SchemaBuilder::new(Type::Int32).optional().default_value(Value::Int32(5)).build().unwrap();
    for (replace, text, value) in [("true", "5", Value::Int32(5)), ("false", "null", Value::Null)] {
        let converter =
            converter(&[("schemas.enable", "false"), ("replace.null.with.default", replace)]).unwrap();
        let bytes = converter.from_connect_data("t", Some(&schema), &Value::Null).unwrap().unwrap();
        assert_eq!(bytes, text);
        let envelopes =
            self::converter(&[("schemas.enable", "true"), ("replace.null.with.default", replace)]).unwrap();
        let text = r#"{"schema":{"type":"int32","optional":true,"default":5},"payload":null}"#;
        assert_eq!(read(&envelopes, text).unwrap().value().into_owned(), value);
    }
}

#[test]
fn nulls_are_tombstones_only_without_a_schema() {
    let converter = converter(&[("schemas.enable", "false")]).unwrap();
    assert_eq!(converter.from_connect_data("t", None, &Value::Null).unwrap(), None);
    let optional = Arc::new(Schema::optional(Type::Int8));
    assert_eq!(converter.from_connect_data("t", Some(&optional), &Value::Null).unwrap().unwrap(), "null");
    let required = Arc::new(Schema::of(Type::Int8));
    let error = converter.from_connect_data("t", Some(&required), &Value::Null).unwrap_err();
    assert_eq!(
        error.context(),
        "Conversion error: null value for field that is required and has no default value"
    );
    assert!(converter.to_connect_data("t", None, None, &mut BytesMut::new()).unwrap().is_null());
}

#[test]
fn values_outside_the_type_table_need_a_schema() {
    let converter = converter(&[("schemas.enable", "false")]).unwrap();
    let error = converter.from_connect_data("t", None, &Value::Date(0)).unwrap_err();
    assert_eq!(error.context(), "Java class class java.util.Date does not have corresponding schema type.");
    let string = Arc::new(Schema::of(Type::String));
    let error = converter.from_connect_data("t", Some(&string), &Value::Int8(1)).unwrap_err();
    assert_eq!(error.context(), "Invalid type for STRING: class java.lang.Byte");
}

#[test]
fn an_undecoded_value_gets_an_envelope_around_its_text() {
    let text = Bytes::from_static(br#"{"a":1}"#);
    let datum = Datum::from_json(text.clone(), json::decode_canonical);
    let bare = converter(&[("schemas.enable", "false")]).unwrap();
    assert_eq!(bare.from_datum("t", &datum).unwrap().unwrap(), text);
    let envelope = converter(&[]).unwrap().from_datum("t", &datum).unwrap().unwrap();
    assert_eq!(envelope, r#"{"schema":null,"payload":{"a":1}}"#);
}
