//! Connect schemas into JSON schemas, as `JsonSchemaData.fromConnectSchema` of Confluent's converter does.

use connect_core::data::{Schema, Type, logical};
use connect_core::error::ConnectError;
use serde_json::{Map, Value as Json, json};

use super::config::{self, JsonSchemaConfig};
use super::encode;

/// Returns the JSON schema of a Connect schema.
///
/// # Errors
/// Fails with a data error when the schema has no counterpart.
pub(super) fn convert(config: &JsonSchemaConfig, schema: &Schema) -> Result<Json, ConnectError> {
    Context { config }.schema(schema, None, false)
}

struct Context<'a> {
    config: &'a JsonSchemaConfig,
}

impl Context<'_> {
    fn schema(
        &self,
        schema: &Schema,
        index: Option<usize>,
        ignore_optional: bool,
    ) -> Result<Json, ConnectError> {
        let mut members = if config::is_union(schema) {
            self.union(schema)?
        } else if schema.ty == Type::Struct && schema.optional {
            let required = self.schema(&Schema { optional: false, ..schema.clone() }, None, false)?;
            one_of(vec![json!({"type": "null"}), required])
        } else {
            let mut members = self.base(schema)?;
            self.add_attributes(schema, &mut members)?;
            match schema.optional && !ignore_optional {
                true => one_of(vec![json!({"type": "null"}), Json::Object(members)]),
                false => members,
            }
        };
        if let Some(index) = index {
            members.insert(config::CONNECT_INDEX.to_owned(), index.into());
        }
        Ok(Json::Object(members))
    }

    fn union(&self, schema: &Schema) -> Result<Map<String, Json>, ConnectError> {
        let mut branches = Vec::with_capacity(schema.fields.len() + 1);
        if schema.optional {
            branches.push(json!({"type": "null"}));
        }
        for (index, field) in schema.fields.iter().enumerate() {
            let required = Schema { optional: false, ..(*field.schema).clone() };
            branches.push(self.schema(&required, Some(index), true)?);
        }
        Ok(one_of(branches))
    }

    fn base(&self, schema: &Schema) -> Result<Map<String, Json>, ConnectError> {
        let missing = || ConnectError::data("Array or map schema without element schema");
        let child = |index| self.schema(schema.value_schema.as_deref().ok_or_else(missing)?, index, false);
        let json = match schema.ty {
            Type::Int8 => json!({"type": "integer", "connect.type": "int8"}),
            Type::Int16 => json!({"type": "integer", "connect.type": "int16"}),
            Type::Int32 => json!({"type": "integer", "connect.type": "int32"}),
            Type::Int64 => json!({"type": "integer", "connect.type": "int64"}),
            Type::Float32 => json!({"type": "number", "connect.type": "float32"}),
            Type::Float64 => json!({"type": "number", "connect.type": "float64"}),
            Type::Boolean => json!({"type": "boolean"}),
            Type::String if config::is_enum(schema) => self.enumeration(schema),
            Type::String => json!({"type": "string"}),
            Type::Bytes if schema.is_named(logical::DECIMAL) && self.config.is_numeric() => {
                json!({"type": "number", "connect.type": "bytes"})
            }
            Type::Bytes => json!({"type": "string", "connect.type": "bytes"}),
            Type::Array => json!({"type": "array", "items": child(None)?}),
            Type::Map => {
                let key = schema.key_schema.as_deref().ok_or_else(missing)?;
                match config::is_object(key) {
                    true => json!({
                        "type": "object", "connect.type": "map", "additionalProperties": child(None)?
                    }),
                    false => json!({"type": "array", "connect.type": "map", "items": {
                        "type": "object",
                        "properties": {"key": self.schema(key, Some(0), false)?, "value": child(Some(1))?}
                    }}),
                }
            }
            Type::Struct => self.object(schema)?,
        };
        match json {
            Json::Object(members) => Ok(members),
            _ => unreachable!("every arm makes an object"),
        }
    }

    fn enumeration(&self, schema: &Schema) -> Json {
        let prefix = format!("{}.", self.config.enum_parameter());
        let symbols = schema.parameters.keys().filter_map(|key| key.strip_prefix(&prefix));
        let symbols: Vec<Json> = symbols
            .map(|symbol| if symbol == config::NULL_MARKER { Json::Null } else { symbol.into() })
            .collect();
        json!({"enum": symbols})
    }

    fn object(&self, schema: &Schema) -> Result<Json, ConnectError> {
        let mut properties = Map::new();
        for (index, field) in schema.fields.iter().enumerate() {
            properties.insert(field.name.clone(), self.schema(&field.schema, Some(index), false)?);
        }
        let mut object = json!({"type": "object"});
        if !properties.is_empty() {
            object["properties"] = Json::Object(properties);
        }
        if !self.config.additional_properties {
            object["additionalProperties"] = false.into();
        }
        Ok(object)
    }

    fn add_attributes(&self, schema: &Schema, members: &mut Map<String, Json>) -> Result<(), ConnectError> {
        let mut put = |key: &str, value: Json| {
            members.insert(key.to_owned(), value);
        };
        if let Some(name) = &schema.name {
            put("title", name.clone().into());
        }
        if let Some(doc) = &schema.doc {
            put("description", doc.clone().into());
        }
        if let Some(default) = schema.default.as_ref().filter(|default| !default.is_null()) {
            let mut text = Vec::new();
            encode::write(self.config, schema, default, &mut text)?;
            let default = serde_json::from_slice(&text);
            let default =
                default.map_err(|error| ConnectError::data("Invalid default value").because(error))?;
            put("default", without_zeros(default));
        }
        if let Some(version) = schema.version {
            put(config::CONNECT_VERSION, version.into());
        }
        let own = schema.parameters.iter().filter(|(key, _)| !key.starts_with(config::NAMESPACE));
        let own: Map<String, Json> = own.map(|(key, value)| (key.clone(), value.clone().into())).collect();
        if !own.is_empty() {
            put(config::CONNECT_PARAMETERS, Json::Object(own));
        }
        Ok(())
    }
}

/// Returns a number as the JVM's library prints it in a schema: without zeros behind the point.
fn without_zeros(json: Json) -> Json {
    #[expect(clippy::cast_possible_truncation, reason = "only whole numbers that fit are taken")]
    match json.as_f64().filter(|number| number.fract() == 0.0 && number.abs() < 1e7 && !json.is_i64()) {
        Some(number) => (number as i64).into(),
        None => json,
    }
}

fn one_of(branches: Vec<Json>) -> Map<String, Json> {
    Map::from_iter([("oneOf".to_owned(), Json::Array(branches))])
}
