//! What the membership tells, and what it is answered.

use std::time::Duration;

use connect_cluster::Work;
use connect_cluster::membership::{GroupEvent, JoinState, LossCause};
use connect_cluster::protocol::{Assignment, AssignmentError, GroupProtocol};
use tokio::sync::oneshot;

use crate::herder::fleet::member::{Leading, Place, Release, Sync};
use crate::herder::fleet::timers::Timer;
use crate::herder::run::Herder;

/// Pause before the group is joined again although nothing is known to have changed.
const REJOIN_PAUSE: Duration = Duration::from_millis(100);
/// The stage of a worker between two places in its group, in Kafka Connect's words.
pub(super) const JOINING: &str = "ensuring membership in the cluster";

impl Herder {
    /// Takes an event of the membership.
    pub(crate) fn on_group_event(&mut self, event: GroupEvent) {
        match event {
            GroupEvent::Joining { protocol, reply } => self.on_joining(protocol, reply),
            GroupEvent::Leading { round, reply } => self.on_leading(Leading { round, reply }),
            GroupEvent::Assigned { generation, member_id, protocol, assignment } => {
                self.on_assigned(generation, Place { member_id, protocol, assignment });
            }
            GroupEvent::Lost(cause) => self.on_lost(cause),
            GroupEvent::Failed(text) => self.failure = Some(text),
        }
    }

    fn on_joining(&mut self, protocol: Option<GroupProtocol>, reply: oneshot::Sender<JoinState>) {
        self.stages.begin_lasting(JOINING);
        let Some(fleet) = self.fleet.as_mut() else { return };
        fleet.joining = Some(reply);
        fleet.timers.clear(Timer::Rejoin);
        if !matches!(fleet.sync, Sync::Replaying | Sync::Behind) {
            fleet.sync = Sync::Rejoining;
        }
        if protocol == Some(GroupProtocol::Eager) {
            fleet.held = Work::default();
            self.place_work();
        }
        self.begin_release();
        self.answer_joining();
    }

    /// Tells the membership what it may say of this worker, once that is true: nothing runs any more of what it was
    /// told to give up, and the config log can be read.
    pub(super) fn answer_joining(&mut self) {
        let offset = self.state.offset;
        let Some(fleet) = self.fleet.as_mut() else { return };
        if matches!(fleet.sync, Sync::Replaying | Sync::Behind) || fleet.release != Release::None {
            return;
        }
        let Some(reply) = fleet.joining.take() else { return };
        fleet.rejoins_after_release = false;
        let allocation = fleet.place.as_ref().map(|place| Assignment {
            error: AssignmentError::None,
            assigned: fleet.held.clone(),
            revoked: Work::default(),
            ..place.assignment.clone()
        });
        // A membership that has ended says so by itself.
        drop(reply.send(JoinState { offset, allocation }));
    }

    fn on_lost(&mut self, cause: LossCause) {
        self.stages.begin_lasting(JOINING);
        tracing::warn!(?cause, "stopping all connectors and tasks: the place in the group is lost");
        if let Some(fleet) = self.fleet.as_mut() {
            fleet.place = None;
            fleet.leading = None;
            fleet.timers.clear(Timer::Scheduled);
            fleet.timers.clear(Timer::Claim);
        }
        self.drop_all_work();
    }

    /// Gives up everything that runs here.
    pub(super) fn drop_all_work(&mut self) {
        if let Some(fleet) = self.fleet.as_mut() {
            fleet.held = Work::default();
            fleet.changed.clear();
            if !matches!(fleet.sync, Sync::Replaying | Sync::Behind) {
                fleet.sync = Sync::Rejoining;
            }
        }
        self.place_work();
        self.begin_release();
    }

    /// Asks the group for a round.
    pub(super) fn ask_for_round(&mut self) {
        let Some(fleet) = self.fleet.as_mut() else { return };
        match fleet.sync {
            // The member joins anyway once the log can be read.
            Sync::Replaying | Sync::Behind => return,
            Sync::Settled | Sync::Reading { .. } => fleet.sync = Sync::Rejoining,
            Sync::Rejoining => {}
        }
        fleet.group.rejoin();
    }

    /// Asks the group for a round after a short pause.
    pub(super) fn ask_for_round_later(&mut self) {
        let Some(fleet) = self.fleet.as_mut() else { return };
        fleet.sync = Sync::Rejoining;
        fleet.timers.set(Timer::Rejoin, REJOIN_PAUSE);
    }

    /// Does what is due.
    pub(crate) fn on_tick(&mut self) {
        while let Some(timer) = self.fleet.as_mut().and_then(|fleet| fleet.timers.take_due()) {
            match timer {
                Timer::Scheduled | Timer::Rejoin => self.ask_for_round(),
                Timer::Sync => self.read_again(),
                Timer::Claim => self.claim(),
                Timer::Key => self.on_key_expired(),
            }
        }
    }
}
