//! `sluice standalone`: reads the files, then hands over to the worker.

use std::process::ExitCode;

use connect_core::plugin::Registry;

use crate::cli::args::StandaloneArgs;
use crate::cli::start::with_worker;
use crate::config::{ConnectorFile, FileError, WorkerMode, read_connector};
use crate::worker::run_standalone;

pub(super) fn run(args: &StandaloneArgs, registry: &Registry) -> ExitCode {
    with_worker(&args.worker, WorkerMode::Standalone, registry, |worker, log| {
        let connectors: Result<Vec<ConnectorFile>, FileError> =
            args.connectors.iter().map(|path| read_connector(path)).collect();
        Ok(run_standalone(worker, connectors?, registry.clone(), log))
    })
}
