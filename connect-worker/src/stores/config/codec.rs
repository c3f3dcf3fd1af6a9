//! The bytes of config records, as `KafkaConfigBackingStore` writes and reads them: keys with a prefix, values as
//! JSON without a schema. Pure.

use std::borrow::Cow;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use connect_core::config::Props;
use connect_core::data::java_map::iteration_order;
use connect_core::data::json::{self, Node};

use crate::stores::config::{RestartRequest, SessionKey, TargetState};

const TARGET_PREFIX: &str = "target-state-";
const CONNECTOR_PREFIX: &str = "connector-";
const TASK_PREFIX: &str = "task-";
const COMMIT_PREFIX: &str = "commit-";
const RESTART_PREFIX: &str = "restart-connector-";
const FENCING_PREFIX: &str = "tasks-fencing-";
const SESSION_KEY: &str = "session-key";
const LOGGER_PREFIX: &str = "logger-cluster-";
const LEVELS: &[&str] = &["TRACE", "DEBUG", "INFO", "WARN", "ERROR", "FATAL", "OFF"];

/// One record of the config topic. Tombstones are `None` where they mean something.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Entry {
    /// A connector's raw configuration.
    Connector { name: Arc<str>, config: Option<Props> },
    /// A task's raw configuration, which counts once it is committed.
    Task { name: Arc<str>, task: u32, config: Props },
    /// The number of tasks whose configurations are complete now.
    Commit { name: Arc<str>, count: u32 },
    /// A target state.
    Target { name: Arc<str>, target: Option<TargetState> },
    /// Tasks whose producers may exist.
    FencedTasks { name: Arc<str>, count: u32 },
    /// A restart.
    Restart(RestartRequest),
    /// A session key.
    SessionKey(SessionKey),
    /// A log level for all workers.
    LoggerLevel { namespace: String, level: String },
}

/// What a record turned out to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Decoded {
    /// The value is not JSON: it does not even count.
    Undecodable,
    /// It counts, and means nothing. The text says why where someone should know.
    Ignored(Option<String>),
    /// A record.
    Entry(Entry),
}

/// Returns key and value of a record; the value of a tombstone is `None`.
pub(crate) fn encode(entry: &Entry) -> (String, Option<Vec<u8>>) {
    match entry {
        Entry::Connector { name, config } => {
            (format!("{CONNECTOR_PREFIX}{name}"), config.as_ref().map(write_properties))
        }
        Entry::Task { name, task, config } => {
            (format!("{TASK_PREFIX}{name}-{task}"), Some(write_properties(config)))
        }
        Entry::Commit { name, count } => {
            (format!("{COMMIT_PREFIX}{name}"), Some(format!("{{\"tasks\":{count}}}").into_bytes()))
        }
        Entry::Target { name, target } => {
            let value = target.map(|target| {
                let (v1, v2) = target_names(target);
                format!("{{\"state\":\"{v1}\",\"state.v2\":\"{v2}\"}}").into_bytes()
            });
            (format!("{TARGET_PREFIX}{name}"), value)
        }
        Entry::FencedTasks { name, count } => {
            (format!("{FENCING_PREFIX}{name}"), Some(format!("{{\"task-count\":{count}}}").into_bytes()))
        }
        Entry::Restart(RestartRequest { connector, only_failed, include_tasks }) => {
            let value = format!("{{\"include-tasks\":{include_tasks},\"only-failed\":{only_failed}}}");
            (format!("{RESTART_PREFIX}{connector}"), Some(value.into_bytes()))
        }
        Entry::SessionKey(key) => (SESSION_KEY.to_owned(), Some(write_session_key(key))),
        Entry::LoggerLevel { namespace, level } => {
            let mut value = b"{\"level\":".to_vec();
            json::write_str(&mut value, level);
            value.push(b'}');
            (format!("{LOGGER_PREFIX}{namespace}"), Some(value))
        }
    }
}

/// Returns the state as workers before KIP-875 know it, and as it is.
fn target_names(target: TargetState) -> (&'static str, &'static str) {
    match target {
        TargetState::Started => ("STARTED", "STARTED"),
        TargetState::Paused => ("PAUSED", "PAUSED"),
        TargetState::Stopped => ("PAUSED", "STOPPED"),
    }
}

fn write_properties(config: &Props) -> Vec<u8> {
    let mut out = b"{\"properties\":{".to_vec();
    // The JVM writes a hash map; nobody depends on it, but equal records are easier to compare.
    let order = iteration_order(config.keys().map(String::as_str));
    let entries = order.into_iter().filter_map(|index| config.get_index(index));
    for (position, (key, value)) in entries.enumerate() {
        if position > 0 {
            out.push(b',');
        }
        json::write_str(&mut out, key);
        out.push(b':');
        json::write_str(&mut out, value);
    }
    out.extend_from_slice(b"}}");
    out
}

fn write_session_key(key: &SessionKey) -> Vec<u8> {
    let mut out = b"{\"key\":".to_vec();
    json::write_str(&mut out, &STANDARD.encode(&key.key));
    out.extend_from_slice(b",\"algorithm\":");
    json::write_str(&mut out, &key.algorithm);
    out.extend_from_slice(format!(",\"creation-timestamp\":{}}}", key.created_ms).as_bytes());
    out
}

/// Reads a record, whatever is in it.
pub(crate) fn decode(key: Option<&[u8]>, value: Option<&Bytes>) -> Decoded {
    let text = value.map(json::in_utf8);
    let node = match text.as_deref().map(json::read) {
        // The JSON `null` is a tombstone as well.
        None | Some(Ok(Node::Null)) => None,
        Some(Ok(Node::Missing) | Err(_)) => return Decoded::Undecodable,
        Some(Ok(node)) => Some(node),
    };
    let Some(key) = key else { return Decoded::Ignored(Some("the record has no key".to_owned())) };
    let key = String::from_utf8_lossy(key);
    match read_entry(&key, node.as_ref()) {
        Ok(Some(entry)) => Decoded::Entry(entry),
        Ok(None) => Decoded::Ignored(None),
        Err(reason) => Decoded::Ignored(Some(reason)),
    }
}

/// Tests the prefixes in the order of `KafkaConfigBackingStore.ConsumeCallback`.
fn read_entry(key: &str, value: Option<&Node<'_>>) -> Result<Option<Entry>, String> {
    if let Some(name) = key.strip_prefix(TARGET_PREFIX) {
        return read_target(name, value);
    }
    if let Some(name) = key.strip_prefix(CONNECTOR_PREFIX) {
        let config = value.map(read_properties).transpose()?;
        return Ok(Some(Entry::Connector { name: name.into(), config }));
    }
    if key.starts_with(TASK_PREFIX) {
        return read_task(key, value);
    }
    // A tombstone of any record below means nothing: compaction has removed what is no longer needed.
    if let Some(name) = key.strip_prefix(COMMIT_PREFIX) {
        let count = |value| Ok(Entry::Commit { name: name.into(), count: count(value, "tasks")? });
        return value.map(count).transpose();
    }
    if let Some(name) = key.strip_prefix(RESTART_PREFIX) {
        let Some(value) = value else { return Ok(None) };
        let is_set = |flag| matches!(value.get(flag), Some(Node::Boolean(true)));
        object(value)?;
        return Ok(Some(Entry::Restart(RestartRequest {
            connector: name.into(),
            only_failed: is_set("only-failed"),
            include_tasks: is_set("include-tasks"),
        })));
    }
    if let Some(name) = key.strip_prefix(FENCING_PREFIX) {
        let count = |value| Ok(Entry::FencedTasks { name: name.into(), count: count(value, "task-count")? });
        return value.map(count).transpose();
    }
    if key == SESSION_KEY {
        return value.map(read_session_key).transpose();
    }
    if let Some(namespace) = key.strip_prefix(LOGGER_PREFIX) {
        let Some(value) = value else { return Ok(None) };
        let level = text_of(value, "level")?.to_ascii_uppercase();
        if !LEVELS.contains(&level.as_str()) {
            return Err(format!("the level `{level}` is unknown"));
        }
        return Ok(Some(Entry::LoggerLevel { namespace: namespace.to_owned(), level }));
    }
    Err("the key is unknown".to_owned())
}

fn read_target(name: &str, value: Option<&Node<'_>>) -> Result<Option<Entry>, String> {
    let name = name.into();
    let Some(value) = value else { return Ok(Some(Entry::Target { name, target: None })) };
    object(value)?;
    // Old workers write `state` only. A name that is not known leaves the state before as it was.
    let text = value.get("state.v2").and_then(Node::as_text).or_else(|| value.get("state")?.as_text());
    let target = match text.as_deref() {
        Some("STARTED") => TargetState::Started,
        Some("PAUSED") => TargetState::Paused,
        Some("STOPPED") => TargetState::Stopped,
        Some(other) => return Err(format!("the target state `{other}` is unknown")),
        None => return Err("the target state is no string".to_owned()),
    };
    Ok(Some(Entry::Target { name, target: Some(target) }))
}

fn read_task(key: &str, value: Option<&Node<'_>>) -> Result<Option<Entry>, String> {
    // The name may hold dashes: the number stands behind the last one.
    let rest = key.strip_prefix(TASK_PREFIX).and_then(|rest| rest.rsplit_once('-'));
    let parsed = rest.and_then(|(name, task)| Some((name, task.parse().ok()?)));
    let Some((name, task)) = parsed else { return Err("the key names no task".to_owned()) };
    let Some(value) = value else { return Ok(None) };
    Ok(Some(Entry::Task { name: name.into(), task, config: read_properties(value)? }))
}

fn read_session_key(value: &Node<'_>) -> Result<Entry, String> {
    let encoded = text_of(value, "key")?;
    let key = STANDARD.decode(encoded.as_bytes()).map_err(|_| "the session key is not base64".to_owned())?;
    let created = value.get("creation-timestamp").and_then(Node::as_number);
    let created = created.filter(|number| number.is_integral());
    let created_ms = created.ok_or("`creation-timestamp` is no integer")?.as_i64();
    let algorithm = text_of(value, "algorithm")?.into_owned();
    Ok(Entry::SessionKey(SessionKey { key: key.into(), algorithm, created_ms }))
}

fn read_properties(value: &Node<'_>) -> Result<Props, String> {
    object(value)?;
    let Some(Node::Object(members)) = value.get("properties") else {
        return Err("`properties` is no object".to_owned());
    };
    let mut config = Props::with_capacity(members.len());
    for (key, value) in members {
        let key = json::to_utf8(key);
        match value {
            Node::String(text) => {
                config.insert(key.into_owned(), json::to_utf8(text).into_owned());
            }
            // Java's map holds the null; to its readers the key is as good as missing.
            Node::Null => {}
            other => return Err(format!("the property `{key}` is no string but {}", other.type_name())),
        }
    }
    Ok(config)
}

fn count(value: &Node<'_>, field: &'static str) -> Result<u32, String> {
    object(value)?;
    let number = value.get(field).and_then(Node::as_number).filter(|number| number.is_int());
    let number = number.ok_or_else(|| format!("`{field}` is no integer"))?;
    u32::try_from(number.as_i64()).map_err(|_| format!("`{field}` is negative"))
}

fn text_of<'a>(value: &'a Node<'_>, field: &'static str) -> Result<Cow<'a, str>, String> {
    object(value)?;
    value.get(field).and_then(Node::as_text).ok_or_else(|| format!("`{field}` is no string"))
}

fn object(value: &Node<'_>) -> Result<(), String> {
    match value {
        Node::Object(_) => Ok(()),
        other => Err(format!("the value is no object but {}", other.type_name())),
    }
}

#[cfg(test)]
mod tests;
