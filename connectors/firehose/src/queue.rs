//! Records that wait for a request, in order, and the requests made of them. Pure.

use std::collections::{BTreeMap, VecDeque};
use std::time::{Duration, Instant};

use connect_core::Bytes;
use connect_core::record::{SinkRecord, TopicPartition};

/// Limits of requests and entries.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limits {
    pub(crate) max_entries: usize,
    pub(crate) max_bytes: usize,
    pub(crate) max_entry_bytes: usize,
    /// Records joined into one entry, at most.
    pub(crate) joined_records: usize,
    /// Bytes of an entry of several records, at most.
    pub(crate) joined_bytes: usize,
    /// Wait of a request that is not full.
    pub(crate) linger: Duration,
    /// Whether one request at a time holds records of a partition.
    pub(crate) keeps_order: bool,
}

/// A record as bytes, and where it came from.
#[derive(Debug)]
pub(crate) struct Item {
    pub(crate) data: Bytes,
    pub(crate) partition: TopicPartition,
    pub(crate) offset: i64,
    /// The assignment it belongs to.
    pub(crate) generation: u64,
    /// When it was taken.
    pub(crate) since: Instant,
    /// Attempts that did not succeed.
    pub(crate) attempts: u32,
    /// Earliest time of the next attempt.
    pub(crate) due: Option<Instant>,
    /// Whether it is not joined with others: Firehose refused an entry that held it.
    pub(crate) is_alone: bool,
    /// The record, if it may have to be reported.
    pub(crate) record: Option<Box<SinkRecord>>,
}

/// One entry of a request: a record, or several joined.
#[derive(Debug)]
pub(crate) struct Entry {
    pub(crate) items: Vec<Item>,
    size_bytes: usize,
}

impl Entry {
    fn new(item: Item) -> Self {
        Self { size_bytes: item.data.len(), items: vec![item] }
    }

    /// Returns the bytes that are sent.
    pub(crate) fn data(&self) -> Bytes {
        match self.items.as_slice() {
            [item] => item.data.clone(),
            items => {
                let mut joined = Vec::with_capacity(self.size_bytes);
                items.iter().for_each(|item| joined.extend_from_slice(&item.data));
                Bytes::from(joined)
            }
        }
    }

    fn joins(&self, item: &Item, limits: &Limits) -> bool {
        self.items.len() < limits.joined_records
            && self.size_bytes + item.data.len() <= limits.joined_bytes
            && !item.is_alone
            && self.items.iter().all(|held| !held.is_alone)
    }
}

/// Records that keep their order among each other: those of a partition if order is kept, else all.
#[derive(Debug, Default)]
struct Lane {
    items: VecDeque<Item>,
    bytes: usize,
    /// Whether a request holds records of this lane.
    is_busy: bool,
    /// Earliest time of the next request.
    due: Option<Instant>,
}

impl Lane {
    fn is_ready(&self, now: Instant) -> bool {
        !self.is_busy && !self.items.is_empty() && self.due.is_none_or(|due| due <= now)
    }
}

/// What waits.
#[derive(Debug)]
pub(crate) struct Queue {
    limits: Limits,
    lanes: BTreeMap<Option<TopicPartition>, Lane>,
    /// Records of no lane's order that wait for their next attempt.
    delayed: Vec<Item>,
    len: usize,
    bytes: usize,
}

impl Queue {
    pub(crate) fn new(limits: Limits) -> Self {
        Self { limits, lanes: BTreeMap::new(), delayed: Vec::new(), len: 0, bytes: 0 }
    }

    pub(crate) fn len(&self) -> usize {
        self.len
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.len == 0
    }

    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    /// Adds a record behind all others.
    pub(crate) fn push(&mut self, item: Item) {
        self.len += 1;
        self.bytes += item.data.len();
        let lane = self.lane_of(&item.partition);
        lane.bytes += item.data.len();
        lane.items.push_back(item);
    }

    /// Takes records back that were not accepted, in the order they were sent in.
    pub(crate) fn put_back(&mut self, items: Vec<Item>) {
        for item in items.into_iter().rev() {
            self.len += 1;
            self.bytes += item.data.len();
            if !self.limits.keeps_order && item.due.is_some() {
                self.delayed.push(item);
                continue;
            }
            let lane = self.lane_of(&item.partition);
            lane.due = lane.due.max(item.due);
            lane.bytes += item.data.len();
            lane.items.push_front(item);
        }
    }

    /// Notes that a request that held records of a partition has ended.
    pub(crate) fn release(&mut self, partition: &TopicPartition) {
        if let Some(lane) = self.lanes.get_mut(&self.limits.keeps_order.then(|| partition.clone())) {
            lane.is_busy = false;
        }
    }

    /// Forgets records.
    pub(crate) fn retain(&mut self, is_kept: impl Fn(&Item) -> bool) {
        self.delayed.retain(&is_kept);
        for lane in self.lanes.values_mut() {
            lane.items.retain(&is_kept);
            lane.bytes = lane.items.iter().map(|item| item.data.len()).sum();
        }
        self.len = self.delayed.len() + self.lanes.values().map(|lane| lane.items.len()).sum::<usize>();
        let delayed: usize = self.delayed.iter().map(|item| item.data.len()).sum();
        self.bytes = delayed + self.lanes.values().map(|lane| lane.bytes).sum::<usize>();
    }

    /// Returns whether a request can be made that need not wait for more records.
    pub(crate) fn is_full(&self, now: Instant) -> bool {
        let ready = self.lanes.values().filter(|lane| lane.is_ready(now));
        let (count, bytes) =
            ready.fold((0, 0), |(count, bytes), lane| (count + lane.items.len(), bytes + lane.bytes));
        count >= self.limits.max_entries.saturating_mul(self.limits.joined_records)
            || bytes >= self.limits.max_bytes
    }

    /// Returns when the next request should be made; `None` while nothing waits that could be sent.
    pub(crate) fn due(&self, now: Instant) -> Option<Instant> {
        if self.is_full(now) {
            return Some(now);
        }
        let of_lane = |lane: &Lane| {
            let oldest = lane.items.front().filter(|_| !lane.is_busy)?;
            let lingered = oldest.since + self.limits.linger;
            Some(lane.due.map_or(lingered, |due| due.max(lingered)))
        };
        let lanes = self.lanes.values().filter_map(of_lane);
        lanes.chain(self.delayed.iter().filter_map(|item| item.due)).min()
    }

    /// Takes the entries of the next request, those that wait longest first.
    pub(crate) fn next_request(&mut self, now: Instant) -> Option<Vec<Entry>> {
        self.wake(now);
        let mut ready: Vec<(Instant, Option<TopicPartition>)> = self
            .lanes
            .iter()
            .filter(|(_, lane)| lane.is_ready(now))
            .filter_map(|(key, lane)| Some((lane.items.front()?.since, key.clone())))
            .collect();
        ready.sort();
        let mut request = Request { limits: self.limits, entries: Vec::new(), bytes: 0 };
        for (_, key) in ready {
            let Some(lane) = self.lanes.get_mut(&key) else { continue };
            while let Some(item) = lane.items.pop_front() {
                let size = item.data.len();
                if let Err(item) = request.add(item) {
                    lane.items.push_front(item);
                    break;
                }
                lane.bytes -= size;
                lane.due = None;
                lane.is_busy = self.limits.keeps_order;
                self.len -= 1;
                self.bytes -= size;
            }
        }
        (!request.entries.is_empty()).then_some(request.entries)
    }

    /// Puts records whose time has come before all others.
    fn wake(&mut self, now: Instant) {
        if self.delayed.is_empty() {
            return;
        }
        let (woken, delayed) = std::mem::take(&mut self.delayed)
            .into_iter()
            .partition(|item| item.due.is_none_or(|due| due <= now));
        self.delayed = delayed;
        for mut item in woken {
            item.due = None;
            let lane = self.lane_of(&item.partition);
            lane.bytes += item.data.len();
            lane.items.push_front(item);
        }
    }

    fn lane_of(&mut self, partition: &TopicPartition) -> &mut Lane {
        self.lanes.entry(self.limits.keeps_order.then(|| partition.clone())).or_default()
    }
}

struct Request {
    limits: Limits,
    entries: Vec<Entry>,
    bytes: usize,
}

impl Request {
    /// Adds a record, or gives it back if there is no room. The first one always has room.
    fn add(&mut self, item: Item) -> Result<(), Item> {
        let size = item.data.len();
        if self.bytes + size > self.limits.max_bytes && !self.entries.is_empty() {
            return Err(item);
        }
        let is_last = self.entries.len() == self.limits.max_entries;
        match self.entries.last_mut().filter(|entry| entry.joins(&item, &self.limits)) {
            Some(entry) => {
                entry.size_bytes += size;
                entry.items.push(item);
            }
            None if is_last => return Err(item),
            None => self.entries.push(Entry::new(item)),
        }
        self.bytes += size;
        Ok(())
    }
}

#[cfg(test)]
mod tests;
