//! Transforms on maps that are still text give what they give on decoded ones.

use bytes::{Bytes, BytesMut};
use connect_core::config::Props;
use connect_core::data::json::{schemaless_fields, write_value};
use connect_core::data::{Datum, Value};
use connect_core::headers::Headers;
use connect_core::plugin::{Factory, PluginKind, Registry};
use connect_core::record::ConnectRecord;
use connect_core::transform::{Outcome, Position, Transform};

/// A transform's class, without the package, and its settings.
type Step = (&'static str, &'static [(&'static str, &'static str)]);

const STEPS: [Step; 9] = [
    ("InsertField$Value", &[("static.field", "environment"), ("static.value", "prod \"1\"")]),
    ("InsertField$Value", &[("static.field", "level"), ("static.value", "x")]),
    (
        "InsertField$Value",
        &[("topic.field", "topic"), ("offset.field", "level"), ("timestamp.field", "when")],
    ),
    (
        "InsertField$Value",
        &[
            ("partition.field", "host"),
            ("static.field", "text"),
            ("static.value", ""),
            ("timestamp.field", "a"),
        ],
    ),
    ("ReplaceField$Value", &[("exclude", "trace_id,level"), ("renames", "message:text")]),
    ("ReplaceField$Value", &[("include", "message,host,a,q"), ("renames", "a:q,message:m")]),
    ("ReplaceField$Value", &[("renames", "message:text,text:message,level:host")]),
    ("ReplaceField$Value", &[("exclude", "a,q,message,host,level,trace_id,text,user")]),
    // Decodes the value.
    ("MaskField$Value", &[("fields", "message"), ("replacement", "***")]),
];

const MEMBERS: [(&str, &str); 8] = [
    ("message", r#""a \"quoted\" word""#),
    ("level", r#""INFO""#),
    ("host", "12.5"),
    ("a", r#"{"y":[1,{"b":null,"a":true}],"x":"}"}"#),
    ("q", "[]"),
    ("trace_id", "-7"),
    ("text", "null"),
    ("user", r#"{"name": "é日"}"#),
];

fn transform((class, settings): Step) -> Box<dyn Transform> {
    let registry = Registry::new(connector_transforms::plugins());
    let class = format!("org.apache.kafka.connect.transforms.{class}");
    let plugin = registry.find(&[PluginKind::Transformation], &class).expect("a known class");
    let Factory::Transform(make) = plugin.factory else { unreachable!("looked up by kind") };
    let mut transform = make();
    let props: Props = settings.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
    transform.configure(&props).expect("valid settings");
    transform
}

/// Documents with all subsets of the members, in an order that changes, some with white space.
fn documents() -> impl Iterator<Item = String> {
    (0..1usize << MEMBERS.len()).map(|subset| {
        let mut members: Vec<String> =
            (0..MEMBERS.len())
                .filter(|index| subset & 1 << index != 0)
                .map(|index| MEMBERS[index])
                .map(|(key, value)| {
                    if subset % 3 == 0 {
                        format!("\"{key}\" : {value}")
                    } else {
                        format!("\"{key}\":{value}")
                    }
                })
                .collect();
        let len = members.len().max(1);
        members.rotate_left(subset % len);
        format!("{{{}}}", members.join(if subset % 5 == 0 { " , " } else { "," }))
    })
}

fn record(value: Datum, has_coordinates: bool) -> ConnectRecord {
    ConnectRecord {
        topic: "logs".into(),
        partition: has_coordinates.then_some(3),
        key: Datum::NULL,
        value,
        timestamp: has_coordinates.then_some(1_700_000_000_000),
        headers: Headers::new(),
    }
}

#[test]
fn chains_on_text_equal_chains_on_values() {
    let steps: Vec<Box<dyn Transform>> = STEPS.into_iter().map(transform).collect();
    let chains = (0..STEPS.len())
        .flat_map(|first| (0..STEPS.len()).map(move |second| [first, second, (first + second) % 7]));
    let mut as_text = 0;
    for (number, chain) in chains.enumerate() {
        for document in documents() {
            let text = schemaless_fields(&Bytes::from(document.clone()), &mut BytesMut::new()).expect("JSON");
            let decoded = Datum::schemaless(text.value().into_owned());
            let (mut text, mut decoded) = (record(text, number % 2 == 0), record(decoded, number % 2 == 0));
            for step in chain {
                for record in [&mut text, &mut decoded] {
                    let outcome = steps[step].apply(record, Position { kafka_offset: Some(42) });
                    assert!(matches!(outcome, Ok(Outcome::Keep)), "{document}");
                }
            }
            assert_eq!(text, decoded, "{document} through {chain:?}");
            if let Some(json) = text.value.json_text() {
                as_text += 1;
                assert_eq!(**json, *expected_json(&decoded.value.value()), "{document} through {chain:?}");
            }
        }
    }
    assert!(as_text > 10_000, "only {as_text} maps stayed text");
}

fn expected_json(value: &Value) -> Vec<u8> {
    let mut out = Vec::new();
    write_value(&mut out, value);
    out
}
