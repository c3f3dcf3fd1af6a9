//! Until when this member may believe that it holds its place.

use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::Instant,
};

/// The end of the place as far as this member can know: the sending of the last acknowledged heartbeat plus the session
/// time-out, or, when that is sooner, the sending of the last one acknowledged outside a round plus the rebalance
/// time-out. By the clock that no change of the date moves. Read from any thread without a lock, so that work can be
/// fenced by the clock even while the membership's thread has not run again after the process was stopped.
#[derive(Debug)]
pub(crate) struct Lease {
    origin: Instant,
    /// Milliseconds from `origin`; 0 when there is no place.
    end_ms: AtomicU64,
}

impl Lease {
    pub(crate) fn new() -> Self {
        Self { origin: Instant::now(), end_ms: AtomicU64::new(0) }
    }

    /// Sets the end; `None` when the place is lost.
    pub(crate) fn set(&self, end: Option<Instant>) {
        self.end_ms.store(end.map_or(0, |end| self.millis(end)), Ordering::Release);
    }

    /// Moves the end to `end` unless it is later already.
    pub(crate) fn extend(&self, end: Instant) {
        self.end_ms.fetch_max(self.millis(end), Ordering::AcqRel);
    }

    fn millis(&self, time: Instant) -> u64 {
        u64::try_from(time.saturating_duration_since(self.origin).as_millis()).unwrap_or(u64::MAX)
    }

    /// Returns whether the end is still to come.
    pub(crate) fn is_held(&self, now: Instant) -> bool {
        self.millis(now) < self.end_ms.load(Ordering::Acquire)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn lease_is_held_until_its_end_and_not_before_it_is_set() {
        let lease = Lease::new();
        let now = Instant::now();
        assert!(!lease.is_held(now));
        lease.set(Some(now + Duration::from_secs(5)));
        assert!(lease.is_held(now + Duration::from_secs(4)) && !lease.is_held(now + Duration::from_secs(6)));
        lease.set(None);
        assert!(!lease.is_held(now));
    }
    #[test]
    fn extension_never_shortens_a_lease() {
        let (lease, now) = (Lease::new(), Instant::now());
        lease.extend(now + Duration::from_secs(5));
        lease.extend(now + Duration::from_secs(3));
        assert!(lease.is_held(now + Duration::from_secs(4)));
        lease.extend(now + Duration::from_secs(7));
        assert!(lease.is_held(now + Duration::from_secs(6)));
    }
}
