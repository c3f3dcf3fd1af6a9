//! A whole worker: its rooms put together, started and stopped.
//!
//! Called by `cli`. It decides the order of start and stop, and the exit code; everything else is done elsewhere.

mod adapters;
mod assembly;
mod distributed;
mod fencer;
mod frame;
mod group;
mod members;
mod once;
mod standalone;

use std::process::ExitCode;
use std::sync::Arc;

use anyhow::Context;
use connect_core::plugin::Registry;
use tokio_util::sync::CancellationToken;

pub use self::distributed::run_distributed;
pub(crate) use self::group::is_sluice_member;
pub(crate) use self::once::wants_once;
pub use self::once::{OnceLimits, run_once};
pub use self::standalone::run_standalone;

use crate::config::WorkerConfig;
use crate::herder::ports::PluginCatalog;
use crate::shutdown::Signals;
use crate::worker::adapters::Catalog;

/// Returns the plug-ins of a worker as the herder and REST see them.
pub(crate) fn catalog(registry: Registry, worker: Arc<WorkerConfig>) -> Arc<dyn PluginCatalog> {
    Arc::new(Catalog { registry, worker })
}

/// Runs a worker that stops when its token is cancelled: at the first signal. The second ends the process.
///
/// # Errors
/// Fails as the worker does, and when the process cannot catch signals.
async fn until_signalled<F>(run: impl FnOnce(CancellationToken) -> F) -> anyhow::Result<ExitCode>
where
    F: Future<Output = anyhow::Result<u8>>,
{
    let signals = Signals::catch().context("catching signals")?;
    let stop = CancellationToken::new();
    let outcome = tokio::select! {
        biased; // A worker that has ended is not interrupted.
        outcome = Box::pin(run(stop.clone())) => outcome,
        never = signals.watch(stop.clone()) => never,
    };
    outcome.map(ExitCode::from)
}
