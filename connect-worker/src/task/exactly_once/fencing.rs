//! What a source task that writes exactly once needs of the group of workers. The herder answers.

use std::sync::Arc;

use connect_core::async_trait;
use connect_core::error::ConnectError;
use connect_core::task::TaskId;

/// The checks around a transactional producer: nobody with older task configurations may write any more, and this
/// task may only write while its configuration is the newest and its own.
#[async_trait]
pub trait SourceFencing: Send + Sync {
    /// Has the leader fence the producers of the connector's earlier tasks, and waits until it is done.
    ///
    /// # Errors
    /// Fails when the leader refuses or cannot be reached in time; the task fails with it.
    async fn fence(&self, connector: &Arc<str>) -> Result<(), ConnectError>;

    /// Reads the configurations to their end and checks that the tasks of `generation` are still the newest and that
    /// this worker still owns the task.
    ///
    /// # Errors
    /// Fails when either does not hold, or the configurations cannot be read.
    async fn verify(&self, id: &TaskId, generation: u64) -> Result<(), ConnectError>;
}

/// How a source task is to write exactly once.
#[derive(Clone)]
pub struct ExactlyOnce {
    /// The group of workers.
    pub fencing: Arc<dyn SourceFencing>,
    /// The generation of the connector's task configurations that the task's belongs to.
    pub generation: u64,
}
