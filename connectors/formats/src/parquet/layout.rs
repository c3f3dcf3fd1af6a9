//! The layout of a file: Parquet's types of an Avro schema, as `AvroSchemaConverter` of parquet-java chooses them, and
//! what they are filled by.

use std::sync::Arc;

use connect_core::data::{Schema, SchemaRef, Value};
use connect_core::error::ConnectError;
use connector_avro::config::AvroConfig;
use connector_avro::schema::{Avro, Kind};
use connector_avro::{from_connect, names, text};
use parquet::basic::{LogicalType, Repetition, TimeUnit, Type as Physical};
use parquet::errors::ParquetError;
use parquet::schema::types::{Type, TypePtr};

use super::columns::{Column, Values};
use super::spread::{Node, NodeKind};
use crate::envelope::strip_own_name;

/// Everything that is known of a file before its first row.
#[derive(Debug)]
pub(super) struct Layout {
    /// The schema of the rows.
    pub(super) connect: SchemaRef,
    /// The same in Avro's words; readers of parquet-java look for it in the file. `None` where names of fields are none
    /// in Avro, as those of JSON may be: such a text would only stop these readers.
    pub(super) avro_text: Option<String>,
    pub(super) root: TypePtr,
    node: Node,
    columns: Vec<Column>,
}

impl Layout {
    /// Returns the layout of rows of a schema.
    ///
    /// # Errors
    /// A data error when the schema is that of no struct, or has no counterpart in Parquet.
    pub(super) fn new(config: &AvroConfig, connect: &SchemaRef) -> Result<Self, ConnectError> {
        let avro = strip_own_name(from_connect::convert(config, connect)?);
        let record = match &avro.kind {
            Kind::Union(branches) => {
                branches.iter().find(|branch| branch.kind != Kind::Null).unwrap_or(&avro)
            }
            _ => &avro,
        };
        let Kind::Record(fields) = &record.kind else {
            return Err(ConnectError::data(format!(
                "writing values of type {} with `ParquetFormat`, which takes structs only",
                connect.ty.name()
            )));
        };
        let mut builder = Builder { columns: Vec::new(), is_old_list: !has_optional_items(connect) };
        let place = Place { definition: 0, repetition: 0 };
        let mut types = Vec::with_capacity(fields.fields.len());
        let mut nodes = Vec::with_capacity(fields.fields.len());
        for (field, own) in fields.fields.iter().zip(&connect.fields) {
            let (ty, node) = builder.field(&field.name, &field.schema, &own.schema, place)?;
            types.push(Arc::new(ty));
            nodes.push((own.schema.default.clone(), node));
        }
        let name = fields.name.full();
        let root = Type::group_type_builder(&name).with_fields(types).build().map_err(unfit)?;
        let node = Node { definition: 0, is_optional: false, kind: NodeKind::Struct(nodes) };
        let avro_text = if has_avro_names(connect) { Some(text::of(record)?) } else { None };
        let connect = Arc::clone(connect);
        Ok(Self { connect, avro_text, root: Arc::new(root), node, columns: builder.columns })
    }

    /// Returns the columns, empty.
    pub(super) fn columns(&self) -> Vec<Column> {
        self.columns.clone()
    }

    /// Adds a row; on an error the columns are left uneven.
    ///
    /// # Errors
    /// A data error when the value is none of the schema.
    pub(super) fn put(&self, value: &Value, columns: &mut [Column]) -> Result<(), ConnectError> {
        self.node.put(value, 0, columns)
    }
}

fn unfit(error: ParquetError) -> ConnectError {
    ConnectError::data("laying a schema out in columns of Parquet").because(error)
}

fn has_avro_names(schema: &Schema) -> bool {
    let inside = |child: Option<&SchemaRef>| child.is_none_or(|child| has_avro_names(child));
    schema.fields.iter().all(|field| names::is_name(&field.name) && has_avro_names(&field.schema))
        && inside(schema.key_schema.as_ref())
        && inside(schema.value_schema.as_ref())
}

/// Lists of Avro's older style cannot hold nulls, so Confluent gives them up for the whole file.
fn has_optional_items(schema: &Schema) -> bool {
    let is_list = schema.ty == connect_core::data::Type::Array;
    let inside = |child: Option<&SchemaRef>| child.is_some_and(|child| has_optional_items(child));
    (is_list && schema.value_schema.as_ref().is_some_and(|item| item.optional))
        || inside(schema.value_schema.as_ref())
        || inside(schema.key_schema.as_ref())
        || schema.fields.iter().any(|field| has_optional_items(&field.schema))
}

#[derive(Clone, Copy)]
struct Place {
    definition: i16,
    repetition: i16,
}

struct Builder {
    columns: Vec<Column>,
    is_old_list: bool,
}

impl Builder {
    fn field(
        &mut self,
        name: &str,
        avro: &Avro,
        connect: &SchemaRef,
        place: Place,
    ) -> Result<(Type, Node), ConnectError> {
        let Kind::Union(branches) = &avro.kind else { return self.value(name, avro, connect, place, false) };
        let is_optional = branches.iter().any(|branch| branch.kind == Kind::Null);
        let others: Vec<&Arc<Avro>> = branches.iter().filter(|branch| branch.kind != Kind::Null).collect();
        match others.as_slice() {
            [only] if !names::is_union(connect) => self.value(name, only, connect, place, is_optional),
            _ => self.union(name, &others, connect, place, is_optional),
        }
    }

    fn union(
        &mut self,
        name: &str,
        branches: &[&Arc<Avro>],
        connect: &SchemaRef,
        place: Place,
        is_optional: bool,
    ) -> Result<(Type, Node), ConnectError> {
        let inside = Place { definition: place.definition + i16::from(is_optional), ..place };
        let (mut types, mut nodes) = (Vec::new(), Vec::new());
        for (index, (branch, field)) in branches.iter().zip(&connect.fields).enumerate() {
            let (ty, node) = self.value(&format!("member{index}"), branch, &field.schema, inside, true)?;
            types.push(Arc::new(ty));
            nodes.push(node);
        }
        let ty = Type::group_type_builder(name).with_repetition(repetition(is_optional)).with_fields(types);
        let node = Node { definition: inside.definition, is_optional, kind: NodeKind::Union(nodes) };
        Ok((ty.build().map_err(unfit)?, node))
    }

    fn value(
        &mut self,
        name: &str,
        avro: &Avro,
        connect: &SchemaRef,
        place: Place,
        is_optional: bool,
    ) -> Result<(Type, Node), ConnectError> {
        let inside = Place { definition: place.definition + i16::from(is_optional), ..place };
        let (ty, kind) = match &avro.kind {
            Kind::Record(record) => {
                let (mut types, mut nodes) = (Vec::new(), Vec::new());
                for (field, own) in record.fields.iter().zip(&connect.fields) {
                    let (ty, node) = self.field(&field.name, &field.schema, &own.schema, inside)?;
                    types.push(Arc::new(ty));
                    nodes.push((own.schema.default.clone(), node));
                }
                (group(name, is_optional, None, types)?, NodeKind::Struct(nodes))
            }
            Kind::Array(element) if names::is_map_entry(element) => {
                self.entries(name, element, connect, inside, is_optional)?
            }
            Kind::Array(element) => self.list(name, element, connect, inside, is_optional)?,
            Kind::Map(values) => self.map(name, values, connect, inside, is_optional)?,
            _ => self.leaf(name, avro, connect, inside, is_optional)?,
        };
        Ok((ty, Node { definition: inside.definition, is_optional, kind }))
    }

    fn list(
        &mut self,
        name: &str,
        element: &Avro,
        connect: &SchemaRef,
        place: Place,
        is_optional: bool,
    ) -> Result<(Type, NodeKind), ConnectError> {
        let inside = Place { definition: place.definition + 1, repetition: place.repetition + 1 };
        let item = child(connect.value_schema.as_ref())?;
        let inner = if self.is_old_list {
            let (ty, node) = self.value("array", element, item, inside, false)?;
            (repeated(&ty)?, node)
        } else {
            let (ty, node) = self.field("element", element, item, inside)?;
            let list = Type::group_type_builder("list").with_repetition(Repetition::REPEATED);
            (list.with_fields(vec![Arc::new(ty)]).build().map_err(unfit)?, node)
        };
        let ty = group(name, is_optional, Some(LogicalType::List), vec![Arc::new(inner.0)])?;
        Ok((ty, NodeKind::List { repetition: inside.repetition, element: Box::new(inner.1) }))
    }

    /// A map with keys other than texts is a list of records in Avro.
    fn entries(
        &mut self,
        name: &str,
        entry: &Avro,
        connect: &SchemaRef,
        place: Place,
        is_optional: bool,
    ) -> Result<(Type, NodeKind), ConnectError> {
        let Kind::Record(record) = &entry.kind else {
            return Err(ConnectError::data("a map without entries"));
        };
        let inside = Place { definition: place.definition + 1, repetition: place.repetition + 1 };
        let (Some(key), Some(value)) = (record.fields.first(), record.fields.get(1)) else {
            return Err(ConnectError::data("an entry of a map without key and value"));
        };
        let (key_type, key) =
            self.field(names::KEY, &key.schema, child(connect.key_schema.as_ref())?, inside)?;
        let (value_type, value) =
            self.field(names::VALUE, &value.schema, child(connect.value_schema.as_ref())?, inside)?;
        let fields = vec![Arc::new(key_type), Arc::new(value_type)];
        let inner = if self.is_old_list {
            let entry = Type::group_type_builder("array").with_repetition(Repetition::REPEATED);
            entry.with_fields(fields).build().map_err(unfit)?
        } else {
            let element = group("element", false, None, fields)?;
            let list = Type::group_type_builder("list").with_repetition(Repetition::REPEATED);
            list.with_fields(vec![Arc::new(element)]).build().map_err(unfit)?
        };
        let ty = group(name, is_optional, Some(LogicalType::List), vec![Arc::new(inner)])?;
        let (key, value) = (Box::new(key), Box::new(value));
        Ok((ty, NodeKind::Map { repetition: inside.repetition, key, value }))
    }

    fn map(
        &mut self,
        name: &str,
        values: &Avro,
        connect: &SchemaRef,
        place: Place,
        is_optional: bool,
    ) -> Result<(Type, NodeKind), ConnectError> {
        let inside = Place { definition: place.definition + 1, repetition: place.repetition + 1 };
        let string = Avro::of(Kind::String);
        let key_schema = child(connect.key_schema.as_ref())?;
        let (key_type, key) = self.value("key", &string, key_schema, inside, false)?;
        let (value_type, value) =
            self.field("value", values, child(connect.value_schema.as_ref())?, inside)?;
        let entry = Type::group_type_builder("key_value").with_repetition(Repetition::REPEATED);
        let entry =
            entry.with_fields(vec![Arc::new(key_type), Arc::new(value_type)]).build().map_err(unfit)?;
        let ty = group(name, is_optional, Some(LogicalType::Map), vec![Arc::new(entry)])?;
        let (key, value) = (Box::new(key), Box::new(value));
        Ok((ty, NodeKind::Map { repetition: inside.repetition, key, value }))
    }

    fn leaf(
        &mut self,
        name: &str,
        avro: &Avro,
        connect: &SchemaRef,
        place: Place,
        is_optional: bool,
    ) -> Result<(Type, NodeKind), ConnectError> {
        let bytes = |is_fixed| Values::Bytes(Vec::new(), Vec::new(), is_fixed);
        let (physical, values) = match &avro.kind {
            Kind::Boolean => (Physical::BOOLEAN, Values::Boolean(Vec::new())),
            Kind::Int => (Physical::INT32, Values::Int32(Vec::new())),
            Kind::Long => (Physical::INT64, Values::Int64(Vec::new())),
            Kind::Float => (Physical::FLOAT, Values::Float(Vec::new())),
            Kind::Double => (Physical::DOUBLE, Values::Double(Vec::new())),
            Kind::Bytes | Kind::String | Kind::Enum(_) => (Physical::BYTE_ARRAY, bytes(false)),
            Kind::Fixed(_) => (Physical::FIXED_LEN_BYTE_ARRAY, bytes(true)),
            _ => {
                let ty = avro.type_name();
                return Err(ConnectError::data(format!("laying type `{ty}` out in columns of Parquet")));
            }
        };
        let mut ty = Type::primitive_type_builder(name, physical).with_repetition(repetition(is_optional));
        if let Kind::Fixed(fixed) = &avro.kind {
            ty = ty.with_length(i32::try_from(fixed.size).unwrap_or(i32::MAX));
        }
        let number = |key: &str| avro.props.get(key).and_then(serde_json::Value::as_i64);
        let number =
            |key: &str| number(key).and_then(|number| i32::try_from(number).ok()).unwrap_or_default();
        let logical = match (&avro.kind, avro.prop(names::LOGICAL_TYPE)) {
            (Kind::String, _) => Some(LogicalType::String),
            (Kind::Enum(_), _) => Some(LogicalType::Enum),
            (Kind::Int, Some("date")) => Some(LogicalType::Date),
            (Kind::Int, Some("time-millis")) => Some(LogicalType::time(true, TimeUnit::MILLIS)),
            (Kind::Long, Some("timestamp-millis")) => Some(LogicalType::timestamp(true, TimeUnit::MILLIS)),
            (Kind::Bytes | Kind::Fixed(_), Some("decimal")) => {
                ty = ty.with_scale(number("scale")).with_precision(number("precision"));
                Some(LogicalType::decimal(number("scale"), number("precision")))
            }
            _ => None,
        };
        let ty = ty.with_logical_type(logical).build().map_err(unfit)?;
        self.columns.push(Column::new(values, place.definition, place.repetition));
        Ok((ty, NodeKind::Leaf(self.columns.len() - 1, Arc::clone(connect))))
    }
}

fn child(schema: Option<&SchemaRef>) -> Result<&SchemaRef, ConnectError> {
    schema.ok_or_else(|| ConnectError::data("Array or map schema without element schema"))
}

fn repetition(is_optional: bool) -> Repetition {
    if is_optional { Repetition::OPTIONAL } else { Repetition::REQUIRED }
}

fn group(
    name: &str,
    is_optional: bool,
    logical: Option<LogicalType>,
    fields: Vec<TypePtr>,
) -> Result<Type, ConnectError> {
    if fields.is_empty() {
        return Err(ConnectError::data(format!("laying struct `{name}` without fields out in columns")));
    }
    let ty =
        Type::group_type_builder(name).with_repetition(repetition(is_optional)).with_logical_type(logical);
    ty.with_fields(fields).build().map_err(unfit)
}

/// Returns a type that repeats in place of one that is there once.
fn repeated(ty: &Type) -> Result<Type, ConnectError> {
    let info = ty.get_basic_info();
    let logical = info.logical_type_ref().cloned();
    if ty.is_group() {
        let again = Type::group_type_builder(ty.name()).with_repetition(Repetition::REPEATED);
        return again.with_logical_type(logical).with_fields(ty.get_fields().to_vec()).build().map_err(unfit);
    }
    let mut again = Type::primitive_type_builder(ty.name(), ty.get_physical_type())
        .with_repetition(Repetition::REPEATED)
        .with_logical_type(logical.clone());
    if let Type::PrimitiveType { type_length, scale, precision, .. } = ty {
        again = again.with_length(*type_length).with_scale(*scale).with_precision(*precision);
    }
    again.build().map_err(unfit)
}
