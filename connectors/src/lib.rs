//! The facade that names every built-in plug-in: the one place where a new connector crate is registered.

use connect_core::plugin::{PluginInfo, Registry};

/// Returns the registry of all plug-ins that live in crates of their own.
pub fn registry() -> Registry {
    Registry::new(plugins())
}

/// Returns all plug-ins that live in crates of their own.
pub fn plugins() -> Vec<PluginInfo> {
    let crates = [
        connector_converters::plugins(),
        connector_datagen::plugins(),
        connector_elasticsearch::plugins(),
        connector_file::plugins(),
        connector_firehose::plugins(),
        connector_log_transforms::plugins(),
        connector_s3::plugins(),
        connector_schema_registry::plugins(),
        connector_transforms::plugins(),
    ];
    crates.into_iter().flatten().collect()
}
