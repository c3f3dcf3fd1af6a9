//! Names of plug-ins that were probably meant.

use connect_core::config::nearest_name;
use connect_core::plugin::Registry;

/// Returns the alias or class most like a name.
pub(super) fn nearest_class(registry: &Registry, name: &str) -> Option<String> {
    let mut names: Vec<&str> = Vec::new();
    for plugin in registry.plugins() {
        let simple = plugin.simple_name();
        names.push(plugin.class);
        names.push(simple);
        names.extend(simple.strip_suffix("Connector").filter(|short| !short.is_empty()));
    }
    nearest_name(name, names.into_iter()).map(str::to_owned)
}
