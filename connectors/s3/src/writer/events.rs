//! What a writer answers: how far it got, and what is to be done before it goes on.

use connect_core::error::RecordFailure;

use super::file::{Chunk, ClosedFile};

/// Files closed together: one offset covers them all.
#[derive(Debug)]
pub(crate) struct Rotated {
    /// Offset of the first record in them.
    pub(crate) first: i64,
    /// Offset after the last record in them.
    pub(crate) next: i64,
    pub(crate) files: Vec<ClosedFile>,
}

/// What the task must do before the partition goes on.
#[derive(Debug)]
pub(crate) enum Event {
    /// Upload these files and commit them together.
    Rotated(Rotated),
    /// Hand on buffers that are full.
    Full(Vec<Chunk>),
}

/// How far a run of records got.
#[derive(Debug)]
pub(crate) struct Progress {
    /// Records taken, skipped or refused.
    pub(crate) taken: usize,
    pub(crate) event: Option<Event>,
}

/// What happened to records that were not written, by index into the run.
#[derive(Debug, Default)]
pub(crate) struct NotWritten {
    pub(crate) failed: Vec<RecordFailure>,
    pub(crate) ignored: Vec<usize>,
}
