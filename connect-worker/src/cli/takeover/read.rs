//! Reads what the topics and the coordinator know. Joins nothing, creates nothing, writes nothing.

use std::collections::BTreeMap;

use anyhow::Context;
use connect_cluster::connection::ConnectionSettings;
use connect_cluster::membership::describe_group;

use crate::cli::takeover::report::{GroupReport, MemberReport};
use crate::config::internal::InternalTopic;
use crate::config::{DistributedConfig, WorkerConfig};
use crate::kafka::admin::Admin;
use crate::stores::config::{ConfigUpdate, read_config_topic};
use crate::stores::log::LogSettings;
use crate::stores::offsets::{KafkaOffsetStore, OffsetStore, connector_of_key};
use crate::worker::is_sluice_member;

/// What was read.
pub(super) struct Found {
    pub(super) kafka_cluster_id: String,
    pub(super) updates: Vec<ConfigUpdate>,
    /// Number of source partitions with an offset, by connector.
    pub(super) offsets: BTreeMap<String, usize>,
    pub(super) group: GroupReport,
}

/// Reads a cluster.
///
/// # Errors
/// Fails when brokers or topics cannot be read.
pub(super) async fn read(worker: &WorkerConfig) -> anyhow::Result<Found> {
    let mode = worker.distributed().context("reading a cluster needs a distributed worker's file")?;
    let kafka_cluster_id = Admin::new(worker.originals())?.cluster_id().await?;
    let group = group(worker, mode).await?;
    let updates = read_config_topic(worker).await?;
    let offsets = offsets(worker).await?;
    Ok(Found { kafka_cluster_id, updates, offsets, group })
}

async fn group(worker: &WorkerConfig, mode: &DistributedConfig) -> anyhow::Result<GroupReport> {
    let settings = ConnectionSettings::from_props(worker.originals())?;
    let found = describe_group(&settings, &mode.group_id).await?;
    let members = found.members.into_iter().map(|member| MemberReport {
        is_sluice: is_sluice_member(&member.client_id),
        client_id: member.client_id,
        host: member.client_host,
    });
    Ok(GroupReport {
        id: mode.group_id.clone(),
        state: found.state,
        protocol: (!found.protocol.is_empty()).then_some(found.protocol),
        members: members.collect(),
    })
}

async fn offsets(worker: &WorkerConfig) -> anyhow::Result<BTreeMap<String, usize>> {
    let settings = LogSettings::of_worker(worker, InternalTopic::Offsets)
        .context("reading a cluster needs a distributed worker's file")?;
    let store = KafkaOffsetStore::open(settings.read_only()).await?;
    let mut counts = BTreeMap::new();
    for (key, _) in store.entries().await? {
        if let Some(connector) = connector_of_key(&key) {
            *counts.entry(connector).or_default() += 1;
        }
    }
    Ok(counts)
}
