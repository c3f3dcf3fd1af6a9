//! Task configurations as the herder stores them.

use connect_core::config::Props;
use connect_core::plugin::{Factory, PluginInfo};

/// Completes the task configurations a connector made, as `Worker.connectorTaskConfigs` does: each gets the JVM
/// name of its task class, and those of a sink its topics.
pub fn task_props(plugin: &PluginInfo, connector_props: &Props, made: Vec<Props>) -> Vec<Props> {
    let (class, is_sink) = match &plugin.factory {
        Factory::Sink(new) => (new().task_class(), true),
        Factory::Source(new) => (new().task_class(), false),
        _ => return made,
    };
    let complete = |mut task: Props| {
        task.insert("task.class".to_owned(), class.to_owned());
        if is_sink {
            for key in ["topics", "topics.regex"] {
                if let Some(value) = connector_props.get(key) {
                    task.insert(key.to_owned(), value.clone());
                }
            }
        }
        task
    };
    made.into_iter().map(complete).collect()
}
