//! `sluice validate`: what the worker would say of a connector file, and what it would silently ignore.

use std::io::Write;
use std::path::Path;
use std::process::ExitCode;

use connect_core::config::Props;
use connect_core::plugin::Registry;
use serde::Serialize;

use crate::cli::args::ValidateArgs;
use crate::cli::hints::hinting_class;
use crate::config::{ConnectorFile, WorkerConfig, WorkerMode, read_connector, read_worker};
use crate::plugins::{ConfigInfos, check_worker, connector_plugin, unknown_keys, validate};

/// A worker that says as little as possible, for files checked without one.
const DEFAULT_WORKER: &[(&str, &str)] = &[
    ("bootstrap.servers", "localhost:9092"),
    ("key.converter", "org.apache.kafka.connect.json.JsonConverter"),
    ("value.converter", "org.apache.kafka.connect.json.JsonConverter"),
    ("offset.storage.file.filename", "offsets"),
];

/// The answer of REST, and the hints.
#[derive(Serialize)]
struct Report {
    #[serde(flatten)]
    infos: ConfigInfos,
    hints: Vec<String>,
}

pub(super) fn run(
    args: &ValidateArgs,
    registry: &Registry,
    output: &mut dyn Write,
) -> anyhow::Result<ExitCode> {
    let worker = worker(args.worker.as_deref(), registry)?;
    let file = read_connector(&args.file)?;
    let report = check(registry, &worker, &file)?;
    if args.json {
        writeln!(output, "{}", serde_json::to_string_pretty(&report)?)?;
    } else {
        write(&file, &report, output)?;
    }
    Ok(if report.infos.error_count == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Returns the worker of a file, or one that says as little as possible.
///
/// # Errors
/// Fails when the file cannot be read or is wrong.
pub(super) fn worker(path: Option<&Path>, registry: &Registry) -> anyhow::Result<WorkerConfig> {
    let props: Props = match path {
        Some(path) => read_worker(path)?,
        None => DEFAULT_WORKER.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect(),
    };
    let is_distributed = props.contains_key("group.id") && props.contains_key("config.storage.topic");
    let mode = if is_distributed { WorkerMode::Distributed } else { WorkerMode::Standalone };
    let worker = WorkerConfig::parse(&props, mode, registry)?;
    if path.is_some() {
        check_worker(registry, &worker)?;
    }
    Ok(worker)
}

fn check(registry: &Registry, worker: &WorkerConfig, file: &ConnectorFile) -> anyhow::Result<Report> {
    let infos = validate(registry, worker, &file.config)
        .map_err(|error| hinting_class(registry, &file.config, error))?;
    let kind = connector_plugin(registry, &infos.name)?.kind();
    let hints = unknown_keys(kind, &file.config, &infos);
    Ok(Report { infos, hints })
}

fn write(file: &ConnectorFile, report: &Report, output: &mut dyn Write) -> std::io::Result<()> {
    let Report { infos, hints } = report;
    writeln!(output, "{}: connector `{}` of class `{}`", file.path.display(), file.name, infos.name)?;
    for (key, errors) in infos.errors() {
        writeln!(output, "\n  {key}")?;
        for line in errors.iter().flat_map(|error| error.lines()) {
            writeln!(output, "    {line}")?;
        }
    }
    if !hints.is_empty() {
        writeln!(output, "\n  Hints")?;
    }
    for hint in hints {
        writeln!(output, "    {hint}")?;
    }
    match infos.error_count {
        0 => writeln!(output, "\nNo errors."),
        1 => writeln!(output, "\n1 error."),
        count => writeln!(output, "\n{count} errors."),
    }
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::*;
    use crate::plugins::test_plugins::registry;

    fn file(pairs: &[(&str, &str)]) -> ConnectorFile {
        let config =
            pairs.iter().map(|(key, value)| ((*key).to_owned(), Some((*value).to_owned()))).collect();
        ConnectorFile { path: PathBuf::from("c.json"), name: "c".to_owned(), config, initial_state: None }
    }

    #[test]
    fn errors_are_told_by_key_and_hints_follow() {
        let worker = worker(None, &registry()).expect("default worker");
        let file = file(&[
            ("name", "c"),
            ("connector.class", "FileStreamSource"),
            ("tasks.max", "0"),
            ("batch.sise", "1"),
        ]);
        let report = check(&registry(), &worker, &file).expect("validated");
        let mut text = Vec::new();
        write(&file, &report, &mut text).expect("written");
        assert_eq!(
            String::from_utf8_lossy(&text),
            "c.json: connector `c` of class `FileStreamSource`\n\n  tasks.max\n    \
             Invalid value 0 for configuration tasks.max: Value must be at least 1\n\n  topic\n    \
             Missing required configuration \"topic\" which has no default value.\n\n  Hints\n    \
             `batch.sise` is unknown: did you mean `batch.size`?\n\n2 errors.\n"
        );
        let json = serde_json::to_value(&report).expect("JSON");
        assert_eq!((&json["error_count"], &json["hints"][0]), (&2.into(), &report.hints[0].clone().into()));
    }

    #[test]
    fn an_unknown_class_is_told_with_the_one_probably_meant() {
        let worker = worker(None, &registry()).expect("default worker");
        let error =
            check(&registry(), &worker, &file(&[("name", "c"), ("connector.class", "FileStreamSnk")]));
        let text = error.err().expect("unknown").to_string();
        assert!(text.ends_with("Did you mean `FileStreamSink`?"), "{text}");
    }
}
