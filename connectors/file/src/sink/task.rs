//! The sink task: one write a batch, and patience with a full disk.

use std::collections::BTreeMap;
use std::io;
use std::ops::RangeInclusive;
use std::time::Duration;

use connect_core::async_trait;
use connect_core::config::Props;
use connect_core::error::ConnectError;
use connect_core::kit::{Backoff, RetryPolicy};
use connect_core::record::{Offsets, SinkRecord, TopicPartition};
use connect_core::task::{CloseReason, PutReport, SinkTask, SinkTaskContext};

use crate::config::{SinkConfig, named};
use crate::sink::output::Output;
use crate::sink::text::append_line;

const FULL_DISK_RETRY: RetryPolicy = RetryPolicy {
    base: Duration::from_secs(1),
    cap: Duration::from_secs(30),
    max_retries: u32::MAX,
    max_elapsed: None,
};

/// Appends records to one file.
#[derive(Default)]
pub(crate) struct FileStreamSinkTask {
    running: Option<Running>,
}

struct Running {
    context: SinkTaskContext,
    name: String,
    output: Output,
    /// Records whose lines already wait in the output because writing them was broken off.
    waiting: BTreeMap<TopicPartition, RangeInclusive<i64>>,
    backoff: Option<Backoff>,
}

#[async_trait]
impl SinkTask for FileStreamSinkTask {
    async fn start(&mut self, context: SinkTaskContext, props: &Props) -> Result<(), ConnectError> {
        let config = SinkConfig::parse(props)?;
        let file = named(config.file.as_ref());
        let output = Output::open(file)?;
        let name = file.unwrap_or("standard output").to_owned();
        self.running = Some(Running { context, name, output, waiting: BTreeMap::new(), backoff: None });
        Ok(())
    }

    async fn put(&mut self, batch: &[SinkRecord]) -> Result<PutReport, ConnectError> {
        let running = self.running()?;
        for record in batch {
            if !running.is_waiting(record) {
                append_line(&mut running.output.lines, &record.value);
            }
        }
        let _lease = running.context.budget.take(running.output.lines.len());
        match running.output.write().await {
            Ok(()) => running.recover(),
            Err(error) => return Err(running.refuse(batch, error)),
        }
        Ok(PutReport::accepted())
    }

    async fn pre_commit(&mut self, consumed: &Offsets) -> Result<Offsets, ConnectError> {
        let running = self.running()?;
        running.output.sync().await.map_err(|error| {
            ConnectError::retriable(format!("making lines of `{}` durable", running.name)).because(error)
        })?;
        let mut offsets = consumed.clone();
        for (partition, waiting) in &running.waiting {
            if let Some(offset) = offsets.get_mut(partition) {
                *offset = (*offset).min(*waiting.start());
            }
        }
        Ok(offsets)
    }

    async fn close(
        &mut self,
        _partitions: &[TopicPartition],
        _reason: CloseReason,
    ) -> Result<(), ConnectError> {
        // What waits may belong to a closed partition, and is not committed: the next owner writes it.
        self.running()?.abandon()
    }

    async fn stop(&mut self) -> Result<(), ConnectError> {
        match self.running.take() {
            Some(mut running) => running.abandon(),
            None => Ok(()),
        }
    }
}

impl FileStreamSinkTask {
    fn running(&mut self) -> Result<&mut Running, ConnectError> {
        self.running.as_mut().ok_or_else(|| ConnectError::fatal("using a task that was not started"))
    }
}

impl Running {
    fn is_waiting(&self, record: &SinkRecord) -> bool {
        !self.waiting.is_empty()
            && self
                .waiting
                .get(&record.original_partition())
                .is_some_and(|span| span.contains(&record.offset))
    }

    /// Notes that everything is written.
    fn recover(&mut self) {
        self.waiting.clear();
        if self.backoff.take().is_some() {
            self.context.handle.report_trouble(None);
        }
    }

    /// Notes that a batch waits in the output, and returns the error that brings the batch again.
    fn refuse(&mut self, batch: &[SinkRecord], error: io::Error) -> ConnectError {
        for record in batch {
            let span =
                self.waiting.entry(record.original_partition()).or_insert(record.offset..=record.offset);
            *span = (*span.start()).min(record.offset)..=(*span.end()).max(record.offset);
        }
        if !matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded) {
            return ConnectError::fatal(format!("writing to file `{}`", self.name)).because(error);
        }
        let text = format!(
            "writing to file `{}`: no space left, free some on its disk; writing goes on where it stopped",
            self.name
        );
        let now = self.context.clock.now();
        let backoff = self.backoff.get_or_insert_with(|| Backoff::new(FULL_DISK_RETRY, now));
        let delay = backoff.next_delay(None, self.context.clock.as_ref()).unwrap_or(FULL_DISK_RETRY.cap);
        self.context.handle.retry_in(delay);
        self.context.handle.report_trouble(Some(text.clone()));
        ConnectError::retriable(text).retry_after(delay).because(error)
    }

    fn abandon(&mut self) -> Result<(), ConnectError> {
        self.waiting.clear();
        self.output.abandon().map_err(|error| {
            ConnectError::fatal(format!("cutting a half-written line of file `{}`", self.name)).because(error)
        })
    }
}
