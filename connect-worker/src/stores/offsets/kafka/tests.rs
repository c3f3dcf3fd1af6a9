//! Stores on the embedded broker.

use std::time::Duration;

use dev_broker::{Broker, BrokerConfig};

use super::*;
use crate::config::worker::tests::distributed;

fn worker(broker: &Broker) -> WorkerConfig {
    distributed(&[
        ("bootstrap.servers", &broker.address().to_string()),
        ("offset.storage.partitions", "3"),
        ("offset.storage.replication.factor", "1"),
    ])
}

fn bytes(text: &'static str) -> Bytes {
    Bytes::from_static(text.as_bytes())
}

async fn set(store: &KafkaOffsetStore, entries: &[(&'static str, Option<&'static str>)]) {
    let entries = entries.iter().map(|(key, value)| (bytes(key), value.map(bytes))).collect();
    let stored = tokio::time::timeout(Duration::from_secs(120), store.set(entries));
    stored.await.expect("in time").expect("stored");
}

async fn entries(store: &KafkaOffsetStore) -> Vec<(Bytes, Bytes)> {
    let read = tokio::time::timeout(Duration::from_secs(120), store.entries());
    read.await.expect("in time").expect("read")
}

#[tokio::test(flavor = "multi_thread")]
async fn reads_see_what_any_worker_stored_before_and_tombstones_delete() {
    let folder = tempfile::tempdir().expect("folder");
    let broker = Broker::start(BrokerConfig::new(folder.path())).await.expect("broker");
    let worker = worker(&broker);
    let first = KafkaOffsetStore::open_worker(&worker).await.expect("opened");
    let second = KafkaOffsetStore::open_worker(&worker).await.expect("opened");
    set(&first, &[("a", Some("1")), ("b", Some("1")), ("a", Some("2")), ("", Some("foreign"))]).await;
    let keys = [bytes("b"), bytes("x"), bytes("a")];
    assert_eq!(second.get(&keys).await.expect("read"), [Some(bytes("1")), None, Some(bytes("2"))]);
    set(&second, &[("b", None), ("c", Some("3")), ("x", None)]).await;
    let expected = [(bytes(""), bytes("foreign")), (bytes("a"), bytes("2")), (bytes("c"), bytes("3"))];
    let late = KafkaOffsetStore::open_worker(&worker).await.expect("opened");
    for store in [&first, &second, &late] {
        assert_eq!(entries(store).await, expected);
    }
    let standalone = crate::config::worker::tests::standalone(&[]);
    assert!(KafkaOffsetStore::open_worker(&standalone).await.is_err());
}

#[tokio::test(flavor = "multi_thread")]
async fn store_goes_on_after_the_broker_was_away() {
    let folder = tempfile::tempdir().expect("folder");
    let broker = Broker::start(BrokerConfig::new(folder.path())).await.expect("broker");
    let (worker, listen) = (worker(&broker), broker.address());
    let store = KafkaOffsetStore::open_worker(&worker).await.expect("opened");
    set(&store, &[("a", Some("1"))]).await;
    broker.shutdown().await;
    let away = async {
        // Asked while nobody answers.
        let read = store.entries();
        let stored = store.set(vec![(bytes("b"), Some(bytes("2")))]);
        let (read, stored) = tokio::join!(read, stored);
        (read.expect("read"), stored.expect("stored"))
    };
    let back = async {
        tokio::time::sleep(Duration::from_secs(1)).await;
        let config = BrokerConfig { listen, ..BrokerConfig::new(folder.path()) };
        Broker::start(config).await.expect("broker")
    };
    let both = async { tokio::join!(away, back) };
    let (_, _broker) = tokio::time::timeout(Duration::from_secs(120), both).await.expect("in time");
    let expected = [(bytes("a"), bytes("1")), (bytes("b"), bytes("2"))];
    assert_eq!(entries(&store).await, expected);
}
