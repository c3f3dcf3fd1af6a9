//! Records as JSON: bytes as text where they are UTF-8, else in base64; data as JSON beside the name of its schema.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use connect_core::data::json::write_value;
use connect_core::data::{Datum, Schema, Type, Value, java_text};
use connect_core::record::{ConnectRecord, RawHeaders};
use serde_json::{Map, Value as Json};

use crate::kafka::batch::RawRecord;
use crate::preview::mask::BASE64;

/// A record at one point of its way.
pub(super) type View = Map<String, Json>;

/// Returns a record as it was consumed.
pub(super) fn raw_view(raw: &RawRecord) -> View {
    let mut view = coordinates(&raw.topic, Some(raw.partition), Some(raw.offset), raw.timestamp);
    put_bytes(&mut view, "key", raw.key.as_deref());
    put_bytes(&mut view, "value", raw.value.as_deref());
    view.insert("headers".to_owned(), raw_headers(raw.headers.iter().flat_map(|headers| headers.iter())));
    view
}

/// Returns a record as bytes for Kafka.
pub(super) fn produced_view(
    record: &ConnectRecord,
    key: Option<&Bytes>,
    value: Option<&Bytes>,
    headers: &RawHeaders,
) -> View {
    let mut view = coordinates(&record.topic, record.partition, None, record.timestamp);
    put_bytes(&mut view, "key", key.map(|bytes| &**bytes));
    put_bytes(&mut view, "value", value.map(|bytes| &**bytes));
    view.insert("headers".to_owned(), raw_headers(headers.iter()));
    view
}

/// Returns a record as transforms see it.
pub(super) fn record_view(record: &ConnectRecord, offset: Option<i64>) -> View {
    let mut view = coordinates(&record.topic, record.partition, offset, record.timestamp);
    put_datum(&mut view, "key", &record.key);
    put_datum(&mut view, "value", &record.value);
    let header = |header: &connect_core::headers::Header| {
        let mut shown = View::new();
        shown.insert("key".to_owned(), Json::from(&*header.key));
        put_datum(&mut shown, "value", &header.value);
        Json::Object(shown)
    };
    view.insert("headers".to_owned(), record.headers.iter().map(header).collect());
    view
}

/// Puts bytes under a name, or in base64 under a longer one.
pub(super) fn put_bytes(view: &mut View, name: &str, bytes: Option<&[u8]>) {
    match bytes.map(std::str::from_utf8) {
        None => view.insert(name.to_owned(), Json::Null),
        Some(Ok(text)) => view.insert(name.to_owned(), Json::from(text)),
        Some(Err(_)) => {
            let encoded = STANDARD.encode(bytes.unwrap_or_default());
            view.insert(format!("{name}{BASE64}"), Json::from(encoded))
        }
    };
}

fn coordinates(topic: &str, partition: Option<i32>, offset: Option<i64>, timestamp: Option<i64>) -> View {
    let mut view = View::new();
    view.insert("topic".to_owned(), Json::from(topic));
    for (name, number) in
        [("partition", partition.map(i64::from)), ("offset", offset), ("timestamp", timestamp)]
    {
        if let Some(number) = number {
            view.insert(name.to_owned(), Json::from(number));
        }
    }
    view
}

fn raw_headers<'a>(headers: impl Iterator<Item = &'a (std::sync::Arc<str>, Option<Bytes>)>) -> Json {
    let header = |(name, value): &(std::sync::Arc<str>, Option<Bytes>)| {
        let mut shown = View::new();
        shown.insert("key".to_owned(), Json::from(&**name));
        put_bytes(&mut shown, "value", value.as_deref());
        Json::Object(shown)
    };
    headers.map(header).collect()
}

fn put_datum(view: &mut View, name: &str, datum: &Datum) {
    match &*datum.value() {
        Value::Bytes(bytes) => put_bytes(view, name, Some(bytes)),
        value => drop(view.insert(name.to_owned(), json_of(value))),
    }
    if let Some(schema) = datum.schema() {
        view.insert(format!("{name}_schema"), Json::from(schema_text(schema)));
    }
}

fn json_of(value: &Value) -> Json {
    let mut text = Vec::new();
    write_value(&mut text, value);
    serde_json::from_slice(&text).unwrap_or_else(|_| Json::from(java_text::to_text(value)))
}

/// Returns a schema in one line: `struct{a:int32,b:string?}`, with its name before it.
fn schema_text(schema: &Schema) -> String {
    let inner = |schema: &Option<connect_core::data::SchemaRef>| {
        schema.as_ref().map_or_else(String::new, |schema| schema_text(schema))
    };
    let plain = match schema.ty {
        Type::Struct => {
            let field =
                |field: &connect_core::data::Field| format!("{}:{}", field.name, schema_text(&field.schema));
            let fields: Vec<String> = schema.fields.iter().map(field).collect();
            format!("struct{{{}}}", fields.join(","))
        }
        Type::Array => format!("array<{}>", inner(&schema.value_schema)),
        Type::Map => format!("map<{},{}>", inner(&schema.key_schema), inner(&schema.value_schema)),
        other => other.name().to_lowercase(),
    };
    let named = match &schema.name {
        Some(name) => format!("{name}({plain})"),
        None => plain,
    };
    if schema.optional { format!("{named}?") } else { named }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use connect_core::data::SchemaBuilder;
    use serde_json::json;

    use super::*;

    #[test]
    fn bytes_are_text_or_base64_and_schemas_one_line() {
        let item = Arc::new(Schema::of(Type::Float64));
        let schema = SchemaBuilder::structure()
            .name("log")
            .field("count", Schema::of(Type::Int32))
            .field("text", Schema::optional(Type::String))
            .field("list", SchemaBuilder::array(item).build().expect("valid"))
            .build()
            .expect("valid");
        assert_eq!(schema_text(&schema), "log(struct{count:int32,text:string?,list:array<float64>})");
        let mut view = View::new();
        put_bytes(&mut view, "key", Some(b"\xff"));
        put_bytes(&mut view, "value", Some("ä".as_bytes()));
        put_bytes(&mut view, "other", None);
        assert_eq!(Json::Object(view), json!({"key_base64": "/w==", "value": "ä", "other": null}));
    }
}
