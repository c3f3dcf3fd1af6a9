//! The calls of commit records, with the AWS SDK.

use aws_sdk_s3::primitives::DateTime;

use connect_core::{Bytes, async_trait};

use crate::client::{Condition, RecordStore, Stored, Unfinished};
use crate::errors::StoreError;

use super::{AwsStore, MARK, REQUEST_TIMEOUT, limited};

/// Pages of unfinished uploads that are looked at, a thousand uploads each.
const MAX_PAGES: usize = 10;

#[async_trait]
impl RecordStore for AwsStore {
    async fn read(&self, key: &str) -> Result<Option<Stored>, StoreError> {
        let (algorithm, customer_key, key_md5) = self.customer_headers();
        let call = self
            .client
            .get_object()
            .bucket(&self.options.bucket)
            .key(key)
            .set_sse_customer_algorithm(algorithm)
            .set_sse_customer_key(customer_key)
            .set_sse_customer_key_md5(key_md5);
        let answer = match limited(0, call.send()).await {
            Ok(answer) => answer,
            Err(error) if error.code.as_deref() == Some("NoSuchKey") => return Ok(None),
            Err(error) => return Err(error),
        };
        let tag = answer.e_tag.ok_or_else(|| StoreError::transport("the answer holds no tag"))?;
        let modified_s = answer.last_modified.as_ref().map_or(0, DateTime::secs);
        let body = tokio::time::timeout(REQUEST_TIMEOUT, answer.body.collect()).await;
        let body = body.map_err(|_| StoreError::transport("no end of the answer in time"))?;
        let body = body.map_err(|error| StoreError::transport(error.to_string()))?.into_bytes();
        Ok(Some(Stored { body, tag, modified_s }))
    }

    async fn write_if(&self, key: &str, body: Bytes, condition: &Condition) -> Result<String, StoreError> {
        let size = body.len();
        let call = self.put(key, body).content_type("application/json");
        let call = match condition {
            Condition::Absent => call.if_none_match("*"),
            Condition::Is(tag) => call.if_match(tag),
        };
        let answer = match limited(size, call.send()).await {
            Ok(answer) => answer,
            // An object that is gone is not what it was.
            Err(error) if error.code.as_deref() == Some("NoSuchKey") => {
                return Err(StoreError { code: Some("PreconditionFailed".to_owned()), ..error });
            }
            Err(error) => return Err(error),
        };
        answer.e_tag.ok_or_else(|| StoreError::transport("the answer holds no tag"))
    }

    async fn mark(&self, key: &str) -> Result<Option<String>, StoreError> {
        let (algorithm, customer_key, key_md5) = self.customer_headers();
        let call = self
            .client
            .head_object()
            .bucket(&self.options.bucket)
            .key(key)
            .set_sse_customer_algorithm(algorithm)
            .set_sse_customer_key(customer_key)
            .set_sse_customer_key_md5(key_md5);
        match limited(0, call.send()).await {
            Ok(answer) => {
                let marks = answer.metadata.unwrap_or_default();
                Ok(Some(marks.get(MARK).cloned().unwrap_or_default()))
            }
            Err(error) if error.status == Some(404) => Ok(None),
            Err(error) => Err(error),
        }
    }

    async fn unfinished(&self, prefix: &str) -> Result<Vec<Unfinished>, StoreError> {
        let mut found = Vec::new();
        let (mut key_marker, mut id_marker) = (None, None);
        for _ in 0..MAX_PAGES {
            let call = self
                .client
                .list_multipart_uploads()
                .bucket(&self.options.bucket)
                .prefix(prefix)
                .set_key_marker(key_marker)
                .set_upload_id_marker(id_marker);
            let page = limited(0, call.send()).await?;
            found.extend(page.uploads.unwrap_or_default().into_iter().filter_map(|upload| {
                let begun_s = upload.initiated.as_ref().map(DateTime::secs)?;
                Some(Unfinished { key: upload.key?, id: upload.upload_id?, begun_s })
            }));
            (key_marker, id_marker) = (page.next_key_marker, page.next_upload_id_marker);
            if page.is_truncated != Some(true) {
                break;
            }
        }
        Ok(found)
    }
}
