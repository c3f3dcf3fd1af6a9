//! Whether a connector would run here, and what its configuration says to nobody.

use connect_core::config::{Props, Secret};
use connect_core::plugin::{PluginInfo, PluginKind, Registry};

use crate::cli::hints::nearest_class;
use crate::cli::takeover::cluster::Configured;
use crate::cli::takeover::differences;
use crate::cli::takeover::report::{ConnectorReport, KeyErrors, Verdict};
use crate::config::files::RawConfig;
use crate::config::transformer::{Transformed, has_reference};
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
    let class = connector.config.get("connector.class").cloned().unwrap_or_default();
    let resolved = worker.transformer().transform(&connector.config);
    let props = resolved.as_ref().map_or(&connector.config, |resolved| &resolved.props);
    let plugin = connector_plugin(registry, props.get("connector.class").map_or("", String::as_str)).ok();
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
    match &resolved {
        _ if class.is_empty() => report.refuse("the configuration has no `connector.class`".to_owned()),
        Ok(resolved) => {
            check_resolved(&mut report, registry, worker, plugin, connector, resolved);
            hide_secrets(&mut report, &resolved.secrets);
        }
        // Whatever else there is to say depends on what could not be read.
        Err(error) => report.refuse(format!(
            "resolving the `${{...}}` of the configuration: {}; look from a machine that has what a worker has",
            error.context()
        )),
    }
    if let Some(plugin) = plugin {
        report.differences.extend(differences::of_connector(plugin.class, props));
    }
    report
}

fn check_resolved(
    report: &mut ConnectorReport,
    registry: &Registry,
    worker: &WorkerConfig,
    plugin: Option<&PluginInfo>,
    connector: &Configured,
    resolved: &Transformed,
) {
    let raw: RawConfig =
        connector.config.iter().map(|(key, value)| (key.clone(), Some(value.clone()))).collect();
    match validate(registry, worker, &raw) {
        Ok(infos) => {
            let errors = infos.errors().map(|(key, errors)| KeyErrors {
                key: key.to_owned(),
                errors: errors.iter().map(|error| with_nearest_class(registry, error)).collect(),
            });
            report.errors = errors.collect();
            if let Some(plugin) = plugin {
                report.unknown_keys = unknown_keys(plugin.kind(), &raw, &infos);
                add_client_settings(report, worker, plugin, &resolved.props);
            }
        }
        Err(error) => {
            report.verdict = if plugin.is_none() { Verdict::UnknownClass } else { Verdict::Refused };
            report.reasons.push(refusal(registry, &report.class, plugin, &error.to_string()));
        }
    }
    if !report.errors.is_empty() {
        report.verdict = Verdict::Refused;
    }
    for (key, _) in resolved.props.iter().filter(|(_, value)| has_reference(value)) {
        report.reasons.push(format!(
            "`{key}` refers to what no config provider of the worker file finds here, and is then used as it stands"
        ));
    }
}

/// Kafka's texts repeat values, also those that config providers gave.
fn hide_secrets(report: &mut ConnectorReport, secrets: &[Secret]) {
    let errors = report.errors.iter_mut().flat_map(|error| &mut error.errors);
    for text in report.reasons.iter_mut().chain(errors).chain(&mut report.differences) {
        for secret in secrets.iter().map(Secret::expose).filter(|secret| !secret.is_empty()) {
            *text = text.replace(secret, "[hidden]");
        }
    }
}

/// Returns Kafka's text, and after that of a missing class the one that was probably meant.
fn with_nearest_class(registry: &Registry, error: &str) -> String {
    let class = error.strip_suffix(" could not be found.").and_then(|rest| rest.rsplit(' ').next());
    match class.and_then(|class| nearest_class(registry, class)) {
        Some(nearest) => format!("{error} The nearest is `{nearest}`."),
        None => error.to_owned(),
    }
}

/// An unknown class is told in few words: Kafka's text lists all plug-ins.
fn refusal(registry: &Registry, class: &str, plugin: Option<&PluginInfo>, error: &str) -> String {
    if plugin.is_some() {
        return error.to_owned();
    }
    match nearest_class(registry, class) {
        Some(nearest) => format!("class `{class}` is not built in; the nearest is `{nearest}`"),
        None => format!(
            "class `{class}` is not built in; leave the connector on JVM workers with a `group.id` and topics of their own"
        ),
    }
}

/// Adds what becomes of the settings of Kafka clients: those that are refused, and those that have no effect.
fn add_client_settings(
    report: &mut ConnectorReport,
    worker: &WorkerConfig,
    plugin: &PluginInfo,
    resolved: &Props,
) {
    let is_given = |key: &str| resolved.get(key).is_some_and(|value| !value.trim().is_empty());
    let mut clients = match plugin.kind() {
        PluginKind::Source => {
            vec![(ClientKind::SourceProducer, client_config::ClientKind::Producer, "producer")]
        }
        _ => vec![(ClientKind::SinkConsumer, client_config::ClientKind::Consumer, "consumer")],
    };
    if plugin.kind() == PluginKind::Sink && is_given("errors.deadletterqueue.topic.name") {
        let name = "producer of dead letters";
        clients.push((ClientKind::DlqProducer, client_config::ClientKind::Producer, name));
    }
    for (kind, native, prefix) in clients {
        let props = match client_props(kind, worker, &report.name, Some(0), resolved) {
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

    #[test]
    fn what_config_providers_give_is_not_shown() {
        let folder = tempfile::tempdir().expect("a temporary folder is made");
        let path = folder.path().join("s.properties");
        std::fs::write(&path, "pw=hunter2\n").expect("a file is written");
        let worker = worker(&[("config.providers", "file"), ("config.providers.file.class", FILES)]);
        let judged = |reference: &str| {
            let mut pairs = SINK.to_vec();
            pairs.extend([("tasks.max", reference), ("transforms", "")]);
            check(&registry(), &worker, "c", &connector(&pairs))
        };
        let report = judged(&format!("${{file:{}:pw}}", path.display()));
        assert_eq!(report.verdict, Verdict::Refused);
        assert_eq!(
            report.errors[0].errors[0],
            "Invalid value [hidden] for configuration tasks.max: Not a number of type INT"
        );
        let report = judged("${file:/missing/s.properties:pw}");
        assert_eq!((report.verdict, report.errors.len()), (Verdict::Refused, 0));
        assert!(report.reasons[0].contains("/missing/s.properties; look from a machine"), "{report:?}");
        let report = judged(&format!("${{file:{}:other}}", path.display()));
        assert!(report.reasons.iter().any(|text| text.starts_with("`tasks.max` refers to")), "{report:?}");
    }

    #[test]
    fn a_configuration_without_a_class_is_not_repeated() {
        let report = check(&registry(), &worker(&[]), "c", &connector(&[("password", "hunter2")]));
        assert_eq!(report.verdict, Verdict::Refused);
        assert_eq!(report.reasons, ["the configuration has no `connector.class`"]);
    }

    const FILES: &str = "org.apache.kafka.common.config.provider.FileConfigProvider";

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
