//! What a sink connector would send, told without sending it. Made by connectors, shown by `sluice preview` and
//! compared by `sluice test`.

use crate::error::RecordFailure;

/// Something a sink would write: an object, a line of a file, a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PreviewOutput {
    /// Where it would go: the name of an object or file, or the method and path of a request.
    pub target: String,
    /// What it would hold, before compression.
    pub content: Vec<u8>,
    /// Positions of the records in it, within the records that were given.
    pub records: Vec<usize>,
    /// What else there is to know, such as compression, or what it still waits for.
    pub note: Option<String>,
}

/// Everything a sink would make of some records.
#[derive(Debug, Default)]
pub struct Preview {
    /// What would be written, in order.
    pub outputs: Vec<PreviewOutput>,
    /// Records that the sink would refuse.
    pub failed: Vec<RecordFailure>,
}
