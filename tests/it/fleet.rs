//! Three workers with many connectors, and the fleet that shows them to a newcomer.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
    process::Command,
    time::{Duration, Instant},
};

use connect_tests::{
    api::Api,
    group::{Group, Member, Picture, await_picture},
    kafka,
    process::Process,
    sluice::program,
    wait,
};
use rdkafka::{
    ClientConfig, Message, Offset, TopicPartitionList,
    consumer::{BaseConsumer, Consumer},
};
use serde_json::json;

use crate::support::file_sink;

/// Pairs of a source and a sink.
const PAIRS: usize = 20;
const STATUS_PARTITIONS: i32 = 5;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn forty_connectors_on_three_workers_are_balanced_and_a_changed_one_disturbs_no_other() {
    let broker = kafka::shared();
    let group = Group::new(&broker.bootstrap(), &kafka::unique("forty"));
    let topic = format!("{}-lines", group.name());
    broker.client().create_topic(&topic, 1).await;
    let folder = tempfile::tempdir().expect("a temporary folder is made");
    let file = |name: &str| folder.path().join(name);
    let members = tokio::join!(Member::sluice(&group), Member::sluice(&group), Member::sluice(&group));
    let members: [Member; 3] = members.into();
    let ids: Vec<String> = members.iter().map(Member::worker_id).collect();

    let share = |number: usize| create(&members[number], &topic, folder.path(), number);
    tokio::join!(share(0), share(1), share(2));
    let is_settled =
        |picture: &Picture| picture.runs_on(&ids, 2 * PAIRS, 2 * PAIRS) && picture.is_balanced(ids.len());
    let mut before = Picture::default();
    for member in &members {
        before = await_picture("forty connectors in balance", wait::LIMIT, member.api(), is_settled).await;
    }
    append(&file("in-0"), "before");
    for number in 0..PAIRS {
        await_line(&file(&format!("out-{number}")), "before").await;
    }

    let status = format!("{}-status", group.name());
    let ends = broker.client().end_offsets(&status, STATUS_PARTITIONS);
    let changed = file_sink(&topic, &file("moved").to_string_lossy());
    members[0].api().settled("PUT", "/connectors/sink-7/config", Some(&changed), 200).await;
    append(&file("in-0"), "after");
    for number in (0..PAIRS).filter(|number| *number != 7) {
        await_line(&file(&format!("out-{number}")), "after").await;
    }
    await_line(&file("moved"), "after").await;
    let is_settled = |picture: &Picture| picture.runs_on(&ids, 2 * PAIRS, 2 * PAIRS);
    let after =
        await_picture("all running after the change", wait::LIMIT, members[1].api(), is_settled).await;
    assert_eq!(after, before, "nothing moved");
    // Whatever stopped or started has said so.
    let told = keys_since(&broker.bootstrap(), &status, &ends);
    assert!(told.contains("status-task-sink-7-0"), "the changed task started anew: {told:?}");
    let others: Vec<&String> = told
        .iter()
        .filter(|key| {
            (key.starts_with("status-task-") || key.starts_with("status-connector-"))
                && !key.contains("sink-7")
        })
        .collect();
    assert!(others.is_empty(), "others were disturbed: {others:?}");
}

/// Creates a third of the connectors over one worker.
async fn create(member: &Member, topic: &str, folder: &Path, share: usize) {
    for number in (0..PAIRS).filter(|number| number % 3 == share) {
        let input = folder.join(format!("in-{number}"));
        fs::write(&input, "").expect("a file is written");
        let source =
            json!({ "connector.class": "FileStreamSource", "tasks.max": "1", "topic": topic, "file": input });
        member.api().create(&format!("source-{number}"), &source).await;
        let output = folder.join(format!("out-{number}"));
        member.api().create(&format!("sink-{number}"), &file_sink(topic, &output.to_string_lossy())).await;
    }
}

fn append(path: &PathBuf, line: &str) {
    let text = fs::read_to_string(path).unwrap_or_default();
    fs::write(path, format!("{text}{line}\n")).expect("a line is written");
}

async fn await_line(path: &Path, line: &str) {
    wait::until(&format!("`{line}` in {}", path.display()), wait::LIMIT, async || {
        let text = fs::read_to_string(path).unwrap_or_default();
        if text.lines().any(|found| found == line) { Ok(()) } else { Err(text) }
    })
    .await;
}

/// Returns the keys of the records from the given offsets to the present end.
fn keys_since(bootstrap: &str, topic: &str, starts: &[i64]) -> BTreeSet<String> {
    let mut config = ClientConfig::new();
    config.set("bootstrap.servers", bootstrap).set("group.id", "keys").set("enable.auto.commit", "false");
    let consumer: BaseConsumer = config.create().expect("a consumer is made");
    let mut keys = BTreeSet::new();
    for (partition, start) in (0..).zip(starts) {
        let end = consumer.fetch_watermarks(topic, partition, wait::LIMIT).expect("the broker answers").1;
        let mut list = TopicPartitionList::new();
        list.add_partition_offset(topic, partition, Offset::Offset(*start)).expect("a valid offset");
        consumer.assign(&list).expect("a partition is assigned");
        let mut next = *start;
        while next < end {
            let record = consumer.poll(wait::LIMIT).expect("a record comes").expect("a record is read");
            next = record.offset() + 1;
            keys.insert(String::from_utf8_lossy(record.key().unwrap_or_default()).into_owned());
        }
    }
    keys
}

#[tokio::test]
async fn fleet_runs_its_connectors_on_three_workers_and_stops_them_when_its_time_is_over() {
    // The picture is told every ten seconds where it cannot be redrawn.
    const SECONDS: u64 = 14;
    let folder = tempfile::tempdir().expect("a temporary folder is made");
    let mut command = Command::new(program());
    command
        .args(["fleet", "--for", &SECONDS.to_string(), "--rate", "200", "--dir"])
        .arg(folder.path().join("data"));
    let start = Instant::now();
    let mut fleet = Process::start("fleet", &mut command, &folder.path().join("log"));
    let url = wait::until("the address of a worker", wait::LIMIT, async || {
        address(&fleet.log()).ok_or_else(|| fleet.log_tail())
    })
    .await;
    let picture = await_picture("the fleet's connectors", wait::LIMIT, &Api::new(url), |picture| {
        let is_running = |(_, state): &(String, String)| state == "RUNNING";
        (picture.connectors.len(), picture.tasks.len()) == (6, 10)
            && picture.connectors.values().chain(picture.tasks.values()).all(is_running)
            && picture.is_balanced(3)
    })
    .await;
    println!("the fleet runs after {:?}", start.elapsed());
    assert!(picture.owner("logs-a-sink-1-1").is_some(), "{picture:?}");
    let pids: Vec<PathBuf> = (1..=3).map(|number| worker_process(folder.path(), number)).collect();
    assert!(pids.iter().all(|process| process.exists()), "three workers run: {pids:?}");
    let status = fleet.wait(Duration::from_secs(SECONDS + 15));
    assert!(status.success(), "{status}: {}", fleet.log());
    assert!(start.elapsed() >= Duration::from_secs(SECONDS), "it ran as long as it was told");
    let log = fleet.log();
    assert!(log.contains("3 of 3 workers"), "the picture tells who runs what: {log}");
    assert!(log.contains("stopped. Start again to go on"), "{log}");
    assert!(pids.iter().all(|process| !process.exists()), "no worker is left: {pids:?}");
}

/// Returns the URL of the worker that the welcome names.
fn address(log: &str) -> Option<String> {
    let rest = log.split_once("any worker http://")?.1;
    Some(format!("http://{}", rest.split_once('/')?.0))
}

fn worker_process(folder: &Path, number: usize) -> PathBuf {
    let file = folder.join(format!("data/worker-{number}.pid"));
    let id = fs::read_to_string(&file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
    PathBuf::from("/proc").join(id.trim())
}
