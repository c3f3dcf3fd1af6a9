//! The keys of every connector: `ConnectorConfig`, `SinkConnectorConfig` and `SourceConnectorConfig`.

use connect_core::config::ConfigType::{Boolean, Class, Int, List, Long, Short, String as Text};
use connect_core::config::Importance::{High, Low, Medium};
use connect_core::config::{ConfigKey, ConfigType, Importance, Parsed, Validator, Width};
use connect_core::converter::ConverterRole;
use connect_core::plugin::{PluginInfo, PluginKind};
use regex::Regex;

use crate::config::WorkerConfig;
use crate::config::files::RawConfig;
use crate::plugins::check::Entry;
use crate::plugins::list::classes;
use crate::plugins::version;
use connect_core::plugin::Registry;

const ROLES: [(ConverterRole, PluginKind); 3] = [
    (ConverterRole::Key, PluginKind::Converter),
    (ConverterRole::Value, PluginKind::Converter),
    (ConverterRole::Header, PluginKind::HeaderConverter),
];

/// Where the defaults of converter keys come from; without it they are null, as in `GET …/config`.
pub(super) struct Context<'a> {
    pub(super) registry: &'a Registry,
    pub(super) worker: &'a WorkerConfig,
    pub(super) props: &'a RawConfig,
}

/// Returns the kind of plug-in a converter of the given role is.
pub(super) fn converter_kind(role: ConverterRole) -> PluginKind {
    match role {
        ConverterRole::Key | ConverterRole::Value => PluginKind::Converter,
        ConverterRole::Header => PluginKind::HeaderConverter,
    }
}

/// Returns the framework's keys for a connector, in definition order.
pub(super) fn definition(plugin: &PluginInfo, context: Option<&Context<'_>>) -> Vec<Entry> {
    let mut entries = first(plugin);
    entries.extend(ROLES.into_iter().flat_map(|(role, kind)| converter(role, kind, context)));
    entries.extend(last());
    entries.extend(match plugin.kind() {
        PluginKind::Source => source(),
        _ => sink(),
    });
    entries
}

fn key(name: &'static str, ty: ConfigType, importance: Importance, doc: &'static str) -> ConfigKey {
    ConfigKey::new(name, ty, importance, doc)
}

fn common(key: ConfigKey, order: i32, width: Width, display: &'static str) -> ConfigKey {
    key.group("Common").order(order).width(width).display(display)
}

fn first(plugin: &PluginInfo) -> Vec<Entry> {
    let name = key("name", Text, High, "Name of the connector, unique among the connectors of the workers.")
        .valid(Validator::Custom(connector_name));
    let class = key(
        "connector.class",
        Text,
        High,
        "Class of the connector: its full name, its simple name, or the simple name without `Connector`.",
    );
    let version = key(
        "connector.plugin.version",
        Text,
        Medium,
        "Version of the connector: a range as Maven writes it, or `latest`. Only the built-in version exists.",
    )
    .default_text(plugin.version)
    .valid(Validator::Custom(version::validate))
    .recommended(vec![plugin.version.to_owned()]);
    let tasks = key("tasks.max", Int, High, "Most tasks the connector may be split into.")
        .default("1")
        .valid(Validator::AtLeast(1));
    let enforce = key(
        "tasks.max.enforce",
        Boolean,
        Low,
        "Whether a connector that asks for more tasks than `tasks.max` fails. Deprecated; false only warns.",
    )
    .default("true");
    vec![
        common(name, 1, Width::Medium, "Connector name").into(),
        common(class, 2, Width::Long, "Connector class").into(),
        common(version, 3, Width::Medium, "Connector version").into(),
        common(tasks, 4, Width::Short, "Tasks max").into(),
        common(enforce, 5, Width::Short, "Enforce tasks max").into(),
    ]
}

fn converter(role: ConverterRole, kind: PluginKind, context: Option<&Context<'_>>) -> [Entry; 2] {
    let (name, display, order) = match role {
        ConverterRole::Key => ("key.converter", "Key converter", 6),
        ConverterRole::Value => ("value.converter", "Value converter", 8),
        ConverterRole::Header => ("header.converter", "Header converter", 10),
    };
    let doc = match role {
        ConverterRole::Key => {
            "Converter of record keys; by default the worker's. Settings follow under `key.converter.`."
        }
        ConverterRole::Value => {
            "Converter of record values; by default the worker's. Settings follow under `value.converter.`."
        }
        ConverterRole::Header => {
            "Converter of header values; by default the worker's. Settings follow under `header.converter.`."
        }
    };
    let mut class = key(name, Class, Low, doc).default(None);
    let mut version = ConfigKey::new(
        format!("{name}.plugin.version"),
        Text,
        Low,
        "Version of the converter: a range as Maven writes it, or `latest`. Only the built-in version exists.",
    )
    .default(None)
    .valid(Validator::Custom(version::validate));
    let mut is_version_visible = true;
    if let Some(context) = context {
        let worker_class = match role {
            ConverterRole::Key => &context.worker.key_converter.0,
            ConverterRole::Value => &context.worker.value_converter.0,
            ConverterRole::Header => &context.worker.header_converter.0,
        };
        let full_name = |class: &str| context.registry.find(&[kind], class).ok().map(|plugin| plugin.class);
        class = class
            .default_text(full_name(worker_class).unwrap_or(worker_class))
            .recommended(classes(context.registry, kind));
        let chosen = context.props.get(name).map_or(Some(worker_class.as_str()), Option::as_deref);
        match chosen.and_then(|class| context.registry.find(&[kind], class.trim()).ok()) {
            Some(plugin) => {
                version = version.default_text(plugin.version).recommended(vec![plugin.version.to_owned()]);
            }
            None => is_version_visible = false,
        }
    }
    let class = common(class, order, Width::Short, "").display(format!("{display} class"));
    let version = common(version, order + 1, Width::Short, "").display(format!("{display} version"));
    let version = Entry { is_visible: is_version_visible, ..Entry::from(version) };
    [Entry::from(class).naming(kind), version]
}

fn last() -> Vec<Entry> {
    let aliases = |name: &'static str, group: &'static str, order: i32, doc: &'static str| {
        let key = key(name, List, Low, doc).default("").valid(Validator::Custom(unique_aliases));
        key.group(group).order(order).width(Width::Long).display(group)
    };
    let errors = |key: ConfigKey, order: i32, width: Width, display: &'static str| {
        key.group("Error Handling").order(order).width(width).display(display)
    };
    let reload = key(
        "config.action.reload",
        Text,
        Low,
        "What to do when a config provider says that a value has changed: `restart` the connector, or `none`.",
    )
    .default("restart")
    .valid(Validator::OneOf(&["none", "restart"]));
    let timeout = key(
        "errors.retry.timeout",
        Long,
        Medium,
        "Longest time in milliseconds to try a failed operation on a record again; -1 has no limit, 0 never tries.",
    )
    .default("0");
    let delay = key("errors.retry.delay.max.ms", Long, Medium, "Longest pause between two such tries.")
        .default("60000");
    let tolerance = key(
        "errors.tolerance",
        Text,
        Medium,
        "`none` fails the task at the first bad record; `all` skips bad records, to the dead letter queue if one is set.",
    )
    .default("none")
    .valid(Validator::OneOf(&["none", "all"]));
    let log = key("errors.log.enable", Boolean, Medium, "Whether each failed operation is logged.")
        .default("false");
    let messages = key(
        "errors.log.include.messages",
        Boolean,
        Medium,
        "Whether the log names the record that failed: topic, partition, offset and timestamp.",
    )
    .default("false");
    vec![
        aliases("transforms", "Transforms", 12, "Names of the transforms applied to every record, in order.")
            .into(),
        aliases("predicates", "Predicates", 13, "Names of the predicates that transforms refer to.").into(),
        common(reload, 14, Width::Medium, "Reload Action").into(),
        errors(timeout, 1, Width::Medium, "Retry Timeout for Errors").into(),
        errors(delay, 2, Width::Medium, "Maximum Delay Between Retries for Errors").into(),
        errors(tolerance, 3, Width::Short, "Error Tolerance").into(),
        errors(log, 4, Width::Short, "Log Errors").into(),
        errors(messages, 5, Width::Short, "Log Error Details").into(),
    ]
}

fn sink() -> Vec<Entry> {
    let errors = |key: ConfigKey, order: i32, display: &'static str| {
        key.group("Error Handling").order(order).width(Width::Medium).display(display)
    };
    let topics = key("topics", List, High, "Topics to read, separated by commas.")
        .default("")
        .valid(Validator::Custom(unique_topics));
    let regex = key("topics.regex", Text, High, "Expression that whole names of topics to read must match.")
        .default("")
        .valid(Validator::Custom(valid_regex));
    let dlq = key(
        "errors.deadletterqueue.topic.name",
        Text,
        Medium,
        "Topic that takes the records the connector, a transform or a converter could not process; empty is none.",
    )
    .default("");
    let factor = key(
        "errors.deadletterqueue.topic.replication.factor",
        Short,
        Medium,
        "Replicas of that topic when it is created.",
    )
    .default("3");
    let headers = key(
        "errors.deadletterqueue.context.headers.enable",
        Boolean,
        Medium,
        "Whether headers `__connect.errors.…` tell where and why a record failed.",
    )
    .default("false");
    vec![
        common(topics, 4, Width::Long, "Topics").into(),
        common(regex, 4, Width::Long, "Topics regex").into(),
        errors(dlq, 6, "Dead Letter Queue Topic Name").into(),
        errors(factor, 7, "Dead Letter Queue Topic Replication Factor").into(),
        errors(headers, 8, "Enable Error Context Headers").into(),
    ]
}

fn source() -> Vec<Entry> {
    let once = |key: ConfigKey, order: i32, display: &'static str| {
        key.group("Exactly Once Support").order(order).width(Width::Short).display(display)
    };
    let groups =
        key("topic.creation.groups", List, Low, "Groups of topics with settings of their own for creation.")
            .default("")
            .valid(Validator::Custom(unique_aliases));
    let support = key(
        "exactly.once.support",
        Text,
        Medium,
        "`required` refuses the connector unless it can write exactly once; `requested` does not check.",
    )
    .default("requested")
    .valid(Validator::OneOfIgnoringCase(&["REQUIRED", "REQUESTED"]));
    let boundary = key(
        "transaction.boundary",
        Text,
        Medium,
        "When a transaction ends: after each `poll`, each `interval`, or where the `connector` says.",
    )
    .default("poll")
    .valid(Validator::OneOfIgnoringCase(&["INTERVAL", "POLL", "CONNECTOR"]));
    let interval = key(
        "transaction.boundary.interval.ms",
        Long,
        Low,
        "Milliseconds between transactions that end by interval; null is the worker's `offset.flush.interval.ms`.",
    )
    .default(None)
    .valid(Validator::Custom(at_least_zero_or_null));
    let topic = key("offsets.storage.topic", Text, Low, "Topic of the connector's own for its offsets.")
        .default(None)
        .valid(Validator::NonEmpty);
    let groups = groups.group("Topic Creation").order(1).width(Width::Long).display("Topic Creation Groups");
    let topic = topic.group("offsets.topic").order(1).width(Width::Long).display("Offsets topic");
    vec![
        groups.into(),
        once(support, 2, "Exactly once support").into(),
        once(boundary, 3, "Transaction Boundary").into(),
        once(interval, 4, "Transaction boundary interval").into(),
        topic.into(),
    ]
}

fn connector_name(name: &str, value: &Parsed) -> Result<(), String> {
    let Parsed::Text(text) = value else { return Ok(()) };
    if text.is_empty() {
        return Err(format!("Invalid value {text} for configuration {name}: String may not be empty"));
    }
    let control: Vec<String> = text
        .chars()
        .filter(|letter| letter.is_control())
        .map(|letter| u32::from(letter).to_string())
        .collect();
    if control.is_empty() {
        return Ok(());
    }
    Err(format!(
        "Invalid value {text} for configuration {name}: \
         String may not contain control sequences but had the following ASCII chars: {}",
        control.join(", ")
    ))
}

fn has_duplicates(items: &[String]) -> bool {
    items.iter().enumerate().any(|(index, item)| items.iter().take(index).any(|other| other == item))
}

fn unique_aliases(name: &str, value: &Parsed) -> Result<(), String> {
    let reason = match value {
        Parsed::List(items) if has_duplicates(items) => "Duplicate alias provided.",
        Parsed::Null => "entry must be non null",
        _ => return Ok(()),
    };
    Err(format!("Invalid value {value} for configuration {name}: {reason}"))
}

fn unique_topics(name: &str, value: &Parsed) -> Result<(), String> {
    let reason = match value {
        Parsed::Null => "null",
        Parsed::List(items) if has_duplicates(items) => "duplicated",
        Parsed::List(items) if items.iter().any(String::is_empty) => "empty",
        _ => return Ok(()),
    };
    Err(format!("Configuration '{name}' values must not be {reason}."))
}

fn valid_regex(name: &str, value: &Parsed) -> Result<(), String> {
    let Parsed::Text(text) = value else { return Ok(()) };
    Regex::new(text)
        .map(drop)
        .map_err(|error| format!("Invalid value {text} for configuration {name}: Invalid regex: {error}"))
}

fn at_least_zero_or_null(name: &str, value: &Parsed) -> Result<(), String> {
    match value {
        Parsed::Null => Ok(()),
        other => Validator::AtLeast(0).check(name, other),
    }
}
