//! The keys of converters that a connector sets itself (`AbstractHerder.validateConverterConfig`).

use connect_core::config::{ConfigDef, Props};
use connect_core::converter::ConverterRole;
use connect_core::data::java_map;
use connect_core::plugin::{Factory, Registry};

use crate::plugins::framework::converter_kind;
use crate::plugins::infos::{ConfigInfo, ConfigInfos, ConfigKeyInfo, ConfigValueInfo};

/// Returns the settings of the connector's own converter of a role; `None` if it uses the worker's.
/// `is_class_valid` says whether the framework found the class in order.
pub(super) fn validate(
    registry: &Registry,
    props: &Props,
    role: ConverterRole,
    is_class_valid: bool,
) -> Option<ConfigInfos> {
    let name = format!("{}.converter", role.name());
    let class = props.get(&name).filter(|_| is_class_valid)?;
    let plugin = registry.find(&[converter_kind(role)], class.trim()).ok()?;
    let def = match &plugin.factory {
        Factory::Converter(new) => new().config_def(),
        Factory::HeaderConverter(new) => new().config_def(),
        _ => return None,
    };
    let prefix = format!("{name}.");
    let mut settings = crate::config::worker::prefixed(props, &prefix);
    settings.entry("converter.type".to_owned()).or_insert_with(|| role.name().to_owned());
    Some(infos(&def, &settings, &prefix))
}

fn infos(def: &ConfigDef, settings: &Props, prefix: &str) -> ConfigInfos {
    let values = def.validate(settings).values;
    // The JVM validates into a HashMap and shows its order.
    let order = java_map::iteration_order(def.keys.iter().map(|key| key.name.as_ref()));
    let mut infos =
        ConfigInfos { name: String::new(), error_count: 0, groups: Vec::new(), configs: Vec::new() };
    for index in order {
        let (Some(key), Some(value)) = (def.keys.get(index), values.get(index)) else { continue };
        infos.groups.extend(key.group.as_deref().map(str::to_owned));
        infos.error_count += usize::from(!value.errors.is_empty());
        let definition = ConfigKeyInfo { name: format!("{prefix}{}", key.name), ..ConfigKeyInfo::from(key) };
        let value = ConfigValueInfo {
            name: format!("{prefix}{}", value.name),
            visible: true,
            ..ConfigValueInfo::from(value.clone())
        };
        infos.configs.push(ConfigInfo { definition: Some(definition), value: Some(value) });
    }
    infos
}
