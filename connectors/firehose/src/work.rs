//! The state of a task: what waits, what is on its way, what is done. One owner; requests come back as messages.

mod settle;

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use tokio::task::JoinSet;

use connect_core::error::{ConnectError, ErrorKind, RecordFailure};
use connect_core::kit::{Lease, OffsetTracker};
use connect_core::record::{Offsets, SinkRecord, TopicPartition};
use connect_core::task::SinkTaskContext;

use crate::client::DeliveryStream;
use crate::encoding::Encoding;
use crate::flight::{Landed, send};
use crate::pace::Pace;
use crate::queue::{Item, Queue};
use crate::settings::{Delivery, Settings};

/// Longest wait of one `put` for room before partitions are paused instead: short enough for rebalances.
const ROOM_WAIT: Duration = Duration::from_secs(1);

/// Delivers the records of one task.
pub(crate) struct Work {
    context: SinkTaskContext,
    name: String,
    encoder: Encoder,
    delivery: Delivery,
    stream: Arc<dyn DeliveryStream>,
    pace: Arc<Pace>,
    queue: Queue,
    flights: JoinSet<Landed>,
    /// Requests that have landed since the task was started; those taken note of.
    landed: Arc<AtomicUsize>,
    settled: usize,
    /// Records on their way.
    flying: usize,
    flying_bytes: usize,
    offsets: OffsetTracker,
    assigned: HashMap<TopicPartition, Assigned>,
    next_generation: u64,
    lease: Lease,
    is_paused: bool,
    /// Calls in a row that did not succeed as a whole, and when the next may be made.
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

/// Makes the bytes of records, and says which cannot be sent.
pub(crate) struct Encoder {
    encoding: Encoding,
    ignores_nulls: bool,
    max_entry_bytes: usize,
}

impl Encoder {
    pub(crate) fn new(settings: &Settings) -> Self {
        Self {
            encoding: settings.encoding.clone(),
            ignores_nulls: settings.ignores_nulls,
            max_entry_bytes: settings.limits.max_entry_bytes,
        }
    }

    /// Returns the bytes of a record; `None` for one that is passed over.
    ///
    /// # Errors
    /// A data error when the record cannot be sent.
    pub(crate) fn encode(&self, record: &SinkRecord) -> Result<Option<connect_core::Bytes>, ConnectError> {
        if record.value.is_null() {
            return match self.ignores_nulls {
                true => Ok(None),
                false => Err(ConnectError::data(
                    "sending a null value to Firehose (`behavior.on.null.values=ignore` passes over it)",
                )),
            };
        }
        let data = self.encoding.encode(record)?;
        match data.len() {
            0 => Err(ConnectError::data("sending an empty value to Firehose, which takes none")),
            size if size > self.max_entry_bytes => Err(ConnectError::data(format!(
                "sending a record of {size} bytes to Firehose, which takes at most {}",
                self.max_entry_bytes
            ))),
            _ => Ok(Some(data)),
        }
    }
}

impl Work {
    pub(crate) fn new(settings: Settings, stream: Arc<dyn DeliveryStream>, context: SinkTaskContext) -> Self {
        Self {
            encoder: Encoder::new(&settings),
            pace: Pace::of(&settings.aws.identity()),
            name: settings.aws.stream,
            queue: Queue::new(settings.limits),
            delivery: settings.delivery,
            stream,
            lease: context.budget.take(0),
            context,
            flights: JoinSet::new(),
            landed: Arc::default(),
            settled: 0,
            flying: 0,
            flying_bytes: 0,
            offsets: OffsetTracker::default(),
            assigned: HashMap::new(),
            next_generation: 0,
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

    /// Takes a batch. Returns the records that cannot be sent.
    ///
    /// # Errors
    /// Fatal when the task cannot go on.
    pub(crate) async fn put(&mut self, batch: &[SinkRecord]) -> Result<Vec<RecordFailure>, ConnectError> {
        self.reap();
        self.check()?;
        let mut failed = Vec::new();
        let now = self.context.clock.now();
        for (index, record) in batch.iter().enumerate() {
            match self.take(record, now) {
                Ok(()) => {}
                Err(error) if error.kind() == ErrorKind::Data => failed.push(RecordFailure { index, error }),
                Err(error) => return Err(error),
            }
        }
        self.launch(false);
        self.account();
        self.make_room().await?;
        self.regulate();
        Ok(failed)
    }

    /// Returns what may be committed, after waiting a little for what is on its way. A failure is told by the next
    /// `put`.
    pub(crate) async fn committable(&mut self, consumed: &Offsets) -> Offsets {
        self.reap();
        if self.failure.is_none() && !self.is_troubled {
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

    /// Ends everything that is on its way.
    pub(crate) async fn stop(&mut self) {
        self.flights.shutdown().await;
    }

    /// Returns when the next request can be made; `None` when nothing waits, or every request is on its way.
    fn next_launch(&self) -> Option<Instant> {
        if self.flights.len() >= self.delivery.max_in_flight {
            return None;
        }
        let now = self.context.clock.now();
        let due = self.queue.due(now)?;
        Some(due.max(self.held(now).unwrap_or(due)))
    }

    /// Returns until when nothing may be sent.
    fn held(&self, now: Instant) -> Option<Instant> {
        self.held_until.filter(|held| *held > now).max(self.pace.held_until(now))
    }

    fn take(&mut self, record: &SinkRecord, now: Instant) -> Result<(), ConnectError> {
        let partition = record.original_partition();
        let Some(assigned) = self.assigned.get_mut(&partition) else { return Ok(()) };
        if record.offset < assigned.next {
            return Ok(());
        }
        assigned.next = record.offset + 1;
        let generation = assigned.generation;
        let Some(data) = self.encoder.encode(record)? else {
            tracing::trace!(
                task = %self.context.id, topic = %record.origin.topic, partition = record.origin.partition,
                offset = record.offset, "passing over a null value"
            );
            return Ok(());
        };
        self.offsets.take(&partition, record.offset, record.offset + 1);
        let is_kept = self.context.errant_reporter.is_some();
        self.queue.push(Item {
            data,
            partition,
            offset: record.offset,
            generation,
            since: now,
            attempts: 0,
            due: None,
            is_alone: false,
            record: is_kept.then(|| Box::new(record.clone())),
        });
        Ok(())
    }

    /// Makes requests while there is something to send and their number allows it. Requests that are not full wait
    /// for the linger time, unless `everything` is to go.
    fn launch(&mut self, everything: bool) {
        let now = self.context.clock.now();
        if self.failure.is_some() || self.held(now).is_some() {
            return;
        }
        while self.flights.len() < self.delivery.max_in_flight {
            if !everything && self.queue.due(now).is_none_or(|due| due > now) {
                return;
            }
            let Some(entries) = self.queue.next_request(now) else { return };
            for item in entries.iter().flat_map(|entry| &entry.items) {
                self.flying += 1;
                self.flying_bytes += item.data.len();
            }
            let (stream, landed) = (Arc::clone(&self.stream), Arc::clone(&self.landed));
            let handle = Arc::clone(&self.context.handle);
            self.flights.spawn(async move {
                let result = send(stream, entries, now).await;
                landed.fetch_add(1, Ordering::Release);
                // Resuming nothing wakes the loop, which then asks when `put` is wanted.
                handle.resume(&[]);
                result
            });
        }
    }

    /// Waits until what is held is within its bounds, or for a second.
    async fn make_room(&mut self) -> Result<(), ConnectError> {
        let limit = tokio::time::sleep(ROOM_WAIT);
        tokio::pin!(limit);
        while self.is_over_bounds() && !self.flights.is_empty() {
            tokio::select! {
                biased; // A task that must end does not wait for room.
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
                biased; // What has landed is looked at before the limit is.
                landed = self.flights.join_next(), if !self.flights.is_empty() => self.settle_joined(landed),
                () = tokio::time::sleep_until(deadline) => break,
                () = tokio::time::sleep_until(wake), if pause.is_some() => {}
            }
        }
        self.account();
        self.regulate();
    }

    /// Holds as much of the task's memory as the records take.
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

#[cfg(test)]
mod tests;
