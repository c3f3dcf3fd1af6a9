//! `Values.inferSchema`: the schema of a value that came without one.

use std::sync::Arc;

use crate::data::{Schema, SchemaRef, Type, Value};

/// Returns the schema of a value; `None` for null, dates and decimals, and for lists and maps that are empty or hold
/// values of several types.
pub fn infer_schema(value: &Value) -> Option<SchemaRef> {
    let ty = match value {
        Value::Boolean(_) => Type::Boolean,
        Value::Int8(_) => Type::Int8,
        Value::Int16(_) => Type::Int16,
        Value::Int32(_) => Type::Int32,
        Value::Int64(_) => Type::Int64,
        Value::Float32(_) => Type::Float32,
        Value::Float64(_) => Type::Float64,
        Value::String(_) => Type::String,
        Value::Bytes(_) => Type::Bytes,
        Value::Struct(structure) => return Some(Arc::clone(structure.schema())),
        Value::Array(items) => {
            let element = common(items.iter())?;
            return Some(Arc::new(Schema { value_schema: Some(element), ..Schema::of(Type::Array) }));
        }
        Value::Map(map) => {
            let key_schema = Some(common(map.entries.iter().map(|(key, _)| key))?);
            let value_schema = Some(common(map.entries.iter().map(|(_, value)| value))?);
            return Some(Arc::new(Schema { key_schema, value_schema, ..Schema::of(Type::Map) }));
        }
        Value::Null | Value::Decimal(_) | Value::Date(_) => return None,
    };
    Some(Arc::new(Schema::of(ty)))
}

/// Returns the schema all values share; nulls make it optional.
fn common<'a>(values: impl Iterator<Item = &'a Value>) -> Option<SchemaRef> {
    let mut known: Option<SchemaRef> = None;
    let mut has_null = false;
    for value in values {
        if value.is_null() {
            has_null = true;
            continue;
        }
        let schema = infer_schema(value)?;
        match &known {
            None => known = Some(schema),
            Some(other) if other.ty == schema.ty => {}
            Some(_) => return None,
        }
    }
    let known = known?;
    Some(if has_null { Arc::new(Schema { optional: true, ..(*known).clone() }) } else { known })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_of_one_type_have_a_schema() {
        let list = |items: Vec<Value>| {
            infer_schema(&Value::Array(items)).and_then(|schema| schema.value_schema.clone())
        };
        assert_eq!(list(vec![Value::Int8(1), Value::Null]), Some(Arc::new(Schema::optional(Type::Int8))));
        assert_eq!(list(vec![Value::Int8(1), Value::Int16(1)]), None);
        assert_eq!(list(vec![]), None);
        assert_eq!(infer_schema(&Value::Date(0)), None);
    }
}
