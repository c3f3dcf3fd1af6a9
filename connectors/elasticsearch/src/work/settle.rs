//! What follows from the end of a batch: done, again, or refused, each item by itself.

use std::collections::HashSet;
use std::time::Duration;

use tokio::task::JoinError;

use connect_core::error::ConnectError;

use super::Work;
use crate::bulk::Verdict;
use crate::flight::{Fault, Item, Landed};
use crate::operation::{Action, DocumentId};
use crate::settings::RefusalPolicy;

/// Longest wait between two tries.
const MAX_DELAY: Duration = Duration::from_secs(60);
/// Tries after which a fault is reported as trouble: most pass before.
const TROUBLE_AFTER: u32 = 3;

type Joined = Option<Result<(Landed, Duration), JoinError>>;

/// What becomes of an item.
enum Fate {
    /// Its offset is done.
    Finished,
    /// It is sent again, after a wait of its own if `is_delayed`.
    Again { reason: String, is_delayed: bool },
    /// It ends the task, and its offset stays open: it must not be passed over when the task is started again.
    Stuck,
}

impl Work {
    /// Takes note of the batches that have landed.
    pub(super) fn reap(&mut self) {
        while let Some(joined) = self.flights.try_join_next() {
            self.settle_joined(Some(joined));
        }
    }

    /// Acts on the end of one batch.
    pub(super) fn settle_joined(&mut self, joined: Joined) {
        let Some(joined) = joined else { return };
        self.settled = self.settled.wrapping_add(1);
        match joined {
            Ok((landed, elapsed)) => self.settle(landed, elapsed),
            Err(error) => self.failure = Some(ConnectError::fatal("sending a bulk request").because(error)),
        }
    }

    fn settle(&mut self, landed: Landed, elapsed: Duration) {
        let Landed { items, fault, refusal } = landed;
        self.flying -= items.len();
        self.flying_bytes -= items.iter().map(|(item, _)| item.size_bytes).sum::<usize>();
        let mut is_rejected = fault.is_some();
        let mut worst: Option<(u32, String)> = None;
        let mut again = Vec::new();
        // Later operations on a document are repeated with an earlier one, or they would end up in reverse.
        let mut broken = HashSet::new();
        for (mut item, verdict) in items {
            self.queue.release(item.lane);
            if self.assigned.get(&item.partition).is_none_or(|known| known.generation != item.generation) {
                continue;
            }
            is_rejected |= matches!(verdict, Verdict::Again { is_rejection: true, .. });
            let is_behind =
                item.operation.version.is_none() && item.lane.is_some_and(|lane| broken.contains(&lane));
            let fate = match is_behind {
                true => Fate::Again { reason: String::new(), is_delayed: false },
                false => self.judge(&mut item, verdict),
            };
            match fate {
                Fate::Finished => self.offsets.finish(&item.partition, item.offset),
                Fate::Stuck => {}
                Fate::Again { reason, is_delayed } => {
                    broken.extend(item.lane);
                    if is_delayed {
                        self.delay(&mut item, &reason);
                        if worst.as_ref().is_none_or(|(attempts, _)| item.attempts > *attempts) {
                            worst = Some((item.attempts, format!("{}: {reason}", item.place())));
                        }
                    }
                    again.push(item);
                }
            }
        }
        let is_clean = again.is_empty() && fault.is_none();
        self.queue.put_back(again);
        self.queue.wake(self.context.clock.now());
        match is_rejected {
            true => self.throttle.rejected(),
            false => self.throttle.taken(elapsed),
        }
        if let Some(reason) = refusal {
            self.fail(ConnectError::fatal(format!("sending documents to {}: {reason}", self.product.name())));
        }
        match fault {
            Some(fault) => self.hold(&fault),
            None => {
                self.faults = 0;
                self.held_until = None;
            }
        }
        self.report(is_clean, worst);
    }

    fn judge(&mut self, item: &mut Item, verdict: Verdict) -> Fate {
        match verdict {
            Verdict::Done => Fate::Finished,
            Verdict::Unsent => Fate::Again { reason: String::new(), is_delayed: false },
            Verdict::Again { reason, .. } => Fate::Again { reason, is_delayed: true },
            Verdict::NoIndex(reason) => {
                item.operation.resource = self.documents.renew(&item.operation.resource);
                Fate::Again { reason, is_delayed: true }
            }
            Verdict::Conflict(reason) => self.judge_conflict(item, reason),
            Verdict::Malformed(reason) => {
                let advice =
                    "correct the record or the index's mapping, or set `behavior.on.malformed.documents`";
                self.refuse(item, &reason, self.delivery.malformed, advice)
            }
            Verdict::Refused(reason) => {
                let advice = "the reason of the cluster says what is missing";
                self.refuse(item, &reason, RefusalPolicy::Fail, advice)
            }
        }
    }

    /// A conflict under an external version, or on the coordinates of a record, is its own earlier delivery or a
    /// newer record of its key.
    fn judge_conflict(&mut self, item: &Item, reason: String) -> Fate {
        let operation = &item.operation;
        match (operation.action, &operation.id) {
            // Another writer was faster more often than the cluster tries by itself; nothing is lost by another try.
            (Action::Update { .. }, _) => Fate::Again { reason, is_delayed: true },
            (Action::Create, DocumentId::Coordinates { .. }) => Fate::Finished,
            _ if operation.version.is_some() => {
                let advice = "a newer version is there already; see `behavior.on.version.conflict`";
                self.refuse(item, &reason, self.delivery.conflicts, advice)
            }
            _ => {
                let advice = "a document with this id exists already and is kept";
                let policy = RefusalPolicy::Warn { is_reported: operation.action != Action::Create };
                self.refuse(item, &reason, policy, advice)
            }
        }
    }

    /// Acts on a record that the cluster refuses for good.
    fn refuse(&mut self, item: &Item, reason: &str, policy: RefusalPolicy, advice: &str) -> Fate {
        let (is_reported, is_warned) = match policy {
            RefusalPolicy::Ignore { is_reported } => (is_reported, false),
            RefusalPolicy::Warn { is_reported } => (is_reported, true),
            RefusalPolicy::Fail => (true, false),
        };
        let product = self.product.name();
        let text = || format!("writing the {}: {product} refuses it: {reason}; {advice}", item.place());
        if is_warned {
            tracing::warn!(
                task = %self.context.id, topic = %item.partition.topic, partition = item.partition.partition,
                offset = item.offset, reason, "a record is left out"
            );
        } else {
            tracing::debug!(
                task = %self.context.id, topic = %item.partition.topic, partition = item.partition.partition,
                offset = item.offset, reason, "a record is refused"
            );
        }
        if let (true, Some(reporter), Some(record)) =
            (is_reported, &self.context.errant_reporter, &item.record)
            && let Err(error) = reporter.report(record, ConnectError::fatal(text()))
        {
            self.fail(error);
            return Fate::Stuck;
        }
        if policy == RefusalPolicy::Fail {
            self.fail(ConnectError::fatal(text()));
            return Fate::Stuck;
        }
        Fate::Finished
    }

    /// Sets the time of an item's next attempt, or fails the task when there is none.
    fn delay(&mut self, item: &mut Item, reason: &str) {
        item.attempts += 1;
        if self.delivery.max_retries.is_some_and(|most| item.attempts > most) {
            self.fail(ConnectError::fatal(format!(
                "writing the {}: given up after {} attempts (`max.retries`): {reason}",
                item.place(),
                item.attempts
            )));
        }
        item.due = Some(self.context.clock.now() + self.backoff(item.attempts, None));
    }

    /// Sends nothing for a while, because the cluster did not answer or asked for that.
    fn hold(&mut self, fault: &Fault) {
        self.faults += 1;
        let delay = self.backoff(self.faults, fault.after);
        let until = self.context.clock.now() + delay;
        self.held_until = Some(self.held_until.map_or(until, |held| held.max(until)));
        tracing::debug!(task = %self.context.id, reason = fault.reason, ?delay, "a bulk request is tried again");
        // Each node of the cluster has its chance before the task gives up.
        let most = self.delivery.max_retries.map(|most| most.max(self.nodes() - 1));
        if most.is_some_and(|most| self.faults > most) {
            self.fail(ConnectError::fatal(format!(
                "sending documents to {}: given up after {} attempts (`max.retries`): {}",
                self.product.name(),
                self.faults,
                fault.reason
            )));
        } else if self.faults >= TROUBLE_AFTER {
            self.tell_trouble(&fault.reason);
        }
    }

    fn report(&mut self, is_clean: bool, worst: Option<(u32, String)>) {
        match worst {
            Some((attempts, reason)) if attempts >= TROUBLE_AFTER => self.tell_trouble(&reason),
            _ if is_clean && self.is_troubled => {
                self.is_troubled = false;
                self.context.handle.report_trouble(None);
            }
            _ => {}
        }
    }

    fn tell_trouble(&mut self, reason: &str) {
        if !self.is_troubled {
            self.is_troubled = true;
            let text = format!("{} does not take all documents: {reason}", self.product.name());
            self.context.handle.report_trouble(Some(text));
        }
    }

    /// Returns the wait before a try: what the cluster asked for, else up to the doubled base, by chance.
    fn backoff(&self, attempts: u32, asked: Option<Duration>) -> Duration {
        if let Some(asked) = asked {
            return asked.min(MAX_DELAY);
        }
        let doubled = self.delivery.retry_backoff.saturating_mul(1 << attempts.saturating_sub(1).min(20));
        doubled.min(MAX_DELAY).mul_f64(self.context.clock.chance().clamp(0.0, 1.0))
    }

    /// The first failure is told; those that follow from it are not.
    fn fail(&mut self, error: ConnectError) {
        self.failure.get_or_insert(error);
    }
}
