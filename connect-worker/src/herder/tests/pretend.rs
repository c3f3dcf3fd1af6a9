//! Connectors, tasks and surroundings that only pretend.

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use connect_core::async_trait;
use connect_core::config::{ConfigDef, Props};
use connect_core::connector::{Connector, ConnectorContext, SinkOffsetChanges, SourceConnector};
use connect_core::data::Map;
use connect_core::error::ConnectError;
use connect_core::plugin::{Factory, PluginInfo, Registry};
use connect_core::record::Offsets;
use connect_core::task::SourceTask;
use serde_json::Value as Json;
use tokio::sync::mpsc;

use crate::config::transformer::Transformed;
use crate::herder::HerderError;
use crate::herder::ports::{
    ConfigResolver, OffsetStore, PluginCatalog, RawProps, SinkOffsets, SinkOffsetsError, TaskSpawner,
    ValidateError, Validation,
};
use crate::task::{TargetState, TaskEvent, TaskHandle, TaskSpec, TaskState};

/// Returns the plug-ins of the tests.
pub(crate) fn registry() -> Registry {
    let make: fn() -> Box<dyn SourceConnector> = || Box::new(PretendConnector::default());
    Registry::new(vec![PluginInfo { class: CLASS, version: "1", factory: Factory::Source(make) }])
}

pub(crate) const CLASS: &str = "test.PretendConnector";

/// Does what its configuration says: `start` may be `hang` or `fail`, `stop` may be `hang`, `tasks` is their number
/// or `fail`.
#[derive(Default)]
pub(crate) struct PretendConnector {
    props: Props,
}

impl PretendConnector {
    fn says(&self, key: &str) -> &str {
        self.props.get(key).map_or("", String::as_str)
    }
}

#[async_trait]
impl Connector for PretendConnector {
    fn version(&self) -> &'static str {
        "1"
    }

    fn config_def(&self) -> ConfigDef {
        ConfigDef::new(Vec::new())
    }

    fn task_class(&self) -> &'static str {
        "test.PretendTask"
    }

    async fn start(&mut self, _context: ConnectorContext, props: &Props) -> Result<(), ConnectError> {
        self.props = props.clone();
        match self.says("start") {
            "hang" => std::future::pending().await,
            "fail" => Err(ConnectError::fatal("no such table")),
            _ => Ok(()),
        }
    }

    fn task_configs(&self, _max_tasks: usize) -> Result<Vec<Props>, ConnectError> {
        let count: usize =
            self.says("tasks").parse().map_err(|_| ConnectError::retriable("listing tables"))?;
        Ok(vec![self.props.clone(); count])
    }

    async fn stop(&mut self) -> Result<(), ConnectError> {
        if self.says("stop") == "hang" {
            std::future::pending::<()>().await;
        }
        Ok(())
    }
}

impl SourceConnector for PretendConnector {
    fn task(&self) -> Box<dyn SourceTask> {
        unreachable!("tasks are started by the spawner of the tests")
    }
}

/// Counts the tasks it starts. A task whose `task` says `fail` fails, one that says `hang` never ends.
#[derive(Default)]
pub(crate) struct PretendTasks {
    pub(crate) started: AtomicUsize,
}

impl TaskSpawner for PretendTasks {
    fn start(&self, spec: TaskSpec, events: mpsc::UnboundedSender<TaskEvent>) -> TaskHandle {
        self.started.fetch_add(1, Ordering::SeqCst);
        let behaviour = spec.task_props.get("task").cloned().unwrap_or_default();
        TaskHandle::spawn(&spec, events, move |mut control| async move {
            if behaviour == "fail" {
                control.report_state(TaskState::Failed, Some("trace\n".to_owned()));
                return control.stop.cancelled().await;
            }
            if behaviour == "hang" {
                control.report_state(TaskState::Running, None);
                std::future::pending::<()>().await;
            }
            while !control.stop.is_cancelled() {
                let is_started = *control.target.borrow_and_update() == TargetState::Started;
                control.report_state(if is_started { TaskState::Running } else { TaskState::Paused }, None);
                tokio::select! {
                    biased; // Ending comes first.
                    () = control.stop.cancelled() => {}
                    changed = control.target.changed() => if changed.is_err() { return },
                }
            }
        })
    }
}

/// Everything else a herder needs, empty.
pub(crate) struct Nothing;

impl ConfigResolver for Nothing {
    fn transform(&self, props: &Props) -> Result<Transformed, ConnectError> {
        Ok(Transformed { props: props.clone(), ..Transformed::default() })
    }
}

/// How long the values of [`Rotating`] hold.
pub(crate) const TTL: Duration = Duration::from_secs(3600);

/// Answers every reference with the same value, which holds for a while, and counts what is started with it.
#[derive(Default)]
pub(crate) struct Rotating {
    value: Mutex<String>,
    pub(crate) asked: AtomicUsize,
}

impl Rotating {
    pub(crate) fn set(&self, value: &str) {
        value.clone_into(&mut self.value.lock().expect("unpoisoned"));
    }

    fn look_up(&self, props: &Props) -> Transformed {
        let mut transformed = Transformed { props: props.clone(), ..Transformed::default() };
        for text in transformed.props.values_mut().filter(|text| text.starts_with("${")) {
            let path = text.split(':').nth(1).expect("a path").to_owned();
            transformed.ttls.push((path, TTL));
            text.clone_from(&self.value.lock().expect("unpoisoned"));
        }
        transformed
    }
}

impl ConfigResolver for Rotating {
    fn transform(&self, props: &Props) -> Result<Transformed, ConnectError> {
        self.asked.fetch_add(1, Ordering::SeqCst);
        Ok(self.look_up(props))
    }

    fn resolve(&self, props: &Props) -> Result<Props, ConnectError> {
        Ok(self.look_up(props).props)
    }
}

impl PluginCatalog for Nothing {
    fn list(&self, _connectors_only: bool) -> Json {
        Json::Null
    }

    fn config(&self, _plugin: &str, _version: Option<&str>) -> Result<Json, HerderError> {
        Ok(Json::Null)
    }

    fn validate(&self, props: &RawProps) -> Result<Validation, ValidateError> {
        let errors: Vec<String> = props.get("invalid").cloned().flatten().into_iter().collect();
        Ok(Validation { error_count: errors.len(), errors, hints: Vec::new(), body: Json::Null })
    }

    fn preview(&self, _props: &RawProps, _records: Vec<Json>) -> Result<Json, HerderError> {
        Ok(Json::Null)
    }
}

#[async_trait]
impl SinkOffsets for Nothing {
    async fn list(&self, _connector: &str, _props: &Props) -> Result<Offsets, ConnectError> {
        Ok(Offsets::new())
    }

    async fn alter(&self, _: &str, _: &Props, _: &SinkOffsetChanges) -> Result<(), SinkOffsetsError> {
        Ok(())
    }

    async fn reset(&self, _: &str, _: &Props) -> Result<(), SinkOffsetsError> {
        Ok(())
    }

    async fn remove_members(&self, _: &str, _: &Props, _: u32) -> Result<(), ConnectError> {
        Ok(())
    }
}

#[async_trait]
impl OffsetStore for Nothing {
    async fn list(&self, _connector: &str, _props: &Props) -> Result<Vec<(Map, Map)>, ConnectError> {
        Ok(Vec::new())
    }

    async fn write(
        &self,
        _connector: &str,
        _props: &Props,
        _changes: Vec<(Map, Option<Map>)>,
    ) -> Result<(), ConnectError> {
        Ok(())
    }
}

/// Returns a configuration of a connector that does as it says.
pub(crate) fn config(says: &[(&str, &str)]) -> RawProps {
    let class = [("connector.class", CLASS), ("tasks.max", "2")];
    class.iter().chain(says).map(|(key, value)| ((*key).to_owned(), Some((*value).to_owned()))).collect()
}
