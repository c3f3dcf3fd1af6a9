//! `sluice quickstart` and `sluice fleet`.

use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context;

use crate::cli::args::{FleetArgs, QuickstartArgs};
use crate::cli::run::{START, fail};
use crate::quickstart::{self, FleetOptions, Options, QuickstartError};

pub(super) fn run(args: QuickstartArgs) -> ExitCode {
    let options = Options { dir: args.dir, rate: args.rate };
    finish(quickstart::run(&options))
}

pub(super) fn run_fleet(args: FleetArgs) -> ExitCode {
    let options = FleetOptions {
        dir: args.dir,
        workers: args.workers.into(),
        rate: args.rate,
        limit: args.seconds.map(Duration::from_secs),
    };
    finish(quickstart::run_fleet(&options))
}

fn finish(run: impl Future<Output = Result<(), QuickstartError>>) -> ExitCode {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let outcome = runtime
        .context("starting the runtime")
        .and_then(|runtime| runtime.block_on(Box::pin(run)).map_err(anyhow::Error::from));
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => fail(&error, START),
    }
}
