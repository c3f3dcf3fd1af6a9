use connect_core::data::{Map, Value};

use super::*;

fn record() -> Value {
    let entry = |name: &str, value: Value| (Value::string(name), value);
    let map = |entries: Vec<(Value, Value)>| Value::Map(Map { entries });
    map(vec![
        entry("level", Value::string("ERROR")),
        entry("status", Value::Int64(503)),
        entry("took", Value::Float64(0.1)),
        entry("user", Value::Null),
        entry("tags", Value::Array(vec![Value::string("web"), Value::string("eu")])),
        entry("http", map(vec![entry("path", Value::string("/a/b")), entry("code", Value::string("503"))])),
        entry(
            "items",
            Value::Array(vec![
                map(vec![entry("sku", Value::string("x")), entry("n", Value::Int64(1))]),
                map(vec![entry("sku", Value::string("y")), entry("n", Value::Int64(5))]),
            ]),
        ),
    ])
}

#[test]
fn conditions_have_the_meaning_of_jayways_library() {
    let yes = Truth::Yes;
    let (no, unknown) = (Truth::No, Truth::Unknown);
    let cases = [
        // A filter applies to a map itself.
        ("$[?(@.level == 'ERROR')]", yes),
        ("$[?(@.level == \"INFO\")]", no),
        ("$[?(@['level'] != 'INFO' && @.status >= 500)]", yes),
        ("$[?(@.status < 500 || @.took == 0.1)]", yes),
        ("$[?(!(@.status == 503))]", no),
        // A text and a number that are written alike are equal.
        ("$[?(@.status == '503')]", yes),
        ("$[?(@.http.code == 503)]", yes),
        ("$[?(@.level > 5)]", no),
        ("$[?(@.level =~ /err.*/i)]", yes),
        ("$[?(@.level =~ /ERR/)]", no),
        ("$[?(@.http.path =~ /\\/a\\/[a-z]/)]", yes),
        ("$[?(@.level in ['WARN', 'ERROR'])]", yes),
        ("$[?(@.status nin [200, 204])]", yes),
        ("$[?(@.tags contains 'eu')]", yes),
        ("$[?(@.level contains 'RR')]", yes),
        ("$[?(@.tags size 2)]", yes),
        ("$[?(@.tags.length() == 2)]", yes),
        ("$[?(@.tags empty false)]", yes),
        ("$[?(@.tags anyof ['us', 'eu'])]", yes),
        ("$[?(@.tags subsetof ['us', 'eu'])]", no),
        ("$[?(@.tags noneof ['us'])]", yes),
        ("$.items[?(@.n > 4)]", yes),
        ("$.items[?(@.n > 5)]", no),
        ("$.items[?(@.n > 4)].sku", yes),
        ("$..[?(@.sku == 'y')]", yes),
        ("$.items[-1][?(@.sku == 'y')]", yes),
        ("$.items[0:1][?(@.sku == 'y')]", no),
        ("$.items[*].n", yes),
        ("$[?(@.items[1].n == $.items[1].n)]", yes),
        // To exist is to be there, even as null.
        ("$.nobody", no),
        ("$[?(@.user)]", yes),
        ("$[?(@.nobody)]", no),
        ("$[?(!@.nobody)]", yes),
        ("$[?(@.user == null)]", yes),
        // What hangs on a field that is missing or null is unknown, unless the rest decides.
        ("$[?(@.nobody == 1)]", unknown),
        ("$[?(@.user == 'a')]", unknown),
        ("$[?(@.user > 1)]", unknown),
        ("$[?(@.nobody == 1 || @.status == 503)]", yes),
        ("$[?(@.nobody == 1 && @.status == 200)]", no),
        ("$[?(!(@.nobody == 1))]", unknown),
    ];
    let record = record();
    for (text, expected) in cases {
        let path = JsonPath::parse(text).unwrap_or_else(|error| panic!("{text}: {error}"));
        assert_eq!(path.test(&record), expected, "{text}");
    }
}

#[test]
fn wrong_paths_are_refused_with_the_place() {
    let cases = [
        ("", "`$` is missing at the end"),
        ("level == 1", "`$` is expected before position 5, not `level`"),
        ("$[?(@.level = 1)]", "`=` at position 12 means nothing"),
        ("$[?(@.level == ERROR)]", "`ERROR` is no value: a text stands in quotes, a field after `@.`"),
        ("$[?(@.level == 'ERROR)]", "the text that begins at position 15 does not end"),
        ("$[?(@.level == 1)", "`]` is missing at the end"),
        ("$[?(1)]", "a value alone is no condition"),
        ("$[?(@.a =~ 'b')]", "`=~` and a regular expression between slashes belong together"),
        ("$[?(@.a near 1)]", "`near` is no operator"),
        ("$.a.max()", "only the functions length() and size() are known"),
        ("$.a b", "the end is expected before position 5, not `b`"),
    ];
    for (text, expected) in cases {
        assert_eq!(JsonPath::parse(text).map(|_| ()), Err(expected.to_owned()), "{text}");
    }
    let deep = format!("$[?({}@.a{})]", "(".repeat(100_000), ")".repeat(100_000));
    assert!(JsonPath::parse(&deep).is_err(), "nesting is bounded");
}
