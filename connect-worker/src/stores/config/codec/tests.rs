use super::*;

fn props(pairs: &[(&str, &str)]) -> Props {
    pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
}

/// Every kind of record with the bytes a JVM worker wrote for it.
fn records() -> Vec<(Entry, &'static str, Option<&'static str>)> {
    let name: Arc<str> = "my-src".into();
    let target = |target| Entry::Target { name: Arc::clone(&name), target };
    let restart = RestartRequest { connector: Arc::clone(&name), only_failed: false, include_tasks: true };
    let session = SessionKey {
        key: Bytes::from_static(b"secret"),
        algorithm: "HmacSHA256".to_owned(),
        created_ms: 1_795_218_543_406,
    };
    let level = Entry::LoggerLevel { namespace: "org.apache".to_owned(), level: "WARN".to_owned() };
    vec![
        (
            Entry::Connector {
                name: Arc::clone(&name),
                config: Some(props(&[("name", "my-src"), ("quote", "a\"é\n")])),
            },
            "connector-my-src",
            Some("{\"properties\":{\"quote\":\"a\\\"é\\n\",\"name\":\"my-src\"}}"),
        ),
        (Entry::Connector { name: Arc::clone(&name), config: None }, "connector-my-src", None),
        (
            Entry::Task { name: Arc::clone(&name), task: 12, config: props(&[("task.class", "T")]) },
            "task-my-src-12",
            Some(r#"{"properties":{"task.class":"T"}}"#),
        ),
        (Entry::Commit { name: Arc::clone(&name), count: 2 }, "commit-my-src", Some(r#"{"tasks":2}"#)),
        (
            target(Some(TargetState::Started)),
            "target-state-my-src",
            Some(r#"{"state":"STARTED","state.v2":"STARTED"}"#),
        ),
        (
            target(Some(TargetState::Paused)),
            "target-state-my-src",
            Some(r#"{"state":"PAUSED","state.v2":"PAUSED"}"#),
        ),
        (
            target(Some(TargetState::Stopped)),
            "target-state-my-src",
            Some(r#"{"state":"PAUSED","state.v2":"STOPPED"}"#),
        ),
        (target(None), "target-state-my-src", None),
        (
            Entry::Restart(restart),
            "restart-connector-my-src",
            Some(r#"{"include-tasks":true,"only-failed":false}"#),
        ),
        (
            Entry::FencedTasks { name: Arc::clone(&name), count: 3 },
            "tasks-fencing-my-src",
            Some(r#"{"task-count":3}"#),
        ),
        (
            Entry::SessionKey(session),
            "session-key",
            Some(r#"{"key":"c2VjcmV0","algorithm":"HmacSHA256","creation-timestamp":1795218543406}"#),
        ),
        (level, "logger-cluster-org.apache", Some(r#"{"level":"WARN"}"#)),
    ]
}

fn read(key: &str, value: Option<&str>) -> Decoded {
    let value = value.map(|value| Bytes::copy_from_slice(value.as_bytes()));
    decode(Some(key.as_bytes()), value.as_ref())
}

#[test]
fn records_have_the_bytes_of_the_jvm_and_are_read_back() {
    for (entry, key, value) in records() {
        let expected = (key.to_owned(), value.map(|value| value.as_bytes().to_vec()));
        assert_eq!(encode(&entry), expected);
        assert_eq!(read(key, value), Decoded::Entry(entry));
    }
}

#[test]
fn values_of_other_writers_are_read() {
    let target = |value| match read("target-state-c", Some(value)) {
        Decoded::Entry(Entry::Target { target, .. }) => target,
        other => panic!("{value}: {other:?}"),
    };
    // Workers before KIP-875 write one field; a second one that is no text is passed over.
    assert_eq!(target(r#"{"state":"PAUSED"}"#), Some(TargetState::Paused));
    assert_eq!(target(r#"{"state":"PAUSED","state.v2":1}"#), Some(TargetState::Paused));
    assert_eq!(target(r#"{"state.v2":"STOPPED"}"#), Some(TargetState::Stopped));
    assert_eq!(target("null"), None);
    let restart = |value| match read("restart-connector-a-b", Some(value)) {
        Decoded::Entry(Entry::Restart(request)) => (request.only_failed, request.include_tasks),
        other => panic!("{value}: {other:?}"),
    };
    assert_eq!(restart(r#"{"only-failed":true}"#), (true, false));
    assert_eq!(restart(r#"{"only-failed":"true","include-tasks":1}"#), (false, false));
    let spaced = read("commit-c", Some(" { \"tasks\" : 07 } "));
    assert_eq!(spaced, Decoded::Entry(Entry::Commit { name: "c".into(), count: 7 }));
    let with_null = read("connector-c", Some(r#"{"properties":{"a":"1","b":null}}"#));
    let config = Some(props(&[("a", "1")]));
    assert_eq!(with_null, Decoded::Entry(Entry::Connector { name: "c".into(), config }));
}

#[test]
fn prefixes_are_tested_in_kafka_connects_order() {
    let name_of = |key: &str| match read(key, Some(r#"{"properties":{},"state":"PAUSED","task-count":1}"#)) {
        Decoded::Entry(Entry::Connector { name, .. }) => format!("connector {name}"),
        Decoded::Entry(Entry::Task { name, task, .. }) => format!("task {name}/{task}"),
        Decoded::Entry(Entry::Target { name, .. }) => format!("target {name}"),
        Decoded::Entry(Entry::FencedTasks { name, .. }) => format!("fencing {name}"),
        other => format!("{other:?}"),
    };
    assert_eq!(name_of("target-state-connector-x"), "target connector-x");
    assert_eq!(name_of("connector-task-x-1"), "connector task-x-1");
    assert_eq!(name_of("connector-"), "connector ");
    assert_eq!(name_of("task-a-b-1"), "task a-b/1");
    assert_eq!(name_of("task-a--1"), "task a-/1");
    assert_eq!(name_of("tasks-fencing-a-1"), "fencing a-1");
}

#[test]
fn what_cannot_be_used_is_ignored_but_counts_when_it_is_json() {
    for (key, value) in [
        ("commit-c", r#"{"tasks":"2"}"#),
        ("commit-c", r#"{"tasks":1.5}"#),
        ("commit-c", r#"{"tasks":-1}"#),
        ("commit-c", "[1]"),
        ("connector-c", "1"),
        ("connector-c", r#"{"properties":[]}"#),
        ("connector-c", r#"{"properties":{"a":1}}"#),
        ("task-c-x", r#"{"properties":{}}"#),
        ("task-c", r#"{"properties":{}}"#),
        ("task-c-", r#"{"properties":{}}"#),
        ("task-c-99999999999", r#"{"properties":{}}"#),
        ("target-state-c", r#"{"state":"RUNNING"}"#),
        ("target-state-c", "{}"),
        ("session-key", r#"{"key":"?","algorithm":"HmacSHA256","creation-timestamp":1}"#),
        ("session-key-2", "{}"),
        ("logger-cluster-x", r#"{"level":"LOUD"}"#),
        ("tasks-fencing-c", r#"{"task-count":null}"#),
        ("restart-connector-c", "true"),
        ("unknown", "{}"),
    ] {
        let decoded = read(key, Some(value));
        assert!(matches!(&decoded, Decoded::Ignored(Some(_))), "{key} {value}: {decoded:?}");
    }
    for key in ["task-c-0", "commit-c", "restart-connector-c", "tasks-fencing-c", "session-key"] {
        assert_eq!(read(key, None), Decoded::Ignored(None), "{key}");
    }
    let keyless = decode(None, Some(&Bytes::from_static(b"{}")));
    assert!(matches!(keyless, Decoded::Ignored(Some(_))), "{keyless:?}");
    for value in ["", " ", "{", "nul", "{\"tasks\":}", "\u{1}"] {
        assert_eq!(read("commit-c", Some(value)), Decoded::Undecodable, "{value}");
    }
}
