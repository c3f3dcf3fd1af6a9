//! How long the oldest record that is not yet durable has been waiting.

use std::collections::{BTreeMap, VecDeque};

use connect_core::record::{Offsets, TopicPartition};

/// Batches remembered a partition; past it the newest are merged, which can only make the age look older.
const MAX_MARKS: usize = 1_024;

/// Timestamps of consumed batches that are not yet committed.
#[derive(Debug, Default)]
pub(crate) struct LagMarks {
    /// Next offset after a batch, and the timestamp of its first record in milliseconds.
    marks: BTreeMap<TopicPartition, VecDeque<(i64, i64)>>,
}

impl LagMarks {
    /// Notes a batch: the next offset after it, and the timestamp of its first record.
    pub(crate) fn consumed(&mut self, partition: &TopicPartition, next: i64, timestamp_ms: i64) {
        if !self.marks.contains_key(partition) {
            self.marks.insert(partition.clone(), VecDeque::new());
        }
        let Some(marks) = self.marks.get_mut(partition) else { return };
        let is_full = marks.len() >= MAX_MARKS;
        match marks.back_mut() {
            Some(newest) if is_full => newest.0 = next,
            _ => marks.push_back((next, timestamp_ms)),
        }
    }

    /// Forgets a partition that is no longer read, or is read again from an earlier offset.
    pub(crate) fn forget(&mut self, partition: &TopicPartition) {
        self.marks.remove(partition);
    }

    /// Returns the timestamp of the oldest batch that is not wholly committed.
    pub(crate) fn oldest_ms(&mut self, committed: &Offsets) -> Option<i64> {
        for (partition, marks) in &mut self.marks {
            let committed = committed.get(partition).copied().unwrap_or(0);
            while marks.front().is_some_and(|(next, _)| *next <= committed) {
                marks.pop_front();
            }
        }
        self.marks.values().filter_map(|marks| marks.front().map(|(_, timestamp)| *timestamp)).min()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn oldest_batch_that_is_not_committed_counts() {
        let (first, second) = (TopicPartition::new("t", 0), TopicPartition::new("t", 1));
        let mut marks = LagMarks::default();
        marks.consumed(&first, 10, 1_000);
        marks.consumed(&first, 20, 2_000);
        marks.consumed(&second, 5, 1_500);
        let committed = Offsets::from([(first.clone(), 10)]);
        assert_eq!(marks.oldest_ms(&committed), Some(1_500));
        marks.forget(&second);
        assert_eq!(marks.oldest_ms(&committed), Some(2_000));
        assert_eq!(marks.oldest_ms(&Offsets::from([(first, 20)])), None);
    }
}
