//! The line that tells what is going on.

use std::time::Instant;

use connect_core::metrics::MetricId;

use crate::quickstart::bucket::Survey;
use crate::quickstart::scrape;

/// Remembers the last look, to tell rates.
#[derive(Debug, Default)]
pub(crate) struct Progress {
    last: Option<Totals>,
}

#[derive(Debug, Clone, Copy)]
struct Totals {
    at: Instant,
    produced: f64,
    taken: f64,
}

impl Progress {
    /// Returns the line for the worker's metrics at `now`.
    pub(crate) fn line(&mut self, metrics: &str, bucket: &Survey, now: Instant) -> String {
        let total = |id: MetricId| scrape::sum(metrics, &id.metric().prometheus_name()).unwrap_or(0.0);
        let totals = Totals {
            at: now,
            produced: total(MetricId::SourceRecordWriteTotal),
            taken: total(MetricId::SinkRecordSendTotal),
        };
        let last = self.last.replace(totals).unwrap_or(totals);
        let seconds = now.saturating_duration_since(last.at).as_secs_f64().max(0.001);
        // Totals begin anew when a task restarts.
        let rate = |now: f64, before: f64| ((now - before) / seconds).max(0.0);
        format!(
            "produced {:.0}/s   to the sink {:.0}/s   lag {:.0} records, {:.1} s   bucket {} objects, {:.1} MiB",
            rate(totals.produced, last.produced),
            rate(totals.taken, last.taken),
            total(MetricId::LagRecords),
            total(MetricId::LagSeconds),
            bucket.count(),
            bucket.size_bytes as f64 / (1024.0 * 1024.0),
        )
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn rates_are_told_between_two_looks() {
        let metrics = |produced: u32, taken: u32, lag: u32| {
            format!(
                "kafka_connect_source_task_source_record_write_total{{task=\"0\"}} {produced}\n\
                 kafka_connect_sink_task_sink_record_send_total{{task=\"0\"}} {taken}\n\
                 sluice_sink_task_lag_records{{task=\"0\"}} {lag}\n\
                 sluice_sink_task_lag_seconds{{task=\"0\"}} 1.25\n"
            )
        };
        let (mut progress, start, bucket) = (Progress::default(), Instant::now(), Survey::default());
        progress.line(&metrics(100, 50, 9), &bucket, start);
        assert_eq!(
            progress.line(&metrics(300, 150, 42), &bucket, start + Duration::from_secs(2)),
            "produced 100/s   to the sink 50/s   lag 42 records, 1.2 s   bucket 0 objects, 0.0 MiB"
        );
    }
}
