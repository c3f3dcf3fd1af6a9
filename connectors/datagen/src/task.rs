//! The task: one generator.

use std::sync::Arc;
use std::time::Duration;

use connect_core::ByteString;
use connect_core::async_trait;
use connect_core::config::Props;
use connect_core::data::{Datum, Map, Value, logical};
use connect_core::error::ConnectError;
use connect_core::headers::Headers;
use connect_core::record::{ConnectRecord, SourceRecord};
use connect_core::task::{SourceTask, SourceTaskContext};

use crate::config::{DatagenConfig, GENERATOR, Share};
use crate::pace::{Due, Pace};
use crate::shape::{ClockText, Maker};

/// Key of the source offset: records made so far.
pub(crate) const RECORD: &str = "record";
/// How long a generator that is done waits before it is asked again.
const DONE_WAIT: Duration = Duration::from_secs(1);

/// Makes records of one generator.
#[derive(Default)]
pub(crate) struct DatagenTask {
    running: Option<Running>,
}

struct Running {
    context: SourceTaskContext,
    config: DatagenConfig,
    share: Share,
    topic: Arc<str>,
    source_partition: Arc<Map>,
    maker: Maker,
    pace: Pace,
    clock: ClockText,
    /// Number of the next record.
    next: u64,
    /// Number of the record after the last one.
    end: u64,
}

#[async_trait]
impl SourceTask for DatagenTask {
    async fn start(&mut self, context: SourceTaskContext, props: &Props) -> Result<(), ConnectError> {
        let (config, share) = (DatagenConfig::parse(props)?, Share::parse(props)?);
        let generator = Value::Int64(i64::from(share.generator));
        let source_partition = Map { entries: vec![(Value::string(GENERATOR), generator)] };
        let stored = context.offsets.offsets(std::slice::from_ref(&source_partition)).await?;
        let next = stored_record(stored.into_iter().next().flatten().as_ref())?;
        self.running = Some(Running {
            topic: config.topic.as_str().into(),
            source_partition: Arc::new(source_partition),
            maker: Maker::new(&config, share.generator),
            pace: Pace::new(config.rate / f64::from(share.generators)),
            clock: ClockText::default(),
            next,
            end: config.max_records.map_or(u64::MAX, |total| share.of(total)),
            context,
            config,
            share,
        });
        Ok(())
    }

    async fn poll(&mut self) -> Result<Vec<SourceRecord>, ConnectError> {
        let running = self
            .running
            .as_mut()
            .ok_or_else(|| ConnectError::fatal("polling a task that was not started"))?;
        running.poll().await
    }

    async fn stop(&mut self) -> Result<(), ConnectError> {
        self.running = None;
        Ok(())
    }
}

impl Running {
    async fn poll(&mut self) -> Result<Vec<SourceRecord>, ConnectError> {
        let left = self.end.saturating_sub(self.next);
        if left == 0 {
            self.wait(DONE_WAIT).await;
            return Ok(Vec::new());
        }
        let limit = left.min(self.config.batch_size as u64);
        // Records are made after the wait and without one, so that a poll dropped while it waits loses nothing.
        let count = match self.pace.due(self.context.clock.now(), limit) {
            Due::Now(count) => count,
            Due::In(time) => {
                self.wait(time).await;
                match self.pace.due(self.context.clock.now(), limit) {
                    Due::Now(count) => count,
                    Due::In(_) => return Ok(Vec::new()),
                }
            }
        };
        let now_ms = self.context.clock.wall_ms();
        Ok((0..count).map(|_| self.record(now_ms)).collect())
    }

    async fn wait(&self, time: Duration) {
        tokio::select! {
            () = self.context.stop.cancelled() => {}
            () = tokio::time::sleep(time) => {}
        }
    }

    fn record(&mut self, now_ms: i64) -> SourceRecord {
        let number = self.next;
        self.next += 1;
        let time_ms = self.config.start_time_ms.map_or(now_ms, |start_ms| self.planned_ms(start_ms, number));
        let made = self.maker.make(number, self.clock.text(time_ms));
        let key = |key: ByteString| Datum::new(Some(Arc::clone(&logical::STRING)), Value::String(key));
        let offset = (Value::String(ByteString::from_static(RECORD)), Value::Int64(self.next.cast_signed()));
        SourceRecord {
            record: ConnectRecord {
                topic: Arc::clone(&self.topic),
                partition: self.config.partitions.map(|partitions| self.partition(number, partitions)),
                key: made.key.map_or(Datum::NULL, key),
                value: Datum::schemaless(Value::Map(made.value)),
                timestamp: Some(time_ms),
                headers: Headers::new(),
            },
            source_partition: Some(Arc::clone(&self.source_partition)),
            source_offset: Some(Arc::new(Map { entries: vec![offset] })),
        }
    }

    /// Returns the time of a record by the rate alone.
    fn planned_ms(&self, start_ms: i64, number: u64) -> i64 {
        let generators = u64::from(self.share.generators);
        let position = number.saturating_mul(generators).saturating_add(u64::from(self.share.generator));
        let rate = if self.config.rate > 0.0 { self.config.rate } else { 1_000.0 };
        start_ms.saturating_add((position as f64 * 1_000.0 / rate) as i64)
    }

    /// Deals records to partitions in turn; each generator begins with another one.
    fn partition(&self, number: u64, partitions: i32) -> i32 {
        let partitions = u64::from(partitions.unsigned_abs().max(1));
        let dealt = (number % partitions + u64::from(self.share.generator)) % partitions;
        i32::try_from(dealt).unwrap_or(0)
    }
}

fn stored_record(offset: Option<&Map>) -> Result<u64, ConnectError> {
    let Some(offset) = offset else { return Ok(0) };
    match offset.get(RECORD) {
        Some(Value::Int64(record)) if *record >= 0 => Ok(record.cast_unsigned()),
        other => Err(ConnectError::fatal(format!(
            "reading `{RECORD}` of a stored offset: `{other:?}` is no count"
        ))),
    }
}
