//! Bytes on their way: what the task waits for when memory is short.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::sync::Notify;

use connect_core::kit::Lease;

/// Counts the bytes handed to uploads and not yet written.
#[derive(Debug, Default)]
pub(crate) struct Moving {
    bytes: AtomicUsize,
    moved: Notify,
}

/// The part of memory that one piece takes, until it is dropped.
#[derive(Debug)]
pub(crate) struct Load {
    // Given back before the waiting task is told, which `Drop` does.
    lease: Option<Lease>,
    size: usize,
    moving: Arc<Moving>,
}

impl Moving {
    /// Returns the bytes on their way.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes.load(Ordering::Relaxed)
    }

    /// Waits until some arrive. Cancel safe.
    pub(crate) async fn moved(&self) {
        self.moved.notified().await;
    }
}

impl Load {
    /// Returns the load of a piece of `size` bytes.
    pub(crate) fn new(lease: Lease, size: usize, moving: &Arc<Moving>) -> Self {
        moving.bytes.fetch_add(size, Ordering::Relaxed);
        Self { lease: Some(lease), size, moving: Arc::clone(moving) }
    }
}

impl Drop for Load {
    fn drop(&mut self) {
        drop(self.lease.take());
        self.moving.bytes.fetch_sub(self.size, Ordering::Relaxed);
        self.moving.moved.notify_one();
    }
}
