//! Keys and values of source offsets as JSON bytes, written as Kafka Connect's JSON converter writes them without
//! schemas. Bytes must agree: stores and the offsets topic compare keys byte for byte.

use bytes::Bytes;
use connect_core::data::json;
use connect_core::data::{Map, Value, java_map};
use connect_core::error::ConnectError;

/// Returns the key of a connector's partition: `["connector",{…}]`.
///
/// # Errors
/// Fails with Kafka Connect's text when the map holds anything but primitive values.
pub(crate) fn encode_key(connector: &str, partition: &Map) -> Result<Bytes, ConnectError> {
    let mut out = vec![b'['];
    json::write_str(&mut out, connector);
    out.push(b',');
    write_map(&mut out, partition)?;
    out.push(b']');
    Ok(Bytes::from(out))
}

/// Returns an offset as JSON.
///
/// # Errors
/// As [`encode_key`].
pub(crate) fn encode_value(offset: &Map) -> Result<Bytes, ConnectError> {
    let mut out = Vec::new();
    write_map(&mut out, offset)?;
    Ok(Bytes::from(out))
}

/// Returns connector and partition of a key; `None` for anything that Kafka Connect did not write.
pub(crate) fn decode_key(key: &[u8]) -> Option<(String, Map)> {
    let Value::Array(items) = decode(key).ok()? else { return None };
    match <[Value; 2]>::try_from(items).ok()? {
        [Value::String(connector), Value::Map(partition)] => Some((connector.to_string(), partition)),
        _ => None,
    }
}

/// Returns a stored offset; the JSON `null` and an empty value are no offset. Integers come back as INT64 and other
/// numbers as FLOAT64, as the JSON converter reads them without a schema.
///
/// # Errors
/// Fails when the value is not a JSON object.
pub(crate) fn decode_value(value: &[u8]) -> Result<Option<Map>, ConnectError> {
    if value.is_empty() {
        return Ok(None);
    }
    match decode(value) {
        Ok(Value::Null) => Ok(None),
        Ok(Value::Map(offset)) => Ok(Some(offset)),
        Ok(_) => Err(ConnectError::data("Offsets must be specified as a Map")),
        Err(error) => Err(ConnectError::data("decoding a stored source offset").because(error)),
    }
}

/// Returns a text that is equal for maps with equal entries, whatever their order.
pub(crate) fn canonical(map: &Map) -> Result<String, ConnectError> {
    let mut items = Vec::with_capacity(map.entries.len());
    for entry in &map.entries {
        let mut item = Vec::new();
        write_entry(&mut item, entry)?;
        items.push(String::from_utf8_lossy(&item).into_owned());
    }
    items.sort_unstable();
    Ok(items.join(","))
}

/// Writes entries in the order of a `HashMap`: what the same connector would store on the JVM.
fn write_map(out: &mut Vec<u8>, map: &Map) -> Result<(), ConnectError> {
    let mut names = Vec::with_capacity(map.entries.len());
    for (key, _) in &map.entries {
        names.push(name_of(key)?);
    }
    out.push(b'{');
    for (position, index) in java_map::iteration_order(names.into_iter()).into_iter().enumerate() {
        if position > 0 {
            out.push(b',');
        }
        write_entry(out, &map.entries[index])?;
    }
    out.push(b'}');
    Ok(())
}

fn write_entry(out: &mut Vec<u8>, (key, value): &(Value, Value)) -> Result<(), ConnectError> {
    let name = name_of(key)?;
    if let Some(type_name) = unsupported_type(value) {
        return Err(ConnectError::data(format!(
            "Offsets may only contain primitive types as values, but field {name} contains {type_name}"
        )));
    }
    json::write_str(out, name);
    out.push(b':');
    json::write_value(out, value);
    Ok(())
}

fn name_of(key: &Value) -> Result<&str, ConnectError> {
    key.as_str().ok_or_else(|| ConnectError::data("Offsets may only use String keys"))
}

/// Returns what Kafka Connect's text names a value that is not primitive: its schema type, or its class.
fn unsupported_type(value: &Value) -> Option<&'static str> {
    match value {
        Value::Array(_) => Some("ARRAY"),
        Value::Map(_) => Some("MAP"),
        Value::Struct(_) => Some("STRUCT"),
        Value::Decimal(_) | Value::Date(_) => Some(value.java_class()),
        _ => None,
    }
}

fn decode(text: &[u8]) -> Result<Value, json::JsonError> {
    let text = Bytes::copy_from_slice(text);
    json::read(&text).map(|node| json::to_value(&text, &node))
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
            // Beyond 64 bits integers wrap, as in the JSON converter.
            ("e", Value::Int64(7_766_279_631_452_241_919)),
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
