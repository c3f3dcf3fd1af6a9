//! What a membership is made with.

use std::time::Duration;

use crate::{connection::ConnectionSettings, protocol::GroupProtocol};

/// Longest time between two heartbeats: the next round and the loss of a place are noticed by their answers.
const HEARTBEAT_AT_MOST: Duration = Duration::from_millis(500);
/// What the join waits longer than the rebalance time-out that the coordinator itself waits.
const JOIN_GRACE: Duration = Duration::from_secs(5);

/// Settings of one membership.
#[derive(Debug, Clone)]
pub struct GroupSettings {
    /// `group.id`.
    pub group: String,
    /// Advertised URL, ends with `/`.
    pub url: String,
    /// Client id of the group's requests; the member id begins with it.
    pub client_id: String,
    /// `connect.protocol`: the preferred protocol; those below it are offered too.
    pub protocol: GroupProtocol,
    /// `session.timeout.ms`.
    pub session_timeout: Duration,
    /// `rebalance.timeout.ms`: also how long the herder may take for an answer.
    pub rebalance_timeout: Duration,
    /// `heartbeat.interval.ms`; heartbeats go out at least every 500 ms all the same.
    pub heartbeat_interval: Duration,
    /// How to reach the brokers, with the back-offs.
    pub connection: ConnectionSettings,
}

impl GroupSettings {
    /// Returns the time between two heartbeats.
    pub(crate) fn beat(&self) -> Duration {
        self.heartbeat_interval.clamp(Duration::from_millis(1), HEARTBEAT_AT_MOST)
    }

    /// Returns how long a join or a synchronisation may take: it ends when all other members joined as well.
    pub(crate) fn round_limit(&self) -> Duration {
        self.connection.request_timeout.max(self.rebalance_timeout + JOIN_GRACE)
    }

    /// Returns the connection settings of requests other than heartbeats.
    pub(crate) fn calm(&self) -> ConnectionSettings {
        self.connection.clone().with_client_id(self.client_id.clone())
    }

    /// Returns the connection settings of heartbeats: several attempts fit into a session.
    pub(crate) fn hasty(&self) -> ConnectionSettings {
        let mut settings = self.calm();
        let share = (self.session_timeout / 3).max(Duration::from_millis(100));
        settings.setup_timeout = settings.setup_timeout.min(share);
        settings.request_timeout = settings.request_timeout.min(share);
        settings
    }
}
