//! What a log needs to know about its topic and its clients.

use std::sync::Arc;

use connect_core::config::Props;

use crate::config::WorkerConfig;
use crate::config::internal::InternalTopic;

/// How a topic is created when it is missing, and what an existing one must look like.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TopicSpec {
    /// Number of partitions; -1 leaves it to the broker.
    pub partitions: i32,
    /// Replication factor; -1 leaves it to the broker.
    pub replication_factor: i16,
    /// Settings besides `cleanup.policy`, which always is `compact`.
    pub configs: Props,
    /// The key that names the topic, for texts.
    pub property: String,
    /// What the topic holds, for texts: `connector configurations`.
    pub purpose: String,
    /// Whether more than one partition is an error.
    pub is_single_partition: bool,
}

/// A topic and the settings of its clients, by Java's names.
#[derive(Clone)]
pub struct LogSettings {
    /// Name of the topic.
    pub topic: Arc<str>,
    /// How it is created and checked; `None` leaves it as it is, and it must exist.
    pub spec: Option<TopicSpec>,
    /// Settings of the admin client.
    pub admin: Props,
    /// Settings of the consumer; there is no group.
    pub consumer: Props,
    /// Settings of the producer; `None` where the log is only read.
    pub producer: Option<Props>,
}

impl LogSettings {
    /// Returns the settings of a worker's internal topic; `None` for a standalone worker, which has none.
    pub fn of_worker(worker: &WorkerConfig, topic: InternalTopic) -> Option<Self> {
        let mode = worker.distributed()?;
        let (name, partitions, replication_factor) = match topic {
            InternalTopic::Configs => (&mode.config_storage_topic, 1, mode.config_storage_replication_factor),
            InternalTopic::Offsets => {
                let partitions = mode.offset_storage_partitions;
                (&mode.offset_storage_topic, partitions, mode.offset_storage_replication_factor)
            }
            InternalTopic::Statuses => {
                let partitions = mode.status_storage_partitions;
                (&mode.status_storage_topic, partitions, mode.status_storage_replication_factor)
            }
        };
        let spec = TopicSpec {
            partitions,
            replication_factor,
            configs: topic.topic_settings(worker),
            property: topic.property().to_owned(),
            purpose: topic.purpose().to_owned(),
            is_single_partition: topic == InternalTopic::Configs,
        };
        Some(Self {
            topic: Arc::from(name.as_str()),
            spec: Some(spec),
            admin: topic.admin_props(worker),
            consumer: topic.consumer_props(worker),
            producer: Some(topic.producer_props(worker)),
        })
    }

    /// Returns the same settings for a log that creates, checks and writes nothing.
    #[must_use]
    pub fn read_only(mut self) -> Self {
        self.spec = None;
        self.producer = None;
        self
    }
}
