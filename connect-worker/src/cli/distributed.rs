//! `sluice distributed`: reads the worker file, then hands over to the worker.

use std::process::ExitCode;

use connect_core::plugin::Registry;

use crate::cli::args::DistributedArgs;
use crate::cli::start::with_worker;
use crate::config::WorkerMode;
use crate::worker::run_distributed;

pub(super) fn run(args: &DistributedArgs, registry: &Registry) -> ExitCode {
    with_worker(&args.worker, WorkerMode::Distributed, registry, |worker, log| {
        Ok(run_distributed(worker, registry.clone(), log))
    })
}
