//! Offset topics of connectors on the embedded broker.

use std::time::Duration;

use bytes::Bytes;
use dev_broker::{ApiKey, Broker, BrokerConfig, Fault, FaultRule, ResponseError};
use tempfile::TempDir;

use super::*;
use crate::config::worker::tests::{distributed, props};
use crate::kafka::admin::Admin;
use crate::kafka::producer::native_transactional_producers;

struct Lab {
    broker: Broker,
    worker: Arc<WorkerConfig>,
    /// The worker's store.
    own: Arc<dyn OffsetStore>,
    stores: KafkaOffsetStores,
    _folder: TempDir,
}

impl Lab {
    async fn start(support: &str) -> Self {
        let folder = tempfile::tempdir().expect("folder");
        let config = BrokerConfig { auto_create_topics: false, ..BrokerConfig::new(folder.path()) };
        let broker = Broker::start(config).await.expect("broker");
        let worker = Arc::new(distributed(&[
            ("bootstrap.servers", &broker.address().to_string()),
            ("offset.storage.partitions", "3"),
            ("offset.storage.replication.factor", "1"),
            ("offset.storage.segment.bytes", "1048576"),
            ("exactly.once.source.support", support),
            ("offset.flush.timeout.ms", "20000"),
        ]));
        let own: Arc<dyn OffsetStore> =
            Arc::new(KafkaOffsetStore::open_worker(&worker).await.expect("opened"));
        let producers = native_transactional_producers();
        let stores = KafkaOffsetStores::new(Arc::clone(&worker), Arc::clone(&own), producers);
        Self { broker, worker, own, stores, _folder: folder }
    }

    fn admin(&self) -> Admin {
        Admin::new(&InternalTopic::Offsets.admin_props(&self.worker)).expect("admin")
    }

    /// Returns a store of nothing but a topic, that sees transactions before they are decided if it is told to.
    async fn plain(&self, topic: &str, isolation: &str) -> KafkaOffsetStore {
        let mut settings = LogSettings::of_worker(&self.worker, InternalTopic::Offsets).expect("distributed");
        settings.topic = topic.into();
        settings.consumer.insert("isolation.level".to_owned(), isolation.to_owned());
        KafkaOffsetStore::open(settings).await.expect("opened")
    }
}

fn task() -> TaskId {
    TaskId { connector: "c".into(), task: 2 }
}

fn own_topic_props(topic: &str) -> Props {
    props(&[("name", "c"), ("offsets.storage.topic", topic)])
}

fn entry(key: &'static str, value: &'static str) -> (Bytes, Bytes) {
    (Bytes::from_static(key.as_bytes()), Bytes::from_static(value.as_bytes()))
}

async fn set(store: &dyn OffsetStore, entries: &[(Bytes, Option<Bytes>)]) -> Result<(), ConnectError> {
    tokio::time::timeout(Duration::from_secs(120), store.set(entries.to_vec())).await.expect("in time")
}

async fn put(store: &dyn OffsetStore, (key, value): (Bytes, Bytes)) {
    set(store, &[(key, Some(value))]).await.expect("stored");
}

/// Waits until a store holds what is wanted: the worker's is written beside a connector's.
async fn holds(store: &dyn OffsetStore, wanted: &[(Bytes, Bytes)]) {
    let mut entries = Vec::new();
    for _ in 0..500 {
        entries = store.entries().await.expect("read");
        if entries == wanted {
            return;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert_eq!(entries, wanted);
}

#[tokio::test(flavor = "multi_thread")]
async fn worker_store_is_used_alone_for_its_own_topic_on_its_own_servers() {
    let lab = Lab::start("enabled").await;
    let id = task();
    for config in [props(&[]), own_topic_props(""), own_topic_props("o"), own_topic_props(" o ")] {
        let store = lab.stores.open(&id, &config).await.expect("opened");
        assert!(Arc::ptr_eq(&store, &lab.own), "{config:?}");
        let stores = lab.stores.open_exactly_once(&id, &config).await.expect("opened");
        assert!(Arc::ptr_eq(&stores.store, &lab.own), "{config:?}");
        assert_eq!((&*stores.topic, stores.secondary.is_some()), ("o", false));
    }
    // The same cluster by another name may be another cluster.
    let elsewhere = format!("localhost:{}", lab.broker.address().port());
    let mut config = own_topic_props("o");
    for family in ["producer", "consumer", "admin"] {
        config.insert(format!("{family}.override.bootstrap.servers"), elsewhere.clone());
    }
    let store = lab.stores.open(&id, &config).await.expect("opened");
    assert!(!Arc::ptr_eq(&store, &lab.own));
    let stores = lab.stores.open_exactly_once(&id, &config).await.expect("opened");
    assert!(stores.secondary.is_some_and(|store| Arc::ptr_eq(&store, &lab.own)));
}

#[tokio::test(flavor = "multi_thread")]
async fn topic_of_a_connector_is_created_as_the_workers_and_stands_before_it() {
    let lab = Lab::start("disabled").await;
    put(&*lab.own, entry("a", "worker")).await;
    put(&*lab.own, entry("b", "worker")).await;
    let store = lab.stores.open(&task(), &own_topic_props("mine")).await.expect("opened");
    for topic in ["o", "mine"] {
        let found = lab.admin().describe_topic(topic).await.expect("described").expect("there");
        let configs = lab.admin().topic_configs(topic).await.expect("described").expect("there");
        let of = |key: &str| configs.get(key).map(String::as_str);
        let described = (found.partitions, of("cleanup.policy"), of("segment.bytes"));
        assert_eq!(described, (3, Some("compact"), Some("1048576")), "{topic}");
    }
    assert_eq!(store.entries().await.expect("read"), [entry("a", "worker"), entry("b", "worker")]);

    let changes = [("a", Some("new")), ("b", None), ("c", Some("new"))];
    let bytes = |text: &'static str| Bytes::from_static(text.as_bytes());
    let changes = changes.map(|(key, value)| (bytes(key), value.map(bytes)));
    set(&*store, &changes).await.expect("stored");
    let expected = [entry("a", "new"), entry("c", "new")];
    assert_eq!(store.entries().await.expect("read"), expected);
    holds(&lab.plain("mine", "read_uncommitted").await, &expected).await;
    // A connector that gives up its topic goes on where it was.
    holds(&*lab.own, &expected).await;
    // REST sees the same.
    let rest = lab.stores.open_connector("c", &own_topic_props("mine")).await.expect("opened");
    assert_eq!(rest.entries().await.expect("read"), expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn topic_of_a_connector_that_is_not_only_compacted_is_refused() {
    let lab = Lab::start("disabled").await;
    let topic = crate::kafka::admin::NewTopic {
        name: "mine".to_owned(),
        partitions: 1,
        replication_factor: 1,
        configs: props(&[("cleanup.policy", "delete")]),
    };
    lab.admin().create_topic(&topic).await.expect("created");
    let Err(error) = lab.stores.open(&task(), &own_topic_props("mine")).await else {
        panic!("the topic was accepted")
    };
    assert!(!error.is_retriable());
    let start = "Topic 'mine' supplied via the 'offsets.storage.topic' property is required to have";
    assert!(error.trace().contains(start), "{}", error.trace());
}

#[tokio::test(flavor = "multi_thread")]
async fn alteration_of_an_exactly_once_source_is_invisible_until_it_is_committed() {
    let lab = Lab::start("enabled").await;
    let store = lab.stores.open_connector("c", &own_topic_props("mine")).await.expect("opened");
    let committed = lab.plain("mine", "read_committed").await;
    let hasty = lab.plain("mine", "read_uncommitted").await;
    let slow = Fault::Delay(Duration::from_secs(3));
    lab.broker.faults().inject(FaultRule::new(ApiKey::EndTxn, slow).times(1));
    let wanted = [entry("a", "1"), entry("b", "1")];
    let changes: Vec<_> = wanted.iter().map(|(key, value)| (key.clone(), Some(value.clone()))).collect();
    let altering = tokio::spawn(async move {
        set(&*store, &changes).await.expect("stored");
        store
    });
    holds(&hasty, &wanted).await;
    assert_eq!(committed.entries().await.expect("read"), []);
    assert_eq!(lab.own.entries().await.expect("read"), []);
    assert!(!altering.is_finished(), "the broker has not answered yet");
    let store = altering.await.expect("no panic");
    assert_eq!(committed.entries().await.expect("read"), wanted);
    assert_eq!(store.entries().await.expect("read"), wanted);
    assert_eq!(lab.own.entries().await.expect("read"), wanted, "the worker's store is written last");
    // Tombstones go the other way round: the worker's store first.
    set(&*store, &[(wanted[0].0.clone(), None)]).await.expect("stored");
    for each in [&*store, &committed, &*lab.own] {
        assert_eq!(each.entries().await.expect("read"), wanted[1..]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn alteration_that_fails_leaves_both_stores_as_they_are() {
    let lab = Lab::start("enabled").await;
    let store = lab.stores.open_connector("c", &own_topic_props("mine")).await.expect("opened");
    put(&*store, entry("a", "1")).await;
    let faults = lab.broker.faults();
    let refused = ResponseError::TopicAuthorizationFailed;
    let id = "connector-producer-c-0";
    faults.inject(FaultRule::new(ApiKey::Produce, Fault::Error(refused)).client(id));
    let changes = [entry("a", "2"), entry("b", "2")].map(|(key, value)| (key, Some(value)));
    set(&*store, &changes).await.expect_err("refused");
    faults.clear();
    let wanted = [entry("a", "1")];
    for each in [&*store, &*lab.own] {
        assert_eq!(each.entries().await.expect("read"), wanted);
    }
    set(&*store, &changes).await.expect("stored");
    for each in [&*store, &*lab.own] {
        assert_eq!(each.entries().await.expect("read"), [entry("a", "2"), entry("b", "2")]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn alteration_fences_a_task_that_is_left_over() {
    let lab = Lab::start("enabled").await;
    let config = own_topic_props("mine");
    let owner = Owner { connector: "c", task: Some(0), props: &config };
    let client = lab.stores.client(ClientKind::ExactlyOnceProducer, owner).expect("allowed");
    let stale = (lab.stores.producers)(&client).expect("made");
    stale.init().await.expect("initialized");
    let store = lab.stores.open_connector("c", &config).await.expect("opened");
    put(&*store, entry("a", "1")).await;
    let old = Bytes::from_static(b"0");
    let record = crate::kafka::producer::OutgoingRecord {
        topic: "mine",
        partition: None,
        key: Some(b"a"),
        value: Some(&old),
        timestamp: None,
        headers: Default::default(),
    };
    // Wherever it is noticed: nothing of it may count.
    let written = stale.begin().is_ok() && stale.send(&record, 0).is_ok() && stale.commit().await.is_ok();
    assert!(!written);
    stale.close().await;
    assert_eq!(store.entries().await.expect("read"), [entry("a", "1")]);
}
