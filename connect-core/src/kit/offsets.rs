//! The contiguous watermark: what may be committed when deliveries finish out of order.

use std::collections::{BTreeMap, VecDeque};

use crate::record::{Offsets, TopicPartition};

/// Progress within one partition. Records are noted in offset order as they are taken, and finished in any order;
/// the watermark is the offset before which everything taken is finished.
#[derive(Debug, Clone, Default)]
pub struct Watermark {
    // Spans `first..next` of offsets taken together. Gaps between spans (transaction markers, compacted records)
    // count as finished with the span before them.
    pending: VecDeque<Span>,
    committable: Option<i64>,
}

#[derive(Debug, Clone, Copy)]
struct Span {
    first: i64,
    next: i64,
    is_finished: bool,
}

impl Watermark {
    /// Notes that the records `first..next` were taken and are not yet durable. `first` must not be below what
    /// was noted before.
    pub fn take(&mut self, first: i64, next: i64) {
        debug_assert!(
            self.pending.back().is_none_or(|last| first >= last.next),
            "offsets are noted in order"
        );
        self.pending.push_back(Span { first, next, is_finished: false });
    }

    /// Notes that the span that began at `first` is durable. Unknown spans are ignored: they belong to an
    /// assignment that was dropped.
    pub fn finish(&mut self, first: i64) {
        // Mostly the oldest one.
        let found = match self.pending.front() {
            Some(oldest) if oldest.first == first => Ok(0),
            _ => self.pending.binary_search_by_key(&first, |span| span.first),
        };
        if let Ok(index) = found {
            self.pending[index].is_finished = true;
        }
        while let Some(span) = self.pending.front().filter(|span| span.is_finished) {
            self.committable = Some(span.next);
            self.pending.pop_front();
        }
    }

    /// Returns the next offset to read with everything before it durable; `None` before the first span finished.
    pub fn committable(&self) -> Option<i64> {
        self.committable
    }

    /// Returns whether everything taken is durable.
    pub fn is_clean(&self) -> bool {
        self.pending.is_empty()
    }
}

/// Watermarks of all partitions of a task.
#[derive(Debug, Clone, Default)]
pub struct OffsetTracker {
    partitions: BTreeMap<TopicPartition, Watermark>,
}

impl OffsetTracker {
    /// Notes records taken; see [`Watermark::take`].
    pub fn take(&mut self, partition: &TopicPartition, first: i64, next: i64) {
        match self.partitions.get_mut(partition) {
            Some(watermark) => watermark.take(first, next),
            None => self.partitions.entry(partition.clone()).or_default().take(first, next),
        }
    }

    /// Notes records durable; see [`Watermark::finish`].
    pub fn finish(&mut self, partition: &TopicPartition, first: i64) {
        if let Some(watermark) = self.partitions.get_mut(partition) {
            watermark.finish(first);
        }
    }

    /// Forgets a partition that was closed or rewound.
    pub fn forget(&mut self, partition: &TopicPartition) {
        self.partitions.remove(partition);
    }

    /// Returns what may be committed. A partition in which everything taken is durable commits `consumed`, so
    /// that records dropped before they reached the task count as done.
    pub fn committable(&self, consumed: &Offsets) -> Offsets {
        let mut offsets = Offsets::new();
        for (partition, consumed) in consumed {
            match self.partitions.get(partition) {
                Some(watermark) if !watermark.is_clean() => {
                    offsets.extend(watermark.committable().map(|offset| (partition.clone(), offset)));
                }
                _ => {
                    offsets.insert(partition.clone(), *consumed);
                }
            }
        }
        offsets
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn partition_without_pending_records_commits_what_was_consumed() {
        let partition = TopicPartition::new("t", 0);
        let mut tracker = OffsetTracker::default();
        tracker.take(&partition, 0, 3);
        let consumed = Offsets::from([(partition.clone(), 7)]);
        assert_eq!(tracker.committable(&consumed), Offsets::new());
        tracker.finish(&partition, 0);
        assert_eq!(tracker.committable(&consumed), consumed);
    }

    proptest! {
        #[test]
        fn watermark_never_passes_an_unfinished_span(
            lengths in proptest::collection::vec(1i64..5, 1..30),
            order in any::<prop::sample::Index>(),
            seed in any::<u64>(),
        ) {
            let mut watermark = Watermark::default();
            let mut spans = Vec::new();
            let mut offset = 0;
            for length in lengths {
                watermark.take(offset, offset + length);
                spans.push((offset, offset + length));
                offset += length;
            }
            let mut unfinished = spans.clone();
            let mut random = fastrand::Rng::with_seed(seed ^ order.index(1000) as u64);
            random.shuffle(&mut unfinished);
            while let Some((first, _)) = unfinished.pop() {
                watermark.finish(first);
                let bound = unfinished.iter().map(|(first, _)| *first).min().unwrap_or(offset);
                prop_assert_eq!(watermark.committable().unwrap_or(0), bound);
            }
            prop_assert!(watermark.is_clean());
        }
    }
}
