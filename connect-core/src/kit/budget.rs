//! A byte budget: the bound on what a task's buffers may hold.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// A shared bound on bytes held in buffers.
#[derive(Debug, Clone)]
pub struct ByteBudget {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    limit: usize,
    used: AtomicUsize,
}

/// Bytes taken from a budget; dropping it gives them back.
#[derive(Debug)]
pub struct Lease {
    inner: Arc<Inner>,
    size: usize,
}

impl ByteBudget {
    /// Returns a budget of `limit` bytes.
    pub fn new(limit: usize) -> Self {
        Self { inner: Arc::new(Inner { limit, used: AtomicUsize::new(0) }) }
    }

    /// Returns the bound in bytes.
    pub fn limit(&self) -> usize {
        self.inner.limit
    }

    /// Returns the bytes taken now.
    pub fn used(&self) -> usize {
        self.inner.used.load(Ordering::Relaxed)
    }

    /// Returns whether at least `size` more bytes fit.
    pub fn has_room(&self, size: usize) -> bool {
        self.used().saturating_add(size) <= self.inner.limit
    }

    /// Takes bytes even if that passes the bound; the caller must then make room (see [`ByteBudget::has_room`]).
    pub fn take(&self, size: usize) -> Lease {
        self.inner.used.fetch_add(size, Ordering::Relaxed);
        Lease { inner: Arc::clone(&self.inner), size }
    }
}

impl Lease {
    /// Returns the bytes held.
    pub fn size(&self) -> usize {
        self.size
    }

    /// Changes the bytes held.
    pub fn resize(&mut self, size: usize) {
        if size >= self.size {
            self.inner.used.fetch_add(size - self.size, Ordering::Relaxed);
        } else {
            self.inner.used.fetch_sub(self.size - size, Ordering::Relaxed);
        }
        self.size = size;
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        self.inner.used.fetch_sub(self.size, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn leases_are_counted_and_given_back() {
        let budget = ByteBudget::new(100);
        let mut lease = budget.take(60);
        assert!(budget.has_room(40) && !budget.has_room(41));
        lease.resize(90);
        assert_eq!(budget.used(), 90);
        lease.resize(10);
        drop(lease);
        assert_eq!(budget.used(), 0);
    }
}
