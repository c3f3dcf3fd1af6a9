//! What every task of a worker shares.

use std::sync::Arc;

use connect_core::config::Props;
use connect_core::kit::SharedClock;

use crate::config::WorkerConfig;
use crate::kafka::NativeConsumer;
use crate::kafka::client_config::{ClientKind, to_librdkafka};
use crate::kafka::port::{BatchConsumer, KafkaError};
use crate::kafka::producer::TransactionalProducers;
use crate::obs::metrics::MetricsRegistry;
use crate::stores::offsets::{OffsetStore, SourceOffsetStores};
use crate::task::members::StaticMembers;

/// Makes a consumer from client settings by Java's names.
pub type ConsumerFactory = Arc<dyn Fn(&Props) -> Result<Box<dyn BatchConsumer>, KafkaError> + Send + Sync>;

/// Says whether this worker's work can still be its own, by its own clock: no more once its place in the group may
/// have gone to another. Asked before each batch, so it must not wait.
pub type WorkRight = Arc<dyn Fn() -> bool + Send + Sync>;

/// The surroundings of a worker's tasks.
#[derive(Clone)]
pub struct TaskServices {
    /// The worker's configuration.
    pub worker: Arc<WorkerConfig>,
    /// Metrics.
    pub metrics: Arc<MetricsRegistry>,
    /// Offsets of sources.
    pub offsets: Arc<dyn OffsetStore>,
    /// Time and chance.
    pub clock: SharedClock,
    /// Opens the offsets of sources where connectors may have topics of their own; `None` keeps all in `offsets`.
    pub source_stores: Option<Arc<dyn SourceOffsetStores>>,
    /// Consumers of sinks.
    pub consumers: ConsumerFactory,
    /// Removes sink tasks that are static members from their consumer groups; `None` leaves them to their sessions.
    pub members: Option<Arc<dyn StaticMembers>>,
    /// Producers of sources that write exactly once.
    pub producers: TransactionalProducers,
    /// Right of this worker to its work.
    pub right: WorkRight,
}

/// Returns the right of a worker that shares its work with no other.
pub fn always_ours() -> WorkRight {
    Arc::new(|| true)
}

/// Returns a factory of consumers on librdkafka.
pub fn native_consumers() -> ConsumerFactory {
    Arc::new(|props| {
        let config = to_librdkafka(ClientKind::Consumer, props)?;
        Ok(Box::new(NativeConsumer::new(&config)?))
    })
}
