//! Avro's binary encoding into Connect values, in one pass along a plan.

use std::sync::Arc;

use bytestring::ByteString;
use connect_core::data::coerce::logical as convert;
use connect_core::data::{Map, Struct, Value, java_map, logical};
use connect_core::error::ConnectError;

use crate::anything;
use crate::plan::Plan;
use crate::reader::{Read, Reader};

/// Reads a value.
///
/// # Errors
/// Fails with a data error when the bytes were not written with the plan's schema.
pub fn decode(plan: &Plan, reader: &mut Reader<'_>) -> Result<Value, ConnectError> {
    read(plan, reader).map_err(|error| *error)
}

fn read(plan: &Plan, reader: &mut Reader<'_>) -> Read<Value> {
    Ok(match plan {
        Plan::Boolean => Value::Boolean(reader.boolean()?),
        #[expect(clippy::cast_possible_truncation, reason = "narrowing drops bits, as `byteValue` does")]
        Plan::Int8 => Value::Int8(reader.int()? as i8),
        #[expect(clippy::cast_possible_truncation, reason = "narrowing drops bits, as `shortValue` does")]
        Plan::Int16 => Value::Int16(reader.int()? as i16),
        Plan::Int32 => Value::Int32(reader.int()?),
        Plan::Int64 => Value::Int64(reader.long()?),
        Plan::Float32 => Value::Float32(reader.float()?),
        Plan::Float64 => Value::Float64(reader.double()?),
        Plan::String => Value::String(reader.string()?),
        Plan::Bytes => Value::Bytes(reader.bytes()?),
        Plan::Fixed(len) => Value::Bytes(reader.fixed(*len)?),
        Plan::Decimal(schema, fixed) => {
            let bytes = match fixed {
                Some(len) => reader.take(*len)?,
                None => reader.slice()?,
            };
            Value::Decimal(convert::decimal_from_bytes(schema, bytes)?)
        }
        Plan::Date => Value::Date(i64::from(reader.int()?) * logical::MILLIS_PER_DAY),
        Plan::Time => Value::Date(convert::time_from_millis(i64::from(reader.int()?))?),
        Plan::Timestamp => Value::Date(reader.long()?),
        Plan::Enum(symbols) => Value::String(symbol(symbols, reader.long()?)?),
        Plan::Array(element) => array(element, reader)?,
        Plan::Map(values) => map(values, reader)?,
        Plan::Entries { key, value, is_key_first } => entries(key, value, *is_key_first, reader)?,
        Plan::Record(schema, fields) => {
            let mut values = Vec::with_capacity(fields.len());
            for field in fields {
                add(field, reader, &mut values)?;
            }
            Value::Struct(Box::new(Struct::from_parts(Arc::clone(schema), values)))
        }
        Plan::Optional(null_index, inner) => match reader.long()? {
            index if index == *null_index => Value::Null,
            0 | 1 => read(inner, reader)?,
            index => return Err(no_branch(index)),
        },
        Plan::Only(inner) => match reader.long()? {
            0 => read(inner, reader)?,
            index => return Err(no_branch(index)),
        },
        Plan::Union(schema, branches) => {
            let index = reader.long()?;
            let branch = usize::try_from(index).ok().and_then(|index| branches.get(index));
            match branch.ok_or_else(|| no_branch(index))? {
                None => Value::Null,
                Some((field, inner)) => {
                    let mut structure = Struct::new(Arc::clone(schema));
                    structure.put_at(*field, read(inner, reader)?);
                    Value::Struct(Box::new(structure))
                }
            }
        }
        Plan::Anything => anything::decode(reader, 0)?,
    })
}

/// Adds a value to those of a record: the most frequent ones are made where they stay.
#[inline]
fn add(plan: &Plan, reader: &mut Reader<'_>, values: &mut Vec<Value>) -> Read<()> {
    match plan {
        Plan::String => values.push(Value::String(reader.string()?)),
        Plan::Int32 => values.push(Value::Int32(reader.int()?)),
        Plan::Int64 => values.push(Value::Int64(reader.long()?)),
        Plan::Float64 => values.push(Value::Float64(reader.double()?)),
        Plan::Boolean => values.push(Value::Boolean(reader.boolean()?)),
        Plan::Optional(null_index, inner) => match (reader.long()?, &**inner) {
            (index, _) if index == *null_index => values.push(Value::Null),
            (0 | 1, Plan::String) => values.push(Value::String(reader.string()?)),
            (0 | 1, other) => values.push(read(other, reader)?),
            (index, _) => return Err(no_branch(index)),
        },
        other => values.push(read(other, reader)?),
    }
    Ok(())
}

#[cold]
fn no_branch(index: i64) -> Box<ConnectError> {
    Box::new(ConnectError::data(format!("reading Avro data: the union has no branch {index}")))
}

fn symbol(symbols: &[ByteString], index: i64) -> Read<ByteString> {
    let found = usize::try_from(index).ok().and_then(|index| symbols.get(index));
    found.cloned().ok_or_else(|| {
        ConnectError::data(format!("reading Avro data: the enum has no symbol {index}")).into()
    })
}

fn array(element: &Plan, reader: &mut Reader<'_>) -> Read<Value> {
    let mut items = Vec::new();
    loop {
        let count = reader.block()?;
        if count == 0 {
            return Ok(Value::Array(items));
        }
        items.reserve(count);
        for _ in 0..count {
            items.push(read(element, reader)?);
        }
    }
}

fn map(values: &Plan, reader: &mut Reader<'_>) -> Read<Value> {
    let mut entries: Vec<(Value, Value)> = Vec::new();
    loop {
        let count = reader.block()?;
        if count == 0 {
            return Ok(Value::Map(Map { entries: in_java_order(entries) }));
        }
        entries.reserve(count);
        for _ in 0..count {
            let key = Value::String(reader.string()?);
            entries.push((key, read(values, reader)?));
        }
    }
}

/// Returns the entries as a `HashMap` made for their number iterates over them; of equal keys the last counts.
pub fn in_java_order(entries: Vec<(Value, Value)>) -> Vec<(Value, Value)> {
    if entries.len() < 2 {
        return entries;
    }
    // `new HashMap<>(n)`: the next power of two, doubled when more than three quarters are taken.
    let mut table = u32::try_from(entries.len()).unwrap_or(u32::MAX / 4).next_power_of_two();
    if entries.len() > (table * 3 / 4) as usize {
        table *= 2;
    }
    let bucket = |entry: &(Value, Value)| {
        let hash = java_map::string_hash(entry.0.as_str().unwrap_or_default()).cast_unsigned();
        (hash ^ (hash >> 16)) & (table - 1)
    };
    let mut ordered: Vec<(u32, (Value, Value))> =
        entries.into_iter().map(|entry| (bucket(&entry), entry)).collect();
    ordered.sort_by_key(|(bucket, _)| *bucket);
    let mut unique: Vec<(u32, (Value, Value))> = Vec::with_capacity(ordered.len());
    let mut bucket_start = 0;
    for (bucket, entry) in ordered {
        if unique.last().is_none_or(|(last, _)| *last != bucket) {
            bucket_start = unique.len();
        }
        match unique[bucket_start..].iter_mut().find(|(_, earlier)| earlier.0 == entry.0) {
            Some((_, earlier)) => earlier.1 = entry.1,
            None => unique.push((bucket, entry)),
        }
    }
    unique.into_iter().map(|(_, entry)| entry).collect()
}

fn entries(key: &Plan, value: &Plan, is_key_first: bool, reader: &mut Reader<'_>) -> Read<Value> {
    let mut entries: Vec<(Value, Value)> = Vec::new();
    loop {
        let count = reader.block()?;
        if count == 0 {
            return Ok(Value::Map(Map { entries: convert::in_hash_order(crate::unique::by_last(entries)) }));
        }
        for _ in 0..count {
            let entry = if is_key_first {
                let key = read(key, reader)?;
                (key, read(value, reader)?)
            } else {
                let value = read(value, reader)?;
                (read(key, reader)?, value)
            };
            entries.push(entry);
        }
    }
}
