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
