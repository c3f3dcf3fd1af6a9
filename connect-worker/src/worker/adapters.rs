//! The rooms of the worker in the shapes that the herder asks for.

use std::sync::Arc;

use connect_core::async_trait;
use connect_core::config::Props;
use connect_core::connector::SinkOffsetChanges;
use connect_core::data::Map;
use connect_core::error::ConnectError;
use connect_core::kit::{Clock, SystemClock};
use connect_core::plugin::{PluginInfo, Registry};
use connect_core::record::Offsets;
use serde_json::Value as Json;
use tokio::sync::mpsc;

use crate::config::clients::sink_group;
use crate::config::transformer::Transformed;
use crate::config::{ClientKind, ConfigTransformer, WorkerConfig, client_props};
use crate::herder::ports::{
    ConfigResolver, LevelSetter, OffsetStore, PluginCatalog, RawProps, SinkOffsets, SinkOffsetsError,
    TaskSpawner, ValidateError, Validation,
};
use crate::herder::{HerderError, HerderErrorKind};
use crate::kafka::admin::{Admin, AdminError};
use crate::obs::logging::{LogControl, LogLevel};
use crate::plugins::{self, plugin_config, plugin_list};
use crate::preview::preview_json;
use crate::rest::{LevelControl, LoggerLevel};
use crate::stores::offsets::{self, ConnectorOffsets, SourceOffsetStores};
use crate::task::{Spawner, TaskEvent, TaskHandle, TaskSpec};
use crate::worker::members::remove_task_members;

impl TaskSpawner for Spawner {
    fn start(&self, spec: TaskSpec, events: mpsc::UnboundedSender<TaskEvent>) -> TaskHandle {
        Spawner::start(self, spec, events)
    }
}

impl ConfigResolver for ConfigTransformer {
    fn transform(&self, props: &Props) -> Result<Transformed, ConnectError> {
        ConfigTransformer::transform(self, props)
    }
}

impl LevelControl for LogControl {
    fn levels(&self) -> Vec<(String, LoggerLevel)> {
        LogControl::levels(self).into_iter().map(|(name, level)| (name, logger_level(&level))).collect()
    }

    fn level(&self, logger: &str) -> Option<LoggerLevel> {
        LogControl::level(self, logger).map(|level| logger_level(&level))
    }

    fn set_level(&self, logger: &str, level: &str) -> Vec<String> {
        LogControl::set_level(self, logger, level).unwrap_or_default()
    }
}

impl LevelSetter for LogControl {
    fn set_level(&self, namespace: &str, level: &str) {
        LogControl::set_level(self, namespace, level);
    }
}

fn logger_level(level: &LogLevel) -> LoggerLevel {
    let last_modified = level.last_modified.and_then(|millis| u64::try_from(millis).ok());
    LoggerLevel { level: level.level.to_owned(), last_modified }
}

/// The plug-ins of a worker.
pub(super) struct Catalog {
    pub(super) registry: Registry,
    pub(super) worker: Arc<WorkerConfig>,
}

impl PluginCatalog for Catalog {
    fn list(&self, connectors_only: bool) -> Json {
        json(&plugin_list(&self.registry, connectors_only))
    }

    fn config(&self, plugin: &str, version: Option<&str>) -> Result<Json, HerderError> {
        let keys = plugin_config(&self.registry, plugin, version);
        keys.map(|keys| json(&keys)).map_err(|error| refusal(error.status, error.message))
    }

    fn validate(&self, props: &RawProps) -> Result<Validation, ValidateError> {
        match plugins::validate(&self.registry, &self.worker, props) {
            Ok(infos) => {
                let errors = infos.errors().flat_map(|(_, errors)| errors.iter().cloned()).collect();
                let kind = plugins::connector_plugin(&self.registry, &infos.name).map(PluginInfo::kind);
                let hints = kind.map(|kind| plugins::unknown_keys(kind, props, &infos)).unwrap_or_default();
                Ok(Validation { error_count: infos.error_count, errors, hints, body: json(&infos) })
            }
            Err(error) => {
                Err(ValidateError { class: error.class, error: refusal(error.status, error.message) })
            }
        }
    }

    fn preview(&self, props: &RawProps, records: Vec<Json>) -> Result<Json, HerderError> {
        let report = preview_json(&self.registry, &self.worker, props, records, SystemClock.wall_ms());
        let report = tokio::runtime::Handle::current().block_on(report);
        report.map_err(|error| refusal(error.status, error.message))
    }
}

/// Plain structs of text and numbers always have a JSON form.
fn json(value: &impl serde::Serialize) -> Json {
    serde_json::to_value(value).unwrap_or_default()
}

fn refusal(status: u16, message: String) -> HerderError {
    let kind = match status {
        400 => HerderErrorKind::BadRequest,
        404 => HerderErrorKind::NotFound,
        _ => HerderErrorKind::Internal,
    };
    HerderError::new(kind, message)
}

/// Offsets of sinks, asked of the brokers with each connector's own settings.
pub(super) struct GroupOffsets {
    pub(super) worker: Arc<WorkerConfig>,
}

impl GroupOffsets {
    fn admin(&self, connector: &str, props: &Props) -> Result<(Admin, String), ConnectError> {
        let client = client_props(ClientKind::WorkerAdmin, &self.worker, connector, None, props)?;
        let admin = Admin::new(&client).map_err(unreachable_group)?;
        Ok((admin, sink_group(connector, props)))
    }
}

#[async_trait]
impl SinkOffsets for GroupOffsets {
    async fn list(&self, connector: &str, props: &Props) -> Result<Offsets, ConnectError> {
        let (admin, group) = self.admin(connector, props)?;
        let offsets = admin.group_offsets(&group).await.map_err(unreachable_group)?;
        Ok(offsets.into_iter().collect())
    }

    async fn alter(
        &self,
        connector: &str,
        props: &Props,
        changes: &SinkOffsetChanges,
    ) -> Result<(), SinkOffsetsError> {
        let (admin, group) = self.admin(connector, props).map_err(SinkOffsetsError::Other)?;
        let (mut set, mut deleted) = (Offsets::new(), Vec::new());
        for (partition, offset) in changes {
            match offset {
                Some(offset) => drop(set.insert(partition.clone(), *offset)),
                None => deleted.push(partition.clone()),
            }
        }
        if !set.is_empty() {
            admin.alter_group_offsets(&group, &set).await.map_err(group_error)?;
        }
        if !deleted.is_empty() {
            admin.delete_group_offsets(&group, &deleted).await.map_err(group_error)?;
        }
        Ok(())
    }

    async fn reset(&self, connector: &str, props: &Props) -> Result<(), SinkOffsetsError> {
        let (admin, group) = self.admin(connector, props).map_err(SinkOffsetsError::Other)?;
        admin.delete_group(&group).await.map_err(group_error)
    }

    async fn remove_members(&self, connector: &str, props: &Props, first: u32) -> Result<(), ConnectError> {
        remove_task_members(&self.worker, connector, props, first).await
    }
}

fn unreachable_group(error: AdminError) -> ConnectError {
    ConnectError::fatal("asking for offsets of a consumer group").because(error)
}

fn group_error(error: AdminError) -> SinkOffsetsError {
    match error {
        AdminError::GroupActive { .. } => SinkOffsetsError::GroupNotEmpty,
        other => SinkOffsetsError::Other(
            ConnectError::fatal("changing offsets of a consumer group").because(other),
        ),
    }
}

/// Offsets of sources, in the worker's store or a topic of the connector's own.
pub(super) struct SourceOffsets {
    pub(super) store: Arc<dyn offsets::OffsetStore>,
    /// Opens the topics that connectors bring; `None` keeps everything in `store`.
    pub(super) stores: Option<Arc<dyn SourceOffsetStores>>,
}

impl SourceOffsets {
    async fn of(&self, connector: &str, props: &Props) -> Result<ConnectorOffsets, ConnectError> {
        let store = match &self.stores {
            Some(stores) => stores.open_connector(connector, props).await?,
            None => Arc::clone(&self.store),
        };
        Ok(ConnectorOffsets::new(store, connector))
    }
}

#[async_trait]
impl OffsetStore for SourceOffsets {
    async fn list(&self, connector: &str, props: &Props) -> Result<Vec<(Map, Map)>, ConnectError> {
        self.of(connector, props).await?.list().await
    }

    async fn write(
        &self,
        connector: &str,
        props: &Props,
        changes: Vec<(Map, Option<Map>)>,
    ) -> Result<(), ConnectError> {
        self.of(connector, props).await?.set(&changes).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::WorkerMode;
    use crate::plugins::test_plugins::registry;

    #[test]
    fn validation_tells_keys_that_nothing_reads() {
        let props = |pairs: &[(&str, &str)]| -> Props {
            pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
        };
        let worker = props(&[
            ("bootstrap.servers", "b:1"),
            ("key.converter", "String"),
            ("value.converter", "String"),
            ("offset.storage.file.filename", "o"),
        ]);
        let worker = WorkerConfig::parse(&worker, WorkerMode::Standalone, &registry()).expect("valid");
        let catalog = Catalog { registry: registry(), worker: Arc::new(worker) };
        let connector =
            [("name", "c"), ("connector.class", "FileStreamSink"), ("topics", "t"), ("tasks.maxx", "1")];
        let raw = props(&connector).into_iter().map(|(key, value)| (key, Some(value))).collect();
        let outcome = catalog.validate(&raw).expect("validated");
        assert_eq!(
            (outcome.errors, outcome.hints),
            (vec![], vec!["`tasks.maxx` is unknown: did you mean `tasks.max`?".to_owned()])
        );
    }
}
