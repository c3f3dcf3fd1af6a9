//! A cluster of JVM workers is taken over by Sluice with the same worker file, and given back.

use std::{collections::BTreeMap, fs, io::Write, process::Command, time::Duration};

use connect_tests::{
    api::Api,
    group::{Group, Member},
    jvm_connect::JvmConnect,
    kafka,
    sluice::{Setup, program},
    wait,
};
use serde_json::{Value, json};

use crate::{group_support::counts, support::file_sink};

const CONNECTORS: [&str; 4] = ["lines", "copy", "later", "never"];

/// What a cluster says of itself, without what may differ: who runs things, and the versions of plug-ins.
#[derive(Debug, PartialEq)]
struct Said {
    configs: BTreeMap<String, Value>,
    states: BTreeMap<String, Value>,
    offsets: BTreeMap<String, Value>,
}

/// A running source and sink, a paused sink and a stopped source.
struct Scene {
    folder: tempfile::TempDir,
    lines: usize,
}

impl Scene {
    async fn set(api: &Api, topic: &str) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder is made");
        let path = |name: &str| folder.path().join(name).to_string_lossy().into_owned();
        let source = |file: &str| json!({ "connector.class": "FileStreamSource", "tasks.max": "1", "topic": topic, "file": file });
        fs::write(folder.path().join("in"), "").expect("a file is written");
        fs::write(folder.path().join("other"), "").expect("a file is written");
        api.create("lines", &source(&path("in"))).await;
        api.create("copy", &file_sink(topic, &path("out"))).await;
        api.create("later", &file_sink(topic, &path("later"))).await;
        api.create("never", &source(&path("other"))).await;
        let mut scene = Self { lines: 0, folder };
        scene.append(20);
        scene.await_copied().await;
        api.await_task("later", "RUNNING").await;
        api.settled("PUT", "/connectors/later/pause", None, 202).await;
        api.settled("PUT", "/connectors/never/stop", None, 204).await;
        api.await_connector("later", "PAUSED").await;
        api.await_connector("never", "STOPPED").await;
        scene
    }

    fn append(&mut self, count: usize) {
        let path = self.folder.path().join("in");
        let mut file = fs::OpenOptions::new().append(true).open(path).expect("the file opens");
        for number in self.lines..self.lines + count {
            writeln!(file, "line {number}").expect("a line is written");
        }
        self.lines += count;
    }

    /// Waits until the sink has written every line, each once.
    async fn await_copied(&self) {
        let file = self.folder.path().join("out");
        wait::until(&format!("{} lines copied", self.lines), wait::LIMIT, async || {
            let text = fs::read_to_string(&file).unwrap_or_default();
            if text.lines().count() >= self.lines { Ok(()) } else { Err(text.lines().count()) }
        })
        .await;
        let wanted: Vec<String> = (0..self.lines).map(|number| format!("line {number}")).collect();
        let text = fs::read_to_string(&file).expect("the file is there");
        assert_eq!(text.lines().collect::<Vec<_>>(), wanted, "each line once, in order");
    }
}

/// Asks until states are as they should be in the scene and offsets stand still, and returns what was said.
async fn said(api: &Api) -> Said {
    let said = wait::until("a cluster at rest", wait::LIMIT, async || {
        let said = ask(api).await?;
        let state = |name: &str| (said.states[name]["connector"].clone(), said.states[name]["tasks"].clone());
        let is_at_rest = state("lines") == (json!("RUNNING"), json!(["RUNNING"]))
            && state("copy") == (json!("RUNNING"), json!(["RUNNING"]))
            && state("later") == (json!("PAUSED"), json!(["PAUSED"]))
            && state("never") == (json!("STOPPED"), json!([]));
        if is_at_rest { Ok(said) } else { Err(format!("{:?}", said.states)) }
    });
    said.await
}

async fn ask(api: &Api) -> Result<Said, String> {
    let answer = api.get("/connectors?expand=info&expand=status").await;
    let connectors = answer.1.as_object().filter(|_| answer.0 == 200).ok_or(format!("{answer:?}"))?;
    let mut said = Said { configs: BTreeMap::new(), states: BTreeMap::new(), offsets: BTreeMap::new() };
    for (name, connector) in connectors {
        let status = &connector["status"];
        let tasks = status["tasks"].as_array().into_iter().flatten().map(|task| task["state"].clone());
        let states = json!({
            "connector": status["connector"]["state"],
            "tasks": tasks.collect::<Vec<_>>(),
            "type": status["type"],
        });
        said.states.insert(name.clone(), states);
        said.configs.insert(name.clone(), connector["info"].clone());
        let offsets = api.get(&format!("/connectors/{name}/offsets")).await;
        if offsets.0 != 200 {
            return Err(format!("{offsets:?}"));
        }
        said.offsets.insert(name.clone(), offsets.1);
    }
    if CONNECTORS.iter().all(|name| said.states.contains_key(*name)) {
        Ok(said)
    } else {
        Err(format!("{:?}", said.states))
    }
}

/// Waits until source and sink have committed all lines, and returns what the cluster then says.
async fn settled(api: &Api, lines: usize) -> Said {
    wait::until("offsets at the end", wait::LIMIT, async || {
        let said = said(api).await;
        let copied = &said.offsets["copy"]["offsets"][0]["offset"]["kafka_offset"];
        let position = &said.offsets["lines"]["offsets"][0]["offset"]["position"];
        let size: usize = (0..lines).map(|number| format!("line {number}\n").len()).sum();
        if *copied == json!(lines) && *position == json!(size) { Ok(said) } else { Err(said.offsets) }
    })
    .await
}

#[tokio::test]
async fn a_jvm_cluster_is_taken_over_with_its_states_and_offsets_and_given_back() {
    let broker = kafka::shared();
    let group = Group::new(&broker.bootstrap(), &kafka::unique("takeover"));
    let topic = kafka::unique("takeover-lines");
    broker.client().create_topic(&topic, 1).await;

    let mut jvm = JvmConnect::member(&group);
    let mut scene = Scene::set(jvm.api(), &topic).await;
    let before = settled(jvm.api(), scene.lines).await;
    let active = check(&group, &[]);
    assert_eq!(
        (active["group"]["protocol"].as_str(), active["is_fine"].as_bool()),
        (Some("sessioned"), Some(true))
    );
    jvm.stop();
    scene.append(10);

    let mut sluice = Setup::member(&group).start().await;
    scene.await_copied().await;
    let mut wanted = before;
    let taken = settled(sluice.api(), scene.lines).await;
    for name in ["lines", "copy"] {
        wanted.offsets.insert(name.to_owned(), taken.offsets[name].clone());
    }
    assert_eq!(taken, wanted, "names, configurations, states and the offsets of what does not run");
    scene.append(10);
    scene.await_copied().await;
    let taken = settled(sluice.api(), scene.lines).await;
    assert!(sluice.terminate().success(), "{}", sluice.log());
    scene.append(10);

    let jvm = JvmConnect::member(&group);
    scene.await_copied().await;
    let back = settled(jvm.api(), scene.lines).await;
    let mut wanted = taken;
    for name in ["lines", "copy"] {
        wanted.offsets.insert(name.to_owned(), back.offsets[name].clone());
    }
    assert_eq!(back, wanted);
    jvm.api().settled("PUT", "/connectors/later/resume", None, 202).await;
    let later = scene.folder.path().join("later");
    wait::until("the lines that the paused sink missed", wait::LIMIT, async || {
        let seen = counts(&later);
        if seen.len() == scene.lines { Ok(()) } else { Err(seen.len()) }
    })
    .await;
    assert!(counts(&later).values().all(|count| *count == 1), "{:?}", counts(&later));
}

#[tokio::test]
async fn a_check_before_a_takeover_names_what_would_not_run_and_writes_nothing() {
    let broker = kafka::shared();
    let group = Group::new(&broker.bootstrap(), &kafka::unique("check"));
    let unread = run_check(&group, &[]);
    assert_eq!(unread.0, Some(2), "there are no topics yet: {}", unread.1);

    let mut worker = Member::sluice(&group).await;
    worker.api().create("fine", &file_sink("t", "/dev/null")).await;
    let mut misspelt = file_sink("t", "/dev/null");
    misspelt["batch.sise"] = json!("1");
    worker.api().create("misspelt", &misspelt).await;
    worker.api().await_task("fine", "RUNNING").await;
    let report = check(&group, &[]);
    let connectors = report["connectors"].as_array().expect("a list");
    let verdicts: Vec<(&str, &str)> = connectors
        .iter()
        .map(|connector| {
            (
                connector["name"].as_str().unwrap_or_default(),
                connector["verdict"].as_str().unwrap_or_default(),
            )
        })
        .collect();
    assert_eq!(verdicts, [("fine", "runs"), ("misspelt", "runs")]);
    assert_eq!(connectors[1]["unknown_keys"].as_array().map(Vec::len), Some(1), "{report}");
    assert_eq!(report["group"]["members"][0]["is_sluice"], json!(true), "{report}");
    worker.stop();

    // A class that is not built in comes from a cluster whose workers had it.
    let topic = format!("{}-configs", group.name());
    let foreign =
        json!({ "properties": { "connector.class": "com.example.Sink", "name": "foreign", "topics": "t" } });
    produce_keyed(&group, &topic, "connector-foreign", &foreign.to_string());
    let end = broker.client().end_offsets(&topic, 1);
    let (code, text) = run_check(&group, &[]);
    assert_eq!(code, Some(1), "{text}");
    assert!(text.contains("class `com.example.Sink` is not built in"), "{text}");
    assert!(text.contains("no member is active now"), "{text}");
    assert_eq!(broker.client().end_offsets(&topic, 1), end, "nothing was written");
}

/// Returns the report of `takeover --check` as JSON.
fn check(group: &Group, more: &[&str]) -> Value {
    let (code, text) = run_check(group, &[&["--json"], more].concat());
    serde_json::from_str(&text).unwrap_or_else(|_| panic!("exit code {code:?}: {text}"))
}

fn run_check(group: &Group, arguments: &[&str]) -> (Option<i32>, String) {
    let folder = tempfile::tempdir().expect("a temporary folder is made");
    let file = folder.path().join("worker.properties");
    fs::write(&file, group.file(8083)).expect("a file is written");
    let mut command = Command::new(program());
    command.args(["takeover", "--check"]).arg(&file).args(arguments);
    let output = command.output().expect("the program starts");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    if output.stdout.is_empty() {
        return (output.status.code(), text(&output.stderr));
    }
    (output.status.code(), text(&output.stdout))
}

fn produce_keyed(group: &Group, topic: &str, key: &str, value: &str) {
    use rdkafka::producer::{BaseProducer, BaseRecord, Producer};
    let mut config = rdkafka::ClientConfig::new();
    let producer: BaseProducer =
        config.set("bootstrap.servers", group.bootstrap()).create().expect("a producer is made");
    let record = BaseRecord::to(topic).key(key).payload(value);
    producer.send(record).map_err(|(error, _)| error).expect("the record is queued");
    producer.flush(Duration::from_secs(30)).expect("the broker takes the record");
}
