//! Where one partition stands between its record, the consumer and its files. Pure: the task feeds it and carries
//! out what it answers.

use std::collections::{HashMap, VecDeque};
use std::time::{Duration, Instant};

use super::ledger::{Claim, Start};
use super::record::Prepared;

/// Pause between two looks at requests under way, when no records come.
const LOOK_AGAIN: Duration = Duration::from_millis(10);

/// One assignment of a partition whose commits go by its record.
#[derive(Debug)]
pub(crate) struct Standing {
    phase: Phase,
    start: Start,
    /// The record, unless a request on it is under way.
    claim: Option<Claim>,
    /// What the objects of this claim are marked with.
    mark: String,
    /// The record's offset.
    durable: Option<i64>,
    /// The consumer group's offset at assignment. Records from there to the record's offset are read for nothing
    /// but their failures: the letters of these may not have been acknowledged when the objects were committed.
    group: Option<i64>,
    /// Where reading began.
    began: Option<i64>,
    /// The next offset that can come.
    position: Option<i64>,
    /// A record came from before this offset, so that reading was set to it.
    doubted: Option<i64>,
    /// Records before this offset are in objects already.
    skips_below: Option<i64>,
    dropped: Option<Dropped>,
    /// Rotations not yet handed to a commit, oldest first.
    waiting: VecDeque<Waiting>,
    prepared: HashMap<u64, Prepared>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// The record is to be claimed from then on.
    Lost { until: Instant },
    /// The claim is under way.
    Claiming,
    /// Reading goes on where it is to begin; what comes with the next `put` comes from there. What comes before
    /// that is lost unless reading was set back.
    Returning { is_set: bool },
    /// Records are written.
    Ready,
}

/// Records that came before they could be written.
#[derive(Debug, Clone, Copy)]
struct Dropped {
    first: i64,
    next: i64,
}

/// A rotation whose objects are not all prepared, or which waits for the commit before it.
#[derive(Debug)]
struct Waiting {
    next: i64,
    bodies: Vec<u64>,
}

/// What is done with records that come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Admission {
    /// They are written.
    Write,
    /// So many of them are in objects already.
    Skip(usize),
    /// They come again.
    Drop,
    /// They come from before what was read. Reading is set to this offset.
    Rewind(i64),
    /// They do so again: the log is a new one, or lost its end.
    Anew(i64),
}

/// What can be committed together.
#[derive(Debug)]
pub(crate) struct Batch {
    pub(crate) claim: Claim,
    /// Next offset with all of it.
    pub(crate) next: i64,
    pub(crate) objects: Vec<Prepared>,
    pub(crate) bodies: Vec<u64>,
    /// Whether nothing waits behind it.
    pub(crate) is_last: bool,
}

impl Standing {
    /// Returns a partition that was just assigned and whose claim begins now.
    pub(crate) fn new(group: Option<i64>) -> Self {
        Self {
            phase: Phase::Claiming,
            start: Start::Resume,
            claim: None,
            mark: String::new(),
            durable: None,
            group,
            began: None,
            position: None,
            doubted: None,
            skips_below: None,
            dropped: None,
            waiting: VecDeque::new(),
            prepared: HashMap::new(),
        }
    }

    /// Returns what follows when the record may be another's, or its state is not known: it is claimed again.
    pub(crate) fn lost(&self, until: Instant) -> Self {
        Self {
            phase: Phase::Lost { until },
            start: self.start,
            // Letters of records that were not skipped to the end may be missing.
            group: self.group.filter(|_| self.skips_below.is_some() || self.durable.is_none()),
            began: self.began,
            dropped: self.dropped,
            ..Self::new(None)
        }
    }

    /// Returns what follows when the log begins anew: the record is set to `offset`.
    pub(crate) fn anew(&self, offset: i64, now: Instant) -> Self {
        let start = Start::At(Some(offset));
        Self { phase: Phase::Lost { until: now }, start, ..Self::new(None) }
    }

    /// Returns where the claim begins, if its time has come; it is under way then.
    pub(crate) fn begins_claim(&mut self, now: Instant) -> Option<Start> {
        match self.phase {
            Phase::Lost { until } if now >= until => {
                self.phase = Phase::Claiming;
                Some(self.start)
            }
            _ => None,
        }
    }

    /// Returns how long nothing is to be done; `None` while only records matter.
    pub(crate) fn wakes_in(&self, now: Instant) -> Option<Duration> {
        match self.phase {
            Phase::Lost { until } => Some(until.saturating_duration_since(now)),
            Phase::Claiming | Phase::Returning { .. } => Some(LOOK_AGAIN),
            Phase::Ready => (!self.waiting.is_empty() || self.claim.is_none()).then_some(LOOK_AGAIN),
        }
    }

    /// Takes the record. Returns where reading is to be set to; `None` where it goes on as it is.
    pub(crate) fn claimed(&mut self, claim: Claim) -> Option<i64> {
        let offset = claim.record.offset;
        self.mark.clone_from(&claim.record.claim);
        self.claim = Some(claim);
        self.durable = offset;
        self.start = Start::Resume;
        let dropped = self.dropped.map(|dropped| dropped.first);
        // Nothing was read yet, so that reading begins at the group's offset.
        let is_untouched = self.began.is_none() && dropped.is_none();
        let (start, is_there) = match (offset, self.group) {
            (Some(offset), Some(group)) if group <= offset => {
                self.skips_below = (group < offset).then_some(offset);
                (Some(group), is_untouched)
            }
            (Some(offset), _) => (Some(offset), false),
            (None, Some(group)) => (Some(group), is_untouched),
            (None, None) => (self.began.into_iter().chain(dropped).min(), false),
        };
        (self.began, self.position) = (start, start);
        let target = start.filter(|_| !is_there);
        self.phase = Phase::Returning { is_set: target.is_some() };
        target
    }

    /// Returns whether records are taken from now on; true once.
    pub(crate) fn returns(&mut self) -> bool {
        let is_returning = matches!(self.phase, Phase::Returning { .. });
        if is_returning {
            self.phase = Phase::Ready;
        }
        is_returning
    }

    /// Decides on records of which the first has offset `first`, the last `last`; `below` counts those before an
    /// offset.
    pub(crate) fn admit(&mut self, first: i64, last: i64, below: impl Fn(i64) -> usize) -> Admission {
        if self.phase != Phase::Ready {
            let known = self.dropped.unwrap_or(Dropped { first, next: last + 1 });
            self.dropped = Some(Dropped { first: known.first.min(first), next: known.next.max(last + 1) });
            if self.phase == (Phase::Returning { is_set: false }) {
                self.phase = Phase::Returning { is_set: true };
                return Admission::Rewind(*self.position.get_or_insert(first));
            }
            return Admission::Drop;
        }
        match self.position {
            Some(position) if first < position && self.doubted == Some(position) => {
                return Admission::Anew(first);
            }
            Some(position) if first < position => {
                self.doubted = Some(position);
                self.phase = Phase::Returning { is_set: true };
                return Admission::Rewind(position);
            }
            _ => self.doubted = None,
        }
        self.began = self.began.or(Some(first));
        match self.skips_below {
            Some(offset) if first < offset => Admission::Skip(below(offset)),
            _ => Admission::Write,
        }
    }

    /// Returns whether skipping ends with a record to be written; true once.
    pub(crate) fn ends_skipping(&mut self) -> bool {
        self.skips_below.take().is_some()
    }

    /// Returns whether files are filled for nothing but the failures of their records.
    pub(crate) fn is_skipping(&self) -> bool {
        self.skips_below.is_some()
    }

    /// Notes that records up to `next` were taken.
    pub(crate) fn took(&mut self, next: i64) {
        self.position = Some(next);
    }

    /// Returns the mark of an object.
    pub(crate) fn mark_of(&self, body: u64) -> String {
        format!("{}-{body}", self.mark)
    }

    /// Notes files closed together.
    pub(crate) fn launched(&mut self, next: i64, bodies: Vec<u64>) {
        self.waiting.push_back(Waiting { next, bodies });
    }

    /// Notes that all bytes of an object are in the bucket.
    pub(crate) fn prepared(&mut self, body: u64, object: Prepared) {
        self.prepared.insert(body, object);
    }

    /// Takes what can be committed: the oldest rotations whose objects are all prepared.
    pub(crate) fn take_batch(&mut self) -> Option<Batch> {
        let is_ready =
            |waiting: &&Waiting| waiting.bodies.iter().all(|body| self.prepared.contains_key(body));
        let count = self.waiting.iter().take_while(is_ready).count();
        if count == 0 {
            return None;
        }
        let claim = self.claim.take()?;
        let rotations: Vec<Waiting> = self.waiting.drain(..count).collect();
        let next = rotations.last().map(|rotation| rotation.next)?;
        let bodies: Vec<u64> = rotations.into_iter().flat_map(|rotation| rotation.bodies).collect();
        let objects = bodies.iter().filter_map(|body| self.prepared.remove(body)).collect();
        Some(Batch { claim, next, objects, bodies, is_last: self.waiting.is_empty() })
    }

    /// Takes the record to move its offset to where nothing is left to write, or to note that its objects are
    /// visible; with the offset. `consumed` is the offset after the last record consumed, `is_open` tells whether
    /// there are records that are not committed.
    pub(crate) fn take_unsettled(&mut self, consumed: i64, is_open: bool) -> Option<(Claim, Option<i64>)> {
        if self.phase != Phase::Ready || self.is_skipping() || !self.waiting.is_empty() {
            return None;
        }
        // Records that were dropped were consumed too, and come again.
        let trusted = match (self.dropped, self.position) {
            (Some(dropped), Some(position)) if position < dropped.next => consumed.min(position),
            (Some(_), None) => return None,
            _ => consumed,
        };
        let offset = if is_open { self.durable } else { self.durable.max(Some(trusted)) };
        let record = &self.claim.as_ref()?.record;
        if record.objects.is_empty() && record.offset == offset {
            return None;
        }
        Some((self.claim.take()?, offset))
    }

    /// Gives the record back after a request on it.
    pub(crate) fn settled(&mut self, claim: Claim) {
        self.durable = claim.record.offset;
        self.claim = Some(claim);
    }

    /// Returns the offset up to which everything is in objects, if any was committed.
    pub(crate) fn durable(&self) -> Option<i64> {
        self.durable
    }

    /// Takes the objects that no commit will name.
    pub(crate) fn abandon(&mut self) -> Vec<Prepared> {
        self.prepared.drain().map(|(_, object)| object).collect()
    }
}
