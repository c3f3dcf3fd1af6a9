use proptest::prelude::*;

use super::*;

fn status(state: RunState, worker: &str, generation: i32) -> Status {
    Status { state, worker_id: worker.into(), version: None, generation, trace: None }
}

fn name(text: &str) -> Arc<str> {
    text.into()
}

/// Reads back what was written.
fn read_back(cache: &mut StatusCache, write: &Write) {
    cache.read(&write.key.to_bytes(), write.value.as_deref());
}

fn read_task(cache: &mut StatusCache, state: RunState, worker: &str, generation: i32) {
    let value = encode_status(&status(state, worker, generation));
    cache.read(b"status-task-c-0", Some(&value));
}

#[test]
fn states_are_seen_once_they_were_read_back() {
    let mut cache = StatusCache::default();
    let running = status(RunState::Running, "a", 1);
    let write = cache.put_task(&name("c"), 0, Some(running.clone())).expect("wanted");
    assert_eq!((cache.tasks("c"), cache.connectors()), (vec![], vec![]));
    read_back(&mut cache, &write);
    assert_eq!((cache.tasks("c"), cache.connectors()), (vec![(0, running)], vec![name("c")]));
    assert_eq!(cache.connector("c"), None);
}

#[test]
fn last_words_of_an_old_owner_do_not_overwrite_a_newer_one() {
    let mut cache = StatusCache::default();
    read_task(&mut cache, RunState::Running, "b", 2);
    for state in RunState::ALL {
        let write = cache.put_task(&name("c"), 0, Some(status(state, "a", 1)));
        let is_last_word = [RunState::Unassigned, RunState::Failed].contains(&state);
        assert_eq!(write.is_none(), is_last_word, "{state:?}");
    }
    for (worker, generation) in [("a", 2), ("a", 3), ("b", 1)] {
        let write = cache.put_task(&name("c"), 0, Some(status(RunState::Failed, worker, generation)));
        assert!(write.is_some(), "{worker} {generation}");
    }
    let connector = encode_status(&status(RunState::Running, "b", 2));
    cache.read(b"status-connector-c", Some(&connector));
    assert_eq!(cache.put_connector(&name("c"), Some(status(RunState::Unassigned, "a", 1))), None);
    assert!(cache.put_connector(&name("c"), None).is_some());
}

#[test]
fn last_word_of_a_connectors_old_owner_that_is_stored_late_changes_nothing() {
    for (worker, generation, expected) in [
        ("a", 1, RunState::Running),
        ("a", 2, RunState::Unassigned),
        ("a", 3, RunState::Unassigned),
        // Whoever owns it may say that it stops, in whatever generation.
        ("b", 1, RunState::Unassigned),
    ] {
        let mut cache = StatusCache::default();
        for (state, worker, generation) in
            [(RunState::Running, "b", 2), (RunState::Unassigned, worker, generation)]
        {
            let value = encode_status(&status(state, worker, generation));
            cache.read(b"status-connector-c", Some(&value));
        }
        let seen = cache.connector("c").map(|status| status.state);
        assert_eq!(seen, Some(expected), "{worker} {generation}");
    }
}

#[test]
fn unassigned_tasks_that_run_in_a_generation_not_older_stay_running() {
    for (generation, expected) in [(1, RunState::Running), (2, RunState::Running), (3, RunState::Unassigned)]
    {
        let mut cache = StatusCache::default();
        read_task(&mut cache, RunState::Running, "a", 2);
        read_task(&mut cache, RunState::Unassigned, "a", generation);
        assert_eq!(cache.tasks("c")[0].1.state, expected, "{generation}");
    }
    let mut cache = StatusCache::default();
    read_task(&mut cache, RunState::Failed, "a", 2);
    read_task(&mut cache, RunState::Unassigned, "b", 1);
    assert_eq!(cache.tasks("c")[0].1.state, RunState::Unassigned, "only what runs is kept");
}

#[test]
fn tombstone_of_a_connector_drops_its_tasks() {
    let mut cache = StatusCache::default();
    read_task(&mut cache, RunState::Running, "a", 2);
    cache.read(b"status-task-d-0", Some(&encode_status(&status(RunState::Running, "a", 2))));
    cache.read(b"status-connector-c", None);
    assert_eq!((cache.tasks("c"), cache.connectors()), (vec![], vec![name("d")]));
    cache.read(b"status-task-d-0", None);
    assert_eq!(cache.connectors(), Vec::<Arc<str>>::new());
}

#[test]
fn records_that_are_not_understood_change_nothing() {
    let mut cache = StatusCache::default();
    read_task(&mut cache, RunState::Running, "a", 2);
    for (key, value) in [
        ("status-task-c-0", Some("{}")),
        ("status-task-c-0", Some("garbage")),
        ("status-task-c", None),
        ("foreign", Some("{}")),
        ("status-topic-t:connector-c", Some("{}")),
    ] {
        cache.read(key.as_bytes(), value.map(str::as_bytes));
    }
    assert_eq!(cache.tasks("c"), vec![(0, status(RunState::Running, "a", 2))]);
    assert_eq!(cache.topics("c"), Vec::<Arc<str>>::new());
}

#[test]
fn failed_writes_are_tried_again_only_while_they_are_wanted() {
    let put = |cache: &mut StatusCache, state| {
        cache.put_task(&name("c"), 0, Some(status(state, "a", 1))).expect("wanted")
    };
    let mut cache = StatusCache::default();
    cache.set_generation(1);
    let write = put(&mut cache, RunState::Running);
    assert!(cache.is_current(&write));
    cache.set_generation(2);
    assert!(cache.is_current(&write), "the task runs on in the next generation");
    read_task(&mut cache, RunState::Running, "b", 2);
    assert!(!cache.is_current(&write), "a newer owner");
    read_task(&mut cache, RunState::Running, "a", 2);

    let removal = cache.put_task(&name("d"), 0, None).expect("wanted");
    assert!(cache.is_current(&removal));
    cache.set_generation(3);
    assert!(!cache.is_current(&removal), "another generation may have it again");

    let older = put(&mut cache, RunState::Running);
    let newer = put(&mut cache, RunState::Paused);
    assert!(!cache.is_current(&older) && cache.is_current(&newer), "a newer write");

    cache.read(b"status-task-c-0", None);
    assert!(!cache.is_current(&newer), "deleted");
    read_task(&mut cache, RunState::Running, "a", 1);
    assert!(!cache.is_current(&newer), "deleted and there again");

    let failed = put(&mut cache, RunState::Failed);
    assert!(cache.is_current(&failed));
    read_task(&mut cache, RunState::Running, "b", 2);
    assert!(!cache.is_current(&failed), "a newer owner");
}

#[test]
fn topics_are_written_until_they_are_in_the_cache() {
    let (connector, topic) = (name("c"), name("t"));
    let mut cache = StatusCache::default();
    let write = cache.add_topic(&connector, 0, &topic, 7).expect("wanted");
    assert_eq!(cache.add_topic(&connector, 1, &topic, 8), None, "on its way");
    assert_eq!(cache.topics("c"), Vec::<Arc<str>>::new());
    read_back(&mut cache, &write);
    assert_eq!(cache.topics("c"), vec![name("t")]);
    assert_eq!(cache.add_topic(&connector, 0, &topic, 9), None, "known");
    cache.read(&write.key.to_bytes(), None);
    assert!(cache.add_topic(&connector, 0, &topic, 10).is_some(), "reset by another worker");
}

#[test]
fn reset_forgets_all_topics_also_those_on_their_way() {
    let connector = name("c");
    let mut cache = StatusCache::default();
    let read = cache.add_topic(&connector, 0, &name("read"), 1).expect("wanted");
    read_back(&mut cache, &read);
    let sent = cache.add_topic(&connector, 0, &name("sent"), 1).expect("wanted");
    assert!(cache.is_current(&sent));

    let resets = cache.topic_resets();
    assert_eq!(resets.count(), 0);
    let writes = cache.reset_topics("c");
    assert_eq!(resets.count(), 1);
    let keys: Vec<String> = writes.iter().map(|write| write.key.to_string()).collect();
    assert_eq!(keys, ["status-topic-read:connector-c", "status-topic-sent:connector-c"]);
    assert!(writes.iter().all(|write| write.value.is_none() && cache.is_current(write)));
    assert!(!cache.is_current(&sent), "a late retry must not bring it back");
    assert_eq!((cache.topics("c"), cache.reset_topics("c")), (vec![], vec![]));

    let again = cache.add_topic(&connector, 0, &name("sent"), 2).expect("used after the reset");
    assert!(cache.is_current(&again) && !cache.is_current(&writes[1]));
    assert_eq!(resets.count(), 1, "nothing was forgotten twice");
    // Other workers learn of it from the topic.
    cache.read(&again.key.to_bytes(), None);
    cache.read(&again.key.to_bytes(), None);
    assert_eq!(resets.count(), 2);
}

/// What workers do to the status of one task, in any order.
#[derive(Debug, Clone)]
enum Step {
    Put {
        worker: usize,
        state: Option<RunState>,
    },
    PutConnector {
        worker: usize,
        state: Option<RunState>,
    },
    /// The worker reads some of what it has not read yet.
    Read {
        worker: usize,
        records: usize,
    },
    /// The worker enters a new generation.
    Rebalance {
        worker: usize,
    },
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let state = || prop_oneof![9 => (0..RunState::ALL.len()).prop_map(|index| Some(RunState::ALL[index])), 1 => Just(None)];
    let step = prop_oneof![
        4 => (0..2usize, state()).prop_map(|(worker, state)| Step::Put { worker, state }),
        2 => (0..2usize, state()).prop_map(|(worker, state)| Step::PutConnector { worker, state }),
        4 => (0..2usize, 1..4usize).prop_map(|(worker, records)| Step::Read { worker, records }),
        1 => (0..2usize).prop_map(|worker| Step::Rebalance { worker }),
    ];
    proptest::collection::vec(step, 0..60)
}

/// The states that a log of (is of the connector, status) stands for, told in the simplest way.
fn fold(log: &[(bool, Option<Status>)]) -> (Option<Status>, Option<Status>) {
    let (mut connector, mut task) = (None::<Status>, None::<Status>);
    for (is_connector, status) in log {
        if *is_connector {
            let is_late = connector.as_ref().zip(status.as_ref()).is_some_and(|(known, status)| {
                status.state == RunState::Unassigned
                    && status.worker_id != known.worker_id
                    && status.generation < known.generation
            });
            if !is_late {
                connector.clone_from(status);
            }
            if status.is_none() {
                task = None;
            }
            continue;
        }
        let runs_since = task.as_ref().filter(|task| task.state == RunState::Running).map(|it| it.generation);
        match status {
            Some(status) if status.state == RunState::Unassigned && runs_since >= Some(status.generation) => {
            }
            other => task.clone_from(other),
        }
    }
    (connector, task)
}

proptest! {
    #[test]
    fn workers_agree_and_safe_writes_respect_newer_owners(steps in steps()) {
        let workers = ["a", "b"];
        let mut caches = [StatusCache::default(), StatusCache::default()];
        let (mut generations, mut newest, mut read) = ([1, 1], 1, [0, 0]);
        let mut log: Vec<(bool, Option<Status>)> = Vec::new();
        let mut bytes: Vec<(Bytes, Option<Bytes>)> = Vec::new();
        for step in steps {
            let (worker, is_connector, state) = match step {
                Step::Rebalance { worker } => {
                    newest += 1;
                    generations[worker] = newest;
                    caches[worker].set_generation(newest);
                    continue;
                }
                Step::Read { worker, records } => {
                    let until = (read[worker] + records).min(bytes.len());
                    for (key, value) in &bytes[read[worker]..until] {
                        caches[worker].read(key, value.as_deref());
                    }
                    read[worker] = until;
                    continue;
                }
                Step::Put { worker, state } => (worker, false, state),
                Step::PutConnector { worker, state } => (worker, true, state),
            };
            let new = state.map(|state| status(state, workers[worker], generations[worker]));
            let (connector, task) = fold(&log[..read[worker]]);
            let known = if is_connector { connector } else { task };
            let is_owned = known.is_some_and(|known| {
                *known.worker_id != *workers[worker] && known.generation > generations[worker]
            });
            let is_safe = matches!(state, Some(RunState::Unassigned | RunState::Failed));
            let cache = &mut caches[worker];
            let write = match is_connector {
                true => cache.put_connector(&name("c"), new.clone()),
                false => cache.put_task(&name("c"), 0, new.clone()),
            };
            prop_assert_eq!(write.is_none(), is_safe && is_owned);
            if let Some(write) = write {
                bytes.push((write.key.to_bytes(), write.value));
                log.push((is_connector, new));
            }
        }
        let (connector, task) = fold(&log);
        for (cache, read) in caches.iter_mut().zip(read) {
            for (key, value) in &bytes[read..] {
                cache.read(key, value.as_deref());
            }
            prop_assert_eq!(cache.connector("c"), connector.clone());
            let tasks: Vec<_> = task.clone().into_iter().map(|status| (0, status)).collect();
            prop_assert_eq!(cache.tasks("c"), tasks);
        }
    }

    #[test]
    fn any_status_survives_its_bytes(
        state in 0..RunState::ALL.len(),
        worker in any::<String>(),
        version in any::<Option<String>>(),
        trace in any::<Option<String>>(),
        generation in any::<i32>(),
    ) {
        let state = RunState::ALL[state];
        let worker_id: Arc<str> = worker.into();
        let status = Status { state, worker_id, version: version.map(Into::into), generation, trace };
        let read = decode_status(&encode_status(&status)).expect("read");
        prop_assert_eq!(read, status);
    }

    #[test]
    fn any_key_survives_its_bytes(name in "[^\u{0}]{1,12}", topic in "[a-zA-Z0-9._-]{1,9}", task in 0..i32::MAX as u32) {
        let (connector, topic): (Arc<str>, Arc<str>) = (name.into(), topic.into());
        let keys = [
            StatusKey::Connector(Arc::clone(&connector)),
            StatusKey::Task(Arc::clone(&connector), task),
            StatusKey::Topic { topic, connector },
        ];
        for key in keys {
            prop_assert_eq!(StatusKey::parse(&key.to_bytes()), Some(key));
        }
    }

    #[test]
    fn no_record_makes_the_reader_panic(key in any::<Vec<u8>>(), value in any::<Option<Vec<u8>>>(), kind in 0..4usize) {
        let prefix = ["status-connector-", "status-task-", "status-topic-", ""][kind];
        let key = [prefix.as_bytes(), &key].concat();
        StatusCache::default().read(&key, value.as_deref());
    }
}
