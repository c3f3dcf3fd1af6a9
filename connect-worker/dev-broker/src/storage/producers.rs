//! What a partition remembers of its producers: duplicates, open transactions and aborted ones.
//!
//! The rules are those of Kafka's `ProducerStateManager` and `ProducerAppendInfo`. The state is rebuilt from batch
//! headers after a crash and kept in the checkpoint.

use std::collections::{BTreeMap, HashMap, VecDeque};

use kafka_protocol::error::ResponseError;
use serde::{Deserialize, Serialize};

use super::batch::{BatchHeader, add_sequence};

/// How many batches back a repeated batch is recognised, as Kafka's `ProducerStateEntry.NUM_BATCHES_TO_RETAIN`.
const REMEMBERED_BATCHES: usize = 5;
/// A producer that wrote nothing for this long is forgotten, Kafka's default of `producer.id.expiration.ms`.
const EXPIRATION_MS: i64 = 24 * 60 * 60 * 1000;

/// The producers of one partition.
#[derive(Debug, Default, Clone, Serialize, Deserialize)]
pub(crate) struct Producers {
    known: HashMap<i64, Producer>,
    /// First offset of each open transaction, by producer id.
    open: BTreeMap<i64, i64>,
    /// Aborted transactions in the order of their markers.
    aborted: Vec<AbortedRange>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
struct Producer {
    epoch: i16,
    last_timestamp: i64,
    /// At most `REMEMBERED_BATCHES`, oldest first.
    recent: VecDeque<SentBatch>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
struct SentBatch {
    first_sequence: i32,
    last_sequence: i32,
    base_offset: i64,
}

/// The records of one aborted transaction in one partition.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct AbortedRange {
    pub(crate) producer_id: i64,
    pub(crate) first_offset: i64,
    /// The offset of the abort marker.
    pub(crate) last_offset: i64,
}

/// What a batch about to be appended is.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Arrival {
    New,
    /// Sent again; it stands in the log at this offset.
    Duplicate(i64),
}

/// One producer as `DescribeProducers` shows it.
pub(crate) struct ActiveProducer {
    pub(crate) producer_id: i64,
    pub(crate) epoch: i16,
    pub(crate) last_sequence: i32,
    pub(crate) last_timestamp: i64,
    pub(crate) open_since: Option<i64>,
}

impl Producers {
    /// Checks epoch and sequence of a client's batch.
    pub(crate) fn check(&self, header: &BatchHeader) -> Result<Arrival, ResponseError> {
        let Some(producer) = self.known.get(&header.producer_id) else {
            return Ok(Arrival::New);
        };
        if header.producer_epoch < producer.epoch {
            return Err(ResponseError::InvalidProducerEpoch);
        }
        let Some(last) = producer.recent.back() else {
            return Ok(Arrival::New);
        };
        if header.producer_epoch > producer.epoch {
            return if header.base_sequence == 0 {
                Ok(Arrival::New)
            } else {
                Err(ResponseError::OutOfOrderSequenceNumber)
            };
        }
        let sent = producer.recent.iter().find(|sent| {
            sent.first_sequence == header.base_sequence && sent.last_sequence == header.last_sequence()
        });
        if let Some(sent) = sent {
            return Ok(Arrival::Duplicate(sent.base_offset));
        }
        if header.base_sequence == add_sequence(last.last_sequence, 1) {
            Ok(Arrival::New)
        } else {
            Err(ResponseError::OutOfOrderSequenceNumber)
        }
    }

    /// Records a data batch that now stands in the log.
    pub(crate) fn record(&mut self, header: &BatchHeader) {
        if header.producer_id < 0 {
            return;
        }
        let producer = self.at_epoch(header);
        if producer.recent.len() == REMEMBERED_BATCHES {
            producer.recent.pop_front();
        }
        producer.recent.push_back(SentBatch {
            first_sequence: header.base_sequence,
            last_sequence: header.last_sequence(),
            base_offset: header.base_offset,
        });
        if header.is_transactional() {
            self.open.entry(header.producer_id).or_insert(header.base_offset);
        }
    }

    /// Records a marker that now stands in the log.
    pub(crate) fn record_marker(&mut self, header: &BatchHeader, is_commit: bool) {
        self.at_epoch(header);
        let Some(first_offset) = self.open.remove(&header.producer_id) else {
            return;
        };
        if !is_commit {
            self.aborted.push(AbortedRange {
                producer_id: header.producer_id,
                first_offset,
                last_offset: header.base_offset,
            });
        }
    }

    pub(crate) fn has_open_transaction(&self, producer_id: i64) -> bool {
        self.open.contains_key(&producer_id)
    }

    /// Returns the first offset of the oldest open transaction: readers of committed data stop there.
    pub(crate) fn first_unstable_offset(&self) -> Option<i64> {
        self.open.values().copied().min()
    }

    /// Returns the aborted transactions that touch offsets from `from` to below `upto`.
    pub(crate) fn aborted_between(&self, from: i64, upto: i64) -> Vec<AbortedRange> {
        let touches = |range: &&AbortedRange| range.last_offset >= from && range.first_offset < upto;
        self.aborted.iter().filter(touches).cloned().collect()
    }

    /// Forgets what lies before `start_offset` and producers silent for a day.
    pub(crate) fn expire(&mut self, start_offset: i64, now_ms: i64) {
        self.aborted.retain(|range| range.last_offset >= start_offset);
        let open = &self.open;
        self.known
            .retain(|id, producer| open.contains_key(id) || producer.last_timestamp + EXPIRATION_MS > now_ms);
    }

    pub(crate) fn active(&self) -> Vec<ActiveProducer> {
        let describe = |(id, producer): (&i64, &Producer)| ActiveProducer {
            producer_id: *id,
            epoch: producer.epoch,
            last_sequence: producer.recent.back().map_or(-1, |sent| sent.last_sequence),
            last_timestamp: producer.last_timestamp,
            open_since: self.open.get(id).copied(),
        };
        self.known.iter().map(describe).collect()
    }

    /// Returns the producer of `header` at the epoch of `header`; a new epoch starts with no batches.
    fn at_epoch(&mut self, header: &BatchHeader) -> &mut Producer {
        let producer = self.known.entry(header.producer_id).or_insert_with(|| Producer {
            epoch: header.producer_epoch,
            last_timestamp: header.max_timestamp,
            recent: VecDeque::new(),
        });
        if header.producer_epoch > producer.epoch {
            producer.epoch = header.producer_epoch;
            producer.recent.clear();
        }
        producer.last_timestamp = header.max_timestamp;
        producer
    }
}
