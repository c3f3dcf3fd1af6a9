//! Rules of `docs/conventions.md` and `docs/architecture.md` that neither the compiler nor clippy checks.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use connect_tests::{rest::Scenario, services::repository};
use serde_json::Value;

use crate::licence;

const LINE_LIMIT: usize = 400;

/// Files that may be longer, each with the reason and what will end it.
const LONG_FILES: &[(&str, &str)] = &[];

/// The rooms of the worker and those each may name. `config`, `obs` and `shutdown` may be named by every room.
const ROOMS: &[(&str, &[&str])] = &[
    ("cli", &["quickstart", "worker", "preview", "rest", "herder", "task", "stores", "plugins", "kafka"]),
    ("quickstart", &["worker", "rest", "herder", "task", "stores", "plugins", "kafka"]),
    // Joins the rooms below into a running worker.
    ("worker", &["preview", "rest", "herder", "task", "stores", "plugins", "kafka"]),
    ("preview", &["task", "plugins", "kafka"]),
    ("rest", &["herder", "plugins"]),
    ("herder", &["task", "stores", "plugins", "kafka"]),
    ("task", &["stores", "kafka"]),
    ("stores", &["kafka"]),
    ("plugins", &[]),
    ("kafka", &[]),
    ("config", &[]),
    ("obs", &[]),
    ("shutdown", &[]),
];
const OPEN_ROOMS: [&str; 3] = ["config", "obs", "shutdown"];

/// Packages that one part of the tree alone may name, so that each can be replaced there.
const PACKAGE_HOMES: &[(&str, &[&str])] = &[
    ("rdkafka", &["connect-worker/src/kafka", "tests"]),
    ("rdkafka_sys", &["connect-worker/src/kafka", "tests/bench"]),
    ("axum", &["connect-worker/src/rest"]),
    ("tower_http", &["connect-worker/src/rest"]),
    ("serde_yaml", &["connect-worker/src/config"]),
    ("java_properties", &["connect-worker/src/config"]),
    ("clap", &["connect-worker/src/cli", "connect-worker/src/main.rs", "tests/src/bin"]),
    ("s3s", &["connect-worker/src/quickstart"]),
    ("s3s_fs", &["connect-worker/src/quickstart"]),
    ("kafka_protocol", &["connect-worker/dev-broker", "connect-worker/cluster", "tests"]),
    ("cel", &["connectors/log-transforms"]),
    ("grok", &["connectors/log-transforms"]),
    ("aws_sdk_s3", &["connectors/s3"]),
    ("aws_sdk_firehose", &["connectors/firehose"]),
    ("aws_config", &["connectors/aws"]),
    ("parquet", &["connectors/formats", "tests"]),
    ("aws_sigv4", &["connectors/elasticsearch/src/client"]),
    ("hyper_rustls", &["connectors/schema-registry/src/registry", "connectors/elasticsearch/src/client"]),
];

/// The crates of this repository and those that each may depend on. Tests and examples may use all.
const CRATES: &[(&str, &[&str])] = &[
    ("connect-core", &[]),
    ("connector-converters", &["connect-core"]),
    ("connector-avro", &["connect-core"]),
    ("connector-aws", &["connect-core"]),
    ("connector-formats", &["connect-core", "connector-avro", "connector-converters"]),
    ("connector-file", &["connect-core", "connector-formats"]),
    ("connector-datagen", &["connect-core", "connector-formats"]),
    ("connector-s3", &["connect-core", "connector-aws", "connector-formats"]),
    ("connector-firehose", &["connect-core", "connector-aws", "connector-converters"]),
    ("connector-elasticsearch", &["connect-core", "connector-formats"]),
    ("connector-schema-registry", &["connect-core", "connector-avro"]),
    ("connector-transforms", &["connect-core"]),
    ("connector-log-transforms", &["connect-core"]),
    ("connectors", &["connect-core", "connector-*"]),
    ("dev-broker", &[]),
    ("connect-cluster", &["connect-core"]),
    ("connect-worker", &["connect-core", "connect-cluster", "connectors", "dev-broker"]),
];

#[test]
fn no_file_is_longer_than_the_limit_without_its_tests() {
    let excused: BTreeMap<_, _> = LONG_FILES.iter().copied().collect();
    let long = code().filter_map(|(path, text)| {
        let lines = without_tests(&text).lines().count();
        (lines > LINE_LIMIT && !excused.contains_key(path.as_str())).then(|| format!("{path}: {lines} lines"))
    });
    assert_none("files over the limit", long);
}

#[test]
fn a_room_of_the_worker_names_only_rooms_below_it() {
    let allowed: BTreeMap<_, _> = ROOMS.iter().copied().collect();
    let mut wrong = Vec::new();
    for (path, text) in code() {
        let Some(inside) = path.strip_prefix("connect-worker/src/") else { continue };
        let room = inside.split(['/', '.']).next().unwrap_or_default();
        if matches!(room, "lib" | "main") {
            continue;
        }
        let Some(may) = allowed.get(room) else {
            wrong.push(format!("{path}: room `{room}` is not in the table of rooms"));
            continue;
        };
        for (named, _) in ROOMS.iter().filter(|(named, _)| *named != room && !OPEN_ROOMS.contains(named)) {
            if !may.contains(named) && names(without_tests(&text), &format!("crate::{named}")) {
                wrong.push(format!("{path}: `{room}` may not name `{named}`"));
            }
        }
    }
    assert_none("arrows against the order of rooms", wrong);
}

#[test]
fn a_package_is_named_only_where_it_lives() {
    let mut wrong = Vec::new();
    for (path, text) in code() {
        for (package, homes) in PACKAGE_HOMES {
            let at_home = homes.iter().any(|home| path.starts_with(home));
            let text = without_tests(&text);
            if !at_home && (names(text, &format!("{package}::")) || names(text, &format!("use {package};"))) {
                wrong.push(format!("{path}: `{package}` lives in {homes:?}"));
            }
        }
    }
    assert_none("packages away from home", wrong);
}

#[test]
fn a_crate_depends_only_on_crates_below_it() {
    let allowed: BTreeMap<_, _> = CRATES.iter().copied().collect();
    let metadata = metadata();
    let members: BTreeSet<&str> = workspace(&metadata).map(|package| text(&package["name"])).collect();
    let mut wrong = Vec::new();
    for package in workspace(&metadata) {
        let name = text(&package["name"]);
        let Some(may) = allowed.get(name) else { continue };
        for dependency in package["dependencies"].as_array().into_iter().flatten() {
            let target = text(&dependency["name"]);
            let is_allowed = may.iter().any(|allowed| {
                allowed.strip_suffix('*').map_or(*allowed == target, |prefix| target.starts_with(prefix))
            });
            if dependency["kind"].is_null() && members.contains(target) && !is_allowed {
                wrong.push(format!("`{name}` may not depend on `{target}`"));
            }
        }
    }
    assert_none("arrows against the order of crates", wrong);
}

#[test]
fn heavy_packages_are_locked_in_one_version() {
    let lock = fs::read_to_string(repository().join("Cargo.lock")).expect("the lock file is committed");
    let wrong =
        ["rustls", "hyper", "http", "tokio", "aws-smithy-runtime"].into_iter().filter_map(|package| {
            let count = lock.lines().filter(|line| *line == format!("name = \"{package}\"")).count();
            (count > 1).then(|| format!("`{package}` is locked in {count} versions"))
        });
    assert_none("packages compiled more than once", wrong);
}

#[test]
fn every_licence_is_among_those_that_deny_toml_allows() {
    let deny = fs::read_to_string(repository().join("deny.toml")).expect("deny.toml is committed");
    let allowed = licence::allowed(&deny);
    assert!(allowed.contains("Apache-2.0"), "reading the allowed licences gave {allowed:?}");
    let metadata = metadata();
    let packages = metadata["packages"].as_array().expect("metadata lists packages");
    let wrong = packages.iter().filter_map(|package| {
        let licence = package["license"].as_str().unwrap_or_default();
        (!licence::is_satisfied(licence, &allowed)).then(|| format!("{}: `{licence}`", package["name"]))
    });
    assert_none("licences that are not allowed", wrong);
}

#[test]
fn each_difference_named_in_a_scenario_is_documented() {
    let page = fs::read_to_string(repository().join("docs/differences.md")).unwrap_or_default();
    let mut wrong = Vec::new();
    for (name, scenario) in Scenario::all() {
        for request in scenario.requests() {
            let entry = request.difference.as_ref().map(|difference| format!("`{}`", difference.entry));
            if let Some(entry) = entry.filter(|entry| !page.contains(entry.as_str())) {
                wrong.push(format!("{name}: {}: {entry} is not in docs/differences.md", request.id));
            }
        }
    }
    assert_none("undocumented differences", wrong);
}

#[test]
fn no_source_holds_an_unfinished_part() {
    let marks =
        [concat!("TO", "DO"), concat!("FIX", "ME"), concat!("todo", "!("), concat!("unimplemented", "!(")];
    let mut wrong = Vec::new();
    for (path, text) in sources() {
        for (number, line) in text.lines().enumerate() {
            if marks.iter().any(|mark| line.contains(mark)) || line.trim() == "#[ignore]" {
                wrong.push(format!("{path}:{}: {}", number + 1, line.trim()));
            }
        }
    }
    assert_none("unfinished parts", wrong);
}

/// Returns the Rust files that are not a module's tests.
fn code() -> impl Iterator<Item = (String, String)> {
    sources().into_iter().filter(|(path, _)| !path.ends_with("/tests.rs") && !path.contains("/tests/"))
}

/// Returns all Rust files by their path from the root of the repository.
fn sources() -> Vec<(String, String)> {
    let mut files = Vec::new();
    let root = repository();
    for part in ["connect-core", "connectors", "connect-worker", "examples", "tests"] {
        collect(&root, &root.join(part), &mut files);
    }
    assert!(files.len() > 10, "only {} source files found", files.len());
    files
}

fn collect(root: &Path, folder: &Path, files: &mut Vec<(String, String)>) {
    let mut paths: Vec<PathBuf> =
        fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path()).collect();
    paths.sort();
    for path in paths {
        if path.is_dir() && !path.ends_with("target") {
            collect(root, &path, files);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let name = path.strip_prefix(root).unwrap_or(&path).to_string_lossy().into_owned();
            files.push((name, fs::read_to_string(&path).expect("a source file is text")));
        }
    }
}

/// Cuts a file where its inline tests begin.
fn without_tests(text: &str) -> &str {
    let start = text.match_indices("#[cfg(test)]").find(|(at, _)| {
        let rest = &text[at + "#[cfg(test)]".len()..];
        rest.trim_start().starts_with("mod ")
            && !rest.split('\n').nth(1).is_some_and(|line| line.ends_with(';'))
    });
    start.map_or(text, |(at, _)| &text[..at])
}

/// Whether `text` holds `path` as a path of its own, not as the end of a longer name or in a comment.
fn names(text: &str, path: &str) -> bool {
    let is_name = |letter: char| letter.is_alphanumeric() || letter == '_' || letter == ':';
    text.lines().filter(|line| !line.trim_start().starts_with("//")).any(|line| {
        line.match_indices(path).any(|(at, _)| {
            let before = line[..at].chars().next_back();
            let after = line[at + path.len()..].chars().next();
            let ends = path.ends_with([':', ';'])
                || !after.is_some_and(|letter| letter.is_alphanumeric() || letter == '_');
            ends && !before.is_some_and(is_name)
        })
    })
}

fn metadata() -> Value {
    let cargo = std::env::var("CARGO").unwrap_or_else(|_| "cargo".to_owned());
    let output = Command::new(cargo)
        .args(["metadata", "--format-version=1", "--locked", "--offline"])
        .current_dir(repository())
        .output()
        .expect("cargo runs");
    assert!(output.status.success(), "cargo metadata: {}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).expect("cargo metadata is JSON")
}

fn workspace(metadata: &Value) -> impl Iterator<Item = &Value> {
    metadata["packages"].as_array().into_iter().flatten().filter(|package| package["source"].is_null())
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

fn assert_none(what: &str, found: impl IntoIterator<Item = String>) {
    let found: Vec<String> = found.into_iter().collect();
    assert!(found.is_empty(), "{what}:\n{}", found.join("\n"));
}
