//! Work follows what this worker holds: what is held and configured runs, everything else ends.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use connect_core::task::TaskId;

use crate::herder::command::task_id;
use crate::herder::fleet::member::{Release, Sync};
use crate::herder::fleet::message::FleetMessage;
use crate::herder::live::Slot;
use crate::herder::run::Herder;
use crate::herder::work::Message;
use crate::task::StopReason;

/// Longest wait for states to be stored before work is told to be given up.
const FLUSH_LIMIT: Duration = Duration::from_secs(5);

impl Herder {
    /// Stops what is not held or not configured any more, and once settled starts what is.
    pub(super) fn place_work(&mut self) {
        let Some(fleet) = self.fleet.as_ref() else { return };
        let of_tasks = fleet.held.tasks.iter().map(|id| &id.connector);
        let names: BTreeSet<Arc<str>> =
            fleet.held.connectors.iter().chain(of_tasks).chain(self.live.keys()).map(Arc::clone).collect();
        for name in names {
            self.place_connector(&name);
        }
    }

    /// Does so for one connector and its tasks.
    pub(super) fn place_connector(&mut self, name: &Arc<str>) {
        let incarnation = self.next_number();
        let Some(fleet) = self.fleet.as_ref() else { return };
        let starts = fleet.sync == Sync::Settled;
        let entry = self.state.get(name);
        let runs_connector = entry.is_some() && fleet.held.connectors.contains(name);
        let count = entry.map_or(0, |entry| u32::try_from(entry.tasks.len()).unwrap_or(u32::MAX));
        let runs_task =
            |id: &TaskId| id.task < count && fleet.held.tasks.contains(id) && !fleet.changed.contains(id);
        let has_something_to_do = self.live.contains_key(name) || (starts && entry.is_some());
        if !has_something_to_do {
            return;
        }
        let live = self.live.entry(Arc::clone(name)).or_default();
        want(&mut live.connector, runs_connector, starts, incarnation);
        if starts {
            let first = task_id(name, 0);
            let of_connector = fleet.held.tasks.range(first..).take_while(|id| id.connector == *name);
            for id in of_connector.filter(|id| runs_task(id)) {
                live.tasks.entry(id.task).or_default();
            }
        }
        for (task, slot) in &mut live.tasks {
            want(slot, runs_task(&task_id(name, *task)), starts, incarnation);
        }
        self.reconcile(name);
    }

    /// Returns why a task of this worker is stopped.
    pub(crate) fn stop_reason(&self, name: &str, task: u32, is_wanted: bool) -> StopReason {
        if is_wanted {
            return StopReason::RestartsHere;
        }
        let count = self.state.get(name).map_or(0, |entry| entry.tasks.len());
        match self.fleet.as_ref() {
            Some(fleet) if usize::try_from(task).is_ok_and(|task| task < count) => {
                StopReason::MayMove { all_members_are_sluice: fleet.has_only_own_kind }
            }
            _ => StopReason::EndsForGood,
        }
    }

    /// Returns whether something still runs that this worker does not hold, or a task that is not configured any
    /// more: its end, too, comes before the round that tells of it (`DistributedHerder` stops tasks before it joins
    /// again), so that nothing of a stopped connector is left in its consumer group.
    fn is_releasing(&self) -> bool {
        let Some(fleet) = self.fleet.as_ref() else { return false };
        self.live.iter().any(|(name, live)| {
            let count = self.state.get(name).map_or(0, |entry| entry.tasks.len());
            let is_left = |task: u32| {
                usize::try_from(task).is_ok_and(|task| task >= count)
                    || !fleet.held.tasks.contains(&task_id(name, task))
            };
            (!live.connector.is_down() && !fleet.held.connectors.contains(name))
                || live.tasks.iter().any(|(task, slot)| !slot.is_down() && is_left(*task))
        })
    }

    /// Waits for the end of what is not held any more.
    pub(super) fn begin_release(&mut self) {
        let is_releasing = self.is_releasing();
        if let Some(fleet) = self.fleet.as_mut()
            && is_releasing
            && fleet.release == Release::None
        {
            fleet.release = Release::Stopping;
        }
        self.go_on_releasing();
    }

    /// Goes on when nothing runs any more of what is given up: its states are stored before anyone is told.
    pub(crate) fn go_on_releasing(&mut self) {
        let Some(release) = self.fleet.as_ref().map(|fleet| fleet.release) else { return };
        match release {
            Release::Stopping if !self.is_releasing() => {
                self.stages.begin("flushing updates to the status topic");
                let flushed = self.status.flush();
                let messages = self.messages.clone();
                self.work.spawn(async move {
                    if tokio::time::timeout(FLUSH_LIMIT, flushed).await.is_err() {
                        tracing::warn!("storing states takes long; work is given up before they are stored");
                    }
                    messages.send(Message::Fleet(FleetMessage::Released)).ok();
                });
                if let Some(fleet) = self.fleet.as_mut() {
                    fleet.release = Release::Flushing;
                }
            }
            Release::None => self.finish_release(),
            Release::Stopping | Release::Flushing => {}
        }
    }

    pub(super) fn on_released(&mut self) {
        self.stages.complete();
        let is_releasing = self.is_releasing();
        if let Some(fleet) = self.fleet.as_mut() {
            fleet.release = if is_releasing { Release::Stopping } else { Release::None };
        }
        self.go_on_releasing();
    }

    fn finish_release(&mut self) {
        let Some(fleet) = self.fleet.as_mut() else { return };
        if fleet.joining.is_some() {
            self.answer_joining();
        } else if std::mem::take(&mut fleet.rejoins_after_release) {
            self.ask_for_round();
        }
    }
}

/// Has a slot run or not; what runs already goes on as it is.
fn want<Running>(slot: &mut Slot<Running>, runs: bool, starts: bool, incarnation: u64) {
    if !runs {
        slot.wanted = None;
    } else if starts && slot.wanted.is_none() {
        slot.wanted = Some(incarnation);
    }
}
