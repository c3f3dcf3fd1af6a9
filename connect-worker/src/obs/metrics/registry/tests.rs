use std::time::Duration;

use connect_core::testkit::FakeClock;

use super::*;
use crate::obs::metrics::status::PluginInfo;

const GOLDEN: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/src/obs/metrics/testdata/page.txt");

fn registry() -> (Arc<FakeClock>, MetricsRegistry) {
    let clock = Arc::new(FakeClock::new());
    let options = MetricsOptions {
        windows: Windows::default(),
        clock: Arc::clone(&clock) as SharedClock,
        worker_id: "127.0.0.1:8083".to_owned(),
        version: "0.1.0".to_owned(),
        commit: "abc".to_owned(),
    };
    (clock, MetricsRegistry::new(options))
}

fn plugin(class: &str) -> PluginInfo {
    PluginInfo { class: format!("org.example.{class}"), version: "1".to_owned() }
}

fn info(direction: &str) -> TaskInfo {
    TaskInfo {
        connector: plugin("Connector"),
        connector_type: direction.to_owned(),
        task: plugin("Task"),
        key_converter: plugin("Key"),
        value_converter: plugin("Value"),
        header_converter: plugin("Header"),
        transforms: vec![("t".to_owned(), plugin("Transform"))],
        predicates: vec![("p".to_owned(), plugin("Predicate"))],
    }
}

fn id(connector: &str, task: u32) -> TaskId {
    TaskId { connector: connector.into(), task }
}

/// Hides what depends on the machine.
fn masked(page: &str) -> String {
    let mask = |line: &str| match line.split_once(' ') {
        Some((name @ ("process_cpu_seconds_total" | "process_resident_memory_bytes"), _)) => {
            format!("{name} *\n")
        }
        _ => format!("{line}\n"),
    };
    page.lines().map(mask).collect()
}

#[test]
fn page_of_a_busy_worker_is_the_golden_one() {
    let (clock, registry) = registry();
    registry.worker().connector_started(true);
    registry.worker().connector_started(false);
    registry.worker().task_started(true);
    let connector_info = ConnectorInfo { plugin: plugin("Connector"), connector_type: "sink".to_owned() };
    let rounds = registry.rebalance();
    rounds.assigned("http://w:1/", "SESSIONED", 2);
    clock.advance(Duration::from_millis(40));
    rounds.completed();
    rounds.assigned("http://v:1/", "SESSIONED", 3);
    let connector = registry.connector("snk", connector_info);
    connector.state(Status::Running);
    let sink = registry.sink_task(&id("snk", 0), info("sink"));
    let source = registry.source_task(&id("src", 0), info("source"));

    sink.status.state(Status::Running);
    source.status.state(Status::Paused);
    clock.advance(Duration::from_secs(30));
    sink.status.state(Status::Paused);
    sink.partition_count(3);
    sink.polled(600);
    sink.sent(500);
    sink.put_batch(Duration::from_millis(20));
    sink.active_count(100);
    sink.commit_succeeded(Duration::from_millis(5));
    sink.commit_failed(Duration::from_millis(5));
    sink.commit_skipped();
    sink.offset_commit_seq(7);
    sink.lag(1_000, 900, Duration::from_millis(1_500));
    sink.errors.record_failure();
    sink.errors.record_error();
    sink.errors.record_skipped();
    sink.errors.retry();
    sink.errors.error_logged();
    sink.errors.dlq_request();
    sink.errors.dlq_failure();
    source.polled(60);
    source.poll_batch(Duration::from_micros(1_500));
    source.written(30);
    source.transaction(20);
    source.transaction(40);
    source.active(30);
    source.commit_succeeded(Duration::from_millis(2));
    clock.advance(Duration::from_secs(30));

    let page = masked(&registry.render());
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(GOLDEN, &page).expect("written");
    }
    assert_eq!(page, std::fs::read_to_string(GOLDEN).expect("a golden file"));
}

#[test]
fn every_metric_of_the_table_is_filled() {
    let page = std::fs::read_to_string(GOLDEN).expect("a golden file");
    let missing: Vec<String> = connect_core::metrics::METRICS
        .iter()
        .map(connect_core::metrics::Metric::prometheus_name)
        .filter(|name| !page.contains(&format!("# TYPE {name} ")))
        .collect();
    assert_eq!(missing, Vec::<String>::new());
}

#[test]
fn series_end_with_the_last_clone_of_their_handle() {
    let (_clock, registry) = registry();
    let connector = registry.connector("c", ConnectorInfo::default());
    let old_run = registry.sink_task(&id("c", 0), TaskInfo::default());
    old_run.polled(10);
    let new_run = registry.sink_task(&id("c", 0), TaskInfo::default());
    let total = "kafka_connect_sink_task_sink_record_read_total{connector=\"c\",task=\"0\"} ";
    assert!(registry.render().contains(&format!("{total}0\n")), "a new run begins at zero");
    drop(old_run);
    assert!(registry.render().contains(total), "the end of the old run does not end the new one");
    drop((new_run, connector));
    assert!(!registry.render().contains("connector=\"c\""));
}

#[test]
fn empty_averages_are_nan() {
    let (_clock, registry) = registry();
    let _task = registry.sink_task(&id("c", 0), TaskInfo::default());
    let page = registry.render();
    assert!(page.contains("kafka_connect_sink_task_put_batch_avg_time_ms{connector=\"c\",task=\"0\"} NaN\n"));
    assert!(page.contains("kafka_connect_sink_task_sink_record_read_rate{connector=\"c\",task=\"0\"} 0\n"));
    assert!(!page.contains("sluice_sink_task_lag_records{"), "a lag that was never measured is not zero");
}
