//! The connector: checks the configuration and gives every task the same one; Kafka splits the partitions.

use connect_core::async_trait;
use connect_core::config::{ConfigDef, ConfigReport, Props};
use connect_core::connector::{Connector, ConnectorContext, SinkConnector};
use connect_core::error::ConnectError;
use connect_core::plugin::{Factory, PluginInfo};
use connect_core::task::SinkTask;

use crate::config::S3SinkConfig;
use crate::settings::Settings;
use crate::task::S3SinkTask;

const CLASS: &str = "io.confluent.connect.s3.S3SinkConnector";
const TASK_CLASS: &str = "io.confluent.connect.s3.S3SinkTask";
/// The version of Confluent's connector whose keys and names this one follows.
const VERSION: &str = "12.2.0";

/// Returns the plug-ins of this crate.
pub fn plugins() -> Vec<PluginInfo> {
    let factory = Factory::Sink(|| Box::new(S3SinkConnector::default()));
    vec![PluginInfo { class: CLASS, version: VERSION, factory }]
}

/// Writes records to objects in S3.
#[derive(Debug, Default)]
struct S3SinkConnector {
    props: Props,
}

#[async_trait]
impl Connector for S3SinkConnector {
    fn version(&self) -> &'static str {
        VERSION
    }

    fn config_def(&self) -> ConfigDef {
        S3SinkConfig::config_def()
    }

    fn validate(&self, props: &Props) -> ConfigReport {
        let mut report = self.config_def().validate(props);
        if report.error_count() == 0
            && let Err(issues) = Settings::parse(props)
        {
            for issue in issues {
                report.add_error(&issue.name, issue.message);
            }
        }
        report
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

impl SinkConnector for S3SinkConnector {
    fn task(&self) -> Box<dyn SinkTask> {
        Box::new(S3SinkTask::default())
    }
}
