//! `sluice preview`: what a connector would do with records.

use std::fs;
use std::io::{IsTerminal, Write, stdout};
use std::process::ExitCode;

use anyhow::{Context, bail};
use connect_core::kit::{Clock, SystemClock};
use connect_core::plugin::Registry;

use crate::cli::args::PreviewArgs;
use crate::cli::hints::hinting_class;
use crate::cli::validate::worker;
use crate::config::{WorkerConfig, read_connector};
use crate::preview::{Given, Previewer, Range, Report, TextWriter, only_topic, read_topic};

/// Records read when nobody says how many.
const DEFAULT_LAST: usize = 10;

pub(super) fn run(
    args: &PreviewArgs,
    registry: &Registry,
    output: &mut dyn Write,
) -> anyhow::Result<ExitCode> {
    let worker = worker(args.worker.as_deref(), registry)?;
    let file = read_connector(&args.file)?;
    let previewer = Previewer::new(registry, &worker, &file.config)
        .map_err(|error| hinting_class(registry, &file.config, error))
        .with_context(|| format!("checking connector file `{}`", args.file.display()))?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let runtime = runtime.context("starting the runtime")?;
    let report = runtime.block_on(report(args, &worker, &previewer))?;
    if args.json {
        writeln!(output, "{}", serde_json::to_string_pretty(&report)?)?;
    } else {
        TextWriter { output, is_coloured: is_coloured() }.report(&report)?;
    }
    Ok(if report.is_fine() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

async fn report(args: &PreviewArgs, worker: &WorkerConfig, previewer: &Previewer) -> anyhow::Result<Report> {
    let now_ms = SystemClock.wall_ms();
    if let Some(path) = &args.input {
        let in_file = || format!("reading records of `{}`", path.display());
        let content = fs::read(path).with_context(in_file)?;
        let given = Given::from_lines(&content).map_err(anyhow::Error::msg).with_context(in_file)?;
        return Ok(previewer.run(given, now_ms).await);
    }
    if !previewer.is_sink() {
        bail!("a source reads no topic: give what it would have read with `--input`");
    }
    if args.worker.is_none() {
        bail!("name the brokers by a worker file with `--worker`, or give records with `--input`");
    }
    let range = match args.offsets.is_empty() {
        true => Range::Last(args.last.unwrap_or(DEFAULT_LAST)),
        false => Range::Offsets(args.offsets.clone()),
    };
    let topic = match &args.topic {
        Some(topic) => topic.as_str().into(),
        None => only_topic(&previewer.topics())?,
    };
    let records = read_topic(worker, previewer.name(), previewer.props(), &topic, &range).await?;
    Ok(previewer.run_read(records, now_ms).await)
}

/// Returns whether colours help: on a terminal, unless `NO_COLOR` is set.
pub(super) fn is_coloured() -> bool {
    stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
}
