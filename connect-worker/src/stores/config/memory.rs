//! A config log that lives in memory only: that of standalone mode.

use tokio::sync::{mpsc, oneshot};

use crate::stores::config::{ConfigRecord, ConfigStore, ConfigUpdate, ConfigWriteError, Written};
use connect_core::error::ConnectError;

/// A config log that hands every record straight back.
#[derive(Debug)]
pub struct MemoryConfigStore {
    updates: mpsc::UnboundedSender<ConfigUpdate>,
    offset: i64,
}

impl MemoryConfigStore {
    /// Returns the store and the receiver of its updates.
    pub fn new() -> (Self, mpsc::UnboundedReceiver<ConfigUpdate>) {
        // Bounded by the herder: it takes all updates before it looks at the next command.
        let (updates, receiver) = mpsc::unbounded_channel();
        (Self { updates, offset: -1 }, receiver)
    }

    fn append(&mut self, record: ConfigRecord) -> bool {
        self.offset = self.offset.max(0) + 1;
        self.updates.send(ConfigUpdate { offset: self.offset, record: Some(record) }).is_ok()
    }
}

impl ConfigStore for MemoryConfigStore {
    fn write(&mut self, records: Vec<ConfigRecord>) -> Written {
        let (done, receiver) = oneshot::channel();
        let is_sent = records.into_iter().all(|record| self.append(record));
        let refused = || ConfigWriteError::Failed(ConnectError::fatal("writing to a closed config store"));
        done.send(if is_sent { Ok(()) } else { Err(refused()) }).ok();
        receiver
    }

    fn read_to_end(&mut self) -> oneshot::Receiver<Result<i64, ConnectError>> {
        let (done, receiver) = oneshot::channel();
        done.send(Ok(self.offset)).ok();
        receiver
    }

    fn claim(&mut self) -> Written {
        let (done, receiver) = oneshot::channel();
        done.send(Ok(())).ok();
        receiver
    }
}
