//! What is known about schemas, by key and topic: most schemas belong to one topic.

use std::hash::Hash;
use std::sync::Arc;

use crate::registry::Cache;

/// Topics kept for one key; with more, the first are forgotten.
const MAX_TOPICS: usize = 64;

/// What is known of one key, by topic.
type Topics<V> = Arc<Vec<(String, Arc<V>)>>;

/// A bounded map from a key and a topic.
pub(super) struct Entries<K, V> {
    cache: Cache<K, Topics<V>>,
}

impl<K: Hash + Eq + Copy, V> Entries<K, V> {
    pub(super) fn new(limit: usize) -> Self {
        Self { cache: Cache::new(limit) }
    }

    pub(super) fn get(&self, key: K, topic: &str) -> Option<Arc<V>> {
        self.cache.find(&key, |known| {
            known.iter().find(|(known, _)| known == topic).map(|(_, value)| Arc::clone(value))
        })
    }

    pub(super) fn insert(&self, key: K, topic: &str, value: Arc<V>) {
        let mut known = self.cache.get(&key).map(|known| known.to_vec()).unwrap_or_default();
        known.retain(|(known, _)| known != topic);
        if known.len() >= MAX_TOPICS {
            known.remove(0);
        }
        known.push((topic.to_owned(), value));
        self.cache.insert(key, Arc::new(known));
    }
}
