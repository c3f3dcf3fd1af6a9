//! Logical types to and from the primitive values that carry them, with Kafka's checks and texts.

use bigdecimal::BigDecimal;
use num_bigint::BigInt;

use crate::data::logical::{MILLIS_PER_DAY, SCALE};
use crate::data::{Schema, Value, java_map};
use crate::error::ConnectError;

/// Returns the scale of a decimal schema.
///
/// # Errors
/// Fails when the parameter is missing or no number.
pub fn scale_of(schema: &Schema) -> Result<i32, ConnectError> {
    let Some(text) = schema.parameters.get(SCALE) else {
        return Err(ConnectError::data("Invalid Decimal schema: scale parameter not found."));
    };
    text.parse().map_err(|error| {
        ConnectError::data("Invalid scale parameter found in Decimal schema: ").because(error)
    })
}

/// Returns the unscaled value of a decimal as two's complement, big-endian.
///
/// # Errors
/// Fails when the scale is not the schema's.
pub fn decimal_to_bytes(schema: &Schema, decimal: &BigDecimal) -> Result<Vec<u8>, ConnectError> {
    let expected = scale_of(schema)?;
    let (unscaled, scale) = decimal.as_bigint_and_exponent();
    if scale != i64::from(expected) {
        return Err(ConnectError::data(format!(
            "Decimal value has mismatching scale for given Decimal schema. Schema has scale {expected}, value has \
             scale {scale}."
        )));
    }
    Ok(unscaled.to_signed_bytes_be())
}

/// Returns the decimal of an unscaled value.
///
/// # Errors
/// Fails when the schema has no scale or there are no bytes.
pub fn decimal_from_bytes(schema: &Schema, bytes: &[u8]) -> Result<BigDecimal, ConnectError> {
    if bytes.is_empty() {
        return Err(ConnectError::data("Zero length BigInteger"));
    }
    let scale = scale_of(schema)?;
    Ok(BigDecimal::new(BigInt::from_signed_bytes_be(bytes), i64::from(scale)))
}

/// Returns the days since the epoch of a date.
///
/// # Errors
/// Fails when the instant is not midnight UTC.
pub fn date_to_days(millis: i64) -> Result<i32, ConnectError> {
    if millis % MILLIS_PER_DAY != 0 {
        return Err(ConnectError::data(
            "Kafka Connect Date type should not have any time fields set to non-zero values.",
        ));
    }
    i32::try_from(millis / MILLIS_PER_DAY)
        .map_err(|_| ConnectError::data(format!("date `{millis}` is out of range")))
}

/// Returns the milliseconds since midnight of a time of day.
///
/// # Errors
/// Fails when the instant is not on the first day of the epoch.
pub fn time_to_millis(millis: i64) -> Result<i32, ConnectError> {
    let is_first_day = (0..=MILLIS_PER_DAY).contains(&millis);
    i32::try_from(millis).ok().filter(|_| is_first_day).ok_or_else(|| {
        ConnectError::data("Kafka Connect Time type should not have any date fields set to non-zero values.")
    })
}

/// Returns the instant of a time of day.
///
/// # Errors
/// Fails when the number is negative or more than a day.
pub fn time_from_millis(millis: i64) -> Result<i64, ConnectError> {
    if (0..=MILLIS_PER_DAY).contains(&millis) {
        return Ok(millis);
    }
    Err(ConnectError::data(format!(
        "Time values must use number of milliseconds greater than 0 and less than {MILLIS_PER_DAY}"
    )))
}

/// Returns entries with distinct keys in the iteration order of a `HashMap` filled in the given order.
pub fn in_hash_order(mut entries: Vec<(Value, Value)>) -> Vec<(Value, Value)> {
    let mask = u32::try_from(java_map::table_size(entries.len()) - 1).unwrap_or(u32::MAX);
    entries.sort_by_cached_key(|(key, _)| {
        let hash = hash_code(key).cast_unsigned();
        (hash ^ (hash >> 16)) & mask
    });
    entries
}

/// Returns Java's `hashCode` of a value; bytes and structs, whose hash is not that of their content, give 0.
fn hash_code(value: &Value) -> i32 {
    match value {
        Value::Null | Value::Bytes(_) | Value::Struct(_) => 0,
        Value::Boolean(flag) => {
            if *flag {
                1231
            } else {
                1237
            }
        }
        Value::Int8(number) => i32::from(*number),
        Value::Int16(number) => i32::from(*number),
        Value::Int32(number) => *number,
        Value::Int64(number) | Value::Date(number) => fold(number.cast_unsigned()),
        Value::Float32(number) => number.to_bits().cast_signed(),
        Value::Float64(number) => fold(number.to_bits()),
        Value::String(text) => java_map::string_hash(text),
        Value::Array(items) => {
            items.iter().fold(1, |hash: i32, item| hash.wrapping_mul(31).wrapping_add(hash_code(item)))
        }
        Value::Map(map) => map
            .entries
            .iter()
            .fold(0i32, |hash, (key, value)| hash.wrapping_add(hash_code(key) ^ hash_code(value))),
        Value::Decimal(decimal) => {
            let (unscaled, scale) = decimal.as_bigint_and_exponent();
            let words = unscaled.magnitude().to_u32_digits();
            let hash = words.iter().rev().fold(0u32, |hash, word| hash.wrapping_mul(31).wrapping_add(*word));
            let sign = if unscaled.sign() == num_bigint::Sign::Minus { -1 } else { 1 };
            let scale = i32::try_from(scale).unwrap_or(0);
            hash.cast_signed().wrapping_mul(sign).wrapping_mul(31).wrapping_add(scale)
        }
    }
}

fn fold(bits: u64) -> i32 {
    let [a, b, c, d, e, f, g, h] = bits.to_be_bytes();
    i32::from_be_bytes([a, b, c, d]) ^ i32::from_be_bytes([e, f, g, h])
}

#[cfg(test)]
mod tests {
    use std::str::FromStr;

    use super::*;
    use crate::data::logical;

    #[test]
    fn decimals_are_twos_complement_and_keep_the_schemas_scale() {
        let schema = logical::decimal(2);
        let number = BigDecimal::from_str("-1.28").unwrap();
        let bytes = decimal_to_bytes(&schema, &number).unwrap();
        assert_eq!(bytes, [0x80]);
        assert_eq!(decimal_from_bytes(&schema, &bytes).unwrap(), number);
        let error = decimal_to_bytes(&schema, &BigDecimal::from_str("1.5").unwrap()).unwrap_err();
        assert_eq!(
            error.context(),
            "Decimal value has mismatching scale for given Decimal schema. Schema has scale 2, value has scale 1."
        );
    }

    #[test]
    fn dates_and_times_have_bounds() {
        assert_eq!(date_to_days(2 * MILLIS_PER_DAY).unwrap(), 2);
        assert!(date_to_days(1).is_err());
        assert_eq!(time_to_millis(5).unwrap(), 5);
        assert!(time_to_millis(-1).is_err());
        assert!(time_from_millis(MILLIS_PER_DAY + 1).is_err());
    }

    #[test]
    fn numbers_iterate_in_hash_order() {
        let keys = [Value::Int32(17), Value::Int32(2), Value::Int32(1)];
        let entries = in_hash_order(keys.into_iter().map(|key| (key, Value::Null)).collect());
        let keys: Vec<Value> = entries.into_iter().map(|(key, _)| key).collect();
        assert_eq!(keys, [Value::Int32(17), Value::Int32(1), Value::Int32(2)]);
    }
}
