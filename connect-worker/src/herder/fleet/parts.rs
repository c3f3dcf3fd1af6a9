//! What a herder needs in addition when it belongs to a group.

use std::sync::Arc;
use std::time::Duration;

use connect_cluster::membership::GroupEvent;
use connect_core::kit::SharedClock;
use tokio::sync::mpsc;

use crate::herder::ports::{Group, LeaderClient, LevelSetter, ProducerFencer};

/// How the leader makes keys for requests between workers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeySettings {
    /// `inter.worker.key.generation.algorithm`.
    pub algorithm: String,
    /// `inter.worker.key.size` in bits; `None` for the algorithm's own.
    pub size_bits: Option<u32>,
    /// `inter.worker.key.ttl.ms`; zero for keys that do not expire.
    pub ttl: Duration,
}

/// Settings of a worker in a group.
#[derive(Debug, Clone)]
pub struct FleetSettings {
    /// Advertised URL, ends with `/`.
    pub url: String,
    /// `group.id`.
    pub group_id: String,
    /// `scheduled.rebalance.max.delay.ms`.
    pub max_delay: Duration,
    /// `worker.sync.timeout.ms`: time to read the config log to its end.
    pub sync_timeout: Duration,
    /// `worker.unsync.backoff.ms`: wait after reading took longer, in the eager protocol.
    pub unsync_backoff: Duration,
    /// Keys for requests between workers.
    pub key: KeySettings,
    /// Whether sources write exactly once.
    pub is_exactly_once: bool,
}

/// The surroundings of a worker in a group.
pub struct FleetPorts {
    /// Settings.
    pub settings: FleetSettings,
    /// What happens to the membership.
    pub events: mpsc::UnboundedReceiver<GroupEvent>,
    /// The membership.
    pub group: Arc<dyn Group>,
    /// Requests to the leader.
    pub leader: Arc<dyn LeaderClient>,
    /// Log levels of this worker.
    pub levels: Arc<dyn LevelSetter>,
    /// Fences producers of former source tasks.
    pub fencer: Arc<dyn ProducerFencer>,
    /// Time.
    pub clock: SharedClock,
}
