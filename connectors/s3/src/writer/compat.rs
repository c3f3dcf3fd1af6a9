//! Schemas that change: when files are closed because of it, and how a value is made to fit the schema of its file, as
//! `StorageSchemaCompatibility` and `SchemaProjector` of Confluent's storage connectors have it. Pure.

use std::sync::Arc;

use connect_core::data::{Datum, Field, Map, Schema, SchemaRef, Struct, Type, Value};
use connect_core::error::ConnectError;

const FIELD_DOC: &str = "io.confluent.connect.avro.field.doc.";
const DOCUMENTATION: [&str; 3] = ["connect.record.doc", "connect.record.aliases", "connect.record.namespace"];
const ENUMS: [&str; 3] = [
    "org.apache.kafka.connect.data.Enum",
    "io.confluent.connect.avro.Enum",
    "io.confluent.connect.protobuf.Enum",
];

/// What `schema.compatibility` says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Compatibility {
    /// Files are closed with every change.
    None,
    /// Older values are written under the newer schema.
    Backward,
    /// Newer values are written under the older schema.
    Forward,
    /// As `Backward`.
    Full,
}

impl Compatibility {
    /// Returns what a name stands for; unknown ones stand for `NONE`, as in the JVM.
    pub(crate) fn parse(name: &str) -> Self {
        match name {
            "BACKWARD" => Self::Backward,
            "FORWARD" => Self::Forward,
            "FULL" => Self::Full,
            _ => Self::None,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::None => "NONE",
            Self::Backward => "BACKWARD",
            Self::Forward => "FORWARD",
            Self::Full => "FULL",
        }
    }

    /// Returns whether a value of schema `other` needs another file than one of schema `own`.
    ///
    /// # Errors
    /// A data error when versions are compared and there are none.
    pub(crate) fn changes(
        self,
        own: Option<&SchemaRef>,
        other: Option<&SchemaRef>,
    ) -> Result<bool, ConnectError> {
        let (own, other) = match (own, other) {
            (None, None) => return Ok(false),
            (Some(own), Some(other)) => (own, other),
            _ => return Ok(true),
        };
        if Arc::ptr_eq(own, other) {
            return Ok(false);
        }
        if self == Self::None {
            return Ok(own != other);
        }
        let (Some(own), Some(other)) = (own.version, other.version) else {
            let name = self.name();
            return Err(ConnectError::data(format!("Schema version required for {name} compatibility")));
        };
        Ok(if self == Self::Forward { other < own } else { other > own })
    }

    /// Returns a value under the schema of its file; `None` when it is under it already.
    ///
    /// # Errors
    /// A data error when the schemas do not allow it.
    pub(crate) fn projected(
        self,
        own: Option<&SchemaRef>,
        value: &Datum,
    ) -> Result<Option<Datum>, ConnectError> {
        let (Some(own), Some(schema)) = (own, value.schema()) else { return Ok(None) };
        if self == Self::None || Arc::ptr_eq(own, schema) || own == schema {
            return Ok(None);
        }
        let projected = project(schema, &value.value(), own)?;
        Ok(Some(Datum::new(Some(Arc::clone(own)), projected)))
    }
}

fn project(source: &Schema, value: &Value, target: &SchemaRef) -> Result<Value, ConnectError> {
    check(source, target)?;
    if source.optional && !target.optional {
        let Some(default) = &target.default else {
            return Err(ConnectError::data(
                "Writer schema is optional, however, target schema does not provide a default value.",
            ));
        };
        return if value.is_null() { Ok(default.clone()) } else { project_value(source, value, target) };
    }
    if value.is_null() { Ok(Value::Null) } else { project_value(source, value, target) }
}

fn project_value(source: &Schema, value: &Value, target: &SchemaRef) -> Result<Value, ConnectError> {
    Ok(match value {
        Value::Struct(structure) => {
            let fields = target.fields.iter().map(|field| project_field(source, structure, field));
            let values = fields.collect::<Result<Vec<Value>, ConnectError>>()?;
            Value::Struct(Box::new(Struct::from_parts(Arc::clone(target), values)))
        }
        Value::Array(items) => {
            let (from, to) = (child(source.value_schema.as_ref())?, child(target.value_schema.as_ref())?);
            Value::Array(items.iter().map(|item| project(from, item, to)).collect::<Result<_, _>>()?)
        }
        Value::Map(map) => {
            let (from, to) = (child(source.value_schema.as_ref())?, child(target.value_schema.as_ref())?);
            let (from_key, to_key) = (child(source.key_schema.as_ref())?, child(target.key_schema.as_ref())?);
            let entry = |(key, value): &(Value, Value)| {
                Ok((project(from_key, key, to_key)?, project(from, value, to)?))
            };
            Value::Map(Map { entries: map.entries.iter().map(entry).collect::<Result<_, ConnectError>>()? })
        }
        other => widened(other, target.ty),
    })
}

fn project_field(source: &Schema, structure: &Struct, field: &Field) -> Result<Value, ConnectError> {
    let name = &field.name;
    match source.field(name) {
        Some(own) => project(&own.schema, structure.get(name)?, &field.schema)
            .map_err(|error| ConnectError::data(format!("Error projecting {name}")).because(error)),
        None if field.schema.optional => Ok(Value::Null),
        None => field.schema.default.clone().ok_or_else(|| {
            ConnectError::data(format!("Required field `{name}` is missing from source schema"))
        }),
    }
}

fn child(schema: Option<&SchemaRef>) -> Result<&SchemaRef, ConnectError> {
    schema.ok_or_else(|| ConnectError::data("Array or map schema without element schema"))
}

/// Returns how wide a number type is; `None` for others.
fn width(ty: Type) -> Option<usize> {
    let numbers = [Type::Int8, Type::Int16, Type::Int32, Type::Int64, Type::Float32, Type::Float64];
    numbers.iter().position(|number| *number == ty)
}

#[expect(clippy::cast_precision_loss, clippy::cast_possible_truncation, reason = "as Java widens numbers")]
fn widened(value: &Value, target: Type) -> Value {
    let integer = match value {
        Value::Int8(number) => i64::from(*number),
        Value::Int16(number) => i64::from(*number),
        Value::Int32(number) => i64::from(*number),
        Value::Int64(number) => *number,
        Value::Float32(number) if target == Type::Float64 => return Value::Float64(f64::from(*number)),
        other => return other.clone(),
    };
    match target {
        Type::Int16 => Value::Int16(integer as i16),
        Type::Int32 => Value::Int32(integer as i32),
        Type::Int64 => Value::Int64(integer),
        Type::Float32 => Value::Float32(integer as f32),
        Type::Float64 => Value::Float64(integer as f64),
        _ => value.clone(),
    }
}

fn check(source: &Schema, target: &Schema) -> Result<(), ConnectError> {
    let is_wider = matches!((width(source.ty), width(target.ty)), (Some(from), Some(to)) if from <= to);
    let (from, to) = (source.ty.name(), target.ty.name());
    if source.ty != target.ty && !is_wider {
        let text = format!("Schema type mismatch. source type: {from} and target type: {to}");
        return Err(ConnectError::data(text));
    }
    if source.name != target.name {
        let name = |schema: &Schema| schema.name.clone().unwrap_or_else(|| "null".to_owned());
        return Err(ConnectError::data(format!(
            "Schema name mismatch. source name: {} and target name: {}",
            name(source),
            name(target)
        )));
    }
    if source.parameters.is_empty() || target.parameters.is_empty() {
        return Ok(());
    }
    let is_enum = |schema: &Schema| ENUMS.iter().any(|key| schema.parameters.contains_key(*key));
    let covers = |all: &Schema, some: &Schema| {
        let counts = some.parameters.iter().filter(|(key, _)| !is_documentation(key));
        counts.into_iter().all(|(key, value)| all.parameters.get(key) == Some(value))
    };
    let is_subset = covers(target, source);
    if is_subset && (covers(source, target) || (is_enum(source) && is_enum(target))) {
        return Ok(());
    }
    Err(ConnectError::data("Schema parameters not equal"))
}

fn is_documentation(key: &str) -> bool {
    DOCUMENTATION.contains(&key) || key.starts_with(FIELD_DOC)
}

#[cfg(test)]
mod tests {
    use connect_core::data::SchemaBuilder;

    use super::*;

    fn schema(version: i32, fields: &[(&str, Schema)]) -> SchemaRef {
        let mut builder = SchemaBuilder::structure().name("r").version(version);
        for (name, schema) in fields {
            builder = builder.field(*name, schema.clone());
        }
        builder.build().expect("valid")
    }

    fn of(schema: &SchemaRef, values: Vec<Value>) -> Datum {
        let value = Value::Struct(Box::new(Struct::from_parts(Arc::clone(schema), values)));
        Datum::new(Some(Arc::clone(schema)), value)
    }

    #[test]
    fn files_are_closed_by_the_rule_of_each_mode() {
        let (one, two) = (schema(1, &[]), schema(2, &[("a", Schema::optional(Type::Int8))]));
        let bare = schema(1, &[("a", Schema::of(Type::Int8))]);
        let bare = Arc::new(Schema { version: Option::None, ..(*bare).clone() });
        use Compatibility::*;
        for (mode, newer, older) in
            [(None, true, true), (Backward, true, false), (Full, true, false), (Forward, false, true)]
        {
            let changes = |own: Option<&SchemaRef>, other: Option<&SchemaRef>| mode.changes(own, other).ok();
            assert_eq!(changes(Some(&one), Some(&two)), Some(newer), "{mode:?}");
            assert_eq!(changes(Some(&two), Some(&one)), Some(older), "{mode:?}");
            assert_eq!(changes(Some(&one), Option::None), Some(true), "{mode:?}");
            assert_eq!(changes(Option::None, Option::None), Some(false), "{mode:?}");
            assert_eq!(mode.changes(Some(&one), Some(&bare)).is_err(), mode != None, "{mode:?}");
        }
    }

    #[test]
    fn values_are_widened_and_missing_fields_filled() {
        let filled = Schema { default: Some(Value::string("d")), ..Schema::of(Type::String) };
        let old = schema(1, &[("n", Schema::of(Type::Int32)), ("gone", Schema::of(Type::Boolean))]);
        let new = schema(
            2,
            &[("n", Schema::of(Type::Float64)), ("text", filled), ("more", Schema::optional(Type::Int8))],
        );
        let value = of(&old, vec![Value::Int32(5), Value::Boolean(true)]);
        let projected = Compatibility::Backward.projected(Some(&new), &value).expect("fits");
        assert_eq!(projected, Some(of(&new, vec![Value::Float64(5.0), Value::string("d"), Value::Null])));
        assert!(Compatibility::Backward.projected(Some(&old), &value).expect("same").is_none());
        assert!(Compatibility::None.projected(Some(&new), &value).expect("as it is").is_none());
    }

    #[test]
    fn what_does_not_fit_is_refused_with_the_text_of_the_jvm() {
        let source = schema(1, &[("n", Schema::of(Type::Int64))]);
        let cases = [
            (schema(2, &[("n", Schema::of(Type::Int32))]), "Error projecting n"),
            (
                schema(2, &[("m", Schema::of(Type::Int32))]),
                "Required field `m` is missing from source schema",
            ),
        ];
        for (target, text) in cases {
            let error = Compatibility::Full.projected(Some(&target), &of(&source, vec![Value::Int64(1)]));
            assert_eq!(error.expect_err("refused").context(), text);
        }
    }
}
