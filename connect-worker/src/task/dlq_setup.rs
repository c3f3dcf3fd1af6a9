//! Opens the dead letter queue of a sink task.

use std::sync::Arc;

use connect_core::config::Props;
use connect_core::error::ConnectError;
use connect_core::task::TaskId;

use crate::config::{ClientKind, WorkerConfig, client_props};
use crate::kafka::admin::{Admin, AdminError, NewTopic};
use crate::obs::metrics::TaskErrorMetrics;
use crate::task::dlq::DeadLetterQueue;
use crate::task::errors::ErrorConfig;

/// Partitions of a dead letter topic that must be created (`DeadLetterQueueReporter`).
const PARTITIONS: i32 = 1;

/// Returns the queue that the configuration names, if any. Its topic is created when it is missing.
///
/// # Errors
/// Fails (fatal) when the client's settings are refused or the topic can neither be found nor created.
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
    create_topic(topic, config.dlq_replication, id, worker, connector_props).await?;
    let client =
        client_props(ClientKind::DlqProducer, worker, &id.connector, Some(id.task), connector_props)?;
    let queue = DeadLetterQueue::new(topic.to_owned(), config.dlq_headers, &client, Arc::clone(metrics))?;
    Ok(Some(Arc::new(queue)))
}

async fn create_topic(
    topic: &str,
    replication_factor: i16,
    id: &TaskId,
    worker: &WorkerConfig,
    connector_props: &Props,
) -> Result<(), ConnectError> {
    let client = client_props(ClientKind::DlqAdmin, worker, &id.connector, Some(id.task), connector_props)?;
    let wanted = NewTopic {
        name: topic.to_owned(),
        partitions: PARTITIONS,
        replication_factor,
        configs: Props::new(),
    };
    let created = async {
        let admin = Admin::new(&client)?;
        match admin.describe_topic(topic).await? {
            Some(_) => Ok(()),
            None => admin.create_topic(&wanted).await.map(|_| ()),
        }
    };
    created.await.map_err(|error: AdminError| {
        ConnectError::fatal(format!("Could not initialize dead letter queue with topic={topic}"))
            .because(error)
    })
}
