//! A look at the config topic by someone who is no member of the cluster.

use connect_core::error::ConnectError;
use tokio::sync::mpsc;

use crate::config::WorkerConfig;
use crate::config::internal::InternalTopic;
use crate::stores::config::ConfigUpdate;
use crate::stores::config::kafka::{SharedReplay, into_connect};
use crate::stores::log::{LogSettings, TopicLog};

/// Reads the config topic once, as a starting worker does. Creates, checks and writes nothing.
///
/// # Errors
/// Fails when the worker is not a distributed one, or the topic is missing or cannot be read.
pub async fn read_config_topic(worker: &WorkerConfig) -> Result<Vec<ConfigUpdate>, ConnectError> {
    let settings = LogSettings::of_worker(worker, InternalTopic::Configs)
        .ok_or_else(|| ConnectError::fatal("reading the config topic of a standalone worker"))?;
    // Bounded by the topic.
    let (updates, mut received) = mpsc::unbounded_channel();
    let handler = SharedReplay::default().handler(updates);
    let log = TopicLog::open(settings.read_only(), handler).await.map_err(into_connect)?;
    log.close().await;
    let mut read = Vec::new();
    while let Some(update) = received.recv().await {
        read.push(update);
    }
    Ok(read)
}
