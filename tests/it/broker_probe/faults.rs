//! Faults of the embedded broker as a real client meets them.

use std::time::{Duration, Instant};

use connect_tests::{kafka::unique, wait};
use dev_broker::{ApiKey, Broker, BrokerConfig, Fault, FaultRule, ResponseError};
use rdkafka::producer::FutureRecord;

use super::{create_topic, producer, read, send};

#[tokio::test(flavor = "multi_thread")]
async fn idempotent_producer_gets_through_errors_lost_answers_and_an_outage_without_duplicates() {
    let folder = tempfile::tempdir().expect("a temporary folder is made");
    let broker = Broker::start(BrokerConfig::new(folder.path())).await.expect("the broker starts");
    let bootstrap = broker.address().to_string();
    let topic = unique("faults");
    create_topic(&bootstrap, &topic, 1, &[]).await;
    let settings =
        [("enable.idempotence", "true"), ("reconnect.backoff.max.ms", "100"), ("retry.backoff.ms", "10")];
    let producer = producer(&bootstrap, &settings);
    send(&producer, &topic, "k", Some("0")).await;

    broker.faults().fail(ApiKey::Produce, ResponseError::NotLeaderOrFollower, 2);
    send(&producer, &topic, "k", Some("1")).await;
    broker.faults().inject(FaultRule::new(ApiKey::Produce, Fault::LoseAnswer).times(2));
    send(&producer, &topic, "k", Some("2")).await;
    broker.faults().inject(FaultRule::new(ApiKey::Produce, Fault::Disconnect).times(1));
    send(&producer, &topic, "k", Some("3")).await;
    assert_eq!(broker.faults().injected(ApiKey::Produce), 5);

    broker.faults().refuse_connections(true);
    let record = FutureRecord::<str, str>::to(&topic).partition(0).key("k").payload("4");
    let pending = producer.send_result(record).expect("the record is queued");
    let during = tokio::time::timeout(Duration::from_millis(500), pending).await;
    assert!(during.is_err(), "nothing is delivered while the broker is down");
    broker.faults().clear();
    send(&producer, &topic, "k", Some("5")).await;

    let values: Vec<String> = read(&bootstrap, &topic, 6, "read_uncommitted")
        .await
        .into_iter()
        .filter_map(|record| record.value)
        .collect();
    assert_eq!(values, ["0", "1", "2", "3", "4", "5"]);

    broker.faults().delay(ApiKey::Produce, Duration::from_millis(300));
    let start = Instant::now();
    send(&producer, &topic, "k", Some("6")).await;
    assert!(start.elapsed() >= Duration::from_millis(300) && start.elapsed() < wait::LIMIT);
    broker.shutdown().await;
}
