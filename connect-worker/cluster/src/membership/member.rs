//! The member's loop: round after round, with heartbeats between and beside them.

use std::{collections::BTreeMap, future::pending, sync::Arc};

use tokio::{
    sync::{mpsc, oneshot, watch},
    time::{Instant, sleep, timeout},
};

use crate::{
    connection::Backoff,
    membership::{
        coordinator::Coordinator,
        event::{GroupEvent, JoinState, LossCause},
        heart::Place,
        inbox::{Inbox, Interrupt, Step},
        lease::Lease,
        outage::Outage,
        round::{self, Joined},
        settings::GroupSettings,
    },
    protocol::{Assignment, GroupProtocol},
};

/// One member of a group.
pub(crate) struct Member {
    settings: Arc<GroupSettings>,
    coordinator: Coordinator,
    inbox: Inbox,
    events: mpsc::UnboundedSender<GroupEvent>,
    places: watch::Sender<Option<Place>>,
    lease: Arc<Lease>,
    stage: watch::Sender<&'static str>,
    backoff: Backoff,
    outage: Outage,
    /// Empty until the coordinator gave one.
    member_id: String,
    place: Option<Place>,
    /// Protocol of the last complete round.
    protocol: Option<GroupProtocol>,
    last_completed_generation: i32,
}

impl Member {
    pub(crate) fn new(
        settings: Arc<GroupSettings>,
        inbox: Inbox,
        events: mpsc::UnboundedSender<GroupEvent>,
        places: watch::Sender<Option<Place>>,
        lease: Arc<Lease>,
        stage: watch::Sender<&'static str>,
    ) -> Self {
        let connection = settings.calm();
        Self {
            backoff: Backoff::new(connection.retry_backoff, connection.retry_backoff_max),
            coordinator: Coordinator::new(&settings.group, connection),
            settings,
            inbox,
            events,
            places,
            lease,
            stage,
            outage: Outage::default(),
            member_id: String::new(),
            place: None,
            protocol: None,
            last_completed_generation: -1,
        }
    }

    /// Lives until the herder leaves or nothing helps any more.
    pub(crate) async fn run(mut self) {
        loop {
            let mut interrupt = match self.round().await {
                Ok(()) => self.stay().await,
                Err(interrupt) => interrupt,
            };
            if let Interrupt::Retry(error) = interrupt {
                self.outage.log_failed(&self.settings.group, &error);
                self.coordinator.forget_if_moved(&error);
                interrupt = self.pause().await;
            }
            match interrupt {
                Interrupt::Rejoin | Interrupt::Retry(_) => {}
                Interrupt::Lost(cause) => self.lose(cause),
                Interrupt::Forgotten => {
                    self.member_id.clear();
                    self.lose(LossCause::Fenced);
                }
                Interrupt::Failed(text) => return self.fail(text),
                Interrupt::Leave(done) => return self.end(done).await,
            }
        }
    }

    /// Joins and synchronises once.
    async fn round(&mut self) -> Result<(), Interrupt> {
        self.stage.send_replace("looking for the group's coordinator");
        let found = self.inbox.guard(Step::Preparing, self.place.as_ref(), self.coordinator.ensure()).await?;
        found?;
        let state = self.ask_state().await?;
        self.inbox.round_begins()?;
        let joined = self.join(&state).await?;
        let assignments =
            if joined.is_leader { self.ask_assignments(&joined).await? } else { BTreeMap::new() };
        self.synchronise(&joined, &assignments).await
    }

    /// Waits in a complete round until the next one is due.
    async fn stay(&mut self) -> Interrupt {
        self.stage.send_replace("a member of the group");
        match self.inbox.guard(Step::Stable, self.place.as_ref(), pending::<()>()).await {
            Err(interrupt) => interrupt,
            Ok(()) => Interrupt::Rejoin,
        }
    }

    async fn ask_state(&mut self) -> Result<JoinState, Interrupt> {
        self.stage.send_replace("preparing to join the group");
        let (reply, answer) = oneshot::channel();
        self.tell(GroupEvent::Joining { protocol: self.protocol, reply })?;
        self.herder(Step::Preparing, answer).await
    }

    async fn ask_assignments(&mut self, joined: &Joined) -> Result<BTreeMap<String, Assignment>, Interrupt> {
        self.stage.send_replace("assigning the work of the group");
        let (reply, answer) = oneshot::channel();
        let round = joined.round(self.last_completed_generation);
        self.tell(GroupEvent::Leading { round, reply })?;
        self.herder(Step::Round, answer).await
    }

    /// Waits for an answer of the herder: as long as it takes without a place, else for the rebalance time-out.
    async fn herder<T>(&mut self, step: Step, answer: oneshot::Receiver<T>) -> Result<T, Interrupt> {
        let limit = self.settings.rebalance_timeout;
        let has_place = self.place.is_some();
        let wait = async {
            match answer.await {
                Ok(value) => Some(value),
                // Dropped unanswered: the herder has ended, which the next event finds, or cannot answer now.
                Err(_) => {
                    sleep(limit).await;
                    None
                }
            }
        };
        let bounded =
            async { if has_place { timeout(limit, wait).await.unwrap_or(None) } else { wait.await } };
        let answered = self.inbox.guard(step, self.place.as_ref(), bounded).await?;
        if answered.is_none() && has_place {
            self.leave().await;
        }
        answered.ok_or(Interrupt::Lost(LossCause::Stalled))
    }

    async fn join(&mut self, state: &JoinState) -> Result<Joined, Interrupt> {
        self.stage.send_replace("joining the group");
        let sent = Instant::now();
        let request = round::join(&mut self.coordinator, &self.settings, &mut self.member_id, state);
        let joined = self.inbox.guard(Step::Joining, self.place.as_ref(), request).await??;
        let is_same_member = self.place.as_ref().is_some_and(|place| place.member_id == joined.member_id);
        // A member that already has work may believe only what its request proved; a new one has nothing to lose.
        let proven = if is_same_member { sent } else { Instant::now() };
        self.settle(&joined, proven, false);
        Ok(joined)
    }

    async fn synchronise(
        &mut self,
        joined: &Joined,
        assignments: &BTreeMap<String, Assignment>,
    ) -> Result<(), Interrupt> {
        self.stage.send_replace("waiting for the leader's assignment");
        let sent = Instant::now();
        let request = round::synchronise(&mut self.coordinator, &self.settings, joined, assignments);
        let assignment = self.inbox.guard(Step::Round, self.place.as_ref(), request).await??;
        self.settle(joined, sent, true);
        self.backoff.reset();
        self.outage.log_recovered(&self.settings.group);
        self.protocol = Some(joined.protocol);
        self.last_completed_generation = joined.generation;
        tracing::info!(
            group = self.settings.group,
            generation = joined.generation,
            member = joined.member_id,
            protocol = joined.protocol.name(),
            leads = joined.is_leader,
            "Joined group"
        );
        self.tell(GroupEvent::Assigned {
            generation: joined.generation,
            member_id: joined.member_id.clone(),
            protocol: joined.protocol,
            assignment,
        })
    }

    fn settle(&mut self, joined: &Joined, proven: Instant, is_synced: bool) {
        let (member_id, generation) = (joined.member_id.clone(), joined.generation);
        let place = Place { member_id, generation, proven, is_synced };
        self.place = Some(place.clone());
        // The heart reckons the end again, but only once it runs: the herder may ask as soon as it is told of the place.
        let term = self.settings.session_timeout.min(self.settings.rebalance_timeout);
        self.lease.extend((proven + term).into_std());
        self.places.send_replace(Some(place));
    }

    fn tell(&self, event: GroupEvent) -> Result<(), Interrupt> {
        self.events.send(event).map_err(|_| Interrupt::Leave(None))
    }

    /// Waits before the next attempt.
    async fn pause(&mut self) -> Interrupt {
        let wait = self.backoff.next(fastrand::f64());
        let paused = self.inbox.guard(Step::Preparing, self.place.as_ref(), sleep(wait)).await;
        paused.err().unwrap_or(Interrupt::Rejoin)
    }

    /// Gives up the place, if there is one, and says so.
    fn lose(&mut self, cause: LossCause) {
        // A request may be under way on the line, or the line may be the reason.
        self.coordinator.forget();
        self.stop_beating();
        if self.place.take().is_some() {
            tracing::warn!(group = self.settings.group, ?cause, "lost the place in the group; joining again");
            // Without a receiver the next event ends the member.
            drop(self.events.send(GroupEvent::Lost(cause)));
        }
    }

    fn stop_beating(&self) {
        self.places.send_replace(None);
        // The heart does the same, but may not run any more when the member ends.
        self.lease.set(None);
    }

    fn fail(&mut self, text: String) {
        self.stage.send_replace("ended: it cannot join the group");
        self.stop_beating();
        tracing::error!(group = self.settings.group, reason = text, "the group cannot be joined");
        drop(self.events.send(GroupEvent::Failed(text)));
    }

    async fn end(&mut self, done: Option<oneshot::Sender<()>>) {
        self.leave().await;
        self.stage.send_replace("ended: it left the group");
        if let Some(done) = done {
            // Fails when the herder has stopped waiting.
            done.send(()).unwrap_or_default();
        }
    }

    /// Tells the coordinator that the member leaves. When that does not succeed the session ends by itself.
    async fn leave(&mut self) {
        self.stage.send_replace("leaving the group");
        self.stop_beating();
        if self.member_id.is_empty() {
            return;
        }
        let group = &self.settings.group;
        match round::leave(&mut self.coordinator, &self.member_id).await {
            Ok(()) => tracing::info!(group, member = self.member_id, "Left group"),
            Err(error) => {
                tracing::warn!(group, %error, "leaving the group; its session will run out instead")
            }
        }
        self.member_id.clear();
    }
}
