//! Compares with the answers JVM Kafka Connect 4.3.1 gave to the scenarios of `tests/scenarios`.

use connect_core::config::{ConfigKey, ConfigType, Importance, Validator, Width};
use serde_json::Value;

use super::*;
use crate::config::worker::tests::standalone;
use crate::config::{WorkerConfig, WorkerMode};
use crate::plugins::test_plugins::registry;
use crate::plugins::{plugin_config, plugin_list, unknown_keys};

const SCENARIO: &str = include_str!("../../../../tests/scenarios/validate.json");
const GOLDEN: &str = include_str!("../../../../tests/golden/rest/standalone/validate.json");
const PLUGINS: &str = include_str!("../../../../tests/golden/rest/standalone/plugins.json");

/// Answers that REST gives before it comes to validation.
const REST_ONLY: &[&str] =
    &["full name in path, alias in config", "mismatch", "empty body", "invalid JSON", "nested object"];

fn json(text: &str) -> Value {
    serde_json::from_str(text).expect("JSON")
}

fn raw(pairs: &[(&str, &str)]) -> RawConfig {
    pairs.iter().map(|(key, value)| ((*key).to_owned(), Some((*value).to_owned()))).collect()
}

fn raw_of(body: &Value) -> RawConfig {
    let object = body.as_object().expect("object");
    object.iter().map(|(key, value)| (key.clone(), value.as_str().map(str::to_owned))).collect()
}

/// Removes the texts that are worded differently.
fn without_documentation(mut value: Value) -> Value {
    match &mut value {
        Value::Object(object) => {
            object.shift_remove("documentation");
            for inner in object.values_mut() {
                *inner = without_documentation(inner.take());
            }
        }
        Value::Array(items) => {
            for inner in items {
                *inner = without_documentation(inner.take());
            }
        }
        _ => {}
    }
    value
}

fn assert_same(id: &str, ours: Value, jvm: &Value) {
    let (ours, jvm) = (without_documentation(ours), without_documentation(jvm.clone()));
    // Text shows the order of fields, which `Value` does not compare.
    let print = |value: &Value| serde_json::to_string_pretty(value).expect("JSON");
    let (ours, jvm) = (print(&ours), print(&jvm));
    for (number, (left, right)) in ours.lines().zip(jvm.lines()).enumerate() {
        assert_eq!(left, right, "{id}, line {number}");
    }
    assert_eq!(ours.lines().count(), jvm.lines().count(), "{id}");
}

/// Returns a text with the list of plug-ins replaced, as in the golden files; checks how the list begins.
fn without_plugins(text: &str) -> String {
    let Some((start, list)) = text.split_once("available connectors are: ") else { return text.to_owned() };
    let class = "org.apache.kafka.connect.file.FileStreamSinkConnector";
    let first = format!(
        "PluginDesc{{klass=class {class}, name='{class}', version='4.3.1', encodedVersion=4.3.1, type=sink, \
         typeName='sink', location='classpath'}}, "
    );
    assert!(list.starts_with(&first), "{list}");
    format!("{start}available connectors are: <plugins>")
}

#[test]
fn answers_are_those_of_the_jvm() {
    let (scenario, golden, worker) = (json(SCENARIO), json(GOLDEN), standalone(&[]));
    let steps = scenario["steps"].as_array().expect("steps");
    let mut compared = 0;
    for step in steps {
        let id = step["id"].as_str().expect("id");
        if REST_ONLY.contains(&id) {
            continue;
        }
        compared += 1;
        let jvm = &golden[id];
        match validate(&registry(), &worker, &raw_of(&step["body"])) {
            Ok(infos) => assert_same(id, serde_json::to_value(&infos).expect("JSON"), &jvm["body"]),
            Err(error) => {
                assert_eq!(jvm["status"], 500, "{id}: {error}");
                assert_eq!(jvm["body"]["message"], without_plugins(&error.wrapped()), "{id}");
            }
        }
    }
    assert!(compared > 15, "{compared} answers compared");
}

#[test]
fn lists_and_definitions_are_those_of_the_jvm() {
    let golden = json(PLUGINS);
    for (id, connectors_only) in [("list", true), ("list of everything", false)] {
        let list = serde_json::to_value(plugin_list(&registry(), connectors_only)).expect("JSON");
        let ours: Vec<&Value> = list.as_array().expect("list").iter().collect();
        let is_ours = |entry: &&Value| ours.contains(entry);
        let jvm: Vec<&Value> = golden[id]["body"].as_array().expect("list").iter().filter(is_ours).collect();
        assert_eq!(ours, jvm, "{id}: nothing unknown to the JVM, in its order");
    }
    let cases = [
        ("source", "FileStreamSource", None),
        ("source by simple name", "FileStreamSourceConnector", None),
        ("sink", "FileStreamSink", None),
        ("json converter", "org.apache.kafka.connect.json.JsonConverter", None),
        ("alias of a converter", "JsonConverter", None),
        ("transform", "org.apache.kafka.connect.transforms.InsertField$Value", None),
        ("unknown", "NoSuch", None),
        ("latest version", "FileStreamSource", Some("latest")),
        ("exact version", "FileStreamSource", Some("4.3.1")),
        ("unknown version", "FileStreamSource", Some("0.0.1")),
        ("version that is none", "FileStreamSource", Some("[x")),
    ];
    for (id, name, version) in cases {
        match plugin_config(&registry(), name, version) {
            Ok(keys) => assert_same(id, serde_json::to_value(keys).expect("JSON"), &golden[id]["body"]),
            Err(error) => {
                assert_eq!(golden[id]["status"], error.status, "{id}");
                assert_eq!(golden[id]["body"]["message"], error.message, "{id}");
            }
        }
    }
}

fn errors(worker: &WorkerConfig, pairs: &[(&str, &str)]) -> Vec<(String, Vec<String>)> {
    let infos = validate(&registry(), worker, &raw(pairs)).expect("validated");
    infos.errors().map(|(name, errors)| (name.to_owned(), errors.to_vec())).collect()
}

fn one(name: &str, error: &str) -> Vec<(String, Vec<String>)> {
    vec![(name.to_owned(), vec![error.to_owned()])]
}

const SINK: [(&str, &str); 2] = [("name", "c"), ("connector.class", "FileStreamSink")];
const SOURCE: [(&str, &str); 3] = [("name", "c"), ("connector.class", "FileStreamSource"), ("topic", "t")];

#[test]
fn dead_letter_topics_must_not_be_read_by_the_sink() {
    let dlq = "errors.deadletterqueue.topic.name";
    let by_list = [&SINK[..], &[("topics", "a, d ,b"), (dlq, " d ")]].concat();
    let error = "The DLQ topic 'd' may not be included in the list of topics ('topics=[a, d, b]') consumed by the connector";
    assert_eq!(errors(&standalone(&[]), &by_list), one("topics", error));
    let by_regex = [&SINK[..], &[("topics.regex", "d.*"), (dlq, "dead")]].concat();
    let error = "The DLQ topic 'dead' may not be matched by the regex for the topics ('topics.regex=d.*') consumed by the connector";
    assert_eq!(errors(&standalone(&[]), &by_regex), one("topics.regex", error));
}

#[test]
fn framework_values_are_refused_with_the_texts_of_the_jvm() {
    let cases = [
        ("name", "", "Invalid value  for configuration name: String may not be empty"),
        (
            "name",
            "a\nb",
            "Invalid value a\nb for configuration name: String may not contain control sequences but had the \
             following ASCII chars: 10",
        ),
        ("topics", "a,,b", "Configuration 'topics' values must not be empty."),
        ("topics", "a,a", "Configuration 'topics' values must not be duplicated."),
        (
            "config.action.reload",
            "x",
            "Invalid value x for configuration config.action.reload: String must be one of: none, restart",
        ),
        (
            "key.converter",
            "FileStreamSink",
            "Class class org.apache.kafka.connect.file.FileStreamSinkConnector does not implement the Converter \
             interface",
        ),
        (
            "errors.deadletterqueue.topic.replication.factor",
            "x",
            "Invalid value x for configuration errors.deadletterqueue.topic.replication.factor: \
             Not a number of type SHORT",
        ),
    ];
    for (name, value, error) in cases {
        let mut pairs = [&SINK[..], &[("topics", "t")]].concat();
        pairs.retain(|(key, _)| *key != name);
        pairs.push((name, value));
        assert_eq!(errors(&standalone(&[]), &pairs), one(name, error), "{name}={value}");
    }
}

#[test]
fn transforms_that_negate_without_predicate_are_refused_on_their_type() {
    let pairs = [
        &SOURCE[..],
        &[
            ("transforms", "t"),
            ("transforms.t.type", "org.apache.kafka.connect.transforms.InsertField$Value"),
            ("transforms.t.negate", "true"),
        ],
    ]
    .concat();
    let error = "Config 'transforms.t.negate' was provided but there is no config 'transforms.t.predicate' \
                 defining a predicate to be negated.";
    assert_eq!(errors(&standalone(&[]), &pairs), one("transforms.t.type", error));
}

#[test]
fn overrides_are_judged_by_the_policy_for_the_clients_in_use_only() {
    let worker = standalone(&[("connector.client.config.override.policy", "None")]);
    let pairs = [
        &SINK[..],
        &[("topics", "t"), ("consumer.override.fetch.min.bytes", "2"), ("producer.override.acks", "1")],
    ]
    .concat();
    let error =
        "The 'None' policy does not allow 'fetch.min.bytes' to be overridden in the connector configuration.";
    assert_eq!(errors(&worker, &pairs), one("consumer.override.fetch.min.bytes", error));

    let infos = validate(&registry(), &standalone(&[]), &raw(&pairs)).expect("validated");
    let last = infos.configs.last().expect("the override");
    let definition = last.definition.as_ref().expect("a key of the consumer");
    assert_eq!((definition.name.as_str(), definition.ty), ("consumer.override.fetch.min.bytes", "INT"));
    assert_eq!((definition.display_name.as_str(), definition.order_in_group), ("fetch.min.bytes", -1));
    assert_eq!(definition.default_value.as_deref(), Some("1"));
    assert_eq!(last.value.as_ref().and_then(|value| value.value.as_deref()), Some("2"));
}

#[test]
fn passwords_are_hidden() {
    let pairs = [&SINK[..], &[("topics", "t"), ("consumer.override.sasl.jaas.config", "secret")]].concat();
    let infos = validate(&registry(), &standalone(&[]), &raw(&pairs)).expect("validated");
    let text = serde_json::to_string(&infos).expect("JSON");
    assert!(text.contains("[hidden]") && !text.contains("secret"));
}

fn distributed(eos: &str) -> WorkerConfig {
    let mut props = standalone(&[]).originals().clone();
    for (key, value) in [
        ("group.id", "connect-c"),
        ("offset.storage.topic", "o"),
        ("config.storage.topic", "c"),
        ("status.storage.topic", "s"),
        ("exactly.once.source.support", eos),
    ] {
        props.insert(key.to_owned(), value.to_owned());
    }
    WorkerConfig::parse(&props, WorkerMode::Distributed, &Registry::default()).expect("valid")
}

#[test]
fn a_sink_must_not_share_the_group_of_the_workers() {
    let worker = distributed("disabled");
    let pairs = [&SINK[..], &[("topics", "t")]].concat();
    let error = "Consumer group for sink connector named c conflicts with Connect worker group connect-c";
    assert_eq!(errors(&worker, &pairs), one("name", error));
    let pairs = [&pairs[..], &[("consumer.override.group.id", "connect-c")]].concat();
    let error = "Consumer group connect-c conflicts with Connect worker group connect-c";
    assert_eq!(errors(&worker, &pairs), one("consumer.override.group.id", error));
    let pairs = [&SINK[..], &[("topics", "t"), ("consumer.override.group.id", "other")]].concat();
    assert_eq!(errors(&worker, &pairs), []);
}

#[test]
fn required_exactly_once_needs_worker_and_connector() {
    let pairs = [&SOURCE[..], &[("exactly.once.support", "REQUIRED")]].concat();
    let found = errors(&distributed("disabled"), &pairs);
    assert_eq!(found[0].1.len(), 2, "the worker, and a connector that does not say: {found:?}");
    assert_eq!(errors(&distributed("enabled"), &pairs)[0].1.len(), 1);
    assert_eq!(errors(&standalone(&[]), &pairs), [], "standalone workers do not check");
    let pairs = [&SOURCE[..], &[("transaction.boundary", "connector")]].concat();
    assert_eq!(errors(&distributed("enabled"), &pairs)[0].0, "transaction.boundary");
}

#[test]
fn variables_are_resolved_before_validation() {
    let worker = standalone(&[("config.providers", "env"), ("config.providers.env.class", "EnvVar")]);
    let pairs = [&SINK[..], &[("topics", "${env:CARGO_PKG_NAME}")]].concat();
    let infos = validate(&registry(), &worker, &raw(&pairs)).expect("validated");
    let topics =
        infos.configs.iter().filter_map(|config| config.value.as_ref()).find(|it| it.name == "topics");
    assert_eq!(topics.and_then(|value| value.value.as_deref()), Some("connect-worker"));
}

#[test]
fn unknown_keys_are_told_with_the_name_probably_meant() {
    let mut pairs = SINK.to_vec();
    pairs.extend([
        ("topics", "t"),
        ("fiel", "x"),
        ("zzz", "x"),
        ("value.converter.schemas.enable", "false"),
        ("transforms.t.type", "x"),
        ("consumer.override.anything", "x"),
    ]);
    let props = raw(&pairs);
    let infos = validate(&registry(), &standalone(&[]), &props).expect("validated");
    assert_eq!(
        unknown_keys(PluginKind::Sink, &props, &infos),
        [
            "`fiel` is unknown: the connector gets it, but does not declare it",
            "`zzz` is unknown: the connector gets it, but does not declare it",
            "`value.converter.schemas.enable` is ignored: the worker's converter is used, with the worker's \
             settings, unless `value.converter` is set too",
            "`transforms.t.type` is ignored: `t` is not listed in `transforms`",
        ]
    );
    let props = raw(&[&SINK[..], &[("topics", "t"), ("tasks.maxx", "1")]].concat());
    let infos = validate(&registry(), &standalone(&[]), &props).expect("validated");
    assert_eq!(
        unknown_keys(PluginKind::Sink, &props, &infos),
        ["`tasks.maxx` is unknown: did you mean `tasks.max`?"]
    );
}

#[test]
fn embedded_keys_are_checked_under_their_own_name() {
    let key = ConfigKey::new("transforms.t.n", ConfigType::Int, Importance::Low, "")
        .width(Width::Short)
        .valid(Validator::AtLeast(1));
    let entry = Entry { prefix_len: "transforms.t.".len(), ..Entry::from(key) };
    let value = entry.check(&registry(), &raw(&[("transforms.t.n", "0")]));
    assert_eq!(value.errors, ["Invalid value 0 for configuration n: Value must be at least 1"]);
    let value = entry.check(&registry(), &raw(&[("transforms.t.n", "x")]));
    assert_eq!(value.errors[0], "Invalid value x for configuration transforms.t.n: Not a number of type INT");
}
