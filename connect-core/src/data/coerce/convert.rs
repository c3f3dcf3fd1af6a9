//! `Values.convertTo…`: a value as another type, by the rules of casts, field masks and headers.

use std::sync::LazyLock;

use bigdecimal::BigDecimal;
use bigdecimal::num_traits::ToPrimitive;

use crate::data::coerce::parse::decimal_of;
use crate::data::coerce::{logical as checked, parse_string, write_value_text};
use crate::data::logical::{self, MILLIS_PER_DAY};
use crate::data::{Schema, Type, Value, java_text};
use crate::error::ConnectError;

type Result<T> = std::result::Result<T, ConnectError>;

/// Declares a public conversion to one type.
macro_rules! conversions {
    ($($name:ident, $ty:literal, $schema:expr;)*) => {$(
        #[doc = concat!("Converts a value to ", $ty, "; null stays null. `from` is the value's schema, if known.")]
        ///
        /// # Errors
        /// Fails with a data error when the value has no such form.
        pub fn $name(from: Option<&Schema>, value: &Value) -> Result<Value> {
            static TARGET: LazyLock<Schema> = LazyLock::new(|| $schema);
            convert(&TARGET, from, value.clone())
        }
    )*};
}

conversions! {
    to_boolean, "a boolean", Schema::optional(Type::Boolean);
    to_int8, "an 8-bit integer", Schema::optional(Type::Int8);
    to_int16, "a 16-bit integer", Schema::optional(Type::Int16);
    to_int32, "a 32-bit integer", Schema::optional(Type::Int32);
    to_int64, "a 64-bit integer", Schema::optional(Type::Int64);
    to_float32, "a 32-bit float", Schema::optional(Type::Float32);
    to_float64, "a 64-bit float", Schema::optional(Type::Float64);
    to_string, "text", Schema::optional(Type::String);
    to_list, "a list", Schema::optional(Type::Array);
    to_map, "a map", Schema::optional(Type::Map);
    to_struct, "a struct", Schema::optional(Type::Struct);
    to_date, "a date", Schema { optional: true, ..logical::date() };
    to_time, "a time of day", Schema { optional: true, ..logical::time() };
    to_timestamp, "a timestamp", Schema { optional: true, ..logical::timestamp() };
}

/// Converts a value to a decimal; null stays null. `scale` matters for bytes only.
///
/// # Errors
/// Fails with a data error when the value has no such form.
pub fn to_decimal(from: Option<&Schema>, value: &Value, scale: i32) -> Result<Value> {
    convert(&Schema { optional: true, ..logical::decimal(scale) }, from, value.clone())
}

/// Converts a value to the type of a schema, as `Values.convertTo` does.
#[expect(clippy::cast_possible_truncation, reason = "narrowing drops bits, as Java's casts do")]
pub(super) fn convert(to: &Schema, from: Option<&Schema>, value: Value) -> Result<Value> {
    if value.is_null() {
        if to.optional {
            return Ok(Value::Null);
        }
        return Err(ConnectError::data("Unable to convert a null value to a schema that requires a value"));
    }
    match (to.ty, value) {
        (Type::Int32, value) if to.is_named(logical::DATE) => to_date_value(from, value),
        (Type::Int32, value) if to.is_named(logical::TIME) => to_time_value(from, value),
        (Type::Int64, value) if to.is_named(logical::TIMESTAMP) => to_timestamp_value(from, value),
        (Type::Bytes, value) => to_bytes(to, value),
        (Type::String, value) => {
            let mut text = String::new();
            write_value_text(&mut text, &value);
            Ok(Value::string(text))
        }
        (Type::Boolean, value @ Value::Boolean(_))
        | (Type::Int8, value @ Value::Int8(_))
        | (Type::Int16, value @ Value::Int16(_))
        | (Type::Int32, value @ Value::Int32(_))
        | (Type::Int64, value @ Value::Int64(_))
        | (Type::Float32, value @ Value::Float32(_))
        | (Type::Float64, value @ Value::Float64(_))
        | (Type::Array, value @ Value::Array(_))
        | (Type::Map, value @ Value::Map(_))
        | (Type::Struct, value @ Value::Struct(_)) => Ok(value),
        (Type::Boolean, value) => to_boolean_value(from, value),
        (Type::Int8, value) => Ok(Value::Int8(as_i64(&value, from)? as i8)),
        (Type::Int16, value) => Ok(Value::Int16(as_i64(&value, from)? as i16)),
        (Type::Int32, value) => Ok(Value::Int32(as_i64(&value, from)? as i32)),
        (Type::Int64, value) => Ok(Value::Int64(as_i64(&value, from)?)),
        (Type::Float32, value) => Ok(Value::Float32(as_f64(&value, from)? as f32)),
        (Type::Float64, value) => Ok(Value::Float64(as_f64(&value, from)?)),
        (Type::Array | Type::Map, Value::String(text)) => {
            let parsed = parse_string(&text).value;
            match (to.ty, &parsed) {
                (Type::Array, Value::Array(_)) | (Type::Map, Value::Map(_)) => Ok(parsed),
                _ => Err(cannot(&parsed, &schema_text(to))),
            }
        }
        (_, value) => Err(cannot(&value, &schema_text(to))),
    }
}

fn cannot(value: &Value, target: &str) -> ConnectError {
    let (text, class) = (java_text::to_text(value), value.java_class());
    ConnectError::data(format!("Unable to convert {text} (class {class}) to {target}"))
}

/// Returns a schema's text as `ConnectSchema.toString` gives it.
fn schema_text(schema: &Schema) -> String {
    match &schema.name {
        Some(name) => format!("Schema{{{name}:{}}}", schema.ty.name()),
        None => format!("Schema{{{}}}", schema.ty.name()),
    }
}

fn to_boolean_value(from: Option<&Schema>, value: Value) -> Result<Value> {
    if let Value::String(text) = &value
        && let parsed @ Value::Boolean(_) = parse_string(text).value
    {
        return Ok(parsed);
    }
    Ok(Value::Boolean(as_i64(&value, from)? != 0))
}

fn to_bytes(to: &Schema, value: Value) -> Result<Value> {
    if !to.is_named(logical::DECIMAL) {
        return match value {
            Value::Bytes(_) => Ok(value),
            Value::Decimal(number) => Ok(Value::Bytes(checked::decimal_to_bytes(to, &number)?.into())),
            other => Err(cannot(&other, &schema_text(to))),
        };
    }
    let of_double = |number: f64| {
        let text = java_text::float64(number);
        decimal_of(&text)
            .map(Value::Decimal)
            .ok_or_else(|| ConnectError::data(format!("`{text}` is no decimal")))
    };
    match &value {
        Value::Decimal(_) => Ok(value),
        Value::Bytes(bytes) => checked::decimal_from_bytes(to, bytes).map(Value::Decimal),
        Value::String(text) => match decimal_of(text) {
            Some(number) => Ok(Value::Decimal(number)),
            None => Err(cannot(&value, &schema_text(to))),
        },
        number => match plain_f64(number) {
            Some(number) => of_double(number),
            None => Err(cannot(number, &schema_text(to))),
        },
    }
}

/// What a temporal conversion has found before it looks at numbers.
enum Temporal {
    Done(Value),
    Number(Value),
}

/// Reads text, and lets a date of the right or an unknown kind pass; `of_timestamp` cuts a timestamp.
fn temporal(
    name: &str,
    from: Option<&Schema>,
    value: Value,
    of_other: impl FnOnce(&Schema, i64) -> Result<Option<i64>>,
) -> Result<Temporal> {
    let value = match value {
        Value::String(text) => parse_string(&text).value,
        other => other,
    };
    match (&value, from) {
        (Value::Date(_), None) => Ok(Temporal::Done(value)),
        (Value::Date(_), Some(from)) if from.is_named(name) => Ok(Temporal::Done(value)),
        (Value::Date(millis), Some(from)) => match of_other(from, *millis)? {
            Some(millis) => Ok(Temporal::Done(Value::Date(millis))),
            None => Ok(Temporal::Number(value)),
        },
        _ => Ok(Temporal::Number(value)),
    }
}

#[expect(clippy::cast_possible_truncation, reason = "narrowing drops bits, as Java's casts do")]
fn to_date_value(from: Option<&Schema>, value: Value) -> Result<Value> {
    let of_timestamp = |from: &Schema, millis: i64| {
        Ok(from.is_named(logical::TIMESTAMP).then(|| millis / MILLIS_PER_DAY * MILLIS_PER_DAY))
    };
    match temporal(logical::DATE, from, value, of_timestamp)? {
        Temporal::Done(value) => Ok(value),
        Temporal::Number(value) => {
            let days = as_i64(&value, from)? as i32;
            Ok(Value::Date(i64::from(days) * MILLIS_PER_DAY))
        }
    }
}

#[expect(clippy::cast_possible_truncation, reason = "narrowing drops bits, as Java's casts do")]
fn to_time_value(from: Option<&Schema>, value: Value) -> Result<Value> {
    let of_timestamp = |from: &Schema, millis: i64| {
        Ok(from.is_named(logical::TIMESTAMP).then(|| millis.rem_euclid(MILLIS_PER_DAY)))
    };
    match temporal(logical::TIME, from, value, of_timestamp)? {
        Temporal::Done(value) => Ok(value),
        Temporal::Number(value) => {
            let millis = as_i64(&value, from)? as i32;
            checked::time_from_millis(i64::from(millis)).map(Value::Date)
        }
    }
}

fn to_timestamp_value(from: Option<&Schema>, value: Value) -> Result<Value> {
    let of_other = |from: &Schema, millis: i64| match from.name.as_deref() {
        Some(logical::DATE) => {
            checked::date_to_days(millis).map(|days| Some(i64::from(days) * MILLIS_PER_DAY))
        }
        Some(logical::TIME) => checked::time_to_millis(millis).map(|millis| Some(i64::from(millis))),
        _ => Ok(None),
    };
    match temporal(logical::TIMESTAMP, from, value, of_other)? {
        Temporal::Done(value) => Ok(value),
        Temporal::Number(value) => as_i64(&value, from).map(Value::Date),
    }
}

/// Returns `Number.doubleValue`; `None` of what is no number.
fn plain_f64(value: &Value) -> Option<f64> {
    #[expect(clippy::cast_precision_loss, reason = "rounding to the nearest double, as Java does")]
    let number = match value {
        Value::Int8(number) => f64::from(*number),
        Value::Int16(number) => f64::from(*number),
        Value::Int32(number) => f64::from(*number),
        Value::Int64(number) => *number as f64,
        Value::Float32(number) => f64::from(*number),
        Value::Float64(number) => *number,
        Value::Decimal(number) => decimal_f64(number),
        _ => return None,
    };
    Some(number)
}

fn decimal_f64(number: &BigDecimal) -> f64 {
    number.to_scientific_notation().parse().unwrap_or(f64::NAN)
}

/// Returns the low 64 bits of a decimal's whole part.
fn decimal_i64(number: &BigDecimal) -> i64 {
    let (_, scale) = number.as_bigint_and_exponent();
    let whole_digits = i64::try_from(number.digits()).unwrap_or(i64::MAX).saturating_sub(scale);
    // Powers of ten beyond 2^64 leave no bit in the low half.
    if whole_digits <= 0 || scale < -64 {
        return 0;
    }
    let (whole, _) = number.with_scale_round(0, bigdecimal::RoundingMode::Down).into_bigint_and_exponent();
    whole.to_i64().unwrap_or_else(|| {
        let low = whole.iter_u64_digits().next().unwrap_or(0).cast_signed();
        if whole.sign() == num_bigint::Sign::Minus { low.wrapping_neg() } else { low }
    })
}

#[expect(clippy::cast_possible_truncation, reason = "floats saturate in Java's casts as they do here")]
fn as_i64(value: &Value, from: Option<&Schema>) -> Result<i64> {
    match value {
        Value::Int8(number) => return Ok(i64::from(*number)),
        Value::Int16(number) => return Ok(i64::from(*number)),
        Value::Int32(number) => return Ok(i64::from(*number)),
        Value::Int64(number) => return Ok(*number),
        Value::Float32(number) => return Ok(*number as i64),
        Value::Float64(number) => return Ok(*number as i64),
        Value::Decimal(number) => return Ok(decimal_i64(number)),
        Value::String(text) => {
            if let Some(number) = decimal_of(text) {
                return Ok(decimal_i64(&number));
            }
        }
        _ => {}
    }
    let Some(from) = from else { return Err(cannot(value, "a number")) };
    match (value, from.name.as_deref()) {
        (Value::Date(millis), Some(logical::DATE)) => checked::date_to_days(*millis).map(i64::from),
        (Value::Date(millis), Some(logical::TIME)) => checked::time_to_millis(*millis).map(i64::from),
        (Value::Date(millis), Some(logical::TIMESTAMP)) => Ok(*millis),
        _ => Err(cannot(value, &schema_text(from))),
    }
}

fn as_f64(value: &Value, from: Option<&Schema>) -> Result<f64> {
    if let Some(number) = plain_f64(value) {
        return Ok(number);
    }
    if let Value::String(text) = value
        && let Some(number) = decimal_of(text)
    {
        return Ok(decimal_f64(&number));
    }
    #[expect(clippy::cast_precision_loss, reason = "rounding to the nearest double, as Java does")]
    let number = as_i64(value, from)? as f64;
    Ok(number)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_and_numbers_convert_by_kafkas_rules() {
        let text = Value::string;
        assert_eq!(to_boolean(None, &text("true")).unwrap(), Value::Boolean(true));
        assert_eq!(to_boolean(None, &text("2")).unwrap(), Value::Boolean(true));
        assert_eq!(to_boolean(None, &Value::Int8(0)).unwrap(), Value::Boolean(false));
        assert_eq!(to_int8(None, &Value::Int32(300)).unwrap(), Value::Int8(44));
        assert_eq!(to_int32(None, &text("1.9e1")).unwrap(), Value::Int32(19));
        assert_eq!(to_int64(None, &Value::Float64(f64::INFINITY)).unwrap(), Value::Int64(i64::MAX));
        assert_eq!(to_float32(None, &text("1.5")).unwrap(), Value::Float32(1.5));
        assert_eq!(to_string(None, &Value::Float64(1e7)).unwrap(), text("1.0E7"));
        assert_eq!(to_list(None, &text("[1]")).unwrap(), Value::Array(vec![Value::Int8(1)]));
        assert_eq!(to_int8(None, &Value::Null).unwrap(), Value::Null);
        assert_eq!(to_decimal(None, &Value::Int8(1), 0).unwrap(), Value::Decimal("1.0".parse().unwrap()));
    }

    #[test]
    fn temporal_values_convert_by_their_schema() {
        let stamp = logical::timestamp();
        let value = Value::Date(MILLIS_PER_DAY + 5);
        assert_eq!(to_date(Some(&stamp), &value).unwrap(), Value::Date(MILLIS_PER_DAY));
        assert_eq!(to_time(Some(&stamp), &value).unwrap(), Value::Date(5));
        assert_eq!(to_int64(Some(&stamp), &value).unwrap(), Value::Int64(MILLIS_PER_DAY + 5));
        let day = Value::Date(MILLIS_PER_DAY);
        assert_eq!(to_int32(Some(&logical::date()), &day).unwrap(), Value::Int32(1));
        assert_eq!(to_timestamp(None, &Value::Int64(7)).unwrap(), Value::Date(7));
    }

    #[test]
    fn errors_name_value_class_and_target() {
        let error = to_int8(None, &Value::string("x")).unwrap_err();
        assert_eq!(error.context(), "Unable to convert x (class java.lang.String) to a number");
        let error = to_list(None, &Value::Boolean(true)).unwrap_err();
        assert_eq!(error.context(), "Unable to convert true (class java.lang.Boolean) to Schema{ARRAY}");
    }
}
