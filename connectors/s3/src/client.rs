//! S3 as this sink sees it: the calls that write objects, and in `records` those that commit records need. `aws`
//! makes them with the AWS SDK; tests make them with a fake that injects faults.

mod access;
mod aws;
#[cfg(test)]
pub(crate) mod fake;
mod records;

use connect_core::{Bytes, async_trait};

pub(crate) use access::Proxy;
pub(crate) use aws::{AwsOptions, AwsStore, Encryption};
pub(crate) use records::{Condition, RecordStore, Stored, Unfinished};

use crate::errors::StoreError;

/// Where objects are written. Every call has its own time limit and makes one attempt.
#[async_trait]
pub(crate) trait ObjectStore: RecordStore {
    /// Asks whether the bucket exists.
    async fn head_bucket(&self) -> Result<(), StoreError>;

    /// Writes a whole object.
    async fn put_object(&self, key: &str, body: Bytes) -> Result<(), StoreError>;

    /// Begins a multipart upload; returns its id. The object is made with the given mark, which
    /// [`RecordStore::mark`] returns.
    async fn create_multipart(&self, key: &str, mark: Option<&str>) -> Result<String, StoreError>;

    /// Writes a part, numbered from 1; returns its tag.
    async fn upload_part(
        &self,
        key: &str,
        upload: &str,
        number: i32,
        body: Bytes,
    ) -> Result<String, StoreError>;

    /// Makes the object of the parts with these tags, in order.
    async fn complete(&self, key: &str, upload: &str, tags: &[String]) -> Result<(), StoreError>;

    /// Sets the tags of an object.
    async fn tag(&self, key: &str, tags: &[(String, String)]) -> Result<(), StoreError>;

    /// Gives an upload up and frees its parts.
    async fn abort(&self, key: &str, upload: &str) -> Result<(), StoreError>;
}
