//! What runs for one connector on this worker, and the next step towards what is wanted. The decisions are pure;
//! `effects` carries them out.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use connect_core::config::Props;

use crate::herder::command::{Modified, Reply};
use crate::herder::connector::ConnectorActor;
use crate::herder::info::ConnectorStateInfo;
use crate::obs::metrics::ConnectorMetrics;
use crate::task::{TargetState, TaskHandle};

const RETRY_BASE: Duration = Duration::from_millis(250);
const RETRY_CAP: Duration = Duration::from_secs(60);

/// Where an instance is between down and up.
pub(crate) enum Phase<Running> {
    /// Nothing runs.
    Down,
    /// What it needs is being prepared elsewhere.
    Preparing,
    /// It runs.
    Up(Running),
    /// It was asked to end.
    Stopping,
}

/// One instance: the connector's or a task's.
pub(crate) struct Slot<Running> {
    pub(crate) phase: Phase<Running>,
    /// The run that reports must name.
    pub(crate) run: u64,
    /// The incarnation that was started last.
    pub(crate) has: u64,
    /// The incarnation that should run; `None` when none should.
    pub(crate) wanted: Option<u64>,
    /// Whether the stop in progress is part of a restart with flags.
    pub(crate) is_restarting: bool,
    /// Whether this run of a task has failed: its state stays `FAILED` when it is stopped, since nothing of it runs.
    pub(crate) has_failed: bool,
}

/// What to do next with an instance.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Step {
    /// Nothing, or wait.
    None,
    /// Start the wanted incarnation.
    Start(u64),
    /// Stop the running one.
    Stop,
}

impl<Running> Default for Slot<Running> {
    fn default() -> Self {
        Self { phase: Phase::Down, run: 0, has: 0, wanted: None, is_restarting: false, has_failed: false }
    }
}

impl<Running> Slot<Running> {
    /// Returns the next step: an instance of the wrong incarnation ends before the right one starts.
    pub(crate) fn step(&self) -> Step {
        match (&self.phase, self.wanted) {
            (Phase::Down, Some(wanted)) if wanted != self.has => Step::Start(wanted),
            (Phase::Preparing | Phase::Up(_), wanted) if wanted != Some(self.has) => Step::Stop,
            _ => Step::None,
        }
    }

    /// Returns whether nothing runs and nothing is in progress.
    pub(crate) fn is_down(&self) -> bool {
        matches!(self.phase, Phase::Down)
    }
}

/// How far the generation of task configurations is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Generation {
    /// Not asked for since the connector instance started.
    #[default]
    Idle,
    /// The connector was asked.
    Asked,
    /// The configurations are stored, or were found unchanged.
    Done,
    /// The connector failed to; it is asked again later.
    Failed,
}

/// Someone who is answered when something has happened.
pub(crate) enum Waiter {
    /// The connector of an incarnation runs, with tasks.
    Stored { incarnation: u64, is_new: bool, reply: Reply<Modified> },
    /// The connector of an incarnation runs.
    Restarted { incarnation: u64, reply: Reply<()> },
    /// A task of an incarnation was started.
    TaskRestarted { task: u32, incarnation: u64, reply: Reply<()> },
    /// Everything restarted after a number was given out has started again; holds the answer.
    AllRestarted { after: u64, answer: ConnectorStateInfo, reply: Reply<ConnectorStateInfo> },
    /// No task runs.
    TasksDown { reply: Reply<()> },
    /// Nothing runs, and the connector is forgotten.
    Gone { reply: Reply<()> },
}

/// What runs for one connector.
#[derive(Default)]
pub(crate) struct Live {
    pub(crate) connector: Slot<ConnectorActor>,
    /// What the connector reached in its last incarnation: a state, or the text of its failure.
    pub(crate) reached: Option<Result<TargetState, String>>,
    pub(crate) generation: Generation,
    /// Whether it must generate once more after the generation in progress.
    pub(crate) is_generation_stale: bool,
    pub(crate) failed_generations: u32,
    /// The resolved connector configuration that the stored task configurations belong to.
    pub(crate) applied: Option<Props>,
    pub(crate) tasks: BTreeMap<u32, Slot<TaskHandle>>,
    pub(crate) waiters: Vec<Waiter>,
    /// Shown as long as the connector is configured.
    pub(crate) metrics: Option<Arc<ConnectorMetrics>>,
}

impl Live {
    /// Returns whether no instance runs or is in progress.
    pub(crate) fn is_down(&self) -> bool {
        self.connector.is_down() && self.are_tasks_down()
    }

    /// Returns whether nothing is wanted of it on this worker.
    pub(crate) fn is_idle(&self) -> bool {
        self.connector.wanted.is_none() && self.tasks.is_empty()
    }

    /// Returns whether no task runs or is in progress.
    pub(crate) fn are_tasks_down(&self) -> bool {
        self.tasks.values().all(Slot::is_down)
    }

    /// Returns whether every instance that was asked to restart after `number` runs again, or failed to.
    pub(crate) fn has_restarted(&self, number: u64) -> bool {
        let is_started =
            |wanted: Option<u64>, has: u64| wanted.is_none_or(|wanted| wanted <= number || has >= wanted);
        let connector = &self.connector;
        is_started(connector.wanted, connector.has)
            && (connector.has <= number || self.reached.is_some())
            && self.tasks.values().all(|slot| {
                is_started(slot.wanted, slot.has) && !matches!(slot.phase, Phase::Preparing | Phase::Stopping)
            })
    }

    /// Returns the wait before the next attempt to generate task configurations, and counts it.
    pub(crate) fn next_retry(&mut self) -> Duration {
        let doublings = self.failed_generations.min(16);
        self.failed_generations = self.failed_generations.saturating_add(1);
        RETRY_BASE.saturating_mul(1 << doublings).min(RETRY_CAP)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn slot(phase: Phase<()>, has: u64, wanted: Option<u64>) -> Slot<()> {
        Slot { phase, run: 0, has, wanted, is_restarting: false, has_failed: false }
    }

    #[test]
    fn wrong_incarnation_is_stopped_before_the_right_one_starts() {
        let cases = [
            (slot(Phase::Down, 0, Some(1)), Step::Start(1)),
            (slot(Phase::Up(()), 1, Some(1)), Step::None),
            (slot(Phase::Up(()), 1, Some(2)), Step::Stop),
            (slot(Phase::Preparing, 1, None), Step::Stop),
            (slot(Phase::Stopping, 1, Some(2)), Step::None),
            (slot(Phase::Down, 1, Some(2)), Step::Start(2)),
            // What failed to start is not started again by itself.
            (slot(Phase::Down, 2, Some(2)), Step::None),
            (slot(Phase::Down, 2, None), Step::None),
        ];
        for (index, (slot, step)) in cases.into_iter().enumerate() {
            assert_eq!(slot.step(), step, "case {index}");
        }
    }

    #[test]
    fn retries_double_from_a_quarter_second_to_a_minute() {
        let mut live = Live::default();
        let delays: Vec<u128> = (0..10).map(|_| live.next_retry().as_millis()).collect();
        assert_eq!(delays, [250, 500, 1000, 2000, 4000, 8000, 16_000, 32_000, 60_000, 60_000]);
    }
}
