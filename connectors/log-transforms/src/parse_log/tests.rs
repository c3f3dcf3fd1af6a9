use connect_core::data::Datum;
use connect_core::headers::Headers;

use super::*;

fn parse(settings: &[(&str, &str)], value: Value) -> Result<(Outcome, Value), String> {
    let mut transform = ParseLog::default();
    let props = settings.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
    transform.configure(&props).map_err(|error| error.to_string())?;
    let mut record = ConnectRecord {
        topic: "t".into(),
        partition: None,
        key: Datum::NULL,
        value: Datum::schemaless(value),
        timestamp: None,
        headers: Headers::new(),
    };
    let outcome =
        transform.apply(&mut record, Position { kafka_offset: None }).map_err(|error| error.to_string())?;
    Ok((outcome, record.value.into_parts().1))
}

/// Returns the value as JSON, fields in their order.
fn json(settings: &[(&str, &str)], line: &str) -> String {
    let (_, value) = parse(settings, Value::string(line)).expect("parsed");
    let mut text = Vec::new();
    connect_core::data::json::write_value(&mut text, &value);
    String::from_utf8(text).expect("JSON is UTF-8")
}

const LINE: &str = r#"203.0.113.7 - ann [10/Oct/2026:13:55:36 -0700] "GET /a?b=1 HTTP/1.1" 200 2326"#;

#[test]
fn access_logs_are_taken_apart() {
    let expected = r#"{"client":"203.0.113.7","ident":null,"user":"ann","time":"10/Oct/2026:13:55:36 -0700","request":"GET /a?b=1 HTTP/1.1","method":"GET","path":"/a?b=1","protocol":"HTTP/1.1","status":200,"bytes":2326"#;
    assert_eq!(json(&[("format", "apache_common")], LINE), format!("{expected}}}"));
    let combined = format!(r#"{LINE} "https://example.org/" "curl/8 \"x\"" 0.004"#);
    let expected =
        format!(r#"{expected},"referer":"https://example.org/","user_agent":"curl/8 \\\"x\\\""}}"#);
    assert_eq!(json(&[("format", "nginx")], &combined), expected);
    assert_eq!(json(&[("format", "apache_combined")], &combined), expected);
    let odd = r#"1.2.3.4 - - [x] "\x16\x03" 400 -"#;
    let value = json(&[("format", "apache_common")], odd);
    assert!(value.contains(r#""method":null"#) && value.ends_with(r#""bytes":null}"#), "{value}");
}

#[test]
fn pairs_are_taken_apart() {
    let line = r#"level=info msg="it \"went\" well" took=5ms cached"#;
    let expected = r#"{"level":"info","msg":"it \"went\" well","took":"5ms","cached":true}"#;
    assert_eq!(json(&[("format", "logfmt")], line), expected);
    let settings = [("format", "key_value"), ("pair.separator", "|"), ("value.separator", ":")];
    assert_eq!(json(&settings, r#"a:1|b: "x y" |"#), r#"{"a":"1","b":"x y"}"#);
}

#[test]
fn own_patterns_name_the_fields() {
    let settings = [("format", "regex"), ("pattern", r"(?<word>\w+) (?<rest>.*)?")];
    assert_eq!(json(&settings, "one two three"), r#"{"word":"one","rest":"two three"}"#);
    let settings =
        [("format", "grok"), ("pattern", "%{IP:client} %{NUMBER:took:float} %{INT:n:int} %{WORD:w}")];
    let (_, value) = parse(&settings, Value::string("10.0.0.1 0.25 42 ok")).expect("parsed");
    let Value::Map(map) = value else { panic!("a map") };
    assert_eq!(map.get("took"), Some(&Value::Float64(0.25)));
    assert_eq!(map.get("n"), Some(&Value::Int64(42)));
    assert_eq!(map.get("client"), Some(&Value::string("10.0.0.1")));
}

#[test]
fn parts_go_beside_or_under_and_the_line_stays_if_told() {
    let record = || {
        let entry = |name: &str, value: &str| (Value::string(name), Value::string(value));
        Value::Map(Map { entries: vec![entry("host", "h"), entry("log", r#"{"a":1}"#)] })
    };
    let text = |settings: &[(&str, &str)]| {
        let (_, value) = parse(settings, record()).expect("parsed");
        let mut text = Vec::new();
        connect_core::data::json::write_value(&mut text, &value);
        String::from_utf8(text).expect("JSON is UTF-8")
    };
    assert_eq!(text(&[("format", "json"), ("field", "log")]), r#"{"host":"h","a":1}"#);
    assert_eq!(
        text(&[("format", "json"), ("field", "log"), ("target", "parsed"), ("keep.source", "true")]),
        r#"{"host":"h","log":"{\"a\":1}","parsed":{"a":1}}"#
    );
    assert_eq!(json(&[("format", "logfmt"), ("keep.source", "true")], "a=1"), r#"{"message":"a=1","a":"1"}"#);
}

#[test]
fn lines_written_otherwise_go_the_configured_way() {
    let odd = || Value::string("not an access log");
    let error = parse(&[("format", "nginx")], odd()).expect_err("refused");
    assert!(error.contains("nginx") && error.contains("`on.mismatch`"), "{error}");
    assert_eq!(parse(&[("format", "nginx"), ("on.mismatch", "keep")], odd()), Ok((Outcome::Keep, odd())));
    let dropped = parse(&[("format", "nginx"), ("on.mismatch", "drop")], odd());
    assert_eq!(dropped.map(|(outcome, _)| outcome), Ok(Outcome::Drop));
    for (format, line) in
        [("json", "[1]"), ("json", "{"), ("logfmt", "=x"), ("logfmt", "a=\"b"), ("key_value", "a")]
    {
        assert!(parse(&[("format", format)], Value::string(line)).is_err(), "{format} {line}");
    }
}

#[test]
fn patterns_are_checked_when_configured() {
    for (format, pattern) in
        [("regex", ""), ("regex", "("), ("regex", "no group"), ("grok", "%{NOPE:x}"), ("json", "x")]
    {
        let error = parse(&[("format", format), ("pattern", pattern)], Value::Null).expect_err("refused");
        assert!(error.starts_with(&format!("Invalid value {pattern} for configuration pattern:")), "{error}");
    }
}
