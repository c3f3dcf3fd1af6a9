//! The offset topics of a distributed worker: its own, and those that connectors bring (`offsets.storage.topic`).

use std::collections::BTreeSet;
use std::sync::Arc;

use async_trait::async_trait;
use connect_core::config::Props;
use connect_core::error::ConnectError;
use connect_core::task::TaskId;

use crate::config::internal::InternalTopic;
use crate::config::{ClientKind, WorkerConfig, client_props};
use crate::kafka::producer::TransactionalProducers;
use crate::stores::log::{LogSettings, TopicSpec};
use crate::stores::offsets::layered::LayeredOffsetStore;
use crate::stores::offsets::transactional::TransactionalOffsetStore;
use crate::stores::offsets::{ExactlyOnceOffsets, KafkaOffsetStore, OffsetStore, SourceOffsetStores};

/// The key by which a connector brings a topic of its own.
const TOPIC_KEY: &str = "offsets.storage.topic";

/// Opens offset stores in Kafka.
pub struct KafkaOffsetStores {
    worker: Arc<WorkerConfig>,
    store: Arc<dyn OffsetStore>,
    producers: TransactionalProducers,
}

/// A connector, or one of its tasks, for which a store is opened.
#[derive(Clone, Copy)]
struct Owner<'a> {
    connector: &'a str,
    task: Option<u32>,
    props: &'a Props,
}

impl KafkaOffsetStores {
    /// Returns the stores of a distributed worker, with `store` on its own topic.
    pub fn new(
        worker: Arc<WorkerConfig>,
        store: Arc<dyn OffsetStore>,
        producers: TransactionalProducers,
    ) -> Self {
        Self { worker, store, producers }
    }

    fn worker_topic(&self) -> &str {
        self.worker.distributed().map(|mode| mode.offset_storage_topic.as_str()).unwrap_or_default()
    }

    fn client(&self, kind: ClientKind, owner: Owner<'_>) -> Result<Props, ConnectError> {
        client_props(kind, &self.worker, owner.connector, owner.task, owner.props)
    }

    /// Returns whether a topic is the worker's, seen by a client with these settings
    /// (`WorkerConfig.connectorOffsetsTopicsPermitted`, `Worker.sameOffsetTopicAsWorker`).
    fn is_of_worker(&self, topic: &str, client: &Props) -> bool {
        let servers = |text: Option<&String>| -> BTreeSet<String> {
            text.into_iter().flat_map(|text| text.split(',')).map(|server| server.trim().to_owned()).collect()
        };
        let own: BTreeSet<String> = self.worker.bootstrap_servers.iter().cloned().collect();
        topic == self.worker_topic() && servers(client.get("bootstrap.servers")) == own
    }

    /// Opens a topic with the clients of a connector; `producer` is `None` for one that is only read.
    async fn open_topic(
        &self,
        topic: &str,
        owner: Owner<'_>,
        producer: Option<Props>,
    ) -> Result<Arc<dyn OffsetStore>, ConnectError> {
        let mut consumer = self.client(ClientKind::OffsetConsumer, owner)?;
        consumer.swap_remove("group.id");
        let settings = LogSettings {
            topic: topic.into(),
            spec: self.spec(),
            admin: self.client(ClientKind::Admin, owner)?,
            consumer,
            producer,
        };
        Ok(Arc::new(KafkaOffsetStore::open(settings).await?))
    }

    /// A connector's topic is created as the worker's own would be.
    fn spec(&self) -> Option<TopicSpec> {
        let mode = self.worker.distributed()?;
        Some(TopicSpec {
            partitions: mode.offset_storage_partitions,
            replication_factor: mode.offset_storage_replication_factor,
            configs: InternalTopic::Offsets.topic_settings(&self.worker),
            property: TOPIC_KEY.to_owned(),
            purpose: InternalTopic::Offsets.purpose().to_owned(),
            is_single_partition: false,
        })
    }

    async fn open_at_least_once(
        &self,
        owner: Owner<'_>,
        kind: ClientKind,
    ) -> Result<Arc<dyn OffsetStore>, ConnectError> {
        let Some(topic) = own_topic(owner.props) else { return Ok(Arc::clone(&self.store)) };
        let producer = self.client(kind, owner)?;
        if self.is_of_worker(topic, &producer) {
            return Ok(Arc::clone(&self.store));
        }
        let primary = self.open_topic(topic, owner, Some(producer)).await?;
        Ok(self.layered(primary))
    }

    async fn open_committed(
        &self,
        owner: Owner<'_>,
        producer: &Props,
    ) -> Result<ExactlyOnceOffsets, ConnectError> {
        let topic = own_topic(owner.props).unwrap_or_else(|| self.worker_topic());
        if self.is_of_worker(topic, producer) {
            // The worker reads committed records only, as the connector would.
            let store = Arc::clone(&self.store);
            return Ok(ExactlyOnceOffsets { topic: topic.into(), store, secondary: None });
        }
        let primary = self.open_topic(topic, owner, None).await?;
        let store = self.layered(primary);
        Ok(ExactlyOnceOffsets { topic: topic.into(), store, secondary: Some(Arc::clone(&self.store)) })
    }

    fn layered(&self, primary: Arc<dyn OffsetStore>) -> Arc<dyn OffsetStore> {
        let timeout = self.worker.offset_flush_timeout;
        Arc::new(LayeredOffsetStore::new(primary, Arc::clone(&self.store), timeout))
    }
}

#[async_trait]
impl SourceOffsetStores for KafkaOffsetStores {
    async fn open(&self, id: &TaskId, props: &Props) -> Result<Arc<dyn OffsetStore>, ConnectError> {
        let owner = Owner { connector: &id.connector, task: Some(id.task), props };
        self.open_at_least_once(owner, ClientKind::SourceProducer).await
    }

    async fn open_exactly_once(
        &self,
        id: &TaskId,
        props: &Props,
    ) -> Result<ExactlyOnceOffsets, ConnectError> {
        let owner = Owner { connector: &id.connector, task: Some(id.task), props };
        let producer = self.client(ClientKind::ExactlyOnceProducer, owner)?;
        self.open_committed(owner, &producer).await
    }

    async fn open_connector(
        &self,
        connector: &str,
        props: &Props,
    ) -> Result<Arc<dyn OffsetStore>, ConnectError> {
        let owner = Owner { connector, task: None, props };
        if !self.worker.is_exactly_once_source_enabled() {
            return self.open_at_least_once(owner, ClientKind::OffsetProducer).await;
        }
        let first_task = Owner { task: Some(0), ..owner };
        let producer = self.client(ClientKind::ExactlyOnceProducer, first_task)?;
        let stores = self.open_committed(owner, &producer).await?;
        let (producers, timeout) = (Arc::clone(&self.producers), self.worker.offset_flush_timeout);
        Ok(Arc::new(TransactionalOffsetStore::new(stores, producers, producer, timeout)))
    }
}

/// Returns the topic that a connector brings.
fn own_topic(props: &Props) -> Option<&str> {
    props.get(TOPIC_KEY).map(|topic| topic.trim()).filter(|topic| !topic.is_empty())
}

#[cfg(test)]
mod tests;
