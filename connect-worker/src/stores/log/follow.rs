//! The reading side of a log: one task that owns the reader, hands on the records and answers when the end that
//! was asked for is reached.

use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, sleep_until};

use crate::kafka::TopicReader;
use crate::kafka::batch::RawBatch;
use crate::kafka::port::KafkaError;
use crate::stores::log::skips::Skips;
use crate::stores::log::topic_log::{LogRecord, RecordHandler};

/// Records taken from the client at once.
const BATCH_RECORDS: usize = 500;
/// How long one look-up of the end may take.
const END_TIMEOUT: Duration = Duration::from_secs(10);
/// Pause before the end is looked up again.
const END_RETRY: Duration = Duration::from_millis(500);
/// How long the end is looked up at start (`KafkaBasedLog.ADMIN_CLIENT_RETRY_DURATION`).
const START_TIMEOUT: Duration = Duration::from_mins(15);
/// Period of progress reports, and of looks at the client when nothing happens.
const TICK: Duration = Duration::from_secs(5);

/// Someone who waits for the end.
type Told = oneshot::Sender<Result<(), KafkaError>>;

/// What the owner of a log asks for.
pub(super) enum Command {
    ReadToEnd(Told),
}

type EndLookup = Pin<Box<dyn Future<Output = Result<Vec<i64>, KafkaError>> + Send>>;

/// Those who wait for the same end.
struct Waiters {
    ends: Vec<i64>,
    told: Vec<Told>,
}

pub(super) struct Follower {
    topic: Arc<str>,
    reader: TopicReader,
    on_record: RecordHandler,
    batch: RawBatch,
    records: u64,
    skips: Skips,
    // Bounded by the callers of `read_to_end`, each of which waits.
    asking: Vec<Told>,
    looking_up: Option<(EndLookup, Vec<Told>)>,
    waiting: Vec<Waiters>,
}

impl Follower {
    pub(super) fn new(topic: Arc<str>, reader: TopicReader, on_record: RecordHandler) -> Self {
        let batch = RawBatch::default();
        Self {
            topic,
            reader,
            on_record,
            batch,
            records: 0,
            skips: Skips::new(Instant::now()),
            asking: Vec::new(),
            looking_up: None,
            waiting: Vec::new(),
        }
    }

    /// Reads from the beginning to the present end.
    pub(super) async fn replay(&mut self) -> Result<(), KafkaError> {
        let start = Instant::now();
        let ends = self.ends_at_start(start + START_TIMEOUT).await?;
        let mut report = start + TICK;
        loop {
            self.poll()?;
            let positions = self.reader.positions();
            if has_reached(&positions, &ends) {
                let (topic, records) = (&self.topic, self.records);
                tracing::debug!(%topic, records, elapsed = ?start.elapsed(), "read the internal topic");
                return Ok(());
            }
            if Instant::now() >= report {
                report = Instant::now() + TICK;
                let left: i64 = ends.iter().zip(&positions).map(|(end, at)| (end - at.max(&0)).max(0)).sum();
                tracing::info!(topic = %self.topic, records = self.records, left, "reading the internal topic");
            }
            tokio::select! {
                () = self.reader.ready() => {}
                () = sleep_until(report) => {}
            }
        }
    }

    async fn ends_at_start(&mut self, deadline: Instant) -> Result<Vec<i64>, KafkaError> {
        loop {
            match self.reader.end_offsets(END_TIMEOUT).await {
                Err(KafkaError::Retriable(reason)) if Instant::now() + END_RETRY < deadline => {
                    tracing::warn!(topic = %self.topic, %reason, "looking up the end of a topic is tried again");
                    tokio::time::sleep(END_RETRY).await;
                }
                outcome => return outcome,
            }
        }
    }

    /// Follows the log until nobody can ask any more.
    pub(super) async fn run(mut self, mut commands: mpsc::UnboundedReceiver<Command>) {
        loop {
            self.drain();
            self.answer();
            self.look_up();
            let tick = Instant::now() + TICK;
            let lookup = async {
                match &mut self.looking_up {
                    Some((lookup, _)) => lookup.await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                command = commands.recv() => match command {
                    Some(Command::ReadToEnd(told)) => self.asking.push(told),
                    None => break,
                },
                ends = lookup => self.looked_up(ends),
                () = self.reader.ready() => {}
                () = sleep_until(tick) => {}
            }
        }
        self.close().await;
    }

    pub(super) async fn close(self) {
        self.reader.close().await;
    }

    /// Hands on what is there.
    fn poll(&mut self) -> Result<(), KafkaError> {
        let outcome = self.reader.poll(BATCH_RECORDS, &mut self.batch);
        for record in self.batch.records.drain(..) {
            self.records += 1;
            let (partition, offset) = (record.partition, record.offset);
            let skipped = (self.on_record)(LogRecord {
                key: record.key,
                value: record.value,
                partition,
                offset,
                timestamp: record.timestamp,
            });
            if let Some(reason) = skipped {
                self.skips.skip(Instant::now(), (&self.topic, partition, offset), &reason);
            }
        }
        self.skips.look(Instant::now(), &self.topic);
        outcome
    }

    /// A right that was taken away fails those who wait; the client itself goes on trying.
    fn drain(&mut self) {
        if let Err(error) = self.poll() {
            tracing::error!(topic = %self.topic, %error, "reading an internal topic");
            let waiting = std::mem::take(&mut self.waiting).into_iter().flat_map(|waiters| waiters.told);
            for told in waiting.chain(self.asking.drain(..)) {
                told.send(Err(error.clone())).ok();
            }
        }
    }

    fn answer(&mut self) {
        if self.waiting.is_empty() {
            return;
        }
        let positions = self.reader.positions();
        let is_reached = |waiters: &mut Waiters| has_reached(&positions, &waiters.ends);
        for waiters in self.waiting.extract_if(.., is_reached) {
            for told in waiters.told {
                told.send(Ok(())).ok();
            }
        }
        self.waiting.retain(|waiters| waiters.told.iter().any(|told| !told.is_closed()));
    }

    /// Asks for the end on behalf of all who came since the last question: an end found for an earlier one may lie
    /// before what they wrote.
    fn look_up(&mut self) {
        if self.looking_up.is_none() && !self.asking.is_empty() {
            let lookup = Box::pin(self.reader.end_offsets(END_TIMEOUT));
            self.looking_up = Some((lookup, std::mem::take(&mut self.asking)));
        }
    }

    fn looked_up(&mut self, ends: Result<Vec<i64>, KafkaError>) {
        let Some((_, mut told)) = self.looking_up.take() else { return };
        match ends {
            Ok(ends) => self.waiting.push(Waiters { ends, told }),
            Err(KafkaError::Retriable(reason)) => {
                told.retain(|told| !told.is_closed());
                if told.is_empty() {
                    return;
                }
                tracing::warn!(topic = %self.topic, %reason, "reading an internal topic to its end is tried again");
                let next = self.reader.end_offsets(END_TIMEOUT);
                let lookup = Box::pin(async move {
                    tokio::time::sleep(END_RETRY).await;
                    next.await
                });
                self.looking_up = Some((lookup, told));
            }
            Err(error) => {
                for told in told {
                    told.send(Err(error.clone())).ok();
                }
            }
        }
    }
}

fn has_reached(positions: &[i64], ends: &[i64]) -> bool {
    // A partition that has never had a record has no position.
    ends.iter().zip(positions).all(|(end, position)| *end == 0 || position >= end)
}
