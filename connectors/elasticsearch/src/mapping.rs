//! Mappings from schemas, as the originals make them. Pure.

use serde_json::{Map, Value as Json, json};

use connect_core::data::{Schema, Type, Value, logical};

/// Longest text that `keyword` sub-fields take.
const IGNORE_ABOVE: u32 = 256;

/// Returns the mapping of a schema.
pub(crate) fn mapping(schema: &Schema, compacts_maps: bool) -> Json {
    match schema.name.as_deref() {
        Some(logical::DATE | logical::TIME | logical::TIMESTAMP) => return field("date", schema),
        Some(logical::DECIMAL) => return field("double", schema),
        _ => {}
    }
    let inner = |inner: &Option<connect_core::data::SchemaRef>| {
        inner.as_ref().map_or_else(|| json!({}), |inner| mapping(inner, compacts_maps))
    };
    match schema.ty {
        Type::Array => inner(&schema.value_schema),
        Type::Map => {
            let is_object =
                compacts_maps && schema.key_schema.as_ref().is_some_and(|key| key.ty == Type::String);
            match is_object {
                // Its keys are fields, known only when they come.
                true => json!({ "type": "object" }),
                false => json!({ "properties": {
                    "key": inner(&schema.key_schema),
                    "value": inner(&schema.value_schema),
                } }),
            }
        }
        Type::Struct => {
            let fields = schema.fields.iter();
            let properties: Map<String, Json> =
                fields.map(|field| (field.name.clone(), mapping(&field.schema, compacts_maps))).collect();
            json!({ "properties": properties })
        }
        Type::Boolean => field("boolean", schema),
        Type::Int8 => field("byte", schema),
        Type::Int16 => field("short", schema),
        Type::Int32 => field("integer", schema),
        Type::Int64 => field("long", schema),
        Type::Float32 => field("float", schema),
        Type::Float64 => field("double", schema),
        Type::Bytes => json!({ "type": "binary" }),
        Type::String => json!({
            "type": "text",
            "fields": { "keyword": { "type": "keyword", "ignore_above": IGNORE_ABOVE } },
        }),
    }
}

/// Returns a field; the schema's default becomes the value of nulls.
fn field(ty: &str, schema: &Schema) -> Json {
    let null_value = match &schema.default {
        Some(Value::Boolean(flag)) => Some(json!(flag)),
        Some(Value::Int8(number)) => Some(json!(number)),
        Some(Value::Int16(number)) => Some(json!(number)),
        Some(Value::Int32(number)) => Some(json!(number)),
        Some(Value::Int64(number) | Value::Date(number)) => Some(json!(number)),
        Some(Value::Float32(number)) => Some(json!(number)),
        Some(Value::Float64(number)) => Some(json!(number)),
        Some(Value::Decimal(number)) => number.to_string().parse::<f64>().ok().map(|number| json!(number)),
        _ => None,
    };
    match null_value {
        Some(null_value) => json!({ "type": ty, "null_value": null_value }),
        None => json!({ "type": ty }),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use connect_core::data::SchemaBuilder;

    use super::*;

    #[test]
    fn schemas_become_the_mappings_of_the_originals() {
        let defaulted = SchemaBuilder::new(Type::Int32).default_value(Value::Int32(7));
        let tags = SchemaBuilder::array(Arc::new(Schema::of(Type::Int16)));
        let names = SchemaBuilder::map(Arc::clone(&logical::STRING), Arc::new(Schema::of(Type::Int8)));
        let schema = SchemaBuilder::structure()
            .field("text", Schema::of(Type::String))
            .field("count", defaulted.build().expect("a schema"))
            .field("tags", tags.build().expect("a schema"))
            .field("names", names.build().expect("a schema"))
            .field("price", logical::decimal(2))
            .field("at", logical::timestamp())
            .field("raw", Schema::of(Type::Bytes))
            .build()
            .expect("a schema");
        let expected = |names: Json| {
            json!({ "properties": {
                "text": { "type": "text", "fields": { "keyword": { "type": "keyword", "ignore_above": 256 } } },
                "count": { "type": "integer", "null_value": 7 },
                "tags": { "type": "short" },
                "names": names,
                "price": { "type": "double" },
                "at": { "type": "date" },
                "raw": { "type": "binary" },
            } })
        };
        assert_eq!(mapping(&schema, true), expected(json!({ "type": "object" })));
        let entries = json!({ "properties": {
            "key": { "type": "text", "fields": { "keyword": { "type": "keyword", "ignore_above": 256 } } },
            "value": { "type": "byte" },
        } });
        assert_eq!(mapping(&schema, false), expected(entries));
    }
}
