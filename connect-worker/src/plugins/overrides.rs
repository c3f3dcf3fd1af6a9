//! Client settings of a connector (`AbstractHerder.validateClientOverrides`): parsed by the client's own keys, then
//! judged by the worker's policy.

use connect_core::config::{Parsed, Props};
use connect_core::data::java_map;
use connect_core::plugin::PluginKind;

use crate::config::WorkerConfig;
use crate::config::worker::prefixed;
use crate::plugins::client_keys::{Client, client_key};
use crate::plugins::infos::{ConfigInfo, ConfigInfos, ConfigKeyInfo, ConfigValueInfo};
use crate::plugins::validate::ValidateError;

/// Returns the overrides of every client the connector uses, in the order producer, consumer, admin.
///
/// # Errors
/// Fails when a value is not of its key's type: the JVM answers with the bare exception.
pub(super) fn validate(
    worker: &WorkerConfig,
    kind: PluginKind,
    props: &Props,
) -> Result<Vec<ConfigInfos>, ValidateError> {
    used(worker, kind, props).into_iter().map(|client| of_client(worker, client, props)).collect()
}

fn used(worker: &WorkerConfig, kind: PluginKind, props: &Props) -> Vec<Client> {
    let is_set = |key: &str| props.get(key).is_some_and(|value| !value.trim().is_empty());
    let is_source = kind == PluginKind::Source;
    let has_dlq = !is_source && is_set("errors.deadletterqueue.topic.name");
    let creates_topics = is_source && props.keys().any(|key| key.starts_with("topic.creation."));
    // Standalone sources keep offsets in a file, whatever they say (StandaloneHerder).
    let reads_offsets = is_source
        && worker.distributed().is_some()
        && (is_set("offsets.storage.topic") || worker.is_exactly_once_source_enabled());
    let uses = [
        (Client::Producer, is_source || has_dlq),
        (Client::Consumer, !is_source || reads_offsets),
        (Client::Admin, has_dlq || creates_topics || reads_offsets),
    ];
    uses.into_iter().filter(|(_, is_used)| *is_used).map(|(client, _)| client).collect()
}

fn of_client(worker: &WorkerConfig, client: Client, props: &Props) -> Result<ConfigInfos, ValidateError> {
    let prefix = client.override_prefix();
    let overrides = prefixed(props, prefix);
    let mut infos =
        ConfigInfos { name: String::new(), error_count: 0, groups: Vec::new(), configs: Vec::new() };
    for index in java_map::iteration_order(overrides.keys().map(String::as_str)) {
        let Some((name, text)) = overrides.get_index(index) else { continue };
        let key = client_key(client, name);
        let parsed = match &key {
            Some(key) => Parsed::parse(name, key.ty, text).map_err(ValidateError::config)?,
            None => Parsed::Text(text.clone()),
        };
        let errors: Vec<String> = worker.override_policy().refusal(name).into_iter().collect();
        infos.error_count += usize::from(!errors.is_empty());
        let full_name = format!("{prefix}{name}");
        let definition =
            key.map(|key| ConfigKeyInfo { name: full_name.clone(), ..ConfigKeyInfo::from(&key) });
        let value = ConfigValueInfo {
            name: full_name,
            value: parsed.shown(),
            recommended_values: Vec::new(),
            errors,
            visible: true,
        };
        infos.configs.push(ConfigInfo { definition, value: Some(value) });
    }
    Ok(infos)
}
