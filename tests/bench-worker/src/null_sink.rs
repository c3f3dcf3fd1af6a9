//! A sink that takes every record and does nothing with it, so that what comes before a sink is measured alone. Its
//! twin for JVM Kafka Connect is `tests/java/NullSink.java`.

use connect_core::async_trait;
use connect_core::config::{ConfigDef, Props};
use connect_core::connector::{Connector, ConnectorContext, SinkConnector};
use connect_core::error::ConnectError;
use connect_core::plugin::{Factory, PluginInfo};
use connect_core::record::{Offsets, SinkRecord};
use connect_core::task::{PutReport, SinkTask, SinkTaskContext};

/// Class name of the connector, here and in the JVM.
const CLASS: &str = "bench.NullSink";
const VERSION: &str = "1";

/// Returns the connector.
pub(crate) fn plugin() -> PluginInfo {
    PluginInfo { class: CLASS, version: VERSION, factory: Factory::Sink(|| Box::new(NullSink)) }
}

struct NullSink;

#[async_trait]
impl Connector for NullSink {
    fn version(&self) -> &'static str {
        VERSION
    }

    fn config_def(&self) -> ConfigDef {
        ConfigDef::default()
    }

    fn task_class(&self) -> &'static str {
        "bench.NullSink$NullTask"
    }

    async fn start(&mut self, _context: ConnectorContext, _props: &Props) -> Result<(), ConnectError> {
        Ok(())
    }

    fn task_configs(&self, max_tasks: usize) -> Result<Vec<Props>, ConnectError> {
        Ok(vec![Props::default(); max_tasks])
    }
}

impl SinkConnector for NullSink {
    fn task(&self) -> Box<dyn SinkTask> {
        Box::new(NullTask)
    }
}

struct NullTask;

#[async_trait]
impl SinkTask for NullTask {
    async fn start(&mut self, _context: SinkTaskContext, _props: &Props) -> Result<(), ConnectError> {
        Ok(())
    }

    async fn put(&mut self, batch: &[SinkRecord]) -> Result<PutReport, ConnectError> {
        std::hint::black_box(batch);
        Ok(PutReport::accepted())
    }

    async fn pre_commit(&mut self, consumed: &Offsets) -> Result<Offsets, ConnectError> {
        Ok(consumed.clone())
    }
}
