//! The topics that a task has told the herder of.

use std::collections::HashSet;
use std::sync::Arc;

use crate::stores::status::TopicResets;

/// Tells which topics are to be told: each once, and again after topics were reset.
#[derive(Debug, Default)]
pub(crate) struct TopicsSeen {
    resets: TopicResets,
    count: u64,
    topics: HashSet<Arc<str>>,
}

impl TopicsSeen {
    /// Returns a task's topics, none yet.
    pub(crate) fn new(resets: TopicResets) -> Self {
        Self { count: resets.count(), resets, topics: HashSet::new() }
    }

    /// Returns whether a topic is to be told, and takes it as told.
    pub(crate) fn is_new(&mut self, topic: &Arc<str>) -> bool {
        let count = self.resets.count();
        if self.count != count {
            self.count = count;
            self.topics.clear();
        }
        !self.topics.contains(topic) && self.topics.insert(Arc::clone(topic))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stores::status::{MemoryStatusStore, StatusStore};

    #[test]
    fn topics_are_told_once_and_again_after_a_reset() {
        let mut store = MemoryStatusStore::default();
        let (connector, topics) = ("c".into(), ["a".into(), "b".into()]);
        let mut seen = TopicsSeen::new(store.topic_resets());
        let mut told = |topics: &[Arc<str>]| -> Vec<bool> {
            topics.iter().chain(topics).map(|topic| seen.is_new(topic)).collect()
        };
        assert_eq!(told(&topics), [true, true, false, false]);
        store.add_topic(&connector, 0, &topics[0]);
        assert_eq!(told(&topics), [false; 4]);
        store.reset_topics(&connector);
        assert_eq!(told(&topics), [true, true, false, false]);
    }
}
