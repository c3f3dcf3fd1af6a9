//! The worker's offset store behind a connector's own topic: it is kept up to date as well as can be, beside the loop,
//! so that a connector that gives up its topic goes on where it was.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use connect_core::error::ConnectError;
use indexmap::IndexMap;
use tokio::task::JoinHandle;

use crate::stores::offsets::OffsetStore;

/// Entries of an offset store: keys with their new values; `None` deletes.
pub(crate) type Entries = Vec<(Bytes, Option<Bytes>)>;

/// The worker's store, written around a task's transactions.
pub(crate) struct Secondary {
    store: Arc<dyn OffsetStore>,
    timeout: Duration,
    /// Newest values that were not handed over yet, one a source partition.
    waiting: IndexMap<Bytes, Bytes>,
    in_flight: Option<JoinHandle<()>>,
}

impl Secondary {
    pub(crate) fn new(store: Arc<dyn OffsetStore>, timeout: Duration) -> Self {
        Self { store, timeout, waiting: IndexMap::new(), in_flight: None }
    }

    /// Deletes here what the transaction is going to delete: should it be the other way round and fail, the old
    /// offset here would come back to life.
    ///
    /// # Errors
    /// Fails when that cannot be stored within `offset.flush.timeout.ms`.
    pub(crate) async fn delete_first(&mut self, entries: &Entries) -> Result<(), ConnectError> {
        let tombstones: Entries = entries.iter().filter(|(_, value)| value.is_none()).cloned().collect();
        if tombstones.is_empty() {
            return Ok(());
        }
        for (key, _) in &tombstones {
            self.waiting.shift_remove(key);
        }
        // A write of older values that is still on its way must not overtake.
        self.settle().await;
        match tokio::time::timeout(self.timeout, self.store.set(tombstones)).await {
            Ok(stored) => stored,
            Err(_) => Err(ConnectError::fatal("deleting offsets in the worker's store took too long")),
        }
    }

    /// Stores values that are committed, beside the loop.
    pub(crate) fn store_after(&mut self, entries: Entries) {
        self.waiting.extend(entries.into_iter().filter_map(|(key, value)| Some((key, value?))));
        if self.in_flight.as_ref().is_none_or(JoinHandle::is_finished) {
            self.begin();
        }
    }

    /// Stores the last values, for at most `offset.flush.timeout.ms`.
    pub(crate) async fn finish(mut self) {
        self.settle().await;
        self.begin();
        self.settle().await;
    }

    fn begin(&mut self) {
        if self.waiting.is_empty() {
            return;
        }
        let entries = std::mem::take(&mut self.waiting).into_iter().map(|(key, value)| (key, Some(value)));
        let (store, timeout, entries) = (Arc::clone(&self.store), self.timeout, entries.collect());
        self.in_flight = Some(tokio::spawn(async move {
            match tokio::time::timeout(timeout, store.set(entries)).await {
                Ok(Ok(())) => {}
                Ok(Err(error)) => {
                    tracing::warn!(cause = %error.trace(), "storing offsets in the worker's store as well");
                }
                Err(_) => tracing::warn!("storing offsets in the worker's store as well took too long"),
            }
        }));
    }

    async fn settle(&mut self) {
        if let Some(write) = self.in_flight.take() {
            write.await.ok();
        }
    }
}
