//! Stores of several workers on the embedded broker.

use std::time::Duration;

use dev_broker::{ApiKey, Broker, BrokerConfig, ResponseError};
use tempfile::TempDir;

use super::*;
use crate::config::worker::tests::distributed;
use crate::kafka::admin::Admin;
use crate::stores::status::RunState;

struct Lab {
    broker: Broker,
    folder: TempDir,
}

/// A worker's store, and the worker's name in it.
struct Place {
    store: KafkaStatusStore,
    worker: &'static str,
    generation: i32,
}

impl Lab {
    async fn start() -> Self {
        let folder = tempfile::tempdir().expect("folder");
        let broker = Broker::start(BrokerConfig::new(folder.path())).await.expect("broker");
        Self { broker, folder }
    }

    fn worker(&self) -> WorkerConfig {
        distributed(&[
            ("bootstrap.servers", &self.broker.address().to_string()),
            ("status.storage.partitions", "3"),
            ("status.storage.replication.factor", "1"),
            ("status.storage.segment.bytes", "1048576"),
        ])
    }

    async fn open(&self, worker: &'static str) -> Place {
        let clock = Arc::new(connect_core::kit::SystemClock);
        let store = KafkaStatusStore::open(&self.worker(), clock).await.expect("opened");
        let mut place = Place { store, worker, generation: 0 };
        place.enter(1);
        place
    }

    /// Returns the values of a key in the order written, `-` for tombstones.
    async fn values(&self, key: &str) -> Vec<String> {
        let seen: Arc<Mutex<Vec<LogRecord>>> = Arc::default();
        let records = Arc::clone(&seen);
        let handler = Box::new(move |record| {
            records.lock().expect("unpoisoned").push(record);
            None
        });
        let settings = LogSettings::of_worker(&self.worker(), InternalTopic::Statuses).expect("distributed");
        TopicLog::open(settings.read_only(), handler).await.expect("opened").close().await;
        let text = |value: Option<&bytes::Bytes>| {
            value.map_or("-".to_owned(), |value| String::from_utf8_lossy(value).into_owned())
        };
        let seen = seen.lock().expect("unpoisoned");
        let of_key = seen.iter().filter(|record| record.key.as_deref() == Some(key.as_bytes()));
        of_key.map(|record| text(record.value.as_ref())).collect()
    }

    async fn restart(self) -> Self {
        let Self { broker, folder } = self;
        let address = broker.address();
        broker.shutdown().await;
        let config = BrokerConfig { listen: address, ..BrokerConfig::new(folder.path()) };
        let broker = Broker::start(config).await.expect("broker");
        Self { broker, folder }
    }
}

impl Place {
    fn enter(&mut self, generation: i32) {
        self.generation = generation;
        self.store.set_generation(generation);
    }

    fn status(&self, state: RunState) -> Status {
        let version = state.has_instance().then(|| Arc::from("1"));
        Status { state, worker_id: self.worker.into(), version, generation: self.generation, trace: None }
    }

    fn put_task(&mut self, state: RunState) -> Status {
        let status = self.status(state);
        self.store.put_task(&"c".into(), 0, Some(status.clone()));
        status
    }

    fn put_connector(&mut self, state: RunState) -> Status {
        let status = self.status(state);
        self.store.put_connector(&"c".into(), Some(status.clone()));
        status
    }

    async fn flush(&mut self) {
        let flushed = tokio::time::timeout(Duration::from_secs(120), self.store.flush());
        flushed.await.expect("in time").expect("told");
    }
}

/// Waits until a store shows what is wanted.
async fn sees<T: PartialEq + std::fmt::Debug>(
    place: &Place,
    show: impl Fn(&KafkaStatusStore) -> T,
    wanted: T,
) {
    let mut shown = show(&place.store);
    for _ in 0..1000 {
        if shown == wanted {
            return;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
        shown = show(&place.store);
    }
    assert_eq!(shown, wanted, "at {}", place.worker);
}

fn task(store: &KafkaStatusStore) -> Option<Status> {
    store.tasks("c").into_iter().find(|(task, _)| *task == 0).map(|(_, status)| status)
}

fn connector(store: &KafkaStatusStore) -> Option<Status> {
    store.connector("c")
}

fn topics(store: &KafkaStatusStore) -> Vec<Arc<str>> {
    store.topics("c")
}

#[tokio::test(flavor = "multi_thread")]
async fn states_of_one_worker_are_seen_by_all_and_tombstones_remove_them() {
    let lab = Lab::start().await;
    let (mut a, mut b) = (lab.open("a").await, lab.open("b").await);
    let admin = Admin::new(&InternalTopic::Statuses.admin_props(&lab.worker())).expect("admin");
    let found = admin.describe_topic("s").await.expect("described").expect("there");
    let configs = admin.topic_configs("s").await.expect("described").expect("there");
    let of = |key: &str| configs.get(key).map(String::as_str);
    assert_eq!(
        (found.partitions, of("cleanup.policy"), of("segment.bytes")),
        (3, Some("compact"), Some("1048576"))
    );

    let (running, paused) = (a.put_connector(RunState::Running), b.put_task(RunState::Paused));
    for place in [&a, &b] {
        sees(place, connector, Some(running.clone())).await;
        sees(place, task, Some(paused.clone())).await;
        assert_eq!(place.store.connectors(), [Arc::from("c")]);
    }
    let late = lab.open("late").await;
    assert_eq!((connector(&late.store), task(&late.store)), (Some(running), Some(paused)));

    // A connector's tombstone takes its tasks with it, wherever they ran.
    a.store.put_connector(&"c".into(), None);
    for place in [&a, &b, &late] {
        sees(place, |store| store.connectors(), vec![]).await;
    }
    a.flush().await;
    let first = r#"{"state":"RUNNING","trace":null,"worker_id":"a","generation":1,"version":"1"}"#;
    assert_eq!(lab.values("status-connector-c").await, [first, "-"]);
    assert_eq!(lab.values("status-task-c-0").await.len(), 1);
    b.put_task(RunState::Running);
    b.store.put_task(&"c".into(), 0, None);
    b.flush().await;
    assert_eq!(lab.values("status-task-c-0").await.last().map(String::as_str), Some("-"));
    sees(&a, |store| store.connectors(), vec![]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn last_words_of_an_old_owner_do_not_reach_the_topic_over_those_of_a_newer_one() {
    let lab = Lab::start().await;
    let (mut old, mut new) = (lab.open("old").await, lab.open("new").await);
    old.put_task(RunState::Running);
    old.flush().await;
    new.enter(2);
    let running = new.put_task(RunState::Running);
    sees(&old, task, Some(running.clone())).await;

    for state in [RunState::Unassigned, RunState::Failed] {
        old.put_task(state);
    }
    old.flush().await;
    assert_eq!(lab.values("status-task-c-0").await.len(), 2, "neither was written");
    // In the same generation it is written, and readers pass over it.
    old.enter(2);
    old.put_task(RunState::Unassigned);
    let marker = old.put_connector(RunState::Running);
    old.flush().await;
    assert_eq!(lab.values("status-task-c-0").await.len(), 3);
    let late = lab.open("late").await;
    for place in [&old, &new, &late] {
        sees(place, connector, Some(marker.clone())).await;
        sees(place, task, Some(running.clone())).await;
    }
    // The owner's own last word in a newer generation counts.
    new.enter(3);
    let ended = new.put_task(RunState::Unassigned);
    sees(&old, task, Some(ended)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn topics_are_noted_once_and_again_after_any_worker_reset_them() {
    let lab = Lab::start().await;
    let (mut a, mut b) = (lab.open("a").await, lab.open("b").await);
    let (name, topic): (Arc<str>, Arc<str>) = ("c".into(), "t".into());
    for _ in 0..3 {
        a.store.add_topic(&name, 4, &topic);
    }
    for place in [&a, &b] {
        sees(place, topics, vec![Arc::clone(&topic)]).await;
    }
    b.store.add_topic(&name, 5, &topic);
    b.flush().await;
    let resets = a.store.topic_resets();
    assert_eq!((lab.values("status-topic-t:connector-c").await.len(), resets.count()), (1, 0));

    b.store.reset_topics("c");
    for place in [&a, &b] {
        sees(place, topics, vec![]).await;
    }
    assert_eq!(resets.count(), 1, "tasks elsewhere are told");
    a.store.add_topic(&name, 4, &topic);
    sees(&b, topics, vec![Arc::clone(&topic)]).await;
    let values = lab.values("status-topic-t:connector-c").await;
    let start = r#"{"topic":{"name":"t","connector":"c","task":4,"discoverTimestamp":"#;
    assert!(values.len() == 3 && values[1] == "-", "{values:?}");
    assert!(values[0].starts_with(start) && values[2].starts_with(start), "{values:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn writes_that_fail_for_now_are_repeated_until_they_are_stored_or_out_of_date() {
    let lab = Lab::start().await;
    let (mut a, b) = (lab.open("a").await, lab.open("b").await);
    lab.broker.faults().fail(ApiKey::Produce, ResponseError::NotEnoughReplicas, 3);
    let running = a.put_task(RunState::Running);
    a.flush().await;
    assert_eq!(lab.broker.faults().injected(ApiKey::Produce), 3);
    sees(&b, task, Some(running)).await;

    lab.broker.faults().fail(ApiKey::Produce, ResponseError::NotEnoughReplicas, u64::MAX);
    a.put_task(RunState::Paused);
    a.enter(2);
    let newer = a.put_task(RunState::Running);
    a.enter(3);
    lab.broker.faults().clear();
    a.flush().await;
    sees(&b, task, Some(newer)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn store_goes_on_after_the_broker_was_away() {
    let lab = Lab::start().await;
    let mut a = lab.open("a").await;
    let before = a.put_connector(RunState::Running);
    sees(&a, connector, Some(before.clone())).await;
    let lab = lab.restart().await;
    let after = a.put_task(RunState::Running);
    a.flush().await;
    sees(&a, task, Some(after.clone())).await;
    let late = lab.open("late").await;
    assert_eq!((connector(&late.store), task(&late.store)), (Some(before), Some(after)));
}

#[tokio::test(flavor = "multi_thread")]
async fn foreign_records_are_passed_over() {
    let lab = Lab::start().await;
    let mut a = lab.open("a").await;
    let settings = LogSettings::of_worker(&lab.worker(), InternalTopic::Statuses).expect("distributed");
    let foreign = TopicLog::open(settings, Box::new(|_| None)).await.expect("opened");
    for (key, value) in
        [("status-task-c-0", "{}"), ("status-topic-x", "{}"), ("", ""), ("status-connector-c", "no")]
    {
        foreign.write(key.as_bytes(), Some(value.as_bytes())).await.expect("told").expect("written");
    }
    foreign.close().await;
    let running = a.put_connector(RunState::Running);
    sees(&a, connector, Some(running.clone())).await;
    let late = lab.open("late").await;
    assert_eq!((connector(&late.store), task(&late.store)), (Some(running), None));
}
