//! Connect schemas into `.proto` texts, as `ProtobufData.fromConnectSchema` of Confluent's converter does.

use std::collections::BTreeSet;

use connect_core::data::{Schema, Type, logical};
use connect_core::error::ConnectError;

use super::config::{self, ProtobufConfig};

/// Returns the text of the file with the message of a struct schema, and the message's full name.
///
/// # Errors
/// Fails with a data error when the schema has no counterpart in Protobuf.
pub(super) fn convert(config: &ProtobufConfig, schema: &Schema) -> Result<(String, String), ConnectError> {
    if schema.ty != Type::Struct || config::is_union(schema) {
        return Err(ConnectError::data(format!(
            "Unsupported root schema of type {}: a Protobuf message is made of a struct",
            schema.ty.name()
        )));
    }
    let mut context = Context { config, imports: BTreeSet::new(), unnamed: 0 };
    let full = context.name_of(schema);
    let (package, name) = match full.rsplit_once('.') {
        Some((package, name)) => (Some(package), name),
        None => (None, full.as_str()),
    };
    let mut body = String::new();
    context.message(name, schema, 0, &mut body)?;
    let mut text = "syntax = \"proto3\";\n".to_owned();
    if let Some(package) = package {
        text.push_str(&format!("package {package};\n"));
    }
    text.push('\n');
    for import in &context.imports {
        text.push_str(&format!("import \"{import}\";\n"));
    }
    if !context.imports.is_empty() {
        text.push('\n');
    }
    text.push_str(&body);
    Ok((text, full))
}

struct Context<'a> {
    config: &'a ProtobufConfig,
    imports: BTreeSet<&'static str>,
    unnamed: usize,
}

/// A message under construction: the types inside it, and the names they have taken.
#[derive(Default)]
struct Inside {
    types: String,
    names: Vec<String>,
}

impl Context<'_> {
    fn name_of(&mut self, schema: &Schema) -> String {
        match schema.name.as_deref().filter(|name| !name.is_empty()) {
            Some(name) => name.to_owned(),
            None => {
                self.unnamed += 1;
                format!("{}{}", config::DEFAULT_NAME, self.unnamed)
            }
        }
    }

    fn short_name(&mut self, schema: &Schema) -> String {
        let name = self.name_of(schema);
        name.rsplit('.').next().unwrap_or(&name).to_owned()
    }

    fn message(
        &mut self,
        name: &str,
        schema: &Schema,
        depth: usize,
        out: &mut String,
    ) -> Result<(), ConnectError> {
        let pad = "  ".repeat(depth);
        let mut fields = String::new();
        let mut inside = Inside::default();
        let mut next = 1;
        for field in &schema.fields {
            if config::is_union(&field.schema) {
                let full = field.schema.name.as_deref().unwrap_or_default();
                let short = full.strip_prefix(config::UNION_PREFIX).unwrap_or(full);
                let short = short.rsplit('.').next().unwrap_or(short);
                fields.push_str(&format!("{pad}  oneof {short} {{\n"));
                for member in &field.schema.fields {
                    let tag = tag(&member.schema).unwrap_or(next);
                    next = next.max(tag + 1);
                    let line = self.field(&member.name, &member.schema, tag, true, depth, &mut inside)?;
                    fields.push_str(&format!("{pad}    {line}\n"));
                }
                fields.push_str(&format!("{pad}  }}\n"));
                continue;
            }
            let tag = match tag(&field.schema) {
                Some(tag) => tag,
                None => {
                    next += 1;
                    next - 1
                }
            };
            let line = self.field(&field.name, &field.schema, tag, false, depth, &mut inside)?;
            fields.push_str(&format!("{pad}  {line}\n"));
        }
        let types = inside.types;
        out.push_str(&format!("{pad}message {name} {{\n{fields}{types}{pad}}}\n"));
        Ok(())
    }

    fn field(
        &mut self,
        name: &str,
        schema: &Schema,
        tag: u32,
        is_member: bool,
        depth: usize,
        inside: &mut Inside,
    ) -> Result<String, ConnectError> {
        let label = match schema.ty {
            Type::Array | Type::Map => "repeated ",
            _ if self.config.optional_for_nullables && schema.optional && !is_member => "optional ",
            _ => "",
        };
        let missing = || ConnectError::data("Array or map schema without element schema");
        let element = match schema.ty {
            Type::Array => schema.value_schema.as_deref().ok_or_else(missing)?,
            _ => schema,
        };
        let mut params = Vec::new();
        let ty = self.data_type(name, element, is_member, &mut params, depth, inside)?;
        if params.is_empty() {
            return Ok(format!("{label}{ty} {name} = {tag};"));
        }
        self.imports.insert("confluent/meta.proto");
        let params: Vec<String> =
            params.iter().map(|(key, value)| format!("{{ key: \"{key}\", value: \"{value}\" }}")).collect();
        let params = params.join(", ");
        Ok(format!("{label}{ty} {name} = {tag} [(confluent.field_meta) = {{ params: [{params}] }}];"))
    }

    fn data_type(
        &mut self,
        field: &str,
        schema: &Schema,
        is_member: bool,
        params: &mut Vec<(&'static str, String)>,
        depth: usize,
        inside: &mut Inside,
    ) -> Result<String, ConnectError> {
        if let Some(ty) = self.logical_type(schema, params) {
            return Ok(ty.to_owned());
        }
        if let Some(parameter) = config::enum_parameter_of(schema) {
            return Ok(self.enumeration(schema, parameter, depth, inside));
        }
        let is_wrapped = self.config.wrapper_for_nullables
            && schema.optional
            && (!is_member || schema.parameters.contains_key(config::WRAPPER));
        let own = schema.parameters.get(config::TYPE).map(String::as_str);
        let (plain, wrapper) = match schema.ty {
            Type::Int8 | Type::Int16 => {
                let word = if schema.ty == Type::Int8 { "int8" } else { "int16" };
                params.push(("connect.type", word.to_owned()));
                ("int32", "Int32Value")
            }
            Type::Int32 => (own.unwrap_or("int32"), "Int32Value"),
            Type::Int64 => match own.unwrap_or("int64") {
                own @ ("uint32" | "fixed32") => (own, "UInt32Value"),
                own @ ("uint64" | "fixed64") => (own, "UInt64Value"),
                own => (own, "Int64Value"),
            },
            Type::Float32 => ("float", "FloatValue"),
            Type::Float64 => ("double", "DoubleValue"),
            Type::Boolean => ("bool", "BoolValue"),
            Type::String => ("string", "StringValue"),
            Type::Bytes => ("bytes", "BytesValue"),
            Type::Array => return Err(ConnectError::data("Array cannot be nested")),
            Type::Map => return self.map(schema, depth, inside),
            Type::Struct => return self.structure(field, schema, depth, inside),
        };
        if is_wrapped {
            self.imports.insert("google/protobuf/wrappers.proto");
            return Ok(format!("google.protobuf.{wrapper}"));
        }
        Ok(plain.to_owned())
    }

    fn logical_type(
        &mut self,
        schema: &Schema,
        params: &mut Vec<(&'static str, String)>,
    ) -> Option<&'static str> {
        let (import, ty) = match schema.name.as_deref()? {
            logical::DECIMAL => {
                for (key, parameter) in [("precision", config::PRECISION), ("scale", logical::SCALE)] {
                    if let Some(value) = schema.parameters.get(parameter) {
                        params.push((key, value.clone()));
                    }
                }
                ("confluent/type/decimal.proto", config::DECIMAL)
            }
            logical::DATE => ("google/type/date.proto", config::DATE),
            logical::TIME => ("google/type/timeofday.proto", config::TIME),
            logical::TIMESTAMP => ("google/protobuf/timestamp.proto", config::TIMESTAMP),
            _ => return None,
        };
        self.imports.insert(import);
        Some(ty)
    }

    fn enumeration(&mut self, schema: &Schema, parameter: &str, depth: usize, inside: &mut Inside) -> String {
        let name = schema.parameters.get(parameter).cloned().unwrap_or_default();
        if !inside.names.contains(&name) {
            let pad = "  ".repeat(depth + 1);
            let prefix = format!("{parameter}.");
            let mut values: Vec<(i64, &str)> = schema
                .parameters
                .iter()
                .filter_map(|(key, number)| Some((number.parse().ok()?, key.strip_prefix(&prefix)?)))
                .collect();
            // The first value of an enum must be 0.
            values.sort_by_key(|(number, _)| (*number != 0, *number));
            let lines: String =
                values.iter().map(|(number, name)| format!("{pad}  {name} = {number};\n")).collect();
            inside.types.push_str(&format!("{pad}enum {name} {{\n{lines}{pad}}}\n"));
            inside.names.push(name.clone());
        }
        name
    }

    fn map(&mut self, schema: &Schema, depth: usize, inside: &mut Inside) -> Result<String, ConnectError> {
        let missing = || ConnectError::data("Array or map schema without element schema");
        let name = entry_name(&self.short_name(schema));
        if inside.names.contains(&name) {
            return Ok(name);
        }
        inside.names.push(name.clone());
        let pad = "  ".repeat(depth + 1);
        let mut own = Inside::default();
        let key = schema.key_schema.as_deref().ok_or_else(missing)?;
        let value = schema.value_schema.as_deref().ok_or_else(missing)?;
        let key = self.field("key", key, 1, false, depth + 1, &mut own)?;
        let value = self.field("value", value, 2, false, depth + 1, &mut own)?;
        let types = own.types;
        inside
            .types
            .push_str(&format!("{pad}message {name} {{\n{pad}  {key}\n{pad}  {value}\n{types}{pad}}}\n"));
        Ok(name)
    }

    fn structure(
        &mut self,
        field: &str,
        schema: &Schema,
        depth: usize,
        inside: &mut Inside,
    ) -> Result<String, ConnectError> {
        let mut name = self.short_name(schema);
        if name == field {
            name.push_str("Message");
        }
        if !inside.names.contains(&name) {
            inside.names.push(name.clone());
            let mut text = String::new();
            self.message(&name, schema, depth + 1, &mut text)?;
            inside.types.push_str(&text);
        }
        Ok(name)
    }
}

fn tag(schema: &Schema) -> Option<u32> {
    schema.parameters.get(config::TAG).and_then(|tag| tag.parse().ok())
}

/// Returns the name of a map's entry: `some_name` has `SomeNameEntry`.
fn entry_name(name: &str) -> String {
    if !name.contains('_') {
        return format!("{name}Entry");
    }
    let parts = name.split('_').map(|part| match part.split_at_checked(1) {
        Some((first, rest)) => first.to_ascii_uppercase() + &rest.to_ascii_lowercase(),
        None => String::new(),
    });
    parts.collect::<String>() + "Entry"
}
