use fastrand::Rng;

use super::*;
use crate::stores::config::TargetState;
use crate::stores::config::codec::encode;

fn props(text: &str) -> Props {
    [("v".to_owned(), text.to_owned())].into_iter().collect()
}

/// A log: keys and values at their offsets.
type Log = Vec<(i64, String, Option<Vec<u8>>)>;

fn log_of(entries: &[Entry]) -> Log {
    let encoded = entries.iter().map(encode);
    (0..).zip(encoded).map(|(offset, (key, value))| (offset, key, value)).collect()
}

fn replay(log: &Log) -> (Replay, Vec<ConfigRecord>) {
    let mut replay = Replay::new();
    let mut records = Vec::new();
    for (offset, key, value) in log {
        let value = value.clone().map(Bytes::from);
        let update = replay.apply(Some(key.as_bytes()), value.as_ref(), *offset);
        records.extend(update.and_then(|update| update.record));
    }
    (replay, records)
}

fn connector(name: &str, config: Option<&str>) -> Entry {
    Entry::Connector { name: name.into(), config: config.map(props) }
}

fn task(name: &str, task: u32, config: &str) -> Entry {
    Entry::Task { name: name.into(), task, config: props(config) }
}

fn commit(name: &str, count: u32) -> Entry {
    Entry::Commit { name: name.into(), count }
}

#[test]
fn tasks_appear_when_they_are_committed() {
    let entries = [connector("a", Some("1")), task("a", 1, "y"), task("a", 0, "x"), commit("a", 2)];
    let (_, records) = replay(&log_of(&entries));
    let expected = [
        ConfigRecord::Connector { name: "a".into(), config: Some(props("1")) },
        ConfigRecord::Tasks { name: "a".into(), configs: vec![props("x"), props("y")] },
    ];
    assert_eq!(records, expected);
}

#[test]
fn commit_with_missing_tasks_is_incomplete_and_the_next_complete_one_mends_it() {
    let entries = [
        connector("a", Some("1")),
        task("a", 1, "y"),
        commit("a", 2),
        // What was held back for the incomplete commit is forgotten.
        task("a", 0, "x"),
        commit("a", 2),
        task("a", 0, "x"),
        task("a", 1, "y"),
        task("a", 2, "left over"),
        commit("a", 2),
    ];
    let (_, records) = replay(&log_of(&entries));
    let incomplete = ConfigRecord::IncompleteTasks { name: "a".into(), count: 2 };
    let complete = ConfigRecord::Tasks { name: "a".into(), configs: vec![props("x"), props("y")] };
    assert_eq!(records[1..], [incomplete.clone(), incomplete, complete]);
}

#[test]
fn commit_of_no_tasks_is_complete() {
    let entries = [connector("a", Some("1")), task("a", 0, "x"), commit("a", 0)];
    let (_, records) = replay(&log_of(&entries));
    assert_eq!(records[1..], [ConfigRecord::Tasks { name: "a".into(), configs: vec![] }]);
}

#[test]
fn tasks_of_a_connector_that_was_compacted_away_mean_nothing_and_do_not_reach_its_successor() {
    let entries = [
        task("a", 0, "old"),
        commit("a", 1),
        task("a", 1, "old, never committed"),
        connector("a", None),
        connector("a", Some("2")),
        commit("a", 2),
    ];
    let (replay, records) = replay(&log_of(&entries));
    let expected = [
        ConfigRecord::Connector { name: "a".into(), config: None },
        ConfigRecord::Connector { name: "a".into(), config: Some(props("2")) },
        ConfigRecord::IncompleteTasks { name: "a".into(), count: 2 },
    ];
    assert_eq!(records, expected);
    assert_eq!(replay.offset(), 6);
}

#[test]
fn huge_task_count_is_incomplete_at_once() {
    let entries = [connector("a", Some("1")), commit("a", 0x7fff_ffff)];
    let (_, records) = replay(&log_of(&entries));
    assert_eq!(records[1..], [ConfigRecord::IncompleteTasks { name: "a".into(), count: 0x7fff_ffff }]);
}

#[test]
fn restarts_and_levels_count_only_after_the_start() {
    let mut replay = Replay::new();
    let apply = |replay: &mut Replay, key: &str, value: &'static str| {
        let value = Bytes::from_static(value.as_bytes());
        replay.apply(Some(key.as_bytes()), Some(&value), 7).expect("counted").record.is_some()
    };
    for is_started in [false, true] {
        assert_eq!(apply(&mut replay, "restart-connector-a", "{}"), is_started);
        assert_eq!(apply(&mut replay, "logger-cluster-x", r#"{"level":"info"}"#), is_started);
        assert!(apply(&mut replay, "tasks-fencing-a", r#"{"task-count":1}"#));
        replay.start();
    }
}

#[test]
fn offset_counts_whatever_is_json_and_nothing_else() {
    let mut replay = Replay::new();
    assert_eq!(replay.offset(), -1);
    let mut apply = |key: Option<&str>, value: Option<&'static str>, offset| {
        let value = value.map(|value| Bytes::from_static(value.as_bytes()));
        let update = replay.apply(key.map(str::as_bytes), value.as_ref(), offset);
        assert_eq!(update.map_or(replay.offset(), |update| update.offset), replay.offset());
        replay.offset()
    };
    assert_eq!(apply(Some("connector-a"), Some("{"), 0), -1);
    assert_eq!(apply(Some("foreign"), Some("{}"), 1), 2);
    assert_eq!(apply(Some("connector-a"), Some("[]"), 5), 6);
    assert_eq!(apply(Some("connector-a"), Some(""), 6), 6);
    assert_eq!(apply(None, Some("1"), 7), 8);
    assert_eq!(apply(Some("task-a-0"), None, 9), 10);
}

/// What a herder sees in the end.
#[derive(Debug, Default, PartialEq, Eq)]
struct Seen {
    configs: BTreeMap<Arc<str>, Props>,
    tasks: BTreeMap<Arc<str>, Vec<Props>>,
    targets: BTreeMap<Arc<str>, TargetState>,
}

fn seen(records: Vec<ConfigRecord>) -> Seen {
    let mut seen = Seen::default();
    for record in records {
        match record {
            ConfigRecord::Connector { name, config: Some(config) } => {
                seen.configs.insert(name, config);
            }
            ConfigRecord::Connector { name, config: None } => {
                seen.configs.remove(&name);
                seen.tasks.remove(&name);
            }
            ConfigRecord::Tasks { name, configs } => {
                seen.tasks.insert(name, configs);
            }
            ConfigRecord::IncompleteTasks { name, .. } => {
                seen.tasks.remove(&name);
            }
            ConfigRecord::Target { name, target: Some(target) } => {
                seen.targets.insert(name, target);
            }
            ConfigRecord::Target { name, target: None } => {
                seen.targets.remove(&name);
            }
            _ => {}
        }
    }
    seen
}

/// Returns what a leader may have written: whole operations, in any order.
fn history(chance: &mut Rng, operations: u32) -> Vec<Entry> {
    let mut entries = Vec::new();
    for number in 0..operations {
        let name = ["a", "a-0", "b-"][chance.usize(..3)];
        match chance.u32(..8) {
            0 => entries.extend([connector(name, None), Entry::Target { name: name.into(), target: None }]),
            1 | 2 => entries.push(connector(name, Some(&number.to_string()))),
            3 => entries.push(Entry::Target { name: name.into(), target: Some(TargetState::Stopped) }),
            4 => entries.push(Entry::FencedTasks { name: name.into(), count: number }),
            _ => {
                let count = chance.u32(..4);
                entries.extend((0..count).map(|id| task(name, id, &format!("{number}"))));
                entries.push(commit(name, count));
            }
        }
    }
    entries
}

/// Removes records that have a later one of the same key, except in the tail that is still dirty; old tombstones
/// may go as well.
fn compacted(chance: &mut Rng, log: &Log) -> Log {
    let dirty = chance.usize(..=log.len());
    let is_kept = |index: usize, key: &String, value: &Option<Vec<u8>>, drops_tombstone: bool| {
        let has_later = log[index + 1..].iter().any(|(_, later, _)| later == key);
        index >= dirty || !(has_later || drops_tombstone && value.is_none())
    };
    let kept = log.iter().enumerate().filter(|(index, (_, key, value))| {
        let drops_tombstone = chance.bool();
        is_kept(*index, key, value, drops_tombstone)
    });
    kept.map(|(_, record)| record.clone()).collect()
}

#[test]
fn compaction_hides_tasks_at_most_and_never_shows_wrong_ones() {
    for seed in 0..2000 {
        let mut chance = Rng::with_seed(seed);
        let full = log_of(&history(&mut chance, 30));
        let expected = seen(replay(&full).1);
        let log = compacted(&mut chance, &full);
        let (state, records) = replay(&log);
        let actual = seen(records);
        assert_eq!(actual.configs, expected.configs, "seed {seed}");
        assert_eq!(actual.targets, expected.targets, "seed {seed}");
        for (name, tasks) in &actual.tasks {
            // A connector that was created again starts with the commits of its forerunner hidden or shown.
            if let Some(expected) = expected.tasks.get(name) {
                assert!(tasks == expected, "seed {seed}: {name}: {tasks:?} instead of {expected:?}");
            }
        }
        let end = log.last().map_or(-1, |(offset, ..)| offset + 1);
        assert_eq!(state.offset(), end, "seed {seed}");
    }
}

#[test]
fn any_bytes_are_survived() {
    const PARTS: [&str; 16] = [
        "task-",
        "-",
        "connector-",
        "commit-",
        "0",
        "{",
        "}",
        "\"properties\":",
        "{}",
        "\"tasks\":",
        "null",
        "[",
        "session-key",
        "1e9",
        "\u{fffd}",
        "target-state-",
    ];
    for seed in 0..20_000 {
        let mut chance = Rng::with_seed(seed);
        let mut bytes = || -> Vec<u8> {
            let count = chance.u32(..6);
            (0..count)
                .flat_map(|_| [PARTS[chance.usize(..16)].as_bytes(), &[chance.u8(..)]].concat())
                .collect()
        };
        let (key, value) = (bytes(), Bytes::from(bytes()));
        let mut replay = Replay::new();
        let update = replay.apply(Some(&key), Some(&value), 0);
        assert_eq!(update.is_some(), replay.offset() == 1, "seed {seed}");
    }
}
