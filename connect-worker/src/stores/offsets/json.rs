//! Keys and values of source offsets as JSON bytes, written as Kafka Connect's JSON converter writes them without
//! schemas. Bytes must agree: stores and the offsets topic compare keys byte for byte.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use connect_core::data::{Map, Value, java_map};
use connect_core::error::ConnectError;
use serde_json::Value as Json;

/// Returns the key of a connector's partition: `["connector",{…}]`.
///
/// # Errors
/// Fails with Kafka Connect's text when the map holds anything but primitive values.
pub(crate) fn encode_key(connector: &str, partition: &Map) -> Result<Bytes, ConnectError> {
    let mut out = String::from("[");
    write_text(&mut out, connector);
    out.push(',');
    write_map(&mut out, partition)?;
    out.push(']');
    Ok(Bytes::from(out))
}

/// Returns an offset as JSON.
///
/// # Errors
/// As [`encode_key`].
pub(crate) fn encode_value(offset: &Map) -> Result<Bytes, ConnectError> {
    let mut out = String::new();
    write_map(&mut out, offset)?;
    Ok(Bytes::from(out))
}

/// Returns connector and partition of a key; `None` for anything that Kafka Connect did not write.
pub(crate) fn decode_key(key: &[u8]) -> Option<(String, Map)> {
    match serde_json::from_slice(key).ok()? {
        Json::Array(items) => match <[Json; 2]>::try_from(items).ok()? {
            [Json::String(connector), Json::Object(partition)] => Some((connector, decode_map(partition))),
            _ => None,
        },
        _ => None,
    }
}

/// Returns a stored offset; the JSON `null` and an empty value are no offset.
///
/// # Errors
/// Fails when the value is not a JSON object.
pub(crate) fn decode_value(value: &[u8]) -> Result<Option<Map>, ConnectError> {
    if value.is_empty() {
        return Ok(None);
    }
    match serde_json::from_slice(value) {
        Ok(Json::Null) => Ok(None),
        Ok(Json::Object(offset)) => Ok(Some(decode_map(offset))),
        Ok(_) => Err(ConnectError::data("Offsets must be specified as a Map")),
        Err(error) => Err(ConnectError::data("decoding a stored source offset").because(error)),
    }
}

/// Returns a text that is equal for maps with equal entries, whatever their order.
pub(crate) fn canonical(map: &Map) -> Result<String, ConnectError> {
    let mut items = Vec::with_capacity(map.entries.len());
    for entry in &map.entries {
        let mut item = String::new();
        write_entry(&mut item, entry)?;
        items.push(item);
    }
    items.sort_unstable();
    Ok(items.join(","))
}

/// Writes entries in the order of a `HashMap`: what the same connector would store on the JVM.
fn write_map(out: &mut String, map: &Map) -> Result<(), ConnectError> {
    let mut names = Vec::with_capacity(map.entries.len());
    for (key, _) in &map.entries {
        names.push(key.as_str().ok_or_else(|| ConnectError::data("Offsets may only use String keys"))?);
    }
    out.push('{');
    for (position, index) in java_map::iteration_order(names.into_iter()).into_iter().enumerate() {
        if position > 0 {
            out.push(',');
        }
        write_entry(out, &map.entries[index])?;
    }
    out.push('}');
    Ok(())
}

fn write_entry(out: &mut String, (key, value): &(Value, Value)) -> Result<(), ConnectError> {
    let name = key.as_str().ok_or_else(|| ConnectError::data("Offsets may only use String keys"))?;
    write_text(out, name);
    out.push(':');
    match value {
        Value::Null => out.push_str("null"),
        Value::Boolean(flag) => out.push_str(if *flag { "true" } else { "false" }),
        Value::Int8(number) => out.push_str(&number.to_string()),
        Value::Int16(number) => out.push_str(&number.to_string()),
        Value::Int32(number) => out.push_str(&number.to_string()),
        Value::Int64(number) => out.push_str(&number.to_string()),
        Value::Float32(number) => write_float(out, f64::from(*number), &format!("{number:e}")),
        Value::Float64(number) => write_float(out, *number, &format!("{number:e}")),
        Value::String(text) => write_text(out, text),
        Value::Bytes(bytes) => {
            out.push('"');
            STANDARD.encode_string(bytes, out);
            out.push('"');
        }
        other => {
            return Err(ConnectError::data(format!(
                "Offsets may only contain primitive types as values, but field {name} contains {}",
                type_name(other)
            )));
        }
    }
    Ok(())
}

/// Returns what Kafka Connect's text names a value that is not primitive: its schema type, or its class.
fn type_name(value: &Value) -> &'static str {
    match value {
        Value::Array(_) => "ARRAY",
        Value::Map(_) => "MAP",
        Value::Struct(_) => "STRUCT",
        Value::Decimal(_) => "java.math.BigDecimal",
        Value::Date(_) => "java.util.Date",
        _ => "null",
    }
}

/// Writes a number as `Double.toString` and `Float.toString` do; `exponential` is its shortest form in Rust.
fn write_float(out: &mut String, number: f64, exponential: &str) {
    if !number.is_finite() {
        // Jackson quotes them, as JSON has no such numbers.
        let name = if number.is_nan() { "NaN" } else { "Infinity" };
        let sign = if number.is_sign_negative() && !number.is_nan() { "-" } else { "" };
        out.push_str(&format!("\"{sign}{name}\""));
        return;
    }
    let (mantissa, exponent) = exponential.split_once('e').unwrap_or((exponential, "0"));
    let (sign, mantissa) = mantissa.strip_prefix('-').map_or(("", mantissa), |rest| ("-", rest));
    let digits = mantissa.replace('.', "");
    let exponent: i32 = exponent.parse().unwrap_or(0);
    out.push_str(sign);
    let point = usize::try_from(exponent + 1).unwrap_or(0);
    match exponent {
        -3..=-1 => {
            out.push_str("0.");
            out.push_str(&"0".repeat(usize::try_from(-exponent - 1).unwrap_or(0)));
            out.push_str(&digits);
        }
        0..=6 if digits.len() <= point => {
            out.push_str(&digits);
            out.push_str(&"0".repeat(point - digits.len()));
            out.push_str(".0");
        }
        0..=6 => {
            out.push_str(&digits[..point]);
            out.push('.');
            out.push_str(&digits[point..]);
        }
        _ => {
            let fraction = if digits.len() > 1 { &digits[1..] } else { "0" };
            out.push_str(&format!("{}.{fraction}E{exponent}", &digits[..1]));
        }
    }
}

/// Writes a string with Jackson's escapes, whose hexadecimal digits are upper case.
fn write_text(out: &mut String, text: &str) {
    out.push('"');
    for character in text.chars() {
        match character {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '\u{8}' => out.push_str("\\b"),
            '\u{c}' => out.push_str("\\f"),
            control if control < ' ' => out.push_str(&format!("\\u{:04X}", u32::from(control))),
            other => out.push(other),
        }
    }
    out.push('"');
}

/// Returns a map in the order of the `HashMap` that the JSON converter would build.
fn decode_map(object: serde_json::Map<String, Json>) -> Map {
    let mut entries: Vec<Option<(String, Json)>> = object.into_iter().map(Some).collect();
    let names: Vec<&str> = entries.iter().flatten().map(|(name, _)| name.as_str()).collect();
    let order = java_map::iteration_order(names.into_iter());
    let mut next = |index: usize| entries[index].take();
    let ordered = order.into_iter().filter_map(&mut next);
    Map { entries: ordered.map(|(name, value)| (Value::String(name.into()), decode(value))).collect() }
}

/// Integers become INT64 and other numbers FLOAT64, as the JSON converter reads them without a schema.
fn decode(json: Json) -> Value {
    match json {
        Json::Null => Value::Null,
        Json::Bool(flag) => Value::Boolean(flag),
        Json::String(text) => Value::String(text.into()),
        Json::Array(items) => Value::Array(items.into_iter().map(decode).collect()),
        Json::Object(object) => Value::Map(decode_map(object)),
        Json::Number(number) => {
            let text = number.to_string();
            let is_integer = !text.contains(['.', 'e', 'E']);
            match text.parse::<i64>() {
                Ok(integer) if is_integer => Value::Int64(integer),
                _ => Value::Float64(text.parse().unwrap_or(f64::NAN)),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn map(entries: Vec<(&str, Value)>) -> Map {
        let entry = |(name, value): (&str, Value)| (Value::String(name.into()), value);
        Map { entries: entries.into_iter().map(entry).collect() }
    }

    #[test]
    fn keys_are_the_bytes_that_the_jvm_writes() {
        // Order as printed by a `java.util.HashMap` with these keys.
        let partition = map(vec![
            ("table", Value::String("t\u{1f}\"ä\n".into())),
            ("db", Value::String("d".into())),
            ("server", Value::Null),
        ]);
        let key = encode_key("a\\b", &partition).expect("encoded");
        assert_eq!(
            &key[..],
            "[\"a\\\\b\",{\"server\":null,\"table\":\"t\\u001F\\\"ä\\n\",\"db\":\"d\"}]".as_bytes()
        );
        assert_eq!(decode_key(&key).map(|(name, map)| (name, canonical(&map).expect("primitive"))), {
            Some(("a\\b".to_owned(), canonical(&partition).expect("primitive")))
        });
    }

    #[test]
    fn numbers_print_as_java_prints_them() {
        let cases = [
            (Value::Int8(-1), "-1"),
            (Value::Int64(i64::MIN), "-9223372036854775808"),
            (Value::Float64(0.0), "0.0"),
            (Value::Float64(-0.0), "-0.0"),
            (Value::Float64(1.0), "1.0"),
            (Value::Float64(100.0), "100.0"),
            (Value::Float64(123.456), "123.456"),
            (Value::Float64(9_999_999.0), "9999999.0"),
            (Value::Float64(1e7), "1.0E7"),
            (Value::Float64(-1.234e10), "-1.234E10"),
            (Value::Float64(0.001), "0.001"),
            (Value::Float64(0.0125), "0.0125"),
            (Value::Float64(0.0001), "1.0E-4"),
            (Value::Float32(0.1), "0.1"),
            (Value::Float64(f64::NEG_INFINITY), "\"-Infinity\""),
            (Value::Bytes(Bytes::from_static(b"abc")), "\"YWJj\""),
        ];
        for (value, expected) in cases {
            let encoded = encode_value(&map(vec![("x", value)])).expect("primitive");
            assert_eq!(encoded, format!("{{\"x\":{expected}}}"));
        }
    }

    #[test]
    fn values_that_are_not_primitive_are_refused_with_kafkas_text() {
        let nested = encode_value(&map(vec![("x", Value::Map(Map::default()))])).expect_err("a map");
        assert_eq!(
            nested.to_string(),
            "Offsets may only contain primitive types as values, but field x contains MAP"
        );
        let keyed = Map { entries: vec![(Value::Int32(1), Value::Null)] };
        assert_eq!(
            encode_value(&keyed).expect_err("a number").to_string(),
            "Offsets may only use String keys"
        );
    }

    #[test]
    fn stored_values_come_back_wide() {
        let read = decode_value(br#"{"a":1,"b":1.5,"c":1E2,"d":null,"e":99999999999999999999}"#);
        let expected = map(vec![
            ("a", Value::Int64(1)),
            ("b", Value::Float64(1.5)),
            ("c", Value::Float64(100.0)),
            ("d", Value::Null),
            ("e", Value::Float64(1e20)),
        ]);
        assert_eq!(read.expect("decoded"), Some(expected));
        assert_eq!(decode_value(b"null").expect("decoded"), None);
        assert!(decode_value(b"[1]").is_err());
    }

    #[test]
    fn foreign_keys_are_none() {
        for key in ["{}", "[\"c\"]", "[\"c\",{},1]", "[1,{}]", "[\"c\",null]", "no json"] {
            assert_eq!(decode_key(key.as_bytes()), None, "{key}");
        }
    }
}
