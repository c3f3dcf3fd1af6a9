//! Config providers: where `${provider:path:key}` gets its values from.

use std::time::Duration;

use crate::config::{Props, Secret};
use crate::error::ConnectError;

/// Values found under a path, and how long they stay valid.
#[derive(Debug, Default)]
pub struct ConfigData {
    /// Values by key.
    pub values: Vec<(String, Secret)>,
    /// Time after which the values must be read again; `None` is for ever.
    pub ttl: Option<Duration>,
}

/// A source of configuration values. Calls may block briefly on local files; slower ones belong off the herder.
pub trait ConfigProvider: Send + Sync {
    /// Applies the `param.` settings, prefix removed. Called once.
    ///
    /// # Errors
    /// Fails (fatal) when a setting is invalid.
    fn configure(&mut self, props: &Props) -> Result<(), ConnectError>;

    /// Returns the values of the given keys under a path; unknown keys are left out.
    ///
    /// # Errors
    /// Fails with a config error when the path cannot be read.
    fn get(&self, path: &str, keys: &[&str]) -> Result<ConfigData, ConnectError>;
}
