//! Message types into Connect schemas, as `ProtobufData.toConnectSchema` of Confluent's converter does.

use std::sync::Arc;

use connect_core::data::{Field, Schema, SchemaRef, Type, logical};
use connect_core::error::ConnectError;
use prost_reflect::{
    Cardinality, FieldDescriptor, Kind, MapKey, MessageDescriptor, OneofDescriptor, Syntax, Value as Proto,
};

use super::config::{self, ProtobufConfig};

/// Types may not nest deeper; a type that holds itself does.
const MAX_DEPTH: usize = 64;

/// Returns the Connect schema of a message type.
///
/// # Errors
/// Fails with a data error when the type has no counterpart in Connect.
pub(super) fn convert(
    config: &ProtobufConfig,
    message: &MessageDescriptor,
    version: Option<i32>,
) -> Result<SchemaRef, ConnectError> {
    let root = match config::wrapped(message.full_name()).filter(|_| config.wrapper_for_raw_primitives) {
        Some(ty) => Schema::of(ty),
        None => Context { config }.message(message, 0)?,
    };
    Ok(Arc::new(Schema { version, ..root }))
}

/// Returns the parameters that Confluent's metadata gives a field.
pub(super) fn params(field: &FieldDescriptor) -> Vec<(String, String)> {
    let pool = field.parent_pool();
    let Some(extension) = pool.get_extension_by_name("confluent.field_meta") else { return Vec::new() };
    let options = field.options();
    let meta = options.get_extension(&extension);
    let params = meta.as_message().and_then(|meta| meta.get_field_by_name("params"));
    let entry =
        |(key, value): (&MapKey, &Proto)| Some((key.as_str()?.to_owned(), value.as_str()?.to_owned()));
    params
        .and_then(|params| params.as_map().map(|map| map.iter().filter_map(entry).collect()))
        .unwrap_or_default()
}

/// Returns whether a field holds the entries of a map, by its type or by the names that Connect gives it.
pub(super) fn is_map(field: &FieldDescriptor) -> bool {
    if field.is_map() {
        return true;
    }
    let Kind::Message(message) = field.kind() else { return false };
    let names: Vec<String> = fields(&message).iter().map(|field| field.name().to_owned()).collect();
    field.is_list()
        && message.name().ends_with("Entry")
        && names == ["key", "value"]
        && message.fields().all(|field| !field.is_list() && !field.is_map())
}

/// Returns the fields of a message type in the order of its text, rather than of their numbers.
pub(super) fn fields(message: &MessageDescriptor) -> Vec<FieldDescriptor> {
    let proto = message.descriptor_proto();
    proto.field.iter().filter_map(|field| message.get_field_by_name(field.name())).collect()
}

/// Returns whether a field says in its text that it need not be there.
fn is_labelled(config: &ProtobufConfig, field: &FieldDescriptor) -> bool {
    match field.parent_file().syntax() {
        Syntax::Proto2 => config.optional_for_proto2 && field.cardinality() == Cardinality::Optional,
        _ => field.containing_oneof().is_some_and(|oneof| oneof.is_synthetic()),
    }
}

/// Returns the oneof of a field that is not there only for the keyword optional.
pub(super) fn oneof_of(field: &FieldDescriptor) -> Option<OneofDescriptor> {
    field.containing_oneof().filter(|oneof| !oneof.is_synthetic())
}

/// Returns the name of the field that stands for a oneof.
pub(super) fn union_field(config: &ProtobufConfig, oneof: &OneofDescriptor, index: usize) -> String {
    if config.index_for_unions { format!("{}_{index}", oneof.name()) } else { oneof.name().to_owned() }
}

struct Context<'a> {
    config: &'a ProtobufConfig,
}

impl Context<'_> {
    fn message(&self, message: &MessageDescriptor, depth: usize) -> Result<Schema, ConnectError> {
        if depth > MAX_DEPTH {
            let name = message.full_name();
            return Err(ConnectError::data(format!("message `{name}` holds itself, which is not supported")));
        }
        let config = self.config;
        let mut schema = Schema::of(Type::Struct);
        schema.name = Some((if config.enhanced { message.full_name() } else { message.name() }).to_owned());
        let mut push = |name: &str, field: Schema| {
            schema.fields.push(Field { name: name.to_owned(), schema: Arc::new(field) });
        };
        for (index, oneof) in message.oneofs().enumerate().filter(|(_, oneof)| !oneof.is_synthetic()) {
            if config.flatten_unions {
                for field in oneof.fields() {
                    push(field.name(), self.field(&field, true, depth)?);
                }
            } else {
                push(&union_field(config, &oneof, index), self.union(&oneof, depth)?);
            }
        }
        for field in fields(message).into_iter().filter(|field| oneof_of(field).is_none()) {
            push(field.name(), self.field(&field, false, depth)?);
        }
        Ok(schema)
    }

    fn union(&self, oneof: &OneofDescriptor, depth: usize) -> Result<Schema, ConnectError> {
        let mut schema = Schema::optional(Type::Struct);
        if self.config.generalized {
            schema.name = Some(oneof.name().to_owned());
            schema.parameters.insert(config::GENERALIZED_UNION.to_owned(), oneof.name().to_owned());
        } else {
            let name = if self.config.enhanced { oneof.full_name() } else { oneof.name() };
            schema.name = Some(format!("{}{name}", config::UNION_PREFIX));
        }
        for field in oneof.fields() {
            let child = Arc::new(self.field(&field, true, depth)?);
            schema.fields.push(Field { name: field.name().to_owned(), schema: child });
        }
        Ok(schema)
    }

    fn field(&self, field: &FieldDescriptor, is_member: bool, depth: usize) -> Result<Schema, ConnectError> {
        let config = self.config;
        let mut schema = self.base(field, depth)?;
        if field.is_list() && schema.ty != Type::Map {
            schema.optional = true;
            let element = Some(Arc::new(schema));
            schema = Schema { value_schema: element, ..Schema::optional(Type::Array) };
        }
        let is_wrapper =
            matches!(field.kind(), Kind::Message(message) if config::wrapped(message.full_name()).is_some());
        if is_member {
            schema.optional = true;
            if is_wrapper && config.wrapper_for_nullables {
                schema.parameters.insert(config::WRAPPER.to_owned(), "true".to_owned());
            }
        } else if config.optional_for_nullables {
            schema.optional |= is_labelled(config, field);
        } else if !config.wrapper_for_nullables {
            schema.optional = true;
        }
        schema.parameters.insert(config::TAG.to_owned(), field.number().to_string());
        Ok(schema)
    }

    fn base(&self, field: &FieldDescriptor, depth: usize) -> Result<Schema, ConnectError> {
        let typed = |ty, word: Option<&str>| {
            let mut schema = Schema::of(ty);
            if let Some(word) = word {
                schema.parameters.insert(config::TYPE.to_owned(), word.to_owned());
            }
            schema
        };
        Ok(match field.kind() {
            Kind::Int32 | Kind::Sint32 | Kind::Sfixed32 => {
                let params = params(field);
                let connect =
                    params.iter().find(|(key, _)| key == "connect.type").map(|(_, value)| value.as_str());
                match (connect, field.kind()) {
                    (Some("int8"), _) => Schema::of(Type::Int8),
                    (Some("int16"), _) => Schema::of(Type::Int16),
                    (_, Kind::Sint32) => typed(Type::Int32, Some("sint32")),
                    (_, Kind::Sfixed32) => typed(Type::Int32, Some("sfixed32")),
                    _ => Schema::of(Type::Int32),
                }
            }
            Kind::Int64 => Schema::of(Type::Int64),
            Kind::Uint32 => typed(Type::Int64, Some("uint32")),
            Kind::Fixed32 => typed(Type::Int64, Some("fixed32")),
            Kind::Uint64 => typed(Type::Int64, Some("uint64")),
            Kind::Sint64 => typed(Type::Int64, Some("sint64")),
            Kind::Fixed64 => typed(Type::Int64, Some("fixed64")),
            Kind::Sfixed64 => typed(Type::Int64, Some("sfixed64")),
            Kind::Float => Schema::of(Type::Float32),
            Kind::Double => Schema::of(Type::Float64),
            Kind::Bool => Schema::of(Type::Boolean),
            Kind::String => Schema::of(Type::String),
            Kind::Bytes => Schema::of(Type::Bytes),
            Kind::Enum(symbols) => {
                let mut schema =
                    Schema::optional(if self.config.int_for_enums { Type::Int32 } else { Type::String });
                let name = if self.config.enhanced { symbols.full_name() } else { symbols.name() };
                schema.name = Some(name.to_owned());
                let parameter = self.config.enum_parameter();
                schema.parameters.insert(parameter.to_owned(), symbols.name().to_owned());
                for value in symbols.values() {
                    let key = format!("{parameter}.{}", value.name());
                    schema.parameters.insert(key, value.number().to_string());
                }
                schema
            }
            Kind::Message(message) => Schema { optional: true, ..self.of_message(field, &message, depth)? },
        })
    }

    fn of_message(
        &self,
        field: &FieldDescriptor,
        message: &MessageDescriptor,
        depth: usize,
    ) -> Result<Schema, ConnectError> {
        match message.full_name() {
            config::DECIMAL => {
                let params = params(field);
                let number = |name: &str| {
                    params.iter().find(|(key, _)| key == name).and_then(|(_, text)| text.parse::<i32>().ok())
                };
                let mut schema = logical::decimal(number("scale").unwrap_or(0));
                if let Some(precision) = number("precision") {
                    schema.parameters.insert(config::PRECISION.to_owned(), precision.to_string());
                }
                Ok(schema)
            }
            config::DATE => Ok(logical::date()),
            config::TIME => Ok(logical::time()),
            config::TIMESTAMP => Ok(logical::timestamp()),
            name => match config::wrapped(name).filter(|_| self.config.unwraps()) {
                Some(ty) => Ok(Schema::of(ty)),
                None if is_map(field) => self.map(message, depth),
                None => self.message(message, depth + 1),
            },
        }
    }

    fn map(&self, entry: &MessageDescriptor, depth: usize) -> Result<Schema, ConnectError> {
        let part = |number| {
            let field =
                entry.get_field(number).ok_or_else(|| ConnectError::data("a map's entry lacks a field"))?;
            self.field(&field, false, depth + 1).map(Arc::new)
        };
        let mut name = map_field(entry.name());
        if let Some((outer, _)) = entry.full_name().rsplit_once('.').filter(|_| self.config.enhanced) {
            name = format!("{outer}.{name}");
        }
        Ok(Schema {
            name: Some(name),
            key_schema: Some(part(1)?),
            value_schema: Some(part(2)?),
            ..Schema::of(Type::Map)
        })
    }
}

/// Returns the name of the field that a map's entry is named after: `SomeNameEntry` is of `some_name`.
fn map_field(entry: &str) -> String {
    let stem = entry.strip_suffix("Entry").unwrap_or(entry);
    let mut name = String::with_capacity(stem.len() + 4);
    for (index, letter) in stem.char_indices() {
        if letter.is_ascii_uppercase() && index > 0 {
            name.push('_');
        }
        name.push(letter.to_ascii_lowercase());
    }
    name
}
