//! Admin requests: clusters, topics, and the offsets of groups.
//!
//! librdkafka's calls block, so each request runs on a blocking thread with a limit of its own. Callers may drop
//! a future; the request itself then goes on.

use std::ffi::CString;
use std::sync::Arc;
use std::time::{Duration, Instant};

use connect_core::config::Props;
use connect_core::record::{Offsets, TopicPartition};
use rdkafka::config::FromClientConfigAndContext;
use rdkafka::consumer::Consumer;
use rdkafka::producer::{BaseProducer, Producer};
use rdkafka::types::RDKafkaErrorCode as Code;
use rdkafka::{Offset, TopicPartitionList};

use self::client::{Client, Complaints};
use self::error::Resource;
use self::native::{Connection, Failure, GroupRequest, PartitionResult, TopicSpec};
use crate::kafka::client_config::{ClientKind, to_librdkafka};

mod client;
mod configs;
mod error;
mod native;

pub use error::AdminError;

/// The Java client's default of `default.api.timeout.ms`.
const DEFAULT_TIMEOUT: Duration = Duration::from_secs(60);
const CLUSTER_SLICE: Duration = Duration::from_millis(200);
const RETRY_WAIT: Duration = Duration::from_millis(200);

/// A topic to be created.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewTopic {
    /// Name.
    pub name: String,
    /// Number of partitions; -1 leaves it to the broker.
    pub partitions: i32,
    /// Replication factor; -1 leaves it to the broker.
    pub replication_factor: i16,
    /// Settings of the topic.
    pub configs: Props,
}

/// What became of a topic that should exist.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TopicCreation {
    /// It was created.
    Created,
    /// It had been there before.
    Existed,
}

/// What a topic looks like.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TopicDescription {
    /// Number of partitions.
    pub partitions: usize,
    /// Smallest number of replicas of a partition.
    pub replication_factor: usize,
}

/// An admin client. Clones share the connection.
#[derive(Clone)]
pub struct Admin {
    client: Arc<Client>,
    timeout: Duration,
}

impl Admin {
    /// Returns a client for Java client settings. Does not connect yet. A request may take
    /// `default.api.timeout.ms`, by default a minute.
    ///
    /// # Errors
    /// [`AdminError::Config`] when the settings are not usable.
    pub fn new(props: &Props) -> Result<Self, AdminError> {
        let config =
            to_librdkafka(ClientKind::Admin, props).map_err(|error| AdminError::Config(error.to_string()))?;
        let producer = BaseProducer::from_config_and_context(&config, Complaints::default())
            .map_err(|error| AdminError::Config(error.to_string()))?;
        let bootstrap = props.get("bootstrap.servers").cloned().unwrap_or_default();
        let given_ms = props.get("default.api.timeout.ms").and_then(|text| text.trim().parse().ok());
        let timeout = given_ms.map_or(DEFAULT_TIMEOUT, Duration::from_millis);
        Ok(Self { client: Arc::new(Client { producer, config, bootstrap }), timeout })
    }

    /// Returns the same client with another limit for requests.
    #[must_use]
    pub fn with_timeout(&self, timeout: Duration) -> Self {
        Self { client: Arc::clone(&self.client), timeout }
    }

    /// Returns the id of the cluster.
    ///
    /// # Errors
    /// [`AdminError::Unreachable`] with the reason when no broker answers in time.
    pub async fn cluster_id(&self) -> Result<String, AdminError> {
        let deadline = Instant::now() + self.timeout;
        self.blocking(move |client, _| {
            loop {
                let left = deadline.saturating_duration_since(Instant::now());
                let found = client.producer.client().fetch_cluster_id(left.min(CLUSTER_SLICE));
                if let Some(id) = found.filter(|id| !id.is_empty()) {
                    return Ok(id);
                }
                if left.is_zero() || client.is_hopeless() {
                    return Err(client.unreachable());
                }
            }
        })
        .await
    }

    /// Returns all committed offsets of a group; none when the group does not exist.
    ///
    /// # Errors
    /// Any [`AdminError`].
    pub async fn group_offsets(&self, group: &str) -> Result<Vec<(TopicPartition, i64)>, AdminError> {
        let what = format!("listing offsets of group `{group}`");
        let group = group.to_owned();
        let results = self
            .asking_coordinator(move |client, connection| {
                let resource = Resource::Group { group: &group, operation: "DESCRIBE" };
                let consumer = client.consumer(&group)?;
                let of_group = Connection { handle: consumer.client().native_ptr(), ..*connection };
                match of_group.list_offsets_of_group(&text(&what, &group)?) {
                    Err(Failure::Code(Code::GroupIdNotFound, _)) => Ok(Vec::new()),
                    Err(failure) => Err(client.error(&what, &resource, failure, connection)),
                    Ok(results) => {
                        check_partitions(&what, &group, "DESCRIBE", &results)?;
                        Ok(results)
                    }
                }
            })
            .await?;
        // A partition without an offset is listed with -1.
        let known = results.into_iter().filter(|result| result.offset >= 0);
        Ok(known.map(|result| (result.partition, result.offset)).collect())
    }

    /// Sets committed offsets of a group, which comes into being if need be.
    ///
    /// # Errors
    /// Any [`AdminError`]; other partitions may have been set nevertheless.
    pub async fn alter_group_offsets(&self, group: &str, offsets: &Offsets) -> Result<(), AdminError> {
        let what = format!("altering offsets of group `{group}`");
        let mut list = TopicPartitionList::with_capacity(offsets.len());
        for (partition, offset) in offsets {
            let added =
                list.add_partition_offset(&partition.topic, partition.partition, Offset::Offset(*offset));
            added.map_err(|error| refused(&what, error.to_string()))?;
        }
        self.change_offsets(what, group, list, ChangeKind::Alter).await
    }

    /// Deletes committed offsets of a group. Partitions without an offset are fine, and so is a missing group.
    ///
    /// # Errors
    /// Any [`AdminError`]; other partitions may have been deleted nevertheless.
    pub async fn delete_group_offsets(
        &self,
        group: &str,
        partitions: &[TopicPartition],
    ) -> Result<(), AdminError> {
        let what = format!("deleting offsets of group `{group}`");
        let mut list = TopicPartitionList::with_capacity(partitions.len());
        for partition in partitions {
            list.add_partition(&partition.topic, partition.partition);
        }
        self.change_offsets(what, group, list, ChangeKind::Delete).await
    }

    async fn change_offsets(
        &self,
        what: String,
        group: &str,
        list: TopicPartitionList,
        kind: ChangeKind,
    ) -> Result<(), AdminError> {
        if list.count() == 0 {
            return Ok(());
        }
        let group = group.to_owned();
        self.asking_coordinator(move |client, connection| {
            let (request, operation) = match kind {
                ChangeKind::Alter => (GroupRequest::Alter(&list), "READ"),
                ChangeKind::Delete => (GroupRequest::Delete(&list), "DELETE"),
            };
            match connection.group_offsets(&text(&what, &group)?, &request) {
                Err(Failure::Code(Code::GroupIdNotFound, _)) if kind == ChangeKind::Delete => Ok(()),
                Err(failure) => {
                    let resource = Resource::Group { group: &group, operation };
                    Err(client.error(&what, &resource, failure, connection))
                }
                Ok(results) => check_partitions(&what, &group, operation, &results),
            }
        })
        .await
    }

    /// Deletes a group with all its offsets. A missing group is success.
    ///
    /// # Errors
    /// Any [`AdminError`].
    pub async fn delete_group(&self, group: &str) -> Result<(), AdminError> {
        let what = format!("deleting group `{group}`");
        let group = group.to_owned();
        self.asking_coordinator(move |client, connection| {
            match connection.delete_group(&text(&what, &group)?) {
                Ok(()) | Err(Failure::Code(Code::GroupIdNotFound, _)) => Ok(()),
                Err(failure) => {
                    let resource = Resource::Group { group: &group, operation: "DELETE" };
                    Err(client.error(&what, &resource, failure, connection))
                }
            }
        })
        .await
    }

    /// Creates a topic, unless it exists.
    ///
    /// # Errors
    /// Any [`AdminError`].
    pub async fn create_topic(&self, topic: &NewTopic) -> Result<TopicCreation, AdminError> {
        let what = format!("creating topic `{}`", topic.name);
        let name = topic.name.clone();
        let configs = topic.configs.iter().map(|(key, value)| Ok((text(&what, key)?, text(&what, value)?)));
        let spec = TopicSpec {
            name: text(&what, &name)?,
            partitions: topic.partitions,
            replication: i32::from(topic.replication_factor),
            configs: configs.collect::<Result<_, AdminError>>()?,
        };
        self.blocking(move |client, connection| match connection.create_topic(&spec) {
            Ok(()) => Ok(TopicCreation::Created),
            Err(Failure::Code(Code::TopicAlreadyExists, _)) => Ok(TopicCreation::Existed),
            Err(failure) => {
                let resource = Resource::Topic { topic: &name, operation: "CREATE" };
                Err(client.error(&what, &resource, failure, connection))
            }
        })
        .await
    }

    /// Returns what a topic looks like; `None` when there is none. Never creates it.
    ///
    /// # Errors
    /// Any [`AdminError`].
    pub async fn describe_topic(&self, topic: &str) -> Result<Option<TopicDescription>, AdminError> {
        let what = format!("describing topic `{topic}`");
        let topic = topic.to_owned();
        self.blocking(move |client, connection| match connection.describe_topic(&text(&what, &topic)?) {
            Ok(replicas) => {
                let replication_factor = replicas.iter().copied().min().unwrap_or(0);
                Ok(Some(TopicDescription { partitions: replicas.len(), replication_factor }))
            }
            Err(Failure::Code(Code::UnknownTopicOrPartition | Code::UnknownTopic, _)) => Ok(None),
            Err(failure) => {
                let resource = Resource::Topic { topic: &topic, operation: "DESCRIBE" };
                Err(client.error(&what, &resource, failure, connection))
            }
        })
        .await
    }

    /// Returns the end offset of each partition: one past the last record.
    ///
    /// # Errors
    /// Any [`AdminError`], also when it concerns one partition only.
    pub async fn end_offsets(&self, partitions: &[TopicPartition]) -> Result<Offsets, AdminError> {
        let what = "listing end offsets".to_owned();
        let mut list = TopicPartitionList::with_capacity(partitions.len());
        for partition in partitions {
            let added = list.add_partition_offset(&partition.topic, partition.partition, Offset::End);
            added.map_err(|error| refused(&what, error.to_string()))?;
        }
        if partitions.is_empty() {
            return Ok(Offsets::new());
        }
        self.blocking(move |client, connection| {
            let results = connection.list_offsets(&list);
            let results =
                results.map_err(|failure| client.error(&what, &Resource::Cluster, failure, connection))?;
            let mut offsets = Offsets::new();
            for PartitionResult { partition, offset, code } in results {
                if code != Code::NoError {
                    let resource = Resource::Partition { partition: &partition };
                    return Err(AdminError::from_code(&what, &resource, code, code.to_string()));
                }
                offsets.insert(partition, offset);
            }
            Ok(offsets)
        })
        .await
    }

    /// Repeats a request while the broker says that it cannot answer for the group now: a coordinator moves with its
    /// broker, and a new cluster has none at first.
    async fn asking_coordinator<T: Send + 'static>(
        &self,
        call: impl Fn(&Client, &Connection<'_>) -> Result<T, AdminError> + Send + 'static,
    ) -> Result<T, AdminError> {
        let deadline = Instant::now() + self.timeout;
        self.blocking(move |client, connection| {
            loop {
                match call(client, connection) {
                    Err(AdminError::Refused { is_retriable: true, .. })
                        if Instant::now() + RETRY_WAIT < deadline && !client.is_hopeless() =>
                    {
                        std::thread::sleep(RETRY_WAIT);
                    }
                    outcome => return outcome,
                }
            }
        })
        .await
    }

    async fn blocking<T: Send + 'static>(
        &self,
        call: impl FnOnce(&Client, &Connection<'_>) -> Result<T, AdminError> + Send + 'static,
    ) -> Result<T, AdminError> {
        let (client, timeout) = (Arc::clone(&self.client), self.timeout);
        let joined = tokio::task::spawn_blocking(move || {
            let is_hopeless = || client.is_hopeless();
            let handle = client.producer.client().native_ptr();
            call(&client, &Connection { handle, timeout, is_hopeless: &is_hopeless })
        });
        joined.await.unwrap_or_else(|error| Err(refused("calling the admin client", error.to_string())))
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum ChangeKind {
    Alter,
    Delete,
}

fn check_partitions(
    what: &str,
    group: &str,
    operation: &'static str,
    results: &[PartitionResult],
) -> Result<(), AdminError> {
    match results.iter().find(|result| result.code != Code::NoError) {
        None => Ok(()),
        Some(PartitionResult { partition, code, .. }) => {
            let resource = Resource::GroupPartition { group, operation, partition };
            Err(AdminError::from_code(what, &resource, *code, code.to_string()))
        }
    }
}

fn text(what: &str, value: &str) -> Result<CString, AdminError> {
    CString::new(value)
        .map_err(|_| refused(what, format!("the name `{}` holds a null byte", value.escape_debug())))
}

fn refused(what: &str, reason: String) -> AdminError {
    AdminError::Refused { what: what.to_owned(), reason, is_retriable: false }
}
