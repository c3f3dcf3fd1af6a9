//! A source of made-up records.

use connect_core::plugin::PluginInfo;

/// Returns the plug-ins of this crate.
pub fn plugins() -> Vec<PluginInfo> {
    Vec::new()
}
