//! The observed results of Kafka Connect 4.0 to 4.3, in UTC.

use super::*;

/// Returns a short text of a result: schema and value.
fn shown(text: &str) -> String {
    let parsed = parse_string(text);
    let Some(schema) = &parsed.schema else { return format!("none {:?}", parsed.value) };
    format!("{} {}", schema_text(schema), crate::data::java_text::to_text(&parsed.value))
}

fn schema_text(schema: &Schema) -> String {
    let part =
        |schema: &Option<SchemaRef>| schema.as_ref().map_or("?".to_owned(), |schema| schema_text(schema));
    match (schema.ty, schema.name.as_deref()) {
        (Type::Array, _) => format!("[{}]", part(&schema.value_schema)),
        (Type::Map, _) => format!("{{{}:{}}}", part(&schema.key_schema), part(&schema.value_schema)),
        (_, Some(name)) => name.rsplit('.').next().unwrap_or("").to_owned(),
        (ty, None) => ty.name().to_owned(),
    }
}

#[test]
fn scalars_take_the_smallest_type() {
    for (text, expected) in [
        ("null", "none Null"),
        (" null ", "none Null"),
        ("true", "BOOLEAN true"),
        ("false", "BOOLEAN false"),
        ("1", "INT8 1"),
        ("+1", "INT8 1"),
        ("010", "INT8 10"),
        (" 5 ", "INT8 5"),
        ("-0", "INT8 0"),
        ("128", "INT16 128"),
        ("32768", "INT32 32768"),
        ("2147483648", "INT64 2147483648"),
        ("9223372036854775808", "Decimal 9223372036854775808"),
        ("1.0", "INT8 1"),
        ("1.", "INT8 1"),
        ("1.e3", "INT16 1000"),
        ("1e5", "INT32 100000"),
        ("1.5", "FLOAT32 1.5"),
        ("1.1", "FLOAT32 1.1"),
        ("0.1234567890123456789", "FLOAT32 0.12345679"),
        ("3.5e38", "FLOAT64 3.5E38"),
        ("1e39", "FLOAT64 1.0E39"),
        ("12345678901234567890.5", "FLOAT32 1.2345679E19"),
        ("1e400", "Decimal 1E+400"),
        ("123,456", "INT8 123"),
        ("10:00:00Z", "INT8 10"),
    ] {
        assert_eq!(shown(text), expected, "{text}");
    }
}

#[test]
fn texts_that_are_nothing_else_are_strings() {
    for text in [
        "",
        "TRUE",
        "truex",
        "1 2",
        "12abc",
        "0x10",
        ".5",
        "1L",
        "1_000",
        "NaN",
        "2020-01-01T00:00:00Z",
        "\"abc\"",
        "\\\"abc",
        "a,b",
        "a:b",
        "[1,null]",
        "[1 2]",
        "[1,2",
        "[,1]",
        "[a,b]",
        "[truex]",
        "{a:1}",
        "{\"a\":}",
        "{\"a\"}",
    ] {
        assert_eq!(shown(text), format!("STRING {text}"));
    }
}

#[test]
fn dates_and_times_are_known_by_their_length() {
    for (text, kind, millis) in [
        ("2020-01-01", "Date", 1_577_836_800_000),
        ("2020-13-41", "Date", 1_612_915_200_000),
        ("10:00:00.000Z", "Time", 36_000_000),
        ("2020-01-01T00:00:00.000Z", "Timestamp", 1_577_836_800_000),
        ("2020-01-01T00\\:00\\:00.001Z", "Timestamp", 1_577_836_800_001),
    ] {
        let parsed = parse_string(text);
        let schema = parsed.schema.expect("a schema");
        assert_eq!((schema_text(&schema).as_str(), parsed.value), (kind, Value::Date(millis)), "{text}");
    }
}

#[test]
fn lists_and_maps_find_a_common_schema() {
    for (text, expected) in [
        ("[]", "[?] []"),
        ("[null]", "[?] [null]"),
        ("[1,2]", "[INT8] [1, 2]"),
        ("[1,]", "[INT8] [1]"),
        ("[1,300]", "[INT16] [1, 300]"),
        ("[1, 2.5]", "[FLOAT32] [1.0, 2.5]"),
        ("[1,\"a\"]", "[?] [1, a]"),
        ("[true,1]", "[?] [true, 1]"),
        ("[\"a\",\"b\"]", "[STRING] [a, b]"),
        ("{}", "{?:?} {}"),
        ("{\"a\":1}", "{STRING:INT8} {a=1}"),
        ("{\"a\":1,}", "{STRING:INT8} {a=1}"),
        ("{1:2}", "{INT8:INT8} {1=2}"),
        ("{\"a\":1,\"b\":\"x\"}", "{STRING:?} {a=1, b=x}"),
        ("{\"a\":null}", "{STRING:?} {a=null}"),
        ("[[1],[2]]", "[[INT8]] [[1], [2]]"),
        ("{\"a\":[1,2]}", "{STRING:[INT8]} {a=[1, 2]}"),
    ] {
        assert_eq!(shown(text), expected, "{text}");
    }
    assert_eq!(
        parse_string("[2020-01-01T00\\:00\\:00.000Z]").value,
        Value::Array(vec![Value::Date(1_577_836_800_000)])
    );
}

#[test]
fn deep_nesting_is_a_string() {
    let deep = "[".repeat(100_000);
    assert_eq!(parse_string(&deep), Parsed::text(&deep));
}

#[test]
fn texts_read_back_what_was_written() {
    for text in ["[1,300]", "{\"a\":[1.5,\"x\"]}", "2020-02-29T12:13:14.015Z", "12:13:14.015Z", "2020-02-29"]
    {
        let mut written = String::new();
        crate::data::coerce::write_value_text(&mut written, &parse_string(text).value);
        assert_eq!(parse_string(&written).value, parse_string(text).value, "{written}");
    }
}

#[test]
fn quoted_texts_are_dates_as_a_whole_or_not_at_all() {
    assert_eq!(shown(r#"["2024-02-29{\"a\":1}"]"#), r#"[STRING] [2024-02-29{\"a\":1}]"#);
    assert_eq!(shown(r#"["10:00:00.000Z{x}"]"#), "[STRING] [10:00:00.000Z{x}]");
    assert!(shown(r#"["2024-02-29"]"#).starts_with("[Date] "));
}

#[test]
fn years_of_five_digits_and_exponents_are_read_as_by_the_jvm() {
    for (text, millis) in
        [("20397-03-0", 581_505_004_800_000), ("92024-2-29", 2_841_834_844_800_000), ("00:00:00.0E0Z", 0)]
    {
        assert_eq!(parse_string(text).value, Value::Date(millis), "{text}");
    }
}
