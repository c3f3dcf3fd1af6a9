//! A sink whose target takes a batch as a whole or not at all, from a real broker through a real worker: the records at
//! fault are found by halves.

use std::fs;

use connect_tests::{
    kafka,
    sluice::{Setup, program},
    wait,
};
use serde_json::json;

use crate::support::with;

#[tokio::test]
async fn records_at_fault_reach_the_dead_letter_queue_and_the_others_the_target_once_and_in_order() {
    let broker = kafka::shared();
    let client = broker.client();
    let topic = kafka::unique("refused");
    let (dlq, name, strict) = (format!("{topic}-dlq"), format!("{topic}-sink"), format!("{topic}-strict"));
    client.create_topic(&topic, 1).await;
    let bad = [0, 250, 251, 499];
    let value =
        |number: usize| if bad.contains(&number) { format!("bad {number}") } else { format!("{number}") };
    client.produce(&topic, 0, (0..500).map(value)).await;

    // Built by `cargo build -p bench-worker`.
    let own = program().with_file_name("bench-worker");
    let worker = Setup::new(&broker.bootstrap()).program(own).property("offset.flush.interval.ms", "300");
    let worker = worker.start().await;
    let path = worker.folder().join("taken");
    let config = json!({
        "connector.class": "test.RefusingSink",
        "tasks.max": "1",
        "topics": topic,
        "file": path,
        "value.converter": "org.apache.kafka.connect.storage.StringConverter",
    });
    let tolerant = json!({
        "errors.tolerance": "all",
        "errors.log.enable": "true",
        "errors.deadletterqueue.topic.name": dlq,
        "errors.deadletterqueue.topic.replication.factor": "1",
        "errors.deadletterqueue.context.headers.enable": "true",
    });
    worker.create(&strict, &with(config.clone(), json!({ "file": worker.folder().join("none") }))).await;
    worker.create(&name, &with(config, tolerant)).await;
    wait::until("everything committed", wait::LIMIT, async || {
        match client.committed(&format!("connect-{name}"), &topic, 1)[0] {
            Some(500) => Ok(()),
            other => Err(other),
        }
    })
    .await;
    let taken = fs::read_to_string(&path).expect("a file of the sink");
    let good: String =
        (0..500).filter(|number| !bad.contains(number)).map(|number| format!("{number}\n")).collect();
    assert_eq!(taken, good);
    let letters: Vec<String> = bad.iter().map(|number| format!("bad {number}")).collect();
    let found: Vec<String> =
        client.values(&dlq, 0).into_iter().map(|value| String::from_utf8(value).expect("text")).collect();
    assert_eq!(found, letters);
    assert_headers(&client.headers(&dlq, 0), &topic, &name, &bad);
    let told = format!(
        "Error encountered in task {name}-0. Executing stage 'TASK_PUT' with class 'org.apache.kafka.connect.sink.SinkTask'."
    );
    assert_eq!(worker.log().matches(&told).count(), bad.len(), "{}", worker.log());
    let (_, metrics) = worker.get("/metrics").await;
    let counted = format!(
        "kafka_connect_task_error_deadletterqueue_produce_requests{{connector=\"{name}\",task=\"0\"}} 4\n"
    );
    assert!(metrics.as_str().is_some_and(|text| text.contains(&counted)), "{metrics}");

    let status = worker.await_task(&strict, "FAILED").await;
    let trace = status["tasks"][0]["trace"].as_str().unwrap_or_default();
    assert!(trace.contains("Exiting WorkerSinkTask due to unrecoverable exception."), "{trace}");
    assert_eq!(client.committed(&format!("connect-{strict}"), &topic, 1), [None]);
    let taken = fs::read_to_string(worker.folder().join("none")).unwrap_or_default();
    assert_eq!(taken, "", "nothing was delivered");
}

fn assert_headers(found: &[Vec<(String, String)>], topic: &str, name: &str, offsets: &[usize]) {
    for (headers, offset) in found.iter().zip(offsets) {
        let message = "the service refuses a batch of 1";
        let class = "org.apache.kafka.connect.errors.DataException";
        let wanted = [
            ("topic", topic.to_owned()),
            ("partition", "0".to_owned()),
            ("offset", offset.to_string()),
            ("connector.name", name.to_owned()),
            ("task.id", "0".to_owned()),
            ("stage", "TASK_PUT".to_owned()),
            ("class.name", "org.apache.kafka.connect.sink.SinkTask".to_owned()),
            ("exception.class.name", class.to_owned()),
            ("exception.message", message.to_owned()),
            ("exception.stacktrace", format!("{class}: {message}\n")),
        ];
        let wanted = wanted.map(|(key, value)| (format!("__connect.errors.{key}"), value));
        assert_eq!(*headers, wanted);
    }
}
