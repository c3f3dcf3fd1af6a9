//! The keys that the transforms and predicates of a configuration add to it (`ConnectorConfig.enrich`).

use std::cmp::Ordering;

use connect_core::config::{ConfigDef, ConfigKey, ConfigType, Importance, Validator, Width};
use connect_core::plugin::{Factory, PluginInfo, PluginKind, Registry};

use crate::config::files::RawConfig;
use crate::plugins::check::Entry;
use crate::plugins::list::classes;
use crate::plugins::version;

/// Words of the two kinds of plug-ins that are named by alias.
struct Words {
    kind: PluginKind,
    list: &'static str,
    group: &'static str,
    singular: &'static str,
}

const TRANSFORMS: Words = Words {
    kind: PluginKind::Transformation,
    list: "transforms",
    group: "Transforms",
    singular: "Transformation",
};
const PREDICATES: Words =
    Words { kind: PluginKind::Predicate, list: "predicates", group: "Predicates", singular: "Predicate" };

/// Returns the keys of the transforms and predicates that a configuration lists.
pub(super) fn entries(registry: &Registry, props: &RawConfig) -> Vec<Entry> {
    let mut entries = Vec::new();
    for words in [TRANSFORMS, PREDICATES] {
        for alias in aliases(props, words.list) {
            entries.extend(of_alias(registry, props, &words, &alias));
        }
    }
    entries
}

/// Returns the distinct aliases of a list, in order.
pub(super) fn aliases(props: &RawConfig, list: &str) -> Vec<String> {
    let text = props.get(list).and_then(Option::as_deref).unwrap_or_default().trim();
    let mut aliases: Vec<String> = Vec::new();
    if text.is_empty() {
        return aliases;
    }
    for alias in text.split(',').map(str::trim) {
        if !aliases.iter().any(|known| known == alias) {
            aliases.push(alias.to_owned());
        }
    }
    aliases
}

fn of_alias(registry: &Registry, props: &RawConfig, words: &Words, alias: &str) -> Vec<Entry> {
    let prefix = format!("{}.{alias}.", words.list);
    let group = format!("{}: {alias}", words.group);
    let singular = words.singular;
    let type_name = format!("{prefix}type");
    let class = props.get(&type_name).and_then(Option::as_deref);
    let plugin = class.and_then(|class| registry.find(&[words.kind], class.trim()).ok());
    let lower = singular.to_lowercase();
    let high = |name: String, ty: ConfigType, doc: String, order: i32, display: String| {
        let key = ConfigKey::new(name, ty, Importance::High, doc);
        key.group(group.clone()).order(order).width(Width::Long).display(display)
    };
    let type_key = high(
        type_name,
        ConfigType::Class,
        format!("Class of the {lower} `{alias}`."),
        0,
        format!("{singular} type for {alias}"),
    )
    .recommended(classes(registry, words.kind));
    let version_key = high(
        format!("{prefix}plugin.version"),
        ConfigType::String,
        format!("Version of the {lower} `{alias}`. Only the built-in version exists."),
        1,
        format!("{singular} version for {alias}"),
    )
    .valid(Validator::Custom(version::validate));
    let version_key = match plugin {
        Some(plugin) => version_key.default_text(plugin.version).recommended(vec![plugin.version.to_owned()]),
        None => version_key.default(None),
    };
    let mut entries = vec![Entry::from(type_key).naming(words.kind), version_key.into()];
    if let Some(plugin) = plugin {
        entries.extend(embedded(own_keys(plugin), &prefix, &group, 2));
    }
    entries
}

/// Returns the keys of a transform or predicate. A transform also has `predicate` and `negate`, which hide keys
/// of its own with these names.
fn own_keys(plugin: &PluginInfo) -> ConfigDef {
    let Factory::Transform(new) = &plugin.factory else {
        return match &plugin.factory {
            Factory::Predicate(new) => new().config_def(),
            _ => ConfigDef::default(),
        };
    };
    let implicit = |name: &'static str, ty: ConfigType, doc: &'static str| {
        ConfigKey::new(name, ty, Importance::Medium, doc)
    };
    let mut keys = new().config_def().keys;
    keys.retain(|key| key.name != "predicate" && key.name != "negate");
    keys.push(
        implicit(
            "predicate",
            ConfigType::String,
            "Name of the predicate that decides whether the transform applies.",
        )
        .default(None),
    );
    keys.push(
        implicit(
            "negate",
            ConfigType::Boolean,
            "Whether the transform applies where the predicate is false.",
        )
        .default("false"),
    );
    ConfigDef::new(keys)
}

/// Puts a definition under a prefix and into a group, in the order of `ConfigDef.sortedConfigs`.
fn embedded(def: ConfigDef, prefix: &str, group: &str, first_order: i32) -> Vec<Entry> {
    let mut groups: Vec<String> = Vec::new();
    for name in def.keys.iter().filter_map(|key| key.group.as_deref()) {
        if !groups.iter().any(|known| known == name) {
            groups.push(name.to_owned());
        }
    }
    let mut keys = def.keys;
    keys.sort_by(|left, right| compare(left, right, &groups));
    let embed = |(mut key, order): (ConfigKey, i32)| {
        key.group = Some(match &key.group {
            Some(inner) => format!("{group}: {inner}").into(),
            None => group.to_owned().into(),
        });
        key.name = format!("{prefix}{}", key.name).into();
        key.dependents = key.dependents.iter().map(|name| format!("{prefix}{name}").into()).collect();
        key.order = order;
        Entry { prefix_len: prefix.len(), ..Entry::from(key) }
    };
    keys.into_iter().zip(first_order..).map(embed).collect()
}

fn compare(left: &ConfigKey, right: &ConfigKey, groups: &[String]) -> Ordering {
    let group =
        |key: &ConfigKey| key.group.as_deref().and_then(|name| groups.iter().position(|it| it == name));
    // Keys without group come first, then by group, position, required ones, importance and name.
    let rank = |key: &ConfigKey| (group(key), key.order, !key.is_required, key.importance as u8);
    rank(left).cmp(&rank(right)).then_with(|| left.name.cmp(&right.name))
}
