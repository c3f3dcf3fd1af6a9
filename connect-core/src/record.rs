//! Records on their way through a task, and the coordinates they are known by.

use std::collections::BTreeMap;
use std::fmt;
use std::ops::{Deref, DerefMut};
use std::sync::Arc;

use bytes::Bytes;

use crate::data::{Datum, Map};
use crate::headers::Headers;

/// A partition of a topic.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TopicPartition {
    /// Topic name.
    pub topic: Arc<str>,
    /// Partition number.
    pub partition: i32,
}

impl TopicPartition {
    /// Returns a partition.
    pub fn new(topic: impl Into<Arc<str>>, partition: i32) -> Self {
        Self { topic: topic.into(), partition }
    }
}

impl fmt::Display for TopicPartition {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}-{}", self.topic, self.partition)
    }
}

/// Offsets by partition. An offset is the next one to read: last processed + 1.
pub type Offsets = BTreeMap<TopicPartition, i64>;

/// What a timestamp of a consumed record means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TimestampType {
    /// The record has none.
    NoTimestamp,
    /// Set by the producer.
    CreateTime,
    /// Set by the broker.
    LogAppendTime,
}

impl TimestampType {
    /// Returns Kafka's name, as in log lines.
    pub fn name(self) -> &'static str {
        match self {
            TimestampType::NoTimestamp => "NoTimestampType",
            TimestampType::CreateTime => "CreateTime",
            TimestampType::LogAppendTime => "LogAppendTime",
        }
    }
}

/// What sink and source records share; transforms work on it.
#[derive(Debug, Clone, PartialEq)]
pub struct ConnectRecord {
    /// Topic; transforms may rename it.
    pub topic: Arc<str>,
    /// Partition; `None` leaves the choice to the producer.
    pub partition: Option<i32>,
    /// Key.
    pub key: Datum,
    /// Value.
    pub value: Datum,
    /// Milliseconds since the epoch.
    pub timestamp: Option<i64>,
    /// Headers.
    pub headers: Headers,
}

/// A record read from Kafka.
#[derive(Debug, Clone, PartialEq)]
pub struct SinkRecord {
    /// Topic, partition, key, value, timestamp and headers, as transforms left them.
    pub record: ConnectRecord,
    /// Offset within the original partition.
    pub offset: i64,
    /// Meaning of the timestamp.
    pub timestamp_type: TimestampType,
    /// The record as consumed.
    pub origin: Origin,
}

/// A record as it was consumed, before converters and transforms (KIP-793), kept for error reports.
#[derive(Debug, Clone, PartialEq)]
pub struct Origin {
    /// Topic consumed from.
    pub topic: Arc<str>,
    /// Partition consumed from.
    pub partition: i32,
    /// Raw key.
    pub key: Option<Bytes>,
    /// Raw value.
    pub value: Option<Bytes>,
    /// Raw headers; `None` when there are none, which is the usual case.
    pub headers: Option<Arc<RawHeaders>>,
}

/// Header names and raw values in order.
pub type RawHeaders = Vec<(Arc<str>, Option<Bytes>)>;

impl SinkRecord {
    /// Returns the partition the record was consumed from; state and offsets are keyed by it.
    pub fn original_partition(&self) -> TopicPartition {
        TopicPartition { topic: Arc::clone(&self.origin.topic), partition: self.origin.partition }
    }
}

impl Deref for SinkRecord {
    type Target = ConnectRecord;

    fn deref(&self) -> &ConnectRecord {
        &self.record
    }
}

impl DerefMut for SinkRecord {
    fn deref_mut(&mut self) -> &mut ConnectRecord {
        &mut self.record
    }
}

/// A record read from a foreign system, to be produced to Kafka.
#[derive(Debug, Clone, PartialEq)]
pub struct SourceRecord {
    /// Topic, partition, key, value, timestamp and headers.
    pub record: ConnectRecord,
    /// What was read, as a map with string keys and primitive values; `None` for sources without offsets.
    pub source_partition: Option<Arc<Map>>,
    /// How far it was read, after this record; `None` erases the stored offset.
    pub source_offset: Option<Arc<Map>>,
}

impl Deref for SourceRecord {
    type Target = ConnectRecord;

    fn deref(&self) -> &ConnectRecord {
        &self.record
    }
}

impl DerefMut for SourceRecord {
    fn deref_mut(&mut self) -> &mut ConnectRecord {
        &mut self.record
    }
}
