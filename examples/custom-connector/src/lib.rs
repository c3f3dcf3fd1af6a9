//! A sink that counts records by the value of one field, exactly once.
//!
//! For each partition it keeps a small JSON file with the counts and the next offset, replaced as a whole. When the
//! partition is opened again, here or elsewhere, the task reads the file and asks for the records after it: whatever
//! Kafka's own committed offset says, no record is counted twice and none is left out.

mod connector;
mod tally;
mod task;

use connect_core::plugin::{Factory, PluginInfo};

pub use connector::TallySinkConnector;

/// Returns the plug-ins of this crate.
pub fn plugins() -> Vec<PluginInfo> {
    vec![PluginInfo {
        class: "com.example.connect.TallySinkConnector",
        version: connector::VERSION,
        factory: Factory::Sink(|| Box::new(TallySinkConnector::default())),
    }]
}
