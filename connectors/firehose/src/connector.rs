//! The connector: checks the configuration and gives every task the same one; Kafka splits the partitions.

use connect_core::async_trait;
use connect_core::config::{ConfigDef, ConfigReport, Props};
use connect_core::connector::{Connector, ConnectorContext, SinkConnector, SinkOffsetChanges};
use connect_core::error::ConnectError;
use connect_core::plugin::{Factory, PluginInfo};
use connect_core::preview::Preview;
use connect_core::record::SinkRecord;
use connect_core::task::SinkTask;

use crate::config::FirehoseSinkConfig;
use crate::preview::preview;
use crate::settings::Settings;
use crate::task::FirehoseSinkTask;

const CLASS: &str = "com.amazon.kinesis.kafka.FirehoseSinkConnector";
const TASK_CLASS: &str = "com.amazon.kinesis.kafka.FirehoseSinkTask";
/// The original tells the version of Kafka as its own.
const VERSION: &str = "4.3.1";

/// Returns the plug-ins of this crate.
pub fn plugins() -> Vec<PluginInfo> {
    let factory = Factory::Sink(|| Box::new(FirehoseSinkConnector::default()));
    vec![PluginInfo { class: CLASS, version: VERSION, factory }]
}

/// Writes records to a Firehose stream.
#[derive(Debug, Default)]
struct FirehoseSinkConnector {
    props: Props,
}

#[async_trait]
impl Connector for FirehoseSinkConnector {
    fn version(&self) -> &'static str {
        VERSION
    }

    fn config_def(&self) -> ConfigDef {
        FirehoseSinkConfig::config_def()
    }

    fn validate(&self, props: &Props) -> ConfigReport {
        self.config_def().validate_across(props, &[("deliveryStream", "stream")], Settings::parse).0
    }

    fn task_class(&self) -> &'static str {
        TASK_CLASS
    }

    async fn start(&mut self, _context: ConnectorContext, props: &Props) -> Result<(), ConnectError> {
        Settings::parse(props)?;
        self.props = props.clone();
        Ok(())
    }

    fn task_configs(&self, max_tasks: usize) -> Result<Vec<Props>, ConnectError> {
        Ok(vec![self.props.clone(); max_tasks])
    }
}

impl SinkConnector for FirehoseSinkConnector {
    fn task(&self) -> Box<dyn SinkTask> {
        Box::new(FirehoseSinkTask::default())
    }

    fn alter_offsets(&self, _props: &Props, _offsets: &SinkOffsetChanges) -> Result<bool, ConnectError> {
        // Offsets are Kafka's own, and nothing here depends on them.
        Ok(true)
    }

    fn preview(
        &self,
        props: &Props,
        records: &[SinkRecord],
        _now_ms: i64,
    ) -> Result<Option<Preview>, ConnectError> {
        Ok(Some(preview(&Settings::parse(props)?, records)))
    }
}

#[cfg(test)]
mod tests;
