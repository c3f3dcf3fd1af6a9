//! The program itself: connector files, exit codes, signals, and a broker that is not there.

use std::fs;

use connect_tests::{kafka, process::free_port, sluice::Setup, wait};
use serde_json::json;

use crate::support::{file_sink, properties};

#[tokio::test]
async fn a_connector_file_may_hold_properties_json_or_a_request() {
    let broker = kafka::shared();
    let config = file_sink("files", "/dev/null");
    let mut flat = config.clone();
    flat["name"] = json!("flat");
    let worker = Setup::new(&broker.bootstrap())
        .connector("plain.properties", &properties("plain", &config))
        .connector("flat.json", &flat.to_string())
        .connector("request.json", &json!({ "name": "request", "config": config }).to_string())
        .connector(
            "stopped.json",
            &json!({ "name": "st", "initial_state": "STOPPED", "config": config }).to_string(),
        )
        .start()
        .await;
    for name in ["plain", "flat", "request"] {
        worker.await_task(name, "RUNNING").await;
    }
    let (_, status) = worker.get("/connectors/st/status").await;
    assert_eq!((&status["connector"]["state"], &status["tasks"]), (&json!("STOPPED"), &json!([])));
}

#[tokio::test]
async fn a_connector_file_that_is_refused_ends_the_program_with_code_3_and_the_reason() {
    let broker = kafka::shared();
    let cases = [
        ("connector.class=no.such.Connector\nname=c\n", "no.such.Connector"),
        ("connector.class=FileStreamSource\nname=c\n", "Missing required configuration \"topic\""),
        ("connector.class=FileStreamSink\nname=c\ntopics=a\ntopics.regex=b\n", "mutually exclusive"),
        ("connector.class=FileStreamSink\ntopics=a\n", "name"),
    ];
    for (text, reason) in cases {
        let mut worker = Setup::new(&broker.bootstrap()).connector("c.properties", text).spawn();
        let status = worker.wait(wait::LIMIT);
        assert_eq!(status.code(), Some(3), "{text}\n{}", worker.log());
        assert!(worker.log().contains(reason), "`{reason}` is missing in:\n{}", worker.log());
    }
}

#[tokio::test]
async fn a_worker_file_that_is_wrong_ends_the_program_and_names_the_key() {
    let broker = kafka::shared();
    let cases = [
        ("offset.flush.interval.ms", "soon", "Invalid value soon for configuration offset.flush.interval.ms"),
        ("listeners", "nonesuch", "Invalid value nonesuch for configuration listeners"),
        ("value.converter", "no.such.Converter", "no.such.Converter"),
    ];
    for (key, value, reason) in cases {
        let mut worker = Setup::new(&broker.bootstrap()).property(key, value).spawn();
        let status = worker.wait(wait::LIMIT);
        assert!(!status.success(), "{key}={value}\n{}", worker.log());
        assert!(worker.log().contains(reason), "`{reason}` is missing in:\n{}", worker.log());
    }
}

#[tokio::test]
async fn a_broker_that_is_not_there_is_named_and_ends_the_program() {
    let bootstrap = format!("127.0.0.1:{}", free_port());
    let mut worker = Setup::new(&bootstrap).spawn();
    let status = worker.wait(wait::LIMIT);
    assert!(!status.success(), "{}", worker.log());
    assert!(worker.log().contains(&bootstrap), "the address is missing in:\n{}", worker.log());
}

#[tokio::test]
async fn sigterm_ends_the_program_in_time_with_what_was_read_written_and_committed() {
    let broker = kafka::shared();
    let client = broker.client();
    let topic = kafka::unique("sigterm");
    client.create_topic(&topic, 1).await;
    let mut worker =
        Setup::new(&broker.bootstrap()).property("offset.flush.interval.ms", "60000").start().await;
    let file = worker.folder().join("out.txt");
    worker.create("sigterm", &file_sink(&topic, &file.to_string_lossy())).await;
    client.produce(&topic, 0, ["one", "two", "three"]).await;
    connect_tests::wait::until("three lines", wait::LIMIT, async || {
        let text = fs::read_to_string(&file).unwrap_or_default();
        if text.lines().count() == 3 { Ok(()) } else { Err(text) }
    })
    .await;
    assert_eq!(client.committed("connect-sigterm", &topic, 1), [None]);
    assert!(worker.terminate().success(), "{}", worker.log());
    assert_eq!(client.committed("connect-sigterm", &topic, 1), [Some(3)]);
}
