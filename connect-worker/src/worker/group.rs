//! The worker's membership in its group, in the shape that the herder asks for.

use std::time::Duration;

use connect_cluster::connection::{ConnectionError, ConnectionSettings};
use connect_cluster::membership::{self, GroupEvent, GroupHandle, GroupSettings};
use connect_cluster::protocol::GroupProtocol;
use connect_core::async_trait;
use tokio::sync::mpsc;

use crate::config::{DistributedConfig, WorkerConfig};
use crate::herder::fleet::{FleetSettings, KeySettings};
use crate::herder::ports::Group;

/// By this a worker is told from a JVM worker: its client id begins or ends with it.
const MARK: &str = "sluice";
/// Algorithms that can make session keys.
const KEY_ALGORITHMS: [&str; 6] =
    ["HmacMD5", "HmacSHA1", "HmacSHA224", "HmacSHA256", "HmacSHA384", "HmacSHA512"];
/// Java makes no shorter ones.
const LEAST_KEY_BITS: u32 = 40;

/// Why a membership cannot begin.
#[derive(Debug, thiserror::Error)]
pub(super) enum JoinError {
    /// A setting of the connection cannot be used.
    #[error(transparent)]
    Settings(#[from] ConnectionError),
    /// The worker is none of a group.
    #[error("joining a group with the file of a standalone worker")]
    Alone,
    /// The system gives no thread.
    #[error("starting the thread of the group membership: {0}")]
    Thread(#[from] std::io::Error),
}

/// A membership that was started, and what happens to it.
pub(super) struct Membership {
    pub(super) handle: GroupHandle,
    pub(super) events: mpsc::UnboundedReceiver<GroupEvent>,
}

/// Starts the membership of a worker: from now on it joins its group, and stays in it.
///
/// # Errors
/// Fails when a setting cannot be used; trouble with the brokers comes as an event.
pub(super) fn join(
    worker: &WorkerConfig,
    mode: &DistributedConfig,
    worker_id: &str,
    url: &str,
) -> Result<Membership, JoinError> {
    let (handle, events) = membership::spawn(settings(worker, mode, worker_id, url)?)?;
    Ok(Membership { handle, events })
}

/// Checks what only a worker of a group can have wrong and no single key shows, with Kafka Connect's texts.
///
/// # Errors
/// Fails with what is wrong.
pub(super) fn check(mode: &DistributedConfig) -> Result<(), String> {
    let algorithm = &mode.inter_worker_key_generation_algorithm;
    if !KEY_ALGORITHMS.iter().any(|known| known.eq_ignore_ascii_case(algorithm)) {
        return Err(format!(
            "Invalid value {algorithm} for configuration inter.worker.key.generation.algorithm: the algorithm is not \
             supported; the supported algorithms are: {}",
            KEY_ALGORITHMS.join(", ")
        ));
    }
    if let Some(size) = mode.inter_worker_key_size.filter(|size| *size < LEAST_KEY_BITS) {
        return Err(format!(
            "Unable to create key generator with algorithm {algorithm} and key size {size}: Key length must be at \
             least {LEAST_KEY_BITS} bits"
        ));
    }
    if mode.heartbeat_interval_ms >= mode.session_timeout_ms {
        return Err(format!(
            "Heartbeat must be set lower than the session timeout: `heartbeat.interval.ms` is {}, \
             `session.timeout.ms` is {}",
            mode.heartbeat_interval_ms, mode.session_timeout_ms
        ));
    }
    Ok(())
}

/// Returns the herder's settings for the group.
pub(super) fn fleet_settings(worker: &WorkerConfig, mode: &DistributedConfig, url: &str) -> FleetSettings {
    FleetSettings {
        url: url.to_owned(),
        group_id: mode.group_id.clone(),
        max_delay: millis(mode.scheduled_rebalance_max_delay_ms),
        sync_timeout: millis(mode.worker_sync_timeout_ms),
        unsync_backoff: millis(mode.worker_unsync_backoff_ms),
        key: KeySettings {
            algorithm: mode.inter_worker_key_generation_algorithm.clone(),
            size_bits: mode.inter_worker_key_size,
            ttl: millis(mode.inter_worker_key_ttl_ms),
        },
        is_exactly_once: worker.is_exactly_once_source_enabled(),
    }
}

fn settings(
    worker: &WorkerConfig,
    mode: &DistributedConfig,
    worker_id: &str,
    url: &str,
) -> Result<GroupSettings, ConnectionError> {
    let protocol = match mode.connect_protocol.to_ascii_lowercase().as_str() {
        "eager" => GroupProtocol::Eager,
        "compatible" => GroupProtocol::Compatible,
        _ => GroupProtocol::Sessioned,
    };
    Ok(GroupSettings {
        group: mode.group_id.clone(),
        url: url.to_owned(),
        client_id: client_id(&mode.client_id, worker_id),
        protocol,
        session_timeout: millis(mode.session_timeout_ms),
        rebalance_timeout: millis(mode.rebalance_timeout_ms),
        heartbeat_interval: millis(mode.heartbeat_interval_ms),
        connection: ConnectionSettings::from_props(worker.originals())?,
    })
}

/// Returns the client id of the group's requests; the broker begins the member id with it.
fn client_id(configured: &str, worker_id: &str) -> String {
    match configured.trim() {
        "" => format!("{MARK}-{worker_id}"),
        given => format!("{given}-{MARK}"),
    }
}

/// Returns whether a member of a group of workers is one of this program, by its client id.
pub(crate) fn is_sluice_member(client_id: &str) -> bool {
    client_id.starts_with(&format!("{MARK}-")) || client_id.ends_with(&format!("-{MARK}"))
}

fn millis(number: u32) -> Duration {
    Duration::from_millis(number.into())
}

/// The membership as the herder sees it.
pub(super) struct Member(pub(super) GroupHandle);

#[async_trait]
impl Group for Member {
    fn rejoin(&self) {
        self.0.rejoin();
    }

    async fn leave(&self) {
        self.0.leave().await;
    }

    async fn has_only_own_kind(&self) -> bool {
        match self.0.members().await {
            Ok(members) => members.iter().all(|member| is_sluice_member(&member.client_id)),
            Err(error) => {
                tracing::debug!(%error, "asking for the members of the group");
                false
            }
        }
    }

    fn holds_place(&self) -> bool {
        self.0.holds_place()
    }

    fn stage(&self) -> &'static str {
        self.0.stage()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::WorkerMode;
    use crate::plugins::test_plugins::registry;

    #[test]
    fn a_group_is_joined_with_the_settings_of_the_worker_file() {
        let pairs = [
            ("bootstrap.servers", "b:1"),
            ("key.converter", "String"),
            ("value.converter", "String"),
            ("group.id", "g"),
            ("config.storage.topic", "c"),
            ("offset.storage.topic", "o"),
            ("status.storage.topic", "s"),
            ("session.timeout.ms", "7000"),
            ("connect.protocol", "Compatible"),
            ("inter.worker.key.ttl.ms", "9"),
        ];
        let props = pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
        let worker = WorkerConfig::parse(&props, WorkerMode::Distributed, &registry()).expect("valid");
        let mode = worker.distributed().expect("distributed");
        let settings = settings(&worker, mode, "h:8083", "http://h:8083/").expect("usable");
        assert_eq!(
            (settings.group.as_str(), settings.url.as_str(), settings.client_id.as_str(), settings.protocol),
            ("g", "http://h:8083/", "sluice-h:8083", GroupProtocol::Compatible)
        );
        assert_eq!(
            [settings.session_timeout, settings.rebalance_timeout, settings.heartbeat_interval],
            [7000, 60_000, 3000].map(Duration::from_millis)
        );
        let fleet = fleet_settings(&worker, mode, "http://h:8083/");
        assert_eq!((fleet.max_delay, fleet.key.ttl), (Duration::from_secs(300), Duration::from_millis(9)));
    }

    #[test]
    fn keys_that_cannot_be_made_and_heartbeats_longer_than_a_session_are_refused() {
        let checked = |key: &str, value: &str| {
            let pairs = [
                ("bootstrap.servers", "b:1"),
                ("key.converter", "String"),
                ("value.converter", "String"),
                ("group.id", "g"),
                ("config.storage.topic", "c"),
                ("offset.storage.topic", "o"),
                ("status.storage.topic", "s"),
                (key, value),
            ];
            let props = pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
            let worker = WorkerConfig::parse(&props, WorkerMode::Distributed, &registry()).expect("valid");
            check(worker.distributed().expect("distributed"))
        };
        for (key, good, bad, text) in [
            (
                "inter.worker.key.generation.algorithm",
                "hmacsha512",
                "AES",
                "Invalid value AES for configuration",
            ),
            ("inter.worker.key.size", "40", "39", "key size 39: Key length must be at least 40 bits"),
            (
                "heartbeat.interval.ms",
                "9999",
                "10000",
                "Heartbeat must be set lower than the session timeout",
            ),
        ] {
            assert_eq!(checked(key, good), Ok(()), "{key}");
            let refusal = checked(key, bad).expect_err(key);
            assert!(refusal.contains(text), "{refusal}");
        }
    }

    #[test]
    fn a_client_id_of_the_user_still_tells_what_the_worker_is() {
        assert_eq!(client_id(" mine ", "h:1"), "mine-sluice");
        for (id, is_ours) in [("mine-sluice", true), ("sluice-h:1", true), ("connect-h:1", false)] {
            assert_eq!(is_sluice_member(id), is_ours, "{id}");
        }
    }
}
