//! The protocol of commit records: claim, commit, settle. What makes it exact:
//!
//! - the record changes only by conditional writes, and each owner begins with one: no earlier owner can write it
//!   any more, nor decide a commit;
//! - objects become visible only after the record names them, and each of them comes from one upload, which can be
//!   completed once, by whomever.

use std::future::Future;
use std::sync::Arc;

use tokio::task::JoinSet;

use connect_core::error::ConnectError;
use connect_core::kit::{Clock, Fence};
use connect_core::{Bytes, CancellationToken};

use crate::client::Condition;
use crate::errors::{Fault, StoreError};
use crate::upload::{Target, UploadError, Uploader};

use super::record::{CommitRecord, Place, Prepared};

/// How often a record that others write meanwhile is read again before the claim is given up for now.
const MAX_RACES: usize = 8;
/// How often an object is looked for whose upload is gone: the store may just be making it.
const MAX_LOOKS: usize = 4;

/// The tag of no record.
const NO_TAG: &str = "\"00000000000000000000000000000000\"";

/// The way to the record of one partition.
#[derive(Clone)]
pub(crate) struct Ledger {
    uploader: Arc<Uploader>,
    place: Place,
    /// The task, for people who read the record.
    owner: String,
    /// Tells claims apart: never used twice.
    claim: String,
    cancel: CancellationToken,
}

/// The right to write a partition: the record as its owner wrote it last.
#[derive(Debug)]
pub(crate) struct Claim {
    pub(crate) record: CommitRecord,
    tag: String,
}

/// Where a claim begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Start {
    /// Where the record says.
    Resume,
    /// At this offset, whatever the record says.
    At(Option<i64>),
}

/// What became of an upload that was to be completed.
enum Completed {
    Done,
    /// There is no such upload.
    Gone,
}

impl Ledger {
    pub(crate) fn new(
        uploader: Arc<Uploader>,
        place: Place,
        owner: String,
        claim: String,
        cancel: CancellationToken,
    ) -> Self {
        Self { uploader, place, owner, claim, cancel }
    }

    /// Takes the partition over: from now on no earlier owner commits. What was decided before is finished.
    ///
    /// # Errors
    /// Fatal when a decided object can be neither completed nor found; [`UploadError::Fenced`] when another owner
    /// took over meanwhile.
    pub(crate) async fn claim(&self, start: Start) -> Result<Claim, UploadError> {
        let mut claim = self.take_over().await?;
        if claim.record.epoch == 1 {
            self.check_store(&claim.record).await?;
        }
        if !claim.record.objects.is_empty() {
            match (self.finish(&claim.record).await, start) {
                (Err(UploadError::Fatal(error)), Start::At(_)) => {
                    tracing::warn!(
                        partition = %self.place.partition, cause = %error.trace(),
                        "an object of a commit that was under way is given up, since another offset is asked for"
                    );
                }
                (finished, _) => finished?,
            }
        }
        let offset = match start {
            Start::Resume => claim.record.offset,
            Start::At(offset) => offset,
        };
        self.settle(&mut claim, offset).await?;
        self.sweep(&claim).await;
        Ok(claim)
    }

    /// Returns whether the partition has a record.
    ///
    /// # Errors
    /// As every request.
    pub(crate) async fn exists(&self) -> Result<bool, UploadError> {
        Ok(self.read().await?.is_some())
    }

    /// Commits objects, and with them everything before `offset`: they become visible now, or when the partition is
    /// claimed next.
    ///
    /// # Errors
    /// After any error it is for the next claim to find out whether the commit was decided.
    pub(crate) async fn commit(
        &self,
        claim: &mut Claim,
        offset: i64,
        objects: Vec<Prepared>,
    ) -> Result<(), UploadError> {
        let next = claim.record.decided(offset, objects);
        self.write(claim, next).await?;
        self.finish(&claim.record).await
    }

    /// Notes that the objects of the last commit are visible, and that there is nothing to write before `offset`.
    ///
    /// # Errors
    /// As [`Ledger::commit`].
    pub(crate) async fn settle(&self, claim: &mut Claim, offset: Option<i64>) -> Result<(), UploadError> {
        if claim.record.objects.is_empty() && claim.record.offset == offset {
            return Ok(());
        }
        let next = claim.record.settled(offset);
        self.write(claim, next).await
    }

    async fn take_over(&self) -> Result<Claim, UploadError> {
        for _ in 0..MAX_RACES {
            let (known, condition) = match self.read().await? {
                None => (CommitRecord::new(&self.place.partition), Condition::Absent),
                Some(Claim { record, tag }) => (record, Condition::Is(tag)),
            };
            let record = known.taken_over(&self.claim, &self.owner);
            if let Some(tag) = self.try_write(&record, &condition).await? {
                return Ok(Claim { record, tag });
            }
        }
        let text = format!("claiming `{}`: others claim it too", self.place.partition);
        Err(UploadError::Again(ConnectError::retriable(text)))
    }

    /// Makes sure that the store refuses writes whose condition does not hold: some know one kind of condition, or
    /// none, and carry them out all the same.
    async fn check_store(&self, record: &CommitRecord) -> Result<(), UploadError> {
        let text = Bytes::from(record.to_text());
        for condition in [Condition::Absent, Condition::Is(NO_TAG.to_owned())] {
            let call = || async {
                match self.uploader.store.write_if(&self.place.key, text.clone(), &condition).await {
                    Ok(_) => Ok(false),
                    Err(error) if error.fault() == Fault::Exists => Ok(true),
                    Err(error) => Err(error),
                }
            };
            if !self.attempt("checking commit record", &self.place.key, call).await? {
                let header = match condition {
                    Condition::Absent => "If-None-Match",
                    Condition::Is(_) => "If-Match",
                };
                return Err(UploadError::Fatal(ConnectError::fatal(format!(
                    "checking bucket `{}`: its store ignores `{header}`, so that `sluice.s3.exactly.once` cannot be \
                     kept; set it to false, or use a store with conditional writes",
                    self.uploader.bucket
                ))));
            }
        }
        Ok(())
    }

    async fn write(&self, claim: &mut Claim, next: CommitRecord) -> Result<(), UploadError> {
        match self.try_write(&next, &Condition::Is(claim.tag.clone())).await? {
            Some(tag) => {
                *claim = Claim { record: next, tag };
                Ok(())
            }
            None => {
                let partition = &self.place.partition;
                let text = format!("committing `{partition}`: another task has taken it over");
                Err(UploadError::Fenced(ConnectError::retriable(text)))
            }
        }
    }

    /// Writes the record if the condition holds; returns its tag, or `None` if it does not hold.
    async fn try_write(
        &self,
        record: &CommitRecord,
        condition: &Condition,
    ) -> Result<Option<String>, UploadError> {
        let text = Bytes::from(record.to_text());
        let store = &self.uploader.store;
        let call = || async {
            match store.write_if(&self.place.key, text.clone(), condition).await {
                Ok(tag) => Ok(Some(tag)),
                Err(error) if error.fault() == Fault::Exists => Ok(None),
                // Two writes met, and this one did not happen: the next try shows whether the condition holds.
                Err(error) if error.fault() == Fault::Redo => {
                    Err(StoreError { code: Some("OperationAborted".to_owned()), ..error })
                }
                Err(error) => Err(error),
            }
        };
        if let Some(tag) = self.attempt("writing commit record", &self.place.key, call).await? {
            return Ok(Some(tag));
        }
        // Refused, perhaps because an earlier try of this very write was carried out and its answer lost.
        let found = self.read().await?;
        Ok(found.filter(|found| found.record.is_same_write(record)).map(|found| found.tag))
    }

    async fn read(&self) -> Result<Option<Claim>, UploadError> {
        let key = self.place.key.as_str();
        let stored = self.attempt("reading commit record", key, || self.uploader.store.read(key)).await?;
        let Some(stored) = stored else { return Ok(None) };
        match CommitRecord::parse(&stored.body) {
            Ok(record) => Ok(Some(Claim { record, tag: stored.tag })),
            Err(reason) => Err(UploadError::Fatal(ConnectError::fatal(format!(
                "reading commit record `{key}`: {reason}; restore it, or remove it to go on from the offsets of the \
                 consumer group"
            )))),
        }
    }

    /// Makes all objects of a decided commit visible.
    async fn finish(&self, record: &CommitRecord) -> Result<(), UploadError> {
        if let [object] = record.objects.as_slice() {
            return self.complete(record, object).await;
        }
        let record = Arc::new(record.clone());
        let mut running = JoinSet::new();
        for position in 0..record.objects.len() {
            let (ledger, record) = (self.clone(), Arc::clone(&record));
            running.spawn(async move { ledger.complete(&record, &record.objects[position]).await });
        }
        let mut result = Ok(());
        while let Some(done) = running.join_next().await {
            let done = done.unwrap_or_else(|error| {
                Err(UploadError::Fatal(ConnectError::fatal("completing objects").because(error)))
            });
            // The others go on: each of them that becomes visible now need not wait for the next owner.
            result = result.and(done);
        }
        result
    }

    async fn complete(&self, record: &CommitRecord, object: &Prepared) -> Result<(), UploadError> {
        let Prepared { key, upload, parts, mark, tags } = object;
        let store = &self.uploader.store;
        let call = || async {
            match store.complete(key, upload, parts).await {
                Ok(()) => Ok(Completed::Done),
                Err(error) if error.code.as_deref() == Some("NoSuchUpload") => Ok(Completed::Gone),
                Err(error) => Err(error),
            }
        };
        match self.attempt("completing object", key, call).await? {
            Completed::Done => {}
            Completed::Gone => self.look_for(record, key, mark).await?,
        }
        self.uploader.tag(&self.target(key), tags).await
    }

    /// Asks whether an object whose upload is gone is there.
    async fn look_for(&self, record: &CommitRecord, key: &str, mark: &str) -> Result<(), UploadError> {
        for look in 0..MAX_LOOKS {
            if look > 0 {
                tokio::time::sleep(self.uploader.retry.base).await;
            }
            let found = self.attempt("looking for object", key, || self.uploader.store.mark(key)).await?;
            if found.is_some_and(|found| found == mark) {
                return Ok(());
            }
        }
        let shown = |offset: Option<i64>| offset.map_or("none".to_owned(), |offset| offset.to_string());
        Err(UploadError::Fatal(ConnectError::fatal(format!(
            "finishing the commit of `{}`: the object `{key}` is not there, and its upload is gone; if it was \
             complete and someone took it away, set the offset of the partition to `{}`, else to `{}`, and its \
             records are written again",
            self.place.partition,
            shown(record.offset),
            shown(record.from),
        ))))
    }

    /// Gives up uploads that earlier owners left. Those of later owners are spared: they began after this claim was
    /// written, by the same clock. What cannot be given up is left to the bucket's lifecycle rule.
    async fn sweep(&self, claim: &Claim) {
        let store = &self.uploader.store;
        let found = match store.unfinished(&self.place.prefix).await {
            Ok(found) => found,
            Err(error) => {
                tracing::debug!(partition = %self.place.partition, %error, "looking for abandoned uploads");
                return;
            }
        };
        let own: Vec<_> = found.into_iter().filter(|upload| self.place.is_own(&upload.key)).collect();
        if own.is_empty() {
            return;
        }
        let claimed_s = match store.read(&self.place.key).await {
            Ok(Some(stored)) if stored.tag == claim.tag => stored.modified_s,
            _ => return,
        };
        for upload in own.into_iter().filter(|upload| upload.begun_s < claimed_s) {
            if let Err(error) = store.abort(&upload.key, &upload.id).await {
                tracing::debug!(key = %upload.key, %error, "giving up an abandoned upload");
            }
        }
    }

    fn target(&self, key: &str) -> Target {
        Target { key: key.to_owned(), fence: Fence::default(), cancel: self.cancel.clone(), mark: None }
    }

    async fn attempt<T, F: Future<Output = Result<T, StoreError>>>(
        &self,
        what: &str,
        key: &str,
        call: impl Fn() -> F,
    ) -> Result<T, UploadError> {
        self.uploader.attempt(what, &self.target(key), false, call).await
    }
}

/// Returns a name that no other claim has.
pub(crate) fn claim_name(clock: &dyn Clock) -> String {
    const STEPS: f64 = (1_u64 << 32) as f64;
    let random = || (clock.chance() * STEPS) as u64;
    format!("{:x}-{:08x}{:08x}", clock.wall_ms(), random(), random())
}
