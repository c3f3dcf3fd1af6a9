//! What commands that run or read a worker begin with: its file, and the log.

use std::env;
use std::io::stderr;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::Context;
use connect_core::config::Props;
use connect_core::kit::SystemClock;
use connect_core::plugin::Registry;

use crate::cli::run::{BAD_FILE, START, USAGE, fail};
use crate::config::{WorkerConfig, WorkerMode, read_worker};
use crate::obs::logging::{self, LogControl, LogFormat, LogOptions};
use crate::plugins::check_worker;

/// Begins to log, reads the worker file, and runs what `run` returns to its end.
pub(super) fn with_worker<F>(
    path: &Path,
    mode: WorkerMode,
    registry: &Registry,
    run: impl FnOnce(WorkerConfig, LogControl) -> anyhow::Result<F>,
) -> ExitCode
where
    F: Future<Output = anyhow::Result<ExitCode>>,
{
    with_settings(path, mode, registry, |_| {}, START, run)
}

/// Does the same with the settings of the file changed by `adjust`; `failed` is the exit code of a worker that does
/// not start.
pub(super) fn with_settings<F>(
    path: &Path,
    mode: WorkerMode,
    registry: &Registry,
    adjust: impl FnOnce(&mut Props),
    failed: u8,
    run: impl FnOnce(WorkerConfig, LogControl) -> anyhow::Result<F>,
) -> ExitCode
where
    F: Future<Output = anyhow::Result<ExitCode>>,
{
    let log = match start_log() {
        Ok(log) => log,
        Err(error) => return fail(&error, USAGE),
    };
    let worker = match worker(path, mode, registry, adjust) {
        Ok(worker) => worker,
        Err(error) => return fail(&error, BAD_FILE),
    };
    for warning in worker.warnings() {
        tracing::warn!("{warning}");
    }
    let outcome = run(worker, log).and_then(|running| {
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
        let runtime = runtime.context("starting the runtime")?;
        let outcome = runtime.block_on(Box::pin(running));
        // A task that was abandoned, or a read of the standard input, may hold a thread for ever: the process ends
        // without it.
        runtime.shutdown_background();
        outcome
    });
    outcome.unwrap_or_else(|error| fail(&error, failed))
}

/// Reads a worker file, changes it by `adjust` and checks it. An empty path is an empty configuration, as on the JVM's command line.
///
/// # Errors
/// Fails when the file cannot be read, and lists every key that is wrong.
fn worker(
    path: &Path,
    mode: WorkerMode,
    registry: &Registry,
    adjust: impl FnOnce(&mut Props),
) -> anyhow::Result<WorkerConfig> {
    let mut props = if path.as_os_str().is_empty() { Props::new() } else { read_worker(path)? };
    adjust(&mut props);
    let in_file = || format!("checking worker file `{}`", path.display());
    let worker = WorkerConfig::parse(&props, mode, registry).with_context(in_file)?;
    check_worker(registry, &worker).with_context(in_file)?;
    Ok(worker)
}

/// Begins to log to the error output: a sink may use the standard output. `SLUICE_LOG_FORMAT` (`text` or `json`)
/// sets the form of a line and `SLUICE_LOG_LEVEL` the level of the start.
fn start_log() -> anyhow::Result<LogControl> {
    let format =
        env::var("SLUICE_LOG_FORMAT").map_or(Ok(LogFormat::default()), |text| LogFormat::parse(&text));
    let options = LogOptions {
        format: format.map_err(anyhow::Error::msg).context("reading `SLUICE_LOG_FORMAT`")?,
        level: env::var("SLUICE_LOG_LEVEL").unwrap_or_else(|_| "INFO".to_owned()),
        clock: Arc::new(SystemClock),
        output: Box::new(stderr()),
    };
    logging::init(options).map_err(anyhow::Error::msg).context("reading `SLUICE_LOG_LEVEL`")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plugins::test_plugins::registry;

    #[test]
    fn a_worker_file_is_read_and_its_converters_are_looked_up() {
        let folder = tempfile::tempdir().expect("folder");
        let path = folder.path().join("worker.properties");
        let text = "bootstrap.servers=b:1\nkey.converter=String\nvalue.converter=no.Such\n\
                    offset.storage.file.filename=o\n";
        std::fs::write(&path, text).expect("written");
        let error =
            worker(&path, WorkerMode::Standalone, &registry(), |_| {}).expect_err("unknown converter");
        let text = format!("{error:#}");
        assert!(
            text.ends_with(
                "Invalid value no.Such for configuration value.converter: Class no.Such could not be found."
            ),
            "{text}"
        );
    }

    #[test]
    fn an_empty_path_is_an_empty_configuration() {
        for mode in [WorkerMode::Standalone, WorkerMode::Distributed] {
            let error =
                worker(Path::new(""), mode, &registry(), |_| {}).expect_err("required keys are missing");
            assert!(
                format!("{error:#}").contains("Missing required configuration \"bootstrap.servers\""),
                "{mode:?}: {error:#}"
            );
        }
    }

    #[test]
    fn a_file_of_a_standalone_worker_is_no_file_of_a_distributed_one() {
        let folder = tempfile::tempdir().expect("folder");
        let path = folder.path().join("worker.properties");
        let text = "bootstrap.servers=b:1\nkey.converter=String\nvalue.converter=String\n\
                    offset.storage.file.filename=o\n";
        std::fs::write(&path, text).expect("written");
        let error =
            worker(&path, WorkerMode::Distributed, &registry(), |_| {}).expect_err("keys are missing");
        let text = format!("{error:#}");
        for key in ["group.id", "config.storage.topic", "offset.storage.topic", "status.storage.topic"] {
            assert!(text.contains(&format!("\"{key}\"")), "{text}");
        }
    }
}
