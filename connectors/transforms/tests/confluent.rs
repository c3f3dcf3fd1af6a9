//! The transforms that people add beside Kafka's own.

use connect_core::config::Props;
use connect_core::data::{Datum, Map, Schema, Type, Value};
use connect_core::headers::Headers;
use connect_core::plugin::{Factory, PluginKind, Registry};
use connect_core::record::ConnectRecord;
use connect_core::transform::{Outcome, Position, Transform};

/// Keys and values.
type Settings<'a> = &'a [(&'a str, &'a str)];

fn transform(class: &str, props: Settings<'_>) -> Result<Box<dyn Transform>, String> {
    let registry = Registry::new(connector_transforms::plugins());
    let plugin = registry.find(&[PluginKind::Transformation], class).expect("known class");
    let Factory::Transform(make) = &plugin.factory else { panic!("{class} is no transform") };
    let mut transform = make();
    let props: Props = props.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
    transform.configure(&props).map_err(|error| error.to_string())?;
    Ok(transform)
}

fn record(value: Datum) -> ConnectRecord {
    ConnectRecord {
        topic: "logs".into(),
        partition: Some(0),
        key: Datum::schemaless(Value::string("k")),
        value,
        timestamp: Some(5),
        headers: Headers::new(),
    }
}

fn map(entries: &[(&str, Value)]) -> Value {
    let entries = entries.iter().map(|(name, value)| (Value::string(*name), value.clone())).collect();
    Value::Map(Map { entries })
}

fn apply(transform: &dyn Transform, record: &mut ConnectRecord) -> Result<Outcome, String> {
    transform.apply(record, Position { kafka_offset: Some(7) }).map_err(|error| error.to_string())
}

#[test]
fn drop_empties_a_side_and_treats_its_schema_as_told() {
    let class = "io.confluent.connect.transforms.Drop$Value";
    let required = || Datum::new(Some(Schema::of(Type::String).into()), Value::string("v"));
    let mut nullified = record(required());
    apply(&*transform(class, &[]).expect("configured"), &mut nullified).expect("dropped");
    assert!(nullified.value.is_null() && nullified.value.schema().is_none() && !nullified.key.is_null());

    let retain = transform(class, &[("schema.behavior", "retain")]).expect("configured");
    let error = apply(&*retain, &mut record(required())).expect_err("not optional");
    assert!(error.contains("`force_optional`"), "{error}");

    let force = transform(class, &[("schema.behavior", "force_optional")]).expect("configured");
    let mut forced = record(required());
    apply(&*force, &mut forced).expect("dropped");
    assert!(forced.value.schema().is_some_and(|schema| schema.optional && schema.ty == Type::String));
}

#[test]
fn topics_come_from_values_fields_paths_and_headers() {
    let value = map(&[("topic", Value::string("a")), ("log", map(&[("to", Value::string("b"))]))]);
    let class = |side: &str| format!("io.confluent.connect.transforms.ExtractTopic${side}");
    let cases: [(&str, Settings<'_>, &str); 5] = [
        ("Value", &[("field", "topic")], "a"),
        ("Value", &[("field", "$.log.to"), ("field.format", "JSON_PATH")], "b"),
        ("Key", &[], "k"),
        ("Header", &[("field", "h")], "c"),
        ("Value", &[("field", "none"), ("skip.missing.or.null", "true")], "logs"),
    ];
    for (side, props, expected) in cases {
        let mut record = record(Datum::schemaless(value.clone()));
        record.headers.add("h", Datum::schemaless(Value::string("c")));
        apply(&*transform(&class(side), props).expect("configured"), &mut record).expect("applied");
        assert_eq!(&*record.topic, expected, "{side} {props:?}");
    }
    let missing = transform(&class("Value"), &[("field", "none")]).expect("configured");
    let error = apply(&*missing, &mut record(Datum::schemaless(value))).expect_err("missing");
    assert!(error.contains("`none`") && error.contains("`skip.missing.or.null`"), "{error}");
}

#[test]
fn tombstones_are_dropped_kept_or_refused() {
    let class = "io.confluent.connect.transforms.TombstoneHandler";
    let outcome = |behavior: &str, value: Datum| {
        let transform = transform(class, &[("behavior", behavior)]).expect("configured");
        apply(&*transform, &mut record(value))
    };
    assert_eq!(outcome("drop_silent", Datum::NULL), Ok(Outcome::Drop));
    assert_eq!(outcome("drop_warn", Datum::NULL), Ok(Outcome::Drop));
    assert_eq!(outcome("ignore", Datum::NULL), Ok(Outcome::Keep));
    assert!(outcome("fail", Datum::NULL).is_err());
    assert_eq!(outcome("fail", Datum::schemaless(Value::Int64(1))), Ok(Outcome::Keep));
}

#[test]
fn timestamp_now_is_the_time_of_processing() {
    let class = "com.github.jcustenborder.kafka.connect.transform.common.TimestampNow";
    let mut stamped = record(Datum::NULL);
    apply(&*transform(class, &[]).expect("configured"), &mut stamped).expect("stamped");
    assert!(stamped.timestamp.is_some_and(|time| time > 1_700_000_000_000));
}
