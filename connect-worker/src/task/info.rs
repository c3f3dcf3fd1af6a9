//! Who a task is, for the text attributes of its metrics.

use connect_core::config::Props;
use connect_core::plugin::{Factory, PluginKind, Registry};

use crate::config::WorkerConfig;
use crate::obs::metrics::{PluginInfo, TaskInfo};
use crate::task::handle::{TaskKind, TaskSpec};

/// Returns the plug-ins of a task as its configuration names them; unknown ones stay empty.
pub(crate) fn task_info(spec: &TaskSpec, worker: &WorkerConfig) -> TaskInfo {
    let (props, registry) = (&spec.connector_props, &spec.registry);
    let connectors = [PluginKind::Sink, PluginKind::Source];
    let connector = named(registry, &connectors, text(props, "connector.class"));
    let task = PluginInfo { class: task_class(spec).to_owned(), version: connector.version.clone() };
    let converter = |kind, key: &str, default: &str| {
        let class = text(props, key);
        named(registry, &[kind], if class.is_empty() { default } else { class })
    };
    TaskInfo {
        connector,
        connector_type: if spec.kind == TaskKind::Sink { "sink" } else { "source" }.to_owned(),
        task,
        key_converter: converter(PluginKind::Converter, "key.converter", &worker.key_converter.0),
        value_converter: converter(PluginKind::Converter, "value.converter", &worker.value_converter.0),
        header_converter: converter(
            PluginKind::HeaderConverter,
            "header.converter",
            &worker.header_converter.0,
        ),
        transforms: aliased(registry, PluginKind::Transformation, props, "transforms"),
        predicates: aliased(registry, PluginKind::Predicate, props, "predicates"),
    }
}

/// Returns the JVM name of the task's class; empty when the connector is unknown.
pub(crate) fn task_class(spec: &TaskSpec) -> &'static str {
    match spec
        .registry
        .connector(text(&spec.connector_props, "connector.class"))
        .map(|plugin| &plugin.factory)
    {
        Ok(Factory::Sink(make)) => make().task_class(),
        Ok(Factory::Source(make)) => make().task_class(),
        _ => "",
    }
}

fn aliased(registry: &Registry, kind: PluginKind, props: &Props, key: &str) -> Vec<(String, PluginInfo)> {
    let aliases = text(props, key).split(',').map(str::trim).filter(|alias| !alias.is_empty());
    aliases
        .map(|alias| {
            (alias.to_owned(), named(registry, &[kind], text(props, &format!("{key}.{alias}.type"))))
        })
        .collect()
}

fn named(registry: &Registry, kinds: &[PluginKind], class: &str) -> PluginInfo {
    match registry.find(kinds, class) {
        Ok(plugin) => PluginInfo { class: plugin.class.to_owned(), version: plugin.version.to_owned() },
        Err(_) => PluginInfo::default(),
    }
}

fn text<'a>(props: &'a Props, key: &str) -> &'a str {
    props.get(key).map_or("", |value| value.trim())
}
