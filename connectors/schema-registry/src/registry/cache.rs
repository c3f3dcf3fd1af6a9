//! A small map that forgets what was put in longest ago.

use std::collections::{HashMap, VecDeque};
use std::hash::Hash;
use std::sync::{PoisonError, RwLock};

/// A bounded map behind a lock that is held for the look-up only.
#[derive(Debug)]
pub(crate) struct Cache<K, V> {
    limit: usize,
    entries: RwLock<Entries<K, V>>,
}

#[derive(Debug)]
struct Entries<K, V> {
    map: HashMap<K, V>,
    order: VecDeque<K>,
}

impl<K: Hash + Eq + Clone, V: Clone> Cache<K, V> {
    /// Returns an empty cache of at most `limit` entries, at least one: what was just fetched must be found again.
    pub(crate) fn new(limit: usize) -> Self {
        let entries = Entries { map: HashMap::new(), order: VecDeque::new() };
        Self { limit: limit.max(1), entries: RwLock::new(entries) }
    }

    pub(crate) fn get<Q>(&self, key: &Q) -> Option<V>
    where
        K: std::borrow::Borrow<Q>,
        Q: Hash + Eq + ?Sized,
    {
        self.find(key, |value| Some(value.clone()))
    }

    /// Returns what `choose` makes of the entry.
    pub(crate) fn find<Q, T>(&self, key: &Q, choose: impl FnOnce(&V) -> Option<T>) -> Option<T>
    where
        K: std::borrow::Borrow<Q>,
        Q: Hash + Eq + ?Sized,
    {
        let guard = self.entries.read().unwrap_or_else(PoisonError::into_inner);
        guard.map.get(key).and_then(choose)
    }

    pub(crate) fn insert(&self, key: K, value: V) {
        let mut guard = self.entries.write().unwrap_or_else(PoisonError::into_inner);
        if guard.map.insert(key.clone(), value).is_some() {
            return;
        }
        guard.order.push_back(key);
        while guard.order.len() > self.limit {
            if let Some(oldest) = guard.order.pop_front() {
                guard.map.remove(&oldest);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_entry_goes_first_and_the_newest_always_stays() {
        let cache = Cache::new(2);
        for key in ["a", "b", "a", "c"] {
            cache.insert(key, key);
        }
        assert_eq!([cache.get("a"), cache.get("b"), cache.get("c")], [None, Some("b"), Some("c")]);
        let none = Cache::new(0);
        none.insert("a", 1);
        none.insert("b", 2);
        assert_eq!([none.get("a"), none.get("b")], [None, Some(2)]);
    }
}
