//! The plug-ins of this program.

use connect_core::plugin::Registry;

/// Returns the registry of every plug-in built into this program.
pub fn builtin() -> Registry {
    let mut plugins = connectors::plugins();
    plugins.extend(crate::config::providers::plugins());
    Registry::new(plugins)
}
