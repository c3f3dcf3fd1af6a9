//! The task: hands records to its work and says what may be committed. What it promises: an offset is committed only
//! after Firehose accepted every record before it, or it was refused as the configuration allows.

use std::sync::Arc;

use connect_core::async_trait;
use connect_core::config::Props;
use connect_core::error::ConnectError;
use connect_core::record::{Offsets, SinkRecord, TopicPartition};
use connect_core::task::{CloseReason, PutReport, SinkTask, SinkTaskContext};

use crate::client::{AwsFirehose, DeliveryStream};
use crate::errors::CallError;
use crate::settings::Settings;
use crate::work::Work;

/// Writes records to a Firehose stream.
#[derive(Default)]
pub(crate) struct FirehoseSinkTask {
    /// Set where a test replaces the stream.
    stream: Option<Arc<dyn DeliveryStream>>,
    work: Option<Work>,
}

impl FirehoseSinkTask {
    #[cfg(test)]
    pub(crate) fn with_stream(stream: Arc<dyn DeliveryStream>) -> Self {
        Self { stream: Some(stream), work: None }
    }

    fn work(&mut self) -> Result<&mut Work, ConnectError> {
        self.work
            .as_mut()
            .ok_or_else(|| ConnectError::fatal("using a Firehose sink task that was not started"))
    }
}

#[async_trait]
impl SinkTask for FirehoseSinkTask {
    async fn start(&mut self, context: SinkTaskContext, props: &Props) -> Result<(), ConnectError> {
        let settings = Settings::parse(props)?;
        let stream = match &self.stream {
            Some(stream) => Arc::clone(stream),
            None => Arc::new(AwsFirehose::connect(settings.aws.clone()).await) as Arc<dyn DeliveryStream>,
        };
        check(stream.as_ref(), &settings.aws.stream, &context).await?;
        self.work = Some(Work::new(settings, stream, context));
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

/// Asks for the state of the stream, as the original does. Credentials that may write but not ask, and a Firehose that
/// does not answer now, are no reason not to begin.
async fn check(
    stream: &dyn DeliveryStream,
    name: &str,
    context: &SinkTaskContext,
) -> Result<(), ConnectError> {
    let refused = |reason: String| {
        Err(ConnectError::fatal(format!("looking at the Firehose stream `{name}`: {reason}")))
    };
    match stream.describe().await {
        Ok((status, _)) if status != "ACTIVE" => {
            refused(format!("its status is `{status}`; a connector starts when it is `ACTIVE`"))
        }
        Ok((_, source)) if source != "DirectPut" => {
            refused(format!("its source is `{source}`; only streams with direct PUT take records"))
        }
        Ok(_) => Ok(()),
        Err(CallError::Refused(reason) | CallError::Invalid(reason)) if !reason.contains("AccessDenied") => {
            refused(reason)
        }
        Err(CallError::Refused(reason) | CallError::Invalid(reason) | CallError::Again { reason, .. }) => {
            tracing::warn!(task = %context.id, stream = name, reason, "the stream cannot be looked at; going on");
            Ok(())
        }
    }
}

#[cfg(test)]
mod tests {
    use connect_core::kit::SystemClock;
    use connect_core::testkit::{props, sink_context};

    use super::*;
    use crate::client::fake::FakeStream;
    use crate::errors::judge;

    #[tokio::test]
    async fn a_stream_that_takes_no_records_is_refused_at_start_and_one_that_cannot_be_looked_at_is_not() {
        let answer = |code| Err(judge(Some(code), Some(400), "said Firehose", None));
        let cases = [
            (Ok(("ACTIVE", "DirectPut")), None),
            (Ok(("CREATING", "DirectPut")), Some("`CREATING`")),
            (Ok(("ACTIVE", "KinesisStreamAsSource")), Some("`KinesisStreamAsSource`")),
            (answer("ResourceNotFoundException"), Some("ResourceNotFoundException")),
            (answer("AccessDeniedException"), None),
            (answer("ServiceUnavailableException"), None),
        ];
        for (description, expected) in cases {
            let (context, _) = sink_context(Arc::new(SystemClock));
            let stream = Arc::new(FakeStream::described(description.clone()));
            let started = FirehoseSinkTask::with_stream(stream)
                .start(context, &props(&[("deliveryStream", "logs")]))
                .await;
            let told = started.err().map(|error| error.to_string());
            match (expected, told) {
                (None, None) => {}
                (Some(part), Some(text)) if text.contains(part) && text.contains("`logs`") => {}
                (_, told) => panic!("{description:?}: {told:?}"),
            }
        }
    }
}
