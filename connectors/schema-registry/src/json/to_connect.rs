//! JSON schemas into Connect schemas, as `JsonSchemaData.toConnectSchema` of Confluent's converter does.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use bytes::Bytes;
use connect_core::data::{Field, Schema, SchemaRef, Type, json, logical};
use connect_core::error::ConnectError;
use serde_json::{Map, Value as Json};

use super::config::{self, JsonSchemaConfig};
use super::decode;

/// Schemas may not nest deeper; a schema that refers to itself does.
const MAX_DEPTH: usize = 64;

/// Returns the Connect schema of a JSON schema. `version` is used where the schema itself names none.
///
/// # Errors
/// Fails with a data error when the schema has no counterpart in Connect.
pub(super) fn convert(
    config: &JsonSchemaConfig,
    root: &Json,
    references: &HashMap<String, Json>,
    version: Option<i32>,
) -> Result<SchemaRef, ConnectError> {
    let mut context = Context { config, root, references, unions: 0, depth: 0 };
    Ok(Arc::new(context.schema(root, version, false)?))
}

struct Context<'a> {
    config: &'a JsonSchemaConfig,
    root: &'a Json,
    references: &'a HashMap<String, Json>,
    unions: usize,
    depth: usize,
}

fn unsupported(schema: &Json) -> ConnectError {
    let mut text = schema.to_string();
    text.truncate(text.char_indices().nth(200).map_or(text.len(), |(at, _)| at));
    ConnectError::data(format!("Unsupported schema type {text}"))
}

impl<'a> Context<'a> {
    fn schema(&mut self, json: &'a Json, version: Option<i32>, force: bool) -> Result<Schema, ConnectError> {
        if self.depth > MAX_DEPTH {
            return Err(ConnectError::data(
                "a JSON schema that holds itself, or nests too deeply, is not supported",
            ));
        }
        self.depth += 1;
        let schema = self.schema_inside(json, version, force);
        self.depth -= 1;
        schema
    }

    fn schema_inside(
        &mut self,
        json: &'a Json,
        version: Option<i32>,
        force: bool,
    ) -> Result<Schema, ConnectError> {
        let members = json.as_object().ok_or_else(|| unsupported(json))?;
        if let Some(reference) = members.get("$ref").and_then(Json::as_str) {
            let target = self.resolve(reference)?;
            return self.schema(target, version, force);
        }
        for word in ["oneOf", "anyOf"] {
            if let Some(branches) = members.get(word).and_then(Json::as_array) {
                return self.choice(members, branches, version, force);
            }
        }
        if let Some(parts) = members.get("allOf").and_then(Json::as_array) {
            return self.all_of(parts, version, force);
        }
        if let Some(Json::Array(types)) = members.get("type") {
            return self.several_types(members, types, version, force);
        }
        let mut schema = self.base(json, members)?;
        self.add_attributes(members, version, &mut schema)?;
        schema.optional |= force;
        Ok(schema)
    }

    fn base(&mut self, json: &'a Json, members: &'a Map<String, Json>) -> Result<Schema, ConnectError> {
        if let Some(values) = members.get("enum").and_then(Json::as_array) {
            return Ok(self.enumeration(values));
        }
        if let Some(value) = members.get("const") {
            return Ok(self.enumeration(std::slice::from_ref(value)));
        }
        let connect = members.get(config::CONNECT_TYPE).and_then(Json::as_str);
        let ty = members.get("type").and_then(Json::as_str);
        match ty {
            Some("boolean") => Ok(Schema::of(Type::Boolean)),
            Some("integer" | "number") => number(connect, ty == Some("integer")),
            Some("string") => {
                Ok(Schema::of(if connect == Some("bytes") { Type::Bytes } else { Type::String }))
            }
            Some("array") => self.array(members, connect),
            Some("object") => self.object(members, connect),
            None if members.contains_key("properties") => self.object(members, connect),
            None if members.contains_key("items") => self.array(members, connect),
            _ => Err(unsupported(json)),
        }
    }

    fn array(
        &mut self,
        members: &'a Map<String, Json>,
        connect: Option<&str>,
    ) -> Result<Schema, ConnectError> {
        let items = members.get("items").filter(|items| items.is_object());
        let items = items.ok_or_else(|| ConnectError::data("Array schema did not specify the items type"))?;
        if let (Some("map"), Some(entry)) = (connect, items.get("properties")) {
            let part = |name: &str| {
                entry
                    .get(name)
                    .ok_or_else(|| ConnectError::data("an array of a map has no keys or no values"))
            };
            let (key, value) = (part(config::KEY)?, part(config::VALUE)?);
            return Ok(Schema {
                key_schema: Some(Arc::new(self.schema(key, None, false)?)),
                value_schema: Some(Arc::new(self.schema(value, None, false)?)),
                ..Schema::of(Type::Map)
            });
        }
        Ok(Schema {
            value_schema: Some(Arc::new(self.schema(items, None, false)?)),
            ..Schema::of(Type::Array)
        })
    }

    fn object(
        &mut self,
        members: &'a Map<String, Json>,
        connect: Option<&str>,
    ) -> Result<Schema, ConnectError> {
        if connect == Some("map") {
            let values = members.get("additionalProperties").filter(|values| values.is_object());
            let values =
                values.ok_or_else(|| ConnectError::data("an object of a map does not specify its values"))?;
            return Ok(Schema {
                key_schema: Some(Arc::clone(&logical::STRING)),
                value_schema: Some(Arc::new(self.schema(values, None, false)?)),
                ..Schema::of(Type::Map)
            });
        }
        let properties = members.get("properties").and_then(Json::as_object);
        // As on the JVM, a property without an index goes behind those before it, and two of one index are one.
        let mut ordered: BTreeMap<u64, (&String, &'a Json)> = BTreeMap::new();
        for (name, property) in properties.into_iter().flatten() {
            let given = property.get(config::CONNECT_INDEX).and_then(Json::as_u64);
            ordered.insert(given.unwrap_or(ordered.len() as u64), (name, property));
        }
        let mut schema = Schema::of(Type::Struct);
        for (name, property) in ordered.into_values() {
            let force = self.config.optional_for_nonrequired && !is_required(members, name);
            let child = Arc::new(self.schema(property, None, force)?);
            schema.fields.push(Field { name: name.clone(), schema: child });
        }
        Ok(schema)
    }

    fn choice(
        &mut self,
        members: &'a Map<String, Json>,
        branches: &'a [Json],
        version: Option<i32>,
        force: bool,
    ) -> Result<Schema, ConnectError> {
        if let [only] = branches
            && self.config.flatten_unions
        {
            return self.schema(only, None, false);
        }
        if let [first, second] = branches {
            match (is_null(first), is_null(second)) {
                (true, false) => return self.schema(second, version, true),
                (false, true) => return self.schema(first, version, true),
                _ => {}
            }
        }
        let mut schema = self.begin_union();
        for branch in branches {
            if is_null(branch) {
                schema.optional = true;
                continue;
            }
            let name = self.config.branch_field(schema.fields.len());
            let child = Arc::new(self.schema(branch, None, true)?);
            schema.fields.push(Field { name, schema: child });
        }
        self.add_attributes(members, version, &mut schema)?;
        schema.optional |= force;
        Ok(schema)
    }

    /// `"type": ["null", "string"]` is a choice between the types.
    fn several_types(
        &mut self,
        members: &'a Map<String, Json>,
        types: &'a [Json],
        version: Option<i32>,
        force: bool,
    ) -> Result<Schema, ConnectError> {
        let of_type = |ty: &Json| {
            let mut own = members.clone();
            own.insert("type".to_owned(), ty.clone());
            Json::Object(own)
        };
        let others: Vec<Json> = types.iter().filter(|ty| ty.as_str() != Some("null")).map(of_type).collect();
        let has_null = others.len() < types.len();
        if let [only] = others.as_slice() {
            return self.detached(only, version, force || has_null);
        }
        let mut schema = self.begin_union();
        for branch in &others {
            let name = self.config.branch_field(schema.fields.len());
            let child = Arc::new(self.detached(branch, None, true)?);
            schema.fields.push(Field { name, schema: child });
        }
        schema.optional |= force || has_null;
        Ok(schema)
    }

    /// Converts a schema that was put together here and lives shorter than the others.
    fn detached(&mut self, json: &Json, version: Option<i32>, force: bool) -> Result<Schema, ConnectError> {
        let mut context = Context { unions: self.unions, depth: self.depth, ..*self };
        let schema = context.schema(json, version, force);
        self.unions = context.unions;
        schema
    }

    fn begin_union(&mut self) -> Schema {
        let name = self.config.union_name(self.unions);
        self.unions += 1;
        let mut schema = Schema { name: Some(name.clone()), ..Schema::of(Type::Struct) };
        if self.config.generalized {
            schema.parameters.insert(config::GENERALIZED_UNION.to_owned(), name);
        }
        schema
    }

    /// Objects are put together; of anything else the part that says most counts.
    fn all_of(
        &mut self,
        parts: &'a [Json],
        version: Option<i32>,
        force: bool,
    ) -> Result<Schema, ConnectError> {
        let mut properties: Vec<(&'a String, &'a Json, bool)> = Vec::new();
        for part in parts {
            self.collect(part, &mut properties, 0)?;
        }
        if properties.is_empty() {
            let has = |part: &&Json, keys: &[&str]| keys.iter().any(|key| part.get(key).is_some());
            let part = parts
                .iter()
                .find(|part| has(part, &["oneOf", "anyOf", "allOf"]))
                .or_else(|| parts.iter().find(|part| has(part, &["enum"])))
                .or_else(|| parts.iter().find(|part| has(part, &["type"])))
                .or_else(|| parts.iter().find(|part| has(part, &["$ref"])));
            return match part {
                Some(part) => self.schema(part, version, force),
                None => Err(ConnectError::data("Unsupported criterion allOf")),
            };
        }
        let mut schema = Schema { optional: force, ..Schema::of(Type::Struct) };
        for (name, property, is_required) in properties {
            let force = self.config.optional_for_nonrequired && !is_required;
            let child = Arc::new(self.schema(property, None, force)?);
            schema.fields.push(Field { name: name.clone(), schema: child });
        }
        Ok(schema)
    }

    fn collect(
        &self,
        part: &'a Json,
        properties: &mut Vec<(&'a String, &'a Json, bool)>,
        depth: usize,
    ) -> Result<(), ConnectError> {
        let Some(members) = part.as_object().filter(|_| depth < MAX_DEPTH) else { return Ok(()) };
        if let Some(reference) = members.get("$ref").and_then(Json::as_str) {
            return self.collect(self.resolve(reference)?, properties, depth + 1);
        }
        for part in members.get("allOf").and_then(Json::as_array).into_iter().flatten() {
            self.collect(part, properties, depth + 1)?;
        }
        for (name, property) in members.get("properties").and_then(Json::as_object).into_iter().flatten() {
            let entry = (name, property, is_required(members, name));
            match properties.iter_mut().find(|(known, ..)| *known == name) {
                Some(known) => *known = entry,
                None => properties.push(entry),
            }
        }
        Ok(())
    }

    fn resolve(&self, reference: &str) -> Result<&'a Json, ConnectError> {
        let (document, pointer) = reference.split_once('#').unwrap_or((reference, ""));
        let root = if document.is_empty() { Some(self.root) } else { self.references.get(document) };
        let found = root.and_then(|root| if pointer.is_empty() { Some(root) } else { root.pointer(pointer) });
        found.ok_or_else(|| {
            ConnectError::data(format!("a JSON schema refers to `{reference}`, which is not there"))
        })
    }

    fn enumeration(&self, values: &[Json]) -> Schema {
        let parameter = self.config.enum_parameter();
        let mut schema = Schema::of(Type::String);
        schema.parameters.insert(parameter.to_owned(), String::new());
        for (index, value) in values.iter().enumerate() {
            let symbol = match value {
                Json::Null => config::NULL_MARKER.to_owned(),
                Json::String(text) => text.clone(),
                other => other.to_string(),
            };
            let shown = if self.config.generalized { index.to_string() } else { symbol.clone() };
            schema.parameters.insert(format!("{parameter}.{symbol}"), shown);
        }
        schema
    }

    fn add_attributes(
        &self,
        members: &Map<String, Json>,
        version: Option<i32>,
        schema: &mut Schema,
    ) -> Result<(), ConnectError> {
        let text = |key: &str| members.get(key).and_then(Json::as_str).map(str::to_owned);
        schema.name = schema.name.take().or_else(|| text("title"));
        let own = members.get(config::CONNECT_VERSION).and_then(Json::as_i64);
        schema.version = own.and_then(|own| i32::try_from(own).ok()).or(version);
        schema.doc = text("description");
        for (key, value) in
            members.get(config::CONNECT_PARAMETERS).and_then(Json::as_object).into_iter().flatten()
        {
            schema
                .parameters
                .insert(key.clone(), value.as_str().map_or_else(|| value.to_string(), str::to_owned));
        }
        if let Some(default) = members.get("default").filter(|default| !default.is_null()) {
            let text = Bytes::from(default.to_string());
            let node = json::read(&text)
                .map_err(|error| ConnectError::data("Invalid default value").because(error))?;
            let value = decode::decode(&Arc::new(schema.clone()), &node, &text)?;
            value
                .validate(schema, None)
                .map_err(|error| ConnectError::data("Invalid default value").because(error))?;
            schema.default = Some(value);
        }
        Ok(())
    }
}

fn number(connect: Option<&str>, is_integer: bool) -> Result<Schema, ConnectError> {
    Ok(Schema::of(match connect {
        None if is_integer => Type::Int64,
        None => Type::Float64,
        Some("int8") => Type::Int8,
        Some("int16") => Type::Int16,
        Some("int32") => Type::Int32,
        Some("int64") => Type::Int64,
        Some("float32") => Type::Float32,
        Some("float64") => Type::Float64,
        Some("bytes") => Type::Bytes,
        Some(other) => return Err(ConnectError::data(format!("Unsupported type {other}"))),
    }))
}

fn is_null(schema: &Json) -> bool {
    schema.get("type").and_then(Json::as_str) == Some("null")
}

fn is_required(members: &Map<String, Json>, name: &str) -> bool {
    let required = members.get("required").and_then(Json::as_array);
    required.is_some_and(|required| required.iter().any(|other| other.as_str() == Some(name)))
}
