//! How a value is spread over the columns of its file.

use connect_core::data::coerce::logical as convert;
use connect_core::data::{Schema, SchemaRef, Value, logical};
use connect_core::error::ConnectError;
use connector_avro::names;

use super::columns::{Column, Values};

/// One step of spreading a value over columns.
#[derive(Debug)]
pub(super) struct Node {
    /// Level of definition of a value that is there.
    pub(super) definition: i16,
    pub(super) is_optional: bool,
    pub(super) kind: NodeKind,
}

#[derive(Debug)]
pub(super) enum NodeKind {
    Leaf(usize, SchemaRef),
    Struct(Vec<(Option<Value>, Node)>),
    Union(Vec<Node>),
    List { repetition: i16, element: Box<Node> },
    Map { repetition: i16, key: Box<Node>, value: Box<Node> },
}

impl Node {
    /// Adds a value; on an error the columns are left uneven.
    pub(super) fn put(
        &self,
        value: &Value,
        repetition: i16,
        columns: &mut [Column],
    ) -> Result<(), ConnectError> {
        if value.is_null() {
            if !self.is_optional {
                return Err(ConnectError::data("Found null value for non-optional schema"));
            }
            self.absent(self.definition - 1, repetition, columns);
            return Ok(());
        }
        match (&self.kind, value) {
            (NodeKind::Leaf(index, schema), value) => {
                let column = &mut columns[*index];
                column.levels(self.definition, repetition);
                push(column, schema, value)
            }
            (NodeKind::Struct(nodes), Value::Struct(structure))
                if nodes.len() == structure.values().len() =>
            {
                nodes.iter().zip(structure.values()).try_for_each(|((default, node), value)| {
                    let value = match default {
                        Some(default) if value.is_null() => default,
                        _ => value,
                    };
                    node.put(value, repetition, columns)
                })
            }
            (NodeKind::Union(nodes), Value::Struct(structure)) if nodes.len() == structure.values().len() => {
                let pairs = nodes.iter().zip(structure.values());
                pairs.into_iter().try_for_each(|(node, value)| node.put(value, repetition, columns))
            }
            (NodeKind::List { repetition: own, element }, Value::Array(items)) => {
                if items.is_empty() {
                    element.absent(self.definition, repetition, columns);
                }
                items.iter().enumerate().try_for_each(|(index, item)| {
                    element.put(item, if index == 0 { repetition } else { *own }, columns)
                })
            }
            (NodeKind::Map { repetition: own, key, value }, Value::Map(map)) => {
                if map.entries.is_empty() {
                    key.absent(self.definition, repetition, columns);
                    value.absent(self.definition, repetition, columns);
                }
                map.entries.iter().enumerate().try_for_each(|(index, (own_key, own_value))| {
                    let repetition = if index == 0 { repetition } else { *own };
                    key.put(own_key, repetition, columns)?;
                    value.put(own_value, repetition, columns)
                })
            }
            (_, other) => Err(mismatch(other)),
        }
    }

    /// Notes in every column below that nothing is there beyond a level.
    fn absent(&self, definition: i16, repetition: i16, columns: &mut [Column]) {
        match &self.kind {
            NodeKind::Leaf(index, _) => columns[*index].levels(definition, repetition),
            NodeKind::Struct(nodes) => {
                nodes.iter().for_each(|(_, node)| node.absent(definition, repetition, columns));
            }
            NodeKind::Union(nodes) => {
                nodes.iter().for_each(|node| node.absent(definition, repetition, columns))
            }
            NodeKind::List { element, .. } => element.absent(definition, repetition, columns),
            NodeKind::Map { key, value, .. } => {
                key.absent(definition, repetition, columns);
                value.absent(definition, repetition, columns);
            }
        }
    }
}

fn push(column: &mut Column, schema: &Schema, value: &Value) -> Result<(), ConnectError> {
    match (&mut column.values, value) {
        (Values::Boolean(values), Value::Boolean(flag)) => values.push(*flag),
        (Values::Int32(values), Value::Int8(number)) => values.push(i32::from(*number)),
        (Values::Int32(values), Value::Int16(number)) => values.push(i32::from(*number)),
        (Values::Int32(values), Value::Int32(number)) => values.push(*number),
        (Values::Int32(values), Value::Date(millis)) => values.push(match schema.name.as_deref() {
            Some(logical::DATE) => convert::date_to_days(*millis)?,
            _ => convert::time_to_millis(*millis)?,
        }),
        (Values::Int64(values), Value::Int64(number) | Value::Date(number)) => values.push(*number),
        (Values::Float(values), Value::Float32(number)) => values.push(*number),
        (Values::Double(values), Value::Float64(number)) => values.push(*number),
        (Values::Bytes(_, _, false), Value::String(text)) => {
            column.push_bytes(text.as_bytes());
        }
        (Values::Bytes(_, _, false), Value::Decimal(number)) => {
            column.push_bytes(&convert::decimal_to_bytes(schema, number)?);
        }
        (Values::Bytes(_, _, true), Value::Decimal(number)) => {
            let size = names::fixed_size(schema).unwrap_or_default();
            let bytes = convert::decimal_to_bytes(schema, number)?;
            let missing = size.checked_sub(bytes.len()).ok_or_else(|| mismatch(value))?;
            let sign = if bytes.first().is_some_and(|first| *first >= 0x80) { 0xff } else { 0 };
            let mut padded = vec![sign; missing];
            padded.extend_from_slice(&bytes);
            column.push_bytes(&padded);
        }
        (Values::Bytes(_, _, is_fixed), Value::Bytes(bytes)) => {
            if *is_fixed && names::fixed_size(schema) != Some(bytes.len()) {
                return Err(mismatch(value));
            }
            column.push_bytes(bytes);
        }
        (_, other) => return Err(mismatch(other)),
    }
    Ok(())
}

fn mismatch(value: &Value) -> ConnectError {
    ConnectError::data(format!(
        "a value of class `{}` does not fit its column of Parquet",
        value.java_class()
    ))
}
