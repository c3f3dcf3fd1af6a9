//! Connect schemas into `.proto` texts, as `ProtobufData.fromConnectSchema` of Confluent's converter does.

use connect_core::data::{Schema, Type, logical};
use connect_core::error::ConnectError;

use super::config::{self, ProtobufConfig};
use super::wrappers;

/// Returns the text of the file with the message of a schema, and the message's full name. A struct has a message
/// of its own; a primitive is the value of one of Google's wrapper messages.
///
/// # Errors
/// Fails with a data error when the schema has no counterpart in Protobuf.
pub(super) fn convert(config: &ProtobufConfig, schema: &Schema) -> Result<(String, String), ConnectError> {
    if let Some(name) = wrappers::of_root(schema) {
        return Ok((wrappers::FILE.clone(), format!("google.protobuf.{name}")));
    }
    if schema.ty != Type::Struct || config::is_union(schema) {
        return Err(ConnectError::data(format!("Unsupported root schema of type {}", schema.ty.name())));
    }
    let mut context = Context { config, imports: Vec::new(), unnamed: 0 };
    let full = context.name_of(schema);
    let (package, name) = match full.rsplit_once('.') {
        Some((package, name)) => (Some(package), name),
        None => (None, full.as_str()),
    };
    let body = context.message(name, schema, 0)?;
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

/// Returns the full name of the message of a schema.
pub(super) fn full_name(config: &ProtobufConfig, schema: &Schema) -> String {
    match wrappers::of_root(schema) {
        Some(name) => format!("google.protobuf.{name}"),
        None => Context { config, imports: Vec::new(), unnamed: 0 }.name_of(schema),
    }
}

struct Context<'a> {
    config: &'a ProtobufConfig,
    /// Files that are imported, in the order of their first use.
    imports: Vec<&'static str>,
    unnamed: usize,
}

const CONNECT_TYPE: &str = "connect.type";

/// A field but for its type.
struct Line<'a> {
    label: &'static str,
    name: &'a str,
    tag: u32,
    is_wrapped: bool,
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
            Some(name) => {
                name.split('.').map(|part| self.config.scrubbed(part)).collect::<Vec<_>>().join(".")
            }
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

    fn import(&mut self, file: &'static str) {
        if !self.imports.contains(&file) {
            self.imports.push(file);
        }
    }

    fn message(&mut self, name: &str, schema: &Schema, depth: usize) -> Result<String, ConnectError> {
        let pad = "  ".repeat(depth);
        let (mut fields, mut oneofs) = (String::new(), String::new());
        let mut inside = Inside::default();
        let mut next = 1;
        for field in &schema.fields {
            let field_tag = tag(&field.schema).unwrap_or_else(|| {
                next += 1;
                next - 1
            });
            let field_name = self.config.scrubbed(&field.name);
            if !config::is_union(&field.schema) {
                let line = self.field(&field_name, &field.schema, field_tag, depth, &mut inside)?;
                fields.push_str(&format!("{pad}  {line}\n"));
                continue;
            }
            let full = field.schema.name.as_deref().unwrap_or_default();
            let short = full.strip_prefix(config::UNION_PREFIX).unwrap_or(full);
            let short = self.config.scrubbed(short.rsplit('.').next().unwrap_or(short));
            oneofs.push_str(&format!("\n{pad}  oneof {short} {{\n"));
            for member in &field.schema.fields {
                let member_tag = tag(&member.schema).unwrap_or_else(|| {
                    next += 1;
                    next - 1
                });
                let member_name = self.config.scrubbed(&member.name);
                let line = self.member(&member_name, &member.schema, member_tag, depth, &mut inside)?;
                oneofs.push_str(&format!("{pad}    {line}\n"));
            }
            oneofs.push_str(&format!("{pad}  }}\n"));
        }
        Ok(block(&pad, name, &(fields + &oneofs), &inside.types))
    }

    fn field(
        &mut self,
        name: &str,
        schema: &Schema,
        tag: u32,
        depth: usize,
        inside: &mut Inside,
    ) -> Result<String, ConnectError> {
        let is_labelled = self.config.optional_for_nullables && schema.optional;
        let label = if is_labelled { "optional " } else { "" };
        self.labelled(label, name, schema, tag, depth, inside)
    }

    fn labelled(
        &mut self,
        label: &'static str,
        name: &str,
        schema: &Schema,
        tag: u32,
        depth: usize,
        inside: &mut Inside,
    ) -> Result<String, ConnectError> {
        let missing = || ConnectError::data("Array or map schema without element schema");
        let (label, element) = match schema.ty {
            Type::Array => ("repeated ", schema.value_schema.as_deref().ok_or_else(missing)?),
            Type::Map => ("repeated ", schema),
            _ => (label, schema),
        };
        let is_wrapped = self.config.wrapper_for_nullables && element.optional;
        self.line(&Line { label, name, tag, is_wrapped }, element, depth, inside)
    }

    /// The line of a field in a oneof, where a wrapper is there only if it was read as one.
    fn member(
        &mut self,
        name: &str,
        schema: &Schema,
        tag: u32,
        depth: usize,
        inside: &mut Inside,
    ) -> Result<String, ConnectError> {
        let is_wrapped = self.config.wrapper_for_nullables
            && schema.optional
            && schema.parameters.contains_key(config::WRAPPER);
        self.line(&Line { label: "", name, tag, is_wrapped }, schema, depth, inside)
    }

    fn line(
        &mut self,
        line: &Line<'_>,
        schema: &Schema,
        depth: usize,
        inside: &mut Inside,
    ) -> Result<String, ConnectError> {
        let mut params = Vec::new();
        let ty = self.data_type(line, schema, &mut params, depth, inside)?;
        let Line { label, name, tag, .. } = line;
        if params.is_empty() {
            return Ok(format!("{label}{ty} {name} = {tag};"));
        }
        let pad = "  ".repeat(depth + 1);
        let params: Vec<String> = params
            .iter()
            .map(|(key, value)| {
                let (key_line, value_line) = (format!("key: \"{key}\""), format!("value: \"{value}\""));
                // The order in which Confluent's converter happens to write them.
                let (first, second) = match *key {
                    CONNECT_TYPE => (key_line, value_line),
                    _ => (value_line, key_line),
                };
                format!("{pad}    {{\n{pad}      {first},\n{pad}      {second}\n{pad}    }}")
            })
            .collect();
        let params = params.join(",\n");
        Ok(format!(
            "{label}{ty} {name} = {tag} [(confluent.field_meta) = {{\n{pad}  params: [\n{params}\n{pad}  ]\n{pad}}}];"
        ))
    }

    fn data_type(
        &mut self,
        line: &Line<'_>,
        schema: &Schema,
        params: &mut Vec<(&'static str, String)>,
        depth: usize,
        inside: &mut Inside,
    ) -> Result<String, ConnectError> {
        if let Some(ty) = self.logical_type(schema, params) {
            return Ok(ty.to_owned());
        }
        if let Some(parameter) = config::enum_parameter_of(schema) {
            return Ok(enumeration(schema, parameter, depth, inside));
        }
        let own = schema.parameters.get(config::TYPE).map(String::as_str);
        let (plain, wrapper) = match schema.ty {
            Type::Int8 | Type::Int16 => {
                let word = if schema.ty == Type::Int8 { "int8" } else { "int16" };
                params.push((CONNECT_TYPE, word.to_owned()));
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
            Type::Struct => return self.structure(line.name, schema, depth, inside),
        };
        if line.is_wrapped {
            self.import("google/protobuf/wrappers.proto");
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
        self.import(import);
        Some(ty)
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
        let key = self.labelled("", "key", key, 1, depth + 1, &mut own)?;
        let value = self.labelled("", "value", value, 2, depth + 1, &mut own)?;
        let fields = format!("{pad}  {key}\n{pad}  {value}\n");
        inside.types.push_str(&block(&pad, &name, &fields, &own.types));
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
            let text = self.message(&name, schema, depth + 1)?;
            inside.types.push_str(&text);
        }
        Ok(name)
    }
}

/// Returns a message's text; a type without members is on one line, and types inside stand behind an empty line.
fn block(pad: &str, name: &str, fields: &str, types: &str) -> String {
    match (fields.is_empty(), types.is_empty()) {
        (true, true) => format!("{pad}message {name} {{}}\n"),
        (_, true) => format!("{pad}message {name} {{\n{fields}{pad}}}\n"),
        _ => format!("{pad}message {name} {{\n{fields}{pad}\n{types}{pad}}}\n"),
    }
}

fn enumeration(schema: &Schema, parameter: &str, depth: usize, inside: &mut Inside) -> String {
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
