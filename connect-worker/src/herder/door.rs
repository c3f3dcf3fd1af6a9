//! The way to a herder that does not exist yet, so that REST can answer while the worker starts.

use std::sync::Arc;

use tokio::sync::{mpsc, watch};

use crate::herder::command::Command;
use crate::herder::handle::{HerderHandle, Told};
use crate::herder::ports::PluginCatalog;
use crate::herder::stage::StageClock;

/// Commands that may wait for the herder; further callers wait in turn.
const COMMAND_LIMIT: usize = 1024;

/// The herder's end of its handle. Requests wait there until a herder takes it over, and fail when it is dropped.
pub struct HerderDoor {
    pub(crate) commands: mpsc::Receiver<Command>,
    pub(crate) stages: StageClock,
    pub(crate) told: watch::Sender<Told>,
}

impl HerderDoor {
    /// Notes what the worker does before there is a herder, for the texts of health checks and time-outs.
    pub fn begin_stage(&self, description: &str) {
        self.stages.begin(description);
    }
}

/// Returns the way to talk to a herder, and what the herder is made from.
pub fn door(catalog: Arc<dyn PluginCatalog>) -> (HerderHandle, HerderDoor) {
    let (sender, commands) = mpsc::channel(COMMAND_LIMIT);
    let (told, told_seen) = watch::channel(Told::default());
    let stages = StageClock::default();
    let handle = HerderHandle::new(sender, stages.clone(), catalog, told_seen);
    (handle, HerderDoor { commands, stages, told })
}
