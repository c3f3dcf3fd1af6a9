//! The consumer against librdkafka's own mock cluster.

use std::time::{Duration, Instant};

use rdkafka::mocking::MockCluster;
use tokio::time::timeout;

use super::*;

/// Returns a member of a group that reads one topic of the mock cluster.
fn member(
    cluster: &MockCluster<'_, rdkafka::producer::DefaultProducerContext>,
    assignor: &str,
) -> NativeConsumer {
    let mut config = ClientConfig::new();
    config
        .set("bootstrap.servers", cluster.bootstrap_servers())
        .set("group.id", format!("g-{assignor}"))
        .set("partition.assignment.strategy", assignor)
        .set("enable.auto.commit", "false");
    let mut consumer = NativeConsumer::new(&config).expect("consumer");
    consumer.subscribe(&["t".to_owned()]).expect("subscribed");
    consumer
}

/// Polls until a change of the assignment arrives.
async fn next_rebalance(consumer: &mut NativeConsumer) -> Rebalance {
    let deadline = Instant::now() + Duration::from_secs(120);
    loop {
        assert!(Instant::now() < deadline, "a change of the assignment in time");
        consumer.poll(10, &mut RawBatch::default()).expect("polled");
        if let Some(rebalance) = consumer.next_rebalance() {
            return rebalance;
        }
        timeout(Duration::from_millis(100), consumer.ready()).await.ok();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn close_ends_although_a_change_of_the_assignment_was_not_answered() {
    let cluster = MockCluster::new(1).expect("mock cluster");
    cluster.create_topic("t", 2, 1).expect("topic");
    for assignor in ["range", "cooperative-sticky"] {
        let mut consumer = member(&cluster, assignor);
        let assigned = next_rebalance(&mut consumer).await;
        assert!(matches!(&assigned, Rebalance::Assigned(all) if all.len() == 2), "{assigned:?}");
        let closed = timeout(Duration::from_secs(60), Box::new(consumer).close()).await;
        assert!(closed.is_ok(), "closing hangs ({assignor})");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn close_ends_although_a_revocation_was_not_answered() {
    let cluster = MockCluster::new(1).expect("mock cluster");
    cluster.create_topic("t", 2, 1).expect("topic");
    for assignor in ["range"] {
        let mut first = member(&cluster, assignor);
        let assigned = next_rebalance(&mut first).await;
        first.finish_rebalance(&assigned, &Offsets::new()).expect("assigned");
        let second = member(&cluster, assignor);
        let revoked = next_rebalance(&mut first).await;
        assert!(matches!(revoked, Rebalance::Revoked(_)), "{revoked:?}");
        let closed = timeout(Duration::from_secs(60), Box::new(first).close()).await;
        assert!(closed.is_ok(), "closing hangs ({assignor})");
        Box::new(second).close().await;
    }
}
