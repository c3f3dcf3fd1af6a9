//! What a run is to do: for each sink the offsets to read to, asked of the brokers before anything is started.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, bail};
use connect_core::config::Props;
use connect_core::plugin::{PluginKind, Registry};
use connect_core::record::{Offsets, TopicPartition};

use crate::config::clients::sink_group;
use crate::config::{ClientKind, ConnectorFile, InitialState, WorkerConfig, client_props};
use crate::herder::ports::RawProps;
use crate::kafka::admin::Admin;
use crate::task::{Drain, subscribed_topics};
use crate::worker::once::OnceLimits;

/// Records of a poll unless `max.poll.records` says otherwise.
const DEFAULT_POLL_RECORDS: u64 = 2_000;

/// The run of one connector.
pub(super) struct Plan {
    pub(super) name: String,
    pub(super) config: RawProps,
    pub(super) group: String,
    pub(super) drain: Arc<Drain>,
    pub(super) time_limit: Option<Duration>,
    pub(super) admin: Admin,
}

/// Returns a plan for each connector that is not paused or stopped by its file.
///
/// # Errors
/// Fails when a connector is no sink, reads a topic that does not exist, or the brokers cannot be asked.
pub(super) async fn plans(
    worker: &WorkerConfig,
    registry: &Registry,
    connectors: Vec<ConnectorFile>,
    limits: OnceLimits,
) -> anyhow::Result<Vec<Plan>> {
    if connectors.is_empty() {
        bail!("a run that ends by itself needs a connector file");
    }
    let mut plans: Vec<Plan> = Vec::new();
    for file in connectors {
        let name = file.name.clone();
        if matches!(file.initial_state, Some(InitialState::Paused | InitialState::Stopped)) {
            tracing::warn!(connector = name, "paused or stopped by its file: it is left alone");
            continue;
        }
        let plan = plan(worker, registry, file, limits)
            .await
            .with_context(|| format!("planning connector `{name}`"))?;
        if let Some(other) = plans.iter().find(|other| other.group == plan.group) {
            bail!(
                "connectors `{}` and `{name}` read as the same consumer group `{}`",
                other.name,
                plan.group
            );
        }
        plans.push(plan);
    }
    Ok(plans)
}

async fn plan(
    worker: &WorkerConfig,
    registry: &Registry,
    mut file: ConnectorFile,
    limits: OnceLimits,
) -> anyhow::Result<Plan> {
    let limits = limits.of_connector(&mut file)?;
    let raw: Props =
        file.config.iter().filter_map(|(key, value)| Some((key.clone(), value.clone()?))).collect();
    let props = worker.transformer().transform(&raw)?.props;
    let class = props.get("connector.class").map(String::as_str).unwrap_or_default();
    // A class that nobody knows is refused with the configuration, in the words of Kafka Connect.
    if registry.connector(class).is_ok_and(|plugin| plugin.kind() == PluginKind::Source) {
        bail!("`{class}` is a source: only sinks have an end to read to");
    }
    let consumer = client_props(ClientKind::SinkConsumer, worker, &file.name, None, &props)?;
    let admin = Admin::new(&client_props(ClientKind::WorkerAdmin, worker, &file.name, None, &props)?)?;
    let group = sink_group(&file.name, &props);
    let mut partitions = Vec::new();
    for topic in subscribed_topics(&props, &consumer).await? {
        match admin.describe_topic(&topic).await? {
            Some(described) => {
                let count = i32::try_from(described.partitions).unwrap_or(i32::MAX);
                partitions.extend((0..count).map(|partition| TopicPartition::new(topic.as_str(), partition)));
            }
            None => bail!("topic `{topic}` does not exist"),
        }
    }
    let goals = admin.end_offsets(&partitions).await?;
    let committed: Offsets = admin.group_offsets(&group).await?.into_iter().collect();
    let batch = consumer.get("max.poll.records").and_then(|value| value.trim().parse().ok());
    let max_records = limits.records(batch.unwrap_or(DEFAULT_POLL_RECORDS));
    Ok(Plan {
        name: file.name,
        config: file.config,
        drain: Arc::new(Drain::new(goals, &committed, max_records)),
        group,
        time_limit: limits.max_time,
        admin,
    })
}
