//! The task: hands records to its work and says what may be committed. What it promises: an offset is committed only
//! after every record before it is in the cluster, or was refused as the configuration allows.

use connect_core::async_trait;
use connect_core::config::Props;
use connect_core::error::ConnectError;
use connect_core::record::{Offsets, SinkRecord, TopicPartition};
use connect_core::task::{CloseReason, PutReport, SinkTask, SinkTaskContext};

use crate::client::{CallError, Client};
use crate::flight::Sender;
use crate::probe;
use crate::resources::Creator;
use crate::settings::{Product, Settings};
use crate::work::Work;

/// Writes records to an index or data stream.
pub(crate) struct DocumentSinkTask {
    product: Product,
    work: Option<Work>,
}

impl DocumentSinkTask {
    pub(crate) fn new(product: Product) -> Self {
        Self { product, work: None }
    }

    fn work(&mut self) -> Result<&mut Work, ConnectError> {
        let name = self.product.name();
        self.work
            .as_mut()
            .ok_or_else(|| ConnectError::fatal(format!("using a {name} sink task that was not started")))
    }
}

#[async_trait]
impl SinkTask for DocumentSinkTask {
    async fn start(&mut self, context: SinkTaskContext, props: &Props) -> Result<(), ConnectError> {
        let settings = Settings::parse(self.product, props)?;
        let client = Client::new(&settings.connection)?;
        let creator = Creator::new(self.product, settings.creation.clone(), settings.rules.compacts_maps);
        let prepared = match probe::check_server(&client, self.product).await {
            Ok(()) => creator.prepare(&client).await,
            Err(error) => Err(error),
        };
        match prepared {
            Ok(()) => {}
            Err(CallError::Refused(reason)) => {
                let name = self.product.name();
                return Err(ConnectError::fatal(format!("starting with {name}: {reason}")));
            }
            // A cluster that is down when a worker starts is ridden out like one that goes down later.
            Err(CallError::Again { reason, .. }) => {
                tracing::warn!(task = %context.id, reason, "the cluster does not answer; going on");
            }
        }
        let sender = Sender::new(client, creator, settings.delivery.pipeline.as_deref());
        self.work = Some(Work::new(settings, sender, context));
        Ok(())
    }

    async fn open(&mut self, partitions: &[TopicPartition]) -> Result<(), ConnectError> {
        self.work()?.open(partitions);
        Ok(())
    }

    async fn put(&mut self, batch: &[SinkRecord]) -> Result<PutReport, ConnectError> {
        let failed = self.work()?.put(batch).await?;
        Ok(PutReport { failed })
    }

    async fn pre_commit(&mut self, consumed: &Offsets) -> Result<Offsets, ConnectError> {
        Ok(self.work()?.committable(consumed).await)
    }

    async fn close(
        &mut self,
        partitions: &[TopicPartition],
        _reason: CloseReason,
    ) -> Result<(), ConnectError> {
        if let Some(work) = &mut self.work {
            work.close(partitions);
        }
        Ok(())
    }

    fn next_wakeup_ms(&self) -> Option<u64> {
        self.work.as_ref().and_then(Work::next_wakeup_ms)
    }

    async fn stop(&mut self) -> Result<(), ConnectError> {
        if let Some(mut work) = self.work.take() {
            work.stop().await;
        }
        Ok(())
    }
}
