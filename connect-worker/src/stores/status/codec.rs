//! Keys and values of the status topic, byte for byte as the JVM's worker writes them. Reading is tolerant: members
//! may be missing that older workers do not write, and there may be more than are known.

use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use connect_core::data::json::{self, JsonError, Node};

use crate::stores::status::{RunState, Status};

const CONNECTOR_PREFIX: &str = "status-connector-";
const TASK_PREFIX: &str = "status-task-";
const TOPIC_PREFIX: &str = "status-topic-";
const TOPIC_SEPARATOR: &str = ":connector-";

/// What a record of the status topic speaks of.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum StatusKey {
    /// A connector.
    Connector(Arc<str>),
    /// A task of a connector.
    Task(Arc<str>, u32),
    /// A topic that a connector used.
    Topic {
        /// Topic.
        topic: Arc<str>,
        /// Connector.
        connector: Arc<str>,
    },
}

impl StatusKey {
    /// Returns the key in a record; `None` for one that no worker writes.
    pub(crate) fn parse(key: &[u8]) -> Option<Self> {
        let key = std::str::from_utf8(key).ok()?;
        if let Some(connector) = key.strip_prefix(CONNECTOR_PREFIX) {
            return (!connector.is_empty()).then(|| Self::Connector(connector.into()));
        }
        if let Some(task) = key.strip_prefix(TASK_PREFIX) {
            // `String.split` in the JVM drops what is empty at the end.
            let (connector, number) = task.trim_end_matches('-').rsplit_once('-')?;
            return Some(Self::Task(connector.into(), number.parse().ok()?));
        }
        let rest = key.strip_prefix(TOPIC_PREFIX)?;
        let (topic, _) = rest.split_once(':')?;
        // What stands between topic and connector is not looked at, only its length counts
        // (`KafkaStatusBackingStore.readTopicStatus`).
        let connector = rest.get(topic.len() + TOPIC_SEPARATOR.len()..)?;
        let is_whole = !topic.is_empty() && !connector.is_empty();
        is_whole.then(|| Self::Topic { topic: topic.into(), connector: connector.into() })
    }

    /// Returns the key as bytes.
    pub(crate) fn to_bytes(&self) -> Bytes {
        self.to_string().into_bytes().into()
    }
}

impl fmt::Display for StatusKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Connector(connector) => write!(formatter, "{CONNECTOR_PREFIX}{connector}"),
            Self::Task(connector, task) => write!(formatter, "{TASK_PREFIX}{connector}-{task}"),
            Self::Topic { topic, connector } => {
                write!(formatter, "{TOPIC_PREFIX}{topic}{TOPIC_SEPARATOR}{connector}")
            }
        }
    }
}

/// Why a value is none of a status.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CodecError {
    /// Not JSON.
    #[error("reading JSON")]
    Json(#[from] JsonError),
    /// A member is missing or of another type.
    #[error("`{0}` is missing or of a wrong type")]
    Member(&'static str),
    /// A state that no worker is known to store.
    #[error("unknown state `{0}`")]
    State(String),
}

/// Returns the value of a connector's or task's record.
pub(crate) fn encode_status(status: &Status) -> Bytes {
    let mut out = Vec::with_capacity(128);
    out.extend_from_slice(b"{\"state\":");
    json::write_str(&mut out, status.state.name());
    out.extend_from_slice(b",\"trace\":");
    write_text(&mut out, status.trace.as_deref());
    out.extend_from_slice(b",\"worker_id\":");
    json::write_str(&mut out, &status.worker_id);
    out.extend_from_slice(format!(",\"generation\":{},\"version\":", status.generation).as_bytes());
    write_text(&mut out, status.version.as_deref());
    out.push(b'}');
    out.into()
}

/// Reads the value of a connector's or task's record.
///
/// # Errors
/// Fails when it is none.
pub(crate) fn decode_status(value: &[u8]) -> Result<Status, CodecError> {
    let node = json::read(value)?;
    let name = text(&node, "state")?.ok_or(CodecError::Member("state"))?;
    let state = RunState::ALL.into_iter().find(|state| state.name() == name);
    Ok(Status {
        state: state.ok_or(CodecError::State(name))?,
        worker_id: text(&node, "worker_id")?.ok_or(CodecError::Member("worker_id"))?.into(),
        version: text(&node, "version")?.map(Into::into),
        generation: int(&node, "generation")?,
        trace: text(&node, "trace")?,
    })
}

/// Returns the value of a topic's record.
pub(crate) fn encode_topic(topic: &str, connector: &str, task: u32, discovered_ms: i64) -> Bytes {
    let mut out = Vec::with_capacity(128);
    out.extend_from_slice(b"{\"topic\":{\"name\":");
    json::write_str(&mut out, topic);
    out.extend_from_slice(b",\"connector\":");
    json::write_str(&mut out, connector);
    out.extend_from_slice(format!(",\"task\":{task},\"discoverTimestamp\":{discovered_ms}}}}}").as_bytes());
    out.into()
}

/// Checks the value of a topic's record; everything that matters is in its key.
///
/// # Errors
/// Fails when it is none.
pub(crate) fn check_topic(value: &[u8]) -> Result<(), CodecError> {
    let node = json::read(value)?;
    let topic = node.get("topic").ok_or(CodecError::Member("topic"))?;
    text(topic, "name")?;
    text(topic, "connector")?;
    int(topic, "task")?;
    int(topic, "discoverTimestamp")?;
    Ok(())
}

fn write_text(out: &mut Vec<u8>, text: Option<&str>) {
    match text {
        Some(text) => json::write_str(out, text),
        None => out.extend_from_slice(b"null"),
    }
}

/// Returns a member that may be missing or null.
fn text(node: &Node<'_>, name: &'static str) -> Result<Option<String>, CodecError> {
    match node.get(name).filter(|member| !member.is_null()) {
        None => Ok(None),
        Some(member) => member.as_text().map(|text| Some(text.into_owned())).ok_or(CodecError::Member(name)),
    }
}

/// Returns a whole number; what is too big for an int is cut, as in the JVM.
fn int(node: &Node<'_>, name: &'static str) -> Result<i32, CodecError> {
    let number = node.get(name).and_then(Node::as_number).filter(|number| number.is_integral());
    #[expect(clippy::cast_possible_truncation, reason = "`Long.intValue` cuts")]
    number.map(|number| number.as_i64() as i32).ok_or(CodecError::Member(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn status(state: RunState, version: Option<&str>, trace: Option<&str>) -> Status {
        Status {
            state,
            worker_id: "h:8083".into(),
            version: version.map(Into::into),
            generation: 5,
            trace: trace.map(Into::into),
        }
    }

    #[test]
    fn values_have_the_members_of_the_jvm_in_its_order() {
        let encoded = encode_status(&status(RunState::Running, Some("4.3.1"), None));
        let expected =
            r#"{"state":"RUNNING","trace":null,"worker_id":"h:8083","generation":5,"version":"4.3.1"}"#;
        assert_eq!(encoded, expected);
        let encoded = encode_status(&status(RunState::Failed, None, Some("a\n\tat \"b\"\u{1}")));
        let expected = concat!(
            r#"{"state":"FAILED","trace":"a\n\tat \"b\"\u0001","#,
            r#""worker_id":"h:8083","generation":5,"version":null}"#
        );
        assert_eq!(encoded, expected);
        assert_eq!(
            encode_topic("t.1", "c-ä", 3, 1_700_000_000_000),
            r#"{"topic":{"name":"t.1","connector":"c-ä","task":3,"discoverTimestamp":1700000000000}}"#
        );
    }

    #[test]
    fn what_was_written_is_read() {
        for state in RunState::ALL {
            for (version, trace) in [(None, None), (Some("1"), Some("x\"\\\u{1f}ö"))] {
                let status = status(state, version, trace);
                assert_eq!(decode_status(&encode_status(&status)).expect("read"), status);
            }
        }
        check_topic(&encode_topic("t", "c", 0, 1)).expect("read");
    }

    #[test]
    fn values_of_older_and_newer_workers_are_read() {
        let expected = status(RunState::Paused, None, None);
        for value in [
            r#"{"state":"PAUSED","worker_id":"h:8083","generation":5}"#,
            r#" {"more":[{}],"generation":5,"worker_id":"h:8083","state":"PAUSED","trace":null} "#,
        ] {
            assert_eq!(decode_status(value.as_bytes()).expect("read"), expected, "{value}");
        }
    }

    #[test]
    fn values_that_are_no_status_are_refused() {
        for value in [
            "",
            "no json",
            "null",
            "[]",
            r#"{"worker_id":"w","generation":5}"#,
            r#"{"state":"SLEEPING","worker_id":"w","generation":5}"#,
            r#"{"state":"DESTROYED","worker_id":"w","generation":5}"#,
            r#"{"state":5,"worker_id":"w","generation":5}"#,
            r#"{"state":"RUNNING","worker_id":"w","generation":"5"}"#,
            r#"{"state":"RUNNING","worker_id":"w","generation":5.0}"#,
            r#"{"state":"RUNNING","worker_id":7,"generation":5}"#,
            r#"{"state":"RUNNING","worker_id":"w","generation":5,"trace":[]}"#,
        ] {
            decode_status(value.as_bytes()).expect_err(value);
        }
        for value in ["", "{}", r#"{"topic":null}"#, r#"{"topic":{"name":"t","connector":"c","task":"0"}}"#] {
            check_topic(value.as_bytes()).expect_err(value);
        }
    }

    #[test]
    fn keys_are_read_as_the_jvm_reads_them() {
        let task = |connector: &str, number| Some(StatusKey::Task(connector.into(), number));
        let topic = |topic: &str, connector: &str| {
            Some(StatusKey::Topic { topic: topic.into(), connector: connector.into() })
        };
        let cases = [
            ("status-connector-a-b", Some(StatusKey::Connector("a-b".into()))),
            ("status-connector-", None),
            ("status-task-c-0", task("c", 0)),
            ("status-task-a-1-12", task("a-1", 12)),
            ("status-task-a--1", task("a-", 1)),
            ("status-task--1", task("", 1)),
            ("status-task-a-1-", task("a", 1)),
            ("status-task-1", None),
            ("status-task-c-x", None),
            ("status-task-c-99999999999", None),
            ("status-topic-t:connector-c", topic("t", "c")),
            ("status-topic-t:connector-a:connector-b", topic("t", "a:connector-b")),
            ("status-topic-t:???????????c", topic("t", "?c")),
            ("status-topic-:connector-c", None),
            ("status-topic-t:connector-", None),
            ("status-topic-t:c", None),
            ("status-topic-t", None),
            ("status-", None),
            ("", None),
        ];
        for (key, expected) in cases {
            assert_eq!(StatusKey::parse(key.as_bytes()), expected, "{key}");
        }
        assert_eq!(StatusKey::parse(b"status-connector-\xff"), None);
    }

    #[test]
    fn keys_of_any_name_come_back() {
        for name in ["c", "a-b", "a-", "-", "ä b", "a:connector-b", "a/b", "7", "c-7"] {
            let (connector, topic): (Arc<str>, Arc<str>) = (name.into(), "t-1.x_y".into());
            let keys = [
                StatusKey::Connector(Arc::clone(&connector)),
                StatusKey::Task(Arc::clone(&connector), 7),
                StatusKey::Topic { topic, connector },
            ];
            for key in keys {
                assert_eq!(StatusKey::parse(&key.to_bytes()), Some(key.clone()), "{key}");
            }
        }
    }
}
