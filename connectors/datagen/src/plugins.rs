//! The plug-ins of this crate.

use connect_core::plugin::{Factory, PluginInfo};

use crate::DatagenConnector;
use crate::config::VERSION;

/// Returns the log generator.
pub fn plugins() -> Vec<PluginInfo> {
    vec![PluginInfo {
        class: "io.sluice.connect.datagen.DatagenConnector",
        version: VERSION,
        factory: Factory::Source(|| Box::new(DatagenConnector::default())),
    }]
}
