//! A group coordinator and the memberships on it, driven by tests.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use connect_cluster::membership::{GroupEvent, LossCause, Round};
use connect_cluster::protocol::{Assignment, GroupProtocol, MemberState};
use connect_core::async_trait;
use tokio::sync::{Notify, mpsc, oneshot};

use crate::herder::ports::Group;

/// `rebalance.timeout.ms` of the tests.
const REBALANCE: Duration = Duration::from_secs(60);

struct Seat {
    url: String,
    events: mpsc::UnboundedSender<GroupEvent>,
    last_completed: i32,
    /// Cut off: the member hears and says nothing.
    is_cut: bool,
}

#[derive(Default)]
struct Table {
    seats: BTreeMap<String, Seat>,
    leader: Option<String>,
    generation: i32,
    next_member: u32,
}

/// The coordinator.
#[derive(Clone)]
pub(super) struct Coordinator {
    table: Arc<Mutex<Table>>,
    wanted: Arc<Notify>,
    protocol: GroupProtocol,
}

impl Coordinator {
    pub(super) fn start(protocol: GroupProtocol) -> Self {
        let coordinator = Self { table: Arc::default(), wanted: Arc::default(), protocol };
        let running = coordinator.clone();
        tokio::spawn(async move { running.run().await });
        coordinator
    }

    /// Seats a new member and returns its id and its end of the membership.
    pub(super) fn join(&self, url: &str) -> (Arc<Membership>, mpsc::UnboundedReceiver<GroupEvent>) {
        let (events, receiver) = mpsc::unbounded_channel();
        let membership =
            Membership { coordinator: self.clone(), url: url.to_owned(), events, id: Mutex::default() };
        membership.sit();
        (Arc::new(membership), receiver)
    }

    /// Asks for a round.
    pub(super) fn rebalance(&self) {
        self.wanted.notify_one();
    }

    pub(super) fn generation(&self) -> i32 {
        self.table.lock().expect("unpoisoned").generation
    }

    async fn run(self) {
        loop {
            self.wanted.notified().await;
            // Members that hear of a round at about the same time join the same one.
            tokio::time::sleep(Duration::from_millis(10)).await;
            self.round().await;
        }
    }

    async fn round(&self) {
        let states = self.collect().await;
        let round = {
            let mut table = self.table.lock().expect("unpoisoned");
            let members: BTreeMap<String, MemberState> =
                states.into_iter().filter(|(id, _)| table.seats.contains_key(id)).collect();
            let Some(first) = members.keys().next().cloned() else { return };
            let leader = table.leader.take().filter(|leader| members.contains_key(leader)).unwrap_or(first);
            table.leader = Some(leader.clone());
            table.generation += 1;
            Round {
                generation: table.generation,
                last_completed_generation: table.seats[&leader].last_completed,
                protocol: self.protocol,
                leader,
                members,
            }
        };
        let (reply, answer) = oneshot::channel();
        let (generation, leader) = (round.generation, round.leader.clone());
        self.tell(&leader, GroupEvent::Leading { round, reply });
        match tokio::time::timeout(REBALANCE, answer).await {
            Ok(Ok(assignments)) => self.assign(generation, assignments),
            _ => {
                self.wait_for_sessions().await;
                self.lose(&leader, LossCause::Stalled);
                self.rebalance();
            }
        }
    }

    /// Asks all members what they run. Those that do not answer in time are out.
    async fn collect(&self) -> Vec<(String, MemberState)> {
        let asked: Vec<(String, String, oneshot::Receiver<_>)> = {
            let table = self.table.lock().expect("unpoisoned");
            let ask = |(id, seat): (&String, &Seat)| {
                let (reply, answer) = oneshot::channel();
                let protocol = (seat.last_completed >= 0).then_some(self.protocol);
                if !seat.is_cut {
                    seat.events.send(GroupEvent::Joining { protocol, reply }).ok();
                }
                (id.clone(), seat.url.clone(), answer)
            };
            table.seats.iter().map(ask).collect()
        };
        let deadline = tokio::time::Instant::now() + REBALANCE;
        let mut states = Vec::new();
        for (id, url, answer) in asked {
            match tokio::time::timeout_at(deadline, answer).await {
                Ok(Ok(state)) => {
                    let state = MemberState { url, offset: state.offset, allocation: state.allocation };
                    states.push((id, state));
                }
                // Cut off members are out when their session is.
                _ if self.is_cut(&id) => {}
                _ => self.lose(&id, LossCause::Stalled),
            }
        }
        self.wait_for_sessions().await;
        states
    }

    /// Waits until the sessions of all members that are cut off have run out.
    async fn wait_for_sessions(&self) {
        let has_cut = || self.table.lock().expect("unpoisoned").seats.values().any(|seat| seat.is_cut);
        while has_cut() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    fn assign(&self, generation: i32, mut assignments: BTreeMap<String, Assignment>) {
        let mut table = self.table.lock().expect("unpoisoned");
        let protocol = self.protocol;
        for (id, seat) in table.seats.iter_mut().filter(|(_, seat)| !seat.is_cut) {
            let Some(assignment) = assignments.remove(id) else { continue };
            seat.last_completed = generation;
            let member_id = id.clone();
            seat.events.send(GroupEvent::Assigned { generation, member_id, protocol, assignment }).ok();
        }
    }

    fn tell(&self, id: &str, event: GroupEvent) {
        let table = self.table.lock().expect("unpoisoned");
        if let Some(seat) = table.seats.get(id).filter(|seat| !seat.is_cut) {
            seat.events.send(event).ok();
        }
    }

    fn is_cut(&self, id: &str) -> bool {
        self.table.lock().expect("unpoisoned").seats.get(id).is_none_or(|seat| seat.is_cut)
    }

    /// Cuts a member off: nothing reaches it any more.
    pub(super) fn cut(&self, id: &str) {
        if let Some(seat) = self.table.lock().expect("unpoisoned").seats.get_mut(id) {
            seat.is_cut = true;
        }
    }

    /// Ends the place of a member.
    pub(super) fn remove(&self, id: &str) {
        self.table.lock().expect("unpoisoned").seats.remove(id);
        self.rebalance();
    }

    fn lose(&self, id: &str, cause: LossCause) {
        let seat = self.table.lock().expect("unpoisoned").seats.remove(id);
        if let Some(seat) = seat {
            seat.events.send(GroupEvent::Lost(cause)).ok();
        }
    }
}

/// One member.
pub(super) struct Membership {
    coordinator: Coordinator,
    url: String,
    events: mpsc::UnboundedSender<GroupEvent>,
    id: Mutex<String>,
}

impl Membership {
    /// Takes a new seat, as a member nobody knows.
    pub(super) fn sit(&self) {
        let mut table = self.coordinator.table.lock().expect("unpoisoned");
        table.next_member += 1;
        let id = format!("m{:03}", table.next_member);
        self.id.lock().expect("unpoisoned").clone_from(&id);
        let seat =
            Seat { url: self.url.clone(), events: self.events.clone(), last_completed: -1, is_cut: false };
        table.seats.insert(id, seat);
        drop(table);
        self.coordinator.rebalance();
    }

    pub(super) fn id(&self) -> String {
        self.id.lock().expect("unpoisoned").clone()
    }

    /// Tells the member that its place is lost.
    pub(super) fn expire(&self) {
        self.events.send(GroupEvent::Lost(LossCause::Expired)).ok();
    }

    /// Tells the member that it cannot join.
    pub(super) fn fail(&self, text: &str) {
        self.events.send(GroupEvent::Failed(text.to_owned())).ok();
    }
}

#[async_trait]
impl Group for Membership {
    fn rejoin(&self) {
        if !self.coordinator.is_cut(&self.id()) {
            self.coordinator.rebalance();
        }
    }

    async fn leave(&self) {
        self.coordinator.remove(&self.id());
    }

    async fn has_only_own_kind(&self) -> bool {
        true
    }

    fn holds_place(&self) -> bool {
        !self.coordinator.is_cut(&self.id())
    }

    fn stage(&self) -> &'static str {
        "pretending"
    }
}
