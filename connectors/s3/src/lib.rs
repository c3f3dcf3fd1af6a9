//! The Amazon S3 connectors.

use connect_core::plugin::PluginInfo;

/// Returns the plug-ins of this crate.
pub fn plugins() -> Vec<PluginInfo> {
    Vec::new()
}
