//! Logs on disk: record batches in segments, one log per partition, and small journals for everything else.

pub(crate) mod batch;
pub(crate) mod checkpoint;
pub(crate) mod compaction;
pub(crate) mod journal;
pub(crate) mod partition;
pub(crate) mod producers;
pub(crate) mod records;
pub(crate) mod recovery;
pub(crate) mod segment;
pub(crate) mod topic_config;

#[cfg(test)]
mod tests;
