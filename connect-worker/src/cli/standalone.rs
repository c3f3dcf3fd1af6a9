//! `sluice standalone`: reads the files, then hands over to the worker, for ever or once.

use std::process::ExitCode;
use std::time::Duration;

use connect_core::config::Props;
use connect_core::plugin::Registry;

use crate::cli::args::StandaloneArgs;
use crate::cli::run::{BAD_FILE, USAGE, fail};
use crate::cli::start::{with_settings, with_worker};
use crate::config::{ConnectorFile, FileError, WorkerMode, read_connector};
use crate::worker::{OnceLimits, run_once, run_standalone, wants_once};

pub(super) fn run(args: &StandaloneArgs, registry: &Registry) -> ExitCode {
    let connectors: Result<Vec<ConnectorFile>, FileError> =
        args.connectors.iter().map(|path| read_connector(path)).collect();
    let is_once = match &connectors {
        Ok(files) if !args.once => wants_once(files),
        _ => Ok(args.once),
    };
    match (is_once, connectors) {
        (Err(error), _) => fail(&error, BAD_FILE),
        (Ok(true), Ok(connectors)) => once(args, connectors, registry),
        // The code of services that do not start says of such a run that there is nothing to do.
        (Ok(true), Err(error)) => fail(&error.into(), BAD_FILE),
        (Ok(false), connectors) => {
            with_worker(&args.worker, WorkerMode::Standalone, registry, |worker, log| {
                Ok(run_standalone(worker, connectors?, registry.clone(), log))
            })
        }
    }
}

fn once(args: &StandaloneArgs, connectors: Vec<ConnectorFile>, registry: &Registry) -> ExitCode {
    let limits = OnceLimits {
        max_batches: args.max_batches,
        max_records: args.max_records,
        max_time: args.max_seconds.map(Duration::from_secs),
    };
    with_settings(&args.worker, WorkerMode::Standalone, registry, private, USAGE, |worker, log| {
        Ok(run_once(worker, connectors, limits, registry.clone(), log))
    })
}

/// Gives a worker that ends by itself a port of its own: it may run beside one that runs for ever with the same file.
fn private(props: &mut Props) {
    props.retain(|key, _| !key.starts_with("rest.advertised.") && key != "admin.listeners");
    props.insert("listeners".to_owned(), "http://127.0.0.1:0".to_owned());
}
