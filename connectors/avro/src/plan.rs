//! How the bytes of a writer's schema become Connect values: worked out once a schema, followed once a record.

use std::sync::Arc;

use bytestring::ByteString;
use connect_core::data::{Schema, SchemaRef, Type, logical};
use connect_core::error::ConnectError;

use crate::config::AvroConfig;
use crate::names;
use crate::schema::{Avro, Kind};
use crate::to_connect;

/// One step of decoding.
#[derive(Debug)]
pub enum Plan {
    Boolean,
    Int8,
    Int16,
    Int32,
    Int64,
    Float32,
    Float64,
    String,
    Bytes,
    Fixed(usize),
    /// Of a fixed size, or with its length in front.
    Decimal(SchemaRef, Option<usize>),
    Date,
    Time,
    Timestamp,
    Enum(Vec<ByteString>),
    Array(Box<Plan>),
    Map(Box<Plan>),
    Entries {
        key: Box<Plan>,
        value: Box<Plan>,
        is_key_first: bool,
    },
    Record(SchemaRef, Vec<Plan>),
    /// A union that only says whether there is a value, and which of its branches is null.
    Optional(i64, Box<Plan>),
    /// A union of one type.
    Only(Box<Plan>),
    /// A union that became a struct; for each branch the field it fills, none for null.
    Union(SchemaRef, Vec<Option<(usize, Plan)>>),
    /// A value written without a schema.
    Anything,
}

/// Returns the plan for bytes written with an Avro schema, and the Connect schema of its values.
///
/// # Errors
/// Fails with a data error when the schema has no counterpart in Connect.
pub fn make(
    config: &AvroConfig,
    avro: &Avro,
    version: Option<i32>,
) -> Result<(Option<SchemaRef>, Plan), ConnectError> {
    if avro.name().is_some_and(|name| name.full() == names::ANYTHING) {
        return Ok((None, Plan::Anything));
    }
    let schema = to_connect::convert(config, avro, version)?;
    let plan = plan(avro, &schema)?;
    Ok((Some(schema), plan))
}

fn plan(avro: &Avro, schema: &SchemaRef) -> Result<Plan, ConnectError> {
    let child = || schema.value_schema.as_ref().ok_or_else(mismatch);
    Ok(match &avro.kind {
        Kind::Boolean => Plan::Boolean,
        Kind::Int => int(schema),
        Kind::Long => match schema.is_named(logical::TIMESTAMP) {
            true => Plan::Timestamp,
            false => Plan::Int64,
        },
        Kind::Float => Plan::Float32,
        Kind::Double => Plan::Float64,
        Kind::String => Plan::String,
        Kind::Bytes if schema.is_named(logical::DECIMAL) => Plan::Decimal(Arc::clone(schema), None),
        Kind::Bytes => Plan::Bytes,
        Kind::Fixed(fixed) if schema.is_named(logical::DECIMAL) => {
            Plan::Decimal(Arc::clone(schema), Some(fixed.size))
        }
        Kind::Fixed(fixed) => Plan::Fixed(fixed.size),
        Kind::Enum(symbols) => {
            Plan::Enum(symbols.symbols.iter().map(|symbol| ByteString::from(symbol.as_str())).collect())
        }
        Kind::Array(element) if schema.ty == Type::Map => {
            let Kind::Record(entry) = &element.kind else { return Err(mismatch()) };
            let (key, value) = to_connect::entry_fields(entry)?;
            let key_schema = schema.key_schema.as_ref().ok_or_else(mismatch)?;
            Plan::Entries {
                key: Box::new(plan(key, key_schema)?),
                value: Box::new(plan(value, child()?)?),
                is_key_first: entry.fields.first().is_some_and(|field| field.name == names::KEY),
            }
        }
        Kind::Array(element) => Plan::Array(Box::new(plan(element, child()?)?)),
        Kind::Map(values) => Plan::Map(Box::new(plan(values, child()?)?)),
        Kind::Record(record) => {
            let fields = record.fields.iter().zip(&schema.fields);
            let fields: Result<Vec<Plan>, _> =
                fields.map(|(field, connect)| plan(&field.schema, &connect.schema)).collect();
            Plan::Record(Arc::clone(schema), fields?)
        }
        Kind::Union(branches) if names::is_union(schema) && branches.len() != 1 => union(branches, schema)?,
        Kind::Union(branches) => match branches.as_slice() {
            [only] if names::is_union(schema) => {
                let field = schema.fields.first().ok_or_else(mismatch)?;
                Plan::Union(Arc::clone(schema), vec![Some((0, plan(only, &field.schema)?))])
            }
            [only] => Plan::Only(Box::new(plan(only, schema)?)),
            [null, other] if null.kind == Kind::Null => Plan::Optional(0, Box::new(plan(other, schema)?)),
            [other, _] => Plan::Optional(1, Box::new(plan(other, schema)?)),
            _ => return Err(mismatch()),
        },
        Kind::Null | Kind::Open(_) => return Err(mismatch()),
    })
}

fn union(branches: &[Arc<Avro>], schema: &SchemaRef) -> Result<Plan, ConnectError> {
    // A record inside may itself be called a union; then it is one optional branch of that name.
    let is_plain = branches.len() == 2 && branches.iter().any(|branch| branch.kind == Kind::Null);
    if is_plain {
        let null_index = i64::from(branches.last().is_some_and(|branch| branch.kind == Kind::Null));
        let other = branches.iter().find(|branch| branch.kind != Kind::Null).ok_or_else(mismatch)?;
        return Ok(Plan::Optional(null_index, Box::new(plan(other, schema)?)));
    }
    let mut fields = 0..;
    let mut steps = Vec::with_capacity(branches.len());
    for branch in branches {
        if branch.kind == Kind::Null {
            steps.push(None);
            continue;
        }
        let index = fields.next().ok_or_else(mismatch)?;
        let field = schema.fields.get(index).ok_or_else(mismatch)?;
        steps.push(Some((index, plan(branch, &field.schema)?)));
    }
    Ok(Plan::Union(Arc::clone(schema), steps))
}

fn int(schema: &Schema) -> Plan {
    match schema.name.as_deref() {
        Some(logical::DATE) => Plan::Date,
        Some(logical::TIME) => Plan::Time,
        _ => match schema.ty {
            Type::Int8 => Plan::Int8,
            Type::Int16 => Plan::Int16,
            _ => Plan::Int32,
        },
    }
}

fn mismatch() -> ConnectError {
    ConnectError::data("the Avro schema and its Connect schema differ")
}
