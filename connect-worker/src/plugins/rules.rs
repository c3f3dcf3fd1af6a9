//! Rules across the framework's keys of sinks and sources.

use connect_core::config::{ConfigValue, Parsed, Props};
use connect_core::plugin::Factory;
use regex::Regex;

use crate::config::WorkerConfig;

/// The values of the framework's keys by name.
pub(super) struct Values<'a>(pub(super) &'a mut Vec<ConfigValue>);

impl Values<'_> {
    /// Returns the value of a key, adding one for a key outside the definition.
    fn entry(&mut self, name: &str, text: Option<&str>) -> &mut ConfigValue {
        let position = self.0.iter().position(|value| value.name == name).unwrap_or_else(|| {
            self.0.push(ConfigValue {
                name: name.to_owned(),
                parsed: text.map_or(Parsed::Null, |text| Parsed::Text(text.to_owned())),
                recommended: Vec::new(),
                errors: Vec::new(),
                is_visible: true,
            });
            self.0.len() - 1
        });
        &mut self.0[position]
    }

    /// Adds an error to a key.
    pub(super) fn add_error(&mut self, name: &str, text: Option<&str>, error: impl Into<String>) {
        self.entry(name, text).errors.push(error.into());
    }

    /// Returns the text of a valid key in lower case.
    fn choice(&self, name: &str) -> Option<String> {
        let value = self.0.iter().find(|value| value.name == name && value.errors.is_empty())?;
        value.parsed.shown().map(|text| text.to_lowercase())
    }
}

/// Applies `SinkConnectorConfig.validate` and, in a group, `DistributedHerder.validateSinkConnectorGroupId`.
pub(super) fn sink(worker: &WorkerConfig, props: &Props, values: &mut Values<'_>) {
    let given = |key: &str| props.get(key).map(String::as_str).filter(|text| !text.trim().is_empty());
    let (topics, regex) = (given("topics"), given("topics.regex"));
    let both = |values: &mut Values<'_>, error: &str| {
        values.add_error("topics", topics, error);
        values.add_error("topics.regex", regex, error);
    };
    match (topics, regex) {
        (Some(_), Some(_)) => {
            both(values, "topics and topics.regex are mutually exclusive options, but both are set.");
        }
        (None, None) => both(values, "Must configure one of topics or topics.regex"),
        _ => {}
    }
    if let Some(dlq) = given("errors.deadletterqueue.topic.name").map(str::trim) {
        dead_letters(dlq, topics, regex, values);
    }
    consumer_group(worker, props, values);
}

fn dead_letters(dlq: &str, topics: Option<&str>, regex: Option<&str>, values: &mut Values<'_>) {
    let listed: Vec<&str> =
        topics.unwrap_or_default().split(',').map(str::trim).filter(|topic| !topic.is_empty()).collect();
    if listed.contains(&dlq) {
        let error = format!(
            "The DLQ topic '{dlq}' may not be included in the list of topics ('topics=[{}]') consumed by the connector",
            listed.join(", ")
        );
        values.add_error("topics", topics, error);
    }
    let pattern = regex.and_then(|regex| Regex::new(&format!("^(?:{regex})$")).ok());
    if let (Some(text), true) = (regex, pattern.is_some_and(|pattern| pattern.is_match(dlq))) {
        let error = format!(
            "The DLQ topic '{dlq}' may not be matched by the regex for the topics ('topics.regex={text}') \
             consumed by the connector"
        );
        values.add_error("topics.regex", regex, error);
    }
}

fn consumer_group(worker: &WorkerConfig, props: &Props, values: &mut Values<'_>) {
    const OVERRIDE: &str = "consumer.override.group.id";
    let Some(worker_group) = worker.distributed().map(|distributed| distributed.group_id.as_str()) else {
        return;
    };
    if let Some(group) = props.get(OVERRIDE) {
        let value = values.entry(OVERRIDE, Some(group));
        if group == worker_group {
            value
                .errors
                .push(format!("Consumer group {group} conflicts with Connect worker group {worker_group}"));
        }
        return;
    }
    let name = props.get("name").map(|name| name.trim()).unwrap_or_default();
    if format!("connect-{name}") == worker_group {
        let error = format!(
            "Consumer group for sink connector named {name} conflicts with Connect worker group {worker_group}"
        );
        values.add_error("name", Some(name), error);
    }
}

/// Applies the checks of exactly-once delivery that a group of workers makes before it takes a source.
pub(super) fn source(worker: &WorkerConfig, factory: &Factory, props: &Props, values: &mut Values<'_>) {
    let (Factory::Source(new), Some(_)) = (factory, worker.distributed()) else { return };
    if values.choice("exactly.once.support").as_deref() == Some("required") {
        let name = "exactly.once.support";
        if !worker.is_exactly_once_source_enabled() {
            values.add_error(name, None, "This worker does not have exactly-once source support enabled.");
        }
        match new().supports_exactly_once(props) {
            Some(true) => {}
            Some(false) => values.add_error(
                name,
                None,
                "The connector does not support exactly-once semantics with the provided configuration.",
            ),
            None => values.add_error(
                name,
                None,
                "The connector does not say whether it supports exactly-once semantics. \
                 If its documentation does, set this key to \"requested\", which leaves the check out.",
            ),
        }
    }
    let is_by_connector = values.choice("transaction.boundary").as_deref() == Some("connector");
    if is_by_connector && !new().can_define_transaction_boundaries(props) {
        values.add_error(
            "transaction.boundary",
            None,
            "The connector does not support connector-defined transaction boundaries with the given configuration. \
             Please reconfigure it to use a different transaction boundary definition.",
        );
    }
}

/// Adds the error of transforms that negate a predicate they do not name.
pub(super) fn transforms(aliases: &[String], props: &Props, values: &mut Values<'_>) {
    for alias in aliases {
        let (negate, predicate) =
            (format!("transforms.{alias}.negate"), format!("transforms.{alias}.predicate"));
        if props.contains_key(&negate) && !props.contains_key(&predicate) {
            let error = format!(
                "Config '{negate}' was provided but there is no config '{predicate}' defining a predicate to be negated."
            );
            values.add_error(&format!("transforms.{alias}.type"), None, error);
        }
    }
}
