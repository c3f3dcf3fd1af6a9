//! Confluent's `TombstoneHandler`: what becomes of records without a value.

use connect_core::config;
use connect_core::config::{ConfigDef, Props, Validator};
use connect_core::error::ConnectError;
use connect_core::record::ConnectRecord;
use connect_core::transform::{Outcome, Position, Transform};

use crate::settings::first_issue;

config! {
    /// Settings.
    struct Settings {
        /// `drop_silent` drops tombstones, `drop_warn` logs each as well, `ignore` lets them pass, `fail` fails.
        behavior: String = "behavior", Medium, default "drop_silent",
            valid Validator::OneOfIgnoringCase(&["drop_silent", "drop_warn", "ignore", "fail"]);
    }
}

/// `io.confluent.connect.transforms.TombstoneHandler`.
#[derive(Default)]
pub(crate) struct TombstoneHandler {
    behavior: String,
}

impl Transform for TombstoneHandler {
    fn configure(&mut self, props: &Props) -> Result<(), ConnectError> {
        self.behavior = Settings::parse(props).map_err(first_issue)?.behavior.to_ascii_lowercase();
        Ok(())
    }

    fn config_def(&self) -> ConfigDef {
        Settings::config_def()
    }

    fn apply(&self, record: &mut ConnectRecord, position: Position) -> Result<Outcome, ConnectError> {
        if !record.value.is_null() || self.behavior == "ignore" {
            return Ok(Outcome::Keep);
        }
        if self.behavior == "fail" {
            return Err(ConnectError::data(
                "Tombstone record encountered, failing due to configured 'fail' behavior",
            ));
        }
        if self.behavior == "drop_warn" {
            let (topic, partition, offset) = (&record.topic, record.partition, position.kafka_offset);
            tracing::warn!(%topic, partition, offset, "dropping a tombstone");
        }
        Ok(Outcome::Drop)
    }
}
