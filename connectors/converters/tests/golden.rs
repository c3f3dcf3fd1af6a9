//! The converters against what the JVM's converters of Kafka Connect 4.3.1 did with the same bytes. The files come
//! from `tests/java/ConverterOracle.java`: lines of mode, input in hex, and `ok` with the output in hex or `error`.

use std::error::Error;
use std::fmt::Write as _;

use bytes::{Bytes, BytesMut};
use connect_core::config::Props;
use connect_core::converter::{Converter, ConverterRole, HeaderConverter};
use connect_core::data::json::schemaless_datum_by_tree;
use connect_core::data::{Datum, Schema, Type};
use connect_core::error::ConnectError;
use connector_converters::{JsonConverter, SimpleHeaderConverter, StringConverter};

type Output = Result<Option<Bytes>, ConnectError>;

fn json(schemas: &str, decimals: &str) -> JsonConverter {
    let mut converter = JsonConverter::default();
    let pairs = [("schemas.enable", schemas), ("decimal.format", decimals)];
    let props: Props = pairs.into_iter().map(|(key, value)| (key.to_owned(), value.to_owned())).collect();
    converter.configure(&props, ConverterRole::Value).expect("valid settings");
    converter
}

fn read(converter: &JsonConverter, input: &Bytes) -> Result<Datum, ConnectError> {
    converter.to_connect_data("t", None, Some(input), &mut BytesMut::new())
}

fn convert(mode: &str, input: &Bytes) -> Output {
    match mode {
        "json" => json("false", "BASE64").from_datum("t", &read(&json("false", "BASE64"), input)?),
        "text" => StringConverter::default().from_datum("t", &read(&json("false", "BASE64"), input)?),
        "envelope" => json("true", "BASE64").from_datum("t", &read(&json("true", "BASE64"), input)?),
        "numeric" => json("true", "NUMERIC").from_datum("t", &read(&json("true", "NUMERIC"), input)?),
        "bare" => json("false", "BASE64").from_datum("t", &read(&json("true", "BASE64"), input)?),
        "header" => {
            let converter = SimpleHeaderConverter;
            let datum = converter.to_connect_header("t", "k", Some(input))?;
            let output = converter.from_connect_header("t", "k", &datum)?;
            let mut text = describe(datum.schema().map(AsRef::as_ref));
            text.push(' ');
            text.push_str(
                output.as_deref().map_or("null", |bytes| std::str::from_utf8(bytes).expect("UTF-8")),
            );
            Ok(Some(Bytes::from(text)))
        }
        other => panic!("unknown mode {other}"),
    }
}

fn describe(schema: Option<&Schema>) -> String {
    let Some(schema) = schema else { return "none".to_owned() };
    let mut text = schema.ty.name().to_owned();
    if let Some(name) = &schema.name {
        write!(text, ":{name}").expect("a string");
    }
    let value = || describe(schema.value_schema.as_deref());
    match schema.ty {
        Type::Array => write!(text, "({})", value()),
        Type::Map => write!(text, "({},{})", describe(schema.key_schema.as_deref()), value()),
        _ => Ok(()),
    }
    .expect("a string");
    text
}

fn unhex(text: &str) -> Vec<u8> {
    let digit = |byte: u8| u8::try_from(char::from(byte).to_digit(16).expect("hex")).expect("a digit");
    text.as_bytes().chunks_exact(2).map(|pair| digit(pair[0]) << 4 | digit(pair[1])).collect()
}

/// Returns message and causes in one line, as the oracle prints them.
fn error_text(error: &ConnectError) -> String {
    let mut text = error.context().to_owned();
    let mut cause = error.source();
    while let Some(error) = cause {
        let shown = error.to_string();
        let message = [
            "org.apache.kafka.common.errors.SerializationException: ",
            "com.fasterxml.jackson.core.JsonParseException: ",
            "com.fasterxml.jackson.core.io.JsonEOFException: ",
            "com.fasterxml.jackson.core.exc.StreamConstraintsException: ",
            "java.lang.NumberFormatException: ",
        ]
        .iter()
        .find_map(|prefix| shown.strip_prefix(prefix))
        .unwrap_or(&shown);
        write!(text, " | {message}").expect("a string");
        cause = error.source();
    }
    text.replace('\n', "\\n")
}

fn shown(output: &Output) -> String {
    match output {
        Ok(None) => "ok null".to_owned(),
        Ok(Some(bytes)) => format!("ok {}", String::from_utf8_lossy(bytes)),
        Err(error) => format!("error {}", error_text(error)),
    }
}

fn expected(text: &str) -> String {
    match text.strip_prefix("ok ") {
        Some("null") => text.to_owned(),
        Some(hex) => format!("ok {}", String::from_utf8_lossy(&unhex(hex))),
        None => text.to_owned(),
    }
}

/// Returns whether a difference is meant, or one of words only.
fn is_known(input: &str, wanted: &str, found: &str) -> bool {
    // Shortest digits, as JDK 19 and later print them; the golden files come from JDK 17.
    let is_digits = matches!(input, "1e23" | "2e23" | "1.17549435E-38");
    // A string of the tree is UTF-8: an unpaired surrogate does not survive typed decoding.
    let is_surrogate = input.contains("\\ud83d\"}") && found.ends_with("\"payload\":\"?\"}");
    let first = |text: &str| text.split(" | ").next().unwrap_or("").to_owned();
    let both_fail = wanted.starts_with("error") && found.starts_with("error");
    // The base64 decoder words its errors itself; the JVM has no words at all for a decimal without a scale.
    let is_wording = both_fail && first(wanted) == first(found) && wanted.contains("broken Base64 encoding");
    let is_scale = both_fail && wanted.contains("Schema.parameters()\" is null");
    // Jackson describes the second byte of a wide character that is no value.
    let is_wide = both_fail && !input.is_ascii() && input.chars().count() == 1;
    // It names and places an invalid byte of a key by the word it was reading the key in.
    let is_bad_key = both_fail && first(wanted) == first(found) && input.starts_with("{\"\u{fffd}");
    let is_mark = both_fail && input == "\u{feff}";
    // Digits outside ASCII are not taken for numbers.
    let is_foreign_digit = input == "\u{661}";
    is_digits
        || is_surrogate
        || is_wording
        || is_bad_key
        || is_scale
        || is_wide
        || is_mark
        || is_foreign_digit
}

fn check(golden: &str) {
    let mut report = String::new();
    let mut differences = 0;
    let mut lines = 0;
    for line in golden.lines() {
        let mut parts = line.splitn(3, ' ');
        let mut next = || parts.next().expect("mode, input, result");
        let (mode, input, result) = (next(), Bytes::from(unhex(next())), next());
        let (found, wanted) = (shown(&convert(mode, &input)), expected(result));
        lines += 1;
        if found != wanted && !is_known(&String::from_utf8_lossy(&input), &wanted, &found) {
            differences += 1;
            let input = String::from_utf8_lossy(&input);
            writeln!(report, "{mode} {input:.300}\n  JVM  {wanted:.400}\n  here {found:.400}")
                .expect("a string");
        }
    }
    assert!(lines > 50, "the golden file is short");
    assert!(differences == 0, "{differences} of {lines} differ:\n{report}");
}

#[test]
fn schemaless_json_is_what_the_jvm_writes() {
    check(include_str!("golden/json.txt"));
}

#[test]
fn schemaless_json_as_text_is_what_the_jvm_prints() {
    check(include_str!("golden/text.txt"));
}

#[test]
fn envelopes_round_trip_as_in_the_jvm() {
    check(include_str!("golden/envelope.txt"));
}

#[test]
fn simple_headers_are_what_the_jvm_reads_and_writes() {
    check(include_str!("golden/header.txt"));
}

#[test]
fn the_slow_way_gives_the_same_bytes() {
    let converter = json("false", "BASE64");
    for line in include_str!("golden/json.txt").lines() {
        let input = Bytes::from(unhex(line.split(' ').nth(1).expect("an input")));
        let Ok(slow) = schemaless_datum_by_tree(&input, &mut BytesMut::new()) else { continue };
        let fast = read(&converter, &input).expect("the slow way reads it");
        assert_eq!(converter.from_datum("t", &fast).unwrap(), converter.from_datum("t", &slow).unwrap());
    }
}
