//! The log of one partition: appending, reading, and giving up its old end.
//!
//! Methods do file I/O on the page cache and never wait. There are no replicas, so what is appended is at once
//! below the high watermark.

use std::{
    fs, io,
    path::{Path, PathBuf},
    sync::Arc,
};

use bytes::{Bytes, BytesMut};
use kafka_protocol::error::ResponseError;

use super::{
    batch::{self, BatchHeader},
    checkpoint::Checkpoint,
    producers::{AbortedRange, ActiveProducer, Arrival, Producers},
    records, recovery,
    segment::Segment,
    topic_config::TopicConfig,
};
use crate::support::now_ms;

/// A checkpoint is written when this much was appended since the last: the most a start has to verify.
const CHECKPOINT_INTERVAL_BYTES: u64 = 4 << 20;

/// One partition's log.
#[derive(Debug)]
pub(crate) struct PartitionLog {
    pub(super) dir: PathBuf,
    /// Segments no longer written to, oldest first. Compaction reads them without the partition's lock.
    pub(super) closed: Vec<Arc<Segment>>,
    active: Segment,
    /// When the active segment got its first batch of this run.
    active_since_ms: Option<i64>,
    start_offset: i64,
    next_offset: i64,
    pub(super) cleaned_offset: i64,
    pub(super) producers: Producers,
    checkpointed: (i64, u64),
    is_synced: bool,
}

/// Where an appended batch stands.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Appended {
    pub(crate) base_offset: i64,
    /// The broker's time, when the topic stamps it.
    pub(crate) append_time_ms: Option<i64>,
}

/// What a fetch finds.
#[derive(Debug)]
pub(crate) struct Slice {
    pub(crate) records: Bytes,
    pub(crate) aborted: Vec<AbortedRange>,
}

impl PartitionLog {
    /// Opens the log in the folder `dir`, recovering what a crash left.
    pub(crate) fn open(dir: &Path) -> io::Result<Self> {
        let recovered = recovery::open(dir)?;
        Ok(Self {
            dir: dir.to_owned(),
            active_since_ms: (recovered.active.size_bytes > 0).then(now_ms),
            checkpointed: (-1, 0),
            is_synced: false,
            closed: recovered.closed,
            active: recovered.active,
            start_offset: recovered.start_offset,
            next_offset: recovered.next_offset,
            cleaned_offset: recovered.cleaned_offset,
            producers: recovered.producers,
        })
    }

    /// Appends the one batch a producer sends per partition and request.
    ///
    /// # Errors
    /// The error code to answer with; the log is unchanged.
    pub(crate) fn append(
        &mut self,
        bytes: &[u8],
        config: &TopicConfig,
        now_ms: i64,
    ) -> Result<Appended, ResponseError> {
        let header = check_batch(bytes, config)?;
        if header.producer_id >= 0
            && let Arrival::Duplicate(base_offset) = self.producers.check(&header)?
        {
            return Ok(Appended { base_offset, append_time_ms: None });
        }
        let mut batch = BytesMut::from(bytes);
        let append_time_ms = config.is_append_time.then_some(now_ms);
        if config.is_append_time {
            batch::stamp_append_time(&mut batch, now_ms);
        }
        let header = self.write(&mut batch, config, now_ms).map_err(storage_error)?;
        self.producers.record(&header);
        Ok(Appended { base_offset: header.base_offset, append_time_ms })
    }

    /// Ends the producer's transaction in this partition. Nothing happens when none is open: the coordinator repeats
    /// markers after a crash.
    pub(crate) fn append_marker(
        &mut self,
        producer_id: i64,
        producer_epoch: i16,
        is_commit: bool,
        config: &TopicConfig,
        now_ms: i64,
    ) -> io::Result<()> {
        if !self.producers.has_open_transaction(producer_id) {
            return Ok(());
        }
        let mut batch = batch::transaction_marker(producer_id, producer_epoch, is_commit, now_ms);
        let header = self.write(&mut batch, config, now_ms)?;
        self.producers.record_marker(&header, is_commit);
        Ok(())
    }

    /// Reads about `max_bytes` of whole batches from `from` on, below `upto`.
    pub(crate) fn read(&self, from: i64, upto: i64, max_bytes: usize) -> io::Result<Slice> {
        for segment in self.segments_from(from) {
            let records = segment.read(from, upto, max_bytes)?;
            if records.is_empty() {
                continue;
            }
            let aborted = self.producers.aborted_between(from, upto);
            return Ok(Slice { records, aborted });
        }
        Ok(Slice { records: Bytes::new(), aborted: Vec::new() })
    }

    /// Returns offset and time of the first record with at least `timestamp`.
    pub(crate) fn find_time(&self, timestamp: i64) -> io::Result<Option<(i64, i64)>> {
        for segment in self.segments_from(self.start_offset) {
            let Some((header, batch)) = segment.find_time(timestamp)? else { continue };
            let found = records::decode(&header, &batch)?
                .into_iter()
                .find(|record| record.timestamp >= timestamp && record.offset >= self.start_offset);
            if let Some(record) = found {
                return Ok(Some((record.offset, record.timestamp)));
            }
        }
        Ok(None)
    }

    /// Returns the largest timestamp of the log, -1 when it is empty.
    pub(crate) fn max_timestamp(&self) -> io::Result<i64> {
        let mut largest = -1;
        for segment in self.segments_from(self.start_offset) {
            largest = largest.max(segment.max_timestamp()?);
        }
        Ok(largest)
    }

    pub(crate) fn start_offset(&self) -> i64 {
        self.start_offset
    }

    /// Returns the offset of the next record, which is also the high watermark.
    pub(crate) fn next_offset(&self) -> i64 {
        self.next_offset
    }

    /// Returns the offset below which every transaction has ended.
    pub(crate) fn last_stable_offset(&self) -> i64 {
        self.producers.first_unstable_offset().unwrap_or(self.next_offset)
    }

    pub(crate) fn active_producers(&self) -> Vec<ActiveProducer> {
        self.producers.active()
    }

    pub(crate) fn size_bytes(&self) -> u64 {
        self.active.size_bytes + self.closed.iter().map(|segment| segment.size_bytes).sum::<u64>()
    }

    /// Gives up everything below `offset` (`DeleteRecords`).
    pub(crate) fn delete_before(&mut self, offset: i64) -> io::Result<()> {
        self.start_offset = self.start_offset.max(offset);
        while self.end_of_oldest().is_some_and(|end| end <= self.start_offset) {
            self.remove_oldest()?;
        }
        self.checkpoint(false)
    }

    /// Closes the active segment when it is old enough, so that retention and compaction can reach it.
    pub(crate) fn roll_by_age(&mut self, config: &TopicConfig, now_ms: i64) -> io::Result<()> {
        let is_due = self.active_since_ms.is_some_and(|since| now_ms - since >= config.segment_ms);
        if is_due { self.roll() } else { Ok(()) }
    }

    /// Deletes whole segments that are too old or too many.
    pub(crate) fn apply_retention(&mut self, config: &TopicConfig, now_ms: i64) -> io::Result<()> {
        if !config.is_deleted {
            return Ok(());
        }
        let mut is_changed = false;
        while let (Some(oldest), Some(end)) = (self.closed.first(), self.end_of_oldest()) {
            let is_too_old =
                config.retention_ms >= 0 && oldest.max_timestamp()? + config.retention_ms < now_ms;
            // A segment goes only when the rest still holds the bytes asked for, as Kafka's `UnifiedLog` does.
            let rest = self.size_bytes() - oldest.size_bytes;
            let is_too_much = config.retention_bytes >= 0 && rest >= config.retention_bytes as u64;
            if !(is_too_old || is_too_much) {
                break;
            }
            self.start_offset = self.start_offset.max(end);
            self.remove_oldest()?;
            is_changed = true;
        }
        if is_changed { self.checkpoint(false) } else { Ok(()) }
    }

    /// Writes a checkpoint when enough was appended, and forgets producers that are gone.
    pub(crate) fn maintain_checkpoint(&mut self, now_ms: i64) -> io::Result<()> {
        let (segment, position) = self.checkpointed;
        let covered = if segment == self.active.base_offset { position } else { 0 };
        if self.active.size_bytes - covered < CHECKPOINT_INTERVAL_BYTES {
            return Ok(());
        }
        self.producers.expire(self.start_offset, now_ms);
        self.checkpoint(false)
    }

    /// Writes everything down to the disk, for a clean stop.
    pub(crate) fn flush(&mut self) -> io::Result<()> {
        if self.is_synced {
            return Ok(());
        }
        self.active.sync()?;
        for segment in &self.closed {
            segment.sync()?;
        }
        self.checkpoint(true)?;
        self.is_synced = true;
        Ok(())
    }

    /// Saves where the log stands now.
    pub(super) fn checkpoint(&mut self, sync: bool) -> io::Result<()> {
        self.checkpointed = (self.active.base_offset, self.active.size_bytes);
        let checkpoint = Checkpoint {
            start_offset: self.start_offset,
            next_offset: self.next_offset,
            segment: self.active.base_offset,
            position: self.active.size_bytes,
            cleaned_offset: self.cleaned_offset,
            producers: self.producers.clone(),
        };
        checkpoint.save(&self.dir, sync)
    }

    /// Returns the first offset that is not in a closed segment.
    pub(super) fn active_base(&self) -> i64 {
        self.active.base_offset
    }

    fn write(&mut self, batch: &mut [u8], config: &TopicConfig, now_ms: i64) -> io::Result<BatchHeader> {
        let is_full = self.active.size_bytes + batch.len() as u64 > config.segment_bytes;
        if is_full && self.active.size_bytes > 0 {
            self.roll()?;
        }
        self.roll_by_age(config, now_ms)?;
        batch::place(batch, self.next_offset);
        let header = BatchHeader::parse(batch).ok_or(io::ErrorKind::InvalidData)?;
        self.active.append(&header, batch)?;
        self.next_offset = header.last_offset() + 1;
        self.active_since_ms.get_or_insert(now_ms);
        self.is_synced = false;
        Ok(header)
    }

    fn roll(&mut self) -> io::Result<()> {
        let next = Segment::open(&self.dir, self.next_offset)?;
        let full = std::mem::replace(&mut self.active, next);
        self.closed.push(Arc::new(full));
        self.active_since_ms = None;
        self.checkpoint(false)
    }

    /// Returns the segments that may hold `offset` or more, oldest first.
    fn segments_from(&self, offset: i64) -> impl Iterator<Item = &Segment> {
        let after = self.closed.partition_point(|segment| segment.base_offset <= offset);
        let closed = self.closed[after.saturating_sub(1)..].iter().map(Arc::as_ref);
        closed.chain([&self.active])
    }

    /// Returns the offset behind the oldest closed segment.
    fn end_of_oldest(&self) -> Option<i64> {
        self.closed.first()?;
        Some(self.closed.get(1).map_or(self.active.base_offset, |segment| segment.base_offset))
    }

    fn remove_oldest(&mut self) -> io::Result<()> {
        let segment = self.closed.remove(0);
        fs::remove_file(&segment.path)
    }
}

/// Checks what `LogValidator` checks of a producer's batch.
fn check_batch(bytes: &[u8], config: &TopicConfig) -> Result<BatchHeader, ResponseError> {
    let header = BatchHeader::parse(bytes).ok_or(ResponseError::CorruptMessage)?;
    if !bytes.get(..header.size_bytes).is_some_and(|batch| header.is_intact(batch)) {
        return Err(ResponseError::CorruptMessage);
    }
    let is_counted = header.record_count > 0 && header.record_count == header.last_offset_delta + 1;
    if bytes.len() != header.size_bytes || !is_counted || header.is_control() {
        return Err(ResponseError::InvalidRecord);
    }
    if header.size_bytes > config.max_message_bytes {
        return Err(ResponseError::MessageTooLarge);
    }
    if header.compression().is_none() {
        return Err(ResponseError::UnsupportedCompressionType);
    }
    if config.is_compacted {
        let records = records::decode(&header, bytes).map_err(|_| ResponseError::CorruptMessage)?;
        if records.iter().any(|record| record.key.is_none()) {
            return Err(ResponseError::InvalidRecord);
        }
    }
    Ok(header)
}

fn storage_error(error: io::Error) -> ResponseError {
    tracing::error!(error = &error as &dyn std::error::Error, "appending to a partition's log");
    ResponseError::KafkaStorageError
}
