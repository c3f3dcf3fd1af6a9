//! One assigned partition: its writer, its uploads, and where it stands.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::mpsc;

use connect_core::CancellationToken;
use connect_core::kit::{ByteBudget, Fence};

use crate::commit::Standing;
use crate::flight::Flight;
use crate::upload::Piece;
use crate::writer::{PartitionWriter, Rotated, Rules};

/// A partition that this task writes.
pub(super) struct Assigned {
    pub(super) writer: PartitionWriter,
    pub(super) flight: Flight,
    /// Tells outcomes of this assignment, and since the last rewind, from older ones.
    pub(super) generation: u64,
    pub(super) fence: Fence,
    pub(super) cancel: CancellationToken,
    /// Ways to the uploads that have not had their last piece.
    pub(super) senders: HashMap<u64, mpsc::Sender<Piece>>,
    /// The rotation each finishing body belongs to.
    finishing: HashMap<u64, Finishing>,
    /// Existing objects met in a row by conditional writes.
    pub(super) existing: u32,
    /// Where it stands, if commits go by its record.
    pub(super) standing: Option<Standing>,
    rewound: Option<Rewound>,
}

struct Finishing {
    rotation: u64,
    second: Option<i64>,
}

/// A partition that is read again.
struct Rewound {
    /// Everything before this offset is written.
    offset: i64,
    /// Records are taken again from then on; `None` when they are taken already.
    until: Option<Instant>,
}

impl Assigned {
    pub(super) fn new(rules: Arc<Rules>, budget: ByteBudget, now_ms: i64, generation: u64) -> Self {
        Self {
            writer: PartitionWriter::new(rules, budget, now_ms),
            flight: Flight::default(),
            generation,
            fence: Fence::default(),
            cancel: CancellationToken::new(),
            senders: HashMap::new(),
            finishing: HashMap::new(),
            existing: 0,
            standing: None,
            rewound: None,
        }
    }

    /// Ends every upload of this assignment; nothing becomes visible any more.
    pub(super) fn give_up(&self) {
        self.fence.kill();
        self.cancel.cancel();
    }

    /// Drops the files, of which nothing was handed on.
    pub(super) fn start_over(&mut self, rules: Arc<Rules>, budget: ByteBudget, now_ms: i64) {
        self.writer = PartitionWriter::new(rules, budget, now_ms);
    }

    /// Returns whether files are filled for nothing but the failures of their records.
    pub(super) fn is_skipping(&self) -> bool {
        self.standing.as_ref().is_some_and(Standing::is_skipping)
    }

    /// Returns whether records are taken; those of a partition that waits are read again later.
    pub(super) fn accepts(&mut self) -> bool {
        match &self.rewound {
            Some(Rewound { until: Some(_), .. }) => false,
            _ => {
                self.rewound = None;
                true
            }
        }
    }

    /// Returns whether the wait ends at `now`; true once.
    pub(super) fn wakes(&mut self, now: Instant) -> bool {
        match &mut self.rewound {
            Some(rewound) if rewound.until.is_some_and(|until| now >= until) => {
                rewound.until = None;
                true
            }
            _ => false,
        }
    }

    pub(super) fn wait_left(&self, now: Instant) -> Option<Duration> {
        let until = self.rewound.as_ref()?.until?;
        Some(until.saturating_duration_since(now))
    }

    /// Notes files that were closed together.
    pub(super) fn launched(&mut self, rotated: &Rotated) {
        let objects = rotated.files.iter().map(|file| file.rest.len()).sum();
        let rotation = self.flight.launch(rotated.first, rotated.next, objects);
        if let Some(standing) = &mut self.standing {
            let bodies = rotated.files.iter().flat_map(|file| &file.rest).map(|chunk| chunk.body);
            standing.launched(rotated.next, bodies.collect());
        }
        for file in &rotated.files {
            for chunk in &file.rest {
                self.finishing.insert(chunk.body, Finishing { rotation, second: file.second });
            }
        }
    }

    /// Notes that an object is written; returns as [`Assigned::exists`].
    pub(super) fn written(&mut self, body: u64) -> Option<i64> {
        if let Some(finishing) = self.finishing.remove(&body) {
            self.flight.object_written(finishing.rotation);
        }
        self.flight.resumes_at()
    }

    /// Notes that a conditional write met an object of its name. Returns the offset to go on from once every object
    /// closed with it, and before it, is settled.
    pub(super) fn exists(&mut self, body: u64) -> Option<i64> {
        let finishing = self.finishing.remove(&body)?;
        match finishing.second {
            Some(second) => self.flight.object_exists(finishing.rotation, second),
            // Its only record is in the object that exists.
            None => self.flight.object_written(finishing.rotation),
        }
        self.flight.resumes_at()
    }

    /// Returns the offset of the first record that is not written; `None` when there is none.
    pub(super) fn first_unwritten(&self) -> Option<i64> {
        self.flight.first_unwritten().or_else(|| self.writer.first_offset())
    }

    /// Forgets everything from `offset` on and waits until `until` for it to come again.
    pub(super) fn rewind(&mut self, fresh: Assigned, offset: i64, until: Instant) {
        self.give_up();
        let existing = self.existing;
        let flight = std::mem::take(&mut self.flight);
        *self = Assigned { flight, existing, rewound: Some(Rewound { offset, until: Some(until) }), ..fresh };
        self.flight.drop_all();
    }

    /// Returns what may be committed, given the offset after the last record consumed. It may be above that: a batch
    /// whose `put` was interrupted is not consumed, and yet files that begin in it may be written. Anything between
    /// two files would make the next run cut its files elsewhere.
    pub(super) fn committable(&self, consumed: i64) -> Option<i64> {
        if let Some(standing) = &self.standing {
            // Letters of records read again for their failures are not acknowledged yet.
            let is_skipping = standing.is_skipping();
            return standing.durable().map(|offset| if is_skipping { offset.min(consumed) } else { offset });
        }
        if let Some(rewound) = &self.rewound {
            return Some(rewound.offset);
        }
        match self.first_unwritten() {
            // Records dropped on their way to the task, and nulls that were ignored, count as written.
            None => Some(self.flight.committable().map_or(consumed, |offset| offset.max(consumed))),
            Some(_) => self.flight.committable(),
        }
    }
}
