//! The leader's way of writing when sources run exactly once: one transaction a batch, by a producer that fences
//! the leaders before it.

use std::sync::Arc;
use std::time::Duration;

use connect_core::config::Props;
use connect_core::error::ConnectError;
use connect_core::record::RawHeaders;
use tokio::time::{Instant, timeout_at};

use crate::kafka::client_config::without_foreign_keys;
use crate::kafka::producer::{
    OutgoingRecord, SendError, TransactionError, TransactionalProducer, TransactionalProducers,
};
use crate::stores::config::ConfigWriteError;
use crate::stores::config::codec::{Entry, encode};

/// How long a claim may take (`max.block.ms` of the Java producer).
const CLAIM_TIMEOUT: Duration = Duration::from_secs(60);
/// How long nobody is told of a claim that waits, and how long it is not told again.
const CLAIM_SILENCE: Duration = Duration::from_secs(15);
/// Pause between two attempts of a step.
const STEP_RETRY: Duration = Duration::from_millis(50);
const WAITING: &str = "claiming the right to write the config topic: no answer of the transaction coordinator; until it \
                       answers no connector is made, changed or restarted. Are all partitions of `__transaction_state` \
                       online, and can it be made: `transaction.state.log.replication.factor` and \
                       `transaction.state.log.min.isr` of the brokers must not exceed their number";
const UNCLAIMED: &str = "Cannot produce to config topic without claiming write privileges first";
const FENCED: &str = "Failed to write to config topic; this may be due to a transient error and the request can be \
                      safely retried";

/// Writes as the leader, if it has claimed to be.
pub(super) struct Leader {
    topic: Arc<str>,
    props: Props,
    producers: TransactionalProducers,
    producer: Option<Box<dyn TransactionalProducer>>,
    /// Whether the last claim failed. The next write tries it again, so that no request is refused because of the pause
    /// before the next claim: Kafka Connect takes no requests during that pause.
    is_claim_due: bool,
}

impl Leader {
    pub(super) fn new(topic: &Arc<str>, props: &Props, producers: TransactionalProducers) -> Self {
        Self {
            topic: Arc::clone(topic),
            props: without_foreign_keys(props),
            producers,
            producer: None,
            is_claim_due: false,
        }
    }

    /// Fences former leaders, unless the right to write was not lost since the last claim.
    pub(super) async fn claim(&mut self) -> Result<(), ConfigWriteError> {
        self.claim_by(Instant::now() + CLAIM_TIMEOUT).await
    }

    async fn claim_by(&mut self, deadline: Instant) -> Result<(), ConfigWriteError> {
        if self.producer.is_some() {
            return Ok(());
        }
        self.is_claim_due = true;
        let failed = |reason: String| {
            let context = "Unable to create and initialize producer for config topic";
            ConfigWriteError::Failed(ConnectError::fatal(context).because(ConnectError::fatal(reason)))
        };
        let producer = (self.producers)(&self.props).map_err(|error| failed(error.to_string()))?;
        let mut silent_until = Instant::now() + CLAIM_SILENCE;
        loop {
            match producer.init().await {
                Ok(()) => break,
                Err(TransactionError::Retriable(reason)) if Instant::now() < deadline => {
                    if Instant::now() >= silent_until {
                        silent_until = Instant::now() + CLAIM_SILENCE;
                        tracing::warn!(topic = %self.topic, %reason, "{WAITING}");
                    }
                    tokio::time::sleep(STEP_RETRY).await;
                }
                Err(error) => {
                    producer.close().await;
                    return Err(failed(error.to_string()));
                }
            }
        }
        self.producer = Some(producer);
        self.is_claim_due = false;
        Ok(())
    }

    /// Writes records in one transaction. Whatever goes wrong, the right to write must be claimed again.
    pub(super) async fn write(
        &mut self,
        entries: &[Entry],
        deadline: Instant,
    ) -> Result<(), ConfigWriteError> {
        let unclaimed = || ConnectError::fatal(UNCLAIMED);
        if self.is_claim_due {
            let claimed = self.claim_by(deadline).await;
            claimed.map_err(|error| ConfigWriteError::Fenced(unclaimed().because(error.into_error())))?;
        }
        let Some(producer) = self.producer.take() else {
            return Err(ConfigWriteError::Fenced(unclaimed()));
        };
        // A step that hangs is left behind with its producer.
        let written = timeout_at(deadline, transaction(&*producer, &self.topic, entries)).await;
        match written.unwrap_or_else(|_| Err("no answer in time".to_owned())) {
            Ok(()) => {
                self.producer = Some(producer);
                Ok(())
            }
            Err(reason) => {
                tracing::warn!(topic = %self.topic, %reason, "gave up the right to write to the config topic");
                producer.close().await;
                let cause = ConnectError::fatal(reason);
                Err(ConfigWriteError::Fenced(ConnectError::fatal(FENCED).because(cause)))
            }
        }
    }

    pub(super) async fn close(self) {
        if let Some(producer) = self.producer {
            producer.close().await;
        }
    }
}

async fn transaction(
    producer: &dyn TransactionalProducer,
    topic: &str,
    entries: &[Entry],
) -> Result<(), String> {
    producer.begin().map_err(|error| error.to_string())?;
    for (token, entry) in entries.iter().enumerate() {
        let (key, value) = encode(entry);
        let record = OutgoingRecord {
            topic,
            partition: None,
            key: Some(key.as_bytes()),
            value: value.as_deref(),
            timestamp: None,
            headers: RawHeaders::new(),
        };
        loop {
            match producer.send(&record, token) {
                Ok(()) => break,
                Err(SendError::Full) => tokio::time::sleep(STEP_RETRY).await,
                Err(SendError::Refused(reason)) => return Err(reason),
            }
        }
    }
    loop {
        match producer.commit().await {
            Ok(()) => break,
            Err(TransactionError::Retriable(_)) => tokio::time::sleep(STEP_RETRY).await,
            Err(error) => return Err(error.to_string()),
        }
    }
    // A commit waits for every record, and fails with one that was not written.
    drop(producer.take_deliveries());
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::io;
    use std::sync::Mutex;

    use async_trait::async_trait;

    use super::*;
    use crate::kafka::producer::Delivery;

    /// A producer whose coordinator answers after a number of attempts of two seconds each.
    struct Slow(Mutex<usize>);

    #[async_trait]
    impl TransactionalProducer for Slow {
        async fn init(&self) -> Result<(), TransactionError> {
            tokio::time::sleep(Duration::from_secs(2)).await;
            let mut left = self.0.lock().expect("unpoisoned");
            *left = left.saturating_sub(1);
            if *left == 0 { Ok(()) } else { Err(TransactionError::Retriable("nobody answers".to_owned())) }
        }

        fn begin(&self) -> Result<(), TransactionError> {
            Ok(())
        }

        fn send(&self, _record: &OutgoingRecord<'_>, _token: usize) -> Result<(), SendError> {
            Ok(())
        }

        fn take_deliveries(&self) -> Vec<Delivery> {
            Vec::new()
        }

        async fn delivered(&self) {}

        async fn commit(&self) -> Result<(), TransactionError> {
            Ok(())
        }

        async fn abort(&self) -> Result<(), TransactionError> {
            Ok(())
        }

        async fn close(self: Box<Self>) {}
    }

    #[derive(Clone, Default)]
    struct Page(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Page {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().expect("unpoisoned").extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    /// Claims, and returns whether it worked and how often it was told that it waits, and why.
    async fn claimed_after(attempts: usize) -> (bool, usize) {
        let page = Page::default();
        let output = page.clone();
        let subscriber = tracing_subscriber::fmt().with_writer(move || output.clone()).finish();
        let _guard = tracing::subscriber::set_default(subscriber);
        let producers: TransactionalProducers = Arc::new(move |_| Ok(Box::new(Slow(Mutex::new(attempts)))));
        let mut leader = Leader::new(&"configs".into(), &Props::new(), producers);
        let is_claimed = leader.claim().await.is_ok();
        let text = String::from_utf8(page.0.lock().expect("unpoisoned").clone()).expect("text");
        let told = text.lines().filter(|line| line.contains("WARN") && line.contains("__transaction_state"));
        (is_claimed, told.filter(|line| line.contains("nobody answers")).count())
    }

    #[tokio::test(start_paused = true)]
    async fn a_write_tries_a_claim_that_failed_again_and_only_such_a_one() {
        let attempts = Mutex::new(vec![1, 1000, 1000]);
        let next = move || attempts.lock().expect("unpoisoned").pop().expect("no more claims");
        let producers: TransactionalProducers = Arc::new(move |_| Ok(Box::new(Slow(Mutex::new(next())))));
        let mut leader = Leader::new(&"configs".into(), &Props::new(), producers);
        let write = async |leader: &mut Leader| leader.write(&[], Instant::now() + CLAIM_TIMEOUT).await;
        let is_fenced = |written| matches!(written, Err(ConfigWriteError::Fenced(_)));
        assert!(is_fenced(write(&mut leader).await), "nobody asked it to lead");
        assert!(leader.claim().await.is_err());
        assert!(is_fenced(write(&mut leader).await), "the second claim fails as well");
        assert!(write(&mut leader).await.is_ok(), "the third one works");
    }

    #[tokio::test(start_paused = true)]
    async fn a_claim_that_waits_says_so_every_quarter_of_a_minute() {
        assert_eq!(claimed_after(5).await, (true, 0));
        assert_eq!(claimed_after(20).await, (true, 2));
        assert_eq!(claimed_after(1000).await, (false, 3));
    }
}
