//! Who runs what, as text.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use connect_core::metrics::MetricId;
use serde_json::Value;

use crate::quickstart::scrape;

/// One worker at the moment of the look.
#[derive(Debug, Clone)]
pub(super) struct WorkerView {
    /// `host:port`.
    pub(super) id: String,
    /// What is to be said about its process.
    pub(super) process: String,
    /// Whether the process is there.
    pub(super) is_up: bool,
    /// Its metrics, when it answers.
    pub(super) metrics: Option<String>,
}

/// What one worker has.
#[derive(Debug, Default)]
struct Share {
    connectors: Vec<String>,
    tasks: BTreeMap<String, Vec<String>>,
    task_count: usize,
}

/// Remembers the last look, to tell rates.
#[derive(Debug, Default)]
pub(super) struct Pictures {
    last: BTreeMap<String, (Instant, f64)>,
}

impl Pictures {
    /// Returns the picture for the statuses that a worker told (`GET /connectors?expand=status`; null when none
    /// answers).
    pub(super) fn draw(&mut self, workers: &[WorkerView], statuses: &Value, now: Instant) -> String {
        let (shares, states) = shares(statuses);
        let connectors = statuses.as_object().map_or(0, serde_json::Map::len);
        let alive = workers.iter().filter(|worker| worker.metrics.is_some()).count();
        let tasks: usize = states.values().sum();
        let states: Vec<String> =
            states.iter().map(|(state, count)| format!("{count} {}", state.to_lowercase())).collect();
        let mut text = format!(
            "{alive} of {} workers, {connectors} connectors, {tasks} tasks: {}\n",
            workers.len(),
            if states.is_empty() { "none yet".to_owned() } else { states.join(", ") }
        );
        for worker in workers {
            text.push_str(&self.lines(worker, shares.get(&worker.id), now));
        }
        for (id, share) in shares.iter().filter(|(id, _)| workers.iter().all(|worker| worker.id != **id)) {
            text.push_str(&format!("\n{id}  not of this fleet\n{}", share_lines(Some(share))));
        }
        text
    }

    fn lines(&mut self, worker: &WorkerView, share: Option<&Share>, now: Instant) -> String {
        let facts = match &worker.metrics {
            Some(metrics) => {
                let lag = total(metrics, MetricId::LagRecords);
                format!("{:.0} records/s, lag {lag:.0}", self.rate(&worker.id, metrics, now))
            }
            None if share.is_some() && worker.is_up => {
                "no answer; its work moves when its session ends".to_owned()
            }
            None if share.is_some() => "its work moves when its session ends".to_owned(),
            None if worker.is_up => "no answer yet".to_owned(),
            None => "its work is elsewhere".to_owned(),
        };
        format!("\n{}  {}  {facts}\n{}", worker.id, worker.process, share_lines(share))
    }

    /// Returns the records a second that went through a worker since the last look.
    fn rate(&mut self, worker: &str, metrics: &str, now: Instant) -> f64 {
        let records =
            total(metrics, MetricId::SourceRecordWriteTotal) + total(metrics, MetricId::SinkRecordSendTotal);
        let last = self.last.insert(worker.to_owned(), (now, records)).unwrap_or((now, records));
        let seconds = now.saturating_duration_since(last.0).max(Duration::from_millis(1)).as_secs_f64();
        // Totals begin anew when a task moves.
        ((records - last.1) / seconds).max(0.0)
    }
}

fn share_lines(share: Option<&Share>) -> String {
    let Some(share) = share else { return "    runs nothing\n".to_owned() };
    let tasks: Vec<String> =
        share.tasks.iter().map(|(name, numbers)| format!("{name} {}", numbers.join(" "))).collect();
    let listed = |count: usize, names: Vec<String>| match count {
        0 => "-".to_owned(),
        count => format!("{count}: {}", names.join(", ")),
    };
    format!(
        "    connectors {}\n    tasks      {}\n",
        listed(share.connectors.len(), share.connectors.clone()),
        listed(share.task_count, tasks)
    )
}

/// Returns what each worker has, and how many tasks are in each state.
fn shares(statuses: &Value) -> (BTreeMap<String, Share>, BTreeMap<String, usize>) {
    let (mut shares, mut states) = (BTreeMap::<String, Share>::new(), BTreeMap::new());
    let text = |entry: &Value, key: &str| entry[key].as_str().unwrap_or_default().to_owned();
    // RUNNING is the rule and is not told.
    let marked = |name: &str, state: &str| match state {
        "RUNNING" => name.to_owned(),
        state => format!("{name} ({})", state.to_lowercase()),
    };
    // Workers list connectors in the order of a hash map.
    let by_name: BTreeMap<&String, &Value> = statuses.as_object().into_iter().flatten().collect();
    for (name, connector) in by_name {
        let status = &connector["status"];
        let instance = &status["connector"];
        let share = shares.entry(text(instance, "worker_id")).or_default();
        share.connectors.push(marked(name, &text(instance, "state")));
        for task in status["tasks"].as_array().into_iter().flatten() {
            let state = text(task, "state");
            let share = shares.entry(text(task, "worker_id")).or_default();
            share.tasks.entry(name.clone()).or_default().push(marked(&task["id"].to_string(), &state));
            share.task_count += 1;
            *states.entry(state).or_default() += 1;
        }
    }
    (shares, states)
}

fn total(metrics: &str, id: MetricId) -> f64 {
    scrape::sum(metrics, &id.metric().prometheus_name()).unwrap_or(0.0)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_picture_tells_who_runs_what_how_fast_and_what_is_not_running() {
        let task =
            |id: u32, state: &str, worker: &str| json!({"id": id, "state": state, "worker_id": worker});
        let statuses = json!({
            "zeta": {"status": {
                "connector": {"state": "RUNNING", "worker_id": "h:1"},
                "tasks": [],
            }},
            "logs": {"status": {
                "connector": {"state": "RUNNING", "worker_id": "h:1"},
                "tasks": [task(0, "RUNNING", "h:2")],
            }},
            "sink": {"status": {
                "connector": {"state": "PAUSED", "worker_id": "h:2"},
                "tasks": [task(0, "RUNNING", "h:1"), task(1, "FAILED", "h:1"), task(2, "RUNNING", "h:2")],
            }},
        });
        let metrics = |records: u32| {
            format!(
                "kafka_connect_sink_task_sink_record_send_total{{task=\"0\"}} {records}\n\
                 sluice_sink_task_lag_records{{task=\"0\"}} 7\n"
            )
        };
        let view = |id: &str, process: &str, records: Option<u32>| WorkerView {
            id: id.to_owned(),
            process: process.to_owned(),
            is_up: process != "killed",
            metrics: records.map(metrics),
        };
        let (mut pictures, start) = (Pictures::default(), Instant::now());
        pictures.draw(&[view("h:1", "", Some(10))], &statuses, start);
        let workers =
            [view("h:1", "pid 5", Some(210)), view("h:2", "killed", None), view("h:3", "pid 7", Some(0))];
        assert_eq!(
            pictures.draw(&workers, &statuses, start + Duration::from_secs(2)),
            "2 of 3 workers, 3 connectors, 4 tasks: 1 failed, 3 running\n\
             \n\
             h:1  pid 5  100 records/s, lag 7\n    \
             connectors 2: logs, zeta\n    \
             tasks      2: sink 0 1 (failed)\n\
             \n\
             h:2  killed  its work moves when its session ends\n    \
             connectors 1: sink (paused)\n    \
             tasks      2: logs 0, sink 2\n\
             \n\
             h:3  pid 7  0 records/s, lag 7\n    \
             runs nothing\n"
        );
    }

    #[test]
    fn before_anybody_answers_the_picture_is_empty() {
        let worker =
            WorkerView { id: "h:1".to_owned(), process: "pid 5".to_owned(), is_up: true, metrics: None };
        assert_eq!(
            Pictures::default().draw(&[worker], &Value::Null, Instant::now()),
            "0 of 1 workers, 0 connectors, 0 tasks: none yet\n\nh:1  pid 5  no answer yet\n    runs nothing\n"
        );
    }
}
