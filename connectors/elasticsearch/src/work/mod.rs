//! The state of a task: what waits, what is on its way, what is done. One owner; batches come back as messages.

mod queue;
mod settle;

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use tokio::task::JoinSet;

use connect_core::error::{ConnectError, RecordFailure};
use connect_core::kit::{Lease, OffsetTracker};
use connect_core::record::{Offsets, SinkRecord, TopicPartition};
use connect_core::task::SinkTaskContext;

use crate::document::{Documents, Made};
use crate::flight::{Item, Landed, Sender};
use crate::settings::{Delivery, NullPolicy, Product, Settings};
use crate::throttle::Throttle;
use queue::{Queue, lane_of};

/// Longest wait of one `put` for room before partitions are paused instead: short enough for rebalances.
const ROOM_WAIT: Duration = Duration::from_secs(1);

/// Delivers the records of one task.
pub(crate) struct Work {
    context: SinkTaskContext,
    product: Product,
    delivery: Delivery,
    /// Whether a later operation on a document may depend on an earlier one without a version telling them apart.
    needs_lanes: bool,
    documents: Documents,
    sender: Arc<Sender>,
    queue: Queue,
    flights: JoinSet<(Landed, Duration)>,
    /// Batches that have landed since the task was started; those taken note of.
    landed: Arc<AtomicUsize>,
    settled: usize,
    /// Records on their way.
    flying: usize,
    flying_bytes: usize,
    throttle: Throttle,
    offsets: OffsetTracker,
    assigned: HashMap<TopicPartition, Assigned>,
    next_generation: u64,
    lease: Lease,
    is_paused: bool,
    /// Faults of the cluster in a row, and when the next request may be sent.
    faults: u32,
    held_until: Option<Instant>,
    is_troubled: bool,
    failure: Option<ConnectError>,
}

#[derive(Debug, Clone, Copy)]
struct Assigned {
    generation: u64,
    /// The next offset to take: a batch that comes again is taken only in part.
    next: i64,
}

impl Work {
    pub(crate) fn new(settings: Settings, sender: Sender, context: SinkTaskContext) -> Self {
        let Settings { product, rules, delivery, .. } = settings;
        let needs_lanes = rules.is_upsert || rules.nulls == NullPolicy::Delete || rules.id_format.is_some();
        let lease = context.budget.take(0);
        Self {
            throttle: Throttle::new(delivery.max_in_flight),
            queue: Queue::new(delivery.batch_records, delivery.batch_bytes),
            documents: Documents::new(rules),
            needs_lanes,
            product,
            delivery,
            sender: Arc::new(sender),
            context,
            flights: JoinSet::new(),
            landed: Arc::default(),
            settled: 0,
            flying: 0,
            flying_bytes: 0,
            offsets: OffsetTracker::default(),
            assigned: HashMap::new(),
            next_generation: 0,
            lease,
            is_paused: false,
            faults: 0,
            held_until: None,
            is_troubled: false,
            failure: None,
        }
    }

    /// Begins with partitions.
    pub(crate) fn open(&mut self, partitions: &[TopicPartition]) {
        for partition in partitions {
            self.offsets.forget(partition);
            self.next_generation += 1;
            let assigned = Assigned { generation: self.next_generation, next: i64::MIN };
            self.assigned.insert(partition.clone(), assigned);
        }
        // New partitions come unpaused.
        self.is_paused = false;
        self.regulate();
    }

    /// Forgets partitions. What of them is on its way may still arrive.
    pub(crate) fn close(&mut self, partitions: &[TopicPartition]) {
        for partition in partitions {
            self.assigned.remove(partition);
            self.offsets.forget(partition);
        }
        self.queue.retain(|item| !partitions.contains(&item.partition));
        self.account();
    }

    /// Takes a batch. Returns the records that cannot be made documents.
    ///
    /// # Errors
    /// Fatal when the task cannot go on.
    pub(crate) async fn put(&mut self, batch: &[SinkRecord]) -> Result<Vec<RecordFailure>, ConnectError> {
        self.reap();
        self.check()?;
        let mut failed = Vec::new();
        let (now, wall_ms) = (self.context.clock.now(), self.context.clock.wall_ms());
        for (index, record) in batch.iter().enumerate() {
            if let Err(error) = self.take(record, now, wall_ms) {
                if error.kind() != connect_core::error::ErrorKind::Data {
                    return Err(error);
                }
                match self.delivery.drops_invalid {
                    true => self.drop_invalid(record, error)?,
                    false => failed.push(RecordFailure { index, error }),
                }
            }
            if self.queue.is_full() {
                self.launch(false);
            }
        }
        self.launch(false);
        self.account();
        self.make_room().await?;
        self.regulate();
        Ok(failed)
    }

    /// Returns what may be committed, after waiting a little for what is on its way.
    ///
    /// # Errors
    /// None: a failure is told by the next `put`.
    pub(crate) async fn committable(&mut self, consumed: &Offsets) -> Offsets {
        self.reap();
        if self.failure.is_none() && (self.delivery.is_synchronous || self.held_until.is_none()) {
            self.drain(self.delivery.drain_limit).await;
        }
        self.offsets.committable(consumed)
    }

    /// Returns when `put` is wanted without records.
    pub(crate) fn next_wakeup_ms(&self) -> Option<u64> {
        if self.failure.is_some() || self.landed.load(Ordering::Acquire) != self.settled {
            return Some(0);
        }
        let due = self.next_launch()?;
        let wait = due.saturating_duration_since(self.context.clock.now());
        Some(u64::try_from(wait.as_micros().div_ceil(1000)).unwrap_or(u64::MAX))
    }

    fn nodes(&self) -> u32 {
        u32::try_from(self.sender.client.nodes()).unwrap_or(u32::MAX)
    }

    /// Ends everything that is on its way.
    pub(crate) async fn stop(&mut self) {
        self.flights.shutdown().await;
    }

    /// Returns when the next batch can be sent; `None` when nothing waits, or every request is on its way.
    fn next_launch(&self) -> Option<Instant> {
        if self.flights.len() >= self.throttle.limit() {
            return None;
        }
        let due = self.queue.due(self.delivery.linger)?;
        Some(self.held_until.map_or(due, |held| due.max(held)))
    }

    fn take(&mut self, record: &SinkRecord, now: Instant, wall_ms: i64) -> Result<(), ConnectError> {
        let partition = record.original_partition();
        let Some(assigned) = self.assigned.get_mut(&partition) else { return Ok(()) };
        if record.offset < assigned.next {
            return Ok(());
        }
        assigned.next = record.offset + 1;
        let generation = assigned.generation;
        let operation = match self.documents.make(record, wall_ms)? {
            Made::Operation(operation) => operation,
            Made::Nothing => return self.pass_over_null(record),
        };
        let lane = if self.needs_lanes { lane_of(&operation) } else { None };
        self.offsets.take(&partition, record.offset, record.offset + 1);
        let is_kept = self.context.errant_reporter.is_some();
        let item = Item {
            size_bytes: operation.size_bytes(),
            operation,
            partition,
            offset: record.offset,
            generation,
            lane,
            attempts: 0,
            due: None,
            record: is_kept.then(|| Box::new(record.clone())),
        };
        self.queue.push(item, now);
        Ok(())
    }

    fn pass_over_null(&self, record: &SinkRecord) -> Result<(), ConnectError> {
        tracing::trace!(
            task = %self.context.id, topic = %record.origin.topic, partition = record.origin.partition,
            offset = record.offset, "passing over a null value"
        );
        match &self.context.errant_reporter {
            Some(reporter) if self.delivery.reports_nulls => {
                reporter.report(record, ConnectError::fatal("Cannot write null valued record."))
            }
            _ => Ok(()),
        }
    }

    fn drop_invalid(&self, record: &SinkRecord, error: ConnectError) -> Result<(), ConnectError> {
        tracing::warn!(
            task = %self.context.id, topic = %record.origin.topic, partition = record.origin.partition,
            offset = record.offset, %error, "leaving out a record that cannot be a document"
        );
        match &self.context.errant_reporter {
            Some(reporter) => reporter.report(record, error),
            None => Ok(()),
        }
    }

    /// Sends batches while there is something to send and the number of requests allows it. Batches that are not
    /// full wait for the linger time, unless `everything` is to go.
    fn launch(&mut self, everything: bool) {
        let now = self.context.clock.now();
        if self.failure.is_some() || self.held_until.is_some_and(|held| now < held) {
            return;
        }
        while self.flights.len() < self.throttle.limit() {
            if !everything && !self.queue.is_ready(self.delivery.linger, now) {
                return;
            }
            let Some(items) = self.queue.next_batch(now) else { return };
            self.flying += items.len();
            self.flying_bytes += items.iter().map(|item| item.size_bytes).sum::<usize>();
            let (sender, landed) = (Arc::clone(&self.sender), Arc::clone(&self.landed));
            let handle = Arc::clone(&self.context.handle);
            self.flights.spawn(async move {
                let started = Instant::now();
                let result = sender.send(items).await;
                landed.fetch_add(1, Ordering::Release);
                // Resuming nothing wakes the loop, which then asks when `put` is wanted.
                handle.resume(&[]);
                (result, started.elapsed())
            });
        }
    }

    /// Waits until what is held is within its bounds, or for a second.
    async fn make_room(&mut self) -> Result<(), ConnectError> {
        let limit = tokio::time::sleep(ROOM_WAIT);
        tokio::pin!(limit);
        while self.is_over_bounds() && !self.flights.is_empty() {
            tokio::select! {
                biased;
                () = self.context.stop.cancelled() => return Ok(()),
                landed = self.flights.join_next() => self.settle_joined(landed),
                () = &mut limit => break,
            }
            self.check()?;
            self.launch(false);
            self.account();
        }
        self.check()
    }

    fn is_over_bounds(&self) -> bool {
        self.queue.len() + self.flying >= self.delivery.max_buffered || !self.context.budget.has_room(0)
    }

    /// Pauses partitions while too much is held, and resumes them when half of it is gone.
    fn regulate(&mut self) {
        let held = self.queue.len() + self.flying;
        let all = || self.assigned.keys().cloned().collect::<Vec<_>>();
        if !self.is_paused && self.is_over_bounds() {
            self.is_paused = true;
            self.context.handle.pause(&all());
        } else if self.is_paused && held <= self.delivery.max_buffered / 2 && self.context.budget.has_room(0)
        {
            self.is_paused = false;
            self.context.handle.resume(&all());
        }
    }

    /// Waits until everything is done that can be, at most `limit`.
    async fn drain(&mut self, limit: Duration) {
        let deadline = tokio::time::Instant::now() + limit;
        loop {
            self.launch(true);
            if self.failure.is_some() || (self.flights.is_empty() && self.queue.is_empty()) {
                break;
            }
            let pause = self.next_launch().map(|due| due.saturating_duration_since(self.context.clock.now()));
            let wake = tokio::time::Instant::now() + pause.unwrap_or(limit).max(Duration::from_millis(1));
            tokio::select! {
                biased;
                landed = self.flights.join_next(), if !self.flights.is_empty() => self.settle_joined(landed),
                () = tokio::time::sleep_until(deadline) => break,
                () = tokio::time::sleep_until(wake), if pause.is_some() => {}
            }
        }
        self.account();
        self.regulate();
    }

    /// Holds as much of the task's memory as the documents take.
    fn account(&mut self) {
        self.lease.resize(self.queue.bytes() + self.flying_bytes);
    }

    fn check(&mut self) -> Result<(), ConnectError> {
        match self.failure.take() {
            Some(error) => Err(error),
            None => Ok(()),
        }
    }
}
