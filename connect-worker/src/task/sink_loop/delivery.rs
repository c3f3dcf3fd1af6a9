//! Polling, delivering and committing.

use std::ops::Range;

use super::*;

impl SinkLoop {
    /// Polls once: takes records, deals with changes of the assignment. Returns whether records came.
    pub(super) async fn poll(&mut self) -> Result<bool, ConnectError> {
        // While dead letters wait for room, the consumer is kept alive but gives no more records.
        let is_held = self.errors.dlq().is_some_and(|dlq| dlq.is_backlogged());
        let max = if is_held { 0 } else { self.poll_records };
        let polled = self.consumer.poll(max, &mut self.raw);
        polled.map_err(|error| self.consuming_failed(error))?;
        let has_records = !self.raw.records.is_empty();
        if has_records {
            self.convert().await?;
        }
        while let Some(rebalance) = self.consumer.next_rebalance() {
            // Records of this poll were consumed under the old assignment.
            if !matches!(rebalance, Rebalance::Lost(_)) {
                self.deliver().await?;
            }
            self.rebalance(rebalance).await?;
        }
        Ok(has_records)
    }

    async fn convert(&mut self) -> Result<(), ConnectError> {
        self.metrics.polled(self.raw.records.len() as u64);
        let mut first = Offsets::new();
        if self.offsets.committed().len() < self.offsets.assigned().len() {
            for raw in &self.raw.records {
                let partition = TopicPartition { topic: Arc::clone(&raw.topic), partition: raw.partition };
                first.entry(partition).or_insert(raw.offset);
            }
        }
        let started_ms = self.raw.records.first().and_then(|raw| raw.timestamp);
        let mut next = Offsets::new();
        let converting = self.pipeline.convert(&mut self.raw, &mut self.batch, &mut next);
        let topics = keeping_alive(&mut *self.consumer, converting).await;
        let topics = topics.map_err(|error| self.consuming_failed(error))??;
        self.offsets.consume(&first, &next);
        let started_ms = started_ms.unwrap_or_else(|| self.services.clock.wall_ms());
        for (partition, offset) in &next {
            self.lag.consumed(partition, *offset, started_ms);
        }
        for topic in topics {
            self.control.report_topic(topic);
        }
        Ok(())
    }

    /// Puts the waiting batch, or an empty one when it is time for that.
    pub(super) async fn deliver(&mut self) -> Result<(), ConnectError> {
        // After a pause of the whole process others may have taken over before this worker hears of it.
        if !(self.services.right)() {
            return Ok(());
        }
        let now = Instant::now();
        if self.redelivery.as_ref().is_some_and(|redelivery| now < redelivery.due) {
            return Ok(());
        }
        let idle =
            self.task.next_wakeup_ms().map_or(KEEP_ALIVE, |ms| Duration::from_millis(ms).min(KEEP_ALIVE));
        if self.batch.is_empty() && now.duration_since(self.last_put) < idle {
            // A batch that was dropped whole by transforms counts as delivered.
            self.offsets.deliver();
            return Ok(());
        }
        self.last_put = now;
        loop {
            let part = self.parts.next(self.batch.len());
            let started = Instant::now();
            match self.put(part.clone()).await {
                Ok(report) => self.taken(&part, report, started.elapsed())?,
                Err(error) if error.is_retriable() => return self.deliver_again(&error),
                Err(error) if self.can_halve(&part, &error) => self.refused(&part, error)?,
                Err(error) => {
                    let text = "Exiting WorkerSinkTask due to unrecoverable exception.";
                    return Err(ConnectError::fatal(text).because(error));
                }
            }
            if self.parts.done() == self.batch.len() {
                return self.delivered();
            }
            // The loop has more to do than the many parts of a batch: it comes back to them.
            let is_over = now.elapsed() >= KEEP_ALIVE || self.control.stop.is_cancelled();
            if is_over || !(self.services.right)() {
                return self.deliver_later();
            }
        }
    }

    /// Calls `put` with a part of the batch, keeping the consumer alive however long it takes.
    async fn put(&mut self, part: Range<usize>) -> Result<PutReport, ConnectError> {
        let put = self.task.put(&self.batch[part]);
        let put = keeping_alive(&mut *self.consumer, put).await;
        put.map_err(|error| self.consuming_failed(error))?
    }

    pub(super) fn consuming_failed(&mut self, error: KafkaError) -> ConnectError {
        self.is_fenced = matches!(error, KafkaError::Fenced(_));
        ConnectError::fatal("consuming").because(error)
    }

    /// Deals with a part that was taken, but for the records that its report lists.
    fn taken(
        &mut self,
        part: &Range<usize>,
        report: PutReport,
        elapsed: Duration,
    ) -> Result<(), ConnectError> {
        self.metrics.put_batch(elapsed);
        for failed in report.failed {
            let Some(record) = self.batch[part.clone()].get(failed.index) else { continue };
            self.errors.handle(&FailedRecord::Sink(record), Failure::of_put(failed.error))?;
        }
        if let Some(error) = self.reporter.as_ref().and_then(|reporter| reporter.take_error()) {
            return Err(error);
        }
        self.metrics.sent(part.len() as u64);
        self.parts.pass(part);
        if let Some(redelivery) = &mut self.redelivery
            && redelivery.attempts > 0
        {
            redelivery.attempts = 0;
            self.consumer.tell_trouble(false);
            tracing::info!(task = %self.spec.id, "batch was taken after being tried again");
        }
        Ok(())
    }

    /// Returns whether the records at fault of a refused part are to be found. An error that does not promise that
    /// nothing was delivered fails the task, as any does in Kafka Connect: halves would repeat what was delivered.
    fn can_halve(&self, part: &Range<usize>, error: &ConnectError) -> bool {
        error.is_batch_refused() && self.errors.tolerates() && !part.is_empty()
    }

    /// Halves a part that the target refused whole; a record that is alone is at fault itself.
    fn refused(&mut self, part: &Range<usize>, error: ConnectError) -> Result<(), ConnectError> {
        if part.len() == 1 {
            let record = FailedRecord::Sink(&self.batch[part.start]);
            self.errors.handle(&record, Failure::of_put(error))?;
            self.parts.pass(part);
            return Ok(());
        }
        let records = part.len();
        if self.parts.is_split() {
            tracing::debug!(task = %self.spec.id, records, %error, "halving a part that was refused");
        } else {
            tracing::warn!(
                task = %self.spec.id, records, %error, cause = %error.trace(),
                "batch was refused as a whole; halving it to find the records at fault"
            );
        }
        self.parts.halve(part);
        Ok(())
    }

    /// Ends the delivery of a batch.
    fn delivered(&mut self) -> Result<(), ConnectError> {
        self.batch.clear();
        self.parts = Parts::default();
        self.offsets.deliver();
        if self.redelivery.take().is_some() {
            self.apply_pauses()?;
        }
        Ok(())
    }

    /// Leaves the rest of a batch for the next turn of the loop; no records are polled before.
    fn deliver_later(&mut self) -> Result<(), ConnectError> {
        if self.redelivery.is_none() {
            self.redelivery = Some(Redelivery { attempts: 0, due: Instant::now() });
            self.apply_pauses()?;
        }
        Ok(())
    }

    /// Keeps of the batch what is wanted and not delivered yet.
    pub(super) fn retain_undelivered(&mut self, is_wanted: impl Fn(&SinkRecord) -> bool) {
        self.batch.drain(..self.parts.done());
        // The rest may be refused again as a whole; it is another batch now.
        self.parts = Parts::default();
        self.batch.retain(is_wanted);
        if self.batch.is_empty() {
            self.redelivery = None;
        }
    }

    fn deliver_again(&mut self, error: &ConnectError) -> Result<(), ConnectError> {
        let attempts = self.redelivery.as_ref().map_or(0, |redelivery| redelivery.attempts);
        let wished = self.signals.take_retry_in();
        let delay = wished.unwrap_or_else(|| redelivery_delay(error, attempts, &*self.services.clock));
        if attempts == 0 {
            tracing::warn!(task = %self.spec.id, %error, cause = %error.trace(), "batch will be tried again");
        } else {
            tracing::debug!(task = %self.spec.id, %error, attempts, "batch will be tried again");
        }
        self.consumer.tell_trouble(true);
        self.redelivery = Some(Redelivery { attempts: attempts + 1, due: Instant::now() + delay });
        self.apply_pauses()
    }

    /// Finishes, times out and begins commits.
    pub(super) async fn commit_if_due(&mut self) -> Result<(), ConnectError> {
        let now = Instant::now();
        self.settle_commit(now).await;
        if now >= self.lag_due {
            self.lag_due = now + KEEP_ALIVE;
            self.report_lag();
        }
        self.drain_if_read(now).await?;
        if !self.commits.should_begin(now) || !(self.services.right)() {
            return Ok(());
        }
        let assigned: Vec<TopicPartition> = self.offsets.assigned().iter().cloned().collect();
        let Some(offsets) = self.committable(&assigned, false).await? else { return Ok(()) };
        self.commits.begin(self.consumer.commit(&offsets), offsets, now);
        Ok(())
    }

    async fn settle_commit(&mut self, now: Instant) {
        match self.commits.settle(now).await {
            None => {}
            Some(Ok((offsets, elapsed))) => {
                self.offsets.commit(&offsets);
                self.metrics.commit_succeeded(elapsed);
            }
            Some(Err(reason)) => {
                tracing::warn!(task = %self.spec.id, reason, "committing offsets; it is tried again");
                self.metrics.commit_failed(Duration::ZERO);
            }
        }
        self.metrics.offset_commit_seq(self.commits.sequence());
        self.metrics.active_count(self.offsets.active());
    }

    /// Returns what can be committed of the given partitions, if anything changed (`WorkerSinkTask.commitOffsets`).
    /// If `pre_commit` fails nothing is, and the task is set back to the committed offsets unless the partitions go.
    pub(super) async fn committable(
        &mut self,
        partitions: &[TopicPartition],
        is_closing: bool,
    ) -> Result<Option<Offsets>, ConnectError> {
        let asked = self.offsets.delivered(partitions);
        if asked.is_empty() {
            return Ok(None);
        }
        self.commits.note();
        let started = Instant::now();
        let mut offsets = match self.task.pre_commit(&asked).await {
            Ok(offsets) => offsets,
            Err(error) => {
                tracing::warn!(task = %self.spec.id, is_closing, %error, cause = %error.trace(), "flushing; nothing is committed");
                self.metrics.commit_failed(Duration::ZERO);
                if !is_closing {
                    self.rewind(self.offsets.committed().clone()).await?;
                }
                return Ok(None);
            }
        };
        if let Some(dlq) = self.errors.dlq() {
            dlq.hold_back(&mut offsets)?;
        }
        let accepted = self.offsets.accept(&offsets);
        if accepted.is_none() {
            self.metrics.commit_succeeded(started.elapsed());
        }
        Ok(accepted)
    }

    /// Reports how far the durable offsets are behind the ends of the partitions.
    fn report_lag(&mut self) {
        let (mut total, mut worst) = (0, 0);
        for partition in self.offsets.assigned() {
            // Where reading begins is known with the first record or commit; before that there is no lag to tell.
            let durable = self.offsets.committed().get(partition);
            if let (Some(end), Some(durable)) = (self.consumer.high_watermark(partition), durable) {
                let behind = u64::try_from(end - durable).unwrap_or(0);
                total += behind;
                worst = worst.max(behind);
            }
        }
        let oldest = self.lag.oldest_ms(self.offsets.committed());
        let age_ms = oldest.map_or(0, |oldest| self.services.clock.wall_ms() - oldest);
        self.metrics.lag(total, worst, Duration::from_millis(u64::try_from(age_ms).unwrap_or(0)));
    }
}

/// Waits for work that may take long, such as a `put` or a registry that is away, and keeps the consumer in its group.
pub(super) async fn keeping_alive<T>(
    consumer: &mut dyn BatchConsumer,
    work: impl Future<Output = T>,
) -> Result<T, KafkaError> {
    tokio::pin!(work);
    let mut none = RawBatch::default();
    loop {
        tokio::select! {
            biased; // The result comes first; the timer only matters while there is none.
            result = &mut work => return Ok(result),
            // Asking for no records resets the client's poll timer and changes nothing else.
            () = tokio::time::sleep(KEEP_ALIVE) => consumer.poll(0, &mut none)?,
        }
    }
}
