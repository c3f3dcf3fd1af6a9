//! What a broker is started with, and why starting may not work.

use std::{
    io,
    net::{Ipv4Addr, SocketAddr},
    path::{Path, PathBuf},
    time::Duration,
};

use thiserror::Error;

/// The settings of one [`Broker`](crate::Broker).
#[derive(Debug, Clone)]
pub struct BrokerConfig {
    /// Folder that holds everything the broker keeps; created when absent, used by one broker at a time.
    pub data_dir: PathBuf,
    /// Address to listen on; port 0 lets the operating system choose.
    pub listen: SocketAddr,
    /// Host name told to clients; by default the IP address of `listen`.
    pub advertised_host: Option<String>,
    /// Partitions of a topic created without a number, default 1.
    pub default_partitions: i32,
    /// Whether asking for the metadata of an unknown topic creates it, default true.
    pub auto_create_topics: bool,
    /// Default of the topic configuration `segment.bytes`, 64 MiB.
    pub segment_bytes: u64,
    /// Default of the topic configuration `retention.bytes`: bytes kept per partition, 1 GiB; -1 is no limit.
    pub retention_bytes: i64,
    /// How long the first member of an empty group waits for others before the first generation, default 0.
    pub initial_rebalance_delay: Duration,
    /// How often segments are rolled by age, deleted and compacted, default 500 ms.
    pub maintenance_interval: Duration,
}

impl BrokerConfig {
    /// Returns the defaults for a broker that keeps its data in `data_dir` and listens on a free loopback port.
    pub fn new(data_dir: impl Into<PathBuf>) -> Self {
        Self {
            data_dir: data_dir.into(),
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            advertised_host: None,
            default_partitions: 1,
            auto_create_topics: true,
            segment_bytes: 64 << 20,
            retention_bytes: 1 << 30,
            initial_rebalance_delay: Duration::ZERO,
            maintenance_interval: Duration::from_millis(500),
        }
    }
}

/// Why a broker could not start.
#[derive(Debug, Error)]
pub enum BrokerError {
    /// The address is taken or not ours.
    #[error("listening on `{address}`")]
    Listen {
        /// The address asked for.
        address: SocketAddr,
        /// What the operating system said.
        source: io::Error,
    },
    /// Another broker has the data folder open.
    #[error("opening data folder `{path}`: another broker is using it")]
    InUse {
        /// The data folder.
        path: PathBuf,
    },
    /// A file could not be read or written.
    #[error("opening data folder `{path}`")]
    Storage {
        /// The data folder.
        path: PathBuf,
        /// What the operating system said.
        source: io::Error,
    },
}

impl BrokerError {
    pub(crate) fn storage(path: &Path, source: io::Error) -> Self {
        Self::Storage { path: path.to_owned(), source }
    }
}
