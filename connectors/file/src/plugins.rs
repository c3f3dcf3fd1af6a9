//! The plug-ins of this crate.

use connect_core::plugin::{Factory, PluginInfo};

use crate::config::VERSION;
use crate::{FileStreamSinkConnector, FileStreamSourceConnector};

/// Returns the file sink and the file source.
pub fn plugins() -> Vec<PluginInfo> {
    vec![
        PluginInfo {
            class: "org.apache.kafka.connect.file.FileStreamSinkConnector",
            version: VERSION,
            factory: Factory::Sink(|| Box::new(FileStreamSinkConnector::default())),
        },
        PluginInfo {
            class: "org.apache.kafka.connect.file.FileStreamSourceConnector",
            version: VERSION,
            factory: Factory::Source(|| Box::new(FileStreamSourceConnector::default())),
        },
    ]
}
