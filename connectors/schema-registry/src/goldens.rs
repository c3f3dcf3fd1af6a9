//! What Confluent's own converters made of given data, told by `tests/java/RegistryOracle.java`: the schema's text,
//! the bytes behind its id, and what is read from them, must be the same here.

use std::fmt::Write as _;

use bytes::{Bytes, BytesMut};
use connect_core::converter::{Converter, ConverterRole};
use connect_core::data::Datum;
use connect_core::error::ConnectError;
use connect_core::testkit::props;
use connector_converters::JsonConverter;
use serde_json::Value as Json;

use crate::avro::AvroFormat;
use crate::converter::Format;
use crate::json::JsonSchemaFormat;
use crate::protobuf::ProtobufFormat;
use crate::registry::SchemaText;

fn envelopes() -> JsonConverter {
    let mut converter = JsonConverter::default();
    let settings = props(&[("schemas.enable", "true"), ("decimal.format", "BASE64")]);
    converter.configure(&settings, ConverterRole::Value).expect("valid");
    converter
}

fn datum_of(envelope: &Json) -> Datum {
    let bytes = Bytes::from(envelope.to_string());
    envelopes().to_connect_data("t", None, Some(&bytes), &mut BytesMut::new()).expect("an envelope")
}

fn envelope_of(datum: &Datum) -> Result<Json, ConnectError> {
    let bytes = envelopes().from_datum("t", datum)?;
    Ok(serde_json::from_slice(&bytes.unwrap_or_default()).expect("JSON"))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        write!(text, "{byte:02x}").expect("a string takes everything");
        text
    })
}

fn unhex(text: &str) -> Bytes {
    let digits = text.as_bytes().chunks_exact(2);
    digits
        .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).expect("ASCII"), 16).expect("hex"))
        .collect()
}

fn text(json: &Json) -> &str {
    json.as_str().unwrap_or_default()
}

/// Returns what this crate makes of a case, in the oracle's form.
fn answer<F: Format>(given: &Json) -> Result<Json, ConnectError> {
    let mut settings = vec![("schema.registry.url", "http://unused")];
    let own = given["props"].as_object().expect("settings");
    settings.extend(own.iter().map(|(key, value)| (key.as_str(), text(value))));
    let mut format = F::default();
    format.configure(&props(&settings))?;
    let mut answer = serde_json::Map::new();
    let (schema, payload) = if given.get("datum").is_some() {
        let datum = datum_of(&given["datum"]);
        if datum.is_null() && !F::WRITES_NULL {
            return Ok(serde_json::json!({ "payload": null }));
        }
        let schema = SchemaText::new(&format.describe(datum.schema())?.text, F::KIND);
        let mut out = Vec::new();
        let writer = format.writer(datum.schema(), &schema)?;
        format.write(&writer, datum.schema(), &datum.value(), &mut out)?;
        answer.insert("text".to_owned(), schema.text.clone().into());
        answer.insert("payload".to_owned(), hex(&out).into());
        (schema, Bytes::from(out))
    } else {
        let mut schema = SchemaText::new(text(&given["text"]), F::KIND);
        for reference in given["references"].as_array().into_iter().flatten() {
            schema
                .references
                .push((text(&reference["name"]).to_owned(), text(&reference["text"]).to_owned()));
        }
        (schema, unhex(text(&given["payload"])))
    };
    let back = format.read(&format.reader(&schema, Some(1))?, &payload, 0)?;
    answer.insert("back".to_owned(), envelope_of(&back)?);
    Ok(answer.into())
}

/// Returns how a case differs, `None` if it does not.
fn difference(golden: &Json) -> Option<String> {
    let outcome = match text(&golden["format"]) {
        "AVRO" => answer::<AvroFormat>(golden),
        "JSON" => answer::<JsonSchemaFormat>(golden),
        "PROTOBUF" => answer::<ProtobufFormat>(golden),
        other => panic!("unknown format `{other}`"),
    };
    let name = &golden["name"];
    match (outcome, golden.get("error")) {
        (Err(_), Some(_)) => None,
        (Err(error), None) => Some(format!("{name}: refused here: {}", error.trace())),
        (Ok(ours), Some(error)) => Some(format!("{name}: refused there: {error}, here {ours}")),
        (Ok(ours), None) => ours.as_object().into_iter().flatten().find_map(|(part, ours)| {
            let theirs = &golden[part];
            (!is_same(part, ours, theirs))
                .then(|| format!("{name}, {part}:\n  ours   {ours}\n  theirs {theirs}"))
        }),
    }
}

/// The order of a JSON schema's keywords has no meaning.
fn is_same(part: &str, ours: &Json, theirs: &Json) -> bool {
    let parsed = |json: &Json| serde_json::from_str::<Json>(text(json)).ok();
    ours == theirs || part == "text" && parsed(ours).is_some_and(|ours| parsed(theirs) == Some(ours))
}

fn check(goldens: &str) {
    let cases: Vec<Json> = goldens.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    assert!(!cases.is_empty());
    let differences: Vec<String> = cases.iter().filter_map(difference).collect();
    let (count, total) = (differences.len(), cases.len());
    assert!(differences.is_empty(), "{count} of {total} differ:\n{}", differences.join("\n"));
}

#[test]
fn avro_has_the_text_and_bytes_of_confluents_converter() {
    check(include_str!("../tests/golden/avro.jsonl"));
}

#[test]
fn json_schema_has_the_text_and_bytes_of_confluents_converter() {
    check(include_str!("../tests/golden/json.jsonl"));
}

#[test]
fn protobuf_has_the_text_and_bytes_of_confluents_converter() {
    check(include_str!("../tests/golden/protobuf.jsonl"));
}

/// Checks more cases than the repository holds, from the file that `REGISTRY_GOLDENS` names.
#[test]
fn further_goldens_are_the_same() {
    if let Ok(path) = std::env::var("REGISTRY_GOLDENS") {
        check(&std::fs::read_to_string(path).expect("readable"));
    }
}
