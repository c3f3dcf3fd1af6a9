//! Reading the config log as far as the rest of the group, and what waits for it.

use connect_cluster::protocol::GroupProtocol;
use connect_core::error::ConnectError;

use crate::herder::fleet::decide::backoff;
use crate::herder::fleet::events::JOINING;
use crate::herder::fleet::member::{SYNC_RETRIES, Sync};
use crate::herder::fleet::message::{FleetMessage, Then};
use crate::herder::fleet::timers::Timer;
use crate::herder::run::Herder;
use crate::herder::work::Message;

impl Herder {
    /// Begins: nothing else happens before the config log was read once.
    pub(crate) fn begin_fleet(&mut self) {
        if self.fleet.is_none() {
            return;
        }
        self.stages.begin("reading to the end of internal topics");
        let read = self.config.read_to_end();
        let messages = self.messages.clone();
        // The first reading may be long, and takes the time it takes: nothing of this worker runs yet.
        self.work.spawn(async move {
            let outcome = read.await.unwrap_or_else(|_| Err(ConnectError::fatal("config store is gone")));
            messages.send(Message::Fleet(FleetMessage::Read { then: Then::Replayed, outcome })).ok();
        });
    }

    /// Reads the config log to its end within `worker.sync.timeout.ms`.
    pub(super) fn read_to_end(&mut self, then: Then) {
        let Some(limit) = self.fleet.as_ref().map(|fleet| fleet.settings.sync_timeout) else { return };
        self.stages.begin("reading to the end of the config topic");
        let read = self.config.read_to_end();
        let messages = self.messages.clone();
        self.work.spawn(async move {
            let outcome = match tokio::time::timeout(limit, read).await {
                Ok(Ok(outcome)) => outcome,
                Ok(Err(_)) => Err(ConnectError::fatal("config store is gone")),
                Err(_) => {
                    Err(ConnectError::retriable("reading to the end of the config topic took too long"))
                }
            };
            messages.send(Message::Fleet(FleetMessage::Read { then, outcome })).ok();
        });
    }

    /// Reads the config log to its end to judge an assignment.
    pub(super) fn read_to_judge(&mut self, then_rejoin: bool) {
        let Some(fleet) = self.fleet.as_mut() else { return };
        fleet.sync = Sync::Reading { then_rejoin };
        self.read_for_round(|reading| Then::Judge { reading });
    }

    /// Reads for the round of now: an answer for an earlier one is ignored.
    pub(super) fn read_for_round(&mut self, then: impl FnOnce(u64) -> Then) {
        let reading = self.next_number();
        if let Some(fleet) = self.fleet.as_mut() {
            fleet.reading = reading;
            self.read_to_end(then(reading));
        }
    }

    /// Reads once more after a reading that took too long.
    pub(super) fn read_again(&mut self) {
        if self.fleet.as_ref().is_some_and(|fleet| fleet.sync == Sync::Behind) {
            self.read_for_round(|reading| Then::Judge { reading });
        }
    }

    /// Goes on with what waited for the config log.
    pub(super) fn on_read(&mut self, then: Then, outcome: Result<i64, ConnectError>) {
        self.stages.complete();
        match then {
            Then::Replayed => self.on_replayed(outcome),
            Then::Judge { reading } => self.on_read_to_judge(reading, outcome),
            Then::Assign { reading } => {
                if self.fleet.as_ref().is_some_and(|fleet| fleet.reading == reading) {
                    self.assign_round();
                }
            }
            Then::Stop { name, reply } => self.stop_after_read(&name, reply, outcome),
            Then::Offsets { name, request, reply } => {
                self.modify_offsets_after_read(&name, request, reply, outcome);
            }
            Then::Fence { name, reply } => self.fence_after_read(&name, reply, outcome),
            Then::NoteFencing { name } => self.note_fencing(&name, outcome),
            Then::Verify { id, generation, reply } => {
                self.verify_after_read(&id, generation, reply, outcome);
            }
            Then::Key => self.check_key(),
        }
    }

    fn on_replayed(&mut self, outcome: Result<i64, ConnectError>) {
        match outcome {
            Ok(offset) => {
                tracing::info!(offset, connectors = self.state.names().len(), "read the config topic");
                self.stages.begin_lasting(JOINING);
                if let Some(fleet) = self.fleet.as_mut() {
                    fleet.sync = Sync::Rejoining;
                }
                self.answer_joining();
            }
            Err(error) => self.failure = Some(format!("reading the config topic: {}", error.context())),
        }
    }

    fn on_read_to_judge(&mut self, reading: u64, outcome: Result<i64, ConnectError>) {
        let Some(fleet) = self.fleet.as_mut().filter(|fleet| fleet.reading == reading) else { return };
        match (outcome, fleet.sync) {
            (Ok(_), Sync::Reading { then_rejoin }) => {
                fleet.sync_retries = SYNC_RETRIES;
                self.judge_again(then_rejoin);
            }
            (Ok(_), Sync::Behind) => {
                fleet.sync_retries = SYNC_RETRIES;
                fleet.sync = Sync::Rejoining;
                fleet.group.rejoin();
                self.answer_joining();
            }
            // The group has begun another round meanwhile.
            (_, Sync::Replaying | Sync::Rejoining | Sync::Settled) => {}
            (Err(error), Sync::Reading { .. } | Sync::Behind) => self.back_off(&error),
        }
    }

    fn back_off(&mut self, error: &ConnectError) {
        let Some(fleet) = self.fleet.as_mut() else { return };
        let protocol: Option<GroupProtocol> = fleet.place.as_ref().map(|place| place.protocol);
        let settings = &fleet.settings;
        let next = backoff(protocol, fleet.sync_retries, settings.max_delay, settings.unsync_backoff);
        tracing::warn!(
            error = %error.context(),
            retry_ms = next.wait.as_millis(),
            gives_up = next.gives_up,
            "reading the config topic to its end takes too long; starting nothing before it succeeds"
        );
        fleet.sync_retries = next.retries;
        fleet.sync = Sync::Behind;
        fleet.timers.set(Timer::Sync, next.wait);
        // The member joins without an answer from here until the log is read: when the rebalance time-out is over
        // it leaves, and others get what it does not start.
        fleet.group.rejoin();
        if next.gives_up {
            self.drop_all_work();
        }
    }
}
