//! The upload of one object: takes its records in pieces, encodes them, writes parts, and makes the object visible
//! with the last one. The only retry layer of this sink. Runs beside the task, which fills the next file meanwhile.

mod load;

use std::future::Future;
use std::sync::Arc;

use tokio::sync::{Semaphore, mpsc};

use connect_core::error::{BoxError, ConnectError};
use connect_core::kit::{Backoff, ByteBudget, Fence, RetryPolicy, SharedClock};
use connect_core::{Bytes, CancellationToken};
use connector_formats::{FileEncoder, Payload};

use crate::client::ObjectStore;
use crate::commit::Prepared;
use crate::errors::{Fault, StoreError};
use crate::settings::Settings;
pub(crate) use load::{Load, Moving};

/// Smallest part S3 takes, except for the last.
pub(crate) const MIN_PART_BYTES: usize = 5 * 1024 * 1024;
/// Requests under way at a time; more do not help one task and make S3 slow down.
const MAX_REQUESTS: usize = 8;

/// What all uploads of a task share.
pub(crate) struct Uploader {
    pub(crate) store: Arc<dyn ObjectStore>,
    pub(crate) bucket: String,
    pub(crate) clock: SharedClock,
    pub(crate) retry: RetryPolicy,
    /// Bounds requests under way.
    pub(crate) requests: Semaphore,
    /// Bytes handed to uploads and not yet written.
    pub(crate) moving: Arc<Moving>,
    pub(crate) budget: ByteBudget,
    pub(crate) part_size: usize,
    /// Whether an object that cannot be tagged fails the task.
    pub(crate) tags_are_required: bool,
}

/// The object to write, and the assignment it is written for.
pub(crate) struct Target {
    pub(crate) key: String,
    pub(crate) fence: Fence,
    /// Ends the upload: the parts written are given up.
    pub(crate) cancel: CancellationToken,
    /// The object's mark, when it becomes visible by a commit and not with its last piece.
    pub(crate) mark: Option<String>,
}

/// Bytes handed to an upload.
pub(crate) enum Piece {
    /// More follow.
    Part(Payload, Load),
    /// The rest of the object, and its tags; with it the object becomes visible.
    Last(Payload, Load, Vec<(String, String)>),
}

/// Why an object was not written.
#[derive(Debug)]
pub(crate) enum UploadError {
    /// Its records are not wanted any more: the partition was closed or is read again.
    Cancelled,
    /// The records must be read again; S3 may recover.
    Again(ConnectError),
    /// A conditional write met an object of that name.
    Exists,
    /// Another task has taken the partition over.
    Fenced(ConnectError),
    /// An operator must act.
    Fatal(ConnectError),
}

/// A multipart upload that has begun.
struct Multipart {
    id: String,
    tags: Vec<String>,
}

impl Uploader {
    /// Returns what writes objects as the settings say.
    pub(crate) fn new(
        settings: &Settings,
        store: Arc<dyn ObjectStore>,
        clock: SharedClock,
        budget: ByteBudget,
    ) -> Self {
        Self {
            store,
            bucket: settings.aws.bucket.clone(),
            clock,
            retry: settings.retry,
            requests: Semaphore::new(MAX_REQUESTS),
            moving: Arc::new(Moving::default()),
            budget,
            part_size: settings.part_size,
            tags_are_required: settings.tagging.as_ref().is_some_and(|tagging| tagging.is_required),
        }
    }

    /// Writes one object from the pieces received; without an encoder they are the object's bytes as they are. A
    /// channel that closes before the last piece, like a cancelled target, gives the parts up. Returns what a commit
    /// makes visible, for a target that has a mark.
    pub(crate) async fn run(
        &self,
        target: &Target,
        encoder: Option<FileEncoder>,
        mut pieces: mpsc::Receiver<Piece>,
    ) -> Result<Option<Prepared>, UploadError> {
        let mut multipart = None;
        let result = self.write(target, encoder, &mut pieces, &mut multipart).await;
        // Pieces still in the channel are dropped with it, and their memory given back, before anyone is told.
        drop(pieces);
        if result.is_err()
            && let Some(begun) = multipart
        {
            // The bucket's lifecycle rule cleans up what this cannot.
            if let Err(error) = self.store.abort(&target.key, &begun.id).await {
                tracing::debug!(key = %target.key, %error, "giving up a multipart upload");
            }
        }
        result
    }

    async fn write(
        &self,
        target: &Target,
        mut encoder: Option<FileEncoder>,
        pieces: &mut mpsc::Receiver<Piece>,
        multipart: &mut Option<Multipart>,
    ) -> Result<Option<Prepared>, UploadError> {
        let mut ready = self.budget.take(0);
        loop {
            let piece = tokio::select! {
                biased;
                () = target.cancel.cancelled() => None,
                piece = pieces.recv() => piece,
            };
            // The load stands for the bytes until they are written or compressed.
            let (payload, _load, tags) = match piece {
                Some(Piece::Part(payload, load)) => (payload, load, None),
                Some(Piece::Last(payload, load, tags)) => (payload, load, Some(tags)),
                None => return Err(UploadError::Cancelled),
            };
            let is_last = tags.is_some();
            let bytes = match (encoder.take(), payload) {
                (Some(known), payload) => {
                    let bytes;
                    (encoder, bytes) = self.encode(known, payload, is_last).await?;
                    ready.resize(bytes.len() + encoder.as_ref().map_or(0, FileEncoder::ready));
                    bytes
                }
                (None, Payload::Bytes(bytes)) => bytes,
                (None, _) => {
                    return Err(UploadError::Fatal(ConnectError::fatal("writing rows without an encoder")));
                }
            };
            if is_last || !bytes.is_empty() {
                self.send(target, multipart, Bytes::from(bytes), is_last).await?;
                ready.resize(encoder.as_ref().map_or(0, FileEncoder::ready));
            }
            let Some(tags) = tags else { continue };
            let Some((mark, begun)) = target.mark.clone().zip(multipart.take()) else {
                return self.tag(target, &tags).await.map(|()| None);
            };
            let key = target.key.clone();
            return Ok(Some(Prepared { key, upload: begun.id, parts: begun.tags, mark, tags }));
        }
    }

    /// Tags an object that is written.
    ///
    /// # Errors
    /// Fatal when tags are required and cannot be set.
    pub(crate) async fn tag(&self, target: &Target, tags: &[(String, String)]) -> Result<(), UploadError> {
        if tags.is_empty() {
            return Ok(());
        }
        let key = target.key.as_str();
        match self.attempt("tagging", target, false, || self.store.tag(key, tags)).await {
            Err(UploadError::Again(error) | UploadError::Fatal(error)) if !self.tags_are_required => {
                tracing::warn!(key, %error, "an object stays without its tags");
                Ok(())
            }
            // The object is there: reading its records again would not help more than another try has.
            Err(UploadError::Again(error)) => Err(UploadError::Fatal(
                ConnectError::fatal(format!(
                    "tagging `{key}` as `s3.object.behavior.on.tagging.error` asks for"
                ))
                .because(error),
            )),
            other => other,
        }
    }

    /// Encodes a piece where blocking is allowed. Returns the encoder, unless the object ends, and the bytes that
    /// make a part: none until there are enough, or memory is short and there are enough for S3.
    async fn encode(
        &self,
        mut encoder: FileEncoder,
        payload: Payload,
        is_last: bool,
    ) -> Result<(Option<FileEncoder>, Vec<u8>), UploadError> {
        let work = tokio::task::spawn_blocking(move || {
            encoder.write(payload)?;
            if is_last { encoder.finish().map(|rest| (None, rest)) } else { Ok((Some(encoder), Vec::new())) }
        });
        let failed =
            |source: BoxError| UploadError::Fatal(ConnectError::fatal("encoding an object").because(source));
        let done = work.await.map_err(|error| failed(error.into()))?;
        let (mut encoder, mut part) = done.map_err(|error| failed(error.into()))?;
        if let Some(encoder) = &mut encoder {
            let ready = encoder.ready();
            let is_short = ready >= MIN_PART_BYTES && !self.budget.has_room(0);
            if ready >= self.part_size || is_short {
                part = encoder.take();
            }
        }
        Ok((encoder, part))
    }

    /// Writes a part, or the object as a whole when it ends before its first part.
    async fn send(
        &self,
        target: &Target,
        multipart: &mut Option<Multipart>,
        bytes: Bytes,
        is_last: bool,
    ) -> Result<(), UploadError> {
        let key = target.key.as_str();
        if multipart.is_none() {
            if is_last && target.mark.is_none() {
                return self
                    .attempt("writing", target, true, || self.store.put_object(key, bytes.clone()))
                    .await;
            }
            let begin = || self.store.create_multipart(key, target.mark.as_deref());
            let id = self.attempt("beginning upload of", target, false, begin).await?;
            *multipart = Some(Multipart { id, tags: Vec::new() });
        }
        let Some(begun) = multipart else {
            return Ok(());
        };
        // An object has at least one part, be it empty.
        if !bytes.is_empty() || begun.tags.is_empty() {
            let number = i32::try_from(begun.tags.len() + 1).unwrap_or(i32::MAX);
            let part = || self.store.upload_part(key, &begun.id, number, bytes.clone());
            let tag = self.attempt("writing part of", target, false, part).await?;
            begun.tags.push(tag);
        }
        if is_last && target.mark.is_none() {
            let whole = || self.store.complete(key, &begun.id, &begun.tags);
            self.attempt("completing object", target, true, whole).await?;
        }
        Ok(())
    }

    /// Makes a call until it succeeds, is refused for good, or its retries are used up.
    ///
    /// # Errors
    /// As the call's last answer says.
    pub(crate) async fn attempt<T, F: Future<Output = Result<T, StoreError>>>(
        &self,
        what: &str,
        target: &Target,
        is_visible: bool,
        call: impl Fn() -> F,
    ) -> Result<T, UploadError> {
        let mut backoff = Backoff::new(self.retry, self.clock.now());
        loop {
            let error = match self.once(target, is_visible, &call).await? {
                Ok(done) => return Ok(done),
                Err(error) => error,
            };
            let delay = match error.fault() {
                Fault::Retry => backoff.next_delay(error.retry_after, &*self.clock),
                Fault::Redo => None,
                Fault::Exists => return Err(UploadError::Exists),
                Fault::Fatal(advice) => {
                    let context = format!(
                        "{what} `{}` in bucket `{}`: {error}; {}",
                        target.key,
                        self.bucket,
                        advice.text()
                    );
                    return Err(UploadError::Fatal(ConnectError::fatal(context).because(error)));
                }
            };
            let Some(delay) = delay else {
                let retries = backoff.retries();
                let context = format!(
                    "{what} `{}` in bucket `{}` after {retries} retries: {error}",
                    target.key, self.bucket
                );
                return Err(UploadError::Again(ConnectError::retriable(context).because(error)));
            };
            if backoff.retries() == 1 {
                tracing::warn!(key = %target.key, %error, "{what} object: trying again");
            }
            tokio::select! {
                biased;
                () = target.cancel.cancelled() => return Err(UploadError::Cancelled),
                () = tokio::time::sleep(delay) => {}
            }
        }
    }

    async fn once<T, F: Future<Output = Result<T, StoreError>>>(
        &self,
        target: &Target,
        is_visible: bool,
        call: &impl Fn() -> F,
    ) -> Result<Result<T, StoreError>, UploadError> {
        let work = async {
            let _permit = self.requests.acquire().await;
            // Held during the request: after the fence is killed nothing becomes visible any more.
            let _pass = match is_visible {
                true => Some(target.fence.pass().map_err(|_| UploadError::Cancelled)?),
                false => None,
            };
            Ok(call().await)
        };
        tokio::select! {
            biased;
            () = target.cancel.cancelled() => Err(UploadError::Cancelled),
            result = work => result,
        }
    }
}
