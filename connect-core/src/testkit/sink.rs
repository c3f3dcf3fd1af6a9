//! The contract of sink connectors.

use std::sync::Arc;
use std::time::Duration;

use crate::config::Props;
use crate::connector::SinkConnector;
use crate::data::Datum;
use crate::plugin::{Factory, PluginInfo};
use crate::record::{Offsets, SinkRecord, TopicPartition};
use crate::task::{CloseReason, SinkTask};
use crate::testkit::connector::connector_contract;
use crate::testkit::{BadConfig, FakeClock, records, sink_context};

const TOPIC: &str = "contract";
/// Longest time a call may take after the task was told to stop.
const STOP_LIMIT: Duration = Duration::from_secs(20);

/// Checks that a sink connector keeps its promises: information and keys are sound, a bad configuration is
/// reported whole, a task lives through assignment, empty and full batches, revocation, loss and stop, and never
/// offers an offset for commit that it was not given.
///
/// `valid` must be a configuration that works in the test's surroundings, `bad` breaks it key by key, and `value`
/// is a value that the sink can write.
///
/// # Panics
/// Panics at the first broken promise.
pub async fn sink_contract(plugin: &PluginInfo, valid: &Props, bad: BadConfig<'_>, value: &Datum) {
    let Factory::Sink(make) = &plugin.factory else { panic!("`{}` is no sink connector", plugin.class) };
    let task_props = connector_contract(plugin, || make() as Box<dyn SinkConnector>, valid, bad).await;
    lives_through_assignments(*make, &task_props, value).await;
    commits_nothing_of_lost_partitions(*make, &task_props, value).await;
    ends_soon_when_stopped(*make, &task_props, value).await;
}

type Make = fn() -> Box<dyn SinkConnector>;

fn partitions() -> [TopicPartition; 2] {
    [TopicPartition::new(TOPIC, 0), TopicPartition::new(TOPIC, 1)]
}

fn batch(value: &Datum, from: i64) -> Vec<SinkRecord> {
    [0, 1]
        .into_iter()
        .flat_map(|partition| records(TOPIC, partition, from..from + 3, |_| value.clone()))
        .collect()
}

fn consumed(next: i64) -> Offsets {
    partitions().map(|partition| (partition, next)).into()
}

async fn started(make: Make, props: &Props) -> Box<dyn SinkTask> {
    let (context, _) = sink_context(Arc::new(FakeClock::new()));
    let mut task = make().task();
    task.start(context, props).await.expect("a valid configuration must start a task");
    task
}

async fn put(task: &mut dyn SinkTask, batch: &[SinkRecord]) {
    let report = task.put(batch).await.expect("a batch must be taken");
    assert!(report.failed.is_empty(), "a good record was refused: {:?}", report.failed);
}

/// Checks what `pre_commit` offers against what was consumed.
async fn pre_commit(task: &mut dyn SinkTask, consumed: &Offsets) -> Offsets {
    let offered = task.pre_commit(consumed).await.expect("pre_commit must work");
    for (partition, offset) in &offered {
        let known = consumed.get(partition);
        assert!(known.is_some(), "offset {offset} of {partition} is offered, which was not consumed");
        assert!(known >= Some(offset), "offset {offset} of {partition} is above the consumed {known:?}");
    }
    offered
}

async fn lives_through_assignments(make: Make, props: &Props, value: &Datum) {
    let mut task = started(make, props).await;
    let task = task.as_mut();
    task.open(&partitions()).await.expect("partitions must open");
    put(task, &[]).await;
    assert_eq!(pre_commit(task, &Offsets::new()).await, Offsets::new(), "nothing was consumed");
    put(task, &batch(value, 0)).await;
    let offered = pre_commit(task, &consumed(3)).await;
    put(task, &[]).await;
    let later = pre_commit(task, &consumed(3)).await;
    for (partition, offset) in &offered {
        assert!(
            later.get(partition).is_none_or(|later| later >= offset),
            "the offset of {partition} went back"
        );
    }
    task.close(&partitions()[1..], CloseReason::Revoked).await.expect("a partition must close");
    // The partition that stayed goes on; the other comes back and is read again from where it was committed.
    put(task, &records(TOPIC, 0, 3..6, |_| value.clone())).await;
    task.open(&partitions()[1..]).await.expect("a partition must open again");
    let first = later.get(&partitions()[1]).copied().unwrap_or(0);
    put(task, &records(TOPIC, 1, first..6, |_| value.clone())).await;
    pre_commit(task, &consumed(6)).await;
    task.close(&partitions(), CloseReason::Stopping).await.expect("partitions must close");
    task.stop().await.expect("a task must stop");
}

async fn commits_nothing_of_lost_partitions(make: Make, props: &Props, value: &Datum) {
    let mut task = started(make, props).await;
    let task = task.as_mut();
    task.open(&partitions()).await.expect("partitions must open");
    put(task, &batch(value, 100)).await;
    task.close(&partitions(), CloseReason::Lost).await.expect("lost partitions must close");
    assert_eq!(
        pre_commit(task, &Offsets::new()).await,
        Offsets::new(),
        "lost partitions are offered for commit"
    );
    task.stop().await.expect("a task must stop");
}

async fn ends_soon_when_stopped(make: Make, props: &Props, value: &Datum) {
    let (context, _) = sink_context(Arc::new(FakeClock::new()));
    let stop = context.stop.clone();
    let mut task = make().task();
    task.start(context, props).await.expect("a valid configuration must start a task");
    task.open(&partitions()).await.expect("partitions must open");
    stop.cancel();
    let end = async {
        // What these calls return does not matter any more; that they return does.
        let _outcome = task.put(&batch(value, 200)).await;
        let _outcome = task.pre_commit(&consumed(203)).await;
        let _outcome = task.close(&partitions(), CloseReason::Stopping).await;
        let _outcome = task.stop().await;
    };
    let ended = tokio::time::timeout(STOP_LIMIT, end).await;
    assert!(ended.is_ok(), "the task still waits {STOP_LIMIT:?} after it was told to stop");
}
