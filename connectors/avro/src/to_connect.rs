//! Avro schemas into Connect schemas, as `AvroData.toConnectSchema` of Confluent's converter does.

use std::sync::Arc;

use connect_core::data::{Field, Schema, SchemaRef, Type, logical};
use connect_core::error::ConnectError;
use serde_json::Value as Json;

use crate::config::AvroConfig;
use crate::defaults;
use crate::names;
use crate::schema::{self, Avro, Kind, Record};

/// Returns the Connect schema of an Avro schema. `version` is used where the schema itself names none.
///
/// # Errors
/// Fails with a data error when the schema has no counterpart in Connect.
pub fn convert(config: &AvroConfig, avro: &Avro, version: Option<i32>) -> Result<SchemaRef, ConnectError> {
    let mut context = Context { config, unions: 0 };
    let schema = context.schema(avro, Around { version, ..Around::default() })?;
    Ok(Arc::new(schema))
}

/// What stands around a schema.
#[derive(Clone, Copy, Default)]
struct Around<'a> {
    is_optional: bool,
    default: Option<&'a Json>,
    doc: Option<&'a str>,
    version: Option<i32>,
}

struct Context<'a> {
    config: &'a AvroConfig,
    unions: usize,
}

impl Context<'_> {
    fn schema(&mut self, avro: &Avro, around: Around<'_>) -> Result<Schema, ConnectError> {
        if let Kind::Union(branches) = &avro.kind
            && let Some(only) = self.only_branch(branches)
        {
            let is_optional = branches.len() == 2;
            return self.schema(only, Around { is_optional, doc: around.doc, ..Around::default() });
        }
        let mut schema = self.base(avro)?;
        self.add_doc(avro, around.doc, &mut schema);
        add_version(avro, around.version, &mut schema)?;
        self.add_parameters(avro, &mut schema)?;
        self.add_default(avro, around.default, &mut schema);
        add_name(avro, &mut schema)?;
        schema.optional |= around.is_optional;
        Ok(schema)
    }

    /// Returns the branch of a union that only says whether there is a value.
    fn only_branch<'b>(&self, branches: &'b [Arc<Avro>]) -> Option<&'b Avro> {
        match branches {
            [only] if self.config.flatten_unions => Some(only),
            [null, other] | [other, null] if null.kind == Kind::Null && other.kind != Kind::Null => {
                Some(other)
            }
            _ => None,
        }
    }

    fn child(&mut self, avro: &Avro) -> Result<SchemaRef, ConnectError> {
        self.schema(avro, Around::default()).map(Arc::new)
    }

    fn base(&mut self, avro: &Avro) -> Result<Schema, ConnectError> {
        Ok(match &avro.kind {
            Kind::Boolean => Schema::of(Type::Boolean),
            Kind::Bytes => self.bytes(avro, None)?,
            Kind::Fixed(fixed) => self.bytes(avro, Some(fixed))?,
            Kind::Double => Schema::of(Type::Float64),
            Kind::Float => Schema::of(Type::Float32),
            Kind::Int => int(avro)?,
            Kind::Long => match avro.prop(names::LOGICAL_TYPE) {
                Some(word) if word.eq_ignore_ascii_case("timestamp-millis") => logical::timestamp(),
                _ => Schema::of(Type::Int64),
            },
            Kind::String => Schema::of(Type::String),
            Kind::Array(element) if names::is_map_entry(element) => {
                let Kind::Record(entry) = &element.kind else { unreachable!("an entry is a record") };
                let (key, value) = entry_fields(entry)?;
                let (key_schema, value_schema) = (Some(self.child(key)?), Some(self.child(value)?));
                Schema { key_schema, value_schema, ..Schema::of(Type::Map) }
            }
            Kind::Array(element) => {
                Schema { value_schema: Some(self.child(element)?), ..Schema::of(Type::Array) }
            }
            Kind::Map(values) => Schema {
                key_schema: Some(Arc::clone(&logical::STRING)),
                value_schema: Some(self.child(values)?),
                ..Schema::of(Type::Map)
            },
            Kind::Record(record) => self.record(record)?,
            Kind::Enum(symbols) => self.enumeration(symbols),
            Kind::Union(branches) => self.union(branches)?,
            Kind::Null => {
                return Err(ConnectError::data(
                    "Standalone null schemas are not supported by this converter",
                ));
            }
            Kind::Open(name) => {
                let name = name.full();
                return Err(ConnectError::data(format!(
                    "record `{name}` holds itself, which is not supported"
                )));
            }
        })
    }

    fn bytes(&self, avro: &Avro, fixed: Option<&schema::Fixed>) -> Result<Schema, ConnectError> {
        let is_decimal =
            avro.prop(names::LOGICAL_TYPE).is_some_and(|word| word.eq_ignore_ascii_case("decimal"));
        let mut schema = Schema::of(Type::Bytes);
        if is_decimal {
            let scale = avro.props.get("scale").and_then(Json::as_i64).unwrap_or(0);
            schema = logical::decimal(i32::try_from(scale).unwrap_or(0));
            if let Some(precision) = avro.props.get("precision") {
                let precision = precision
                    .as_i64()
                    .ok_or_else(|| ConnectError::data("precision property must be a JSON Integer."))?;
                if precision != names::DEFAULT_PRECISION {
                    schema.parameters.insert(names::DECIMAL_PRECISION.to_owned(), precision.to_string());
                }
            }
        }
        if let Some(fixed) = fixed {
            schema.parameters.insert(names::FIXED_SIZE.to_owned(), fixed.size.to_string());
        }
        Ok(schema)
    }

    fn record(&mut self, record: &Record) -> Result<Schema, ConnectError> {
        let keeps_docs = !self.config.discard_type_doc && self.config.meta_data;
        let mut schema = Schema::of(Type::Struct);
        if let Some(doc) = record.doc.as_ref().filter(|_| keeps_docs) {
            schema.parameters.insert(names::RECORD_DOC.to_owned(), doc.clone());
        }
        for field in &record.fields {
            if let Some(doc) = field.doc.as_ref().filter(|_| keeps_docs) {
                let key = format!("{}{}", names::FIELD_DOC_PREFIX, field.name);
                schema.parameters.insert(key, doc.clone());
            }
            let default = field.default.as_ref().filter(|default| !default.is_null());
            let around = Around { default, doc: field.doc.as_deref(), ..Around::default() };
            let mut child = self.schema(&field.schema, around)?;
            let own = field.props.get(names::CONNECT_PARAMETERS).filter(|_| self.config.meta_data);
            for (key, value) in own.and_then(Json::as_object).into_iter().flatten() {
                child.parameters.insert(key.clone(), text_of(value));
            }
            schema.fields.push(Field { name: field.name.clone(), schema: Arc::new(child) });
        }
        Ok(schema)
    }

    fn enumeration(&self, symbols: &schema::Enum) -> Schema {
        let config = self.config;
        let mut schema = Schema::of(Type::String);
        let mut put = |key: String, value: &str| {
            schema.parameters.insert(key, value.to_owned());
        };
        if config.meta_data {
            let own = &symbols.name.name;
            if let Some(doc) = &symbols.doc {
                let prefixed = format!("{}{own}", names::ENUM_DOC_PREFIX);
                put(if config.discard_type_doc { names::CONNECT_ENUM_DOC.to_owned() } else { prefixed }, doc);
            }
            if let Some(default) = symbols.default.as_ref().filter(|_| !config.discard_type_doc) {
                put(format!("{}{own}", names::ENUM_DEFAULT_PREFIX), default);
            }
        }
        let parameter = config.enum_parameter();
        put(parameter.to_owned(), &symbols.name.full());
        for (index, symbol) in symbols.symbols.iter().enumerate() {
            let value = if config.generalized { index.to_string() } else { symbol.clone() };
            put(format!("{parameter}.{symbol}"), &value);
        }
        schema
    }

    fn union(&mut self, branches: &[Arc<Avro>]) -> Result<Schema, ConnectError> {
        let name = self.config.union_name(self.unions);
        self.unions += 1;
        let mut schema = Schema { name: Some(name.clone()), ..Schema::of(Type::Struct) };
        if self.config.generalized {
            schema.parameters.insert(names::GENERALIZED_UNION.to_owned(), name);
        }
        for (index, branch) in branches.iter().enumerate() {
            if branch.kind == Kind::Null {
                schema.optional = true;
                continue;
            }
            let name = self.config.branch_field(branch, index);
            if schema.field(&name).is_some() {
                return Err(ConnectError::data("Multiple union schemas map to the Connect union field name"));
            }
            let child = self.schema(branch, Around { is_optional: true, ..Around::default() })?;
            schema.fields.push(Field { name, schema: Arc::new(child) });
        }
        Ok(schema)
    }

    fn add_doc(&self, avro: &Avro, field_doc: Option<&str>, schema: &mut Schema) {
        let own = avro.prop(names::CONNECT_DOC);
        if !self.config.discard_type_doc {
            schema.doc = own.filter(|_| self.config.meta_data).map(str::to_owned);
            return;
        }
        let type_doc = match &avro.kind {
            Kind::Record(record) => record.doc.as_deref(),
            Kind::Enum(symbols) => symbols.doc.as_deref(),
            Kind::Fixed(fixed) => fixed.doc.as_deref(),
            _ => None,
        };
        schema.doc = field_doc.or(type_doc).or(own).map(str::to_owned);
        if let Some(doc) = type_doc.filter(|_| self.config.meta_data) {
            schema.parameters.insert(names::CONNECT_RECORD_DOC.to_owned(), doc.to_owned());
        }
    }

    fn add_parameters(&self, avro: &Avro, schema: &mut Schema) -> Result<(), ConnectError> {
        if let Some(parameters) = avro.props.get(names::CONNECT_PARAMETERS).filter(|_| self.config.meta_data)
        {
            let members = parameters.as_object().ok_or_else(|| {
                ConnectError::data(format!(
                    "Expected JSON object for schema parameters but found: {parameters}"
                ))
            })?;
            for (key, value) in members {
                let text = value.as_str().ok_or_else(|| {
                    ConnectError::data(format!(
                        "Expected schema parameter values to be strings but found: {value}"
                    ))
                })?;
                schema.parameters.insert(key.clone(), text.to_owned());
            }
        }
        for (key, value) in &avro.props {
            if key.starts_with(names::AVRO_PREFIX) {
                schema.parameters.insert(key.clone(), text_of(value));
            }
        }
        Ok(())
    }

    fn add_default(&self, avro: &Avro, of_field: Option<&Json>, schema: &mut Schema) {
        let own = avro.props.get(names::CONNECT_DEFAULT);
        if of_field.is_some() && own.is_none() && !self.config.discard_type_doc && self.config.meta_data {
            schema.parameters.insert(names::FIELD_DEFAULT_FLAG.to_owned(), "true".to_owned());
        }
        if let Some(json) = of_field.or(own).filter(|json| !json.is_null()) {
            schema.default = defaults::from_json(self.config, schema, avro, json);
            if schema.default.is_none() {
                tracing::warn!(default = %json, "ignoring the default value of an Avro schema: it is none of its type");
            }
        }
    }
}

fn int(avro: &Avro) -> Result<Schema, ConnectError> {
    let is = |word: &str, expected: &str| word.eq_ignore_ascii_case(expected);
    if let Some(word) = avro.prop(names::LOGICAL_TYPE) {
        return Ok(match word {
            word if is(word, "date") => logical::date(),
            word if is(word, "time-millis") => logical::time(),
            _ => Schema::of(Type::Int32),
        });
    }
    match avro.prop(names::CONNECT_TYPE) {
        None => Ok(Schema::of(Type::Int32)),
        Some("int8") => Ok(Schema::of(Type::Int8)),
        Some("int16") => Ok(Schema::of(Type::Int16)),
        Some(_) => Err(ConnectError::data("Connect type annotation for Avro int field is null")),
    }
}

/// Returns the types of key and value of a map's entry.
pub fn entry_fields(entry: &Record) -> Result<(&Avro, &Avro), ConnectError> {
    let find = |name: &str| entry.fields.iter().find(|field| field.name == name).map(|field| &*field.schema);
    match (entry.fields.len(), find(names::KEY), find(names::VALUE)) {
        (2, Some(key), Some(value)) => Ok((key, value)),
        _ => Err(ConnectError::data(
            "Found map encoded as array of key-value pairs, but array elements do not match the expected format.",
        )),
    }
}

fn add_version(avro: &Avro, registered: Option<i32>, schema: &mut Schema) -> Result<(), ConnectError> {
    let version = match avro.props.get(names::CONNECT_VERSION) {
        Some(given) => {
            let number = given.as_i64().and_then(|number| i32::try_from(number).ok());
            Some(
                number
                    .ok_or_else(|| ConnectError::data(format!("Invalid Connect version found: {given}")))?,
            )
        }
        None => registered,
    };
    let Some(version) = version.filter(|version| *version >= 0) else { return Ok(()) };
    match schema.version {
        Some(own) if own != version => Err(ConnectError::data(format!(
            "Mismatched versions: version already added to SchemaBuilder ({own}) differs from version in source \
             schema ({version})"
        ))),
        _ => {
            schema.version = Some(version);
            Ok(())
        }
    }
}

fn add_name(avro: &Avro, schema: &mut Schema) -> Result<(), ConnectError> {
    let name = match (avro.props.get(names::CONNECT_NAME), avro.name()) {
        (Some(Json::String(name)), _) => Some(name.clone()),
        (Some(other), _) => return Err(ConnectError::data(format!("Invalid schema name: {other}"))),
        // The name of a fixed type that is a decimal does not count.
        (None, Some(_)) if schema.is_named(logical::DECIMAL) => None,
        (None, name) => name.map(schema::Name::full),
    };
    let Some(name) = name.filter(|name| !name.starts_with(names::DEFAULT_FULL_NAME)) else { return Ok(()) };
    match &schema.name {
        Some(own) if *own != name => Err(ConnectError::data(format!(
            "Mismatched names: name already added to SchemaBuilder ({own}) differs from name in source schema \
             ({name})"
        ))),
        _ => {
            schema.name = Some(name);
            Ok(())
        }
    }
}

fn text_of(json: &Json) -> String {
    json.as_str().map_or_else(|| json.to_string(), str::to_owned)
}
