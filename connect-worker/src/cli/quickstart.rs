//! `sluice quickstart`.

use std::process::ExitCode;

use anyhow::Context;

use crate::cli::args::QuickstartArgs;
use crate::cli::run::{START, fail};
use crate::quickstart::{self, Options};

pub(super) fn run(args: QuickstartArgs) -> ExitCode {
    let options = Options { dir: args.dir, rate: args.rate };
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let outcome = runtime.context("starting the runtime").and_then(|runtime| {
        runtime.block_on(Box::pin(quickstart::run(&options))).map_err(anyhow::Error::from)
    });
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => fail(&error, START),
    }
}
