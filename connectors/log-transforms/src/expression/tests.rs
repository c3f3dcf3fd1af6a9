use connect_core::data::{Datum, Map};
use connect_core::headers::Headers;

use super::*;

fn record() -> ConnectRecord {
    let entry = |name: &str, value: Value| (Value::string(name), value);
    let http = Map { entries: vec![entry("status", Value::Int32(503)), entry("path", Value::string("/a"))] };
    let entries = vec![
        entry("level", Value::string("error")),
        entry("took", Value::Float64(0.25)),
        entry("http", Value::Map(http)),
    ];
    let mut headers = Headers::new();
    headers.add("env", Datum::schemaless(Value::string("prod")));
    ConnectRecord {
        topic: "logs".into(),
        partition: Some(3),
        key: Datum::schemaless(Value::string("k")),
        value: Datum::schemaless(Value::Map(Map { entries })),
        timestamp: Some(1_700_000_000_000),
        headers,
    }
}

fn apply(settings: &[(&str, &str)], record: &mut ConnectRecord) -> Result<Outcome, String> {
    let mut transform = Expression::default();
    let props = settings.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
    transform.configure(&props).map_err(|error| error.to_string())?;
    transform.apply(record, Position { kafka_offset: Some(7) }).map_err(|error| error.to_string())
}

#[test]
fn conditions_see_the_whole_record() {
    let cases = [
        ("value.level == 'error' && value.http.status >= 500", Outcome::Keep),
        ("value.took > 1.0", Outcome::Drop),
        ("has(value.user)", Outcome::Drop),
        ("key == 'k' && topic == 'logs' && partition == 3 && offset == 7", Outcome::Keep),
        ("headers.env in ['prod', 'stage'] && timestamp > 0", Outcome::Keep),
        ("value.http.path.startsWith('/a') && value.level.matches('^err')", Outcome::Keep),
    ];
    for (condition, expected) in cases {
        assert_eq!(apply(&[("condition", condition)], &mut record()), Ok(expected), "{condition}");
    }
}

#[test]
fn fields_topic_and_timestamp_are_set() {
    let mut changed = record();
    let set = "slow=value.took > 0.2;label=value.level.upperAscii() + ';' + headers.env\nlast=value.label; nested={'a': [1, 2u]}";
    let settings = [
        ("set", set),
        ("remove", "http,took"),
        ("topic", "topic + '-' + value.level"),
        ("timestamp", "timestamp + 1"),
    ];
    assert_eq!(apply(&settings, &mut changed), Ok(Outcome::Keep));
    let mut text = Vec::new();
    connect_core::data::json::write_value(&mut text, &changed.value.value());
    assert_eq!(
        String::from_utf8(text).expect("JSON is UTF-8"),
        r#"{"level":"error","slow":true,"label":"ERROR;prod","last":"ERROR;prod","nested":{"a":[1,2]}}"#
    );
    assert_eq!((&*changed.topic, changed.timestamp), ("logs-error", Some(1_700_000_000_001)));
}

#[test]
fn failing_expressions_go_the_configured_way() {
    let missing = ("set", "a=1;b=value.nobody");
    let error = apply(&[missing], &mut record()).expect_err("missing");
    assert!(error.contains("evaluating `value.nobody` failed") && error.contains("`on.mismatch`"), "{error}");
    assert_eq!(apply(&[missing, ("on.mismatch", "drop")], &mut record()), Ok(Outcome::Drop));
    let mut kept = record();
    assert_eq!(apply(&[missing, ("on.mismatch", "keep")], &mut kept), Ok(Outcome::Keep));
    assert_eq!(kept.value.value(), record().value.value(), "nothing is half changed");
    let error = apply(&[("condition", "value.level")], &mut record()).expect_err("no boolean");
    assert!(error.contains("did not give true or false"), "{error}");
}

#[test]
fn wrong_expressions_are_refused_by_name() {
    for (key, value) in
        [("condition", "value.level ="), ("set", "value.level"), ("set", "a b=1"), ("topic", "'")]
    {
        let error = apply(&[(key, value)], &mut record()).expect_err("refused");
        assert!(error.contains(&format!("for configuration {key}: ")), "{error}");
    }
}
