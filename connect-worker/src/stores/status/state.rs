//! States, as `/status` shows them.

use std::sync::Arc;

use crate::stores::config::TargetState;

/// The state of a connector or task, as `/status` shows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RunState {
    /// Not owned by a worker now.
    Unassigned,
    /// Working.
    Running,
    /// Idle on request.
    Paused,
    /// Connectors only: without tasks on request.
    Stopped,
    /// Ended by an error.
    Failed,
    /// Being stopped and started again on request.
    Restarting,
}

impl RunState {
    /// Every state.
    pub(crate) const ALL: [Self; 6] =
        [Self::Unassigned, Self::Running, Self::Paused, Self::Stopped, Self::Failed, Self::Restarting];

    /// Returns the word in `/status`.
    pub fn name(self) -> &'static str {
        match self {
            RunState::Unassigned => "UNASSIGNED",
            RunState::Running => "RUNNING",
            RunState::Paused => "PAUSED",
            RunState::Stopped => "STOPPED",
            RunState::Failed => "FAILED",
            RunState::Restarting => "RESTARTING",
        }
    }

    /// Returns whether a plug-in instance exists in this state, so that its version is known.
    pub fn has_instance(self) -> bool {
        !matches!(self, RunState::Unassigned | RunState::Restarting)
    }

    /// Returns the state that an instance reaches for a target.
    pub fn reached(target: TargetState) -> Self {
        match target {
            TargetState::Started => RunState::Running,
            TargetState::Paused => RunState::Paused,
            TargetState::Stopped => RunState::Stopped,
        }
    }
}

/// A stored state.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Status {
    /// State.
    pub state: RunState,
    /// Worker that wrote it.
    pub worker_id: Arc<str>,
    /// Version of the plug-in, if an instance exists.
    pub version: Option<Arc<str>>,
    /// Generation of the group when it was written; 0 in standalone mode.
    pub generation: i32,
    /// Cause of a failure.
    pub trace: Option<String>,
}
