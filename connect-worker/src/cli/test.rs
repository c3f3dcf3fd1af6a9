//! `sluice test`: tests of connector files.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Instant;

use anyhow::Context;
use connect_core::kit::{Clock, SystemClock};
use connect_core::plugin::Registry;
use serde::Serialize;

use crate::cli::args::TestArgs;
use crate::cli::run::BAD_FILE;
use crate::cli::validate::worker;
use crate::config::files::RawConfig;
use crate::config::{WorkerConfig, read_connector, read_document};
use crate::preview::{Case, Difference, Previewer, Suite};

/// The outcome of all files.
#[derive(Debug, Serialize)]
struct Summary {
    tests: usize,
    failures: usize,
    errors: usize,
    time_ms: u128,
    files: Vec<FileOutcome>,
}

#[derive(Debug, Serialize)]
struct FileOutcome {
    file: PathBuf,
    /// Why the file cannot be run.
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
    tests: Vec<CaseOutcome>,
}

#[derive(Debug, Serialize)]
struct CaseOutcome {
    name: String,
    status: Status,
    /// Why the test cannot be run.
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    differences: Vec<Difference>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
enum Status {
    Passed,
    Failed,
    Error,
}

pub(super) fn run(args: &TestArgs, registry: &Registry, output: &mut dyn Write) -> anyhow::Result<ExitCode> {
    let started = Instant::now();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let runtime = runtime.context("starting the runtime")?;
    let files = args.files.iter().map(|path| runtime.block_on(file(path, registry))).collect();
    let summary = Summary::of(files, started.elapsed().as_millis());
    if args.json {
        writeln!(output, "{}", serde_json::to_string_pretty(&summary)?)?;
    } else {
        write(&summary, output)?;
    }
    Ok(match (summary.errors, summary.failures) {
        (0, 0) => ExitCode::SUCCESS,
        (0, _) => ExitCode::FAILURE,
        _ => ExitCode::from(BAD_FILE),
    })
}

async fn file(path: &Path, registry: &Registry) -> FileOutcome {
    let mut outcome = FileOutcome { file: path.to_owned(), error: None, tests: Vec::new() };
    match prepare(path, registry) {
        Ok((suite, worker, config)) => {
            for case in &suite.tests {
                let ran = Box::pin(run_case(&suite, case, registry, &worker, config.as_ref())).await;
                outcome.tests.push(CaseOutcome::of(&case.name, ran));
            }
        }
        Err(error) => outcome.error = Some(format!("{error:#}")),
    }
    outcome
}

fn prepare(path: &Path, registry: &Registry) -> anyhow::Result<(Suite, WorkerConfig, Option<RawConfig>)> {
    let suite = Suite::from_json(read_document(path)?)
        .map_err(anyhow::Error::msg)
        .with_context(|| format!("reading test file `{}`", path.display()))?;
    let folder = path.parent().unwrap_or(Path::new(""));
    let worker = worker(suite.worker.as_ref().map(|file| folder.join(file)).as_deref(), registry)?;
    let connector = suite.connector.as_ref().map(|file| read_connector(&folder.join(file))).transpose()?;
    let config = connector.map(|file| file.config);
    Ok((suite, worker, config))
}

async fn run_case(
    suite: &Suite,
    case: &Case,
    registry: &Registry,
    worker: &WorkerConfig,
    file: Option<&RawConfig>,
) -> Result<Vec<Difference>, String> {
    let config = suite.config(file, case)?;
    let previewer = Previewer::new(registry, worker, &config).map_err(|error| error.to_string())?;
    case.run(&previewer, SystemClock.wall_ms()).await
}

impl CaseOutcome {
    fn of(name: &str, ran: Result<Vec<Difference>, String>) -> Self {
        let (status, error, differences) = match ran {
            Ok(differences) if differences.is_empty() => (Status::Passed, None, differences),
            Ok(differences) => (Status::Failed, None, differences),
            Err(error) => (Status::Error, Some(error), Vec::new()),
        };
        Self { name: name.to_owned(), status, error, differences }
    }
}

impl Summary {
    fn of(files: Vec<FileOutcome>, time_ms: u128) -> Self {
        let count = |status| {
            let cases = files.iter().flat_map(|file| &file.tests);
            cases.filter(|case| case.status == status).count()
        };
        let unread = files.iter().filter(|file| file.error.is_some()).count();
        Self {
            tests: files.iter().map(|file| file.tests.len()).sum(),
            failures: count(Status::Failed),
            errors: count(Status::Error) + unread,
            time_ms,
            files,
        }
    }
}

fn write(summary: &Summary, output: &mut dyn Write) -> std::io::Result<()> {
    for file in &summary.files {
        writeln!(output, "{}", file.file.display())?;
        if let Some(error) = &file.error {
            writeln!(output, "  ERROR  {}", error.replace('\n', "\n         "))?;
        }
        for case in &file.tests {
            let word = match case.status {
                Status::Passed => "ok   ",
                Status::Failed => "FAIL ",
                Status::Error => "ERROR",
            };
            writeln!(output, "  {word}  {}", case.name)?;
            if let Some(error) = &case.error {
                writeln!(output, "         {}", error.replace('\n', "\n         "))?;
            }
            for Difference { at, expected, actual } in &case.differences {
                writeln!(output, "         {at}")?;
                writeln!(output, "           - {}", expected.replace('\n', "\n             "))?;
                writeln!(output, "           + {}", actual.replace('\n', "\n             "))?;
            }
        }
    }
    if summary.failures > 0 {
        writeln!(output, "\n(- expected, + found)")?;
    }
    let Summary { tests, failures, errors, time_ms, .. } = summary;
    writeln!(output, "\nTests run: {tests}, Failures: {failures}, Errors: {errors}, Time: {time_ms} ms")
}
