//! Connect schemas into Avro schemas, as `AvroData.fromConnectSchema` of Confluent's converter does.

use std::collections::HashSet;
use std::sync::Arc;

use connect_core::data::{Schema, Type, logical};
use connect_core::error::ConnectError;
use indexmap::IndexMap;
use serde_json::{Map, Value as Json};

use crate::config::AvroConfig;
use crate::defaults;
use crate::names::{self, NAMESPACE};
use crate::schema::{Avro, Enum, Field, Fixed, Kind, Name, Record};

/// Returns the Avro schema of a Connect schema.
///
/// # Errors
/// Fails with a data error when the schema has no counterpart in Avro.
pub fn convert(config: &AvroConfig, schema: &Schema) -> Result<Arc<Avro>, ConnectError> {
    let mut context = Context { config, done: Vec::new(), seen: HashSet::new(), unnamed: 0 };
    context.schema(schema, false)
}

struct Context<'a> {
    config: &'a AvroConfig,
    /// Required schemas that became named types: the same schema again is the same type.
    done: Vec<(Schema, Arc<Avro>)>,
    /// Names of fields' schemas so far.
    seen: HashSet<String>,
    unnamed: usize,
}

impl Context<'_> {
    fn schema(&mut self, schema: &Schema, ignore_optional: bool) -> Result<Arc<Avro>, ConnectError> {
        let is_union = names::is_union(schema);
        let may_share = !schema.optional && !is_union && !schema.ty.is_primitive() || names::is_enum(schema);
        if may_share
            && !schema.optional
            && let Some((_, done)) = self.done.iter().find(|(known, _)| known == schema)
        {
            return Ok(Arc::clone(done));
        }
        if is_union {
            return self.union(schema);
        }
        if schema.ty == Type::Struct && schema.optional {
            let record = self.schema(&Schema { optional: false, ..schema.clone() }, false)?;
            let null = Arc::new(Avro::of(Kind::Null));
            return Ok(Arc::new(Avro::of(Kind::Union(vec![null, record]))));
        }
        let kind = self.kind(schema)?;
        let mut avro = Avro { props: self.props(schema, &kind)?, kind };
        self.add_logical_type(schema, &mut avro);
        for (key, value) in &schema.parameters {
            if key.starts_with(names::AVRO_PREFIX) {
                avro.props.insert(key.clone(), value.clone().into());
            }
        }
        let avro = Arc::new(avro);
        if !schema.optional {
            if may_share {
                self.done.push((schema.clone(), Arc::clone(&avro)));
            }
            return Ok(avro);
        }
        if ignore_optional {
            return Ok(avro);
        }
        let null = Arc::new(Avro::of(Kind::Null));
        let branches = if schema.default.is_some() { vec![avro, null] } else { vec![null, avro] };
        Ok(Arc::new(Avro::of(Kind::Union(branches))))
    }

    fn union(&mut self, schema: &Schema) -> Result<Arc<Avro>, ConnectError> {
        let mut branches = Vec::with_capacity(schema.fields.len() + 1);
        if schema.optional {
            branches.push(Arc::new(Avro::of(Kind::Null)));
        }
        for field in &schema.fields {
            let required = Schema { optional: false, ..(*field.schema).clone() };
            branches.push(self.schema(&required, true)?);
        }
        Ok(Arc::new(Avro::of(Kind::Union(branches))))
    }

    fn kind(&mut self, schema: &Schema) -> Result<Kind, ConnectError> {
        Ok(match schema.ty {
            Type::Int8 | Type::Int16 | Type::Int32 => Kind::Int,
            Type::Int64 => Kind::Long,
            Type::Float32 => Kind::Float,
            Type::Float64 => Kind::Double,
            Type::Boolean => Kind::Boolean,
            Type::String => self.string(schema),
            Type::Bytes => match names::fixed_size(schema) {
                Some(size) => {
                    let name = self.name_of(schema);
                    Kind::Fixed(Fixed { name, doc: None, size })
                }
                None => Kind::Bytes,
            },
            Type::Array => Kind::Array(self.child(schema.value_schema.as_deref())?),
            Type::Map => self.map(schema)?,
            Type::Struct => self.record(schema)?,
        })
    }

    fn child(&mut self, schema: Option<&Schema>) -> Result<Arc<Avro>, ConnectError> {
        let schema =
            schema.ok_or_else(|| ConnectError::data("Array or map schema without element schema"))?;
        self.schema(schema, false)
    }

    fn string(&mut self, schema: &Schema) -> Kind {
        let config = self.config;
        if !(config.generalized || config.enhanced) || !names::is_enum(schema) {
            return Kind::String;
        }
        let parameter = config.enum_parameter();
        let prefix = format!("{parameter}.");
        let symbols = schema.parameters.keys().filter_map(|key| key.strip_prefix(&prefix)).map(str::to_owned);
        let symbols = symbols.collect();
        let own = self.name_of(schema).name;
        let get = |key: &str| schema.parameters.get(key).cloned();
        let (doc, default) = if config.discard_type_doc {
            (get(names::CONNECT_ENUM_DOC), None)
        } else {
            (
                get(&format!("{}{own}", names::ENUM_DOC_PREFIX)),
                get(&format!("{}{own}", names::ENUM_DEFAULT_PREFIX)),
            )
        };
        let full = get(parameter).unwrap_or(own);
        let name = match full.rsplit_once('.') {
            Some((space, name)) => Name { space: Some(space.to_owned()), name: name.to_owned() },
            None => Name { space: None, name: full },
        };
        Kind::Enum(Enum { name, doc, symbols, default })
    }

    fn map(&mut self, schema: &Schema) -> Result<Kind, ConnectError> {
        let missing = || ConnectError::data("Map schema without key schema");
        let key = schema.key_schema.as_deref().ok_or_else(missing)?;
        if key.ty == Type::String && (!key.optional || self.config.optional_map_keys) {
            return Ok(Kind::Map(self.child(schema.value_schema.as_deref())?));
        }
        let mut props = IndexMap::new();
        let name = match schema.name {
            None => Name { space: Some(NAMESPACE.to_owned()), name: names::MAP_ENTRY.to_owned() },
            Some(_) => {
                props.insert(names::CONNECT_INTERNAL_TYPE.to_owned(), names::MAP_ENTRY.into());
                self.name_of(schema)
            }
        };
        let value = schema.value_schema.as_deref().ok_or_else(missing)?;
        let fields = vec![self.field(names::KEY, key, None)?, self.field(names::VALUE, value, None)?];
        let entry = Avro { kind: Kind::Record(Record { name, doc: None, fields }), props };
        Ok(Kind::Array(Arc::new(entry)))
    }

    fn record(&mut self, schema: &Schema) -> Result<Kind, ConnectError> {
        let config = self.config;
        let name = self.name_of(schema);
        let doc_key = if config.discard_type_doc { names::CONNECT_RECORD_DOC } else { names::RECORD_DOC };
        let doc = schema.parameters.get(doc_key).cloned();
        let mut fields = Vec::with_capacity(schema.fields.len());
        for field in &schema.fields {
            let key = format!("{}{}", names::FIELD_DOC_PREFIX, field.name);
            let doc = schema.parameters.get(&key).filter(|_| !config.discard_type_doc).cloned();
            fields.push(self.field(&config.scrubbed(&field.name), &field.schema, doc)?);
        }
        Ok(Kind::Record(Record { name, doc, fields }))
    }

    fn field(&mut self, name: &str, schema: &Schema, doc: Option<String>) -> Result<Field, ConnectError> {
        let was_seen = schema.name.as_deref().is_some_and(|name| {
            let full = self.config.split(name).full();
            !self.seen.insert(full)
        });
        let avro = self.schema(schema, false)?;
        let default = match &schema.default {
            Some(default) if !default.is_null() => Some(defaults::to_json(self.config, schema, default)?),
            _ => schema.optional.then_some(Json::Null),
        };
        let mut props = IndexMap::new();
        if self.config.meta_data && was_seen && has_named_type(&avro) {
            let parameters = self.parameters(schema);
            if !parameters.is_empty() {
                props.insert(names::CONNECT_PARAMETERS.to_owned(), Json::Object(parameters));
            }
        }
        let doc = if self.config.discard_type_doc { schema.doc.clone() } else { doc };
        Ok(Field { name: name.to_owned(), schema: avro, doc, default, props })
    }

    fn name_of(&mut self, schema: &Schema) -> Name {
        match &schema.name {
            Some(name) => self.config.split(name),
            None => {
                self.unnamed += 1;
                let number = if self.unnamed > 1 { self.unnamed.to_string() } else { String::new() };
                Name { space: Some(NAMESPACE.to_owned()), name: format!("{}{number}", names::DEFAULT_NAME) }
            }
        }
    }

    fn parameters(&self, schema: &Schema) -> Map<String, Json> {
        let keeps_flag = self.config.discard_type_doc;
        let kept =
            schema.parameters.iter().filter(|(key, _)| keeps_flag || *key != names::FIELD_DEFAULT_FLAG);
        kept.map(|(key, value)| (key.clone(), value.clone().into())).collect()
    }

    /// Returns Connect's own data about a schema, as properties.
    fn props(&self, schema: &Schema, kind: &Kind) -> Result<IndexMap<String, Json>, ConnectError> {
        let mut props = IndexMap::new();
        let mut put = |key: &str, value: Json| {
            props.insert(key.to_owned(), value);
        };
        if schema.is_named(logical::DECIMAL) && matches!(kind, Kind::Bytes | Kind::Fixed(_)) {
            put("scale", number(schema, logical::SCALE, None)?.into());
            put(
                "precision",
                number(schema, names::DECIMAL_PRECISION, Some(names::DEFAULT_PRECISION))?.into(),
            );
        }
        if !self.config.meta_data {
            return Ok(props);
        }
        if let Some(doc) = &schema.doc {
            put(names::CONNECT_DOC, doc.clone().into());
        }
        if let Some(version) = schema.version {
            put(names::CONNECT_VERSION, version.into());
        }
        let parameters = self.parameters(schema);
        if !parameters.is_empty() {
            put(names::CONNECT_PARAMETERS, Json::Object(parameters));
        }
        if let Some(default) = schema.default.as_ref().filter(|default| !default.is_null()) {
            let is_avros = schema.parameters.contains_key(names::FIELD_DEFAULT_FLAG);
            if self.config.discard_type_doc || !is_avros {
                put(names::CONNECT_DEFAULT, defaults::to_json(self.config, schema, default)?);
            }
        }
        if let Some(name) = &schema.name {
            put(names::CONNECT_NAME, name.clone().into());
        }
        match schema.ty {
            Type::Int8 => put(names::CONNECT_TYPE, "int8".into()),
            Type::Int16 => put(names::CONNECT_TYPE, "int16".into()),
            _ => {}
        }
        Ok(props)
    }

    fn add_logical_type(&self, schema: &Schema, avro: &mut Avro) {
        let word = match schema.name.as_deref() {
            Some(logical::DECIMAL) => "decimal",
            Some(logical::DATE) => "date",
            Some(logical::TIME) => "time-millis",
            Some(logical::TIMESTAMP) => "timestamp-millis",
            _ => return,
        };
        avro.props.insert(names::LOGICAL_TYPE.to_owned(), word.into());
    }
}

fn number(schema: &Schema, key: &str, default: Option<i64>) -> Result<i64, ConnectError> {
    match (schema.parameters.get(key), default) {
        (Some(text), _) => text.parse().map_err(|error| {
            ConnectError::data(format!("Invalid parameter {key} of Decimal schema")).because(error)
        }),
        (None, Some(default)) => Ok(default),
        (None, None) => {
            Err(ConnectError::data(format!("Invalid Decimal schema: {key} parameter not found.")))
        }
    }
}

fn has_named_type(avro: &Avro) -> bool {
    match &avro.kind {
        Kind::Union(branches) => branches.iter().any(|branch| branch.name().is_some()),
        _ => avro.name().is_some(),
    }
}
