//! The source connector: one task, and the rules for offsets set by hand.

use connect_core::async_trait;
use connect_core::config::{ConfigDef, Props};
use connect_core::connector::{Connector, ConnectorContext, SourceConnector, SourceOffsetChanges};
use connect_core::data::{Map, Value};
use connect_core::error::ConnectError;
use connect_core::task::SourceTask;

use crate::config::{SourceConfig, VERSION, named};
use crate::source::task::{FILENAME, FileStreamSourceTask, POSITION};

/// Reads a file line by line.
#[derive(Debug, Default)]
pub struct FileStreamSourceConnector {
    props: Props,
}

#[async_trait]
impl Connector for FileStreamSourceConnector {
    fn version(&self) -> &'static str {
        VERSION
    }

    fn config_def(&self) -> ConfigDef {
        SourceConfig::config_def()
    }

    fn task_class(&self) -> &'static str {
        "org.apache.kafka.connect.file.FileStreamSourceTask"
    }

    async fn start(&mut self, _context: ConnectorContext, props: &Props) -> Result<(), ConnectError> {
        let config = SourceConfig::parse(props)?;
        let file = named(config.file.as_ref()).unwrap_or("standard input");
        tracing::info!(file, "starting file source connector");
        self.props = props.clone();
        Ok(())
    }

    fn task_configs(&self, _max_tasks: usize) -> Result<Vec<Props>, ConnectError> {
        // A file has one reader, whatever `tasks.max` says.
        Ok(vec![self.props.clone()])
    }
}

impl SourceConnector for FileStreamSourceConnector {
    fn task(&self) -> Box<dyn SourceTask> {
        Box::new(FileStreamSourceTask::default())
    }

    fn supports_exactly_once(&self, props: &Props) -> Option<bool> {
        // The standard input cannot be read again.
        Some(named(props.get("file")).is_some())
    }

    fn alter_offsets(&self, props: &Props, offsets: &SourceOffsetChanges) -> Result<bool, ConnectError> {
        if named(props.get("file")).is_none() {
            return Err(ConnectError::fatal(
                "Offsets cannot be modified if the 'file' configuration is unspecified. This is because stdin is \
                 used for input and offsets are not tracked.",
            ));
        }
        for (partition, offset) in offsets {
            // A null offset deletes, and anything may be deleted: it is the way to clean up garbage.
            if let Some(offset) = offset {
                check_offset(offset)?;
                check_partition(partition.as_ref())?;
            }
        }
        Ok(true)
    }
}

fn check_offset(offset: &Map) -> Result<(), ConnectError> {
    let position = match offset.get(POSITION) {
        None => {
            return Err(ConnectError::fatal(
                "Offset objects should either be null or contain the key 'position'",
            ));
        }
        Some(Value::Int64(position)) => *position,
        Some(Value::Int32(position)) => i64::from(*position),
        Some(_) => {
            return Err(ConnectError::fatal(
                "The value for the 'position' key in the offset is expected to be a Long value",
            ));
        }
    };
    if position < 0 {
        return Err(ConnectError::fatal(
            "The value for the 'position' key in the offset should be a non-negative value",
        ));
    }
    Ok(())
}

fn check_partition(partition: Option<&Map>) -> Result<(), ConnectError> {
    match partition {
        None => Err(ConnectError::fatal("Partition objects cannot be null")),
        Some(partition) if partition.get(FILENAME).is_none() => {
            Err(ConnectError::fatal("Partition objects should contain the key 'filename'"))
        }
        Some(_) => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn props(file: &str) -> Props {
        [("file", file), ("topic", "t")].map(|(key, value)| (key.to_owned(), value.to_owned())).into()
    }

    fn map(key: &str, value: Value) -> Map {
        Map { entries: vec![(Value::string(key), value)] }
    }

    #[test]
    fn altered_offsets_are_checked_with_kafkas_texts() {
        let file = || Some(map("filename", Value::string("any")));
        let position = |value| Some(map("position", value));
        let cases = [
            (file(), position(Value::Int64(7)), ""),
            (file(), None, ""),
            (None, None, ""),
            (
                file(),
                Some(map("pos", Value::Int64(1))),
                "Offset objects should either be null or contain the key 'position'",
            ),
            (
                file(),
                position(Value::string("x")),
                "The value for the 'position' key in the offset is expected to be a Long value",
            ),
            (
                file(),
                position(Value::Int64(-1)),
                "The value for the 'position' key in the offset should be a non-negative value",
            ),
            (None, position(Value::Int64(1)), "Partition objects cannot be null"),
            (
                Some(map("file", Value::string("x"))),
                position(Value::Int64(1)),
                "Partition objects should contain the key 'filename'",
            ),
        ];
        for (partition, offset, expected) in cases {
            let result =
                FileStreamSourceConnector::default().alter_offsets(&props("f"), &vec![(partition, offset)]);
            let text = result.map(|handled| assert!(handled)).err().map(|error| error.to_string());
            assert_eq!(text.unwrap_or_default(), expected);
        }
    }

    #[test]
    fn standard_input_has_no_offsets_and_no_exactly_once() {
        let connector = FileStreamSourceConnector::default();
        for props in [Props::new(), props("")] {
            assert_eq!(connector.supports_exactly_once(&props), Some(false));
            let error = connector.alter_offsets(&props, &Vec::new()).expect_err("no offsets");
            assert!(
                error
                    .to_string()
                    .starts_with("Offsets cannot be modified if the 'file' configuration is unspecified.")
            );
        }
        assert_eq!(connector.supports_exactly_once(&props("f")), Some(true));
    }
}
