//! Creates the topics of a source before its first record, as `topic.creation.*` says (KIP-158).

use std::collections::HashSet;

use connect_core::config::Props;
use connect_core::error::ConnectError;
use connect_core::task::TaskId;
use regex::Regex;
use tokio_util::sync::CancellationToken;

use crate::config::worker::prefixed;
use crate::config::{ClientKind, WorkerConfig, client_props};
use crate::kafka::admin::{Admin, NewTopic};

const PREFIX: &str = "topic.creation.";
const DEFAULT_GROUP: &str = "default";

/// Makes sure that the topics of a task exist.
pub(crate) struct TopicCreator {
    /// Groups in the order they are tried; empty leaves creation to the broker.
    groups: Vec<Group>,
    client: Props,
    admin: Option<Admin>,
    known: HashSet<String>,
}

/// A group of topics that are created alike.
#[derive(Debug)]
struct Group {
    include: Option<Regex>,
    exclude: Option<Regex>,
    partitions: i32,
    replication_factor: i16,
    configs: Props,
}

impl TopicCreator {
    /// Returns a creator for one task. It does nothing unless the worker allows it and the connector has
    /// `topic.creation.` keys.
    ///
    /// # Errors
    /// Fails with a config error when a group's key is missing or malformed.
    pub(crate) fn new(
        id: &TaskId,
        worker: &WorkerConfig,
        connector_props: &Props,
    ) -> Result<Self, ConnectError> {
        let own = prefixed(connector_props, PREFIX);
        let groups =
            if worker.topic_creation_enable && !own.is_empty() { parse_groups(&own)? } else { Vec::new() };
        let client = client_props(ClientKind::Admin, worker, &id.connector, Some(id.task), connector_props)?;
        Ok(Self { groups, client, admin: None, known: HashSet::new() })
    }

    /// Makes sure that a topic exists; looks at the cluster once a topic.
    ///
    /// # Errors
    /// Retriable when no broker answers; fatal when the topic can neither be found nor created.
    pub(crate) async fn ensure(&mut self, topic: &str, stop: &CancellationToken) -> Result<(), ConnectError> {
        if self.is_ready(topic) {
            return Ok(());
        }
        let create = self.find_or_create(topic);
        tokio::select! {
            biased; // An unreachable cluster must not delay the end of the task.
            () = stop.cancelled() => return Ok(()),
            created = create => created?,
        }
        self.known.insert(topic.to_owned());
        Ok(())
    }

    /// Returns whether a topic is known to exist, or its creation is the broker's affair.
    pub(crate) fn is_ready(&self, topic: &str) -> bool {
        self.groups.is_empty() || self.known.contains(topic)
    }

    async fn find_or_create(&mut self, topic: &str) -> Result<(), ConnectError> {
        let failed = |error: crate::kafka::admin::AdminError| {
            let is_retriable = error.is_retriable();
            let text = format!(
                "Task failed to create new topic ({topic}). Ensure that the task is authorized to create topics or \
                 that the topic exists and restart the task"
            );
            if is_retriable {
                ConnectError::retriable(text).because(error)
            } else {
                ConnectError::fatal(text).because(error)
            }
        };
        if self.admin.is_none() {
            self.admin = Some(Admin::new(&self.client).map_err(failed)?);
        }
        let Some(admin) = &self.admin else { return Ok(()) };
        if admin.describe_topic(topic).await.map_err(failed)?.is_some() {
            return Ok(());
        }
        let Some(group) = self.groups.iter().find(|group| group.matches(topic)) else { return Ok(()) };
        let wanted = NewTopic {
            name: topic.to_owned(),
            partitions: group.partitions,
            replication_factor: group.replication_factor,
            configs: group.configs.clone(),
        };
        tracing::info!(topic, partitions = wanted.partitions, "creating the topic of a source");
        admin.create_topic(&wanted).await.map(|_| ()).map_err(failed)
    }
}

impl Group {
    fn matches(&self, topic: &str) -> bool {
        let is_match =
            |pattern: &Option<Regex>| pattern.as_ref().is_some_and(|pattern| pattern.is_match(topic));
        is_match(&self.include) && !is_match(&self.exclude)
    }
}

/// Reads the groups in the order listed, `default` last.
fn parse_groups(own: &Props) -> Result<Vec<Group>, ConnectError> {
    let listed = own.get("groups").map_or("", String::as_str);
    let names = listed.split(',').map(str::trim).filter(|name| !name.is_empty() && *name != DEFAULT_GROUP);
    let default = parse_group(own, DEFAULT_GROUP, None)?;
    let mut groups = names
        .map(|name| parse_group(own, name, Some(&default)))
        .collect::<Result<Vec<Group>, ConnectError>>()?;
    groups.push(default);
    Ok(groups)
}

fn parse_group(own: &Props, name: &str, default: Option<&Group>) -> Result<Group, ConnectError> {
    let number = |key: &str, inherited: Option<i32>| -> Result<i32, ConnectError> {
        let full = format!("{PREFIX}{name}.{key}");
        match (own.get(&format!("{name}.{key}")), inherited) {
            (Some(text), _) => match text.trim().parse::<i32>() {
                Ok(number) if number == -1 || number >= 1 => Ok(number),
                _ => Err(ConnectError::config(format!(
                    "Invalid value {text} for configuration {full}: use -1 for the broker's default, or at least 1"
                ))),
            },
            (None, Some(inherited)) => Ok(inherited),
            (None, None) => Err(ConnectError::config(format!(
                "Missing required configuration \"{full}\" which has no default value."
            ))),
        }
    };
    let partitions = number("partitions", default.map(|group| group.partitions))?;
    let replication = number("replication.factor", default.map(|group| i32::from(group.replication_factor)))?;
    let is_own = |key: &str| !matches!(key, "partitions" | "replication.factor" | "include" | "exclude");
    let configs = prefixed(own, &format!("{name}."));
    Ok(Group {
        // The patterns of the default group are fixed: it takes what no other group took.
        include: if default.is_some() { pattern(own, name, "include")? } else { Regex::new(".*").ok() },
        exclude: if default.is_some() { pattern(own, name, "exclude")? } else { None },
        partitions,
        replication_factor: i16::try_from(replication).unwrap_or(i16::MAX),
        configs: configs.into_iter().filter(|(key, _)| is_own(key)).collect(),
    })
}

/// Joins the patterns of a list; a topic must match one of them as a whole.
fn pattern(own: &Props, name: &str, key: &str) -> Result<Option<Regex>, ConnectError> {
    let Some(list) = own.get(&format!("{name}.{key}")).filter(|list| !list.trim().is_empty()) else {
        return Ok(None);
    };
    let joined: Vec<&str> = list.split(',').map(str::trim).collect();
    let text = format!("^(?:{})$", joined.join("|"));
    Regex::new(&text).map(Some).map_err(|error| {
        ConnectError::config(format!("Invalid value {list} for configuration {PREFIX}{name}.{key}: {error}"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn props(pairs: &[(&str, &str)]) -> Props {
        pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn groups_are_tried_in_order_and_inherit_from_the_default() {
        let groups = parse_groups(&props(&[
            ("groups", "logs, default"),
            ("default.partitions", "3"),
            ("default.replication.factor", "-1"),
            ("logs.include", "log.*, audit"),
            ("logs.exclude", "logger"),
            ("logs.partitions", "6"),
            ("logs.retention.ms", "5"),
        ]))
        .expect("valid");
        let of = |topic: &str| groups.iter().find(|group| group.matches(topic)).expect("the default matches");
        assert_eq!((of("logs").partitions, of("logs").replication_factor), (6, -1));
        assert_eq!(of("audit").configs, props(&[("retention.ms", "5")]));
        assert_eq!([of("logger").partitions, of("my-logs").partitions], [3, 3]);
    }

    #[test]
    fn missing_default_is_named() {
        let error = parse_groups(&props(&[("groups", "")])).expect_err("no default").to_string();
        assert!(error.contains("topic.creation.default.partitions"), "{error}");
    }
}
