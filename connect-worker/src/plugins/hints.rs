//! Keys of a connector's configuration that nothing reads. The JVM is silent about them.

use connect_core::plugin::PluginKind;

use crate::config::files::RawConfig;
use crate::config::unknown_key_hint;
use crate::plugins::infos::ConfigInfos;

/// Returns one sentence for each key of `props` that neither the framework, the connector nor its plug-ins know.
/// `infos` is the outcome of validating the same configuration for a connector of `kind`.
pub fn unknown_keys(kind: PluginKind, props: &RawConfig, infos: &ConfigInfos) -> Vec<String> {
    let known: Vec<&str> = infos
        .configs
        .iter()
        .filter_map(|config| config.definition.as_ref().map(|definition| definition.name.as_str()))
        .collect();
    props
        .keys()
        .filter(|key| !known.contains(&key.as_str()))
        .filter_map(|key| sentence(kind, props, key, &known))
        .collect()
}

fn sentence(kind: PluginKind, props: &RawConfig, key: &str, known: &[&str]) -> Option<String> {
    let client = ["producer.override.", "consumer.override.", "admin.override."];
    if client.iter().any(|prefix| key.starts_with(prefix)) {
        return None;
    }
    if kind == PluginKind::Source && key.starts_with("topic.creation.") {
        return None;
    }
    for converter in ["key.converter", "value.converter", "header.converter"] {
        if key.strip_prefix(converter).is_some_and(|rest| rest.starts_with('.'))
            && !props.contains_key(converter)
        {
            return Some(format!(
                "`{key}` is ignored: the worker's converter is used, with the worker's settings, \
                 unless `{converter}` is set too"
            ));
        }
    }
    for list in ["transforms", "predicates"] {
        let alias = key
            .strip_prefix(list)
            .and_then(|rest| rest.strip_prefix('.'))
            .and_then(|rest| rest.split('.').next());
        if let Some(alias) =
            alias.filter(|alias| !crate::plugins::enrich::aliases(props, list).iter().any(|it| it == alias))
        {
            return Some(format!("`{key}` is ignored: `{alias}` is not listed in `{list}`"));
        }
    }
    let hint = unknown_key_hint(key, known.iter().copied());
    Some(
        hint.unwrap_or_else(|| format!("`{key}` is unknown: the connector gets it, but does not declare it")),
    )
}
