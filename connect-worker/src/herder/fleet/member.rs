//! What the herder knows of its group and of its place there.

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::sync::Arc;

use connect_cluster::Work;
use connect_cluster::assignor::{Cooperative, Owners};
use connect_cluster::membership::{GroupEvent, JoinState, Round};
use connect_cluster::protocol::{Assignment, GroupProtocol};
use connect_core::config::Props;
use connect_core::kit::SharedClock;
use connect_core::task::TaskId;
use tokio::sync::{mpsc, oneshot};
use tokio::time::Instant;

use crate::herder::command::Command;
use crate::herder::fleet::fencing::FencingRound;
use crate::herder::fleet::keys::KeyState;
use crate::herder::fleet::parts::{FleetPorts, FleetSettings};
use crate::herder::fleet::timers::Timers;
use crate::herder::ports::{Group, LeaderClient, LevelSetter, ProducerFencer};

/// Times that reading the config log is tried again before everything is given up.
pub(super) const SYNC_RETRIES: u32 = 5;

/// The place that the last completed round gave this worker.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) member_id: String,
    pub(crate) protocol: GroupProtocol,
    /// What the leader said, as it said it.
    pub(crate) assignment: Assignment,
}

impl Place {
    /// Returns whether this worker leads.
    pub(crate) fn leads(&self) -> bool {
        self.assignment.leader == self.member_id
    }
}

/// How far the config log is read for the last round.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Sync {
    /// The log is being read for the first time.
    Replaying,
    /// A round is expected or under way.
    Rejoining,
    /// The log is being read to its end; then work starts, or the group is joined again.
    Reading { then_rejoin: bool },
    /// Reading took too long; it is tried again before anything else.
    Behind,
    /// What is assigned may run.
    Settled,
}

/// How far work that another worker may get is given up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Release {
    /// Nothing is being given up.
    None,
    /// It is being stopped.
    Stopping,
    /// Its states are being stored.
    Flushing,
}

/// A round that this worker leads and has not assigned yet.
pub(crate) struct Leading {
    pub(crate) round: Round,
    pub(crate) reply: oneshot::Sender<BTreeMap<String, Assignment>>,
}

/// The group as this worker knows it.
pub(crate) struct Fleet {
    pub(super) settings: FleetSettings,
    pub(super) group: Arc<dyn Group>,
    pub(super) leader: Arc<dyn LeaderClient>,
    pub(super) levels: Arc<dyn LevelSetter>,
    pub(super) fencer: Arc<dyn ProducerFencer>,
    pub(super) clock: SharedClock,
    pub(super) place: Option<Place>,
    pub(super) sync: Sync,
    /// Reads that are under way are told from later ones by their number.
    pub(super) reading: u64,
    pub(super) sync_retries: u32,
    /// What this worker is responsible for: told to the leader, run once settled.
    pub(super) held: Work,
    /// Tasks that were stopped because they changed; they start again after the next round.
    pub(super) changed: BTreeSet<TaskId>,
    pub(super) release: Release,
    /// Whether the group is joined again as soon as nothing is being given up.
    pub(super) rejoins_after_release: bool,
    /// The member that waits for what to say when it joins.
    pub(super) joining: Option<oneshot::Sender<JoinState>>,
    pub(super) leading: Option<Leading>,
    pub(super) assignor: Cooperative,
    pub(super) owners: Owners,
    /// Whether the round that this worker assigned leaves work running that is not configured: the next one ends it.
    pub(super) has_strays: bool,
    /// Advertised addresses of other members that were looked at.
    pub(super) addresses: BTreeSet<String>,
    /// Connectors whose stop is being written: task configurations that came after it in the log would undo it.
    pub(super) stopping: BTreeSet<Arc<str>>,
    /// URLs of the members of the last round that this worker assigned.
    pub(super) members: BTreeSet<String>,
    /// Members that said good-bye and may still be seen in a round.
    pub(super) departed: BTreeSet<String>,
    pub(super) timers: Timers,
    /// Commands that wait for a settled group.
    pub(super) waiting: VecDeque<Command>,
    pub(super) key: KeyState,
    pub(super) fencing: HashMap<Arc<str>, FencingRound>,
    /// Resolved configurations of connectors as of the last commit of their tasks.
    pub(super) applied: HashMap<Arc<str>, Props>,
    /// Whether every member is a worker of this program, as far as is known.
    pub(super) has_only_own_kind: bool,
    /// The last one this worker had a place in.
    pub(super) generation: i32,
    began: Instant,
}

impl Fleet {
    /// Returns a fleet that knows nothing yet, and what happens to its membership.
    pub(crate) fn new(parts: FleetPorts) -> (Self, mpsc::UnboundedReceiver<GroupEvent>) {
        let max_delay_ms = i32::try_from(parts.settings.max_delay.as_millis()).unwrap_or(i32::MAX);
        let fleet = Self {
            settings: parts.settings,
            group: parts.group,
            leader: parts.leader,
            levels: parts.levels,
            fencer: parts.fencer,
            clock: parts.clock,
            place: None,
            sync: Sync::Replaying,
            reading: 0,
            sync_retries: SYNC_RETRIES,
            held: Work::default(),
            changed: BTreeSet::new(),
            release: Release::None,
            rejoins_after_release: false,
            joining: None,
            leading: None,
            assignor: Cooperative::new(max_delay_ms),
            owners: Owners::default(),
            has_strays: false,
            addresses: BTreeSet::new(),
            stopping: BTreeSet::new(),
            members: BTreeSet::new(),
            departed: BTreeSet::new(),
            timers: Timers::default(),
            waiting: VecDeque::new(),
            key: KeyState::default(),
            fencing: HashMap::new(),
            applied: HashMap::new(),
            has_only_own_kind: false,
            generation: -1,
            began: Instant::now(),
        };
        (fleet, parts.events)
    }

    /// Returns whether this worker has a place in its group, by the last it heard.
    pub(crate) fn has_place(&self) -> bool {
        self.place.is_some()
    }

    /// Returns whether this worker leads its group.
    pub(crate) fn leads(&self) -> bool {
        self.place.as_ref().is_some_and(Place::leads)
    }

    /// Returns the leader's URL, if one is known.
    pub(crate) fn leader_url(&self) -> Option<String> {
        let url = self.place.as_ref().map(|place| &place.assignment.leader_url);
        url.filter(|url| !url.is_empty()).cloned()
    }

    /// Returns the generation to note in states.
    pub(crate) fn generation(&self) -> i32 {
        self.generation
    }

    /// Returns whether sources write exactly once.
    pub(crate) fn is_exactly_once(&self) -> bool {
        self.settings.is_exactly_once
    }

    /// Returns when the next thing is due.
    pub(crate) fn next_due(&self) -> Option<Instant> {
        self.timers.next()
    }

    /// Returns the time by a clock of this fleet's own that never jumps.
    pub(super) fn elapsed_ms(&self) -> i64 {
        i64::try_from(self.began.elapsed().as_millis()).unwrap_or(i64::MAX)
    }

    /// Returns whether the group is at rest, as far as this worker knows.
    pub(super) fn is_settled(&self) -> bool {
        self.sync == Sync::Settled && self.joining.is_none() && !self.rejoins_after_release
    }
}
