//! The exactly-once mode: requests on commit records run beside the task, and what follows from their ends.

use std::future::Future;
use std::sync::Arc;

use connect_core::error::ConnectError;
use connect_core::record::{Offsets, SinkRecord, TopicPartition};

use crate::commit::{Admission, Claim, Ledger, Prepared, Standing, Start, claim_name};
use crate::upload::UploadError;

use super::assigned::Assigned;
use super::{Done, Outcome, Work};

/// Numbers of what runs for a partition beside the uploads of bodies.
const CLAIM: u64 = u64::MAX;
const COMMIT: u64 = u64::MAX - 1;
const ABANDON: u64 = u64::MAX - 2;

impl Work {
    /// Begins to write a partition by its record: nothing is taken until that is claimed.
    pub(super) fn open_claimed(&mut self, partition: &TopicPartition, group: Option<i64>) {
        self.stand(partition, Standing::new(group));
        self.context.handle.pause(std::slice::from_ref(partition));
        self.claim(partition, Start::Resume);
    }

    /// Claims the records whose wait is over, and takes records of partitions that are where they are to be read
    /// from. What came until now came from elsewhere, so this is done before outcomes are looked at.
    pub(super) fn begin_claims(&mut self) {
        let now = self.context.clock.now();
        let mut starts = Vec::new();
        for (partition, assigned) in &mut self.partitions {
            let Some(standing) = &mut assigned.standing else { continue };
            if standing.returns() {
                self.context.handle.resume(std::slice::from_ref(partition));
            }
            if let Some(start) = standing.begins_claim(now) {
                starts.push((partition.clone(), start));
            }
        }
        for (partition, start) in starts {
            self.claim(&partition, start);
        }
    }

    /// Returns how many of the records are to be written; `None` when they come again.
    pub(super) fn admit(&mut self, partition: &TopicPartition, run: &[SinkRecord]) -> Option<usize> {
        let assigned = self.partitions.get_mut(partition)?;
        let Some(standing) = &mut assigned.standing else { return Some(run.len()) };
        let (first, last) = (run.first()?.offset, run.last()?.offset);
        let below = |offset| run.iter().take_while(|record| record.offset < offset).count();
        match standing.admit(first, last, below) {
            Admission::Write => {
                if standing.ends_skipping() {
                    let now_ms = self.context.clock.wall_ms();
                    assigned.start_over(Arc::clone(&self.rules), self.context.budget.clone(), now_ms);
                }
                Some(run.len())
            }
            Admission::Skip(count) => Some(count),
            Admission::Drop => None,
            Admission::Rewind(offset) => {
                self.context.handle.rewind(partition.clone(), offset);
                None
            }
            Admission::Anew(offset) => {
                tracing::warn!(
                    task = %self.context.id, topic = %partition.topic, partition = partition.partition, offset,
                    "the log ends before what was written of it: it was made anew or lost its end; its records are \
                     written from this offset on"
                );
                let anew = standing.anew(offset, self.context.clock.now());
                self.stand(partition, anew);
                self.context.handle.pause(std::slice::from_ref(partition));
                None
            }
        }
    }

    /// Notes that records were taken.
    pub(super) fn note_taken(&mut self, partition: &TopicPartition, taken: &[SinkRecord]) {
        let standing = self.partitions.get_mut(partition).and_then(|assigned| assigned.standing.as_mut());
        if let (Some(standing), Some(last)) = (standing, taken.last()) {
            standing.took(last.offset + 1);
        }
    }

    /// Commits what is ready of a partition.
    pub(super) fn commit_ready(&mut self, partition: &TopicPartition) {
        let Some(assigned) = self.partitions.get_mut(partition) else { return };
        let Some(batch) = assigned.standing.as_mut().and_then(Standing::take_batch) else { return };
        let Some(ledger) = self.ledger(partition) else { return };
        self.begin(partition, COMMIT, true, async move {
            let mut claim = batch.claim;
            ledger.commit(&mut claim, batch.next, batch.objects).await?;
            if batch.is_last {
                // From now on the objects may be taken away.
                ledger.settle(&mut claim, Some(batch.next)).await?;
            }
            Ok(Done::Committed(claim, batch.bodies))
        });
    }

    /// Moves records to the offsets that the consumer group is about to get, so that they are never behind it.
    pub(crate) async fn settle_records(&mut self, consumed: &Offsets) {
        if self.records.is_none() {
            return;
        }
        for (partition, consumed) in consumed {
            let Some(assigned) = self.partitions.get_mut(partition) else { continue };
            let is_open = assigned.first_unwritten().is_some();
            let standing = assigned.standing.as_mut();
            let Some((mut claim, offset)) =
                standing.and_then(|standing| standing.take_unsettled(*consumed, is_open))
            else {
                continue;
            };
            let Some(ledger) = self.ledger(partition) else { continue };
            self.begin(partition, COMMIT, true, async move {
                ledger.settle(&mut claim, offset).await?;
                Ok(Done::Committed(claim, Vec::new()))
            });
        }
        self.drain().await;
    }

    /// Takes a claimed record: its partition is read from where that says.
    pub(super) fn claimed(&mut self, partition: &TopicPartition, claim: Claim) {
        let Some(assigned) = self.partitions.get_mut(partition) else { return };
        let Some(standing) = &mut assigned.standing else { return };
        tracing::debug!(
            task = %self.context.id, topic = %partition.topic, partition = partition.partition,
            epoch = claim.record.epoch, offset = claim.record.offset, "claimed the commit record"
        );
        if let Some(offset) = standing.claimed(claim) {
            self.context.handle.rewind(partition.clone(), offset);
        }
        self.end_trouble(partition);
    }

    /// Notes that objects are visible, and commits what has become ready meanwhile.
    pub(super) fn committed(&mut self, partition: &TopicPartition, claim: Claim, bodies: Vec<u64>) {
        let Some(assigned) = self.partitions.get_mut(partition) else { return };
        for body in bodies {
            // Nothing existed before, so that reading goes on.
            let _goes_on = assigned.written(body);
        }
        if let Some(standing) = &mut assigned.standing {
            standing.settled(claim);
        }
        self.commit_ready(partition);
    }

    /// Drops what a partition holds, since its record may be another's or be in a state not known; it is claimed
    /// again after `retry.backoff.ms`.
    pub(super) fn lose(&mut self, partition: &TopicPartition, error: &ConnectError) {
        let until = self.context.clock.now() + self.retry_wait;
        let Some(assigned) = self.partitions.get(partition) else { return };
        let Some(lost) = assigned.standing.as_ref().map(|standing| standing.lost(until)) else { return };
        tracing::warn!(
            task = %self.context.id, topic = %partition.topic, partition = partition.partition, %error,
            "claiming a partition again because a commit did not succeed"
        );
        self.stand(partition, lost);
        self.context.handle.pause(std::slice::from_ref(partition));
        self.troubled.insert(partition.clone());
        self.context.handle.report_trouble(Some(error.to_string()));
    }

    /// Begins a partition afresh.
    fn stand(&mut self, partition: &TopicPartition, standing: Standing) {
        self.next_generation += 1;
        let now_ms = self.context.clock.wall_ms();
        let budget = self.context.budget.clone();
        let mut fresh = Assigned::new(Arc::clone(&self.rules), budget, now_ms, self.next_generation);
        fresh.standing = Some(standing);
        if let Some(old) = self.partitions.insert(partition.clone(), fresh) {
            self.give_up(partition, old);
        }
    }

    /// Ends an assignment. Objects that wait for a commit are given up; those of a commit under way may be decided,
    /// and are the next owner's.
    pub(super) fn give_up(&mut self, partition: &TopicPartition, mut assigned: Assigned) {
        assigned.give_up();
        let unused = assigned.standing.as_mut().map(Standing::abandon).unwrap_or_default();
        if unused.is_empty() {
            return;
        }
        let uploader = Arc::clone(&self.uploader);
        self.begin_as(partition, assigned.generation, ABANDON, false, async move {
            for Prepared { key, upload, .. } in unused {
                if let Err(error) = uploader.store.abort(&key, &upload).await {
                    tracing::debug!(key, %error, "giving up a multipart upload");
                }
            }
            Ok(Done::Abandoned)
        });
    }

    fn claim(&mut self, partition: &TopicPartition, start: Start) {
        let Some(ledger) = self.ledger(partition) else { return };
        self.begin(partition, CLAIM, false, async move { ledger.claim(start).await.map(Done::Claimed) });
    }

    /// Returns the way to a partition's record. Each has a name of its own, which only a claim makes use of.
    fn ledger(&self, partition: &TopicPartition) -> Option<Ledger> {
        let cancel = self.partitions.get(partition)?.cancel.clone();
        let place = self.records.as_ref()?.place(&self.context.id.connector, partition);
        let name = claim_name(&*self.context.clock);
        Some(Ledger::new(Arc::clone(&self.uploader), place, self.context.id.to_string(), name, cancel))
    }

    fn begin(
        &mut self,
        partition: &TopicPartition,
        id: u64,
        is_awaited: bool,
        work: impl Future<Output = Result<Done, UploadError>> + Send + 'static,
    ) {
        if let Some(assigned) = self.partitions.get(partition) {
            self.begin_as(partition, assigned.generation, id, is_awaited, work);
        }
    }

    fn begin_as(
        &mut self,
        partition: &TopicPartition,
        generation: u64,
        id: u64,
        is_awaited: bool,
        work: impl Future<Output = Result<Done, UploadError>> + Send + 'static,
    ) {
        self.running.insert((generation, id), is_awaited);
        self.finishing += usize::from(is_awaited);
        let partition = partition.clone();
        self.uploads.spawn(async move {
            let result = work.await;
            Outcome { partition, generation, body: id, result }
        });
    }
}
