//! Reading to an end instead of for ever: how far a connector's tasks read in a run that ends by itself, and how far
//! they have come. One [`Drain`] is shared by the consumers of all tasks of a connector; the worker watches it.

mod consumer;

use std::collections::BTreeSet;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use connect_core::record::{Offsets, TopicPartition};
use tokio::sync::Notify;

use crate::kafka::batch::RawBatch;

#[cfg(test)]
pub(in crate::task) use consumer::DrainingConsumer;
pub use consumer::{draining_consumers, subscribed_topics};

/// Commits asked for in vain, and time without progress, after which what is left is the sink's to keep.
const PATIENCE: (u32, Duration) = (5, Duration::from_secs(5));

/// The reading of one connector up to given offsets.
#[derive(Debug)]
pub struct Drain {
    /// Next offset of each partition after the last record to read.
    goals: Offsets,
    state: Mutex<State>,
    changed: Notify,
}

#[derive(Debug, Default)]
struct State {
    /// Records that may still be read; `None` is no bound.
    room: Option<u64>,
    /// Records that polls under way may return.
    reserved: u64,
    /// Records handed to tasks.
    taken: u64,
    /// Where reading began, and the next offset after what was handed to tasks.
    first: Offsets,
    read: Offsets,
    /// Partitions with nothing left to read.
    reached: BTreeSet<TopicPartition>,
    committed: Offsets,
    is_troubled: bool,
    /// Commits asked for since the last progress, and when that was.
    asked: u32,
    progress: Option<Instant>,
}

/// How far a drain has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// There are records to read, or read ones that are not committed.
    Working,
    /// Everything that was to be read is committed.
    Done,
    /// Everything was read, and the sink keeps the end of it back, without a fault of its target.
    KeptBack,
}

/// What a drain did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tally {
    /// Records handed to tasks.
    pub records: u64,
    /// Records among them that are not committed.
    pub uncommitted: u64,
}

impl Drain {
    /// Returns a drain up to `goals` from what is committed, of at most `max_records`.
    pub fn new(goals: Offsets, committed: &Offsets, max_records: Option<u64>) -> Self {
        let state = State { room: max_records, ..State::default() };
        let drain = Self { goals, state: Mutex::new(state), changed: Notify::new() };
        drain.note_committed(committed);
        let mut state = drain.state();
        let empty = drain.goals.iter().filter(|(_, goal)| **goal <= 0);
        state.reached.extend(empty.map(|(partition, _)| partition.clone()));
        drop(state);
        drain
    }

    /// Returns the number of records between what is committed and the goals, gaps counted in.
    pub fn behind(&self) -> u64 {
        let state = self.state();
        let gap = |(partition, goal): (&TopicPartition, &i64)| {
            let from = state.committed.get(partition).copied().unwrap_or(0);
            u64::try_from(goal - from).unwrap_or(0)
        };
        self.goals.iter().map(gap).sum()
    }

    /// Notes committed offsets, of this run or of others in the group.
    pub fn note_committed(&self, offsets: &Offsets) {
        let mut state = self.state();
        for (partition, offset) in offsets {
            let known = state.committed.get(partition).copied();
            if known.is_none_or(|known| known < *offset) {
                state.committed.insert(partition.clone(), *offset);
                (state.asked, state.progress) = (0, None);
            }
            if self.goals.get(partition).is_some_and(|goal| goal <= offset) {
                state.reached.insert(partition.clone());
            }
        }
        drop(state);
        self.changed.notify_waiters();
    }

    /// Returns how far it has come.
    pub fn stage(&self, now: Instant) -> Stage {
        let mut state = self.state();
        if !self.is_read(&state) {
            return Stage::Working;
        }
        if state.read.iter().all(|(partition, next)| state.committed.get(partition) >= Some(next)) {
            return Stage::Done;
        }
        let since = *state.progress.get_or_insert(now);
        let (asked, patience) = PATIENCE;
        let is_kept = !state.is_troubled && state.asked >= asked && now >= since + patience;
        if is_kept { Stage::KeptBack } else { Stage::Working }
    }

    /// Returns what was done so far.
    pub fn tally(&self) -> Tally {
        let state = self.state();
        let open = |(partition, next): (&TopicPartition, &i64)| {
            let from = state.committed.get(partition).or_else(|| state.first.get(partition));
            u64::try_from(next - from.copied().unwrap_or(*next)).unwrap_or(0)
        };
        Tally { records: state.taken, uncommitted: state.read.iter().map(open).sum() }
    }

    /// Waits until something has changed. Cancel safe; changes between two calls may be missed.
    pub async fn changed(&self) {
        self.changed.notified().await;
    }

    fn is_read(&self, state: &State) -> bool {
        let is_spent = state.room == Some(0) && state.reserved == 0;
        is_spent || self.goals.keys().all(|partition| state.reached.contains(partition))
    }

    /// Sets records aside for a poll of at most `max`; returns how many it may take.
    fn reserve(&self, max: usize) -> usize {
        let mut state = self.state();
        let Some(room) = state.room else { return max };
        let allowed = max.min(usize::try_from(room).unwrap_or(usize::MAX));
        state.room = Some(room - allowed as u64);
        state.reserved += allowed as u64;
        allowed
    }

    /// Keeps of a poll what is to be read. Returns the partitions that have nothing left.
    fn admit(&self, allowed: usize, batch: &mut RawBatch, ended: Vec<TopicPartition>) -> Vec<TopicPartition> {
        let mut state = self.state();
        let before = state.reached.clone();
        let mut last: Option<(TopicPartition, i64)> = None;
        batch.records.retain(|record| {
            let is_same = last.as_ref().is_some_and(|(partition, _)| {
                partition.partition == record.partition && partition.topic == record.topic
            });
            if !is_same {
                let partition = TopicPartition::new(record.topic.clone(), record.partition);
                // A partition that came into being meanwhile is read by the next run.
                let goal = self.goals.get(&partition).copied().unwrap_or(i64::MIN);
                last = Some((partition, goal));
            }
            let Some((partition, goal)) = &last else { return false };
            if record.offset + 1 >= *goal {
                state.reached.insert(partition.clone());
            }
            if record.offset >= *goal {
                return false;
            }
            state.first.entry(partition.clone()).or_insert(record.offset);
            state.read.insert(partition.clone(), record.offset + 1);
            true
        });
        state.reached.extend(ended.into_iter().filter(|partition| self.goals.contains_key(partition)));
        state.taken += batch.records.len() as u64;
        if let Some(room) = &mut state.room {
            *room += (allowed - batch.records.len().min(allowed)) as u64;
            state.reserved -= allowed as u64;
        }
        let fresh: Vec<TopicPartition> = state.reached.difference(&before).cloned().collect();
        drop(state);
        if !batch.records.is_empty() || !fresh.is_empty() {
            self.changed.notify_waiters();
        }
        fresh
    }

    /// Notes that partitions will be read again from `starts`, or from what is committed.
    fn give_back(&self, partitions: &[TopicPartition], starts: &Offsets) {
        let mut state = self.state();
        for partition in partitions {
            let known = state.committed.get(partition).or_else(|| state.first.get(partition)).copied();
            let from = starts.get(partition).copied().or(known);
            let (Some(from), Some(read)) = (from, state.read.get(partition).copied()) else { continue };
            let again = u64::try_from(read - from).unwrap_or(0);
            state.taken = state.taken.saturating_sub(again);
            if let Some(room) = &mut state.room {
                *room += again;
            }
            state.read.insert(partition.clone(), from);
            if self.goals.get(partition).is_some_and(|goal| from < *goal) {
                state.reached.remove(partition);
            }
        }
    }

    /// Returns whether a task should commit now: everything is read, and not everything committed.
    fn wants_commit(&self, now: Instant) -> bool {
        if self.stage(now) == Stage::Done {
            return false;
        }
        let mut state = self.state();
        let wants = self.is_read(&state);
        state.asked += u32::from(wants);
        wants
    }

    fn tell_trouble(&self, is_troubled: bool) {
        self.state().is_troubled = is_troubled;
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests;
