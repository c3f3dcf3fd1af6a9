//! The task: hands runs of records to the writers of their partitions and says what may be committed. What it
//! promises: an offset is committed only after every object before it is written.

#[cfg(test)]
mod tests;

use std::sync::Arc;

use connect_core::async_trait;
use connect_core::config::Props;
use connect_core::error::ConnectError;
use connect_core::record::{Offsets, SinkRecord, TopicPartition};
use connect_core::task::{CloseReason, PutReport, SinkTask, SinkTaskContext};

use crate::client::{AwsStore, ObjectStore};
use crate::settings::Dialect;
use crate::work::Work;

/// Writes records to objects.
#[derive(Default)]
pub(crate) struct S3SinkTask {
    dialect: Dialect,
    /// Takes the place of S3 in tests.
    store: Option<Arc<dyn ObjectStore>>,
    work: Option<Work>,
}

impl S3SinkTask {
    /// Returns a task that reads configurations of a dialect.
    pub(crate) fn reading(dialect: Dialect) -> Self {
        Self { dialect, ..Self::default() }
    }

    /// Returns a task that writes to the given store.
    #[cfg(test)]
    pub(crate) fn with_store(store: Arc<dyn ObjectStore>) -> Self {
        Self { store: Some(store), ..Self::default() }
    }

    /// Returns the task with configurations in another dialect.
    #[cfg(test)]
    pub(crate) fn in_dialect(self, dialect: Dialect) -> Self {
        Self { dialect, ..self }
    }

    fn work(&mut self) -> Result<&mut Work, ConnectError> {
        self.work.as_mut().ok_or_else(|| ConnectError::fatal("using an S3 sink task that was not started"))
    }
}

#[async_trait]
impl SinkTask for S3SinkTask {
    async fn start(&mut self, context: SinkTaskContext, props: &Props) -> Result<(), ConnectError> {
        let settings = self.dialect.parse(props)?;
        let store = match &self.store {
            Some(store) => Arc::clone(store),
            None => Arc::new(AwsStore::connect(settings.aws.clone()).await),
        };
        let work = Work::new(settings, store, context);
        work.check_bucket().await?;
        self.work = Some(work);
        Ok(())
    }

    async fn open(&mut self, partitions: &[TopicPartition]) -> Result<(), ConnectError> {
        self.open_at(partitions, &Offsets::new()).await
    }

    async fn open_at(
        &mut self,
        partitions: &[TopicPartition],
        committed: &Offsets,
    ) -> Result<(), ConnectError> {
        let work = self.work()?;
        for partition in partitions {
            work.open(partition, committed.get(partition).copied());
        }
        Ok(())
    }

    async fn put(&mut self, batch: &[SinkRecord]) -> Result<PutReport, ConnectError> {
        let work = self.work()?;
        work.begin_put()?;
        let mut report = PutReport::accepted();
        let mut start = 0;
        while let Some(first) = batch.get(start) {
            let length = batch[start..].iter().take_while(|record| shares_partition(first, record)).count();
            let failed = work.write_run(&batch[start..start + length]).await?;
            report.failed.extend(failed.into_iter().map(|mut failure| {
                failure.index += start;
                failure
            }));
            start += length;
        }
        work.end_put().await?;
        Ok(report)
    }

    async fn pre_commit(&mut self, consumed: &Offsets) -> Result<Offsets, ConnectError> {
        let work = self.work()?;
        work.close_groups().await?;
        work.drain().await;
        work.settle_records(consumed).await;
        Ok(work.committable(consumed))
    }

    async fn drain(&mut self) -> Result<(), ConnectError> {
        self.work()?.close_files().await
    }

    async fn close(
        &mut self,
        partitions: &[TopicPartition],
        reason: CloseReason,
    ) -> Result<(), ConnectError> {
        if let Some(work) = &mut self.work {
            work.close(partitions, reason).await;
        }
        Ok(())
    }

    fn next_wakeup_ms(&self) -> Option<u64> {
        self.work.as_ref().and_then(Work::next_wakeup_ms)
    }

    async fn stop(&mut self) -> Result<(), ConnectError> {
        if let Some(mut work) = self.work.take() {
            work.close_all().await;
        }
        Ok(())
    }
}

/// Returns whether two records were read from the same partition; topics of one batch share their text.
fn shares_partition(left: &SinkRecord, right: &SinkRecord) -> bool {
    let (left, right) = (&left.origin, &right.origin);
    left.partition == right.partition && (Arc::ptr_eq(&left.topic, &right.topic) || left.topic == right.topic)
}
