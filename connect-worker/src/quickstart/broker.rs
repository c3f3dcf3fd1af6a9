//! The broker, with bounds for what a forgotten run may leave on the disk.

use std::io;
use std::net::SocketAddr;
use std::path::Path;

use dev_broker::{Broker, BrokerConfig, BrokerError};

use crate::quickstart::run::QuickstartError;

/// Usual port of a broker.
pub(crate) const BROKER_PORT: u16 = 9092;
/// Partitions of a topic that is created without saying how many.
pub(crate) const PARTITIONS: i32 = 6;
/// Bytes kept a partition: with six partitions, at most 192 MiB of logs and one segment each.
pub(crate) const RETENTION_BYTES: i64 = 32 << 20;
const SEGMENT_BYTES: u64 = 8 << 20;

/// Starts a broker with its logs in `logs`, on the usual port or on a free one. `dir` is the folder to name when another
/// process has it.
///
/// # Errors
/// Fails when the folder or no port can be used.
pub(crate) async fn start_broker(logs: &Path, dir: &Path) -> Result<Broker, QuickstartError> {
    let config = BrokerConfig {
        listen: SocketAddr::from(([127, 0, 0, 1], BROKER_PORT)),
        default_partitions: PARTITIONS,
        segment_bytes: SEGMENT_BYTES,
        retention_bytes: RETENTION_BYTES,
        ..BrokerConfig::new(logs)
    };
    match Broker::start(config.clone()).await {
        Err(BrokerError::Listen { source, .. }) if source.kind() == io::ErrorKind::AddrInUse => {
            let listen = SocketAddr::from(([127, 0, 0, 1], 0));
            Broker::start(BrokerConfig { listen, ..config }).await
        }
        outcome => outcome,
    }
    .map_err(|error| match error {
        BrokerError::InUse { .. } => QuickstartError::InUse { path: dir.to_owned() },
        other => QuickstartError::Broker(other),
    })
}
