//! `PUT /connector-plugins/{class}/config/validate` with random configurations, good and bad, in the JVM and here: the
//! same number of errors, and for each key the same definition, value, visibility and recommended values, and errors
//! or none.
//!
//! `FIDELITY_SEED` repeats a run, which prints its seed.

use std::{collections::BTreeMap, env};

use connect_tests::{api::Api, jvm_connect::JvmConnect, kafka, sluice::Setup};
use fastrand::Rng;
use serde_json::{Map, Value as Json, json};

const CASES: usize = 150;
const CONNECTORS: [&str; 2] = ["FileStreamSink", "FileStreamSource"];
/// A key with values that are right and wrong, the first right.
type Key = (&'static str, &'static [&'static str]);
/// A class with its keys.
type Plugin = (&'static str, &'static [Key]);

/// Keys of Kafka's own plug-ins, each with values that are right and wrong.
const KEYS: [Key; 22] = [
    ("name", &["c", "", " padded "]),
    ("tasks.max", &["1", "3", "0", "-1", "x", "", "99999999999"]),
    ("topics", &["t", "a,b", "", "a,,b"]),
    ("topics.regex", &["a.*"]),
    ("file", &["/nowhere/f", ""]),
    ("topic", &["t", ""]),
    ("batch.size", &["10", "0", "x"]),
    ("key.converter", &["org.apache.kafka.connect.storage.StringConverter", "no.such.Class", ""]),
    ("value.converter", &["org.apache.kafka.connect.json.JsonConverter"]),
    ("value.converter.schemas.enable", &["true", "maybe"]),
    ("header.converter", &["org.apache.kafka.connect.storage.SimpleHeaderConverter", "x"]),
    ("config.action.reload", &["none", "RESTART", "never"]),
    ("errors.tolerance", &["all", "ALL", "some"]),
    ("errors.retry.timeout", &["-1", "5", "x"]),
    ("errors.retry.delay.max.ms", &["60000", ""]),
    ("errors.log.enable", &["true", "yes"]),
    ("errors.deadletterqueue.topic.name", &["dead", ""]),
    ("errors.deadletterqueue.topic.replication.factor", &["1", "x"]),
    ("tasks.max.enforce", &["false", "0"]),
    ("offsets.storage.topic", &["o", ""]),
    ("topic.creation.groups", &["g", "g,h"]),
    ("transaction.boundary", &["poll", "INTERVAL", "x"]),
];
/// Transforms with their keys, and values that are right and wrong.
const TRANSFORMS: [Plugin; 12] = [
    ("Cast$Value", &[("spec", &["int8", "a:int9", "", "a:b:c"])]),
    ("DropHeaders", &[("headers", &["a,b", ""])]),
    ("ExtractField$Key", &[("field", &["a", ""]), ("field.syntax.version", &["V2", "V3"])]),
    ("Flatten$Value", &[("delimiter", &["_", ""])]),
    ("HeaderFrom$Value", &[("fields", &["a"]), ("headers", &["h", ""]), ("operation", &["move", "drop"])]),
    ("InsertField$Value", &[("topic.field", &["t!", ""]), ("static.field", &["s"])]),
    ("MaskField$Value", &[("fields", &["a", ""]), ("replacement", &["x", ""])]),
    ("RegexRouter", &[("regex", &[".*", "("]), ("replacement", &["x"])]),
    ("ReplaceField$Value", &[("renames", &["a:b", "a"]), ("replace.null.with.default", &["false", "x"])]),
    ("SetSchemaMetadata$Value", &[("schema.name", &["n"]), ("schema.version", &["1", "x"])]),
    (
        "TimestampConverter$Value",
        &[("target.type", &["unix", "days"]), ("unix.precision", &["seconds", "x"])],
    ),
    ("NoSuchTransform", &[]),
];
const PREDICATES: [Plugin; 4] = [
    ("HasHeaderKey", &[("name", &["h", ""])]),
    ("RecordIsTombstone", &[]),
    ("TopicNameMatches", &[("pattern", &[".*", "["])]),
    ("NoSuchPredicate", &[]),
];

struct Maker {
    rng: Rng,
}

impl Maker {
    fn chance(&mut self, percent: u32) -> bool {
        self.rng.u32(0..100) < percent
    }

    fn pick<T: Copy>(&mut self, items: &[T]) -> T {
        items[self.rng.usize(0..items.len())]
    }

    fn config(&mut self) -> (&'static str, Json) {
        let class = self.pick(&CONNECTORS);
        let mut config = Map::new();
        config.insert("connector.class".to_owned(), json!(class));
        for (key, values) in KEYS {
            // The first value is right.
            if self.chance(if ["name", "file", "topic", "topics"].contains(&key) { 85 } else { 25 }) {
                let value = if self.chance(60) { values[0] } else { self.pick(values) };
                config.insert(key.to_owned(), json!(value));
            }
        }
        if self.chance(60) {
            self.plugins("transforms", "org.apache.kafka.connect.transforms.", &TRANSFORMS, &mut config);
        }
        if self.chance(40) {
            self.plugins(
                "predicates",
                "org.apache.kafka.connect.transforms.predicates.",
                &PREDICATES,
                &mut config,
            );
        }
        (class, Json::Object(config))
    }

    fn plugins(&mut self, kind: &str, package: &str, known: &[Plugin], config: &mut Map<String, Json>) {
        let aliases = self.pick(&["one", "one,two", "one, one", ""]);
        config.insert(kind.to_owned(), json!(aliases));
        for alias in ["one", "two"] {
            if self.chance(10) {
                continue;
            }
            let (class, keys) = self.pick(known);
            config.insert(format!("{kind}.{alias}.type"), json!(format!("{package}{class}")));
            for (key, values) in keys {
                if self.chance(75) {
                    let value = if self.chance(60) { values[0] } else { self.pick(values) };
                    config.insert(format!("{kind}.{alias}.{key}"), json!(value));
                }
            }
            if kind == "transforms" && self.chance(25) {
                let predicate = self.pick(&["one", "none"]);
                config.insert(format!("{kind}.{alias}.predicate"), json!(predicate));
            }
        }
    }
}

/// Returns what is compared: texts of errors and documentation may differ, and so may the plug-ins that there are.
fn comparable(status: u16, answer: &Json) -> BTreeMap<String, Json> {
    let mut parts = BTreeMap::new();
    parts.insert("status".to_owned(), json!(status));
    parts.insert("error_count".to_owned(), answer["error_count"].clone());
    parts.insert("groups".to_owned(), answer["groups"].clone());
    for config in answer["configs"].as_array().into_iter().flatten() {
        let (mut definition, mut value) = (config["definition"].clone(), config["value"].clone());
        let name = value["name"].as_str().unwrap_or_default().to_owned();
        if let Some(definition) = definition.as_object_mut() {
            definition.remove("documentation");
        }
        value["errors"] = json!(value["errors"].as_array().map_or(0, Vec::len));
        if value["recommended_values"].as_array().is_some_and(|values| values.len() > 3) {
            value["recommended_values"] = json!("several");
        }
        parts.insert(format!("key {name}"), json!({"definition": definition, "value": value}));
    }
    parts
}

fn differences(wanted: &BTreeMap<String, Json>, found: &BTreeMap<String, Json>) -> Vec<String> {
    let names: std::collections::BTreeSet<&String> = wanted.keys().chain(found.keys()).collect();
    let differs = |name: &&String| wanted.get(*name) != found.get(*name);
    let text = |side: Option<&Json>| side.map_or_else(|| "nothing".to_owned(), Json::to_string);
    let line = |name: &String| {
        format!("  {name}\n    JVM  {}\n    here {}", text(wanted.get(name)), text(found.get(name)))
    };
    names.into_iter().filter(differs).map(line).collect()
}

#[tokio::test]
async fn random_configurations_are_validated_as_by_the_jvm() {
    let seed = env::var("FIDELITY_SEED").ok().and_then(|text| text.parse().ok());
    let seed = seed.unwrap_or_else(|| fastrand::u64(..));
    eprintln!("FIDELITY_SEED={seed}");
    let broker = kafka::shared();
    let jvm = JvmConnect::standalone(&broker.bootstrap(), &[]);
    let sluice = Setup::new(&broker.bootstrap()).start().await;
    let mut maker = Maker { rng: Rng::with_seed(seed) };
    let mut report: Vec<String> = Vec::new();
    for _ in 0..CASES {
        let (class, config) = maker.config();
        let path = format!("/connector-plugins/{class}/config/validate");
        let ask = async |api: &Api| {
            let (status, answer) = api.request("PUT", &path, Some(&config)).await;
            comparable(status, &answer)
        };
        let (wanted, found) = (ask(jvm.api()).await, ask(sluice.api()).await);
        let lines = differences(&wanted, &found);
        if !lines.is_empty() {
            report.push(format!("{config}\n{}", lines.join("\n")));
        }
    }
    assert!(
        report.is_empty(),
        "FIDELITY_SEED={seed}: {} of {CASES} differ:\n{}",
        report.len(),
        report.join("\n")
    );
}
