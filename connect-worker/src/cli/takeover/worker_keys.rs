//! What becomes of the keys of a worker file. Reads the stores that listeners name.

use crate::cli::takeover::report::WorkerReport;
use crate::config::WorkerConfig;
use crate::rest::RestConfig;

/// Judges a worker file that could be parsed.
pub(super) fn check(worker: &WorkerConfig) -> WorkerReport {
    let mut report = WorkerReport { unknown_keys: worker.warnings().to_vec(), ..WorkerReport::default() };
    // What a worker reads of its REST server when it starts, REST extensions among it.
    report.problems.extend(RestConfig::from_props(worker.originals()).err());
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

    fn checked(more: &[(&str, &str)]) -> WorkerReport {
        let own = [
            ("bootstrap.servers", "b:1"),
            ("key.converter", "String"),
            ("value.converter", "String"),
            ("group.id", "g"),
            ("config.storage.topic", "c"),
            ("offset.storage.topic", "o"),
            ("status.storage.topic", "s"),
        ];
        let pairs = own.iter().chain(more);
        let props = pairs.map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
        check(&WorkerConfig::parse(&props, WorkerMode::Distributed, &registry()).expect("valid"))
    }

    #[test]
    fn extensions_are_a_problem_and_paths_a_difference() {
        let report = checked(&[
            ("plugin.path", "/plugins"),
            ("rest.extension.classes", "x.BasicAuth"),
            ("offset.flush.intervall.ms", "1"),
        ]);
        assert_eq!((report.problems.len(), report.differences.len()), (1, 1), "{report:?}");
        assert!(
            report.unknown_keys.iter().any(|text| text.contains("offset.flush.interval.ms")),
            "{report:?}"
        );
    }

    #[test]
    fn listeners_that_cannot_be_had_are_a_problem() {
        let told = |more: &[(&str, &str)]| checked(more).problems.join("\n");
        assert_eq!(told(&[("listeners", "http://:8083")]), "");
        assert!(told(&[("listeners", "htt://:8083")]).contains("configuration listeners"));
        let store = "listeners.https.ssl.keystore.location";
        assert!(told(&[("listeners", "https://:8443"), (store, "/missing.jks")]).contains("keystore"));
    }
}
