//! The command: reads, judges, tells.

use std::io::Write;
use std::path::Path;
use std::process::ExitCode;

use anyhow::Context;
use connect_core::plugin::Registry;

use crate::cli::args::TakeoverArgs;
use crate::cli::takeover::cluster::Cluster;
use crate::cli::takeover::report::{Report, WorkerReport};
use crate::cli::takeover::{connectors, read, worker_keys};
use crate::config::{WorkerConfig, WorkerMode, read_worker};
use crate::plugins::check_worker;

pub(in crate::cli) fn run(
    args: &TakeoverArgs,
    registry: &Registry,
    output: &mut dyn Write,
) -> anyhow::Result<ExitCode> {
    let (worker, worker_report) = worker(&args.worker, registry)?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let runtime = runtime.context("starting the runtime")?;
    let found = runtime.block_on(Box::pin(read::read(&worker)));
    let report = found.map(|found| judge(registry, &worker, worker_report, found));
    // The clients have served their purpose; nothing waits for their threads.
    runtime.shutdown_background();
    let report = report?;
    if args.json {
        writeln!(output, "{}", serde_json::to_string_pretty(&report)?)?;
    } else {
        report.write(output)?;
    }
    Ok(if report.is_fine { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Reads the worker file. Converters that are not built in are part of the report: the topics can be read all the same.
fn worker(path: &Path, registry: &Registry) -> anyhow::Result<(WorkerConfig, WorkerReport)> {
    let props = read_worker(path)?;
    let in_file = || format!("checking worker file `{}`", path.display());
    let worker = WorkerConfig::parse(&props, WorkerMode::Distributed, registry).with_context(in_file)?;
    let mut report = worker_keys::check(&worker);
    if let Err(error) = check_worker(registry, &worker) {
        report.problems.push(format!("{error:#}"));
    }
    Ok((worker, report))
}

fn judge(registry: &Registry, worker: &WorkerConfig, report: WorkerReport, found: read::Found) -> Report {
    let cluster = Cluster::of(found.updates);
    let judged = cluster.connectors.iter().map(|(name, configured)| {
        let mut connector = connectors::check(registry, worker, name, configured);
        if connectors::is_source(registry, &configured.config) {
            connector.offsets = found.offsets.get(name.as_ref()).copied().or(Some(0));
        }
        connector
    });
    let connectors = judged.collect();
    let report = Report {
        kafka_cluster_id: found.kafka_cluster_id,
        config_offset: cluster.offset,
        worker: report,
        group: found.group,
        connectors,
        is_fine: false,
    };
    report.judged()
}
