//! The status and the offset topic: what a JVM worker writes is what we read; what we write for it has the same keys
//! and the same bytes; and a Sluice worker to which the same is done writes the same states in the same order.

use std::{
    collections::BTreeMap,
    fs,
    io::Write,
    path::PathBuf,
    sync::{Arc, atomic::Ordering},
};

use connect_core::plugin::Registry;
use connect_tests::{
    api::Api,
    group::{Group, Member},
    kafka::{self, unique},
    wait,
};
use connect_worker::{
    config::{WorkerConfig, WorkerMode, providers},
    stores::{
        offsets::{ConnectorOffsets, KafkaOffsetStore, OffsetStore},
        status::{KafkaStatusStore, RunState, Status, StatusStore},
    },
};
use rdkafka::{
    ClientConfig, Message, Offset, TopicPartitionList,
    consumer::{BaseConsumer, Consumer},
};
use serde_json::{Value, json};

use crate::support::{file_sink, with};

mod clock;

use clock::FixedClock;

/// Values by key, in the order written; `None` is a tombstone.
type Records = BTreeMap<String, Vec<Option<String>>>;

fn worker(group: &Group) -> WorkerConfig {
    let lines = group.file(0);
    let pairs = lines.lines().filter_map(|line| line.split_once('='));
    let props = pairs.map(|(key, value)| (key.trim().to_owned(), value.trim().to_owned())).collect();
    WorkerConfig::parse(&props, WorkerMode::Distributed, &Registry::new(providers::plugins()))
        .expect("a valid worker file")
}

/// Reads a topic to its end. A key stays in one partition, so the order of its values is known.
fn records(bootstrap: &str, topic: &str) -> Records {
    let mut config = ClientConfig::new();
    config.set("bootstrap.servers", bootstrap).set("group.id", unique("reader"));
    config.set("enable.auto.commit", "false");
    let consumer: BaseConsumer = config.create().expect("a consumer");
    let metadata = consumer.fetch_metadata(Some(topic), wait::LIMIT).expect("metadata");
    let mut records = Records::new();
    for partition in metadata.topics()[0].partitions() {
        let partition = partition.id();
        let (_, end) = consumer.fetch_watermarks(topic, partition, wait::LIMIT).expect("watermarks");
        let mut list = TopicPartitionList::new();
        list.add_partition_offset(topic, partition, Offset::Beginning).expect("an offset");
        consumer.assign(&list).expect("assigned");
        let mut next = 0;
        while next < end {
            let message = consumer.poll(wait::LIMIT).expect("a record").expect("no error");
            next = message.offset() + 1;
            let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).expect("UTF-8");
            let key = text(message.key().expect("a key"));
            records.entry(key).or_default().push(message.payload().map(text));
        }
    }
    records
}

/// A source, a sink and a sink that fails, the same for each worker.
struct Scene {
    folder: tempfile::TempDir,
    topic: String,
    source: String,
    sink: String,
    failing: String,
}

impl Scene {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder is made");
        Self {
            folder,
            topic: unique("lines"),
            source: unique("s-r-c"),
            sink: unique("s-n-k"),
            failing: unique("failing"),
        }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn append(&self, line: &str) {
        let file = fs::OpenOptions::new().append(true).create(true).open(self.path("in"));
        writeln!(file.expect("the file opens"), "{line}").expect("a line is written");
    }

    /// Does to a worker all that leaves a trace in the topics.
    async fn play(&self, member: &Member, group: &Group) {
        let (api, source, sink) = (member.api(), &self.source, &self.sink);
        let call = async |method, connector: &str, rest: &str, body: Option<&Value>, status| {
            api.settled(method, &format!("/connectors/{connector}{rest}"), body, status).await
        };
        fs::write(self.path("in"), "").expect("a file is written");
        self.append("one");
        let config = json!({
            "connector.class": "FileStreamSource", "tasks.max": "1", "topic": self.topic,
            "file": self.path("in").to_string_lossy(),
        });
        api.create(source, &config).await;
        api.await_task(source, "RUNNING").await;
        let out = |name: &str| self.path(name).to_string_lossy().into_owned();
        let body = json!({
            "name": sink, "config": file_sink(&self.topic, &out("out")), "initial_state": "PAUSED",
        });
        api.settled("POST", "/connectors", Some(&body), 201).await;
        api.await_connector(sink, "PAUSED").await;
        call("PUT", sink, "/resume", None, 202).await;
        api.await_task(sink, "RUNNING").await;
        self.await_topic(api, source).await;
        self.await_topic(api, sink).await;
        agrees(api, group, &[source, sink]).await;

        call("PUT", sink, "/pause", None, 202).await;
        api.await_task(sink, "PAUSED").await;
        call("PUT", sink, "/resume", None, 202).await;
        api.await_task(sink, "RUNNING").await;
        call("POST", sink, "/restart?includeTasks=true", None, 202).await;
        let key = format!("status-task-{sink}-0");
        await_end(group, &key, &["UNASSIGNED", "RESTARTING", "RUNNING"]).await;
        for connector in [source, sink] {
            call("PUT", connector, "/topics/reset", None, 202).await;
            await_end(group, &format!("status-topic-{}:connector-{connector}", self.topic), &["-"]).await;
        }
        // Running tasks note the topic again when they use it again.
        self.append("two");
        self.await_topic(api, source).await;
        self.await_topic(api, sink).await;

        let config = with(
            file_sink(&self.topic, &out("never")),
            json!({ "value.converter": "org.apache.kafka.connect.json.JsonConverter",
                    "value.converter.schemas.enable": "true" }),
        );
        api.create(&self.failing, &config).await;
        api.await_task(&self.failing, "FAILED").await;
        agrees(api, group, &[source, sink, &self.failing]).await;

        for connector in [sink, source] {
            call("PUT", connector, "/stop", None, 204).await;
            api.await_connector(connector, "STOPPED").await;
            await_end(group, &format!("status-task-{connector}-0"), &["-"]).await;
        }
        let altered = call("PATCH", source, "/offsets", Some(&self.alteration()), 200).await;
        assert_eq!(altered["message"], "The offsets for this connector have been altered successfully");
        for connector in [source, sink, &self.failing] {
            call("DELETE", connector, "", None, 204).await;
            await_end(group, &format!("status-connector-{connector}"), &["-"]).await;
        }
        agrees(api, group, &[]).await;
    }

    /// Offsets of partitions whose JSON can be written in more than one way.
    fn alteration(&self) -> Value {
        let file = self.path("in");
        json!({ "offsets": [
            { "partition": { "filename": file }, "offset": { "position": 8 } },
            { "partition": { "filename": "/tmp/ä\u{1f}\"\\/é😀\u{7f}\u{2028}" }, "offset": { "position": 0 } },
            { "partition": { "filename": "a", "table": "t", "db": "d", "server": null, "schema": 1, "x": true },
              "offset": { "position": 9_007_199_254_740_993_i64, "more": 1e7, "small": 1.0e-5, "n": null, "flag": false } },
            { "partition": { "zeta": 1.5, "alpha": 0.5, "filename": "b", "Aa": 1, "BB": 2, "C#": 3 },
              "offset": { "position": 1 } },
            { "partition": { "filename": "gone" }, "offset": { "position": 1 } },
            { "partition": { "filename": "gone" }, "offset": null },
        ] })
    }

    async fn await_topic(&self, api: &Api, connector: &str) {
        wait::until(&format!("the topic of {connector}"), wait::LIMIT, async || {
            let (_, answer) = api.get(&format!("/connectors/{connector}/topics")).await;
            if answer[connector]["topics"] == json!([self.topic]) { Ok(()) } else { Err(answer) }
        })
        .await;
    }
}

/// Returns the states of a key, `-` for tombstones and `topic` for topics.
fn states(values: &[Option<String>]) -> Vec<String> {
    let state = |value: &Option<String>| match value {
        None => "-".to_owned(),
        Some(text) => {
            let value: Value = serde_json::from_str(text).expect("JSON");
            value["state"].as_str().unwrap_or("topic").to_owned()
        }
    };
    values.iter().map(state).collect()
}

/// Waits until the last values of a key are as wanted.
async fn await_end(group: &Group, key: &str, wanted: &[&str]) {
    wait::until(&format!("{wanted:?} as the last values of {key}"), wait::LIMIT, async || {
        let records = records(group.bootstrap(), &format!("{}-status", group.name()));
        let states = records.get(key).map(|values| states(values)).unwrap_or_default();
        if states.ends_with(&wanted.iter().map(|state| (*state).to_owned()).collect::<Vec<_>>()) {
            Ok(())
        } else {
            Err(states)
        }
    })
    .await;
}

/// Checks that our reading of the status topic is what the worker says itself.
async fn agrees(api: &Api, group: &Group, connectors: &[&String]) {
    let mut theirs = BTreeMap::new();
    for connector in connectors {
        let (_, mut status) = api.get(&format!("/connectors/{connector}/status")).await;
        let (_, topics) = api.get(&format!("/connectors/{connector}/topics")).await;
        status["topics"] = topics[connector.as_str()]["topics"].clone();
        let status = status.as_object_mut().expect("a status");
        status.retain(|key, _| key != "name" && key != "type");
        theirs.insert((*connector).clone(), json!(status));
    }
    let store =
        KafkaStatusStore::open(&worker(group), Arc::new(FixedClock::default())).await.expect("opened");
    let shown = |status: &Status| {
        let mut shown = json!({ "state": status.state.name(), "worker_id": &*status.worker_id });
        for (key, value) in [("trace", status.trace.as_deref()), ("version", status.version.as_deref())] {
            if let Some(value) = value {
                shown[key] = json!(value);
            }
        }
        shown
    };
    let ours = store.connectors().into_iter().map(|name| {
        let tasks =
            store.tasks(&name).into_iter().map(|(id, status)| with(shown(&status), json!({ "id": id })));
        let topics: Vec<String> = store.topics(&name).iter().map(|topic| topic.to_string()).collect();
        let ours = json!({
            "connector": store.connector(&name).as_ref().map(shown),
            "tasks": tasks.collect::<Vec<_>>(),
            "topics": topics,
        });
        (name.to_string(), ours)
    });
    assert_eq!(ours.collect::<BTreeMap<_, _>>(), theirs);
}

/// Writes the records of a status topic with our store to the topic of another group.
async fn write_again(theirs: &Records, own: &Group) {
    let clock = Arc::new(FixedClock::default());
    let mut store = KafkaStatusStore::open(&worker(own), Arc::clone(&clock) as _).await.expect("opened");
    for (key, values) in theirs {
        for value in values {
            let value = value.as_deref().map(|text| serde_json::from_str::<Value>(text).expect("JSON"));
            if let Some(connector) = key.strip_prefix("status-connector-") {
                store.put_connector(&connector.into(), value.as_ref().map(status));
            } else if let Some(task) = key.strip_prefix("status-task-") {
                let (connector, number) = task.rsplit_once('-').expect("a number");
                let number = number.parse().expect("a number");
                store.put_task(&connector.into(), number, value.as_ref().map(status));
            } else {
                let (topic, connector) = key.split_once(":connector-").expect("a topic and a connector");
                let topic: Arc<str> = topic.strip_prefix("status-topic-").expect("a topic").into();
                match value {
                    None => store.reset_topics(connector),
                    Some(value) => {
                        let topic_of = &value["topic"];
                        clock.0.store(
                            topic_of["discoverTimestamp"].as_i64().expect("a time"),
                            Ordering::Relaxed,
                        );
                        let task = topic_of["task"].as_u64().and_then(|task| u32::try_from(task).ok());
                        store.add_topic(&connector.into(), task.expect("a task"), &topic);
                    }
                }
            }
        }
    }
    tokio::time::timeout(wait::LIMIT, store.flush()).await.expect("in time").expect("told");
}

fn status(value: &Value) -> Status {
    let text = |key: &str| value[key].as_str().map(str::to_owned);
    let states = [
        RunState::Unassigned,
        RunState::Running,
        RunState::Paused,
        RunState::Stopped,
        RunState::Failed,
        RunState::Restarting,
    ];
    let state = states.into_iter().find(|state| value["state"] == state.name());
    Status {
        state: state.expect("a known state"),
        worker_id: text("worker_id").expect("a worker").into(),
        version: text("version").map(Into::into),
        generation: value["generation"].as_i64().and_then(|it| i32::try_from(it).ok()).expect("a generation"),
        trace: text("trace"),
    }
}

/// Reads the offsets of a connector in our way and writes them to the topic of another group.
async fn write_offsets_again(theirs: &Group, own: &Group, connector: &str) {
    let read: Arc<dyn OffsetStore> =
        Arc::new(KafkaOffsetStore::open_worker(&worker(theirs)).await.expect("opened"));
    let offsets = ConnectorOffsets::new(read, connector).list().await.expect("read");
    let changes: Vec<_> = offsets.into_iter().map(|(partition, offset)| (partition, Some(offset))).collect();
    let written: Arc<dyn OffsetStore> =
        Arc::new(KafkaOffsetStore::open_worker(&worker(own)).await.expect("opened"));
    ConnectorOffsets::new(written, connector).set(&changes).await.expect("written");
}

/// Returns the last value of each key that is no tombstone.
fn last(records: &Records) -> BTreeMap<&str, &str> {
    let last = records.iter().filter_map(|(key, values)| Some((key.as_str(), values.last()?.as_deref()?)));
    last.collect()
}

/// Returns values with their order of members, without what differs from run to run.
fn comparable(values: &[Option<String>], member: &Member) -> Vec<String> {
    let own = member.worker_id();
    let mut shown: Vec<String> = Vec::new();
    for value in values {
        let Some(text) = value else {
            shown.push("-".to_owned());
            continue;
        };
        let mut value: Value = serde_json::from_str(text).expect("JSON");
        if let Some(topic) = value.get_mut("topic") {
            topic["discoverTimestamp"] = json!(0);
        } else {
            assert_eq!(value["worker_id"], own, "{text}");
            if value["state"] == "UNASSIGNED" {
                // The JVM looks the version up while the task is being removed: it may be there or not.
                value["version"] = Value::Null;
            }
            for (key, is_kept) in
                [("worker_id", false), ("generation", false), ("trace", true), ("version", true)]
            {
                if !(is_kept && value[key].is_null()) {
                    value[key] = json!("…");
                }
            }
        }
        shown.push(value.to_string());
    }
    // A tombstone may be written twice by a leader that does not see its own before the next round.
    shown.dedup_by(|next, last| next == last && next == "-");
    shown
}

async fn played(scene: &Scene, member: &Member, group: &Group) -> (Records, Records) {
    scene.play(member, group).await;
    let of = |name: &str| records(group.bootstrap(), &format!("{}-{name}", group.name()));
    (of("status"), of("offsets"))
}

#[tokio::test(flavor = "multi_thread")]
async fn states_and_offsets_of_a_jvm_worker_are_read_written_again_just_so_and_written_by_ours() {
    let kafka = kafka::shared();
    let bootstrap = kafka.bootstrap();
    let scene = Scene::new();
    kafka.client().create_topic(&scene.topic, 1).await;
    let group = Group::new(&bootstrap, &unique("status-jvm"));
    let mut jvm = Member::jvm(&group);
    let (theirs, their_offsets) = played(&scene, &jvm, &group).await;
    jvm.stop();

    let own = Group::new(&bootstrap, &unique("status-copy"));
    write_again(&theirs, &own).await;
    let copy = records(&bootstrap, &format!("{}-status", own.name()));
    assert_eq!(copy, theirs);
    write_offsets_again(&group, &own, &scene.source).await;
    let copy = records(&bootstrap, &format!("{}-offsets", own.name()));
    assert_eq!(last(&copy), last(&their_offsets));

    let group = Group::new(&bootstrap, &unique("status-sluice"));
    let mut sluice = Member::sluice(&group).await;
    let (ours, our_offsets) = played(&scene, &sluice, &group).await;
    for (key, values) in &theirs {
        assert_eq!(comparable(&ours[key], &sluice), comparable(values, &jvm), "{key}");
    }
    assert_eq!(last(&our_offsets), last(&their_offsets));
    sluice.stop();
}
