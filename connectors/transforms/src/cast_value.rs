//! Casts of single values by Java's rules: numbers lose bits, text is parsed strictly.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bigdecimal::BigDecimal;
use bigdecimal::num_bigint::Sign;
use connect_core::data::coerce::{logical as checked, write_value_text};
use connect_core::data::{Schema, Type, Value, java_text, logical};
use connect_core::error::ConnectError;

const TARGETS: [Type; 8] = [
    Type::Int8,
    Type::Int16,
    Type::Int32,
    Type::Int64,
    Type::Float32,
    Type::Float64,
    Type::Boolean,
    Type::String,
];
const TARGET_NAMES: &str = "INT8, INT16, INT32, INT64, FLOAT32, FLOAT64, BOOLEAN, STRING";

/// Returns the type with the given name, in any case, if values can be cast to it.
///
/// # Errors
/// Returns Kafka's text for a name that is no type, and for types that are no target.
pub(crate) fn target(name: &str) -> Result<Type, String> {
    let others = [Type::Bytes, Type::Array, Type::Map, Type::Struct];
    let is_named = |ty: &&Type| ty.name().eq_ignore_ascii_case(name);
    if let Some(ty) = TARGETS.iter().find(is_named) {
        return Ok(*ty);
    }
    match others.iter().find(is_named) {
        Some(ty) => Err(format!(
            "Cast transformation does not support casting to {}; supported types are [{TARGET_NAMES}]",
            ty.name()
        )),
        // Kafka Connect hands text and cause to a constructor that takes a key and its value.
        None => Err(format!(
            "Invalid value java.lang.IllegalArgumentException: No enum constant \
             org.apache.kafka.connect.data.Schema.Type.{} for configuration Invalid type found in casting spec: \
             {name}",
            name.to_uppercase()
        )),
    }
}

/// Casts a value; null stays null.
///
/// # Errors
/// Fails with a data error when the value's type is not supported or its text is no number in range.
pub(crate) fn cast(schema: Option<&Schema>, value: Value, target: Type) -> Result<Value, ConnectError> {
    if value.is_null() {
        return Ok(Value::Null);
    }
    let source = match schema {
        Some(schema) => schema.ty,
        None => type_of(&value).ok_or_else(|| {
            let class = value.java_class();
            ConnectError::data(format!(
                "Cast transformation was passed a value of type class {class} which is not supported by Connect's \
                 data API"
            ))
        })?,
    };
    if !source.is_primitive() {
        let source = source.name();
        return Err(ConnectError::data(format!(
            "Cast transformation does not support casting from {source}; supported types are [{TARGET_NAMES}, BYTES]"
        )));
    }
    if target == Type::String {
        return Ok(Value::string(to_text(&value)));
    }
    if !TARGETS.contains(&target) {
        let target = target.name();
        return Err(ConnectError::data(format!("{target} is not supported in the Cast transformation.")));
    }
    let value = encode_logical(schema, value)?;
    let number = match &value {
        Value::String(text) => return parse(text, target),
        Value::Boolean(flag) if target == Type::Boolean => return Ok(Value::Boolean(*flag)),
        Value::Boolean(flag) => Number::Integer(i64::from(*flag)),
        other => Number::of(other).ok_or_else(|| {
            let class = other.java_class();
            ConnectError::data(format!("Unexpected type in Cast transformation: class {class}"))
        })?,
    };
    Ok(number.narrow(target))
}

/// Returns the schema type that the JVM infers from a value's class; `None` of dates and decimals.
pub(crate) fn type_of(value: &Value) -> Option<Type> {
    Some(match value {
        Value::Boolean(_) => Type::Boolean,
        Value::Int8(_) => Type::Int8,
        Value::Int16(_) => Type::Int16,
        Value::Int32(_) => Type::Int32,
        Value::Int64(_) => Type::Int64,
        Value::Float32(_) => Type::Float32,
        Value::Float64(_) => Type::Float64,
        Value::String(_) => Type::String,
        Value::Bytes(_) => Type::Bytes,
        Value::Array(_) => Type::Array,
        Value::Map(_) => Type::Map,
        Value::Struct(_) => Type::Struct,
        Value::Null | Value::Decimal(_) | Value::Date(_) => return None,
    })
}

fn encode_logical(schema: Option<&Schema>, value: Value) -> Result<Value, ConnectError> {
    match (schema.and_then(|schema| schema.name.as_deref()), &value) {
        (Some(logical::DATE), Value::Date(millis)) => checked::date_to_days(*millis).map(Value::Int32),
        (Some(logical::TIME), Value::Date(millis)) => checked::time_to_millis(*millis).map(Value::Int32),
        (Some(logical::TIMESTAMP), Value::Date(millis)) => Ok(Value::Int64(*millis)),
        _ => Ok(value),
    }
}

fn to_text(value: &Value) -> String {
    match value {
        Value::Bytes(bytes) => STANDARD.encode(bytes),
        Value::Date(_) => {
            let mut text = String::new();
            write_value_text(&mut text, value);
            text
        }
        other => java_text::to_text(other),
    }
}

/// A `java.lang.Number`.
enum Number {
    Integer(i64),
    Float32(f32),
    Float64(f64),
    Decimal { low_bits: i64, nearest: f64, text: String },
}

impl Number {
    fn of(value: &Value) -> Option<Self> {
        Some(match value {
            Value::Int8(number) => Number::Integer(i64::from(*number)),
            Value::Int16(number) => Number::Integer(i64::from(*number)),
            Value::Int32(number) => Number::Integer(i64::from(*number)),
            Value::Int64(number) => Number::Integer(*number),
            Value::Float32(number) => Number::Float32(*number),
            Value::Float64(number) => Number::Float64(*number),
            Value::Decimal(number) => Self::of_decimal(number),
            _ => return None,
        })
    }

    fn of_decimal(number: &BigDecimal) -> Self {
        let (whole, _) = number.with_scale(0).into_bigint_and_exponent();
        let magnitude = whole.iter_u64_digits().next().unwrap_or(0).cast_signed();
        let low_bits = if whole.sign() == Sign::Minus { magnitude.wrapping_neg() } else { magnitude };
        let text = java_text::decimal(number);
        Number::Decimal { low_bits, nearest: text.parse().unwrap_or(f64::NAN), text }
    }

    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_precision_loss,
        reason = "numbers lose bits exactly as Java's casts do"
    )]
    fn narrow(&self, target: Type) -> Value {
        let (long, int) = match self {
            Number::Integer(number) => (*number, *number as i32),
            // From a floating-point number Java goes through int, which saturates.
            Number::Float32(number) => (*number as i64, *number as i32),
            Number::Float64(number) => (*number as i64, *number as i32),
            Number::Decimal { low_bits, .. } => (*low_bits, *low_bits as i32),
        };
        match target {
            Type::Int8 => Value::Int8(int as i8),
            Type::Int16 => Value::Int16(int as i16),
            Type::Int32 => Value::Int32(int),
            Type::Int64 => Value::Int64(long),
            Type::Boolean => Value::Boolean(long != 0),
            Type::Float32 => Value::Float32(match self {
                Number::Integer(number) => *number as f32,
                Number::Float32(number) => *number,
                Number::Float64(number) => *number as f32,
                Number::Decimal { text, .. } => text.parse().unwrap_or(f32::NAN),
            }),
            _ => Value::Float64(match self {
                Number::Integer(number) => *number as f64,
                Number::Float32(number) => f64::from(*number),
                Number::Float64(number) => *number,
                Number::Decimal { nearest, .. } => *nearest,
            }),
        }
    }
}

fn parse(text: &str, target: Type) -> Result<Value, ConnectError> {
    let parsed = match target {
        Type::Boolean => Some(Value::Boolean(text.eq_ignore_ascii_case("true"))),
        Type::Int8 => text.parse().ok().map(Value::Int8),
        Type::Int16 => text.parse().ok().map(Value::Int16),
        Type::Int32 => text.parse().ok().map(Value::Int32),
        Type::Int64 => text.parse().ok().map(Value::Int64),
        Type::Float32 => java_float(text).and_then(|text| text.parse().ok()).map(Value::Float32),
        _ => java_float(text).and_then(|text| text.parse().ok()).map(Value::Float64),
    };
    parsed
        .ok_or_else(|| ConnectError::data(format!("Value ({text}) was out of range for requested data type")))
}

/// Returns a text that `Double.parseDouble` takes as Rust's parser reads it; `None` of texts that only Rust knows.
fn java_float(text: &str) -> Option<&str> {
    let text = text.trim_matches(|symbol: char| symbol <= ' ');
    let digits = text.strip_prefix(['+', '-']).unwrap_or(text);
    if digits == "NaN" || digits == "Infinity" {
        return Some(text);
    }
    let number = text.strip_suffix(['f', 'F', 'd', 'D']).unwrap_or(text);
    let is_plain = |symbol: char| symbol.is_ascii_digit() || matches!(symbol, '.' | 'e' | 'E' | '+' | '-');
    number.chars().all(is_plain).then_some(number)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn floats_are_read_as_java_reads_them() {
        let table =
            [("1.5f", Some("1.5")), (" 1 ", Some("1")), ("-Infinity", Some("-Infinity")), ("inf", None)];
        for (text, expected) in table {
            assert_eq!(java_float(text), expected, "{text}");
        }
    }
}
