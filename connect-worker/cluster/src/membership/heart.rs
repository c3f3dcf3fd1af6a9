//! The heartbeats of a member, on a line and a schedule of their own: neither a join that waits for other members nor
//! a herder that takes its time delays them.

use std::{sync::Arc, time::Duration};

use kafka_protocol::{error::ResponseError, messages::HeartbeatRequest, protocol::StrBytes};
use tokio::{
    sync::{mpsc, watch},
    time::{Instant, sleep_until},
};

use crate::{
    connection::Backoff,
    membership::{
        coordinator::Coordinator, error::GroupError, lease::Lease, outage::Outage, settings::GroupSettings,
    },
};

/// The place whose heartbeats are due.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) member_id: String,
    pub(crate) generation: i32,
    /// When a request was sent whose answer proves the place, else when the place was told.
    pub(crate) proven: Instant,
    /// Whether the assignment was handed over: a coordinator that still waits for that request removes the member
    /// after the rebalance time-out although it acknowledges heartbeats.
    pub(crate) is_synced: bool,
}

/// What the answers prove, by the sending of their requests.
#[derive(Debug, Clone, Copy)]
struct Proof {
    /// Last request that was acknowledged at all.
    alive: Instant,
    /// Last one that was acknowledged outside a round. A round that began since removes members that have not joined
    /// it after the rebalance time-out, however lively they are.
    settled: Instant,
}

impl Proof {
    fn of(place: &Place) -> Self {
        Self { alive: place.proven, settled: place.proven }
    }

    /// Returns what is proven of the next place. A heartbeat that was acknowledged for the generation before proves that
    /// the next one had not begun, and a coordinator waits the rebalance time-out from its beginning for the member
    /// to synchronise.
    fn of_next(self, place: &Place, next: &Place) -> Self {
        let told = Self::of(next);
        if next.member_id != place.member_id {
            return told;
        }
        let settled = if next.generation > place.generation { self.alive } else { self.settled };
        Self { alive: self.alive.max(told.alive), settled: settled.max(self.settled).max(told.settled) }
    }
}

/// What heartbeats found out.
#[derive(Debug)]
pub(crate) enum Pulse {
    /// A round has begun.
    Rebalance,
    /// The coordinator knows a newer generation.
    Illegal,
    /// The coordinator does not know the member.
    Unknown,
    /// No heartbeat was acknowledged for the session time-out, or none outside a round for the rebalance time-out.
    Expired,
    /// No heartbeat can succeed without a human.
    Failed(String),
}

/// A pulse with the place it is about: a later place does not care.
#[derive(Debug)]
pub(crate) struct Report {
    pub(crate) member_id: String,
    pub(crate) generation: i32,
    pub(crate) pulse: Pulse,
}

/// Sends the heartbeats of the place that `places` holds.
pub(crate) struct Heart {
    coordinator: Coordinator,
    group: String,
    beat: Duration,
    session: Duration,
    rebalance: Duration,
    backoff: Backoff,
    outage: Outage,
    lease: Arc<Lease>,
    places: watch::Receiver<Option<Place>>,
    reports: mpsc::UnboundedSender<Report>,
}

impl Heart {
    pub(crate) fn new(
        settings: &GroupSettings,
        lease: Arc<Lease>,
        places: watch::Receiver<Option<Place>>,
        reports: mpsc::UnboundedSender<Report>,
    ) -> Self {
        let connection = settings.hasty();
        Self {
            backoff: Backoff::new(connection.reconnect_backoff, connection.reconnect_backoff_max),
            coordinator: Coordinator::new(&settings.group, connection),
            group: settings.group.clone(),
            beat: settings.beat(),
            session: settings.session_timeout,
            rebalance: settings.rebalance_timeout,
            outage: Outage::default(),
            lease,
            places,
            reports,
        }
    }

    /// Beats until the member is gone.
    pub(crate) async fn run(mut self) {
        loop {
            let place = self.places.borrow_and_update().clone();
            let next = match place {
                Some(place) => self.hold(place).await,
                None => self.rest().await,
            };
            if next.is_none() {
                return;
            }
        }
    }

    /// Waits for a place. Returns `None` when the member is gone.
    async fn rest(&mut self) -> Option<()> {
        self.lease.set(None);
        self.outage = Outage::default();
        self.places.changed().await.ok()
    }

    /// Beats until the place is lost or left. Returns `None` when the member is gone.
    async fn hold(&mut self, first: Place) -> Option<()> {
        let mut place = first;
        let mut proof = Proof::of(&place);
        let mut due = Instant::now();
        loop {
            let end = (proof.alive + self.session).min(proof.settled + self.rebalance);
            self.lease.set(Some(end.into_std()));
            tokio::select! {
                // First, so that after a pause of the whole process no heartbeat revives what others took over.
                biased;
                () = sleep_until(end) => {
                    self.coordinator.forget();
                    self.report(&place, Pulse::Expired);
                    return self.rest().await;
                }
                changed = self.places.changed() => {
                    changed.ok()?;
                    let next = self.places.borrow_and_update().clone();
                    let Some(next) = next else { return Some(()) };
                    proof = proof.of_next(&place, &next);
                    place = next;
                    continue;
                }
                () = sleep_until(due) => {}
            }
            let sent = Instant::now();
            let answer = tokio::select! {
                biased;
                () = sleep_until(end) => continue,
                answer = self.send(&place) => answer,
            };
            due = sent + self.beat;
            match self.judge(&place, answer) {
                Judged::Acknowledged { settled } => {
                    proof.alive = proof.alive.max(sent);
                    if settled && place.is_synced {
                        proof.settled = proof.settled.max(sent);
                    }
                }
                Judged::Again(wait) => due = Instant::now() + wait.min(self.beat),
                Judged::Lost => return self.rest().await,
                Judged::Silent => {}
            }
        }
    }

    async fn send(&mut self, place: &Place) -> Result<i16, GroupError> {
        let request = HeartbeatRequest::default()
            .with_group_id(self.coordinator.group_id())
            .with_generation_id(place.generation)
            .with_member_id(StrBytes::from_string(place.member_id.clone()));
        Ok(self.coordinator.call(&request, None).await?.error_code)
    }

    fn judge(&mut self, place: &Place, answer: Result<i16, GroupError>) -> Judged {
        let code = match answer {
            Ok(0) => return self.alive(true),
            Ok(code) => code,
            Err(error) => return self.trouble(place, &error),
        };
        match ResponseError::try_from_code(code) {
            Some(ResponseError::RebalanceInProgress) => {
                self.report(place, Pulse::Rebalance);
                self.alive(false)
            }
            // No loss by itself: while a join is on its way the coordinator may be one generation ahead.
            Some(ResponseError::IllegalGeneration) => {
                self.report(place, Pulse::Illegal);
                Judged::Silent
            }
            Some(ResponseError::UnknownMemberId | ResponseError::FencedInstanceId) => {
                self.report(place, Pulse::Unknown);
                Judged::Lost
            }
            _ => self.trouble(place, &GroupError::refused("sending a heartbeat to group", &self.group, code)),
        }
    }

    fn alive(&mut self, settled: bool) -> Judged {
        self.backoff.reset();
        self.outage.log_recovered(&self.group);
        Judged::Acknowledged { settled }
    }

    fn trouble(&mut self, place: &Place, error: &GroupError) -> Judged {
        self.coordinator.forget_if_moved(error);
        if !error.is_retriable() {
            self.report(place, Pulse::Failed(error.to_string()));
            return Judged::Lost;
        }
        self.outage.log_failed(&self.group, error);
        Judged::Again(self.backoff.next(fastrand::f64()))
    }

    fn report(&self, place: &Place, pulse: Pulse) {
        let report = Report { member_id: place.member_id.clone(), generation: place.generation, pulse };
        // Without a receiver the member is gone, and `places` says so next.
        drop(self.reports.send(report));
    }
}

enum Judged {
    Acknowledged { settled: bool },
    Silent,
    Again(Duration),
    Lost,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn heartbeats_of_the_generation_before_prove_when_the_next_began_to_the_same_member_only() {
        let start = Instant::now();
        let at = |seconds| start + Duration::from_secs(seconds);
        let place = |member: &str, generation, proven| Place {
            member_id: member.to_owned(),
            generation,
            proven: at(proven),
            is_synced: false,
        };
        let proof = Proof { alive: at(5), settled: at(1) };
        let old = place("m", 1, 0);
        let cases = [
            (place("m", 2, 2), (at(5), at(5))),
            // A follower that joins again may be given the same generation, which began long ago.
            (place("m", 1, 2), (at(5), at(2))),
            (place("n", 2, 2), (at(2), at(2))),
        ];
        for (next, expected) in cases {
            let told = proof.of_next(&old, &next);
            assert_eq!((told.alive, told.settled), expected, "{next:?}");
        }
    }
}
