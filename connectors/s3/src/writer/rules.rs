//! What the configuration says about files.

use std::sync::Arc;

use jiff::tz::TimeZone;

use connector_formats::{Part, RecordFormat};

use crate::aiven::Grouping;
use crate::naming::ObjectNaming;
use crate::partitioner::Partitioner;

use super::compat::Compatibility;

/// What becomes of records with a null value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum NullPolicy {
    /// The task fails.
    Fail,
    /// They are skipped.
    Ignore,
    /// Their keys and headers are written to the tombstone directory.
    Write,
    /// They are written like any other value.
    Keep,
}

/// Where the name of the value's schema stands in the path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Affix {
    /// Nowhere.
    None,
    /// Before the directory.
    Prefix,
    /// After the directory.
    Suffix,
}

/// One of the files written side by side.
#[derive(Debug, Clone)]
pub(crate) struct Output {
    pub(crate) part: Part,
    pub(crate) format: RecordFormat,
    /// Everything after the stem of the name.
    pub(crate) extension: String,
    /// Bytes of records that are handed to the upload together.
    pub(crate) chunk_size: usize,
}

/// What the configuration says about files; shared by all partitions of a task.
#[derive(Debug)]
pub(crate) struct Rules {
    pub(crate) naming: ObjectNaming,
    pub(crate) partitioner: Partitioner,
    /// Names and groups in place of naming and partitioner.
    pub(crate) grouping: Option<Arc<Grouping>>,
    pub(crate) flush_size: i64,
    pub(crate) rotate_interval_ms: Option<i64>,
    pub(crate) schedule: Option<(i64, TimeZone)>,
    /// Time without a record after which files are closed, in milliseconds.
    pub(crate) idle_ms: Option<i64>,
    pub(crate) rotate_on_partition_change: bool,
    pub(crate) max_open_files: Option<usize>,
    /// Bytes of records after which files are closed.
    pub(crate) rotate_bytes: Option<usize>,
    pub(crate) compatibility: Compatibility,
    pub(crate) affix: Affix,
    pub(crate) nulls: NullPolicy,
    pub(crate) tombstone: String,
    pub(crate) outputs: Vec<Output>,
    /// First size of a buffer.
    pub(crate) initial_capacity: usize,
}
