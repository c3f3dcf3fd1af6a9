//! A small map that forgets what was used longest ago; it spares the converter from building a record's schema anew.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Mutex, PoisonError};

/// A bounded map behind a lock that is held for the look-up only.
#[derive(Debug)]
pub(super) struct Cache<K, V> {
    limit: usize,
    entries: Mutex<Entries<K, V>>,
}

#[derive(Debug)]
struct Entries<K, V> {
    clock: u64,
    map: HashMap<K, (u64, V)>,
}

impl<K: Hash + Eq + Clone, V: Clone> Cache<K, V> {
    /// Returns an empty cache of at most `limit` entries; with none it keeps nothing.
    pub(super) fn new(limit: usize) -> Self {
        Self { limit, entries: Mutex::new(Entries { clock: 0, map: HashMap::new() }) }
    }

    pub(super) fn get<Q>(&self, key: &Q) -> Option<V>
    where
        K: std::borrow::Borrow<Q>,
        Q: Hash + Eq + ?Sized,
    {
        let mut guard = self.entries.lock().unwrap_or_else(PoisonError::into_inner);
        guard.clock += 1;
        let clock = guard.clock;
        let (used, value) = guard.map.get_mut(key)?;
        *used = clock;
        Some(value.clone())
    }

    pub(super) fn insert(&self, key: K, value: V) {
        if self.limit == 0 {
            return;
        }
        let mut guard = self.entries.lock().unwrap_or_else(PoisonError::into_inner);
        guard.clock += 1;
        let clock = guard.clock;
        if guard.map.len() >= self.limit && !guard.map.contains_key(&key) {
            let oldest = guard.map.iter().min_by_key(|(_, (used, _))| *used).map(|(key, _)| key.clone());
            if let Some(oldest) = oldest {
                guard.map.remove(&oldest);
            }
        }
        guard.map.insert(key, (clock, value));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_entry_used_longest_ago_goes_first() {
        let cache = Cache::new(2);
        cache.insert("a", 1);
        cache.insert("b", 2);
        assert_eq!(cache.get("a"), Some(1));
        cache.insert("c", 3);
        assert_eq!([cache.get("a"), cache.get("b"), cache.get("c")], [Some(1), None, Some(3)]);
        let none = Cache::new(0);
        none.insert("a", 1);
        assert_eq!(none.get("a"), None);
    }
}
