//! Prometheus' text format, version 0.0.4. Written here because client libraries insist on endings for names that
//! the dashboards of Kafka Connect do not have.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::sync::Arc;

use connect_core::metrics::{Kind, MetricId};

/// Labels as they stand between the braces, made once per subject.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Default)]
pub(crate) struct Labels(Arc<str>);

impl Labels {
    pub(crate) fn new(pairs: &[(&str, &str)]) -> Self {
        let mut text = String::new();
        for (name, value) in pairs {
            push_label(&mut text, name, value);
        }
        Self(text.into())
    }

    pub(crate) fn with(&self, pairs: &[(&str, &str)]) -> Self {
        let mut text = self.0.to_string();
        for (name, value) in pairs {
            push_label(&mut text, name, value);
        }
        Self(text.into())
    }
}

fn push_label(text: &mut String, name: &str, value: &str) {
    if !text.is_empty() {
        text.push(',');
    }
    text.push_str(name);
    text.push_str("=\"");
    for character in value.chars() {
        match character {
            '\\' => text.push_str("\\\\"),
            '"' => text.push_str("\\\""),
            '\n' => text.push_str("\\n"),
            other => text.push(other),
        }
    }
    text.push('"');
}

/// All samples of one scrape.
#[derive(Debug, Default)]
pub(crate) struct Exposition {
    samples: BTreeMap<String, (MetricId, Vec<(Labels, f64)>)>,
}

impl Exposition {
    pub(crate) fn add(&mut self, id: MetricId, labels: &Labels, value: f64) {
        let family = self.samples.entry(id.metric().prometheus_name());
        family.or_insert_with(|| (id, Vec::new())).1.push((labels.clone(), value));
    }

    pub(crate) fn count(&mut self, id: MetricId, labels: &Labels, value: u64) {
        self.add(id, labels, value as f64);
    }

    /// Adds a text as a label of a sample of value 1; an unknown, empty text is left out.
    pub(crate) fn text(&mut self, id: MetricId, labels: &Labels, text: &str) {
        if !text.is_empty() {
            let label = id.metric().attribute_label();
            self.add(id, &labels.with(&[(&label, text)]), 1.0);
        }
    }

    /// Returns the page, sorted by name and labels.
    pub(crate) fn render(self) -> String {
        let mut page = String::new();
        for (name, (id, mut samples)) in self.samples {
            let metric = id.metric();
            let kind = if metric.kind == Kind::Total { "counter" } else { "gauge" };
            let help = metric.help;
            page.push_str(&format!("# HELP {name} {help}\n# TYPE {name} {kind}\n"));
            samples.sort_by(|(left, _), (right, _)| left.cmp(right));
            for (Labels(labels), value) in samples {
                let braces = if labels.is_empty() { ["", ""] } else { ["{", "}"] };
                let [open, close] = braces;
                // Writing into a string cannot fail.
                writeln!(page, "{name}{open}{labels}{close} {}", number(value)).ok();
            }
        }
        page
    }
}

fn number(value: f64) -> String {
    match value {
        infinite if infinite == f64::INFINITY => "+Inf".to_owned(),
        infinite if infinite == f64::NEG_INFINITY => "-Inf".to_owned(),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn page_is_sorted_and_escaped() {
        let mut page = Exposition::default();
        let labels = |task| Labels::new(&[("connector", "a\"b\\c\nd"), ("task", task)]);
        page.count(MetricId::TotalRetries, &labels("1"), 7);
        page.count(MetricId::TotalRetries, &labels("0"), 3);
        page.add(MetricId::PutBatchAvgTimeMs, &labels("0"), f64::NAN);
        page.add(MetricId::ConnectorCount, &Labels::default(), f64::INFINITY);
        page.text(MetricId::TaskStatus, &labels("0"), "running");
        page.text(MetricId::TaskVersion, &labels("0"), "");
        let expected = r#"# HELP kafka_connect_connector_task_status State of the task.
# TYPE kafka_connect_connector_task_status gauge
kafka_connect_connector_task_status{connector="a\"b\\c\nd",task="0",status="running"} 1
# HELP kafka_connect_sink_task_put_batch_avg_time_ms Average time the task took for a batch.
# TYPE kafka_connect_sink_task_put_batch_avg_time_ms gauge
kafka_connect_sink_task_put_batch_avg_time_ms{connector="a\"b\\c\nd",task="0"} NaN
# HELP kafka_connect_task_error_total_retries Operations tried again.
# TYPE kafka_connect_task_error_total_retries counter
kafka_connect_task_error_total_retries{connector="a\"b\\c\nd",task="0"} 3
kafka_connect_task_error_total_retries{connector="a\"b\\c\nd",task="1"} 7
# HELP kafka_connect_worker_connector_count Connectors that run in this worker.
# TYPE kafka_connect_worker_connector_count gauge
kafka_connect_worker_connector_count +Inf
"#;
        assert_eq!(page.render(), expected);
    }
}
