//! Records made by hand.

use std::ops::Range;
use std::sync::Arc;

use crate::data::Datum;
use crate::headers::Headers;
use crate::record::{ConnectRecord, Origin, SinkRecord, TimestampType};

/// Returns a record as a sink task gets it: without key and headers, created at 2026-01-01T00:00:00Z plus as many
/// milliseconds as its offset.
pub fn record(topic: &str, partition: i32, offset: i64, value: Datum) -> SinkRecord {
    let topic: Arc<str> = topic.into();
    SinkRecord {
        record: ConnectRecord {
            topic: Arc::clone(&topic),
            partition: Some(partition),
            key: Datum::NULL,
            value,
            timestamp: Some(1_767_225_600_000 + offset),
            headers: Headers::new(),
        },
        offset,
        timestamp_type: TimestampType::CreateTime,
        origin: Origin { topic, partition, key: None, value: None, headers: None },
    }
}

/// Returns one record for each offset; `value` makes its value.
pub fn records(
    topic: &str,
    partition: i32,
    offsets: Range<i64>,
    value: impl Fn(i64) -> Datum,
) -> Vec<SinkRecord> {
    offsets.map(|offset| record(topic, partition, offset, value(offset))).collect()
}
