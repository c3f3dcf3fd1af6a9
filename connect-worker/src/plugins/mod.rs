//! What is known of plug-ins: their list, their keys, and whether a connector's configuration is valid.
//!
//! Answers are those of Kafka Connect 4.3.1 (`AbstractHerder.validateConnectorConfig`). Nothing here talks to a
//! broker. Called by `herder`, `rest` and `cli`.

mod builtin;
mod check;
mod client_keys;
mod converters;
mod enrich;
mod framework;
mod hints;
mod infos;
mod list;
mod overrides;
mod rules;
#[cfg(test)]
pub(crate) mod test_plugins;
mod validate;
mod version;

pub use builtin::builtin;
pub use hints::unknown_keys;
pub use infos::{ConfigInfo, ConfigInfos, ConfigKeyInfo, ConfigValueInfo};
pub use list::{PluginEntry, check_worker, connector_plugin, plugin_config, plugin_list};
pub use validate::{ValidateError, validate};
