//! Task configurations of a connector that runs here: written by this worker when it leads, else sent to the leader.

use std::sync::Arc;

use connect_core::config::Props;
use connect_core::error::ConnectError;

use crate::herder::error::{HerderError, HerderErrorKind};
use crate::herder::fleet::message::{FleetMessage, Purpose};
use crate::herder::live::Generation;
use crate::herder::run::Herder;
use crate::herder::work::Message;
use crate::stores::config::ConfigRecord;

const NO_LEADER_URL: &str = "Request to leader to reconfigure connector tasks failed because the URL of the leader's REST \
     interface is empty!";

/// Failures within about a minute of the first: until then, a refused signature is taken for a key that was just
/// replaced.
const QUIET_FAILURES: u32 = 8;

impl Herder {
    /// Returns the connector configuration that the committed tasks belong to, resolved as it was when it was first
    /// needed after the commit.
    pub(crate) fn applied_config(&mut self, name: &Arc<str>, current: &Props) -> Option<Props> {
        let Some(fleet) = self.fleet.as_mut() else {
            return self.live.get(name).and_then(|live| live.applied.clone());
        };
        let entry = self.state.get(name)?;
        if let Some(applied) = fleet.applied.get(name) {
            return Some(applied.clone());
        }
        // Another raw configuration resolves to another one.
        let is_same = entry.applied.as_ref() == Some(&entry.config);
        is_same.then(|| fleet.applied.entry(Arc::clone(name)).or_insert_with(|| current.clone()).clone())
    }

    /// Has new task configurations stored.
    pub(crate) fn publish_tasks(&mut self, name: &Arc<str>, configs: Vec<Props>) {
        let Some(fleet) = self.fleet.as_ref() else { return };
        if fleet.leads() && self.is_stopping(name) {
            // The connector is asked again when it is resumed.
            if let Some(live) = self.live.get_mut(name) {
                live.generation = Generation::Idle;
            }
            return;
        }
        if fleet.leads() {
            self.stages.begin(format!(
                "writing {} task configs for connector {name} to the config topic",
                configs.len()
            ));
            let written = self.config.write(vec![ConfigRecord::Tasks { name: Arc::clone(name), configs }]);
            return self.when_written(written, Purpose::Publish { name: Arc::clone(name) });
        }
        let Some(url) = fleet.leader_url() else {
            return self.on_generation_failed(name, &ConnectError::retriable(NO_LEADER_URL));
        };
        let key = self.session_key();
        let (leader, messages, name) = (Arc::clone(&fleet.leader), self.messages.clone(), Arc::clone(name));
        self.work.spawn(async move {
            let outcome = leader.put_tasks(&url, &name, &configs, key.as_ref()).await;
            messages.send(Message::Fleet(FleetMessage::Forwarded { name, outcome })).ok();
        });
    }

    /// Goes on after the leader answered.
    pub(super) fn on_forwarded(&mut self, name: &Arc<str>, outcome: Result<(), HerderError>) {
        let Err(error) = outcome else { return };
        let failures = self.live.get(name).map_or(0, |live| live.failed_generations);
        if error.kind == HerderErrorKind::Forbidden && failures < QUIET_FAILURES {
            tracing::debug!(connector = %name, "the leader refused a signature; its key was probably replaced");
            return self.retry_generation(name);
        }
        self.on_generation_failed(name, &ConnectError::retriable(error.message));
    }

    /// Notes that the generation of task configurations came to its end, and begins another one if one is due.
    pub(super) fn end_generation(&mut self, name: &Arc<str>) {
        let Some(live) = self.live.get_mut(name).filter(|live| live.generation == Generation::Asked) else {
            return;
        };
        live.generation = Generation::Done;
        live.failed_generations = 0;
        if std::mem::take(&mut live.is_generation_stale) {
            let run = live.connector.run;
            self.messages.send(Message::Regenerate { name: Arc::clone(name), run }).ok();
        }
    }
}
