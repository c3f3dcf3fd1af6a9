//! What only the leader of a group does: assigning rounds, and keeping the group's topics in order.

use std::sync::Arc;
use std::time::Duration;

use connect_cluster::assignor::{OffsetCheck, config_mismatch, eager, offset_check};
use connect_cluster::protocol::GroupProtocol;
use connect_core::error::ConnectError;

use crate::herder::fleet::member::Leading;
use crate::herder::fleet::message::{Purpose, Then};
use crate::herder::fleet::timers::Timer;
use crate::herder::info::ConnectorType;
use crate::herder::run::Herder;
use crate::stores::config::ConfigWriteError;

/// Wait before the right to write is claimed again.
const CLAIM_PAUSE: Duration = Duration::from_millis(250);

impl Herder {
    pub(super) fn on_leading(&mut self, leading: Leading) {
        self.check_member_addresses(&leading.round);
        let check = offset_check(&leading.round, self.state.offset);
        let Some(fleet) = self.fleet.as_mut() else { return };
        fleet.leading = Some(leading);
        match check {
            OffsetCheck::Current => self.assign_round(),
            OffsetCheck::Behind { .. } => self.read_for_round(|reading| Then::Assign { reading }),
        }
    }

    /// Assigns the round that waits, with what is known by now.
    pub(super) fn assign_round(&mut self) {
        let configured = self.state.configured();
        let Some(fleet) = self.fleet.as_mut() else { return };
        let Some(Leading { round, reply }) = fleet.leading.take() else { return };
        let assignments = match offset_check(&round, configured.offset) {
            OffsetCheck::Behind { max } => {
                tracing::warn!(offset = configured.offset, max, "assigning nothing: a member has read more");
                config_mismatch(&round)
            }
            OffsetCheck::Current => {
                let now_ms = fleet.elapsed_ms();
                let decision = match round.protocol {
                    GroupProtocol::Eager => eager::assign(&round, &configured),
                    GroupProtocol::Compatible | GroupProtocol::Sessioned => {
                        fleet.assignor.assign(&round, &configured, &fleet.departed, now_ms)
                    }
                };
                fleet.departed.retain(|member| round.members.contains_key(member));
                fleet.members = round.members.values().map(|member| member.url.clone()).collect();
                fleet.owners = decision.owners;
                fleet.has_strays = !decision.stray.is_empty();
                decision.assignments
            }
        };
        // A member that no longer waits begins another round.
        drop(reply.send(assignments));
    }

    /// Takes up the duties of a leader after a round.
    pub(super) fn lead(&mut self) {
        self.clean_states();
        self.claim();
        self.check_key();
    }

    /// Removes states of what is not configured any more, and what dead workers left of its tasks in consumer groups.
    fn clean_states(&mut self) {
        for name in self.status.connectors() {
            let entry = self.state.get(&name);
            let count = entry.map_or(0, |entry| entry.tasks.len());
            if entry.is_none() {
                self.status.put_connector(&name, None);
            }
            let mut is_left_by_the_dead = false;
            for (task, status) in self.status.tasks(&name) {
                if usize::try_from(task).is_ok_and(|task| task >= count) {
                    self.status.put_task(&name, task, None);
                    is_left_by_the_dead |= !self.is_member(&status.worker_id);
                }
            }
            if is_left_by_the_dead && self.type_of(&name) != ConnectorType::Source {
                self.remove_stray_members(&name, u32::try_from(count).unwrap_or(u32::MAX));
            }
        }
    }

    /// Returns whether a worker took part in the last round that this one assigned.
    fn is_member(&self, worker_id: &str) -> bool {
        let address = format!("//{worker_id}/");
        self.fleet.as_ref().is_some_and(|fleet| fleet.members.iter().any(|url| url.contains(&address)))
    }

    /// Removes static members of tasks that do not exist: a worker that died could not do it. A connector that is
    /// deleted is looked for by its name alone.
    fn remove_stray_members(&mut self, name: &Arc<str>, first: u32) {
        let config = self.state.get(name).map(|entry| entry.config.clone()).unwrap_or_default();
        let (resolver, sinks) = (Arc::clone(&self.resolver), Arc::clone(&self.sink_offsets));
        let name = Arc::clone(name);
        self.work.spawn(async move {
            let resolved = tokio::task::spawn_blocking(move || resolver.resolve(&config)).await;
            let outcome = match resolved {
                Ok(Ok(props)) => sinks.remove_members(&name, &props, first).await,
                Ok(Err(error)) => Err(error),
                Err(error) => Err(ConnectError::fatal("resolving configuration").because(error)),
            };
            if let Err(error) = outcome {
                tracing::warn!(connector = %name, cause = %error.trace().trim_end(), "removing members that a dead \
                    worker left; they leave when their sessions time out");
            }
        });
    }

    /// Claims the right to write the config log.
    pub(super) fn claim(&mut self) {
        if self.fleet.as_ref().is_some_and(|fleet| fleet.leads()) {
            let claimed = self.config.claim();
            self.when_written(claimed, Purpose::Claim);
        }
    }

    pub(super) fn on_claimed(&mut self, outcome: Result<(), ConfigWriteError>) {
        let Err(error) = outcome else { return };
        let error = error.into_error();
        tracing::warn!(error = %error.context(), cause = %error.trace(), "claiming the right to write the config topic");
        self.claim_later();
    }

    /// Claims the right to write again, after a pause, as long as this worker leads.
    pub(super) fn claim_later(&mut self) {
        if let Some(fleet) = self.fleet.as_mut().filter(|fleet| fleet.leads()) {
            fleet.timers.set(Timer::Claim, CLAIM_PAUSE);
        }
    }
}
