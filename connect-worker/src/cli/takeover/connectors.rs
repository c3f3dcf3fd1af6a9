//! Whether a connector would run here, and what its configuration says to nobody.

use connect_core::config::Props;
use connect_core::plugin::{PluginInfo, PluginKind, Registry};

use crate::cli::hints::nearest_class;
use crate::cli::takeover::cluster::Configured;
use crate::cli::takeover::differences;
use crate::cli::takeover::report::{ConnectorReport, KeyErrors, Verdict};
use crate::config::files::RawConfig;
use crate::config::{ClientKind, WorkerConfig, client_props};
use crate::kafka::client_config::{self, to_librdkafka};
use crate::plugins::{connector_plugin, unknown_keys, validate};
use crate::stores::config::TargetState;

/// Judges one connector. Reads local files where the configuration refers to them.
pub(super) fn check(
    registry: &Registry,
    worker: &WorkerConfig,
    name: &str,
    connector: &Configured,
) -> ConnectorReport {
    let raw: RawConfig =
        connector.config.iter().map(|(key, value)| (key.clone(), Some(value.clone()))).collect();
    let class = connector.config.get("connector.class").cloned().unwrap_or_default();
    let plugin = connector_plugin(registry, &class).ok();
    let mut report = ConnectorReport {
        name: name.to_owned(),
        class: class.clone(),
        kind: plugin.map(|plugin| plugin.kind().name()),
        target: target_name(connector.target),
        tasks: connector.tasks,
        offsets: None,
        verdict: Verdict::Runs,
        reasons: Vec::new(),
        errors: Vec::new(),
        unknown_keys: Vec::new(),
        differences: Vec::new(),
    };
    if connector.tasks.is_none() {
        report.reasons.push(
            "configurations of tasks are missing in the config topic; the leader makes them anew, as the JVM's does"
                .to_owned(),
        );
    }
    match validate(registry, worker, &raw) {
        Ok(infos) => {
            let errors = infos.errors().map(|(key, errors)| KeyErrors::new(key, errors));
            report.errors = errors.collect();
            if let Some(plugin) = plugin {
                report.unknown_keys = unknown_keys(plugin.kind(), &raw, &infos);
                add_client_settings(&mut report, worker, plugin, connector);
            }
        }
        Err(error) => {
            report.verdict = if plugin.is_none() { Verdict::UnknownClass } else { Verdict::Refused };
            report.reasons.push(refusal(registry, &class, plugin, &error.to_string()));
        }
    }
    if !report.errors.is_empty() {
        report.verdict = Verdict::Refused;
    }
    if let Some(plugin) = plugin {
        report.differences.extend(differences::of_connector(plugin.class, &connector.config));
    }
    report
}

/// An unknown class is told in few words: Kafka's text lists all plug-ins.
fn refusal(registry: &Registry, class: &str, plugin: Option<&PluginInfo>, error: &str) -> String {
    if plugin.is_some() || class.is_empty() {
        return error.to_owned();
    }
    match nearest_class(registry, class).filter(|nearest| nearest != class) {
        Some(nearest) => format!("class `{class}` is not built in; the nearest is `{nearest}`"),
        None => format!("class `{class}` is not built in"),
    }
}

/// Adds what becomes of the settings of Kafka clients: those that are refused, and those that have no effect.
fn add_client_settings(
    report: &mut ConnectorReport,
    worker: &WorkerConfig,
    plugin: &PluginInfo,
    connector: &Configured,
) {
    let clients = match plugin.kind() {
        PluginKind::Source => [(ClientKind::SourceProducer, client_config::ClientKind::Producer, "producer")],
        _ => [(ClientKind::SinkConsumer, client_config::ClientKind::Consumer, "consumer")],
    };
    // Configurations that cannot be resolved have an error already.
    let Ok(resolved) = worker.transformer().transform(&connector.config) else { return };
    for (kind, native, prefix) in clients {
        let props = match client_props(kind, worker, &report.name, Some(0), &resolved.props) {
            Ok(props) => props,
            Err(error) => {
                report.reasons.push(error.to_string());
                report.verdict = Verdict::Refused;
                continue;
            }
        };
        if let Err(error) = to_librdkafka(native, &props) {
            report.reasons.push(format!("settings of the {prefix}: {error}"));
            report.verdict = Verdict::Refused;
        }
        let unused = client_config::unused(native, &props);
        report.differences.extend(unused.into_iter().map(|key| {
            format!("setting `{key}` of the {prefix} has no counterpart in librdkafka and is not used (`consumer-clients`)")
        }));
    }
}

/// Returns the class of a source, for those who want to read its offsets.
pub(super) fn is_source(registry: &Registry, config: &Props) -> bool {
    let class = config.get("connector.class").map_or("", String::as_str);
    connector_plugin(registry, class).is_ok_and(|plugin| plugin.kind() == PluginKind::Source)
}

fn target_name(target: TargetState) -> &'static str {
    match target {
        TargetState::Started => "STARTED",
        TargetState::Paused => "PAUSED",
        TargetState::Stopped => "STOPPED",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::WorkerMode;
    use crate::plugins::test_plugins::registry;

    fn worker(pairs: &[(&str, &str)]) -> WorkerConfig {
        let own = [
            ("bootstrap.servers", "b:1"),
            ("key.converter", "String"),
            ("value.converter", "String"),
            ("group.id", "g"),
            ("config.storage.topic", "c"),
            ("offset.storage.topic", "o"),
            ("status.storage.topic", "s"),
        ];
        let props = own.iter().chain(pairs).map(|(key, value)| ((*key).to_owned(), (*value).to_owned()));
        WorkerConfig::parse(&props.collect(), WorkerMode::Distributed, &registry()).expect("valid")
    }

    fn connector(pairs: &[(&str, &str)]) -> Configured {
        let config = pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
        Configured { config, target: TargetState::Started, tasks: Some(1) }
    }

    const SINK: [(&str, &str); 4] =
        [("name", "c"), ("connector.class", "FileStreamSink"), ("topics", "t"), ("file", "f")];

    #[test]
    fn a_connector_that_is_built_in_and_in_order_runs() {
        let report = check(&registry(), &worker(&[]), "c", &connector(&SINK));
        assert_eq!(
            (report.verdict, report.kind, &*report.errors),
            (Verdict::Runs, Some("sink"), &[] as &[_])
        );
        assert!(report.differences.iter().any(|text| text.contains("`file-sink`")), "{report:?}");
    }

    #[test]
    fn an_unknown_class_is_named_with_the_nearest_one() {
        let report =
            check(&registry(), &worker(&[]), "c", &connector(&[("connector.class", "FileStreamSnk")]));
        assert_eq!(report.verdict, Verdict::UnknownClass);
        assert_eq!(
            report.reasons,
            ["class `FileStreamSnk` is not built in; the nearest is `FileStreamSink`"]
        );
    }

    #[test]
    fn unknown_and_wrong_keys_are_told_apart() {
        let mut pairs = SINK.to_vec();
        pairs.extend([("tasks.max", "none"), ("batch.sise", "1"), ("consumer.override.zzz", "1")]);
        let report = check(&registry(), &worker(&[]), "c", &connector(&pairs));
        assert_eq!(report.verdict, Verdict::Refused);
        assert_eq!(report.errors.iter().map(|error| error.key.as_str()).collect::<Vec<_>>(), ["tasks.max"]);
        assert_eq!(report.unknown_keys.len(), 1, "{:?}", report.unknown_keys);
        assert!(report.differences.iter().any(|text| text.contains("`zzz`")), "{:?}", report.differences);
    }

    #[test]
    fn client_settings_that_cannot_be_honoured_refuse_the_connector() {
        let worker = worker(&[("consumer.partition.assignment.strategy", "x.StickyAssignor")]);
        let report = check(&registry(), &worker, "c", &connector(&SINK));
        assert_eq!(report.verdict, Verdict::Refused);
        assert!(report.reasons[0].contains("`StickyAssignor`"), "{:?}", report.reasons);
    }
}
