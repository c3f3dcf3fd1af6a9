//! Changes of the assignment: flush, commit and close before partitions go, open when they come.

use super::*;

impl SinkLoop {
    /// Deals with one change of the assignment.
    pub(super) async fn rebalance(&mut self, rebalance: Rebalance) -> Result<(), ConnectError> {
        let mut starts = Offsets::new();
        let outcome = match &rebalance {
            Rebalance::Assigned(partitions) => match self.assigned(partitions).await {
                Ok(found) => {
                    starts = found;
                    Ok(())
                }
                Err(error) => Err(error),
            },
            Rebalance::Revoked(partitions) => self.close(partitions, CloseReason::Revoked).await,
            Rebalance::Lost(partitions) => self.close(partitions, CloseReason::Lost).await,
        };
        // The client waits for this answer even when the task failed.
        let finished = self.consumer.finish_rebalance(&rebalance, &starts);
        outcome?;
        finished.map_err(|error| ConnectError::fatal("changing the assignment").because(error))?;
        self.metrics.partition_count(self.offsets.assigned().len() as u64);
        // New partitions take part in a pause; those left go on if the batch held for a redelivery is gone.
        self.apply_pauses()
    }

    /// Opens partitions. Returns where the task wants to read from, if it asked for that in `open`.
    async fn assigned(&mut self, partitions: &[TopicPartition]) -> Result<Offsets, ConnectError> {
        if partitions.is_empty() {
            return Ok(Offsets::new());
        }
        tracing::info!(task = %self.spec.id, partitions = %shown(partitions), "partitions assigned");
        let committed = loop {
            let lookup = self.consumer.committed(partitions);
            let found = tokio::select! {
                biased; // A cluster that does not answer must not delay the end of the task.
                () = self.control.stop.cancelled() => return Ok(Offsets::new()),
                found = lookup => found,
            };
            match found {
                Ok(committed) => break committed,
                Err(error) => {
                    tracing::warn!(task = %self.spec.id, %error, "reading committed offsets; it is tried again");
                    tokio::time::sleep(Duration::from_millis(500)).await;
                }
            }
        };
        self.offsets.assign(partitions, &committed);
        self.task.open_at(partitions, &committed).await?;
        let starts = self.signals.take_rewinds(partitions);
        for (partition, offset) in &starts {
            self.offsets.rewind(partition, *offset);
        }
        Ok(starts)
    }

    /// Closes partitions; unless they are lost, what can be made durable is committed before.
    pub(super) async fn close(
        &mut self,
        partitions: &[TopicPartition],
        reason: CloseReason,
    ) -> Result<(), ConnectError> {
        let owned: Vec<TopicPartition> = partitions
            .iter()
            .filter(|partition| self.offsets.assigned().contains(*partition))
            .cloned()
            .collect();
        if owned.is_empty() {
            return Ok(());
        }
        let reason = if (self.services.right)() { reason } else { CloseReason::Lost };
        tracing::info!(task = %self.spec.id, partitions = %shown(&owned), ?reason, "closing partitions");
        let offsets = match reason {
            CloseReason::Lost => Ok(None),
            CloseReason::Revoked | CloseReason::Stopping => self.flush(&owned).await,
        };
        // `close` follows `pre_commit` even when that failed (`WorkerSinkTask.closePartitions`).
        let closed = self.task.close(&owned, reason).await;
        let committed = match offsets {
            Ok(Some(offsets)) => self.commit_now(offsets).await,
            Ok(None) => Ok(()),
            Err(error) => Err(error),
        };
        self.retain_undelivered(|record| !owned.contains(&record.original_partition()));
        // Asked for until now, also by `pre_commit` and `close`: a task that gets a partition back begins anew.
        self.signals.forget(&owned);
        for partition in &owned {
            self.task_paused.remove(partition);
            self.lag.forget(partition);
        }
        self.offsets.forget(&owned);
        closed.and(committed)
    }

    async fn flush(&mut self, partitions: &[TopicPartition]) -> Result<Option<Offsets>, ConnectError> {
        // A commit on its way could overtake the one made here.
        if let Some(Ok((offsets, _))) = self.commits.wait().await {
            self.offsets.commit(&offsets);
        }
        if let Some(dlq) = self.errors.dlq().cloned() {
            dlq.flush(self.services.worker.offset_flush_timeout).await;
        }
        self.committable(partitions, true).await
    }

    async fn commit_now(&mut self, offsets: Offsets) -> Result<(), ConnectError> {
        if self.control.cancel.is_cancelled() {
            return Ok(());
        }
        let started = Instant::now();
        match self.consumer.commit(&offsets).await {
            Ok(()) => {
                self.offsets.commit(&offsets);
                self.metrics.commit_succeeded(started.elapsed());
            }
            // The records come again to whoever owns the partitions next.
            Err(error) => {
                tracing::warn!(task = %self.spec.id, %error, "committing offsets before closing");
                self.metrics.commit_failed(Duration::ZERO);
            }
        }
        Ok(())
    }

    /// Closes what is left when the task ends.
    pub(super) async fn close_all(&mut self) -> Result<(), ConnectError> {
        let all: Vec<TopicPartition> = self.offsets.assigned().iter().cloned().collect();
        self.close(&all, CloseReason::Stopping).await
    }
}

fn shown(partitions: &[TopicPartition]) -> String {
    let names: Vec<String> = partitions.iter().map(ToString::to_string).collect();
    names.join(", ")
}
