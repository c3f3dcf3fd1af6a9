//! What follows from the end of an upload.

use tokio::task::JoinError;

use connect_core::error::ConnectError;
use connect_core::record::TopicPartition;

use crate::upload::UploadError;

use super::assigned::Assigned;
use super::{ABORT_LIMIT, Done, Outcome, Work};

impl Work {
    /// Takes the outcomes that are there.
    pub(super) fn reap(&mut self) {
        while let Some(outcome) = self.uploads.try_join_next() {
            self.settle(outcome);
        }
    }

    /// Acts on one outcome.
    pub(super) fn settle(&mut self, outcome: Result<Outcome, JoinError>) {
        let outcome = match outcome {
            Ok(outcome) => outcome,
            Err(error) => {
                self.failure = Some(ConnectError::fatal("uploading an object").because(error));
                return;
            }
        };
        let Outcome { partition, generation, body, result } = outcome;
        if self.running.remove(&(generation, body)) == Some(true) {
            self.finishing -= 1;
        }
        let Some(assigned) = self.partitions.get_mut(&partition) else { return };
        if assigned.generation != generation {
            return;
        }
        match result {
            Ok(Done::Object(Some(object))) => {
                if let Some(standing) = &mut assigned.standing {
                    standing.prepared(body, object);
                }
                self.end_trouble(&partition);
                self.commit_ready(&partition);
            }
            Ok(Done::Claimed(claim)) => self.claimed(&partition, claim),
            Ok(Done::Committed(claim, bodies)) => self.committed(&partition, claim, bodies),
            Ok(Done::Abandoned) => {}
            Ok(Done::Object(None)) => {
                let resumes_at = assigned.written(body);
                self.end_trouble(&partition);
                match resumes_at {
                    Some(next) => self.go_on_after_existing(&partition, next),
                    None => self.reset_existing(&partition),
                }
            }
            Err(UploadError::Cancelled) => {}
            Err(UploadError::Exists) => {
                if let Some(next) = assigned.exists(body) {
                    self.go_on_after_existing(&partition, next);
                }
            }
            Err(UploadError::Fenced(error) | UploadError::Again(error)) => {
                let offset = assigned.first_unwritten();
                self.read_again(&partition, offset, &error);
            }
            Err(UploadError::Fatal(error)) => self.failure = Some(error),
        }
    }

    /// A conditional write met an object of its name. It was written by an earlier run and holds at least the record
    /// it is named by. When all objects closed with it are settled, the rest is read again from there.
    fn go_on_after_existing(&mut self, partition: &TopicPartition, next: i64) {
        let Some(assigned) = self.partitions.get_mut(partition) else { return };
        assigned.existing += 1;
        if assigned.existing > self.max_existing {
            self.failure = Some(ConnectError::fatal(format!(
                "writing objects of `{partition}`: {} names in a row exist already, up to offset `{next}`; remove \
                 them, or set `enable.conditional.writes` to false to overwrite them",
                assigned.existing
            )));
            return;
        }
        let error = ConnectError::retriable(format!(
            "writing an object of `{partition}` that exists already; going on from offset `{next}`"
        ));
        self.read_again(partition, Some(next), &error);
    }

    fn reset_existing(&mut self, partition: &TopicPartition) {
        if let Some(assigned) = self.partitions.get_mut(partition) {
            assigned.existing = 0;
        }
    }

    /// Drops what a partition holds and has it read again, after `retry.backoff.ms`.
    fn read_again(&mut self, partition: &TopicPartition, offset: Option<i64>, error: &ConnectError) {
        if self.records.is_some() {
            return self.lose(partition, error);
        }
        let (Some(offset), Some(assigned)) = (offset, self.partitions.get_mut(partition)) else { return };
        tracing::warn!(
            task = %self.context.id, topic = %partition.topic, partition = partition.partition, offset, %error,
            "reading a partition again because an upload did not succeed"
        );
        self.next_generation += 1;
        let now_ms = self.context.clock.wall_ms();
        let budget = self.context.budget.clone();
        let fresh = Assigned::new(self.rules.clone(), budget, now_ms, self.next_generation);
        assigned.rewind(fresh, offset, self.context.clock.now() + self.retry_wait);
        self.context.handle.pause(std::slice::from_ref(partition));
        self.context.handle.rewind(partition.clone(), offset);
        self.troubled.insert(partition.clone());
        self.context.handle.report_trouble(Some(error.to_string()));
    }

    /// Notes that a partition can be written (again).
    pub(super) fn end_trouble(&mut self, partition: &TopicPartition) {
        if self.troubled.remove(partition) && self.troubled.is_empty() {
            self.context.handle.report_trouble(None);
        }
    }

    /// Waits a little for uploads of closed partitions to give up their parts.
    pub(super) async fn await_given_up(&mut self) {
        self.reap();
        let limit = tokio::time::sleep(ABORT_LIMIT);
        tokio::pin!(limit);
        while self.given_up() > 0 {
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

    /// Returns how many uploads under way belong to no assignment any more.
    fn given_up(&self) -> usize {
        let is_current =
            |generation: u64| self.partitions.values().any(|assigned| assigned.generation == generation);
        self.running.keys().filter(|(generation, _)| !is_current(*generation)).count()
    }
}
