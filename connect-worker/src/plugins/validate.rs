//! Validation of a connector's configuration (`AbstractHerder.validateConnectorConfig`).

use std::collections::HashMap;

use connect_core::config::{ConfigDef, ConfigReport, ConfigValue, Props};
use connect_core::converter::ConverterRole;
use connect_core::data::java_map;
use connect_core::error::ConnectError;
use connect_core::plugin::{Factory, PluginInfo, PluginKind, Registry};

use crate::config::WorkerConfig;
use crate::config::files::RawConfig;
use crate::plugins::check::Entry;
use crate::plugins::infos::{ConfigInfo, ConfigInfos, ConfigKeyInfo, ConfigValueInfo};
use crate::plugins::list::{connector_plugin, version_text};
use crate::plugins::rules::{self, Values};
use crate::plugins::version::Requirement;
use crate::plugins::{converters, enrich, framework, overrides};

/// Why a configuration could not be validated at all.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct ValidateError {
    /// HTTP status when the error is answered as it is.
    pub status: u16,
    /// Exception class, which `…/config/validate` puts before the message of its 500.
    pub class: &'static str,
    /// What is wrong.
    pub message: String,
}

impl ValidateError {
    pub(super) fn bad_request(message: impl Into<String>) -> Self {
        let class = "org.apache.kafka.connect.runtime.rest.errors.BadRequestException";
        Self { status: 400, class, message: message.into() }
    }

    pub(super) fn not_found(message: impl Into<String>) -> Self {
        Self { status: 404, class: "jakarta.ws.rs.NotFoundException", message: message.into() }
    }

    pub(super) fn config(message: impl Into<String>) -> Self {
        Self { status: 500, class: "org.apache.kafka.common.config.ConfigException", message: message.into() }
    }

    /// Returns the text of the 500 that `PUT …/config/validate` answers: the JVM does not unwrap the cause there.
    pub fn wrapped(&self) -> String {
        format!("{}: {}", self.class, self.message)
    }
}

impl From<ConnectError> for ValidateError {
    fn from(error: ConnectError) -> Self {
        Self { status: 500, class: error.kind().class_name(), message: error.context().to_owned() }
    }
}

/// Validates a connector's configuration. A key with `None` was given as null. May read local files, through
/// config providers.
///
/// # Errors
/// Fails when there is nothing to validate against: no class, an unknown one, a version that does not exist; and
/// when an override of a client setting does not parse.
pub fn validate(
    registry: &Registry,
    worker: &WorkerConfig,
    props: &RawConfig,
) -> Result<ConfigInfos, ValidateError> {
    let given: Props =
        props.iter().filter_map(|(key, value)| value.clone().map(|value| (key.clone(), value))).collect();
    let given = worker.transformer().transform(&given)?.props;
    let resolved: RawConfig = props.keys().map(|key| (key.clone(), given.get(key).cloned())).collect();
    let class = given.get("connector.class").ok_or_else(|| {
        ValidateError::bad_request(format!(
            "Connector config {} contains no connector type",
            java_text(&resolved)
        ))
    })?;
    let plugin = connector_plugin(registry, class)?;
    check_version(plugin, &given)?;

    let context = framework::Context { registry, worker, props: &resolved };
    let mut entries = framework::definition(plugin, Some(&context));
    entries.extend(enrich::entries(registry, &resolved));
    let mut values: Vec<ConfigValue> = entries.iter().map(|entry| entry.check(registry, &resolved)).collect();
    apply_rules(worker, plugin, &resolved, &given, &mut Values(&mut values));

    let (own_def, own_report) = own_validation(plugin, &given);
    let is_class_valid = |role: ConverterRole| {
        let name = format!("{}.converter", role.name());
        values.iter().any(|value| value.name == name && value.errors.is_empty())
    };
    let roles = [ConverterRole::Header, ConverterRole::Key, ConverterRole::Value];
    let of_converters: Vec<ConfigInfos> = roles
        .into_iter()
        .filter_map(|role| converters::validate(registry, &given, role, is_class_valid(role)))
        .collect();
    let mut infos = merge(class, &entries, values, own_def, own_report);
    for block in overrides::validate(worker, plugin.kind(), &given)?.into_iter().chain(of_converters) {
        append(&mut infos, block);
    }
    Ok(infos)
}

fn check_version(plugin: &PluginInfo, props: &Props) -> Result<(), ValidateError> {
    let Some(text) = props.get("connector.plugin.version") else { return Ok(()) };
    let requirement = Requirement::parse(text).map_err(ValidateError::bad_request)?;
    match requirement {
        Some(requirement) if !requirement.includes(plugin.version) => {
            Err(ValidateError::bad_request(version_text(plugin, &requirement)))
        }
        _ => Ok(()),
    }
}

fn apply_rules(
    worker: &WorkerConfig,
    plugin: &PluginInfo,
    resolved: &RawConfig,
    given: &Props,
    values: &mut Values<'_>,
) {
    rules::transforms(&enrich::aliases(resolved, "transforms"), given, values);
    match plugin.kind() {
        PluginKind::Source => rules::source(worker, &plugin.factory, given, values),
        _ => rules::sink(worker, given, values),
    }
    for (name, _) in resolved.iter().filter(|(_, value)| value.is_none()) {
        values.add_error(name, None, "Null value can not be supplied as the configuration value.");
    }
}

fn own_validation(plugin: &PluginInfo, props: &Props) -> (ConfigDef, ConfigReport) {
    match &plugin.factory {
        Factory::Sink(new) => {
            let connector = new();
            (connector.config_def(), connector.validate(props))
        }
        Factory::Source(new) => {
            let connector = new();
            (connector.config_def(), connector.validate(props))
        }
        _ => (ConfigDef::default(), ConfigReport::default()),
    }
}

/// Joins the framework's keys with the connector's own (`AbstractHerder.generateResult`). A key of both keeps the
/// framework's place but takes the connector's definition and value.
fn merge(
    class: &str,
    entries: &[Entry],
    framework: Vec<ConfigValue>,
    own_def: ConfigDef,
    own_report: ConfigReport,
) -> ConfigInfos {
    let mut definitions: connect_core::IndexMap<String, ConfigKeyInfo> = connect_core::IndexMap::new();
    let own_keys = own_def.keys.iter().filter(|key| !key.is_internal);
    for key in entries.iter().map(|entry| &entry.key).chain(own_keys) {
        definitions.insert(key.name.to_string(), ConfigKeyInfo::from(key));
    }
    let mut groups = Vec::new();
    for group in
        entries.iter().map(|entry| &entry.key).chain(&own_def.keys).filter_map(|key| key.group.as_deref())
    {
        push_new(&mut groups, group.to_owned());
    }
    // The JVM collects the framework's values in a HashMap, and values without definition show its order.
    let order = java_map::iteration_order(framework.iter().map(|value| value.name.as_str()));
    let ordered = order.into_iter().filter_map(|index| framework.get(index).cloned());
    let mut configs = Vec::new();
    let mut error_count = 0;
    let mut by_name: HashMap<String, ConfigValueInfo> = HashMap::new();
    for value in ordered.chain(own_report.values).map(ConfigValueInfo::from) {
        if definitions.contains_key(&value.name) {
            by_name.insert(value.name.clone(), value);
            continue;
        }
        error_count += value.errors.len();
        configs.push(ConfigInfo { definition: None, value: Some(value) });
    }
    for (name, definition) in definitions {
        let value = by_name.remove(&name);
        error_count += value.as_ref().map_or(0, |value| value.errors.len());
        configs.push(ConfigInfo { definition: Some(definition), value });
    }
    ConfigInfos { name: class.to_owned(), error_count, groups, configs }
}

fn append(infos: &mut ConfigInfos, block: ConfigInfos) {
    infos.error_count += block.error_count;
    infos.configs.extend(block.configs);
    for group in block.groups {
        push_new(&mut infos.groups, group);
    }
}

fn push_new(groups: &mut Vec<String>, group: String) {
    if !groups.contains(&group) {
        groups.push(group);
    }
}

/// Prints a configuration as `java.util.HashMap.toString` does.
fn java_text(props: &RawConfig) -> String {
    let order = java_map::iteration_order(props.keys().map(String::as_str));
    let pair = |index: usize| {
        let (key, value) = props.get_index(index)?;
        Some(format!("{key}={}", value.as_deref().unwrap_or("null")))
    };
    format!("{{{}}}", order.into_iter().filter_map(pair).collect::<Vec<_>>().join(", "))
}

#[cfg(test)]
mod tests;
