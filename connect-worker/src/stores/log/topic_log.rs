//! The log itself: opened, read to the end, written, closed.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;

use crate::kafka::TopicReader;
use crate::kafka::client_config::{ClientKind, to_librdkafka};
use crate::kafka::port::KafkaError;
use crate::kafka::writer::{Acknowledgement, LogWriter};
use crate::stores::log::follow::{Command, Follower};
use crate::stores::log::settings::LogSettings;
use crate::stores::log::topic;

/// How long a closing log waits for what was written to be acknowledged.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(5);

/// A record of the log. A value of `None` is a tombstone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogRecord {
    /// Key; foreign writers may leave it out.
    pub key: Option<Bytes>,
    /// Value.
    pub value: Option<Bytes>,
    /// Partition.
    pub partition: i32,
    /// Offset.
    pub offset: i64,
    /// Milliseconds since the epoch.
    pub timestamp: Option<i64>,
}

/// Takes the records in the order of each partition, and returns why it skips one that it does not understand, which
/// the log tells with the record's place. It is called on a task of the log and must not block.
pub type RecordHandler = Box<dyn FnMut(LogRecord) -> Option<String> + Send>;

/// Told when everything that was in the log at the time of the call has been handled. A log that was closed drops
/// its end.
pub type ReadToEnd = oneshot::Receiver<Result<(), KafkaError>>;

/// A compacted topic that is followed from its beginning. Dropping it ends it as well, without waiting.
pub struct TopicLog {
    topic: Arc<str>,
    partitions: i32,
    commands: mpsc::UnboundedSender<Command>,
    writer: Option<LogWriter>,
    follower: JoinHandle<()>,
}

impl TopicLog {
    /// Creates or checks the topic, reads it from the beginning to its present end, and goes on following it. The
    /// handler has seen everything up to that end when this returns. Dropping the future ends the log.
    ///
    /// # Errors
    /// Fails (with Kafka Connect's texts where it has some) when the topic is unfit, cannot be created in a minute,
    /// may not be used, or cannot be read in a quarter of an hour.
    pub async fn open(settings: LogSettings, on_record: RecordHandler) -> Result<Self, KafkaError> {
        let partitions = topic::prepare(&settings).await?;
        let consumer = to_librdkafka(ClientKind::LogReader, &settings.consumer)?;
        let producer = settings.producer.as_ref();
        let producer = producer.map(|props| to_librdkafka(ClientKind::LogWriter, props)).transpose()?;
        let writer = producer.as_ref().map(LogWriter::new).transpose()?;
        let reader = TopicReader::start(&consumer, &settings.topic, partitions)?;
        let mut follower = Follower::new(Arc::clone(&settings.topic), reader, on_record);
        if let Err(error) = follower.replay().await {
            follower.close().await;
            return Err(error);
        }
        // Bounded by the callers: each waits for its answer.
        let (commands, received) = mpsc::unbounded_channel();
        let follower = tokio::spawn(follower.run(received));
        Ok(Self { topic: settings.topic, partitions, commands, writer, follower })
    }

    /// Returns the name of the topic.
    pub fn topic(&self) -> &Arc<str> {
        &self.topic
    }

    /// Returns the number of partitions.
    pub fn partitions(&self) -> i32 {
        self.partitions
    }

    /// Reads to the present end of the log: with `read_committed` to the end of what is decided. Goes on trying
    /// while no broker answers; whoever gives up drops the receiver. Records written through this log and
    /// acknowledged before the call are handled when it is told.
    pub fn read_to_end(&self) -> ReadToEnd {
        let (done, receiver) = oneshot::channel();
        // After a close the receiver learns it from the dropped sender.
        self.commands.send(Command::ReadToEnd(done)).ok();
        receiver
    }

    /// Writes a record to the partition its key belongs to. Records with the same key stay in the order of the
    /// calls.
    pub fn write(&self, key: &[u8], value: Option<&[u8]>) -> Acknowledgement {
        match &self.writer {
            Some(writer) => writer.write(&self.topic, key, value),
            None => {
                let (done, receiver) = oneshot::channel();
                done.send(Err(KafkaError::Fatal(format!("writing to topic `{}`: read only", self.topic))))
                    .ok();
                receiver
            }
        }
    }

    /// Ends following, waits a few seconds for acknowledgements and closes the clients.
    pub async fn close(self) {
        let Self { commands, writer, follower, .. } = self;
        drop(commands);
        if let Some(writer) = writer {
            writer.close(CLOSE_TIMEOUT).await;
        }
        follower.await.ok();
    }
}
