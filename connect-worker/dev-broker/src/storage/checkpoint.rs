//! A partition's checkpoint: how far its log is known to be good, and what the batches up to there say.
//!
//! With it a start reads only what was appended since. It always points into the newest segment.

use std::{fs, io, path::Path};

use serde::{Deserialize, Serialize};

use super::producers::Producers;
use crate::support::write_atomically;

const FILE: &str = "checkpoint.json";

/// The state of a log at one position.
#[derive(Debug, Default, Clone, Serialize, Deserialize)]
pub(crate) struct Checkpoint {
    /// First offset clients may read.
    pub(crate) start_offset: i64,
    /// Offset of the next record at the time of writing.
    pub(crate) next_offset: i64,
    /// Base offset of the segment that `position` lies in.
    pub(crate) segment: i64,
    /// Bytes of that segment that are covered.
    pub(crate) position: u64,
    /// Compaction has seen everything below this offset.
    pub(crate) cleaned_offset: i64,
    pub(crate) producers: Producers,
}

impl Checkpoint {
    /// Returns the checkpoint of the partition folder `dir`; none when absent or unreadable, which only costs time.
    pub(crate) fn load(dir: &Path) -> Option<Self> {
        let text = fs::read(dir.join(FILE)).ok()?;
        serde_json::from_slice(&text).ok()
    }

    pub(crate) fn save(&self, dir: &Path, sync: bool) -> io::Result<()> {
        write_atomically(&dir.join(FILE), &serde_json::to_vec(self)?, sync)
    }
}
