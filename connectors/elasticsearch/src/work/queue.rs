//! Operations that wait for a request, in order. Operations of one lane are in one batch at a time. Pure.

use std::collections::{HashSet, VecDeque};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::time::{Duration, Instant};

use crate::flight::Item;
use crate::operation::{DocumentId, Operation};

/// Returns the lane of an operation: that of its document, where several records may mean the same one.
pub(super) fn lane_of(operation: &Operation) -> Option<u64> {
    let DocumentId::Text(id) = &operation.id else { return None };
    let mut hasher = DefaultHasher::new();
    // Two documents in one lane by chance only wait for each other.
    (&operation.resource.name, id).hash(&mut hasher);
    Some(hasher.finish())
}

/// What waits.
pub(super) struct Queue {
    max_records: usize,
    max_bytes: usize,
    items: VecDeque<Item>,
    bytes: usize,
    /// When the oldest item that was never sent came.
    since: Option<Instant>,
    /// Lanes of batches on their way.
    busy: HashSet<u64>,
    /// Items that wait for their next attempt.
    delayed: usize,
}

impl Queue {
    pub(super) fn new(max_records: usize, max_bytes: usize) -> Self {
        Self {
            max_records,
            max_bytes,
            items: VecDeque::new(),
            bytes: 0,
            since: None,
            busy: HashSet::new(),
            delayed: 0,
        }
    }

    pub(super) fn len(&self) -> usize {
        self.items.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.items.is_empty()
    }

    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    /// Returns whether a whole batch waits.
    pub(super) fn is_full(&self) -> bool {
        self.items.len() >= self.max_records || self.bytes >= self.max_bytes
    }

    /// Returns whether something should be sent now.
    pub(super) fn is_ready(&self, linger: Duration, now: Instant) -> bool {
        self.is_full() || self.due(linger).is_some_and(|due| due <= now)
    }

    /// Returns when something is to be sent: after the linger time, or at the next attempt of an item.
    pub(super) fn due(&self, linger: Duration) -> Option<Instant> {
        let retry = match self.delayed {
            0 => None,
            _ => self.items.iter().filter_map(|item| item.due).min(),
        };
        let fresh = self.since.map(|since| since + linger);
        match (fresh, retry) {
            (Some(fresh), Some(retry)) => Some(fresh.min(retry)),
            (one, other) => one.or(other),
        }
    }

    /// Adds an item at the end.
    pub(super) fn push(&mut self, item: Item, now: Instant) {
        self.bytes += item.size_bytes;
        self.since.get_or_insert(now);
        self.items.push_back(item);
    }

    /// Puts items of a batch that has landed back before all others, in their order.
    pub(super) fn put_back(&mut self, items: Vec<Item>) {
        for item in items.into_iter().rev() {
            self.bytes += item.size_bytes;
            self.delayed += usize::from(item.due.is_some());
            self.items.push_front(item);
        }
    }

    /// Ends the hold of a batch on its lanes.
    pub(super) fn release(&mut self, lane: Option<u64>) {
        if let Some(lane) = lane {
            self.busy.remove(&lane);
        }
    }

    /// Lets what waited for a lane be looked at again.
    pub(super) fn wake(&mut self, now: Instant) {
        if self.items.iter().any(|item| item.due.is_none()) {
            self.since.get_or_insert(now);
        }
    }

    /// Removes items.
    pub(super) fn retain(&mut self, mut keep: impl FnMut(&Item) -> bool) {
        self.items.retain(|item| keep(item));
        self.bytes = self.items.iter().map(|item| item.size_bytes).sum();
        self.delayed = self.items.iter().filter(|item| item.due.is_some()).count();
        if self.items.is_empty() {
            self.since = None;
        }
    }

    /// Takes the next batch: the oldest items that are due and whose lanes are free. An item that must wait holds
    /// back the later ones of its lane.
    pub(super) fn next_batch(&mut self, now: Instant) -> Option<Vec<Item>> {
        let mut batch = Vec::with_capacity(self.items.len().min(self.max_records));
        let mut kept = Vec::new();
        let mut held = HashSet::new();
        let mut bytes = 0;
        while let Some(item) = self.items.pop_front() {
            let lane = item.lane;
            let is_blocked = item.due.is_some_and(|due| now < due)
                || lane.is_some_and(|lane| self.busy.contains(&lane) || held.contains(&lane));
            if is_blocked {
                held.extend(lane);
                kept.push(item);
                continue;
            }
            let is_full = batch.len() >= self.max_records || bytes + item.size_bytes > self.max_bytes;
            if is_full && !batch.is_empty() {
                self.items.push_front(item);
                break;
            }
            bytes += item.size_bytes;
            self.delayed -= usize::from(item.due.is_some());
            batch.push(item);
        }
        for item in kept.into_iter().rev() {
            self.items.push_front(item);
        }
        self.bytes -= bytes;
        self.busy.extend(batch.iter().filter_map(|item: &Item| item.lane));
        // What is left has waited long enough, or waits for its lane or its time, which its return tells.
        let has_fresh = self.items.iter().any(|item| item.due.is_none());
        self.since = if has_fresh && !batch.is_empty() { Some(now) } else { None };
        (!batch.is_empty()).then_some(batch)
    }
}
