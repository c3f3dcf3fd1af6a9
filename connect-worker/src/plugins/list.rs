//! The list of plug-ins, and the keys of each.

use connect_core::config::ConfigDef;
use connect_core::error::ConnectError;
use connect_core::plugin::{Factory, LookupError, PluginInfo, PluginKind, Registry};
use serde::Serialize;

use crate::config::WorkerConfig;
use crate::plugins::check::find_any;
use crate::plugins::framework;
use crate::plugins::infos::ConfigKeyInfo;
use crate::plugins::validate::ValidateError;
use crate::plugins::version::Requirement;

/// A plug-in as `/connector-plugins` lists it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PluginEntry {
    /// Full class name.
    pub class: &'static str,
    /// Kind in lower case.
    #[serde(rename = "type")]
    pub kind: &'static str,
    /// Version.
    pub version: &'static str,
}

/// Returns the plug-ins by kind and class name; config providers are not listed.
pub fn plugin_list(registry: &Registry, connectors_only: bool) -> Vec<PluginEntry> {
    let is_listed = |plugin: &&PluginInfo| match plugin.kind() {
        PluginKind::Sink | PluginKind::Source => true,
        PluginKind::ConfigProvider => false,
        _ => !connectors_only,
    };
    let entry = |plugin: &PluginInfo| PluginEntry {
        class: plugin.class,
        kind: plugin.kind().name(),
        version: plugin.version,
    };
    registry.plugins().iter().filter(is_listed).map(entry).collect()
}

/// Returns the class names of one kind, sorted.
pub(super) fn classes(registry: &Registry, kind: PluginKind) -> Vec<String> {
    let of_kind = registry.plugins().iter().filter(|plugin| plugin.kind() == kind);
    of_kind.map(|plugin| plugin.class.to_owned()).collect()
}

/// Returns the keys of a plug-in, given by class or alias: of a connector its own first, then the framework's.
/// `version` is a requirement as KIP-891 has it.
///
/// # Errors
/// 404 for an unknown plug-in; 400 for a config provider, a version that is none, or one that is not there.
pub fn plugin_config(
    registry: &Registry,
    name: &str,
    version: Option<&str>,
) -> Result<Vec<ConfigKeyInfo>, ValidateError> {
    let requirement = version.map(Requirement::parse).transpose();
    let requirement = requirement.map_err(|_| {
        ValidateError::bad_request(format!("Invalid version specification: {}", version.unwrap_or_default()))
    })?;
    let plugin =
        find_any(registry, name).map_err(|_| ValidateError::not_found(format!("Unknown plugin {name}.")))?;
    if let Some(requirement) =
        requirement.flatten().filter(|requirement| !requirement.includes(plugin.version))
    {
        return Err(ValidateError::bad_request(version_text(plugin, &requirement)));
    }
    let infos = |def: ConfigDef| def.keys.iter().map(ConfigKeyInfo::from).collect::<Vec<_>>();
    let own = match &plugin.factory {
        Factory::Sink(new) => infos(new().config_def()),
        Factory::Source(new) => infos(new().config_def()),
        Factory::Converter(new) => return Ok(infos(new().config_def())),
        Factory::HeaderConverter(new) => return Ok(infos(new().config_def())),
        Factory::Transform(new) => return Ok(infos(new().config_def())),
        Factory::Predicate(new) => return Ok(infos(new().config_def())),
        Factory::ConfigProvider(_) => {
            return Err(ValidateError::bad_request(format!(
                "Invalid plugin class {name}. \
                 Valid types are sink, source, converter, header_converter, transformation, predicate."
            )));
        }
    };
    let framework = framework::definition(plugin, None);
    Ok(own.into_iter().chain(framework.iter().map(|entry| ConfigKeyInfo::from(&entry.key))).collect())
}

pub(super) fn version_text(plugin: &PluginInfo, requirement: &Requirement) -> String {
    format!(
        "Plugin {} not found that matches the version range {requirement}, available versions: [{}]",
        plugin.class, plugin.version
    )
}

/// Returns the connector with a class name or alias, with Kafka Connect's fallback: any connector whose simple
/// name is the text, or the text and `Connector`.
///
/// # Errors
/// 400 when there is none, with the list of connectors, or more than one.
pub fn connector_plugin<'a>(registry: &'a Registry, class: &str) -> Result<&'a PluginInfo, ValidateError> {
    registry.connector(class).map_err(|error| {
        ValidateError::bad_request(match error {
            LookupError::Unknown => format!(
                "Failed to find any class that implements Connector and which name matches {class}, \
                 available connectors are: {}",
                descriptions(registry, |_| true)
            ),
            LookupError::Ambiguous(classes) => format!(
                "More than one connector matches alias {class}. Please use full package and class name instead. \
                 Classes found: {}",
                descriptions(registry, |plugin| classes.contains(&plugin.class))
            ),
        })
    })
}

/// Prints connectors as `PluginDesc.toString` does.
fn descriptions(registry: &Registry, is_wanted: impl Fn(&PluginInfo) -> bool) -> String {
    let connectors = registry
        .plugins()
        .iter()
        .filter(|plugin| matches!(plugin.kind(), PluginKind::Sink | PluginKind::Source) && is_wanted(plugin));
    let text = |plugin: &PluginInfo| {
        let (class, version, kind) = (plugin.class, plugin.version, plugin.kind().name());
        format!(
            "PluginDesc{{klass=class {class}, name='{class}', version='{version}', encodedVersion={version}, \
             type={kind}, typeName='{kind}', location='classpath'}}"
        )
    };
    connectors.map(text).collect::<Vec<_>>().join(", ")
}

/// Checks what a worker's own configuration says of plug-ins: its converters must exist.
///
/// # Errors
/// Fails with a config error that names every converter at fault.
pub fn check_worker(registry: &Registry, worker: &WorkerConfig) -> Result<(), ConnectError> {
    let named = [
        ("key.converter", &worker.key_converter, PluginKind::Converter),
        ("value.converter", &worker.value_converter, PluginKind::Converter),
        ("header.converter", &worker.header_converter, PluginKind::HeaderConverter),
    ];
    let missing = named.into_iter().filter(|(_, class, kind)| registry.find(&[*kind], &class.0).is_err());
    let texts: Vec<String> = missing
        .map(|(key, class, _)| {
            format!("Invalid value {0} for configuration {key}: Class {0} could not be found.", class.0)
        })
        .collect();
    if texts.is_empty() { Ok(()) } else { Err(ConnectError::config(texts.join("\n"))) }
}
