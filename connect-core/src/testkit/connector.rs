//! What the contracts of sinks and sources share: plug-in information, keys, validation, task configurations.

use std::collections::HashSet;

use crate::config::{ConfigDef, Props};
use crate::connector::Connector;
use crate::plugin::PluginInfo;
use crate::testkit::connector_context;

/// Settings that make a valid configuration invalid: every one of them must be reported at once.
pub type BadConfig<'a> = &'a [(&'a str, &'a str)];

/// Returns a configuration of the given pairs.
pub fn props(pairs: &[(&str, &str)]) -> Props {
    pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
}

/// Checks everything that needs no task, and starts and stops the connector. Returns the configuration of its
/// first task.
pub(crate) async fn connector_contract<C: Connector + ?Sized>(
    plugin: &PluginInfo,
    make: impl Fn() -> Box<C>,
    valid: &Props,
    bad: BadConfig<'_>,
) -> Props {
    let mut connector = make();
    check_plugin(plugin, connector.as_ref());
    check_config_def(&connector.config_def());
    check_validation(connector.as_ref(), valid, bad);
    let mut first = None;
    // A connector may be started again after it was stopped.
    for _ in 0..2 {
        let (context, _) = connector_context();
        connector.start(context, valid).await.expect("a valid configuration must start");
        for max_tasks in [1, 2, 5] {
            let configs =
                connector.task_configs(max_tasks).expect("a started connector must configure tasks");
            let count = configs.len();
            assert!(
                (1..=max_tasks).contains(&count),
                "{count} task configurations, at most {max_tasks} allowed"
            );
            first.get_or_insert_with(|| configs[0].clone());
        }
        connector.stop().await.expect("a started connector must stop");
    }
    first.expect("set above")
}

fn check_plugin<C: Connector + ?Sized>(plugin: &PluginInfo, connector: &C) {
    let class = plugin.class;
    let is_class = |name: &str| {
        name.contains('.')
            && name.split('.').all(|part| !part.is_empty() && !part.contains(char::is_whitespace))
    };
    assert!(is_class(class), "`{class}` is not a full class name");
    assert!(
        is_class(connector.task_class()),
        "task class `{}` is not a full class name",
        connector.task_class()
    );
    assert!(!plugin.version.is_empty(), "`{class}` has no version");
    assert_eq!(
        plugin.version,
        connector.version(),
        "`{class}` is registered with another version than it tells"
    );
}

/// Checks that keys are unique and documented, and that defaults are valid.
pub(crate) fn check_config_def(def: &ConfigDef) {
    let mut names = HashSet::new();
    for key in &def.keys {
        let name = &key.name;
        assert!(names.insert(name.clone()), "key `{name}` is defined twice");
        assert!(key.is_internal || !key.doc.trim().is_empty(), "key `{name}` has no documentation");
        assert!(!key.display_name.is_empty(), "key `{name}` has no display name");
        for dependent in &key.dependents {
            assert!(def.key(dependent).is_some(), "dependent `{dependent}` of key `{name}` is no key");
        }
        let errors = key.validate(&Props::new()).errors;
        assert!(key.is_required || errors.is_empty(), "default of key `{name}` is invalid: {errors:?}");
    }
}

fn check_validation<C: Connector + ?Sized>(connector: &C, valid: &Props, bad: BadConfig<'_>) {
    let errors_of = |props: &Props| {
        let report = connector.validate(props);
        let failed = report.values.into_iter().filter(|value| !value.errors.is_empty());
        failed.map(|value| (value.name, value.errors)).collect::<Vec<_>>()
    };
    assert_eq!(errors_of(valid), [], "the valid configuration has errors");
    let missing = errors_of(&Props::new());
    for key in connector.config_def().keys.iter().filter(|key| key.is_required) {
        assert!(
            missing.iter().any(|(name, _)| *name == key.name),
            "missing key `{}` is not reported",
            key.name
        );
    }
    let mut invalid = valid.clone();
    invalid.extend(props(bad));
    let reported = errors_of(&invalid);
    for (key, value) in bad {
        let errors = reported.iter().find(|(name, _)| name == key).map(|(_, errors)| errors.join("\n"));
        assert!(errors.is_some(), "value `{value}` of key `{key}` is not reported; reported: {reported:?}");
    }
}
