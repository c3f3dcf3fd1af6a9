//! The calls that commit records need: a small object that is read, and written only as long as it is what was read;
//! objects told apart by a mark; and uploads that nobody finished.

use connect_core::{Bytes, async_trait};

use crate::errors::StoreError;

/// An object as it was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Stored {
    pub(crate) body: Bytes,
    /// Tells this content from every other.
    pub(crate) tag: String,
    /// When it was written, by the clock of the store, in seconds since the epoch.
    pub(crate) modified_s: i64,
}

/// What must hold for a write to happen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Condition {
    /// No object has this name.
    Absent,
    /// The object of this name has this tag.
    Is(String),
}

/// A multipart upload that is neither completed nor given up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Unfinished {
    pub(crate) key: String,
    pub(crate) id: String,
    /// When it began, by the clock of the store, in seconds since the epoch.
    pub(crate) begun_s: i64,
}

/// Where commit records are kept. Every call has its own time limit and makes one attempt.
#[async_trait]
pub(crate) trait RecordStore: Send + Sync {
    /// Returns a small object; `None` when there is none of that name.
    async fn read(&self, key: &str) -> Result<Option<Stored>, StoreError>;

    /// Writes a small object if the condition holds; returns its tag. Where it does not hold, the error's fault is
    /// [`Fault::Exists`](crate::errors::Fault::Exists).
    async fn write_if(&self, key: &str, body: Bytes, condition: &Condition) -> Result<String, StoreError>;

    /// Returns the mark that an object was made with, empty for none; `None` when there is no such object.
    async fn mark(&self, key: &str) -> Result<Option<String>, StoreError>;

    /// Returns unfinished uploads of objects whose names begin so: all, unless there are thousands.
    async fn unfinished(&self, prefix: &str) -> Result<Vec<Unfinished>, StoreError>;
}
