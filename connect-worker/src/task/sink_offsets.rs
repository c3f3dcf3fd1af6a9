//! Which offsets a sink task may commit. Pure: the loop feeds it and carries out what it decides.

use std::collections::BTreeSet;

use connect_core::record::{Offsets, TopicPartition};

/// The offsets of a sink task, as `WorkerSinkTask` keeps them.
#[derive(Debug, Default)]
pub(crate) struct SinkOffsets {
    /// Partitions this task owns.
    assigned: BTreeSet<TopicPartition>,
    /// Next offsets after the batch being delivered.
    consumed: Offsets,
    /// Next offsets after the last batch that `put` took.
    delivered: Offsets,
    /// Offsets known to be committed; where nothing was committed yet, the offset reading began at.
    committed: Offsets,
}

impl SinkOffsets {
    /// Adds partitions with the committed offsets of those that have one.
    pub(crate) fn assign(&mut self, partitions: &[TopicPartition], committed: &Offsets) {
        self.assigned.extend(partitions.iter().cloned());
        for (partition, offset) in committed {
            self.committed.insert(partition.clone(), *offset);
            self.consumed.insert(partition.clone(), *offset);
            self.delivered.insert(partition.clone(), *offset);
        }
    }

    /// Forgets partitions.
    pub(crate) fn forget(&mut self, partitions: &[TopicPartition]) {
        for partition in partitions {
            self.assigned.remove(partition);
            self.consumed.remove(partition);
            self.delivered.remove(partition);
            self.committed.remove(partition);
        }
    }

    /// Returns the partitions this task owns.
    pub(crate) fn assigned(&self) -> &BTreeSet<TopicPartition> {
        &self.assigned
    }

    /// Notes where reading begins in partitions without a committed offset, then what a batch consumes.
    pub(crate) fn consume(&mut self, first: &Offsets, next: &Offsets) {
        for (partition, offset) in first {
            if self.assigned.contains(partition) {
                self.committed.entry(partition.clone()).or_insert(*offset);
            }
        }
        for (partition, offset) in next {
            if self.assigned.contains(partition) {
                self.consumed.insert(partition.clone(), *offset);
            }
        }
    }

    /// Notes that `put` took everything consumed.
    pub(crate) fn deliver(&mut self) {
        self.delivered.clone_from(&self.consumed);
    }

    /// Sets both ends of a partition back, because the task or a failed commit rewound it.
    pub(crate) fn rewind(&mut self, partition: &TopicPartition, offset: i64) {
        if self.assigned.contains(partition) {
            self.consumed.insert(partition.clone(), offset);
            self.delivered.insert(partition.clone(), offset);
        }
    }

    /// Returns the delivered offsets of the given partitions: what `pre_commit` is asked about.
    pub(crate) fn delivered<'a>(&self, partitions: impl IntoIterator<Item = &'a TopicPartition>) -> Offsets {
        let known = |partition: &TopicPartition| {
            self.delivered.get(partition).map(|offset| (partition.clone(), *offset))
        };
        partitions.into_iter().filter_map(known).collect()
    }

    /// Returns the committed offsets of all owned partitions, to rewind to.
    pub(crate) fn committed(&self) -> &Offsets {
        &self.committed
    }

    /// Returns the number of records consumed and not yet known to be committed.
    pub(crate) fn active(&self) -> u64 {
        let ahead = |(partition, next): (&TopicPartition, &i64)| {
            self.committed.get(partition).map_or(0, |committed| (next - committed).max(0))
        };
        self.consumed.iter().map(ahead).sum::<i64>().cast_unsigned()
    }

    /// Returns what to commit of what the task asked for (`WorkerSinkTask.commitOffsets`): only owned partitions,
    /// never above what was read, and always together with the last committed offsets of the others. Of a batch whose
    /// `put` was interrupted the task may have made a part durable, and it alone knows which.
    /// `None` when that is what is committed already.
    pub(crate) fn accept(&self, asked: &Offsets) -> Option<Offsets> {
        let mut offsets = self.committed.clone();
        for (partition, offset) in asked {
            match (self.committed.get(partition), self.consumed.get(partition)) {
                (Some(_), Some(consumed)) if offset <= consumed => {
                    offsets.insert(partition.clone(), *offset);
                }
                (Some(_), Some(consumed)) => {
                    tracing::warn!(%partition, offset, consumed, "ignoring an offset above what was read");
                }
                _ => {
                    tracing::warn!(%partition, offset, "ignoring an offset of a partition that is not assigned")
                }
            }
        }
        (offsets != self.committed).then_some(offsets)
    }

    /// Notes a commit that succeeded, for the partitions still owned.
    pub(crate) fn commit(&mut self, offsets: &Offsets) {
        for (partition, offset) in offsets {
            if let Some(committed) = self.committed.get_mut(partition) {
                *committed = *offset;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn partition(number: i32) -> TopicPartition {
        TopicPartition::new("t", number)
    }

    fn offsets(pairs: &[(i32, i64)]) -> Offsets {
        pairs.iter().map(|(number, offset)| (partition(*number), *offset)).collect()
    }

    fn reading_two_partitions() -> SinkOffsets {
        let mut state = SinkOffsets::default();
        state.assign(&[partition(0), partition(1)], &offsets(&[(0, 10)]));
        state.consume(&offsets(&[(0, 10), (1, 5)]), &offsets(&[(0, 20), (1, 8)]));
        state
    }

    #[test]
    fn only_delivered_offsets_are_asked_about() {
        let mut state = reading_two_partitions();
        assert_eq!(state.delivered(&[partition(0), partition(1)]), offsets(&[(0, 10)]));
        state.deliver();
        assert_eq!(state.delivered(&[partition(0), partition(1)]), offsets(&[(0, 20), (1, 8)]));
    }

    #[test]
    fn offsets_above_what_was_read_or_of_foreign_partitions_are_ignored() {
        let state = reading_two_partitions();
        assert_eq!(state.accept(&offsets(&[(0, 21), (7, 1)])), None);
        assert_eq!(state.accept(&offsets(&[(0, 15), (7, 1)])), Some(offsets(&[(0, 15), (1, 5)])));
    }

    #[test]
    fn unchanged_offsets_are_not_committed_again() {
        let mut state = reading_two_partitions();
        state.deliver();
        let accepted = state.accept(&offsets(&[(0, 20), (1, 8)])).expect("new offsets");
        state.commit(&accepted);
        assert_eq!((state.accept(&offsets(&[(0, 20)])), state.active()), (None, 0));
    }

    #[test]
    fn forgotten_partition_takes_no_late_commit() {
        let mut state = reading_two_partitions();
        state.deliver();
        state.forget(&[partition(0)]);
        state.commit(&offsets(&[(0, 20)]));
        assert_eq!(state.committed(), &offsets(&[(1, 5)]));
    }
}
