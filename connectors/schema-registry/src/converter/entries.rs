//! What is known about schemas, by key and topic: most schemas belong to one topic.

use std::hash::Hash;
use std::sync::{Arc, Mutex, PoisonError};

use crate::registry::Cache;

/// Topics kept for one key; with more, the first are forgotten.
const MAX_TOPICS: usize = 64;

/// What is known of one key, by topic.
type Topics<V> = Arc<Vec<(String, Arc<V>)>>;

/// A bounded map from a key and a topic.
pub(super) struct Entries<K, V> {
    cache: Cache<K, Topics<V>>,
    /// What was used last: mostly a record has the schema of the one before.
    last: Mutex<Option<(K, String, Arc<V>)>>,
}

impl<K: Hash + Eq + Copy, V> Entries<K, V> {
    pub(super) fn new(limit: usize) -> Self {
        Self { cache: Cache::new(limit), last: Mutex::new(None) }
    }

    pub(super) fn get(&self, key: K, topic: &str) -> Option<Arc<V>> {
        self.cache.find(&key, |known| {
            known.iter().find(|(known, _)| known == topic).map(|(_, value)| Arc::clone(value))
        })
    }

    /// Returns what `make` makes of a value.
    pub(super) fn with<T>(&self, key: K, topic: &str, make: impl FnOnce(&V) -> T) -> Option<T> {
        // Whoever finds another thread here does not wait, but looks the value up.
        let Ok(mut last) = self.last.try_lock() else {
            return self.get(key, topic).map(|value| make(&value));
        };
        if !last.as_ref().is_some_and(|(last_key, last_topic, _)| *last_key == key && last_topic == topic) {
            *last = Some((key, topic.to_owned(), self.get(key, topic)?));
        }
        last.as_ref().map(|(.., value)| make(value))
    }

    pub(super) fn insert(&self, key: K, topic: &str, value: Arc<V>) {
        let mut known = self.cache.get(&key).map(|known| known.to_vec()).unwrap_or_default();
        known.retain(|(known, _)| known != topic);
        if known.len() >= MAX_TOPICS {
            known.remove(0);
        }
        known.push((topic.to_owned(), value));
        self.cache.insert(key, Arc::new(known));
        *self.last.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_those_of_key_and_topic_and_replaced_ones_are_gone() {
        let entries = Entries::new(10);
        let found = |key, topic| entries.with(key, topic, |value: &&str| (*value).to_owned());
        assert_eq!(found(1, "a"), None);
        for (key, topic, value) in [(1, "a", "1a"), (1, "b", "1b"), (2, "a", "2a")] {
            entries.insert(key, topic, Arc::new(value));
        }
        let all = [(1, "a"), (1, "a"), (1, "b"), (2, "a"), (1, "a"), (2, "b")]
            .map(|(key, topic)| found(key, topic));
        let expected = [Some("1a"), Some("1a"), Some("1b"), Some("2a"), Some("1a"), None];
        assert_eq!(all, expected.map(|text| text.map(str::to_owned)));
        entries.insert(1, "a", Arc::new("new"));
        assert_eq!(found(1, "a").as_deref(), Some("new"));
        // While a value is in use, another look-up neither waits nor finds another.
        let inside = entries.with(1, "a", |_| found(1, "b"));
        assert_eq!(inside, Some(Some("1b".to_owned())));
    }
}
