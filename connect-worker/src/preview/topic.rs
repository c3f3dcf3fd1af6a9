//! Records of a topic, read as the connector's consumer would read them but without its group: nothing is joined,
//! committed or created.

use std::collections::BTreeMap;
use std::str::FromStr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use connect_core::config::Props;
use connect_core::record::TopicPartition;

use crate::config::{ClientKind, WorkerConfig, client_props};
use crate::kafka::TopicReader;
use crate::kafka::admin::Admin;
use crate::kafka::batch::{RawBatch, RawRecord};
use crate::kafka::client_config::{ClientKind as KafkaClient, to_librdkafka};
use crate::preview::error::PreviewError;

/// How long a broker may keep silent: somebody waits at a terminal.
const BROKER_TIMEOUT: Duration = Duration::from_secs(15);
/// How long reading may take.
const TIMEOUT: Duration = Duration::from_secs(30);
/// Longest wait for a signal of the client.
const WAIT: Duration = Duration::from_millis(200);
/// Records taken from the client at once.
const BATCH: usize = 1000;
/// Records held at most: a preview is for looking at.
const MAX_RECORDS: usize = 100_000;

/// Which records of a topic.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Range {
    /// So many of the newest, over all partitions.
    Last(usize),
    /// Offsets of partitions.
    Offsets(Vec<Offsets>),
}

/// Offsets of one partition: first and last.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Offsets {
    partition: i32,
    first: i64,
    last: i64,
}

impl FromStr for Offsets {
    type Err = String;

    /// Reads `partition:first-last` or `partition:offset`.
    fn from_str(text: &str) -> Result<Self, String> {
        let usage = || format!("`{text}` is not `PARTITION:FIRST-LAST`, such as `0:100-110`");
        let (partition, offsets) = text.split_once(':').ok_or_else(usage)?;
        let (first, last) = offsets.split_once('-').unwrap_or((offsets, offsets));
        let number = |text: &str| text.trim().parse::<i64>().ok().filter(|number| *number >= 0);
        let partition = number(partition).and_then(|number| i32::try_from(number).ok());
        match (partition, number(first), number(last)) {
            (Some(partition), Some(first), Some(last)) if first <= last => {
                Ok(Self { partition, first, last })
            }
            _ => Err(usage()),
        }
    }
}

/// Offsets to read of a partition: from the first up to, but not with, the second.
type Wanted = BTreeMap<i32, (i64, i64)>;

/// Reads records of a topic, in the order of their timestamps where partitions meet.
///
/// # Errors
/// Fails when the brokers cannot be asked, the topic or a partition is missing, or reading takes too long.
pub(crate) async fn read_topic(
    worker: &WorkerConfig,
    connector: &str,
    props: &Props,
    topic: &str,
    range: &Range,
) -> Result<Vec<RawRecord>, PreviewError> {
    let settings = |kind| client_props(kind, worker, connector, None, props).map_err(PreviewError::config);
    let admin = Admin::new(&settings(ClientKind::WorkerAdmin)?).map_err(unreadable)?;
    let admin = admin.with_timeout(BROKER_TIMEOUT);
    let found = admin.describe_topic(topic).await.map_err(unreadable)?;
    let partitions = match found {
        Some(found) => i32::try_from(found.partitions).unwrap_or(i32::MAX),
        None => return Err(PreviewError::bad(format!("the topic `{topic}` does not exist"))),
    };
    let all: Vec<TopicPartition> =
        (0..partitions).map(|partition| TopicPartition::new(topic, partition)).collect();
    let ends = admin.end_offsets(&all).await.map_err(unreadable)?;
    let ends = ends.into_iter().map(|(partition, end)| (partition.partition, end)).collect();
    let wanted = wanted(topic, range, &ends)?;

    let mut consumer = settings(ClientKind::SinkConsumer)?;
    for key in ["group.id", "group.instance.id", "group.protocol"] {
        consumer.shift_remove(key);
    }
    // Offsets may be gone already: what is left of the range is read.
    consumer.insert("auto.offset.reset".to_owned(), "earliest".to_owned());
    let consumer = to_librdkafka(KafkaClient::LogReader, &consumer).map_err(unreadable)?;
    let starts: Vec<Option<i64>> =
        (0..partitions).map(|partition| wanted.get(&partition).map(|(first, _)| *first)).collect();
    let mut reader = TopicReader::start_at(&consumer, topic, &starts).map_err(unreadable)?;
    let read = read(&mut reader, topic, &wanted).await;
    reader.close().await;
    let mut records = read?;
    records.sort_by_key(|record| (record.partition, record.offset));
    if let Range::Last(count) = range {
        records.sort_by_key(|record| record.timestamp);
        records.drain(..records.len().saturating_sub(*count));
    }
    Ok(records)
}

fn wanted(topic: &str, range: &Range, ends: &BTreeMap<i32, i64>) -> Result<Wanted, PreviewError> {
    let mut wanted = Wanted::new();
    match range {
        Range::Last(count) => {
            let count = i64::try_from(*count).unwrap_or(i64::MAX);
            for (partition, end) in ends {
                wanted.insert(*partition, (end.saturating_sub(count).max(0), *end));
            }
        }
        Range::Offsets(list) => {
            for Offsets { partition, first, last } in list {
                let end = ends.get(partition).ok_or_else(|| {
                    PreviewError::bad(format!("the topic `{topic}` has no partition {partition}"))
                })?;
                let last = last.saturating_add(1).min(*end);
                let entry = wanted.entry(*partition).or_insert((*first, last));
                *entry = (entry.0.min(*first), entry.1.max(last));
            }
        }
    }
    wanted.retain(|_, (first, end)| first < end);
    Ok(wanted)
}

async fn read(
    reader: &mut TopicReader,
    topic: &str,
    wanted: &Wanted,
) -> Result<Vec<RawRecord>, PreviewError> {
    let deadline = Instant::now() + TIMEOUT;
    let mut records = Vec::new();
    let mut batch = RawBatch::default();
    loop {
        reader.poll(BATCH, &mut batch).map_err(unreadable)?;
        let positions = reader.positions();
        let is_wanted = |record: &RawRecord| {
            wanted.get(&record.partition).is_some_and(|(first, end)| (*first..*end).contains(&record.offset))
        };
        records.extend(batch.records.drain(..).filter(is_wanted));
        let is_read = |(partition, (_, end)): (&i32, &(i64, i64))| {
            let index = usize::try_from(*partition).unwrap_or(usize::MAX);
            positions.get(index).is_some_and(|position| position >= end)
        };
        if wanted.iter().all(is_read) {
            return Ok(records);
        }
        if records.len() > MAX_RECORDS {
            return Err(PreviewError::bad(format!(
                "more than {MAX_RECORDS} records of topic `{topic}` are asked for"
            )));
        }
        if Instant::now() >= deadline {
            let seconds = TIMEOUT.as_secs();
            return Err(PreviewError::bad(format!("reading topic `{topic}`: not done after {seconds} s")));
        }
        // Without a signal the position may still have moved.
        tokio::time::timeout(WAIT, reader.ready()).await.ok();
    }
}

fn unreadable(error: impl std::error::Error) -> PreviewError {
    PreviewError::bad(error.to_string())
}

/// Returns the topic that records come from when none is named.
///
/// # Errors
/// Fails unless the connector names exactly one.
pub(crate) fn only_topic(topics: &[&str]) -> Result<Arc<str>, PreviewError> {
    match topics {
        [topic] => Ok(Arc::from(*topic)),
        [] => Err(PreviewError::bad("the connector names no topic: name one with `--topic`")),
        several => Err(PreviewError::bad(format!(
            "the connector reads several topics, choose one with `--topic`: {}",
            several.join(", ")
        ))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn offsets_are_a_partition_and_one_or_two_numbers() {
        let offsets = |partition, first, last| Ok(Offsets { partition, first, last });
        for (text, expected) in [("2:5-9", offsets(2, 5, 9)), ("0:7", offsets(0, 7, 7))] {
            assert_eq!(text.parse::<Offsets>(), expected, "{text}");
        }
        for text in ["5", "a:1", "0:9-5", "0:-5", "-1:5", "0:1-"] {
            text.parse::<Offsets>().expect_err(text);
        }
    }

    #[test]
    fn ranges_end_with_the_log() {
        let ends = BTreeMap::from([(0, 10), (1, 2), (2, 0)]);
        let last = wanted("t", &Range::Last(5), &ends).expect("known");
        assert_eq!(last, Wanted::from([(0, (5, 10)), (1, (0, 2))]));
        let list = ["0:8-20", "0:3", "1:7"].map(|text| text.parse().expect("valid")).to_vec();
        let offsets = wanted("t", &Range::Offsets(list), &ends).expect("known");
        assert_eq!(offsets, Wanted::from([(0, (3, 10))]));
        let missing = Range::Offsets(vec!["3:1".parse().expect("valid")]);
        assert_eq!(
            wanted("t", &missing, &ends).map_err(|error| error.message),
            Err("the topic `t` has no partition 3".to_owned())
        );
    }
}
