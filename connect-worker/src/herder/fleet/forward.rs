//! What comes back from work that was given away.

use connect_core::error::ConnectError;

use crate::herder::error::HerderError;
use crate::herder::fleet::message::{FleetMessage, Purpose};
use crate::herder::run::Herder;
use crate::herder::work::Message;
use crate::stores::config::{ConfigWriteError, Written};

impl Herder {
    /// Has the outcome of a write come back as a message, after everything it wrote has been applied.
    pub(super) fn when_written(&mut self, written: Written, purpose: Purpose) {
        let messages = self.messages.clone();
        self.work.spawn(async move {
            let gone = || ConfigWriteError::Failed(ConnectError::fatal("config store is gone"));
            let outcome = written.await.unwrap_or_else(|_| Err(gone()));
            messages.send(Message::Fleet(FleetMessage::Written { purpose, outcome })).ok();
        });
    }

    /// Takes a message of work that was given away.
    pub(crate) fn on_fleet_message(&mut self, message: FleetMessage) {
        match message {
            FleetMessage::Read { then, outcome } => self.on_read(then, outcome),
            FleetMessage::Written { purpose, outcome } => self.on_written(purpose, outcome),
            FleetMessage::Kind { is_own } => {
                if let Some(fleet) = self.fleet.as_mut() {
                    fleet.has_only_own_kind = is_own;
                }
            }
            FleetMessage::Released => self.on_released(),
            FleetMessage::Forwarded { name, outcome } => self.on_forwarded(&name, outcome),
            FleetMessage::FenceWanted { name, reply } => self.fence_for_task(name, reply),
            FleetMessage::VerifyWanted { id, generation, reply } => self.verify_task(id, generation, reply),
            FleetMessage::Fenced { name, outcome } => self.on_fenced(&name, outcome),
        }
    }

    fn on_written(&mut self, purpose: Purpose, outcome: Result<(), ConfigWriteError>) {
        if matches!(outcome, Err(ConfigWriteError::Fenced(_))) && !matches!(purpose, Purpose::Claim) {
            self.claim_later();
        }
        self.stages.complete();
        match purpose {
            Purpose::Claim => self.on_claimed(outcome),
            Purpose::Key => self.on_key_written(outcome),
            Purpose::Publish { name } => {
                if let Err(error) = outcome {
                    self.on_generation_failed(&name, &error.into_error());
                }
            }
            Purpose::Fenced { name } => self.on_fencing_noted(&name, outcome.map_err(refusal)),
            Purpose::Answer { reply } => drop(reply.send(outcome.map_err(refusal))),
            Purpose::Stop { name, reply } => {
                if let Some(fleet) = self.fleet.as_mut() {
                    fleet.stopping.remove(&name);
                }
                if outcome.is_err() {
                    // What it generated meanwhile was put aside.
                    self.ask_for_tasks(&name);
                }
                drop(reply.send(outcome.map_err(refusal)));
            }
            Purpose::Restart { answer, reply } => {
                drop(reply.send(outcome.map_err(refusal).and(answer)));
            }
            Purpose::Put { name, config, is_new, reply } => {
                let answer = outcome.map_err(refusal).map(|()| self.modified(&name, config, is_new));
                drop(reply.send(answer));
            }
        }
    }

    /// Returns the key for requests to the leader.
    pub(super) fn session_key(&self) -> Option<crate::stores::config::SessionKey> {
        self.told.borrow().session.key.clone()
    }
}

/// Returns what whoever asked for a write is told about its failure.
fn refusal(error: ConfigWriteError) -> HerderError {
    let error = error.into_error();
    tracing::error!(error = %error.trace().trim_end(), "writing to the config topic");
    HerderError::internal(error.context())
}
