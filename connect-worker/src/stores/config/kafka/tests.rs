//! The store on the embedded broker.

use std::time::Duration;

use bytes::Bytes;
use connect_core::config::Props;
use connect_core::plugin::Registry;
use dev_broker::{ApiKey, Broker, BrokerConfig, Fault, FaultRule};
use tempfile::TempDir;

use super::*;
use crate::config::WorkerMode;
use crate::config::worker::tests::props;
use crate::stores::config::{ConfigWriteError, RestartRequest, SessionKey, TargetState, read_config_topic};

struct Lab {
    broker: Broker,
    _folder: TempDir,
}

impl Lab {
    async fn start() -> Self {
        let folder = tempfile::tempdir().expect("folder");
        let broker = Broker::start(BrokerConfig::new(folder.path())).await.expect("broker");
        Self { broker, _folder: folder }
    }

    fn worker(&self, support: &str) -> WorkerConfig {
        let address = self.broker.address().to_string();
        let all = props(&[
            ("bootstrap.servers", &address),
            ("key.converter", "org.apache.kafka.connect.storage.StringConverter"),
            ("value.converter", "org.apache.kafka.connect.storage.StringConverter"),
            ("group.id", "g"),
            ("offset.storage.topic", "o"),
            ("config.storage.topic", "c"),
            ("config.storage.replication.factor", "1"),
            ("status.storage.topic", "s"),
            ("exactly.once.source.support", support),
        ]);
        let registry = Registry::new(crate::config::providers::plugins());
        WorkerConfig::parse(&all, WorkerMode::Distributed, &registry).expect("valid worker")
    }

    async fn open(&self, support: &str) -> OpenConfigStore {
        KafkaConfigStore::open(&self.worker(support)).await.expect("opened")
    }
}

async fn told(written: Written) -> Result<(), ConfigWriteError> {
    tokio::time::timeout(Duration::from_secs(120), written).await.expect("in time").expect("told")
}

async fn written(open: &mut OpenConfigStore, records: Vec<ConfigRecord>) {
    told(open.store.write(records)).await.expect("written");
}

async fn offset(open: &mut OpenConfigStore) -> i64 {
    open.store.read_to_end().await.expect("told").expect("read")
}

/// Returns the updates that are there.
fn updates(open: &mut OpenConfigStore) -> Vec<ConfigUpdate> {
    let mut all = Vec::new();
    while let Ok(update) = open.updates.try_recv() {
        all.push(update);
    }
    all
}

async fn close(open: OpenConfigStore) {
    drop(open.store);
    open.closed.await.expect("closed");
}

fn config(text: &str) -> Props {
    props(&[("connector.class", text)])
}

fn connector(config: Option<Props>) -> ConfigRecord {
    ConfigRecord::Connector { name: "a-b".into(), config }
}

fn target(target: Option<TargetState>) -> ConfigRecord {
    ConfigRecord::Target { name: "a-b".into(), target }
}

fn tasks(configs: Vec<Props>) -> ConfigRecord {
    ConfigRecord::Tasks { name: "a-b".into(), configs }
}

/// Every operation with the updates it makes, by number of log records.
fn operations() -> Vec<(Vec<ConfigRecord>, Vec<Option<ConfigRecord>>)> {
    let restart = RestartRequest { connector: "a-b".into(), only_failed: true, include_tasks: false };
    let session =
        SessionKey { key: Bytes::from_static(b"k"), algorithm: "HmacSHA256".to_owned(), created_ms: 7 };
    let level = ConfigRecord::LoggerLevel { namespace: "x".to_owned(), level: "DEBUG".to_owned() };
    let fenced = ConfigRecord::FencedTasks { name: "a-b".into(), count: 2 };
    let same = |record: &ConfigRecord| (vec![record.clone()], vec![Some(record.clone())]);
    let created = [target(Some(TargetState::Paused)), connector(Some(config("A")))];
    let two = tasks(vec![config("0"), config("1")]);
    vec![
        (created.to_vec(), created.into_iter().map(Some).collect()),
        // Two task records that mean nothing until the third.
        (vec![two.clone()], vec![None, None, Some(two)]),
        same(&tasks(vec![])),
        same(&target(Some(TargetState::Stopped))),
        same(&fenced),
        same(&ConfigRecord::Restart(restart)),
        same(&ConfigRecord::SessionKey(session)),
        same(&level),
        (vec![connector(None)], vec![Some(connector(None)), Some(target(None))]),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn every_operation_comes_back_as_updates_before_it_is_told_and_at_every_worker() {
    let lab = Lab::start().await;
    let mut first = lab.open("disabled").await;
    let mut second = lab.open("disabled").await;
    assert_eq!(offset(&mut first).await, -1);
    let (mut next, mut all) = (0, Vec::new());
    for (records, expected) in operations() {
        told(first.store.claim()).await.expect("nothing to claim");
        written(&mut first, records).await;
        let numbered = |record| {
            next += 1;
            ConfigUpdate { offset: next, record }
        };
        let expected: Vec<ConfigUpdate> = expected.into_iter().map(numbered).collect();
        assert_eq!(updates(&mut first), expected);
        all.extend(expected);
    }
    assert_eq!(offset(&mut second).await, next);
    assert_eq!(updates(&mut second), all);
    // What a worker reads that starts now is the same, without restarts and levels.
    for update in &mut all {
        let is_passing = |record: &mut ConfigRecord| {
            matches!(record, ConfigRecord::Restart(_) | ConfigRecord::LoggerLevel { .. })
        };
        update.record.take_if(is_passing);
    }
    assert_eq!(read_config_topic(&lab.worker("disabled")).await.expect("read"), all);
    close(first).await;
    close(second).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn leader_writes_in_transactions_and_markers_are_not_counted() {
    let lab = Lab::start().await;
    for support in ["enabled", "preparing"] {
        let mut open = lab.open(support).await;
        let before = updates(&mut open).last().map_or(0, |update| update.offset);
        told(open.store.claim()).await.expect("claimed");
        written(&mut open, vec![target(Some(TargetState::Paused)), connector(Some(config("A")))]).await;
        written(&mut open, vec![tasks(vec![config("0"), config("1")])]).await;
        // Not in a transaction: no marker follows.
        written(&mut open, vec![target(Some(TargetState::Started))]).await;
        written(&mut open, vec![ConfigRecord::FencedTasks { name: "a-b".into(), count: 2 }]).await;
        let offsets: Vec<i64> = updates(&mut open).iter().map(|update| update.offset).collect();
        // The log of the round before ends with a marker that no update counted.
        let base = if before == 0 { 0 } else { before + 1 };
        let expected = [1, 2, 4, 5, 7, 9, 10].map(|offset| base + offset);
        assert_eq!(offsets, expected, "{support}");
        assert_eq!(offset(&mut open).await, base + 10);
        close(open).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn leader_must_claim_first_and_again_after_it_was_fenced() {
    let lab = Lab::start().await;
    let (mut old, mut new) = (lab.open("enabled").await, lab.open("enabled").await);
    let write = |open: &mut OpenConfigStore| told(open.store.write(vec![connector(Some(config("A")))]));
    let fenced = |outcome| match outcome {
        Err(ConfigWriteError::Fenced(error)) => error.context().to_owned(),
        other => panic!("not fenced: {other:?}"),
    };
    let unclaimed = "Cannot produce to config topic without claiming write privileges first";
    assert_eq!(fenced(write(&mut old).await), unclaimed);
    told(old.store.claim()).await.expect("claimed");
    write(&mut old).await.expect("written");
    told(new.store.claim()).await.expect("claimed");
    write(&mut new).await.expect("written");
    assert_eq!(
        fenced(write(&mut old).await),
        "Failed to write to config topic; this may be due to a transient error and the request can be safely \
         retried"
    );
    assert_eq!(fenced(write(&mut old).await), unclaimed);
    // Any worker may write target states.
    written(&mut old, vec![target(Some(TargetState::Paused))]).await;
    told(old.store.claim()).await.expect("claimed");
    write(&mut old).await.expect("written");
    fenced(write(&mut new).await);
    assert_eq!(offset(&mut new).await, offset(&mut old).await);
    let seen = |open: &mut OpenConfigStore| updates(open).len();
    assert_eq!((seen(&mut old), seen(&mut new)), (4, 4));
    close(old).await;
    close(new).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn reads_do_not_wait_behind_a_write_that_hangs() {
    let lab = Lab::start().await;
    let mut open = lab.open("disabled").await;
    let hanging = Fault::Delay(Duration::from_secs(3));
    lab.broker.faults().inject(FaultRule::new(ApiKey::Produce, hanging).times(1));
    let write = open.store.write(vec![connector(Some(config("A")))]);
    let read = tokio::time::timeout(Duration::from_secs(2), open.store.read_to_end());
    assert_eq!(read.await.expect("in time").expect("told").expect("read"), -1);
    told(write).await.expect("written");
    close(open).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn missing_topic_is_told_to_who_only_looks_and_a_standalone_worker_has_none() {
    let lab = Lab::start().await;
    let standalone = crate::config::worker::tests::standalone(&[]);
    assert!(KafkaConfigStore::open(&standalone).await.is_err());
    let worker = lab.worker("disabled");
    let error = read_config_topic(&worker).await.expect_err("missing");
    assert_eq!(error.context(), "the topic `c` does not exist");
}
