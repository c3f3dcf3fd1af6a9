//! A batcher by count, bytes and time. Pure: `now` is an argument.

use std::collections::HashMap;
use std::hash::Hash;
use std::time::{Duration, Instant};

/// Limits of one batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BatchLimits {
    /// Most items in a batch.
    pub max_items: usize,
    /// Most bytes in a batch.
    pub max_bytes: usize,
    /// Longest time from the first item to closing; `None` is for ever.
    pub linger: Option<Duration>,
}

/// A batch that is complete.
#[derive(Debug, PartialEq, Eq)]
pub struct Closed<K, T> {
    /// Key of the batch.
    pub key: K,
    /// Items in the order pushed.
    pub items: Vec<T>,
    /// Sum of the items' sizes in bytes.
    pub size_bytes: usize,
}

/// Why an item was not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PushError {
    /// The item alone is larger than a batch may be.
    #[error("item of {size_bytes} bytes is larger than a batch of {max_bytes} bytes")]
    TooLarge {
        /// Size of the item.
        size_bytes: usize,
        /// Limit.
        max_bytes: usize,
    },
}

struct Open<T> {
    items: Vec<T>,
    size_bytes: usize,
    due: Option<Instant>,
}

/// Collects items into batches, one open batch a key.
pub struct Batcher<K, T> {
    limits: BatchLimits,
    open: HashMap<K, Open<T>>,
}

impl<K: Clone + Eq + Hash, T> Batcher<K, T> {
    /// Returns an empty batcher.
    pub fn new(limits: BatchLimits) -> Self {
        Self { limits, open: HashMap::new() }
    }

    /// Adds an item. Returns the batch it did not fit into any more, or the one it filled; at most one of each,
    /// in that order.
    ///
    /// # Errors
    /// Fails when the item alone is larger than a batch may be.
    pub fn push(
        &mut self,
        key: K,
        item: T,
        size_bytes: usize,
        now: Instant,
    ) -> Result<Vec<Closed<K, T>>, PushError> {
        let max_bytes = self.limits.max_bytes;
        if size_bytes > max_bytes {
            return Err(PushError::TooLarge { size_bytes, max_bytes });
        }
        let mut closed = Vec::new();
        // Closing before the item that would overflow keeps every batch within its limits.
        if self.open.get(&key).is_some_and(|open| open.size_bytes + size_bytes > max_bytes) {
            closed.extend(self.close(&key));
        }
        let due = self.limits.linger.map(|linger| now + linger);
        let open = self.open.entry(key.clone()).or_insert(Open { items: Vec::new(), size_bytes: 0, due });
        open.items.push(item);
        open.size_bytes += size_bytes;
        if open.items.len() >= self.limits.max_items || open.size_bytes == max_bytes {
            closed.extend(self.close(&key));
        }
        Ok(closed)
    }

    /// Closes the batch of a key, if one is open.
    pub fn close(&mut self, key: &K) -> Option<Closed<K, T>> {
        let open = self.open.remove(key)?;
        Some(Closed { key: key.clone(), items: open.items, size_bytes: open.size_bytes })
    }

    /// Closes every batch whose time has come.
    pub fn close_due(&mut self, now: Instant) -> Vec<Closed<K, T>> {
        let is_due = |open: &Open<T>| open.due.is_some_and(|due| due <= now);
        let keys: Vec<K> =
            self.open.iter().filter(|(_, open)| is_due(open)).map(|(key, _)| key.clone()).collect();
        keys.iter().filter_map(|key| self.close(key)).collect()
    }

    /// Closes every batch.
    pub fn close_all(&mut self) -> Vec<Closed<K, T>> {
        let keys: Vec<K> = self.open.keys().cloned().collect();
        keys.iter().filter_map(|key| self.close(key)).collect()
    }

    /// Returns when the next batch is due.
    pub fn next_due(&self) -> Option<Instant> {
        self.open.values().filter_map(|open| open.due).min()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn nothing_is_lost_order_is_kept_and_no_limit_is_passed(
            items in proptest::collection::vec((0u8..3, 0usize..12), 0..200),
            max_items in 1usize..8,
            max_bytes in 11usize..40,
        ) {
            let limits = BatchLimits { max_items, max_bytes, linger: None };
            let mut batcher = Batcher::new(limits);
            let mut closed = Vec::new();
            for (index, (key, size)) in items.iter().enumerate() {
                closed.extend(batcher.push(*key, (index, *size), *size, Instant::now()).expect("fits"));
            }
            closed.extend(batcher.close_all());
            let mut seen: HashMap<u8, Vec<usize>> = HashMap::new();
            for batch in closed {
                prop_assert!(!batch.items.is_empty() && batch.items.len() <= max_items);
                prop_assert_eq!(batch.items.iter().map(|(_, size)| size).sum::<usize>(), batch.size_bytes);
                prop_assert!(batch.size_bytes <= max_bytes);
                seen.entry(batch.key).or_default().extend(batch.items.iter().map(|(index, _)| *index));
            }
            for key in 0u8..3 {
                let expected: Vec<usize> =
                    items.iter().enumerate().filter(|(_, (k, _))| *k == key).map(|(index, _)| index).collect();
                prop_assert_eq!(seen.remove(&key).unwrap_or_default(), expected);
            }
        }
    }

    #[test]
    fn timer_starts_at_the_first_item_and_is_not_reset() {
        let start = Instant::now();
        let linger = Duration::from_secs(10);
        let mut batcher = Batcher::new(BatchLimits { max_items: 9, max_bytes: 9, linger: Some(linger) });
        for second in [0, 5] {
            let now = start + Duration::from_secs(second);
            assert!(batcher.push("k", second, 1, now).expect("fits").is_empty());
        }
        assert_eq!(batcher.next_due(), Some(start + linger));
        assert!(batcher.close_due(start + Duration::from_secs(9)).is_empty());
        assert_eq!(batcher.close_due(start + linger).len(), 1);
    }

    #[test]
    fn oversized_item_is_refused() {
        let mut batcher = Batcher::new(BatchLimits { max_items: 9, max_bytes: 9, linger: None });
        let refused = batcher.push("k", 0, 10, Instant::now());
        assert_eq!(refused, Err(PushError::TooLarge { size_bytes: 10, max_bytes: 9 }));
    }
}
