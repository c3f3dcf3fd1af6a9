//! The connector: its keys, and one configuration a task.

use connect_core::async_trait;
use connect_core::config::{ConfigDef, Props, Validator};
use connect_core::connector::{Connector, ConnectorContext, SinkConnector};
use connect_core::error::ConnectError;
use connect_core::task::SinkTask;

use crate::task::TallySinkTask;

pub(crate) const VERSION: &str = env!("CARGO_PKG_VERSION");

connect_core::config! {
    /// Settings of the connector. Parsing, validation, `GET …/config` and documentation come from this table.
    pub(crate) struct TallyConfig {
        /// Folder of the counts, one file a partition; it is made if need be.
        folder: String = "tally.folder", High, valid Validator::NonEmpty;
        /// Field of the value by which records are counted.
        field: String = "tally.field", High, default "level", valid Validator::NonEmpty;
    }
}

/// Counts records by the value of a field.
#[derive(Debug, Default)]
pub struct TallySinkConnector {
    props: Props,
}

#[async_trait]
impl Connector for TallySinkConnector {
    fn version(&self) -> &'static str {
        VERSION
    }

    fn config_def(&self) -> ConfigDef {
        TallyConfig::config_def()
    }

    fn task_class(&self) -> &'static str {
        "com.example.connect.TallySinkTask"
    }

    async fn start(&mut self, _context: ConnectorContext, props: &Props) -> Result<(), ConnectError> {
        TallyConfig::parse(props)?;
        self.props = props.clone();
        Ok(())
    }

    fn task_configs(&self, max_tasks: usize) -> Result<Vec<Props>, ConnectError> {
        // Kafka deals the partitions to the tasks, so all of them get the same settings.
        Ok(vec![self.props.clone(); max_tasks])
    }
}

impl SinkConnector for TallySinkConnector {
    fn task(&self) -> Box<dyn SinkTask> {
        Box::new(TallySinkTask::default())
    }
}
