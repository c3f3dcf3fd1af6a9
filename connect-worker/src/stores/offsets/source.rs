//! The stores of one source connector, as its tasks need them: a topic of its own besides the worker's store.

use std::sync::Arc;

use async_trait::async_trait;
use connect_core::config::Props;
use connect_core::error::ConnectError;
use connect_core::task::TaskId;

use crate::stores::offsets::OffsetStore;

/// Where a source task that writes exactly once keeps its offsets. The task's own producer writes them, inside the
/// transaction of their records; what has to go to `secondary` is written by the task around it.
#[derive(Clone)]
pub struct ExactlyOnceOffsets {
    /// The topic of the offsets: the connector's own, else the worker's.
    pub topic: Arc<str>,
    /// Reads what is committed, in the topic and then in `secondary`. It is not written.
    pub store: Arc<dyn OffsetStore>,
    /// The worker's store, when `topic` is not its topic.
    pub secondary: Option<Arc<dyn OffsetStore>>,
}

/// Opens the stores of source tasks. `props` is the connector's resolved configuration, from which the topic
/// (`offsets.storage.topic`) and the settings of the clients come. Stores close when they are dropped.
#[async_trait]
pub trait SourceOffsetStores: Send + Sync {
    /// Returns the store of a task that writes at least once: the worker's, or a topic of the connector's own in
    /// front of it, which is created if it is missing and read to its end.
    ///
    /// # Errors
    /// Fails when the topic cannot be created, read or used.
    async fn open(&self, id: &TaskId, props: &Props) -> Result<Arc<dyn OffsetStore>, ConnectError>;

    /// Returns the stores of a task that writes exactly once, read to the end of what is committed.
    ///
    /// # Errors
    /// As [`SourceOffsetStores::open`].
    async fn open_exactly_once(&self, id: &TaskId, props: &Props)
    -> Result<ExactlyOnceOffsets, ConnectError>;

    /// Returns the store through which REST reads and changes the offsets of a connector, read to its end. Where
    /// tasks write exactly once, each change is a transaction, and tasks that are left over must be fenced before it.
    ///
    /// # Errors
    /// As [`SourceOffsetStores::open`].
    async fn open_connector(
        &self,
        connector: &str,
        props: &Props,
    ) -> Result<Arc<dyn OffsetStore>, ConnectError>;
}
