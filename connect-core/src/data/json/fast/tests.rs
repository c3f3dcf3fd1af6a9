//! The fast way against the slow one.

use std::borrow::Cow;

use bytes::{Bytes, BytesMut};
use proptest::prelude::*;

use super::*;
use crate::data::json::decode::decode_canonical_by_tree;
use crate::data::json::{
    JsonError, decode_canonical, schemaless_datum, schemaless_datum_by_tree, schemaless_fields,
};
use crate::data::{Datum, Value};

/// Returns canonical text, if there is any, and the value, or the error's text.
fn outcome(datum: Result<Datum, JsonError>) -> Result<(Option<Bytes>, Value), String> {
    let datum = datum.map_err(|error| error.to_string())?;
    Ok((datum.json_text().map(Cow::into_owned), datum.into_parts().1))
}

fn check(input: &[u8]) {
    let input = Bytes::copy_from_slice(input);
    let fast = outcome(schemaless_datum(&input, &mut BytesMut::new()));
    let slow = outcome(schemaless_datum_by_tree(&input, &mut BytesMut::new()));
    // Deep values cannot be printed on a test's stack.
    let shown = String::from_utf8_lossy(&input[..input.len().min(2000)]);
    if let (Ok((fast, _)), Ok((slow, _))) = (&fast, &slow) {
        assert!(fast == slow, "{shown}: {fast:?} instead of {slow:?}");
    }
    if let Ok((Some(text), _)) = &slow {
        assert!(decode_canonical(text) == decode_canonical_by_tree(text), "{shown}");
    }
    assert!(fast == slow, "{shown}");
    let fields = outcome(schemaless_fields(&input, &mut BytesMut::new()));
    assert!(fields == slow, "{shown}: {fields:?} instead of {slow:?}");
    if let Ok((Some(text), value)) = &slow {
        let mut datum = Datum::from_json(text.clone(), decode_canonical);
        if datum.text_map_mut().is_some() {
            assert!(datum.json_text().as_deref() == Some(text) && *datum.value() == *value, "{shown}");
        }
    }
}

fn is_fast(input: &str) -> bool {
    rewrite(input.as_bytes(), |found| found.is_some())
}

#[test]
fn ordinary_documents_take_the_fast_way() {
    for text in [
        r#"{"timestamp":"2025-01-01T12:00:00Z","level":"ERROR","status":200,"latency":0.25,"ok":true,"user":null}"#,
        r#" { "b" : [ 1 , 2.5 , "x" ] , "a" : { "y" : "é日" , "x" : -7 } } "#,
        r#"{"message":"a \"quoted\" word\n"}"#,
        r#"{"z":"😀 \u0041\/","b":[1e5,0.30000000000000004,-0,007,1.50,"\ud83d"],"a":12345678901234567890}"#,
        "[]",
        "{}",
        "12",
        r#""x""#,
        "null",
    ] {
        assert!(is_fast(text), "{text}");
        check(text.as_bytes());
    }
}

#[test]
fn fields_of_ordinary_objects_are_left_where_they_are() {
    for text in [
        r#"{"b":1,"a":"x"}"#,
        r#" { "b" : {} , "a" : [1,"}"] } "#,
        r#"{"b":{"y":1,"x":2},"a":[1, 2]}"#,
        r#"{"b":1e5,"a":"\u0041 😀"}"#,
    ] {
        let mut datum = schemaless_fields(&Bytes::from(text), &mut BytesMut::new()).unwrap();
        assert_eq!(datum.text_map_mut().map(|map| map.layout().entries().len()), Some(2), "{text}");
        check(text.as_bytes());
    }
}

#[test]
fn every_shape_of_number_equals_the_slow_way() {
    let wholes = [
        "0",
        "-0",
        "7",
        "-7",
        "007",
        "00",
        "1234567",
        "12345678",
        "999999999999999999",
        "1000000000000000000",
        "9223372036854775808",
        "-9223372036854775809",
        "123456789012345678901234567890",
        "-",
        "",
        "+1",
    ];
    let fractions =
        ["", ".", ".0", ".00", ".5", ".50", ".001", ".0001", ".0009", ".123456789", ".12345678901234567"];
    let exponents = ["", "e", "e5", "E-5", "e+22", "e400", "e-400", "E0"];
    for whole in wholes {
        for fraction in fractions {
            for exponent in exponents {
                let number = format!("{whole}{fraction}{exponent}");
                for frame in ["#", "[#]", "{\"a\":#}", "[#,1]", "# ", "#x", "#,"] {
                    check(frame.replace('#', &number).as_bytes());
                }
            }
        }
    }
}

#[test]
fn odd_documents_equal_the_slow_way() {
    for text in [
        "",
        " ",
        "nul",
        "nullx",
        "null x",
        "true1",
        "true-",
        "truex",
        "[true]",
        "{\"a\":tru}",
        "[1,]",
        "{\"a\":1,}",
        "{,}",
        "[,]",
        "{\"a\" 1}",
        "{\"a\":1 \"b\":2}",
        "[1 2]",
        "{\"a\":1}x",
        "{\"a\":1}}",
        "\"a\"b",
        "{\"a\":1,\"a\":2}",
        "{\"a\":1,\"b\":2,\"a\":3}",
        "{\"\":1}",
        "{\"\\u0061\":1,\"a\":2}",
        "{\"a\\n\":1}",
        "[\"\\/\",\"\\u00e9\",\"\\ud83d\"]",
        "[\"\u{1F600}\"]",
        "{\"\u{1F600}\":1}",
        "\"\\x\"",
        "{a:1}",
        "{\"a\":'b'}",
        "[1.5",
        "{\"a\"",
        "{\"a",
        "\u{feff}{}",
        "[1e999]",
        "[-1e-999]",
        "/**/1",
        "[1]/",
        "NaN",
    ] {
        check(text.as_bytes());
    }
    let odd = [
        "1e5",
        "1e999",
        "1-2",
        "1.",
        "01",
        "-",
        "1e",
        r#""\u12""#,
        "\"😀",
        r#""\"#,
        r#""\ud83d\"#,
        r#""\ud83d"#,
        "\"\n\"",
    ];
    for odd in odd {
        for frame in ["[#]", r#"{"b":#,"a":1}"#, r#"{"b": [#,#]}"#, "[#", "[#x]", "[#\"]"] {
            check(frame.replace('#', odd).as_bytes());
        }
    }
    check(b"[\"\xff\"]");
    check(b"\"\xff\"");
    check(b"{\"a\":\"\xc0\x80\xed\xa0\x80\"}");
    check(b"[\"\xf4\x90\x80\x80\",\"\xf0\x80\x80\x80\"]");
}

#[test]
fn deep_documents_equal_the_slow_way() {
    for depth in [63, 64, 65, 999, 1000, 1001, 5000] {
        check(("[".repeat(depth) + &"]".repeat(depth)).as_bytes());
        check(("{\"a\": ".repeat(depth) + "1" + &"}".repeat(depth)).as_bytes());
    }
}

#[test]
fn many_key_sequences_are_learnt_and_forgotten() {
    for round in 0..3000 {
        let text = format!("{{\"k{round}\":1,\"b\":{{\"x{}\":2,\"c\":3,\"d\": 4}},\"a\":5}}", round % 97);
        check(text.as_bytes());
    }
    let large: Vec<String> = (0..700).map(|index| format!("\"key{index}\":{index}")).collect();
    check(format!("{{{}}}", large.join(",")).as_bytes());
    check(format!("{{{}}}", large[..500].join(" ,")).as_bytes());
}

#[test]
fn layouts_of_many_large_objects_are_learnt_and_forgotten() {
    let members: Vec<String> = (0..400).map(|index| format!("\"key{index}\":{index}")).collect();
    for count in 0..members.len() {
        check(format!("{{{}}}", members[..count].join(",")).as_bytes());
    }
}

fn space() -> impl Strategy<Value = String> {
    prop_oneof![6 => Just(String::new()), 1 => "[ \t\n\r]{1,3}"]
}

fn string() -> impl Strategy<Value = String> {
    let part = prop_oneof![
        6 => "[a-z0-9 ,:{}\\[\\]]{0,12}",
        1 => "[éß日本]{1,3}",
        1 => Just("\u{1F600}".to_owned()),
        2 => prop::sample::select(vec!["\\\"", "\\\\", "\\n", "\\t", "\\/", "\\b", "\\u0041", "\\u00e9", "\\ud83d\\ude00", "\\udc00", "\\u0000"])
            .prop_map(str::to_owned),
    ];
    prop::collection::vec(part, 0..4).prop_map(|parts| format!("\"{}\"", parts.concat()))
}

fn key() -> impl Strategy<Value = String> {
    prop_oneof![5 => "\"[a-e]{1,2}\"", 2 => "\"[a-zA-Z_.]{1,14}\"", 1 => string()]
}

fn scalar() -> impl Strategy<Value = String> {
    prop_oneof![
        4 => string(),
        2 => any::<i32>().prop_map(|number| number.to_string()),
        1 => any::<i64>().prop_map(|number| number.to_string()),
        1 => any::<f64>().prop_filter("finite", |number| number.is_finite()).prop_map(|number| format!("{number:?}")),
        2 => (-99_999..99_999i32, 1..6usize).prop_map(|(whole, width)| format!("{whole}.{:0width$}", whole.unsigned_abs() % 10_u32.pow(width as u32))),
        1 => "-?[0-9]{1,25}(\\.[0-9]{1,20})?([eE][+-]?[0-9]{1,3})?",
        2 => prop::sample::select(vec!["true", "false", "null"]).prop_map(str::to_owned),
    ]
}

fn document() -> impl Strategy<Value = String> {
    let leaf = (space(), scalar(), space()).prop_map(|(before, text, after)| before + &text + &after);
    leaf.prop_recursive(4, 40, 8, |inner| {
        let member = (space(), key(), space(), inner.clone())
            .prop_map(|(before, key, after, value)| format!("{before}{key}{after}:{value}"));
        prop_oneof![
            3 => (space(), prop::collection::vec(member, 0..9), space())
                .prop_map(|(before, members, after)| format!("{before}{{{}}}{after}", members.join(","))),
            1 => (space(), prop::collection::vec(inner, 0..6), space())
                .prop_map(|(before, items, after)| format!("{before}[{}]{after}", items.join(","))),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 600, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn generated_documents_equal_the_slow_way(text in document()) {
        check(text.as_bytes());
    }

    #[test]
    fn damaged_documents_equal_the_slow_way(text in document(), at in any::<prop::sample::Index>(), byte in any::<u8>(), cut in any::<bool>()) {
        let mut bytes = text.into_bytes();
        let at = at.index(bytes.len().max(1)).min(bytes.len().saturating_sub(1));
        if cut { bytes.truncate(at) } else if let Some(place) = bytes.get_mut(at) { *place = byte }
        check(&bytes);
    }

    #[test]
    fn canonical_text_is_a_fixed_point(text in document()) {
        let input = Bytes::from(text);
        if let Ok(datum) = schemaless_datum(&input, &mut BytesMut::new()) && let Some(first) = datum.json_text() {
            let again = schemaless_datum(&first, &mut BytesMut::new()).unwrap();
            // `-0.0` is written for a number too small for a double, and read as zero.
            if !first.windows(4).any(|window| window == b"-0.0") {
                prop_assert_eq!(again.json_text().unwrap(), first);
            }
        }
    }
}
