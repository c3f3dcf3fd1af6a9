//! Request bodies, bound to types as Jackson binds them: unknown fields and wrong types are errors with its texts.

use connect_core::config::Props;
use serde_json::{Map as JsonMap, Value as Json};

use crate::herder::ports::RawProps;
use crate::herder::{ConnectorOffset, InitialState};
use crate::rest::jackson::{Kind, Node, located, read};
use crate::rest::shape::NO_CONTENT;

const ENTITIES: &str = "org.apache.kafka.connect.runtime.rest.entities";
const MAP: &str = "java.util.LinkedHashMap";

/// The body of `POST /connectors`.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct CreateBody {
    pub(crate) name: Option<String>,
    pub(crate) config: Option<RawProps>,
    pub(crate) initial_state: Option<InitialState>,
}

/// Reads the body of `POST /connectors`; `None` when it is empty.
///
/// # Errors
/// Returns Jackson's text.
pub(crate) fn create(body: &[u8]) -> Result<Option<CreateBody>, String> {
    let class = format!("{ENTITIES}.CreateConnectorRequest");
    let Some(node) = present(body)? else { return Ok(None) };
    let members = bean(node, &class)?;
    let mut request = CreateBody { name: None, config: None, initial_state: None };
    for (field, value) in members {
        let chain = format!("{class}[\"{field}\"]");
        match field.as_str() {
            "name" => request.name = string(value, &chain)?,
            "config" => request.config = string_map(value, &chain)?,
            "initial_state" => request.initial_state = initial_state(value, &chain)?,
            _ => return Err(unknown(&field, &value, &class, &["config", "name", "initial_state"], &chain)),
        }
    }
    Ok(Some(request))
}

/// Reads a map of strings; `None` when the body is empty or null.
///
/// # Errors
/// Returns Jackson's text.
pub(crate) fn props(body: &[u8]) -> Result<Option<RawProps>, String> {
    match present(body)? {
        None => Ok(None),
        Some(node) => string_map(node, ""),
    }
}

/// Reads the body of `PATCH …/offsets`; `None` when it is empty.
///
/// # Errors
/// Returns Jackson's text.
pub(crate) fn offsets(body: &[u8]) -> Result<Option<Vec<ConnectorOffset>>, String> {
    let class = format!("{ENTITIES}.ConnectorOffsets");
    let Some(node) = present(body)? else { return Ok(None) };
    let mut offsets = Vec::new();
    for (field, value) in bean(node, &class)? {
        let chain = format!("{class}[\"{field}\"]");
        if field != "offsets" {
            return Err(unknown(&field, &value, &class, &["offsets"], &chain));
        }
        match value.kind {
            Kind::Null => {}
            Kind::Array(items) => {
                for (index, item) in items.into_iter().enumerate() {
                    offsets.push(offset(item, &format!("{chain}->java.util.ArrayList[{index}]"))?);
                }
            }
            _ => {
                let list = format!("java.util.ArrayList<{ENTITIES}.ConnectorOffset>");
                return Err(mismatch(&list, &value, &chain));
            }
        }
    }
    Ok(Some(offsets))
}

/// Reads the task configurations that another worker generated. Nulls are as good as absent.
///
/// # Errors
/// Returns Jackson's text.
pub(crate) fn task_configs(body: &[u8]) -> Result<Vec<Props>, String> {
    let node = present(body)?.ok_or_else(|| NO_CONTENT.to_owned())?;
    let Kind::Array(items) = node.kind else {
        let class = "java.util.ArrayList<java.util.Map<java.lang.String,java.lang.String>>";
        return Err(mismatch(class, &node, ""));
    };
    let config = |(index, item)| {
        let props = string_map(item, &format!("java.util.ArrayList[{index}]"))?.unwrap_or_default();
        Ok(props.into_iter().filter_map(|(key, value)| Some((key, value?))).collect())
    };
    items.into_iter().enumerate().map(config).collect()
}

/// Returns task configurations as they are sent to another worker.
pub(crate) fn configs_json(configs: &[Props]) -> Json {
    let config = |config: &Props| {
        Json::Object(config.iter().map(|(key, value)| (key.clone(), Json::String(value.clone()))).collect())
    };
    Json::Array(configs.iter().map(config).collect())
}

fn offset(node: Node, chain: &str) -> Result<ConnectorOffset, String> {
    let class = format!("{ENTITIES}.ConnectorOffset");
    let mut offset = ConnectorOffset { partition: None, offset: None };
    if matches!(node.kind, Kind::Null) {
        return Ok(offset);
    }
    let Kind::Object(members) = node.kind else { return Err(mismatch(&class, &node, chain)) };
    for (field, value) in members {
        let chain = format!("{chain}->{class}[\"{field}\"]");
        match field.as_str() {
            "partition" => offset.partition = object(value, &chain)?,
            "offset" => offset.offset = object(value, &chain)?,
            _ => return Err(unknown(&field, &value, &class, &["partition", "offset"], &chain)),
        }
    }
    Ok(offset)
}

/// Returns a body as it goes on to another worker: only its first value.
///
/// # Errors
/// Returns Jackson's text.
pub(crate) fn sent(body: &[u8]) -> Result<Json, String> {
    Ok(present(body)?.map_or(Json::Null, json))
}

/// Returns the value of a body; null counts as nothing.
pub(crate) fn present(body: &[u8]) -> Result<Option<Node>, String> {
    Ok(read(body)?.filter(|node| node.kind != Kind::Null))
}

fn bean(node: Node, class: &str) -> Result<Vec<(String, Node)>, String> {
    match node.kind {
        Kind::Object(members) => Ok(members),
        _ => Err(mismatch(class, &node, "")),
    }
}

pub(crate) fn string(node: Node, chain: &str) -> Result<Option<String>, String> {
    match node.kind {
        Kind::Null => Ok(None),
        Kind::Bool(flag) => Ok(Some(flag.to_string())),
        Kind::Number(text) | Kind::String(text) => Ok(Some(text)),
        Kind::Array(_) | Kind::Object(_) => Err(mismatch("java.lang.String", &node, chain)),
    }
}

pub(crate) fn string_map(node: Node, chain: &str) -> Result<Option<RawProps>, String> {
    match node.kind {
        Kind::Null => Ok(None),
        Kind::Object(members) => {
            let mut props = RawProps::with_capacity(members.len());
            for (key, value) in members {
                let arrow = if chain.is_empty() { "" } else { "->" };
                let value = string(value, &format!("{chain}{arrow}{MAP}[\"{key}\"]"))?;
                props.insert(key, value);
            }
            Ok(Some(props))
        }
        Kind::Array(_) => Err(mismatch(&format!("{MAP}<java.lang.String,java.lang.String>"), &node, chain)),
        _ => Err(mismatch(MAP, &node, chain)),
    }
}

fn initial_state(node: Node, chain: &str) -> Result<Option<InitialState>, String> {
    let start = node.start;
    let Some(text) = string(node, chain)? else { return Ok(None) };
    let class = format!("{ENTITIES}.CreateConnectorRequest");
    InitialState::parse(&text).map(Some).ok_or_else(|| {
        let message = format!(
            "Cannot construct instance of `{class}$InitialState`, problem: No enum constant {class}.InitialState.{}",
            text.to_uppercase()
        );
        chained(located(&message, start), chain)
    })
}

fn object(node: Node, chain: &str) -> Result<Option<JsonMap<String, Json>>, String> {
    match node.kind {
        Kind::Null => Ok(None),
        Kind::Object(members) => {
            Ok(Some(members.into_iter().map(|(key, value)| (key, json(value))).collect()))
        }
        Kind::Array(_) => Err(mismatch(&format!("{MAP}<java.lang.String,java.lang.Object>"), &node, chain)),
        _ => Err(mismatch(MAP, &node, chain)),
    }
}

pub(crate) fn json(node: Node) -> Json {
    match node.kind {
        Kind::Null => Json::Null,
        Kind::Bool(flag) => Json::Bool(flag),
        Kind::Number(text) => serde_json::from_str(&text).unwrap_or(Json::Null),
        Kind::String(text) => Json::String(text),
        Kind::Array(items) => Json::Array(items.into_iter().map(json).collect()),
        Kind::Object(members) => {
            Json::Object(members.into_iter().map(|(key, value)| (key, json(value))).collect())
        }
    }
}

pub(crate) fn unknown(field: &str, value: &Node, class: &str, known: &[&str], chain: &str) -> String {
    let names: Vec<String> = known.iter().map(|name| format!("\"{name}\"")).collect();
    let count = match known.len() {
        1 => "one known property".to_owned(),
        count => format!("{count} known properties"),
    };
    let message = format!(
        "Unrecognized field \"{field}\" (class {class}), not marked as ignorable ({count}: {})",
        names.join(", ")
    );
    // The chain of a nested bean is complete already; that of an outer one is the field itself.
    chained(located(&message, value.after), chain)
}

pub(crate) fn mismatch(class: &str, node: &Node, chain: &str) -> String {
    let construct = |what: &str, from: &str| {
        format!(
            "Cannot construct instance of `{class}` (although at least one Creator exists): no {what}-argument \
             constructor/factory method to deserialize from {from}"
        )
    };
    let message = match &node.kind {
        Kind::Array(_) => {
            format!(
                "Cannot deserialize value of type `{class}` from Array value (token `JsonToken.START_ARRAY`)"
            )
        }
        Kind::Object(_) => {
            format!(
                "Cannot deserialize value of type `{class}` from Object value (token `JsonToken.START_OBJECT`)"
            )
        }
        Kind::String(text) => construct("String", &format!("String value ('{text}')")),
        Kind::Number(text) if text.contains(['.', 'e', 'E']) => {
            construct("double/Double", &format!("Number value ({text})"))
        }
        Kind::Number(text) => construct("int/Int", &format!("Number value ({text})")),
        Kind::Bool(flag) => construct("boolean/Boolean", &format!("boolean value ({flag})")),
        Kind::Null => format!("Cannot deserialize value of type `{class}` from Null value"),
    };
    chained(located(&message, node.start), chain)
}

pub(crate) fn chained(message: String, chain: &str) -> String {
    if chain.is_empty() { message } else { format!("{message} (through reference chain: {chain})") }
}

#[cfg(test)]
mod tests {
    use connect_core::testkit::{MemoryBound, damaged, fuzz_settings};

    use super::*;

    #[test]
    fn scalars_become_strings_and_nulls_stay() {
        let props = props(br#"{"a":1,"b":true,"c":1.50,"d":null,"e":"x"}"#).expect("valid").expect("present");
        let values: Vec<Option<&str>> = props.values().map(Option::as_deref).collect();
        assert_eq!(values, [Some("1"), Some("true"), Some("1.50"), None, Some("x")]);
    }

    #[test]
    fn empty_and_null_bodies_are_nothing() {
        assert_eq!((props(b""), props(b"null"), create(b" ")), (Ok(None), Ok(None), Ok(None)));
    }

    #[test]
    fn nested_values_name_the_way_to_them() {
        let text = create(br#"{"name":"c","config":{"a":{"b":"c"}}}"#).expect_err("nested");
        assert!(
            text.starts_with("Cannot deserialize value of type `java.lang.String` from Object value"),
            "{text}"
        );
        let chain = "(through reference chain: org.apache.kafka.connect.runtime.rest.entities.\
                     CreateConnectorRequest[\"config\"]->java.util.LinkedHashMap[\"a\"])";
        assert!(text.ends_with(chain), "{text}");
    }

    #[test]
    fn damaged_bodies_take_memory_in_proportion() {
        let samples: [&[u8]; 4] = [
            br#"{"name":"c","config":{"connector.class":"X","topics":"t","n":1},"initial_state":"STOPPED"}"#,
            br#"{"connector.class":"X","tasks.max":"2","file":null}"#,
            br#"{"offsets":[{"partition":{"a":[1,{"b":null}]},"offset":{"c":2.5}},{"partition":null}]}"#,
            br#"[{"a":"1"},{"b":null}]"#,
        ];
        let (mut rng, cases) = fuzz_settings("REST bodies", 3_000);
        let mut bound = MemoryBound::new("REST bodies", 512, 256 * 1024);
        for _ in 0..cases {
            let sample = samples[rng.usize(0..samples.len())];
            let body = damaged(&mut rng, sample, 0);
            // Whatever they answer, together as alone: one is dropped before the next begins.
            bound.check(&body, || {
                create(&body).ok();
                props(&body).ok();
                offsets(&body).ok();
                task_configs(&body).ok();
            });
        }
    }
}
