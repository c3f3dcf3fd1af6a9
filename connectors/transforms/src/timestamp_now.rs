//! `TimestampNow`: the time of processing as the record's timestamp.

use std::time::{SystemTime, UNIX_EPOCH};

use connect_core::config::{ConfigDef, Props};
use connect_core::error::ConnectError;
use connect_core::record::ConnectRecord;
use connect_core::transform::{Outcome, Position, Transform};

/// `com.github.jcustenborder.kafka.connect.transform.common.TimestampNow`.
#[derive(Default)]
pub(crate) struct TimestampNow;

impl Transform for TimestampNow {
    fn configure(&mut self, _props: &Props) -> Result<(), ConnectError> {
        Ok(())
    }

    fn config_def(&self) -> ConfigDef {
        ConfigDef::new(Vec::new())
    }

    fn apply(&self, record: &mut ConnectRecord, _position: Position) -> Result<Outcome, ConnectError> {
        record.timestamp = Some(now_ms());
        Ok(Outcome::Keep)
    }
}

fn now_ms() -> i64 {
    let elapsed = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(elapsed.as_millis()).unwrap_or(i64::MAX)
}
