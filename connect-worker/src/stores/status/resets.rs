//! Tells tasks that topics they noted were forgotten.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Counts how often topics of connectors were forgotten. Tasks tell each topic once, and once more after the count
/// has changed; the JVM looks into the status store at every record instead. Clones count together.
#[derive(Debug, Clone, Default)]
pub struct TopicResets(Arc<AtomicU64>);

impl TopicResets {
    /// Returns the count. It says nothing but that something changed.
    pub(crate) fn count(&self) -> u64 {
        self.0.load(Ordering::Acquire)
    }

    /// Counts, after the topics are gone from the store.
    pub(super) fn note(&self) {
        self.0.fetch_add(1, Ordering::AcqRel);
    }
}
