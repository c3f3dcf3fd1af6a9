//! The work of a started task: writers of the assigned partitions, uploads under way, memory, and the way back
//! when an upload does not succeed. Owned by the task; nothing here is called concurrently.

mod assigned;
mod commits;
mod drain;
mod groups;
mod handover;
mod outcome;
mod room;

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinSet;

use connect_core::error::{ConnectError, RecordFailure};
use connect_core::kit::Backoff;
use connect_core::record::{Offsets, SinkRecord, TopicPartition};
use connect_core::task::{CloseReason, SinkTaskContext};

use crate::client::ObjectStore;
use crate::commit::{Claim, Prepared, RecordNaming};
use crate::errors::Fault;
use crate::settings::Settings;
use crate::upload::{UploadError, Uploader};
use crate::writer::{Event, NotWritten, Rules};
use assigned::Assigned;

/// Objects that wait for their last request before `put` waits.
const MAX_FINISHING: usize = 32;
/// Longest wait for uploads that were given up when partitions are closed.
const ABORT_LIMIT: Duration = Duration::from_secs(2);

/// A started task.
pub(crate) struct Work {
    context: SinkTaskContext,
    rules: Arc<Rules>,
    uploader: Arc<Uploader>,
    partitions: HashMap<TopicPartition, Assigned>,
    uploads: JoinSet<Outcome>,
    next_generation: u64,
    /// Uploads under way, by generation and body; true for those that were given their last piece.
    running: HashMap<(u64, u64), bool>,
    /// How many of them were given their last piece.
    finishing: usize,
    /// Partitions whose uploads did not succeed and have not succeeded since.
    troubled: BTreeSet<TopicPartition>,
    /// Which partition writes under coordinates that are not its own.
    names: HashMap<TopicPartition, TopicPartition>,
    /// What fails the task with the next `put`; `pre_commit` cannot.
    failure: Option<ConnectError>,
    /// Tags beside those of the records; `None` without any.
    tags: Option<Vec<(String, String)>>,
    /// Where commit records lie; without them names and the consumer group's offsets alone avoid repeats.
    records: Option<RecordNaming>,
    retry_wait: Duration,
    drain_limit: Duration,
    reports_nulls: bool,
    max_existing: u32,
    warned_about_memory: bool,
}

/// How an upload ended.
struct Outcome {
    partition: TopicPartition,
    generation: u64,
    body: u64,
    result: Result<Done, UploadError>,
}

/// What is done.
enum Done {
    /// An object is written, or prepared for a commit.
    Object(Option<Prepared>),
    /// A record is owned.
    Claimed(Claim),
    /// A record was changed, and these bodies are visible.
    Committed(Claim, Vec<u64>),
    /// What nobody needs was given up.
    Abandoned,
}

impl Work {
    pub(crate) fn new(settings: Settings, store: Arc<dyn ObjectStore>, context: SinkTaskContext) -> Self {
        let (clock, budget) = (Arc::clone(&context.clock), context.budget.clone());
        let uploader = Uploader::new(&settings, store, clock, budget);
        Self {
            context,
            rules: Arc::new(settings.rules),
            uploader: Arc::new(uploader),
            partitions: HashMap::new(),
            uploads: JoinSet::new(),
            next_generation: 0,
            running: HashMap::new(),
            finishing: 0,
            troubled: BTreeSet::new(),
            names: HashMap::new(),
            failure: None,
            tags: settings.tagging.map(|tagging| tagging.more),
            records: settings.records,
            retry_wait: settings.retry_wait,
            drain_limit: settings.drain_limit,
            reports_nulls: settings.reports_nulls,
            max_existing: settings.max_existing,
            warned_about_memory: false,
        }
    }

    /// Asks whether the bucket is there. A bucket that may not be looked at counts as present, as in
    /// `S3Storage.bucketExists`; so does one that does not answer, since writing waits for it to recover.
    ///
    /// # Errors
    /// Fatal when there is no such bucket or no credentials.
    pub(crate) async fn check_bucket(&self) -> Result<(), ConnectError> {
        let uploader = &self.uploader;
        let mut backoff = Backoff::new(uploader.retry, uploader.clock.now());
        loop {
            let Err(error) = uploader.store.head_bucket().await else { return Ok(()) };
            let bucket = &uploader.bucket;
            match (error.status, error.fault()) {
                (Some(404), _) => {
                    return Err(ConnectError::fatal(format!(
                        "looking for bucket `{bucket}`: it does not exist; create it or correct `s3.bucket.name` \
                         (some stores answer so to unknown credentials, too)"
                    ))
                    .because(error));
                }
                (None, Fault::Fatal(advice)) => {
                    let context = format!("looking for bucket `{bucket}`: {error}; {}", advice.text());
                    return Err(ConnectError::fatal(context).because(error));
                }
                (_, Fault::Retry) => {}
                _ => return Ok(()),
            }
            let Some(delay) = backoff.next_delay(error.retry_after, &*uploader.clock) else {
                tracing::warn!(task = %self.context.id, bucket, %error, "bucket does not answer; writing will wait for it");
                return Ok(());
            };
            tokio::select! {
                biased;
                () = self.context.stop.cancelled() => return Ok(()),
                () = tokio::time::sleep(delay) => {}
            }
        }
    }

    /// Begins to write a partition, afresh if it was open. `group` is the consumer group's offset of it.
    pub(crate) fn open(&mut self, partition: &TopicPartition, group: Option<i64>) {
        if self.records.is_some() {
            return self.open_claimed(partition, group);
        }
        self.next_generation += 1;
        let now_ms = self.context.clock.wall_ms();
        let budget = self.context.budget.clone();
        let assigned = Assigned::new(Arc::clone(&self.rules), budget, now_ms, self.next_generation);
        if let Some(old) = self.partitions.insert(partition.clone(), assigned) {
            old.give_up();
        }
    }

    /// Takes outcomes and wakes partitions whose wait is over.
    ///
    /// # Errors
    /// Fatal when an upload was refused for good.
    pub(crate) fn begin_put(&mut self) -> Result<(), ConnectError> {
        if self.records.is_some() {
            self.begin_claims();
        }
        self.reap();
        let now = self.context.clock.now();
        for (partition, assigned) in &mut self.partitions {
            if assigned.wakes(now) {
                self.context.handle.resume(std::slice::from_ref(partition));
            }
        }
        self.failure.take().map_or(Ok(()), Err)
    }

    /// Closes the files the wall clock asks for and waits until memory is within its bound.
    ///
    /// # Errors
    /// Fatal when an upload was refused for good; retriable when the task is told to stop while it waits.
    pub(crate) async fn end_put(&mut self) -> Result<(), ConnectError> {
        if self.rules.schedule.is_some() || self.rules.idle_ms.is_some() {
            let now_ms = self.context.clock.wall_ms();
            let is_due = |assigned: &Assigned| assigned.writer.due_ms().is_some_and(|due| now_ms >= due);
            let due: Vec<TopicPartition> = self
                .partitions
                .iter()
                .filter(|(_, assigned)| is_due(assigned))
                .map(|(partition, _)| partition.clone())
                .collect();
            for partition in due {
                let assigned = self.partitions.get_mut(&partition);
                let rotated = assigned.map(|assigned| assigned.writer.idle(now_ms)).transpose()?;
                if let Some(rotated) = rotated.flatten() {
                    self.launch(&partition, rotated).await?;
                    self.make_room().await?;
                }
            }
        }
        self.make_room().await
    }

    /// Writes records of one partition; returns those refused, by index into the run.
    ///
    /// # Errors
    /// As [`Work::end_put`], and fatal for a null value under `behavior.on.null.values=fail`.
    pub(crate) async fn write_run(&mut self, run: &[SinkRecord]) -> Result<Vec<RecordFailure>, ConnectError> {
        let mut failed = Vec::new();
        let Some(first) = run.first() else { return Ok(failed) };
        let partition = first.original_partition();
        let now_ms = self.context.clock.wall_ms();
        let mut taken = 0;
        while taken < run.len() {
            if !self.partitions.contains_key(&partition) {
                self.open(&partition, None);
            }
            let Some(length) = self.admit(&partition, &run[taken..]) else { break };
            let Some(assigned) = self.partitions.get_mut(&partition) else { break };
            if !assigned.accepts() {
                // These records are read again, with those before them.
                break;
            }
            let mut not_written = NotWritten::default();
            let progress = assigned.writer.write(&run[taken..taken + length], now_ms, &mut not_written)?;
            let renamed = assigned.writer.take_renamed();
            for failure in &mut not_written.failed {
                failure.index += taken;
            }
            failed.append(&mut not_written.failed);
            for index in not_written.ignored {
                self.report_null(&run[taken + index])?;
            }
            taken += progress.taken;
            self.note_taken(&partition, &run[..taken]);
            self.claim_names(&partition, renamed)?;
            match progress.event {
                None => {}
                Some(Event::Rotated(rotated)) => {
                    self.launch(&partition, rotated).await?;
                    self.make_room().await?;
                }
                Some(Event::Full(chunks)) => {
                    self.hand_on(&partition, chunks).await?;
                    self.make_room().await?;
                }
            }
        }
        Ok(failed)
    }

    /// Waits, within the bound of `shutdown.timeout.ms`, for the uploads of closed files.
    pub(crate) async fn drain(&mut self) {
        self.reap();
        let limit = tokio::time::sleep(self.drain_limit);
        tokio::pin!(limit);
        while self.finishing > 0 {
            tokio::select! {
                biased;
                outcome = self.uploads.join_next() => match outcome {
                    Some(outcome) => self.settle(outcome),
                    None => return,
                },
                () = &mut limit => return,
            }
        }
    }

    /// Returns what may be committed.
    pub(crate) fn committable(&self, consumed: &Offsets) -> Offsets {
        consumed
            .iter()
            .filter_map(|(partition, consumed)| {
                let offset = match self.partitions.get(partition) {
                    Some(assigned) => assigned.committable(*consumed)?,
                    None => *consumed,
                };
                Some((partition.clone(), offset))
            })
            .collect()
    }

    /// Ends partitions: unfinished files are dropped and their parts given up. Nothing of them becomes visible
    /// after this call.
    pub(crate) async fn close(&mut self, partitions: &[TopicPartition], reason: CloseReason) {
        tracing::debug!(task = %self.context.id, ?reason, count = partitions.len(), "closing partitions");
        for partition in partitions {
            if let Some(assigned) = self.partitions.remove(partition) {
                self.give_up(partition, assigned);
            }
            self.end_trouble(partition);
            self.names.retain(|_, owner| owner != partition);
        }
        self.await_given_up().await;
    }

    /// Ends all partitions.
    pub(crate) async fn close_all(&mut self) {
        let partitions: Vec<TopicPartition> = self.partitions.keys().cloned().collect();
        self.close(&partitions, CloseReason::Stopping).await;
        self.uploads.shutdown().await;
    }

    /// Returns when `put` has work without records: a wait that ends, or files the wall clock closes.
    pub(crate) fn next_wakeup_ms(&self) -> Option<u64> {
        let clock = &self.context.clock;
        let (now, now_ms) = (clock.now(), clock.wall_ms());
        let until = |assigned: &Assigned| {
            let wait =
                assigned.wait_left(now).map(|left| u64::try_from(left.as_millis()).unwrap_or(u64::MAX));
            let due = assigned.writer.due_ms().map(|due| u64::try_from(due - now_ms).unwrap_or(0));
            let claim = assigned.standing.as_ref().and_then(|standing| standing.wakes_in(now));
            let claim = claim.map(|left| u64::try_from(left.as_millis()).unwrap_or(u64::MAX));
            wait.into_iter().chain(due).chain(claim).min()
        };
        self.partitions.values().filter_map(until).min()
    }

    /// Notes that a partition writes under other coordinates.
    ///
    /// # Errors
    /// Fatal when another partition writes under them too: names hold no more than topic, partition and offset, so
    /// objects of one would overwrite those of the other.
    fn claim_names(
        &mut self,
        owner: &TopicPartition,
        renamed: Vec<TopicPartition>,
    ) -> Result<(), ConnectError> {
        for name in renamed {
            let other = match self.names.get(&name) {
                Some(other) => Some(other).filter(|other| *other != owner),
                None => self.partitions.get_key_value(&name).map(|(other, _)| other),
            };
            if let Some(other) = other {
                return Err(ConnectError::fatal(format!(
                    "writing records of `{owner}` and of `{other}` both as `{name}`: their objects would overwrite \
                     each other; let transforms give each topic a name of its own"
                )));
            }
            self.names.insert(name, owner.clone());
        }
        Ok(())
    }

    fn report_null(&self, record: &SinkRecord) -> Result<(), ConnectError> {
        match &self.context.errant_reporter {
            Some(reporter) if self.reports_nulls => {
                reporter.report(record, ConnectError::data("skipping a record with a null value"))
            }
            _ => Ok(()),
        }
    }
}

fn stopping() -> ConnectError {
    ConnectError::retriable("waiting for uploads while the task stops")
}
