//! What follows from the end of a request: done, again, or refused, each entry by itself.

use std::time::Duration;

use tokio::task::JoinError;

use connect_core::error::ConnectError;
use connect_core::record::TopicPartition;

use super::Work;
use crate::flight::{Fault, Landed, Verdict};
use crate::queue::{Entry, Item};

/// Longest wait between two attempts.
const MAX_DELAY: Duration = Duration::from_secs(20);
/// Attempts after which a fault is reported as trouble: most pass before.
const TROUBLE_AFTER: u32 = 4;
/// Entries of a request from which its throttled share tells of the stream: one that is sent again by itself tells
/// little, and must not hold the records of all tasks.
const TELLING: usize = 10;

type Joined = Option<Result<Landed, JoinError>>;

impl Work {
    /// Takes note of the requests that have landed.
    pub(super) fn reap(&mut self) {
        while let Some(joined) = self.flights.try_join_next() {
            self.settle_joined(Some(joined));
        }
    }

    /// Acts on the end of one request.
    pub(super) fn settle_joined(&mut self, joined: Joined) {
        let Some(joined) = joined else { return };
        self.settled = self.settled.wrapping_add(1);
        match joined {
            Ok(landed) => self.settle(landed),
            Err(error) => self.fail(ConnectError::fatal("sending a request to Firehose").because(error)),
        }
    }

    fn settle(&mut self, landed: Landed) {
        let Landed { entries, sent, fault, refusal } = landed;
        let count = entries.len();
        let mut throttled = 0_usize;
        let mut worst: Option<(u32, String)> = None;
        let mut again = Vec::new();
        for (entry, verdict) in entries {
            throttled += usize::from(matches!(verdict, Verdict::Again { is_throttle: true, .. }));
            for item in &entry.items {
                self.flying -= 1;
                self.flying_bytes -= item.data.len();
                self.queue.release(&item.partition);
            }
            let known = self.judge(entry, verdict, refusal.is_none(), &mut again);
            worst = known.into_iter().chain(worst).max_by_key(|(attempts, _)| *attempts);
        }
        let is_clean = again.is_empty() && fault.is_none();
        self.queue.put_back(again);
        self.regulate_pace(count, throttled, fault.as_ref(), sent);
        if let Some(reason) = refusal {
            let name = &self.name;
            let text = format!("sending records to the Firehose stream `{name}`: {reason}");
            self.fail(ConnectError::fatal(text));
        }
        match fault {
            Some(fault) => self.hold(&fault),
            None => self.faults = 0,
        }
        match worst {
            Some((attempts, reason)) if attempts >= TROUBLE_AFTER => self.tell_trouble(&reason),
            _ if is_clean && self.is_troubled => {
                self.is_troubled = false;
                self.context.handle.report_trouble(None);
            }
            _ => {}
        }
    }

    /// Decides about the records of an entry; those to be sent again go to `again`. Returns attempts and reason of
    /// one that was not taken now.
    fn judge(
        &mut self,
        entry: Entry,
        verdict: Verdict,
        may_refuse: bool,
        again: &mut Vec<Item>,
    ) -> Option<(u32, String)> {
        let is_joined = entry.items.len() > 1;
        let mut known = None;
        for mut item in entry.items {
            if self.assigned.get(&item.partition).is_none_or(|known| known.generation != item.generation) {
                continue;
            }
            match &verdict {
                Verdict::Accepted => self.offsets.finish(&item.partition, item.offset),
                Verdict::Unsent => {
                    self.check_age(&item, "it is not known to have been accepted");
                    again.push(item);
                }
                Verdict::Again { reason, .. } => {
                    item.attempts += 1;
                    item.due = Some(self.context.clock.now() + self.backoff(item.attempts));
                    self.check_age(&item, reason);
                    if known.is_none() {
                        known = Some((item.attempts, format!("{}: {reason}", place(&item))));
                    }
                    again.push(item);
                }
                // Which of the joined records is at fault shows when each goes by itself.
                Verdict::Invalid(_) if is_joined => {
                    item.is_alone = true;
                    again.push(item);
                }
                Verdict::Invalid(reason) if may_refuse => {
                    self.refuse(&item, reason);
                    self.offsets.finish(&item.partition, item.offset);
                }
                Verdict::Invalid(_) => again.push(item),
            }
        }
        known
    }

    /// Tells all tasks of the stream how it fared.
    fn regulate_pace(&self, count: usize, throttled: usize, fault: Option<&Fault>, sent: std::time::Instant) {
        let (now, chance) = (self.context.clock.now(), self.context.clock.chance());
        match fault {
            Some(fault) if fault.is_throttle => {
                self.pace.throttled(1.0, fault.after, chance, sent, now);
            }
            Some(_) => {}
            None if throttled > 0 => {
                #[expect(clippy::cast_precision_loss, reason = "at most some hundred entries")]
                let share = throttled as f64 / count.max(TELLING) as f64;
                self.pace.throttled(share, None, chance, sent, now);
            }
            None => self.pace.accepted(),
        }
    }

    /// Hands over a record that Firehose refuses for good, or fails the task with it.
    fn refuse(&mut self, item: &Item, reason: &str) {
        let text = format!("sending the {}: Firehose refuses it: {reason}", place(item));
        tracing::debug!(
            task = %self.context.id, topic = %item.partition.topic, partition = item.partition.partition,
            offset = item.offset, reason, "a record is refused"
        );
        let error = ConnectError::fatal(text);
        match (&self.context.errant_reporter, &item.record) {
            (Some(reporter), Some(record)) => {
                if let Err(error) = reporter.report(record, error) {
                    self.fail(error);
                }
            }
            _ => self.fail(error),
        }
    }

    /// Fails the task when a record was tried for too long.
    fn check_age(&mut self, item: &Item, reason: &str) {
        let age = self.context.clock.now().saturating_duration_since(item.since);
        if self.delivery.retry_limit.is_some_and(|limit| age >= limit) {
            self.fail(ConnectError::fatal(format!(
                "sending the {}: given up after {} ms (`retry.max.time.ms`): {reason}",
                place(item),
                age.as_millis()
            )));
        }
    }

    /// Sends nothing for a while, because a call did not succeed as a whole. What the stream's throttles ask for is
    /// held by all its tasks.
    fn hold(&mut self, fault: &Fault) {
        self.faults += 1;
        let delay = fault.after.map_or_else(|| self.backoff(self.faults), |after| after.min(MAX_DELAY));
        let until = self.context.clock.now() + delay;
        self.held_until = self.held_until.max(Some(until));
        tracing::debug!(task = %self.context.id, reason = fault.reason, ?delay, "a request is tried again");
        if self.faults >= TROUBLE_AFTER {
            self.tell_trouble(&fault.reason);
        }
    }

    fn tell_trouble(&mut self, reason: &str) {
        if !self.is_troubled {
            self.is_troubled = true;
            let text = format!("the Firehose stream `{}` does not take all records: {reason}", self.name);
            self.context.handle.report_trouble(Some(text));
        }
    }

    /// Returns the wait before an attempt: up to the doubled base, by chance.
    fn backoff(&self, attempts: u32) -> Duration {
        let doubled = self.delivery.retry_backoff.saturating_mul(1 << attempts.saturating_sub(1).min(20));
        doubled.min(MAX_DELAY).mul_f64(self.context.clock.chance().clamp(0.0, 1.0))
    }

    /// The first failure is told; those that follow from it are not.
    fn fail(&mut self, error: ConnectError) {
        self.failure.get_or_insert(error);
    }
}

fn place(item: &Item) -> String {
    let TopicPartition { topic, partition } = &item.partition;
    format!("record of topic `{topic}` partition {partition} offset {}", item.offset)
}
