//! The task: counts in memory, writes when offsets are committed.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;

use connect_core::async_trait;
use connect_core::config::Props;
use connect_core::data::{Value, java_text};
use connect_core::error::{ConnectError, RecordFailure};
use connect_core::record::{Offsets, SinkRecord, TopicPartition};
use connect_core::task::{CloseReason, PutReport, SinkTask, SinkTaskContext};

use crate::connector::TallyConfig;
use crate::tally::Tally;

/// Counts the records of its partitions.
#[derive(Default)]
pub(crate) struct TallySinkTask {
    running: Option<Running>,
}

struct Running {
    context: SinkTaskContext,
    config: TallyConfig,
    /// Counts of the open partitions.
    tallies: BTreeMap<TopicPartition, Tally>,
}

#[async_trait]
impl SinkTask for TallySinkTask {
    async fn start(&mut self, context: SinkTaskContext, props: &Props) -> Result<(), ConnectError> {
        let config = TallyConfig::parse(props)?;
        fs::create_dir_all(&config.folder).map_err(|error| {
            ConnectError::fatal(format!("creating folder `{}`", config.folder)).because(error)
        })?;
        self.running = Some(Running { context, config, tallies: BTreeMap::new() });
        Ok(())
    }

    async fn open(&mut self, partitions: &[TopicPartition]) -> Result<(), ConnectError> {
        let running = self.running()?;
        for partition in partitions {
            let path = running.path(partition);
            let stored = Tally::read(&path).map_err(|error| {
                ConnectError::fatal(format!("reading counts from `{}`", path.display())).because(error)
            })?;
            if let Some(stored) = &stored {
                // The file knows better than Kafka how far this partition was counted.
                running.context.handle.rewind(partition.clone(), stored.next);
            }
            running.tallies.insert(partition.clone(), stored.unwrap_or_default());
        }
        Ok(())
    }

    async fn put(&mut self, batch: &[SinkRecord]) -> Result<PutReport, ConnectError> {
        let running = self.running()?;
        let mut report = PutReport::accepted();
        for (index, record) in batch.iter().enumerate() {
            if let Err(error) = running.count(record) {
                report.failed.push(RecordFailure { index, error });
            }
        }
        Ok(report)
    }

    async fn pre_commit(&mut self, consumed: &Offsets) -> Result<Offsets, ConnectError> {
        let running = self.running()?;
        let mut durable = Offsets::new();
        for (partition, offset) in consumed {
            let path = running.path(partition);
            let Some(tally) = running.tallies.get_mut(partition) else { continue };
            // Records that transforms dropped are behind us too.
            tally.next = tally.next.max(*offset);
            tally.write(&path).map_err(|error| {
                ConnectError::retriable(format!("writing counts to `{}`", path.display())).because(error)
            })?;
            durable.insert(partition.clone(), *offset);
        }
        Ok(durable)
    }

    async fn close(
        &mut self,
        partitions: &[TopicPartition],
        _reason: CloseReason,
    ) -> Result<(), ConnectError> {
        // What was not written is not committed, and will be counted by the next owner.
        let running = self.running()?;
        running.tallies.retain(|partition, _| !partitions.contains(partition));
        Ok(())
    }
}

impl TallySinkTask {
    fn running(&mut self) -> Result<&mut Running, ConnectError> {
        self.running.as_mut().ok_or_else(|| ConnectError::fatal("using a task that was not started"))
    }
}

impl Running {
    fn path(&self, partition: &TopicPartition) -> PathBuf {
        PathBuf::from(&self.config.folder).join(format!("{partition}.json"))
    }

    fn count(&mut self, record: &SinkRecord) -> Result<(), ConnectError> {
        let Some(tally) = self.tallies.get_mut(&record.original_partition()) else { return Ok(()) };
        if record.offset < tally.next {
            return Ok(());
        }
        let name = match &*record.value.value() {
            Value::Map(map) => map.get(&self.config.field).map(java_text::to_text),
            Value::Struct(structure) => structure.get(&self.config.field).ok().map(java_text::to_text),
            other => {
                let class = other.java_class();
                return Err(ConnectError::data(format!(
                    "counting a value of `{class}`, which has no fields"
                )));
            }
        };
        *tally.counts.entry(name.unwrap_or_else(|| "(none)".to_owned())).or_default() += 1;
        tally.next = record.offset + 1;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use connect_core::data::{Datum, Map};
    use connect_core::testkit::{FakeClock, HandleCall, props, records, sink_context, sink_contract};

    use super::*;
    use crate::plugins;

    fn log(level: &str) -> Datum {
        Datum::schemaless(Value::Map(Map { entries: vec![(Value::string("level"), Value::string(level))] }))
    }

    #[tokio::test]
    async fn connector_keeps_the_contract() {
        let folder = tempfile::tempdir().expect("folder");
        let valid = props(&[("tally.folder", folder.path().to_str().expect("UTF-8"))]);
        sink_contract(&plugins()[0], &valid, &[("tally.folder", ""), ("tally.field", "")], &log("INFO"))
            .await;
    }

    #[tokio::test]
    async fn records_that_come_again_are_counted_once() {
        let folder = tempfile::tempdir().expect("folder");
        let props = props(&[("tally.folder", folder.path().to_str().expect("UTF-8"))]);
        let partition = TopicPartition::new("t", 0);
        for (from, committed) in [(0, 4), (2, 6)] {
            let (context, handle) = sink_context(Arc::new(FakeClock::new()));
            let mut task = TallySinkTask::default();
            task.start(context, &props).await.expect("start");
            task.open(std::slice::from_ref(&partition)).await.expect("open");
            let rewound = (from > 0).then(|| HandleCall::Rewind(partition.clone(), 4));
            assert_eq!(handle.take(), Vec::from_iter(rewound));
            let level = |offset| log(if offset % 2 == 0 { "INFO" } else { "ERROR" });
            let report = task.put(&records("t", 0, from..committed, level)).await.expect("put");
            assert!(report.failed.is_empty());
            let consumed = Offsets::from([(partition.clone(), committed)]);
            assert_eq!(task.pre_commit(&consumed).await.expect("pre_commit"), consumed);
            // Taken but never committed: the next task counts it.
            let report = task.put(&records("t", 0, committed..committed + 1, level)).await.expect("put");
            assert!(report.failed.is_empty());
        }
        let counts = [("ERROR".to_owned(), 3), ("INFO".to_owned(), 3)].into();
        let stored = Tally::read(&folder.path().join("t-0.json")).expect("read");
        assert_eq!(stored, Some(Tally { next: 6, counts }));
    }
}
