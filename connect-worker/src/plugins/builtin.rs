//! The plug-ins of this program.

use connect_core::plugin::{PluginInfo, Registry};

/// Returns the registry of every plug-in built into this program, and of `more` that others wrote.
pub fn builtin(more: Vec<PluginInfo>) -> Registry {
    let mut plugins = connectors::plugins();
    plugins.extend(more);
    plugins.extend(crate::config::providers::plugins());
    Registry::new(plugins)
}
