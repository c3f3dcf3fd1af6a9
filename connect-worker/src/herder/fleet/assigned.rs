//! What follows from an assignment.

use std::sync::Arc;
use std::time::Duration;

use connect_cluster::protocol::GroupProtocol;

use crate::herder::fleet::decide::{Verdict, verdict};
use crate::herder::fleet::member::{Place, Sync};
use crate::herder::fleet::message::FleetMessage;
use crate::herder::fleet::timers::Timer;
use crate::herder::run::Herder;
use crate::herder::work::Message;

impl Herder {
    pub(super) fn on_assigned(&mut self, generation: i32, place: Place) {
        self.status.set_generation(generation);
        self.stages.complete_lasting();
        let Some(fleet) = self.fleet.as_mut() else { return };
        let assignment = &place.assignment;
        let protocol = match place.protocol {
            GroupProtocol::Eager => "EAGER",
            GroupProtocol::Compatible => "COMPATIBLE",
            GroupProtocol::Sessioned => "SESSIONED",
        };
        self.metrics.rebalance().assigned(&assignment.leader_url, protocol, generation);
        tracing::info!(
            generation,
            leads = place.leads(),
            leader = assignment.leader_url,
            offset = assignment.offset,
            connectors = assignment.assigned.connectors.len(),
            tasks = assignment.assigned.tasks.len(),
            revoked_connectors = assignment.revoked.connectors.len(),
            revoked_tasks = assignment.revoked.tasks.len(),
            delay_ms = assignment.delay_ms,
            "took an assignment"
        );
        if place.protocol == GroupProtocol::Eager {
            fleet.held = assignment.assigned.clone();
        } else {
            fleet.held = fleet.held.without(&assignment.revoked);
            fleet.held.add(&assignment.assigned);
        }
        let has_strays = std::mem::take(&mut fleet.has_strays) && place.leads();
        fleet.rejoins_after_release = has_strays || !assignment.revoked.is_empty();
        match u64::try_from(assignment.delay_ms) {
            Ok(delay_ms) if delay_ms > 0 => {
                fleet.timers.set(Timer::Scheduled, Duration::from_millis(delay_ms));
            }
            _ => fleet.timers.clear(Timer::Scheduled),
        }
        if !place.leads() {
            fleet.departed.clear();
            fleet.timers.clear(Timer::Claim);
            fleet.timers.clear(Timer::Key);
        }
        fleet.generation = generation;
        fleet.sync = Sync::Rejoining;
        let is_sessioned = place.protocol == GroupProtocol::Sessioned;
        fleet.place = Some(place);
        let (group, messages) = (Arc::clone(&fleet.group), self.messages.clone());
        self.work.spawn(async move {
            let is_own = group.has_only_own_kind().await;
            messages.send(Message::Fleet(FleetMessage::Kind { is_own })).ok();
        });
        self.told.send_modify(|told| told.session.is_sessioned = is_sessioned);
        self.check_leader_address();
        self.place_work();
        self.begin_release();
        self.judge();
    }

    /// Decides whether what is assigned may run.
    pub(super) fn judge(&mut self) {
        match self.verdict() {
            None => {}
            Some(Verdict::Start) => self.settle(),
            Some(Verdict::Read) => self.read_to_judge(false),
            Some(Verdict::ReadAndRejoin) => self.read_to_judge(true),
            Some(Verdict::Rejoin) => self.ask_for_round_later(),
        }
    }

    /// Decides again after the config log was read to its end.
    pub(super) fn judge_again(&mut self, then_rejoin: bool) {
        if !then_rejoin && self.verdict() == Some(Verdict::Start) {
            self.settle();
        } else {
            self.ask_for_round();
        }
    }

    fn verdict(&self) -> Option<Verdict> {
        let place = self.fleet.as_ref()?.place.as_ref()?;
        Some(verdict(place.assignment.error, place.leads(), self.state.offset, place.assignment.offset))
    }

    /// Starts what is assigned, and takes up the duties of a leader.
    fn settle(&mut self) {
        let wanted = self.state.configured().work();
        let Some(fleet) = self.fleet.as_mut() else { return };
        // What is not configured any more ends here even when the leader does not know of it.
        fleet.held = fleet.held.common(&wanted);
        fleet.sync = Sync::Settled;
        fleet.changed.clear();
        let leads = fleet.leads();
        // Harnesses of Kafka Connect wait for this line.
        tracing::info!("Starting connectors and tasks using config offset {}", self.state.offset);
        self.metrics.rebalance().completed();
        self.place_work();
        if leads {
            self.lead();
        }
        self.told.send_if_modified(|told| !std::mem::replace(&mut told.is_ready, true));
        self.resume_commands();
    }
}
