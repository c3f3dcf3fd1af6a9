//! Offsets between JSON and the connectors' terms, with Kafka Connect's refusals. Pure.

use connect_core::connector::SinkOffsetChanges;
use connect_core::data::{Map, Value};
use connect_core::record::TopicPartition;
use serde_json::{Map as JsonMap, Value as Json};

use crate::herder::error::HerderError;
use crate::herder::info::ConnectorOffset;

const TOPIC: &str = "kafka_topic";
const PARTITION: &str = "kafka_partition";
const OFFSET: &str = "kafka_offset";

/// Reads sink offsets as `SinkUtils.parseSinkConnectorOffsets` does.
pub(crate) fn sink_changes(offsets: &[ConnectorOffset]) -> Result<SinkOffsetChanges, HerderError> {
    offsets.iter().map(|offset| Ok((sink_partition(offset)?, sink_offset(offset)?))).collect()
}

fn sink_partition(offset: &ConnectorOffset) -> Result<TopicPartition, HerderError> {
    let Some(partition) = &offset.partition else {
        return Err(HerderError::bad_request(
            "The partition for a sink connector offset cannot be null or missing",
        ));
    };
    let (Some(topic), Some(number)) = (partition.get(TOPIC), partition.get(PARTITION)) else {
        return Err(HerderError::bad_request(format!(
            "The partition for a sink connector offset must contain the keys '{TOPIC}' and '{PARTITION}'"
        )));
    };
    if topic.is_null() {
        return Err(HerderError::bad_request("Kafka topic names must be valid strings and may not be null"));
    }
    if number.is_null() {
        return Err(HerderError::bad_request("Kafka partitions must be valid numbers and may not be null"));
    }
    let number = java_text(number);
    let parsed = number.parse::<i32>().map_err(|_| {
        HerderError::bad_request(format!(
            "Failed to parse the following Kafka partition value in the provided offsets: '{number}'. Partition \
             values for sink connectors need to be integers."
        ))
    })?;
    Ok(TopicPartition::new(java_text(topic), parsed))
}

fn sink_offset(offset: &ConnectorOffset) -> Result<Option<i64>, HerderError> {
    let Some(offset) = &offset.offset else { return Ok(None) };
    let Some(value) = offset.get(OFFSET) else {
        return Err(HerderError::bad_request(format!(
            "The offset for a sink connector should either be null or contain the key '{OFFSET}'"
        )));
    };
    let text = java_text(value);
    text.parse().map(Some).map_err(|_| {
        HerderError::bad_request(format!(
            "Failed to parse the following Kafka offset value in the provided offsets: '{text}'. Offset values for \
             sink connectors need to be integers."
        ))
    })
}

/// Returns the text of `String.valueOf` for a value that came as JSON.
fn java_text(value: &Json) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

pub(crate) fn shown_sink(partition: &TopicPartition, offset: i64) -> ConnectorOffset {
    let partition = [
        (PARTITION.to_owned(), Json::from(partition.partition)),
        (TOPIC.to_owned(), Json::from(&*partition.topic)),
    ];
    let offset = [(OFFSET.to_owned(), Json::from(offset))];
    ConnectorOffset {
        partition: Some(partition.into_iter().collect()),
        offset: Some(offset.into_iter().collect()),
    }
}

pub(crate) fn source_change(offset: &ConnectorOffset) -> (Option<Map>, Option<Map>) {
    (offset.partition.as_ref().map(from_json), offset.offset.as_ref().map(from_json))
}

/// Fails when a value is not primitive, with the text of `OffsetUtils.validateFormat`.
pub(crate) fn check_primitive(map: &Map) -> Result<(), HerderError> {
    for (key, value) in &map.entries {
        let ty = match value {
            Value::Map(_) => "MAP",
            Value::Array(_) => "ARRAY",
            _ => continue,
        };
        let key = key.as_str().unwrap_or_default();
        return Err(HerderError::internal(format!(
            "Offsets may only contain primitive types as values, but field {key} contains {ty}"
        )));
    }
    Ok(())
}

/// Reads a JSON object as a JSON converter without schemas does: integers are INT64, other numbers FLOAT64.
fn from_json(object: &JsonMap<String, Json>) -> Map {
    let entry = |(key, value): (&String, &Json)| (Value::String(key.as_str().into()), value_from_json(value));
    Map { entries: object.iter().map(entry).collect() }
}

fn value_from_json(value: &Json) -> Value {
    match value {
        Json::Null => Value::Null,
        Json::Bool(flag) => Value::Boolean(*flag),
        Json::Number(number) => match number.as_i64() {
            Some(integer) => Value::Int64(integer),
            None => Value::Float64(number.as_f64().unwrap_or(f64::NAN)),
        },
        Json::String(text) => Value::String(text.as_str().into()),
        Json::Array(items) => Value::Array(items.iter().map(value_from_json).collect()),
        Json::Object(object) => Value::Map(from_json(object)),
    }
}

pub(crate) fn to_json(map: &Map) -> JsonMap<String, Json> {
    map.entries
        .iter()
        .filter_map(|(key, value)| Some((key.as_str()?.to_owned(), value_to_json(value))))
        .collect()
}

/// Offsets hold primitive values only; anything else would have been refused when it was stored.
fn value_to_json(value: &Value) -> Json {
    match value {
        Value::Boolean(flag) => Json::from(*flag),
        Value::Int8(number) => Json::from(*number),
        Value::Int16(number) => Json::from(*number),
        Value::Int32(number) => Json::from(*number),
        Value::Int64(number) => Json::from(*number),
        Value::Float32(number) => Json::from(f64::from(*number)),
        Value::Float64(number) => Json::from(*number),
        Value::String(text) => Json::from(&**text),
        _ => Json::Null,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn offset(text: &str) -> ConnectorOffset {
        let json: Json = serde_json::from_str(text).expect("valid JSON");
        let part = |key: &str| json.get(key).and_then(Json::as_object).cloned();
        ConnectorOffset { partition: part("partition"), offset: part("offset") }
    }

    #[test]
    fn sink_offsets_accept_numbers_and_strings() {
        let offsets = [
            offset(r#"{"partition":{"kafka_topic":"t","kafka_partition":1},"offset":{"kafka_offset":5}}"#),
            offset(r#"{"partition":{"kafka_topic":5,"kafka_partition":"2"},"offset":{"kafka_offset":"6"}}"#),
            offset(r#"{"partition":{"kafka_topic":"t","kafka_partition":0},"offset":null}"#),
        ];
        let expected = vec![
            (TopicPartition::new("t", 1), Some(5)),
            (TopicPartition::new("5", 2), Some(6)),
            (TopicPartition::new("t", 0), None),
        ];
        assert_eq!(sink_changes(&offsets), Ok(expected));
    }

    #[test]
    fn source_offsets_come_back_as_longs_and_doubles() {
        let map = from_json(
            offset(r#"{"partition":{"a":1,"b":1.5,"c":"x","d":null,"e":true}}"#)
                .partition
                .as_ref()
                .expect("given"),
        );
        let values: Vec<Value> = map.entries.iter().map(|(_, value)| value.clone()).collect();
        let expected = [
            Value::Int64(1),
            Value::Float64(1.5),
            Value::String("x".into()),
            Value::Null,
            Value::Boolean(true),
        ];
        assert_eq!(values, expected);
        assert_eq!(
            serde_json::to_string(&to_json(&map)).expect("plain"),
            r#"{"a":1,"b":1.5,"c":"x","d":null,"e":true}"#
        );
    }

    #[test]
    fn nested_source_offsets_are_refused() {
        let map =
            from_json(offset(r#"{"partition":{"filename":{"a":1}}}"#).partition.as_ref().expect("given"));
        let text = "Offsets may only contain primitive types as values, but field filename contains MAP";
        assert_eq!(check_primitive(&map), Err(HerderError::internal(text)));
    }
}
