//! The contract of source connectors.

use std::sync::Arc;
use std::time::Duration;

use crate::config::Props;
use crate::connector::SourceConnector;
use crate::data::{Datum, Map, Value};
use crate::plugin::{Factory, PluginInfo};
use crate::record::SourceRecord;
use crate::task::SourceTask;
use crate::testkit::connector::connector_contract;
use crate::testkit::{BadConfig, MemoryOffsets, source_context};

/// Longest time until the expected records are there.
const READ_LIMIT: Duration = Duration::from_secs(60);
/// Longest time a poll may take after the task was told to stop.
const STOP_LIMIT: Duration = Duration::from_secs(20);

/// Checks that a source connector keeps its promises: information and keys are sound, a bad configuration is
/// reported whole, a poll that is dropped loses nothing, a task that starts again goes on after the stored offsets,
/// and waits end when the task must stop.
///
/// `valid` must be a configuration under which the first task of its configuration reads `count` records, the same
/// each time; `bad` breaks it key by key.
///
/// # Panics
/// Panics at the first broken promise.
pub async fn source_contract(plugin: &PluginInfo, valid: &Props, bad: BadConfig<'_>, count: usize) {
    let Factory::Source(make) = &plugin.factory else { panic!("`{}` is no source connector", plugin.class) };
    let props = connector_contract(plugin, || make() as Box<dyn SourceConnector>, valid, bad).await;
    let subject = Subject { make: *make, props, count };
    let expected = subject.read_undisturbed().await;
    subject.loses_nothing_when_polls_are_dropped(&expected).await;
    subject.goes_on_after_stored_offsets(&expected).await;
    subject.ends_soon_when_stopped().await;
}

struct Subject {
    make: fn() -> Box<dyn SourceConnector>,
    props: Props,
    count: usize,
}

/// A record without its timestamp, which differs from run to run.
#[derive(Debug, Clone, PartialEq)]
struct Seen {
    topic: Arc<str>,
    key: Datum,
    value: Datum,
    partition: Option<Map>,
    offset: Option<Map>,
}

impl Subject {
    async fn started(&self, offsets: Arc<MemoryOffsets>) -> Box<dyn SourceTask> {
        let mut task = (self.make)().task();
        task.start(source_context(offsets), &self.props)
            .await
            .expect("a valid configuration must start a task");
        task
    }

    async fn read_undisturbed(&self) -> Vec<Seen> {
        let mut task = self.started(Arc::default()).await;
        let seen = read(task.as_mut(), self.count, None).await;
        task.commit().await.expect("commit must work");
        task.stop().await.expect("a task must stop");
        seen
    }

    async fn loses_nothing_when_polls_are_dropped(&self, expected: &[Seen]) {
        let mut task = self.started(Arc::default()).await;
        let seen = read(task.as_mut(), self.count, Some(Duration::from_micros(50))).await;
        assert_eq!(seen, expected, "records differ when polls are dropped");
        task.stop().await.expect("a task must stop");
    }

    async fn goes_on_after_stored_offsets(&self, expected: &[Seen]) {
        let offsets = Arc::new(MemoryOffsets::default());
        let done = expected.len() / 2;
        for seen in &expected[..done] {
            if let (Some(partition), Some(offset)) = (&seen.partition, &seen.offset) {
                offsets.store(partition.clone(), offset.clone());
            }
        }
        let mut task = self.started(offsets).await;
        let seen = read(task.as_mut(), expected.len() - done, None).await;
        assert_eq!(seen, expected[done..], "records after the stored offset differ");
        task.stop().await.expect("a task must stop");
    }

    async fn ends_soon_when_stopped(&self) {
        let context = source_context(Arc::default());
        let stop = context.stop.clone();
        let mut task = (self.make)().task();
        task.start(context, &self.props).await.expect("a valid configuration must start a task");
        read(task.as_mut(), self.count, None).await;
        stop.cancel();
        let end = async {
            // What these calls return does not matter any more; that they return does.
            let _outcome = task.poll().await;
            let _outcome = task.stop().await;
        };
        let ended = tokio::time::timeout(STOP_LIMIT, end).await;
        assert!(ended.is_ok(), "the task still waits {STOP_LIMIT:?} after it was told to stop");
    }
}

/// Reads `count` records; with `drop_after`, polls that take longer are dropped and made again, ten in a row at
/// most.
async fn read(task: &mut dyn SourceTask, count: usize, drop_after: Option<Duration>) -> Vec<Seen> {
    let mut seen: Vec<Seen> = Vec::new();
    let reading = async {
        let mut dropped = 0;
        while seen.len() < count {
            let batch = match drop_after.filter(|_| dropped % 11 < 10) {
                None => task.poll().await,
                Some(limit) => match tokio::time::timeout(limit, task.poll()).await {
                    Ok(polled) => polled,
                    Err(_) => {
                        dropped += 1;
                        continue;
                    }
                },
            };
            dropped += 1;
            let batch = batch.expect("poll must work");
            batch.iter().for_each(|record| task.commit_record(record, true));
            seen.extend(batch.into_iter().map(check));
        }
    };
    let ended = tokio::time::timeout(READ_LIMIT, reading).await;
    assert!(ended.is_ok(), "{} of {count} records within {READ_LIMIT:?}", seen.len());
    seen.truncate(count);
    seen
}

fn check(record: SourceRecord) -> Seen {
    assert!(!record.topic.is_empty(), "a record has no topic");
    for map in [&record.source_partition, &record.source_offset].into_iter().flatten() {
        for (key, value) in &map.entries {
            assert!(key.as_str().is_some(), "key {key:?} of a source partition or offset is no string");
            let is_nested = matches!(value, Value::Map(_) | Value::Array(_) | Value::Struct(_));
            assert!(!is_nested, "value of `{key:?}` in a source partition or offset is not primitive");
        }
    }
    let unshared = |map: Option<Arc<Map>>| map.map(|map| Map::clone(&map));
    Seen {
        topic: record.record.topic,
        key: record.record.key,
        value: record.record.value,
        partition: unshared(record.source_partition),
        offset: unshared(record.source_offset),
    }
}
