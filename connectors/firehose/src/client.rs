//! Firehose as this sink sees it: two calls. `aws` makes them with the AWS SDK; tests make them with a fake that
//! injects faults.

mod aws;
#[cfg(test)]
pub(crate) mod fake;

use connect_core::{Bytes, async_trait};

pub(crate) use aws::{AwsFirehose, AwsOptions};

use crate::errors::CallError;

/// What Firehose says of one entry: nothing when it was accepted, else code and message.
pub(crate) type EntryAnswer = Result<(), (String, String)>;

/// The stream that is written to. Every call has its own time limit and makes one attempt.
#[async_trait]
pub(crate) trait DeliveryStream: Send + Sync {
    /// Returns status and type of the stream, such as `ACTIVE` and `DirectPut`.
    async fn describe(&self) -> Result<(String, String), CallError>;

    /// Sends entries. Returns one answer for each, in order.
    async fn put(&self, entries: Vec<Bytes>) -> Result<Vec<EntryAnswer>, CallError>;
}
