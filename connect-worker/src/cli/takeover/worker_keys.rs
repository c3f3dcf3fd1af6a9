//! What becomes of the keys of a worker file. Pure.

use crate::cli::takeover::report::WorkerReport;
use crate::config::WorkerConfig;

/// Judges a worker file that could be parsed.
pub(super) fn check(worker: &WorkerConfig) -> WorkerReport {
    let mut report = WorkerReport { unknown_keys: worker.warnings().to_vec(), ..WorkerReport::default() };
    if !worker.rest_extension_classes.is_empty() {
        let classes = worker.rest_extension_classes.join(", ");
        report.problems.push(format!(
            "`rest.extension.classes` names `{classes}`: extensions are JVM classes and are not loaded; what they \
             guard would be open"
        ));
    }
    let said = |key: &str| worker.originals().get(key).is_some_and(|value| !value.trim().is_empty());
    if said("plugin.path") {
        report
            .differences
            .push("`plugin.path` is not read: plug-ins are built in (`sluice plugins --all`)".to_owned());
    }
    if said("metric.reporters") {
        report
            .differences
            .push("`metric.reporters` are not loaded: `GET /metrics` serves Prometheus".to_owned());
    }
    report
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::WorkerMode;
    use crate::plugins::test_plugins::registry;

    #[test]
    fn extensions_are_a_problem_and_paths_a_difference() {
        let pairs = [
            ("bootstrap.servers", "b:1"),
            ("key.converter", "String"),
            ("value.converter", "String"),
            ("group.id", "g"),
            ("config.storage.topic", "c"),
            ("offset.storage.topic", "o"),
            ("status.storage.topic", "s"),
            ("plugin.path", "/plugins"),
            ("rest.extension.classes", "x.BasicAuth"),
            ("offset.flush.intervall.ms", "1"),
        ];
        let props = pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
        let worker = WorkerConfig::parse(&props, WorkerMode::Distributed, &registry()).expect("valid");
        let report = check(&worker);
        assert_eq!((report.problems.len(), report.differences.len()), (1, 1), "{report:?}");
        assert!(
            report.unknown_keys.iter().any(|text| text.contains("offset.flush.interval.ms")),
            "{report:?}"
        );
    }
}
