//! Starting and stopping a broker.

use std::{
    fs::{self, File, TryLockError},
    io,
    net::SocketAddr,
    path::Path,
    sync::Arc,
    time::Duration,
};

use tokio::{net::TcpListener, task, time};
use tokio_util::task::TaskTracker;

use crate::{
    config::{BrokerConfig, BrokerError},
    faults::Faults,
    node::Node,
    server,
};

/// How often group members are checked for having gone silent.
const GROUP_TICK: Duration = Duration::from_millis(25);

/// A running broker. Dropping it ends it like a kill: what was written is in the page cache, not on the disk.
#[derive(Debug)]
pub struct Broker {
    node: Arc<Node>,
    tasks: TaskTracker,
    /// Held so that no second broker opens the folder; the operating system lets go of it when the process dies.
    _lock: File,
}

impl Broker {
    /// Opens the data folder and begins to listen. The broker is ready when this returns.
    ///
    /// # Errors
    /// When the address is taken, another broker uses the folder, or it cannot be read or written.
    pub async fn start(config: BrokerConfig) -> Result<Self, BrokerError> {
        let lock = lock_data_dir(&config.data_dir)?;
        let address = config.listen;
        let listen_error = |source| BrokerError::Listen { address, source };
        let listener = TcpListener::bind(address).await.map_err(listen_error)?;
        let address = listener.local_addr().map_err(listen_error)?;
        let data_dir = config.data_dir.clone();
        let opening = task::spawn_blocking(move || Node::open(config, address)).await;
        let node = opening
            .map_err(io::Error::other)
            .and_then(|node| node)
            .map_err(|error| BrokerError::storage(&data_dir, error))?;
        let node = Arc::new(node);
        let tasks = TaskTracker::new();
        tasks.spawn(server::accept(Arc::clone(&node), listener, tasks.clone()));
        tasks.spawn(watch_groups(Arc::clone(&node)));
        tasks.spawn(maintain(Arc::clone(&node)));
        tracing::info!(%address, data_dir = %data_dir.display(), "broker started");
        Ok(Self { node, tasks, _lock: lock })
    }

    /// Returns the address the broker listens on.
    pub fn address(&self) -> SocketAddr {
        self.node.address
    }

    /// Returns the handle that makes the broker fail on purpose.
    pub fn faults(&self) -> &Faults {
        &self.node.faults
    }

    /// Closes all connections, ends the background tasks, and writes everything down to the disk.
    pub async fn shutdown(self) {
        self.node.stop.cancel();
        self.tasks.close();
        self.tasks.wait().await;
        let node = Arc::clone(&self.node);
        let result = task::spawn_blocking(move || node.flush()).await;
        if let Err(error) = result.map_err(io::Error::other).and_then(|result| result) {
            tracing::error!(error = &error as &dyn std::error::Error, "flushing logs");
        }
        tracing::info!("broker stopped");
    }
}

impl Drop for Broker {
    fn drop(&mut self) {
        self.node.stop.cancel();
    }
}

fn lock_data_dir(dir: &Path) -> Result<File, BrokerError> {
    let storage = |error| BrokerError::storage(dir, error);
    fs::create_dir_all(dir).map_err(storage)?;
    let file = File::create(dir.join("lock")).map_err(storage)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(BrokerError::InUse { path: dir.to_owned() }),
        Err(TryLockError::Error(error)) => Err(storage(error)),
    }
}

async fn watch_groups(node: Arc<Node>) {
    let mut ticks = time::interval(GROUP_TICK);
    while node.stop.run_until_cancelled(ticks.tick()).await.is_some() {
        node.groups.tick(std::time::Instant::now());
    }
}

async fn maintain(node: Arc<Node>) {
    let mut ticks = time::interval(node.config.maintenance_interval);
    ticks.set_missed_tick_behavior(time::MissedTickBehavior::Delay);
    while node.stop.run_until_cancelled(ticks.tick()).await.is_some() {
        let node = Arc::clone(&node);
        if let Err(error) = task::spawn_blocking(move || node.maintain()).await {
            tracing::error!(error = &error as &dyn std::error::Error, "maintenance ended early");
        }
    }
}
