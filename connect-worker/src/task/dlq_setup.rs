//! Opens the dead letter queue of a sink task.

use std::sync::Arc;

use connect_core::config::Props;
use connect_core::error::ConnectError;
use connect_core::task::TaskId;

use crate::config::{ClientKind, WorkerConfig, client_props};
use crate::obs::metrics::TaskErrorMetrics;
use crate::task::dlq::DeadLetterQueue;
use crate::task::errors::ErrorConfig;

/// Returns the queue that the configuration names, if any.
///
/// # Errors
/// Fails (fatal) when the client's settings are refused.
pub(crate) async fn open(
    config: &ErrorConfig,
    id: &TaskId,
    worker: &WorkerConfig,
    connector_props: &Props,
    metrics: &Arc<TaskErrorMetrics>,
) -> Result<Option<Arc<DeadLetterQueue>>, ConnectError> {
    let topic = config.dlq_topic.trim();
    if topic.is_empty() {
        return Ok(None);
    }
    let client =
        client_props(ClientKind::DlqProducer, worker, &id.connector, Some(id.task), connector_props)?;
    let queue = DeadLetterQueue::new(topic.to_owned(), config.dlq_headers, &client, Arc::clone(metrics))?;
    Ok(Some(Arc::new(queue)))
}
