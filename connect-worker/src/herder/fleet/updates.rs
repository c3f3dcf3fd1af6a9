//! What records of the config log lead to on a worker in a group.

use std::sync::Arc;

use crate::herder::command::task_id;
use crate::herder::fleet::member::Sync;
use crate::herder::run::Herder;
use crate::herder::state::Change;

impl Herder {
    /// Acts on a change of the configuration.
    pub(crate) fn on_fleet_change(&mut self, change: Change) {
        let Some(fleet) = self.fleet.as_ref() else { return };
        match change {
            Change::SessionKey(key) => self.on_key(key),
            // At start only the outcome of all records counts.
            _ if fleet.sync == Sync::Replaying => {}
            Change::Added(_) => self.ask_for_round(),
            Change::Configured(name) => self.bounce_connector(&name),
            Change::Deleted(name) => self.on_deleted(&name),
            Change::Tasks(name) => self.on_fleet_tasks(&name),
            Change::Target(name) => self.on_target(&name),
            Change::Restart(request) => self.note_restart(request),
            Change::Level { namespace, level } => fleet.levels.set_level(&namespace, &level),
        }
    }

    fn on_deleted(&mut self, name: &Arc<str>) {
        let Some(fleet) = self.fleet.as_mut() else { return };
        fleet.applied.remove(name);
        let was_here = fleet.held.connectors.contains(name);
        if was_here && self.settings.tracks_topics {
            self.status.reset_topics(name);
        }
        self.end_fencing(name);
        self.place_connector(name);
        self.ask_for_round();
    }

    /// Stops local tasks that were committed anew; they start again after the round that this leads to.
    fn on_fleet_tasks(&mut self, name: &Arc<str>) {
        let Some(fleet) = self.fleet.as_mut() else { return };
        fleet.applied.remove(name);
        let of_connector = fleet.held.tasks.range(task_id(name, 0)..).take_while(|id| id.connector == *name);
        fleet.changed.extend(of_connector.cloned().collect::<Vec<_>>());
        self.end_fencing(name);
        self.place_connector(name);
        self.end_generation(name);
        self.ask_for_round();
    }
}
