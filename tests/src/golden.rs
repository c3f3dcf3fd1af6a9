//! The golden answers of JVM Kafka Connect on disk, and the comparison of other answers with them.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

use serde_json::{Map, Value};

use crate::{
    rest::{Answer, Answers, Difference, Scenario},
    services::repository,
};

/// Returns the folder of the golden answers of `mode`, `standalone` or `distributed`.
pub fn golden_folder(mode: &str) -> PathBuf {
    repository().join("tests/golden/rest").join(mode)
}

/// Reads the golden answers of one scenario.
pub fn read_golden(mode: &str, scenario: &str) -> Option<Answers> {
    let text = fs::read_to_string(golden_file(&golden_folder(mode), scenario)).ok()?;
    let members: Map<String, Value> = serde_json::from_str(&text).expect("a golden file is a JSON object");
    let parsed = members.into_iter().map(|(id, answer)| {
        let answer =
            serde_json::from_value(answer).unwrap_or_else(|error| panic!("golden answer `{id}`: {error}"));
        (id, answer)
    });
    Some(parsed.collect())
}

/// Writes the golden answers of one scenario; without answers, removes the file.
pub fn write_golden(mode: &str, scenario: &str, answers: &Answers) {
    let folder = golden_folder(mode);
    fs::create_dir_all(&folder).expect("a folder is made");
    let file = golden_file(&folder, scenario);
    if answers.is_empty() {
        // It need not be there.
        drop(fs::remove_file(file));
        return;
    }
    let members: Map<String, Value> = answers
        .iter()
        .map(|(id, answer)| (id.clone(), serde_json::to_value(answer).expect("plain data")))
        .collect();
    assert_eq!(members.len(), answers.len(), "two requests of scenario `{scenario}` have the same id");
    let text = serde_json::to_string_pretty(&members).expect("plain data");
    fs::write(file, text + "\n").expect("a golden file is written");
}

/// Returns a line for each request of `scenario` that `got` answers otherwise than `golden`.
pub fn mismatches(scenario: &Scenario, golden: &Answers, got: &Answers) -> Vec<String> {
    let by_id: BTreeMap<&str, Answer> =
        golden.iter().map(|(id, answer)| (id.as_str(), with_sorted_methods(answer))).collect();
    let mut lines = Vec::new();
    for (request, (id, answer)) in scenario.requests().zip(got) {
        let answer = &with_sorted_methods(answer);
        let Some(wanted) = by_id.get(id.as_str()) else {
            lines.push(format!("{id}: no golden answer"));
            continue;
        };
        let same = match request.difference.as_ref() {
            None => text(wanted) == text(answer),
            Some(Difference { answer: Some(own), .. }) => text(own) == text(answer),
            Some(Difference { answer: None, .. }) => shape(wanted) == shape(answer),
        };
        if !same {
            let wanted = request.difference.as_ref().and_then(|own| own.answer.as_ref()).unwrap_or(wanted);
            lines.push(format!("{id}: {} {}", request.method, request.path));
            lines.extend(differences(wanted, answer).into_iter().map(|line| format!("    {line}")));
        }
    }
    lines
}

/// The JVM lists methods in the order of a hash table, which is not the same in each of its runs.
fn with_sorted_methods(answer: &Answer) -> Answer {
    let sorted = |list: &str, separator: &str| {
        let mut methods: Vec<&str> = list.split(separator).collect();
        methods.sort_unstable();
        methods.join(separator)
    };
    let mut answer = answer.clone();
    if let Some(methods) = answer.headers.get_mut("allow") {
        *methods = sorted(methods, ",");
        if let Some(Value::String(methods)) = &mut answer.body {
            *methods = sorted(methods, ", ");
        }
    }
    answer
}

/// Returns where two answers differ, at most ten places.
fn differences(wanted: &Answer, got: &Answer) -> Vec<String> {
    let value = |answer: &Answer| serde_json::to_value(answer).expect("plain data");
    let mut found = Vec::new();
    compare("", &value(wanted), &value(got), &mut found);
    if found.is_empty() {
        found.push(format!("another order of members: wanted {}, got {}", text(wanted), text(got)));
    }
    found.truncate(10);
    found
}

fn compare(path: &str, wanted: &Value, got: &Value, found: &mut Vec<String>) {
    match (wanted, got) {
        (Value::Object(wanted), Value::Object(got)) => {
            for (key, value) in wanted {
                compare(&format!("{path}.{key}"), value, got.get(key).unwrap_or(&Value::Null), found);
            }
            let added = got.iter().filter(|(key, _)| !wanted.contains_key(*key));
            found.extend(added.map(|(key, value)| format!("{path}.{key}: added: {value}")));
            let (wanted, got): (Vec<_>, Vec<_>) = (wanted.keys().collect(), got.keys().collect());
            if wanted != got && wanted.len() == got.len() {
                found.push(format!("{path}: members in the order {got:?} instead of {wanted:?}"));
            }
        }
        (Value::Array(wanted), Value::Array(got)) if wanted.len() == got.len() => {
            for (index, (wanted, got)) in wanted.iter().zip(got).enumerate() {
                compare(&format!("{path}[{index}]"), wanted, got, found);
            }
        }
        (Value::Array(wanted), Value::Array(got)) => {
            let missing = wanted
                .iter()
                .filter(|item| !got.contains(item))
                .map(|item| format!("{path}: missing: {item}"));
            found.extend(missing);
            let added =
                got.iter().filter(|item| !wanted.contains(item)).map(|item| format!("{path}: added: {item}"));
            found.extend(added);
        }
        _ if wanted != got => found.push(format!("{path}: wanted {wanted}, got {got}")),
        _ => {}
    }
}

/// The text form compares the order of members too, which equality of JSON values does not.
fn text(answer: &Answer) -> String {
    serde_json::to_string(answer).expect("plain data")
}

fn shape(answer: &Answer) -> (u16, &BTreeMap<String, String>, Vec<&String>) {
    let members = answer.body.as_ref().and_then(Value::as_object).map(|body| body.keys().collect());
    (answer.status, &answer.headers, members.unwrap_or_default())
}

fn golden_file(folder: &Path, scenario: &str) -> PathBuf {
    folder.join(format!("{scenario}.json"))
}
