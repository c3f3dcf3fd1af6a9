//! The file connectors, compared with those of JVM Kafka Connect on the same broker, byte by byte.

use std::{fs, io::Write, path::Path};

use connect_tests::{
    jvm_connect::JvmConnect,
    kafka::{self, KafkaClient},
    sluice::{Setup, Sluice},
    wait,
};
use reqwest::Client;
use serde_json::{Value, json};

use crate::support::{file_sink, with};

#[tokio::test]
async fn a_file_source_produces_the_same_records_as_the_jvm_and_remembers_the_same_position() {
    let broker = kafka::shared();
    let client = broker.client();
    let jvm = JvmConnect::standalone(&broker.bootstrap(), &[]);
    let sluice = Setup::new(&broker.bootstrap()).start().await;
    let text = "one\n\ntwo with blanks  \nwindows\r\nplain\n\ttab\nold mac\rinside\n".to_owned()
        + &"long ".repeat(5000)
        + "\nlast without newline";
    let mut wanted = Vec::new();
    for (url, folder) in [(jvm.url(), jvm.folder()), (sluice.url(), sluice.folder())] {
        let file = folder.join("in.txt");
        fs::write(&file, &text).expect("a file is written");
        let topic = kafka::unique("file-source");
        client.create_topic(&topic, 1).await;
        let config = json!({
            "connector.class": "FileStreamSource", "tasks.max": "1", "file": file, "topic": topic, "batch.size": "3",
        });
        create(&url, "source", &config).await;
        let first = await_values(&client, &topic, 9).await;
        append(&file, " goes on\nafter\n");
        let values = await_values(&client, &topic, 11).await;
        assert!(values.starts_with(&first), "the unfinished line is kept back until it ends");
        let position = await_position(&url, "source", (text.len() + " goes on\nafter\n".len()) as u64).await;
        if wanted.is_empty() {
            wanted = values;
            assert_eq!(
                wanted.last().map(Vec::as_slice),
                Some(&b"after"[..]),
                "what the JVM produced is as expected"
            );
        } else {
            assert_eq!(texts(&values), texts(&wanted));
        }
        assert!(
            position["partition"]["filename"].as_str().is_some_and(|name| Path::new(name) == file),
            "{position}"
        );
    }
}

#[tokio::test]
async fn a_file_source_goes_on_where_it_was_after_a_restart() {
    let broker = kafka::shared();
    let client = broker.client();
    let topic = kafka::unique("file-restart");
    client.create_topic(&topic, 1).await;
    let mut sluice = Setup::new(&broker.bootstrap()).start().await;
    let file = sluice.folder().join("in.txt");
    fs::write(&file, "one\ntwö ✓ 𝄞\n").expect("a file is written");
    let config = json!({
        "connector.class": "FileStreamSource", "tasks.max": "1", "file": file, "topic": topic,
    });
    create(&sluice.url(), "source", &config).await;
    await_values(&client, &topic, 2).await;
    assert!(sluice.terminate().success(), "{}", sluice.log());
    append(&file, "three\n");
    sluice.restart();
    sluice.ready().await;
    create(&sluice.url(), "source", &config).await;
    let values = await_values(&client, &topic, 3).await;
    assert_eq!(texts(&values), ["one", "twö ✓ 𝄞", "three"], "the position counts bytes");
}

#[tokio::test]
async fn a_file_sink_writes_the_same_bytes_as_the_jvm() {
    let broker = kafka::shared();
    let client = broker.client();
    let jvm = JvmConnect::standalone(&broker.bootstrap(), &[]);
    let sluice = Setup::new(&broker.bootstrap()).start().await;
    for (case, (converter, values)) in cases().into_iter().enumerate() {
        let topic = kafka::unique("file-sink");
        client.create_topic(&topic, 1).await;
        client.produce(&topic, 0, &values).await;
        let mut written = Vec::new();
        for (url, folder) in [(jvm.url(), jvm.folder()), (sluice.url(), sluice.folder())] {
            let file = folder.join(format!("out-{case}.txt"));
            let config = with(file_sink(&topic, &file.to_string_lossy()), converter.clone());
            create(&url, &format!("sink-{case}-{}", written.len()), &config).await;
            written.push(await_lines(&file, values.len()).await);
        }
        assert_eq!(written[1], written[0], "{converter}");
    }
}

#[tokio::test]
async fn a_record_that_the_jvm_cannot_convert_fails_the_task_and_no_other_connector() {
    let broker = kafka::shared();
    let client = broker.client();
    let topic = kafka::unique("file-bad");
    client.create_topic(&topic, 1).await;
    client.produce(&topic, 0, ["{\"a\":1}", "no json", "{\"a\":2}"]).await;
    let sluice = Setup::new(&broker.bootstrap()).start().await;
    let json = json!({
        "value.converter": "org.apache.kafka.connect.json.JsonConverter", "value.converter.schemas.enable": "false",
    });
    let path = |name: &str| sluice.folder().join(name).to_string_lossy().into_owned();
    let failing = with(file_sink(&topic, &path("failing.txt")), json.clone());
    let tolerant =
        with(file_sink(&topic, &path("tolerant.txt")), with(json, json!({ "errors.tolerance": "all" })));
    create(&sluice.url(), "failing", &failing).await;
    create(&sluice.url(), "tolerant", &tolerant).await;
    create(&sluice.url(), "healthy", &file_sink(&topic, &path("healthy.txt"))).await;

    let status = sluice.await_task("failing", "FAILED").await;
    let trace = status["tasks"][0]["trace"].as_str().unwrap_or_default();
    assert!(trace.contains("Tolerance exceeded in error handler"), "{trace}");
    for place in [topic.as_str(), "offset 1"] {
        assert!(trace.contains(place), "the trace names the record by `{place}`:\n{trace}");
    }
    assert_eq!(await_lines(&sluice.folder().join("tolerant.txt"), 2).await, "{a=1}\n{a=2}\n");
    assert_eq!(await_lines(&sluice.folder().join("healthy.txt"), 3).await, "{\"a\":1}\nno json\n{\"a\":2}\n");
    assert_running(&sluice, "healthy").await;
    assert_running(&sluice, "tolerant").await;
}

#[tokio::test]
async fn a_full_disk_is_waited_out_with_a_warning_and_stops_no_other_connector() {
    let broker = kafka::shared();
    let client = broker.client();
    let topic = kafka::unique("file-full");
    client.create_topic(&topic, 1).await;
    let mut sluice = Setup::new(&broker.bootstrap()).start().await;
    create(&sluice.url(), "full", &file_sink(&topic, "/dev/full")).await;
    let file = sluice.folder().join("healthy.txt");
    create(&sluice.url(), "healthy", &file_sink(&topic, &file.to_string_lossy())).await;
    client.produce(&topic, 0, ["one", "two"]).await;
    sluice.await_log("writing to file `/dev/full`: no space left");
    assert_eq!(await_lines(&file, 2).await, "one\ntwo\n");
    assert_running(&sluice, "healthy").await;
    assert_running(&sluice, "full").await;
    sluice.terminate();
    let committed = |name: &str| client.committed(&format!("connect-{name}"), &topic, 1);
    assert_eq!(committed("healthy"), [Some(2)]);
    assert_eq!(committed("full"), [None], "what is not on the disk is not committed");
}

/// Converter settings and values that they can convert.
fn cases() -> Vec<(Value, Vec<&'static str>)> {
    let json = "org.apache.kafka.connect.json.JsonConverter";
    vec![
        (
            json!({ "value.converter": "org.apache.kafka.connect.storage.StringConverter" }),
            vec!["one", "", "ä ✓ 𝄞", "a\nb"],
        ),
        (
            json!({ "value.converter": json, "value.converter.schemas.enable": "false" }),
            vec![
                "{\"a\":1}",
                "{\"a\":{\"b\":[1,2.5,\"x\",null,true]}}",
                "[]",
                "{}",
                "null",
                "\"text\"",
                "1.0",
                "1e10",
                "1.5e-7",
                "100000000000000000000",
                "12345678901",
                "-0.0",
                "false",
                "{\"level\":\"INFO\",\"message\":\"m\",\"service\":\"s\",\"timestamp\":\"t\"}",
            ],
        ),
        (
            json!({ "value.converter": json }),
            vec![
                "{\"schema\":{\"type\":\"string\"},\"payload\":\"x\"}",
                "{\"schema\":{\"type\":\"struct\",\"fields\":[{\"field\":\"a\",\"type\":\"int32\"},{\"field\":\"b\",\"type\":\"double\"},{\"field\":\"c\",\"type\":\"string\",\"optional\":true}]},\"payload\":{\"a\":1,\"b\":2.0,\"c\":null}}",
                "{\"schema\":{\"type\":\"array\",\"items\":{\"type\":\"float\"}},\"payload\":[1.1,2]}",
                "{\"schema\":{\"type\":\"map\",\"keys\":{\"type\":\"string\"},\"values\":{\"type\":\"int64\"}},\"payload\":{\"k\":1}}",
            ],
        ),
    ]
}

async fn create(url: &str, name: &str, config: &Value) {
    let body = json!({ "name": name, "config": config });
    let call = Client::new().post(format!("{url}/connectors")).json(&body).timeout(wait::LIMIT);
    let response = call.send().await.expect("the worker answers");
    assert_eq!(
        response.status().as_u16(),
        201,
        "creating {name}: {}",
        response.text().await.unwrap_or_default()
    );
}

async fn assert_running(sluice: &Sluice, name: &str) {
    let (_, status) = sluice.get(&format!("/connectors/{name}/status")).await;
    assert_eq!(status["tasks"][0]["state"], "RUNNING", "{status}");
}

async fn await_values(client: &KafkaClient, topic: &str, count: usize) -> Vec<Vec<u8>> {
    wait::until(&format!("{count} values in {topic}"), wait::LIMIT, async || {
        let end = client.end_offsets(topic, 1);
        if end[0] >= count as i64 { Ok(()) } else { Err(end) }
    })
    .await;
    client.values(topic, 0)
}

async fn await_lines(file: &Path, count: usize) -> String {
    wait::until(&format!("{count} lines in {}", file.display()), wait::LIMIT, async || {
        let text = fs::read_to_string(file).unwrap_or_else(|error| error.to_string());
        if text.lines().count() >= count { Ok(text) } else { Err(text) }
    })
    .await
}

async fn await_position(url: &str, name: &str, position: u64) -> Value {
    let url = format!("{url}/connectors/{name}/offsets");
    wait::until(&format!("position {position}"), wait::LIMIT, async || {
        let text = match reqwest::get(&url).await {
            Ok(response) => response.text().await.unwrap_or_default(),
            Err(error) => error.to_string(),
        };
        let mut answer: Value = serde_json::from_str(&text).map_err(|_| text.clone())?;
        let found = answer["offsets"][0]["offset"]["position"] == json!(position);
        if found { Ok(answer["offsets"][0].take()) } else { Err(text) }
    })
    .await
}

fn append(file: &Path, text: &str) {
    let mut file = fs::OpenOptions::new().append(true).open(file).expect("the file opens");
    file.write_all(text.as_bytes()).expect("the file is appended to");
}

fn texts(values: &[Vec<u8>]) -> Vec<String> {
    values.iter().map(|value| String::from_utf8_lossy(value).into_owned()).collect()
}
