//! The examples as a user runs them.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use connect_tests::{process::Process, services::repository, sluice::program, wait};

/// Records of one object: `flush.size` of pipeline 1.
const FLUSH_SIZE: u64 = 100;

#[test]
fn sink_file_of_pipeline_1_is_the_users_own_word_for_word() {
    let wanted = [
        ("name", "msk-connect-s3-connector"),
        ("connector.class", "io.confluent.connect.s3.S3SinkConnector"),
        ("tasks.max", "1"),
        ("topics", "raw_logs"),
        ("s3.region", "ap-southeast-2"),
        ("s3.bucket.name", "kafka-logs-bucket"),
        ("s3.part.size", "5242880"),
        ("flush.size", "100"),
        ("key.converter", "org.apache.kafka.connect.storage.StringConverter"),
        ("value.converter", "org.apache.kafka.connect.json.JsonConverter"),
        ("storage.class", "io.confluent.connect.s3.storage.S3Storage"),
        ("format.class", "io.confluent.connect.s3.format.json.JsonFormat"),
    ];
    let path = repository().join("examples/1-raw-logs-to-s3/s3-sink.properties");
    let text = fs::read_to_string(path).expect("the example exists");
    let found: Vec<(&str, &str)> = text.lines().filter_map(|line| line.split_once('=')).collect();
    assert_eq!(found, wanted);
}

/// Two runs of the quickstart: logs become objects, Ctrl-C ends it cleanly, and a second start goes on where the first
/// one stopped.
#[test]
fn quickstart_fills_the_bucket_and_goes_on_at_the_second_start() {
    let folder = tempfile::tempdir().expect("a temporary folder is made");
    let first = run_quickstart(folder.path(), 60);
    let second = run_quickstart(folder.path(), first.len() + 30);
    assert!(second.len() > first.len(), "{} objects, then {}", first.len(), second.len());
    let mut offsets: BTreeMap<String, Vec<u64>> = BTreeMap::new();
    for (object, records) in &second {
        assert_eq!(*records, FLUSH_SIZE, "{object}");
        let stem = object.trim_end_matches(".json");
        let (partition, offset) = stem.rsplit_once('+').expect("topic+partition+offset");
        offsets.entry(partition.to_owned()).or_default().push(offset.parse().expect("an offset"));
    }
    for (partition, mut starts) in offsets {
        starts.sort_unstable();
        let wanted: Vec<u64> = (0..starts.len() as u64).map(|number| number * FLUSH_SIZE).collect();
        assert_eq!(starts, wanted, "{partition}");
    }
}

/// Runs the quickstart until `count` objects exist, stops it as Ctrl-C does, and returns the objects and their lines.
fn run_quickstart(folder: &Path, count: usize) -> BTreeMap<String, u64> {
    let mut command = Command::new(program());
    command.args(["quickstart", "--rate", "5000", "--dir"]).arg(folder.join("data"));
    let mut quickstart = Process::start("quickstart", &mut command, &folder.join("log"));
    wait::until_blocking("objects in the bucket", wait::LIMIT, || {
        let seen = objects(folder).len();
        if seen >= count { Ok(()) } else { Err((seen, quickstart.log_tail())) }
    });
    quickstart.signal("INT");
    let status = quickstart.wait(wait::LIMIT);
    assert!(status.success(), "{status}: {}", quickstart.log());
    objects(folder)
}

fn objects(folder: &Path) -> BTreeMap<String, u64> {
    let mut found = BTreeMap::new();
    let mut folders = vec![folder.join("data")];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
            let path: PathBuf = entry.path();
            if path.is_dir() {
                folders.push(path);
            } else if let Some(name) = object_name(&path) {
                let lines = fs::read(&path).unwrap_or_default().split(|byte| *byte == b'\n').count() as u64;
                found.insert(name, lines.saturating_sub(1));
            }
        }
    }
    found
}

fn object_name(path: &Path) -> Option<String> {
    let name = path.file_name()?.to_str()?;
    (name.starts_with("raw_logs+") && name.ends_with(".json")).then(|| name.to_owned())
}
