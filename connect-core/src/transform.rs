//! Transforms and predicates: changes to single records between converter and connector.

use crate::config::{ConfigDef, Props};
use crate::error::ConnectError;
use crate::record::ConnectRecord;

/// What a transform decided about a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// The record goes on.
    Keep,
    /// The record is dropped.
    Drop,
}

/// Coordinates that transforms may read but not change.
#[derive(Debug, Clone, Copy)]
pub struct Position {
    /// Offset in Kafka; `None` for records of a source.
    pub kafka_offset: Option<i64>,
}

/// A single-message transform.
pub trait Transform: Send + Sync {
    /// Applies the settings, prefix removed. Called once.
    ///
    /// # Errors
    /// Fails (fatal) when a setting is invalid.
    fn configure(&mut self, props: &Props) -> Result<(), ConnectError>;

    /// Returns the transform's own keys.
    fn config_def(&self) -> ConfigDef;

    /// Returns whether the transform changes the fields of maps that are still text without decoding them (see
    /// [`Datum::text_map_mut`](crate::data::Datum::text_map_mut)); `false` by default.
    fn keeps_maps_as_text(&self) -> bool {
        false
    }

    /// Changes a record in place, or drops it.
    ///
    /// # Errors
    /// Fails with a data error when the record does not fit; the record may then be half changed.
    fn apply(&self, record: &mut ConnectRecord, position: Position) -> Result<Outcome, ConnectError>;
}

/// A condition on records.
pub trait Predicate: Send + Sync {
    /// Applies the settings, prefix removed. Called once.
    ///
    /// # Errors
    /// Fails (fatal) when a setting is invalid.
    fn configure(&mut self, props: &Props) -> Result<(), ConnectError>;

    /// Returns the predicate's own keys.
    fn config_def(&self) -> ConfigDef;

    /// Tests a record.
    ///
    /// # Errors
    /// Fails with a data error; the worker treats it as an error of the transform stage.
    fn test(&self, record: &ConnectRecord) -> Result<bool, ConnectError>;
}
