//! `TimestampRouter`: the record's time as part of its topic.

use std::time::{SystemTime, UNIX_EPOCH};

use connect_core::config;
use connect_core::config::{ConfigDef, Props};
use connect_core::error::ConnectError;
use connect_core::record::ConnectRecord;
use connect_core::transform::{Outcome, Position, Transform};

use crate::date_format::DateFormat;
use crate::settings::first_issue;

config! {
    /// Settings.
    struct Settings {
        /// New topic; `${topic}` stands for the old one, `${timestamp}` for the formatted time.
        topic_format: String = "topic.format", High, default "${topic}-${timestamp}";
        /// Format of the time, as Java's `SimpleDateFormat` takes it.
        timestamp_format: String = "timestamp.format", High, default "yyyyMMdd";
    }
}

/// `org.apache.kafka.connect.transforms.TimestampRouter`.
#[derive(Default)]
pub(crate) struct TimestampRouter {
    topic_format: String,
    timestamp_format: Option<DateFormat>,
}

impl Transform for TimestampRouter {
    fn configure(&mut self, props: &Props) -> Result<(), ConnectError> {
        let settings = Settings::parse(props).map_err(first_issue)?;
        let format = DateFormat::compile(&settings.timestamp_format, now_ms()).map_err(|error| {
            let pattern = &settings.timestamp_format;
            ConnectError::config(format!(
                "Invalid value {pattern} for configuration timestamp.format: {error}"
            ))
        })?;
        self.timestamp_format = Some(format);
        self.topic_format = settings.topic_format;
        Ok(())
    }

    fn config_def(&self) -> ConfigDef {
        Settings::config_def()
    }

    fn apply(&self, record: &mut ConnectRecord, _position: Position) -> Result<Outcome, ConnectError> {
        let Some(format) = &self.timestamp_format else { return Ok(Outcome::Keep) };
        let Some(timestamp) = record.timestamp else {
            let (topic, partition) = (&record.topic, record.partition);
            let partition = partition.map_or_else(|| "null".to_owned(), |number| number.to_string());
            return Err(ConnectError::data(format!(
                "Timestamp missing on record: ConnectRecord{{topic='{topic}', kafkaPartition={partition}}}"
            )));
        };
        let with_topic = self.topic_format.replace("${topic}", &record.topic);
        record.topic = with_topic.replace("${timestamp}", &format.print(timestamp)).into();
        Ok(Outcome::Keep)
    }
}

/// Returns the present time; it decides the century of years of two digits only.
pub(crate) fn now_ms() -> i64 {
    let elapsed = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(elapsed.as_millis()).unwrap_or(i64::MAX)
}
