//! A sink that writes values to a file, and like some services answers for a whole batch: if one value of it is not to
//! its liking it takes none.

use std::fs::OpenOptions;
use std::io::Write;

use connect_core::async_trait;
use connect_core::config::{ConfigDef, Props, Validator};
use connect_core::connector::{Connector, ConnectorContext, SinkConnector};
use connect_core::data::java_text;
use connect_core::error::ConnectError;
use connect_core::plugin::{Factory, PluginInfo};
use connect_core::record::{Offsets, SinkRecord};
use connect_core::task::{PutReport, SinkTask, SinkTaskContext};

const VERSION: &str = "1";
/// Values with this word are refused.
const BAD: &str = "bad";

connect_core::config! {
    struct RefusingConfig {
        /// File that batches are appended to.
        file: String = "file", High, valid Validator::NonEmpty;
    }
}

/// Returns the connector.
pub(crate) fn plugin() -> PluginInfo {
    PluginInfo {
        class: "test.RefusingSink",
        version: VERSION,
        factory: Factory::Sink(|| Box::new(RefusingSink::default())),
    }
}

#[derive(Default)]
struct RefusingSink {
    props: Props,
}

#[async_trait]
impl Connector for RefusingSink {
    fn version(&self) -> &'static str {
        VERSION
    }

    fn config_def(&self) -> ConfigDef {
        RefusingConfig::config_def()
    }

    fn task_class(&self) -> &'static str {
        "test.RefusingTask"
    }

    async fn start(&mut self, _context: ConnectorContext, props: &Props) -> Result<(), ConnectError> {
        self.props = props.clone();
        Ok(())
    }

    fn task_configs(&self, max_tasks: usize) -> Result<Vec<Props>, ConnectError> {
        Ok(vec![self.props.clone(); max_tasks])
    }
}

impl SinkConnector for RefusingSink {
    fn task(&self) -> Box<dyn SinkTask> {
        Box::new(RefusingTask::default())
    }
}

#[derive(Default)]
struct RefusingTask {
    file: String,
}

#[async_trait]
impl SinkTask for RefusingTask {
    async fn start(&mut self, _context: SinkTaskContext, props: &Props) -> Result<(), ConnectError> {
        self.file = RefusingConfig::parse(props)?.file;
        Ok(())
    }

    async fn put(&mut self, batch: &[SinkRecord]) -> Result<PutReport, ConnectError> {
        let lines: Vec<String> =
            batch.iter().map(|record| java_text::to_text(&record.value.value()) + "\n").collect();
        if lines.iter().any(|line| line.contains(BAD)) {
            let text = format!("the service refuses a batch of {}", batch.len());
            return Err(ConnectError::data(text).refusing_batch());
        }
        let file = OpenOptions::new().create(true).append(true).open(&self.file);
        let written = file.and_then(|mut file| file.write_all(lines.concat().as_bytes()));
        written.map_err(|error| ConnectError::fatal("writing a batch").because(error))?;
        Ok(PutReport::accepted())
    }

    async fn pre_commit(&mut self, consumed: &Offsets) -> Result<Offsets, ConnectError> {
        Ok(consumed.clone())
    }
}
