//! The sink connector: every task appends to the same file.

use connect_core::async_trait;
use connect_core::config::{ConfigDef, Props};
use connect_core::connector::{Connector, ConnectorContext, SinkConnector, SinkOffsetChanges};
use connect_core::error::ConnectError;
use connect_core::preview::{Preview, PreviewOutput};
use connect_core::record::SinkRecord;
use connect_core::task::SinkTask;

use crate::config::{SinkConfig, VERSION, named};
use crate::sink::task::FileStreamSinkTask;
use crate::sink::text::append_line;

/// Appends records to a file.
#[derive(Debug, Default)]
pub struct FileStreamSinkConnector {
    props: Props,
}

#[async_trait]
impl Connector for FileStreamSinkConnector {
    fn version(&self) -> &'static str {
        VERSION
    }

    fn config_def(&self) -> ConfigDef {
        SinkConfig::config_def()
    }

    fn task_class(&self) -> &'static str {
        "org.apache.kafka.connect.file.FileStreamSinkTask"
    }

    async fn start(&mut self, _context: ConnectorContext, props: &Props) -> Result<(), ConnectError> {
        SinkConfig::parse(props)?;
        self.props = props.clone();
        Ok(())
    }

    fn task_configs(&self, max_tasks: usize) -> Result<Vec<Props>, ConnectError> {
        Ok(vec![self.props.clone(); max_tasks])
    }
}

impl SinkConnector for FileStreamSinkConnector {
    fn task(&self) -> Box<dyn SinkTask> {
        Box::new(FileStreamSinkTask::default())
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
        let config = SinkConfig::parse(props)?;
        let target = named(config.file.as_ref()).unwrap_or("standard output");
        let line = |(index, record): (usize, &SinkRecord)| {
            let mut content = Vec::new();
            append_line(&mut content, &record.value);
            PreviewOutput { target: target.to_owned(), content, records: vec![index], note: None }
        };
        let outputs = records.iter().enumerate().map(line).collect();
        Ok(Some(Preview { outputs, failed: Vec::new() }))
    }
}
