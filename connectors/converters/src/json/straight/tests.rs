use bytes::Bytes;
use connect_core::data::{Schema, SchemaBuilder, Type, logical};
use connect_core::error::ConnectError;
use proptest::prelude::*;

use super::*;

fn optional(ty: Type) -> Schema {
    Schema::optional(ty)
}

/// A struct of every type, required and optional, with and without defaults.
fn schema() -> SchemaRef {
    let inner =
        || SchemaBuilder::structure().field("x", Schema::of(Type::Int8)).field("y", optional(Type::String));
    let named = |ty, name: &str| SchemaBuilder::new(ty).name(name).optional().build().expect("a schema");
    let list =
        |element: Schema| SchemaBuilder::array(SchemaRef::new(element)).optional().build().expect("a list");
    let text = || SchemaRef::new(Schema::of(Type::String));
    SchemaBuilder::structure()
        .field("s", Schema::of(Type::String))
        .field("long", Schema::of(Type::Int64))
        .field(
            "int",
            SchemaBuilder::new(Type::Int32).default_value(Value::Int32(7)).build().expect("a schema"),
        )
        .field("short", optional(Type::Int16))
        .field("byte", optional(Type::Int8))
        .field("double", optional(Type::Float64))
        .field("float", optional(Type::Float32))
        .field("flag", optional(Type::Boolean))
        .field("raw", optional(Type::Bytes))
        .field("in", inner().optional().build().expect("a struct"))
        .field("list", list(optional(Type::Int32)))
        .field("structs", list((*inner().build().expect("a struct")).clone()))
        .field("map", SchemaBuilder::map(text(), text()).optional().build().expect("a map"))
        .field("at", named(Type::Int64, logical::TIMESTAMP))
        .field("day", named(Type::Int32, logical::DATE))
        .field("ü n", optional(Type::String))
        .build()
        .expect("a struct")
}

fn by_tree(schema: &SchemaRef, source: &Bytes, decoder: Decoder<'_>) -> Result<Value, ConnectError> {
    let node = json::read_whole(source, 1).map_err(|error| ConnectError::data(error.to_string()))?;
    to_typed(Some(schema), &node, decoder)
}

/// Returns whether the payload is read straight, after a check that the tree then gives the same value.
fn is_straight(text: &[u8]) -> bool {
    let (schema, source) = (schema(), Bytes::copy_from_slice(text));
    let layout = Layout::of(&schema).expect("plain names");
    let mut straight = 0;
    for replace_null_with_default in [true, false] {
        let decoder = Decoder { source: &source, replace_null_with_default };
        if let Some(value) = read(&layout, &source, 1, decoder) {
            straight += 1;
            let expected = by_tree(&schema, &source, decoder);
            let expected = expected.unwrap_or_else(|error| panic!("{text:?} is refused: {}", error.trace()));
            // Printed, so that negative zeros and not-a-numbers count.
            assert_eq!(format!("{value:?}"), format!("{expected:?}"), "{text:?}");
        }
    }
    straight > 0
}

#[test]
fn payloads_of_converters_are_read_straight() {
    for text in [
        r#"{"s":"","long":-1}"#,
        r#" { "s" : "é\u0041\n" , "long" : 12 , "int" : null } "#,
        r#"{"s":"a","long":9223372036854775807,"int":4294967297,"short":-70000,"byte":300}"#,
        r#"{"s":"a","long":1,"int":2,"short":3,"byte":4,"double":1.5e3,"float":-0.25,"flag":true,"raw":"AAE="}"#,
        r#"{"s":"a","long":1,"double":0.0,"float":-0.0,"flag":false}"#,
        r#"{"s":"a","long":1,"double":1,"float":7,"flag":null,"raw":null}"#,
        r#"{"s":"a","long":1,"in":{"x":1,"y":"b"},"list":[1,null,-3],"structs":[{"x":1},{"y":null,"x":2}]}"#,
        r#"{"s":"a","long":1,"in":null,"list":[],"structs":[],"map":{"k":"v"},"at":17,"day":3,"ü n":"w"}"#,
        r#"{"long":2,"s":"out of order","unknown":{"s":[1]}}"#,
        r#"{"s":"twice","long":1,"s":"last"}"#,
        r#"{"s":"12345678","long":1,"unknown":"12345678901234567"}"#,
        // As lenient as Jackson's nodes.
        r#"{"s":"a","long":"no number","int":1.9,"flag":"no boolean","raw":12}"#,
    ] {
        assert!(is_straight(text.as_bytes()), "{text}");
    }
}

#[test]
fn anything_else_is_left_to_the_tree() {
    let deep = format!(r#"{{"s":"a","long":1,"unknown":{}1{}}}"#, "[".repeat(1000), "]".repeat(1000));
    for text in [
        "",
        "{}",
        "null",
        "[]",
        r#"{"s":"a","long":1"#,
        r#"{"s":"a","long":1}}"#,
        r#"{"s":"a","long":1} x"#,
        r#"{"s":"a","long":1,}"#,
        r#"{"s":"a",,"long":1}"#,
        r#"{"s":"a" "long":1}"#,
        r#"{"s":null,"long":1}"#,
        r#"{"s":1,"long":1}"#,
        r#"{"s":"a","long":01x}"#,
        r#"{"s":"a","long":-}"#,
        r#"{"s":"a","long":1,"double":1.}"#,
        r#"{"s":"a","long":1,"in":{"y":"x is missing"}}"#,
        r#"{"s":"a","long":1,"in":[]}"#,
        r#"{"s":"a","long":1,"list":[1,]}"#,
        r#"{"s":"a","long":1,"structs":[null]}"#,
        r#"{"s":"a","long":1,"day":"no number"}"#,
        r#"{"s":"a","long":1,"raw":"?"}"#,
        r#"{"\u0073":"a","long":1}"#,
        "{\"s\":\"a\u{1}\",\"long\":1}",
        deep.as_str(),
    ] {
        assert!(!is_straight(text.as_bytes()), "{text}");
    }
    assert!(!is_straight(b"{\"s\":\"\xff\",\"long\":1}"));
}

#[test]
fn names_that_need_escapes_have_no_layout() {
    let named = |name: &str| {
        SchemaBuilder::structure().field(name, Schema::of(Type::Int8)).build().expect("a schema")
    };
    for name in ["a\"b", "a\\b", "a\nb", &"n".repeat(1001)] {
        assert!(Layout::of(&named(name)).is_none(), "{name}");
    }
    assert!(Layout::of(&named("a b/ü")).is_some());
    assert!(Layout::of(&SchemaRef::new(Schema::of(Type::Int8))).is_none());
}

/// Values of all types, fitting or not.
fn value() -> impl Strategy<Value = String> {
    let number = "-?[0-9]{1,20}(\\.[0-9]{1,4})?([eE][+-]?[0-9]{1,3})?";
    let leaf = prop_oneof![
        4 => number,
        4 => "\"[ -!#-\\[\\]-~éß\u{1F600}]{0,20}\"",
        2 => "\"(\\\\[nt\"\\\\/]|\\\\u00[0-9a-f]{2}|[a-z ])*\"",
        1 => prop::sample::select(vec!["true", "false", "null", "-0.0", "0e5", "1E400", "nul", "\"", "\"AAE=\""])
            .prop_map(str::to_owned),
    ];
    leaf.prop_recursive(2, 12, 3, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..3).prop_map(|items| format!("[{}]", items.join(","))),
            prop::collection::vec((name(), inner), 0..4).prop_map(object),
        ]
    })
}

fn name() -> impl Strategy<Value = &'static str> {
    let names = "s long int short byte double float flag raw in list structs map at day x y other";
    prop::sample::select(names.split(' ').chain(["ü n"]).collect::<Vec<_>>())
}

fn object(members: Vec<(&'static str, String)>) -> String {
    let members: Vec<String> = members.iter().map(|(name, value)| format!("\"{name}\": {value}")).collect();
    format!("{{{}}}", members.join(" ,"))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn what_is_read_straight_is_what_the_tree_gives(
        members in prop::collection::vec((name(), value()), 0..8),
        cut in 0usize..200,
    ) {
        let mut all = vec![("s", "\"text\"".to_owned()), ("long", "1".to_owned())];
        all.extend(members);
        let text = object(all);
        is_straight(text.as_bytes());
        is_straight(&text.as_bytes()[..cut.min(text.len())]);
    }
}
