//! What other workers answer: bound to Kafka Connect's types as Jackson binds them, and written again in their order.
//!
//! A field that no type has is an error, on both sides of a mixed group: so no answer may gain a field.

use serde_json::{Map as JsonMap, Value as Json};

use crate::rest::body::{chained, mismatch, present, string, string_map, unknown};
use crate::rest::jackson::{Kind, Node, located};

/// A type of Kafka Connect's answers.
#[derive(Debug)]
pub(crate) struct Bean {
    class: &'static str,
    /// Names in the order of Jackson's message.
    known: &'static [&'static str],
    /// Fields in the order in which they are written.
    fields: &'static [Field],
}

#[derive(Debug)]
struct Field {
    name: &'static str,
    ty: Type,
    omitted: Omitted,
}

#[derive(Debug)]
enum Type {
    Text,
    Number,
    Strings,
    Direction,
    Bean(&'static Bean),
    Beans(&'static Bean),
}

/// When a field is not written.
#[derive(Debug, PartialEq)]
enum Omitted {
    Never,
    /// While it is null or empty.
    Empty,
    /// When it is the word of plug-ins without a version.
    Undefined,
    /// Always: it is only read.
    Always,
}

const fn field(name: &'static str, ty: Type) -> Field {
    Field { name, ty, omitted: Omitted::Never }
}

const fn shown(name: &'static str, omitted: Omitted) -> Field {
    Field { name, ty: Type::Text, omitted }
}

/// The body of every error.
pub(crate) static ERROR_MESSAGE: Bean = Bean {
    class: "org.apache.kafka.connect.runtime.rest.entities.ErrorMessage",
    known: &["error_code", "message"],
    fields: &[field("error_code", Type::Number), field("message", Type::Text)],
};

/// What changes of offsets answer.
pub(crate) static MESSAGE: Bean = Bean {
    class: "org.apache.kafka.connect.runtime.rest.entities.Message",
    known: &["message"],
    fields: &[field("message", Type::Text)],
};

/// A connector's configuration and tasks.
pub(crate) static CONNECTOR_INFO: Bean = Bean {
    class: "org.apache.kafka.connect.runtime.rest.entities.ConnectorInfo",
    known: &["config", "name", "tasks", "type"],
    fields: &[
        field("name", Type::Text),
        field("config", Type::Strings),
        field("tasks", Type::Beans(&TASK_ID)),
        field("type", Type::Direction),
    ],
};

static TASK_ID: Bean = Bean {
    class: "org.apache.kafka.connect.util.ConnectorTaskId",
    known: &["connector", "task"],
    fields: &[field("connector", Type::Text), field("task", Type::Number)],
};

/// The states of a connector and its tasks.
pub(crate) static CONNECTOR_STATE_INFO: Bean = Bean {
    class: "org.apache.kafka.connect.runtime.rest.entities.ConnectorStateInfo",
    known: &["type", "name", "connector", "tasks"],
    fields: &[
        field("name", Type::Text),
        field("connector", Type::Bean(&CONNECTOR_STATE)),
        field("tasks", Type::Beans(&TASK_STATE)),
        field("type", Type::Direction),
    ],
};

static CONNECTOR_STATE: Bean = Bean {
    class: "org.apache.kafka.connect.runtime.rest.entities.ConnectorStateInfo$ConnectorState",
    known: &["version", "state", "worker_id", "trace", "msg"],
    fields: &[
        field("state", Type::Text),
        field("worker_id", Type::Text),
        shown("version", Omitted::Undefined),
        shown("trace", Omitted::Empty),
        shown("msg", Omitted::Always),
    ],
};

static TASK_STATE: Bean = Bean {
    class: "org.apache.kafka.connect.runtime.rest.entities.ConnectorStateInfo$TaskState",
    known: &["state", "trace", "version", "id", "worker_id", "msg"],
    fields: &[
        field("id", Type::Number),
        field("state", Type::Text),
        field("worker_id", Type::Text),
        shown("version", Omitted::Undefined),
        shown("trace", Omitted::Empty),
        shown("msg", Omitted::Always),
    ],
};

/// Reads an answer and returns it as this worker writes it.
///
/// # Errors
/// Returns Jackson's text.
pub(crate) fn read(text: &[u8], bean: &Bean) -> Result<Json, String> {
    let node = present(text)?;
    node.map_or_else(|| empty(text), |node| bound(node, bean, ""))
}

/// An empty text is an error, a null is a value.
fn empty(text: &[u8]) -> Result<Json, String> {
    if text.trim_ascii().is_empty() { Err(NO_CONTENT.to_owned()) } else { Ok(Json::Null) }
}

/// Jackson's text for nothing at all.
pub(crate) const NO_CONTENT: &str = "No content to map due to end-of-input\n at [Source: REDACTED \
                                     (`StreamReadFeature.INCLUDE_SOURCE_IN_LOCATION` disabled); line: 1]";

fn bound(node: Node, bean: &Bean, chain: &str) -> Result<Json, String> {
    if node.kind == Kind::Null {
        return Ok(Json::Null);
    }
    let Kind::Object(members) = node.kind else { return Err(mismatch(bean.class, &node, chain)) };
    let arrow = if chain.is_empty() { "" } else { "->" };
    let mut found = JsonMap::new();
    for (name, value) in members {
        let chain = format!("{chain}{arrow}{}[\"{name}\"]", bean.class);
        let Some(field) = bean.fields.iter().find(|field| field.name == name) else {
            return Err(unknown(&name, &value, bean.class, bean.known, &chain));
        };
        let value = valued(value, &field.ty, &chain)?;
        found.insert(name, value);
    }
    Ok(Json::Object(bean.fields.iter().filter_map(|field| written(field, &mut found)).collect()))
}

fn written(field: &Field, found: &mut JsonMap<String, Json>) -> Option<(String, Json)> {
    let absent = if matches!(field.ty, Type::Number) { Json::from(0) } else { Json::Null };
    let value = found.remove(field.name).unwrap_or(absent);
    let is_omitted = match field.omitted {
        Omitted::Never => false,
        Omitted::Empty => value.is_null() || value == "",
        Omitted::Undefined => value == "undefined",
        Omitted::Always => true,
    };
    (!is_omitted).then(|| (field.name.to_owned(), value))
}

fn valued(node: Node, ty: &Type, chain: &str) -> Result<Json, String> {
    match ty {
        Type::Text => Ok(string(node, chain)?.map_or(Json::Null, Json::String)),
        Type::Number => number(node, chain),
        Type::Strings => Ok(string_map(node, chain)?.map_or(Json::Null, |props| {
            let value = |value: Option<String>| value.map_or(Json::Null, Json::String);
            Json::Object(props.into_iter().map(|(key, text)| (key, value(text))).collect())
        })),
        Type::Direction => connector_type(node, chain),
        Type::Bean(bean) => bound(node, bean, chain),
        Type::Beans(bean) => beans(node, bean, chain),
    }
}

fn beans(node: Node, bean: &Bean, chain: &str) -> Result<Json, String> {
    match node.kind {
        Kind::Null => Ok(Json::Null),
        Kind::Array(items) => {
            let items = items.into_iter().enumerate();
            let bound = items
                .map(|(index, item)| bound(item, bean, &format!("{chain}->java.util.ArrayList[{index}]")));
            bound.collect::<Result<_, _>>().map(Json::Array)
        }
        _ => Err(mismatch(&format!("java.util.ArrayList<{}>", bean.class), &node, chain)),
    }
}

fn number(node: Node, chain: &str) -> Result<Json, String> {
    let parsed: Option<i32> = match &node.kind {
        Kind::Null => Some(0),
        Kind::Number(text) | Kind::String(text) => text.trim().parse().ok(),
        _ => None,
    };
    parsed.map(Json::from).ok_or_else(|| mismatch("int", &node, chain))
}

fn connector_type(node: Node, chain: &str) -> Result<Json, String> {
    const CLASS: &str = "org.apache.kafka.connect.runtime.rest.entities.ConnectorType";
    let start = node.start;
    let Some(text) = string(node, chain)? else { return Ok(Json::Null) };
    let lower = text.to_lowercase();
    if matches!(lower.as_str(), "source" | "sink" | "unknown") {
        return Ok(Json::String(lower));
    }
    let problem = format!("No enum constant {CLASS}.{}", text.to_uppercase());
    let message = format!("Cannot construct instance of `{CLASS}`, problem: {problem}");
    Err(chained(located(&message, start), chain))
}

#[cfg(test)]
mod tests {
    use super::*;

    const SOURCE: &str =
        "\n at [Source: REDACTED (`StreamReadFeature.INCLUDE_SOURCE_IN_LOCATION` disabled); line: 1";

    fn text(text: &str, bean: &Bean) -> Result<String, String> {
        read(text.as_bytes(), bean).map(|value| value.to_string())
    }

    #[test]
    fn answers_are_written_again_in_kafkas_order() {
        let cases = [
            (
                r#"{"type":"SINK","tasks":[{"task":0,"connector":"c"}],"config":{"b":1,"a":null},"name":"c"}"#,
                &CONNECTOR_INFO,
                r#"{"name":"c","config":{"b":"1","a":null},"tasks":[{"connector":"c","task":0}],"type":"sink"}"#,
            ),
            (
                r#"{"name":"c","connector":{"state":"RUNNING","worker_id":"h:1","version":"undefined"},"tasks":[{"id":1,"state":"FAILED","worker_id":"w","trace":""},{"id":0,"state":"FAILED","worker_id":"w","version":"1","trace":"t"}],"type":"sink"}"#,
                &CONNECTOR_STATE_INFO,
                r#"{"name":"c","connector":{"state":"RUNNING","worker_id":"h:1"},"tasks":[{"id":1,"state":"FAILED","worker_id":"w","version":null},{"id":0,"state":"FAILED","worker_id":"w","version":"1","trace":"t"}],"type":"sink"}"#,
            ),
            (r#"{"message":"m"}"#, &MESSAGE, r#"{"message":"m"}"#),
            (r#"{"message":"m"}"#, &ERROR_MESSAGE, r#"{"error_code":0,"message":"m"}"#),
            ("null", &MESSAGE, "null"),
        ];
        for (given, bean, expected) in cases {
            assert_eq!(text(given, bean).as_deref(), Ok(expected), "{given}");
        }
    }

    /// The expected texts were printed by Jackson with the classes of Kafka Connect 4.3.1.
    #[test]
    fn what_no_type_has_is_an_error_in_jacksons_words() {
        let class = "org.apache.kafka.connect.runtime.rest.entities";
        let cases = [
            ("", &ERROR_MESSAGE, format!("No content to map due to end-of-input{SOURCE}]")),
            (
                "User cannot access the resource.",
                &ERROR_MESSAGE,
                format!(
                    "Unrecognized token 'User': was expecting (JSON String, Number, Array, Object or token 'null', \
                     'true' or 'false'){SOURCE}, column: 1]"
                ),
            ),
            (
                "<html>",
                &ERROR_MESSAGE,
                format!(
                    "Unexpected character ('<' (code 60)): expected a valid value (JSON String, Number, Array, \
                     Object or token 'null', 'true' or 'false'){SOURCE}, column: 1]"
                ),
            ),
            (
                r#"{"error_code":409,"message":"x","more":1}"#,
                &ERROR_MESSAGE,
                format!(
                    "Unrecognized field \"more\" (class {class}.ErrorMessage), not marked as ignorable (2 known \
                     properties: \"error_code\", \"message\"){SOURCE}, column: 41] (through reference chain: \
                     {class}.ErrorMessage[\"more\"])"
                ),
            ),
            (
                r#"{"name":"c","config":{"a":"b"},"tasks":[{"connector":"c","task":0,"x":1}],"type":"source"}"#,
                &CONNECTOR_INFO,
                format!(
                    "Unrecognized field \"x\" (class org.apache.kafka.connect.util.ConnectorTaskId), not marked as \
                     ignorable (2 known properties: \"connector\", \"task\"){SOURCE}, column: 72] (through reference \
                     chain: {class}.ConnectorInfo[\"tasks\"]->java.util.ArrayList[0]->\
                     org.apache.kafka.connect.util.ConnectorTaskId[\"x\"])"
                ),
            ),
            (
                r#"{"name":"c","type":"bogus"}"#,
                &CONNECTOR_INFO,
                format!(
                    "Cannot construct instance of `{class}.ConnectorType`, problem: No enum constant \
                     {class}.ConnectorType.BOGUS{SOURCE}, column: 20] (through reference chain: \
                     {class}.ConnectorInfo[\"type\"])"
                ),
            ),
        ];
        for (given, bean, expected) in cases {
            assert_eq!(text(given, bean), Err(expected), "{given}");
        }
    }
}
