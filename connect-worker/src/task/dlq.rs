//! The dead letter queue of a sink: failed records as they were consumed, with headers that say why.

use std::collections::{BTreeMap, VecDeque};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use connect_core::config::Props;
use connect_core::error::ConnectError;
use connect_core::record::{Offsets, RawHeaders, TopicPartition};
use connect_core::task::TaskId;

use crate::kafka::client_config::{ClientKind, to_librdkafka};
use crate::kafka::producer::{OutgoingRecord, Producer, SendError, header_value};
use crate::obs::metrics::TaskErrorMetrics;
use crate::task::errors::{Failure, Letter};

/// Longest wait between two looks at a full buffer.
const ROOM_PAUSE: Duration = Duration::from_millis(20);

/// Writes failed records to a topic. Offsets of records whose letter is not acknowledged are not committed.
pub(crate) struct DeadLetterQueue {
    topic: String,
    has_headers: bool,
    producer: Producer,
    metrics: Arc<TaskErrorMetrics>,
    next_token: AtomicUsize,
    pending: Mutex<Pending>,
}

#[derive(Default)]
struct Pending {
    /// Letters not yet acknowledged, by token.
    letters: BTreeMap<usize, (TopicPartition, i64)>,
    /// Letters that wait for room in the producer's buffer. The loop takes no more records while there are any, so
    /// there are never more than one batch has records.
    parked: VecDeque<Parked>,
    /// The first letter that could not be written.
    failed: Option<String>,
}

/// A letter that waits for room.
struct Parked {
    token: usize,
    key: Option<Vec<u8>>,
    value: Option<Vec<u8>>,
    timestamp: Option<i64>,
    headers: RawHeaders,
}

impl DeadLetterQueue {
    /// Returns a queue that writes with the given client settings (Java names).
    ///
    /// # Errors
    /// Fails when the settings are refused.
    pub(crate) fn new(
        topic: String,
        has_headers: bool,
        client: &Props,
        metrics: Arc<TaskErrorMetrics>,
    ) -> Result<Self, ConnectError> {
        let config = to_librdkafka(ClientKind::Producer, client);
        let producer = config.and_then(|config| Producer::new(&config)).map_err(|error| {
            ConnectError::fatal(format!("Could not initialize dead letter queue with topic={topic}"))
                .because(error)
        })?;
        let (next_token, pending) = (AtomicUsize::new(0), Mutex::default());
        Ok(Self { topic, has_headers, producer, metrics, next_token, pending })
    }

    /// Writes a failed record. Returns at once.
    pub(crate) fn send(&self, id: &TaskId, letter: &Letter<'_>, failure: &Failure) {
        let mut headers = letter.headers.cloned().unwrap_or_default();
        if self.has_headers {
            headers.extend(context_headers(id, letter, failure));
        }
        let token = self.next_token.fetch_add(1, Ordering::Relaxed);
        let mut pending = self.pending.lock().unwrap_or_else(PoisonError::into_inner);
        // Between commits, too: what is kept must not grow with the number of failed records.
        self.take_deliveries(&mut pending);
        pending.letters.insert(token, (TopicPartition::new(letter.topic, letter.partition), letter.offset));
        pending.parked.push_back(Parked {
            token,
            key: letter.key.map(<[u8]>::to_vec),
            value: letter.value.map(<[u8]>::to_vec),
            timestamp: letter.timestamp,
            headers,
        });
        self.send_parked(&mut pending);
    }

    /// Returns whether letters wait for room in the producer's buffer.
    pub(crate) fn is_backlogged(&self) -> bool {
        let mut pending = self.pending.lock().unwrap_or_else(PoisonError::into_inner);
        self.take_deliveries(&mut pending);
        !pending.parked.is_empty()
    }

    /// Waits until there may be room, for at most `limit`. A buffer may stay full a moment after its last delivery.
    pub(crate) async fn wait_for_room(&self, limit: Duration) {
        // Without a delivery the caller looks again; it must serve its consumer meanwhile.
        tokio::time::timeout(limit, self.producer.delivered()).await.ok();
    }

    fn send_parked(&self, pending: &mut Pending) {
        while let Some(letter) = pending.parked.pop_front() {
            let record = OutgoingRecord {
                topic: &self.topic,
                partition: None,
                key: letter.key.as_deref(),
                value: letter.value.as_deref(),
                timestamp: letter.timestamp,
                headers: letter.headers.clone(),
            };
            match self.producer.send(&record, letter.token) {
                Ok(()) => {}
                Err(SendError::Full) => {
                    pending.parked.push_front(letter);
                    return;
                }
                Err(SendError::Refused(reason)) => {
                    self.metrics.dlq_failure();
                    pending.failed.get_or_insert(reason);
                }
            }
        }
    }

    /// Lowers `offsets` below the first letter of each partition that is not acknowledged.
    ///
    /// # Errors
    /// Fails (fatal) when a letter could not be written: going on would lose the record.
    pub(crate) fn hold_back(&self, offsets: &mut Offsets) -> Result<(), ConnectError> {
        let mut pending = self.pending.lock().unwrap_or_else(PoisonError::into_inner);
        self.take_deliveries(&mut pending);
        if let Some(reason) = &pending.failed {
            let topic = &self.topic;
            return Err(ConnectError::fatal(format!(
                "writing a failed record to dead letter queue `{topic}`: {reason}"
            )));
        }
        for (partition, offset) in pending.letters.values() {
            if let Some(committable) = offsets.get_mut(partition) {
                *committable = (*committable).min(*offset);
            }
        }
        Ok(())
    }

    fn take_deliveries(&self, pending: &mut Pending) {
        for delivery in self.producer.take_deliveries() {
            match delivery.error {
                None => {
                    pending.letters.remove(&delivery.token);
                }
                Some(reason) => {
                    self.metrics.dlq_failure();
                    pending.failed.get_or_insert(reason);
                }
            }
        }
        self.send_parked(pending);
    }

    /// Waits until every letter is acknowledged or `timeout` is over.
    pub(crate) async fn flush(&self, timeout: Duration) {
        let acknowledged = async {
            loop {
                let mut offsets = Offsets::new();
                if self.hold_back(&mut offsets).is_err() {
                    return;
                }
                if self.pending.lock().unwrap_or_else(PoisonError::into_inner).letters.is_empty() {
                    return;
                }
                // The client frees a place in its buffer only after it has told of the delivery, so a letter may still
                // find it full when no further delivery will come.
                self.wait_for_room(ROOM_PAUSE).await;
            }
        };
        // A timeout leaves the letters pending, and `hold_back` keeps their offsets back.
        tokio::time::timeout(timeout, acknowledged).await.ok();
    }
}

/// The headers of `DeadLetterQueueReporter.populateContextHeaders`, in its order.
fn context_headers(id: &TaskId, letter: &Letter<'_>, failure: &Failure) -> RawHeaders {
    let error = &failure.error;
    let texts = [
        ("topic", letter.topic.to_owned()),
        ("partition", letter.partition.to_string()),
        ("offset", letter.offset.to_string()),
        ("connector.name", id.connector.to_string()),
        ("task.id", id.task.to_string()),
        ("stage", failure.stage.name().to_owned()),
        ("class.name", failure.class.to_owned()),
        ("exception.class.name", error.kind().class_name().to_owned()),
        ("exception.message", error.context().to_owned()),
        ("exception.stacktrace", error.trace()),
    ];
    texts.iter().map(|(name, text)| (format!("__connect.errors.{name}").into(), header_value(text))).collect()
}

#[cfg(test)]
mod tests {
    use rdkafka::mocking::MockCluster;

    use super::*;
    use crate::obs::metrics::MetricsRegistry;
    use crate::task::errors::Stage;

    fn queue(
        cluster: &MockCluster<'_, rdkafka::producer::DefaultProducerContext>,
        more: &[(&str, &str)],
    ) -> DeadLetterQueue {
        let id = TaskId { connector: Arc::from("c"), task: 0 };
        let metrics = MetricsRegistry::for_tests().sink_task(&id, Default::default());
        let mut client = Props::from([("bootstrap.servers".to_owned(), cluster.bootstrap_servers())]);
        client.extend(more.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())));
        DeadLetterQueue::new("d".to_owned(), false, &client, Arc::clone(&metrics.errors)).expect("queue")
    }

    fn send(queue: &DeadLetterQueue, offset: i64) {
        let id = TaskId { connector: Arc::from("c"), task: 0 };
        let letter = Letter {
            topic: "t",
            partition: 0,
            offset,
            timestamp: None,
            key: None,
            value: Some(b"v"),
            headers: None,
        };
        let error = ConnectError::data("bad");
        queue.send(&id, &letter, &Failure { stage: Stage::ValueConverter, class: "test.Converter", error });
    }

    #[tokio::test]
    async fn letters_that_do_not_fit_into_the_buffer_wait_and_hold_offsets_back() {
        let cluster = MockCluster::new(1).expect("mock cluster");
        cluster.create_topic("d", 1, 1).expect("topic");
        let queue = queue(&cluster, &[("queue.buffering.max.messages", "2"), ("linger.ms", "50")]);
        (0..20).for_each(|offset| send(&queue, offset));
        assert!(queue.is_backlogged());
        let partition = TopicPartition::new("t", 0);
        let mut offsets = Offsets::from([(partition.clone(), 20)]);
        queue.hold_back(&mut offsets).expect("nothing failed");
        assert!(offsets[&partition] < 20, "{offsets:?}");
        queue.flush(Duration::from_secs(20)).await;
        let mut offsets = Offsets::from([(partition.clone(), 20)]);
        queue.hold_back(&mut offsets).expect("nothing failed");
        assert_eq!((offsets[&partition], queue.is_backlogged()), (20, false));
    }

    #[tokio::test]
    async fn acknowledged_letters_are_forgotten_between_commits() {
        let cluster = MockCluster::new(1).expect("mock cluster");
        cluster.create_topic("d", 1, 1).expect("topic");
        let queue = queue(&cluster, &[]);
        (0..100).for_each(|offset| send(&queue, offset));
        let waiting = || queue.pending.lock().expect("not poisoned").letters.len();
        for offset in 100..200 {
            tokio::time::sleep(Duration::from_millis(50)).await;
            send(&queue, offset);
            if waiting() < 10 {
                return;
            }
        }
        panic!("{} letters are kept", waiting());
    }
}
