//! The connector: as many generators as tasks are allowed.

use connect_core::async_trait;
use connect_core::config::{ConfigDef, Props};
use connect_core::connector::{Connector, ConnectorContext, SourceConnector, SourceOffsetChanges};
use connect_core::data::{Map, Value};
use connect_core::error::ConnectError;
use connect_core::task::SourceTask;

use crate::config::{DatagenConfig, GENERATOR, GENERATORS, VERSION};
use crate::task::{DatagenTask, RECORD};

/// Makes up logs.
#[derive(Debug, Default)]
pub struct DatagenConnector {
    props: Props,
}

#[async_trait]
impl Connector for DatagenConnector {
    fn version(&self) -> &'static str {
        VERSION
    }

    fn config_def(&self) -> ConfigDef {
        DatagenConfig::config_def()
    }

    fn task_class(&self) -> &'static str {
        "io.sluice.connect.datagen.DatagenTask"
    }

    async fn start(&mut self, _context: ConnectorContext, props: &Props) -> Result<(), ConnectError> {
        DatagenConfig::parse(props)?;
        self.props = props.clone();
        Ok(())
    }

    fn task_configs(&self, max_tasks: usize) -> Result<Vec<Props>, ConnectError> {
        let config = |generator: usize| {
            let mut props = self.props.clone();
            props.insert(GENERATOR.to_owned(), generator.to_string());
            props.insert(GENERATORS.to_owned(), max_tasks.to_string());
            props
        };
        Ok((0..max_tasks).map(config).collect())
    }
}

impl SourceConnector for DatagenConnector {
    fn task(&self) -> Box<dyn SourceTask> {
        Box::new(DatagenTask::default())
    }

    fn supports_exactly_once(&self, _props: &Props) -> Option<bool> {
        Some(true)
    }

    fn alter_offsets(&self, _props: &Props, offsets: &SourceOffsetChanges) -> Result<bool, ConnectError> {
        for (partition, offset) in offsets {
            let Some(offset) = offset else { continue };
            check(partition.as_ref(), GENERATOR, "partition")?;
            check(Some(offset), RECORD, "offset")?;
        }
        Ok(true)
    }
}

fn check(map: Option<&Map>, key: &str, what: &str) -> Result<(), ConnectError> {
    match map.and_then(|map| map.get(key)) {
        Some(Value::Int64(number)) if *number >= 0 => Ok(()),
        Some(Value::Int32(number)) if *number >= 0 => Ok(()),
        _ => {
            Err(ConnectError::fatal(format!("the {what} must hold a whole number under `{key}`, at least 0")))
        }
    }
}
