//! The contract, and what the generator does beyond it.

use std::sync::Arc;

use connect_core::config::Props;
use connect_core::data::{Datum, Value};
use connect_core::plugin::{Factory, PluginInfo};
use connect_core::record::SourceRecord;
use connect_core::task::{SourceTask, SourceTaskContext};
use connect_core::testkit::{connector_context, props, source_context, source_contract};

use crate::plugins;

fn plugin() -> PluginInfo {
    plugins().remove(0)
}

async fn task_configs(pairs: &[(&str, &str)], max_tasks: usize) -> Vec<Props> {
    let Factory::Source(make) = plugin().factory else { panic!("not a source") };
    let mut connector = make();
    connector.start(connector_context().0, &props(pairs)).await.expect("start");
    connector.task_configs(max_tasks).expect("configs")
}

async fn started(context: SourceTaskContext, props: &Props) -> Box<dyn SourceTask> {
    let Factory::Source(make) = plugin().factory else { panic!("not a source") };
    let mut task = make().task();
    task.start(context, props).await.expect("start");
    task
}

/// Runs all tasks of a configuration to their end.
async fn run(pairs: &[(&str, &str)], max_tasks: usize) -> Vec<SourceRecord> {
    let mut all = Vec::new();
    for props in task_configs(pairs, max_tasks).await {
        let mut task = started(source_context(Arc::default()), &props).await;
        loop {
            let records = task.poll().await.expect("poll");
            if records.is_empty() {
                break;
            }
            all.extend(records);
        }
    }
    all
}

fn text(datum: &Datum, name: &str) -> String {
    let Value::Map(map) = datum.value().into_owned() else { panic!("no map: {datum:?}") };
    map.get(name).and_then(Value::as_str).unwrap_or_default().to_owned()
}

#[tokio::test(start_paused = true)]
async fn generator_keeps_the_contract() {
    let bad = [
        ("topic", ""),
        ("shape", "sql"),
        ("rate", "-1"),
        ("max.records", "0"),
        ("error.ratio", "2"),
        ("latency.median.ms", "0"),
        ("batch.size", "0"),
        ("partitions", "0"),
    ];
    for shape in ["app-logs", "web-access"] {
        let valid = props(&[("topic", "t"), ("shape", shape), ("rate", "0"), ("partitions", "3")]);
        source_contract(&plugin(), &valid, &bad, 5_000).await;
    }
}

#[tokio::test(start_paused = true)]
async fn all_tasks_together_make_the_records_asked_for() {
    for max_tasks in [1, 3] {
        let records = run(&[("topic", "t"), ("rate", "0"), ("max.records", "1000")], max_tasks).await;
        assert_eq!(records.len(), 1_000);
    }
}

#[tokio::test(start_paused = true)]
async fn app_logs_look_like_logs_and_a_tenth_are_errors() {
    let records = run(&[("topic", "t"), ("rate", "0"), ("max.records", "10000")], 1).await;
    let Value::Map(first) = records[0].value.value().into_owned() else { panic!("no map") };
    let names: Vec<&str> = first.entries.iter().filter_map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["timestamp", "level", "message", "service"]);
    assert_eq!(text(&records[0].value, "timestamp"), "2026-01-01T00:00:00Z");
    assert_eq!((records[0].key.clone(), records[0].value.schema()), (Datum::NULL, None));
    let errors = records.iter().filter(|record| text(&record.value, "level") == "ERROR").count();
    assert!((900..1_100).contains(&errors), "{errors} errors");
}

#[tokio::test(start_paused = true)]
async fn web_access_logs_have_unique_keys_and_the_latencies_asked_for() {
    let settings = [
        ("topic", "t"),
        ("shape", "web-access"),
        ("rate", "0"),
        ("max.records", "10000"),
        ("error.ratio", "0.2"),
    ];
    let records = run(&settings, 2).await;
    let mut keys: Vec<String> = records.iter().map(|record| text(&record.value, "request_id")).collect();
    keys.sort_unstable();
    keys.dedup();
    assert_eq!(keys.len(), 10_000);
    let number = |record: &SourceRecord, name: &str| {
        let Value::Map(map) = record.value.value().into_owned() else { panic!("no map") };
        match map.get(name) {
            Some(Value::Int64(number)) => *number,
            Some(Value::Int32(number)) => i64::from(*number),
            other => panic!("{name}: {other:?}"),
        }
    };
    let errors = records.iter().filter(|record| number(record, "status") >= 500).count();
    assert!((1_800..2_200).contains(&errors), "{errors} errors");
    let mut latencies: Vec<i64> = records.iter().map(|record| number(record, "latency_ms")).collect();
    latencies.sort_unstable();
    assert!((36..44).contains(&latencies[5_000]), "median {}", latencies[5_000]);
    assert!((700..1_200).contains(&latencies[9_900]), "p99 {}", latencies[9_900]);
}

#[tokio::test(start_paused = true)]
async fn the_same_seed_makes_the_same_records_and_tasks_make_different_ones() {
    let settings = |seed| [("topic", "t"), ("rate", "0"), ("max.records", "200"), ("seed", seed)];
    let values = |records: Vec<SourceRecord>| -> Vec<Datum> {
        records.into_iter().map(|record| record.record.value).collect()
    };
    let first = values(run(&settings("7"), 2).await);
    assert_eq!(first, values(run(&settings("7"), 2).await));
    assert_ne!(first, values(run(&settings("8"), 2).await));
    assert_ne!(first[..100], first[100..]);
}

#[tokio::test(start_paused = true)]
async fn records_are_dealt_to_partitions_and_timed_by_the_rate() {
    let settings = [("topic", "t"), ("rate", "0"), ("partitions", "3"), ("start.time.ms", "1735732800000")];
    let configs = task_configs(&settings, 2).await;
    let mut task = started(source_context(Arc::default()), &configs[1]).await;
    let records = task.poll().await.expect("poll");
    let shown: Vec<_> = records[..3].iter().map(|record| (record.partition, record.timestamp)).collect();
    let expected = [(1, 1_735_732_800_001), (2, 1_735_732_800_003), (0, 1_735_732_800_005)];
    assert_eq!(shown, expected.map(|(partition, time_ms)| (Some(partition), Some(time_ms))));
}
