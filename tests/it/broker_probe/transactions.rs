//! The probe of transactions, with rdkafka.

use connect_tests::{kafka::unique, wait};
use rdkafka::{
    Offset, TopicPartitionList,
    consumer::{BaseConsumer, Consumer, ConsumerGroupMetadata, StreamConsumer},
    error::RDKafkaErrorCode,
    producer::{FutureProducer, Producer},
};

use super::{client, clients::committed, create_topic, producer, read, send};

pub(super) async fn only_committed_records_are_seen(bootstrap: &str) {
    let (topic, id) = (unique("probe-txn"), unique("probe-txn-id"));
    create_topic(bootstrap, &topic, 1, &[]).await;
    let producer = transactional(bootstrap, &id);
    for (value, is_commit) in [("kept", true), ("dropped", false), ("kept too", true)] {
        producer.begin_transaction().expect("a transaction begins");
        send(&producer, &topic, "k", Some(value)).await;
        let ended = tokio::task::block_in_place(|| match is_commit {
            true => producer.commit_transaction(wait::LIMIT),
            false => producer.abort_transaction(wait::LIMIT),
        });
        ended.expect("the transaction ends");
    }
    producer.begin_transaction().expect("a transaction begins");
    send(&producer, &topic, "k", Some("open")).await;
    let values = |records: Vec<super::Seen>| -> Vec<String> {
        records.into_iter().filter_map(|record| record.value).collect()
    };
    assert_eq!(values(read(bootstrap, &topic, 2, "read_committed").await), ["kept", "kept too"]);
    let all = values(read(bootstrap, &topic, 4, "read_uncommitted").await);
    assert_eq!(all, ["kept", "dropped", "kept too", "open"]);
    // Each of the three ended transactions left a marker; readers of committed data stop at the open one.
    assert_eq!(end(bootstrap, &topic, "read_committed"), 6);
    assert_eq!(end(bootstrap, &topic, "read_uncommitted"), 7);
    tokio::task::block_in_place(|| producer.commit_transaction(wait::LIMIT)).expect("the transaction ends");
    assert_eq!(values(read(bootstrap, &topic, 3, "read_committed").await), ["kept", "kept too", "open"]);
}

pub(super) async fn offsets_count_when_their_transaction_commits(bootstrap: &str) {
    let (topic, group) = (unique("probe-txn-offsets"), unique("probe-txn-group"));
    create_topic(bootstrap, &topic, 1, &[]).await;
    let producer = transactional(bootstrap, &unique("probe-txn-id"));
    let group_metadata = metadata(bootstrap, &group);
    for (offset, is_commit, expected) in [(5, false, None), (7, true, Some(7)), (9, false, Some(7))] {
        producer.begin_transaction().expect("a transaction begins");
        let mut list = TopicPartitionList::new();
        list.add_partition_offset(&topic, 0, Offset::Offset(offset)).expect("an offset is valid");
        tokio::task::block_in_place(|| {
            producer
                .send_offsets_to_transaction(&list, &group_metadata, wait::LIMIT)
                .expect("offsets are sent");
            let ended = if is_commit {
                producer.commit_transaction(wait::LIMIT)
            } else {
                producer.abort_transaction(wait::LIMIT)
            };
            ended.expect("the transaction ends");
        });
        // The offsets become visible shortly after the answer on Kafka, at once here.
        wait::until("the committed offset", wait::LIMIT, async || {
            match committed(bootstrap, &group, &topic, 1).get(&0).copied() {
                seen if seen == expected => Ok(()),
                seen => Err(seen),
            }
        })
        .await;
    }
}

pub(super) async fn a_second_producer_fences_the_first(bootstrap: &str) {
    let (topic, id) = (unique("probe-fencing"), unique("probe-txn-id"));
    create_topic(bootstrap, &topic, 1, &[]).await;
    let first = transactional(bootstrap, &id);
    first.begin_transaction().expect("a transaction begins");
    send(&first, &topic, "k", Some("zombie")).await;
    let second = transactional(bootstrap, &id);
    second.begin_transaction().expect("a transaction begins");
    send(&second, &topic, "k", Some("alive")).await;
    tokio::task::block_in_place(|| second.commit_transaction(wait::LIMIT)).expect("the transaction ends");
    let refused = tokio::task::block_in_place(|| first.commit_transaction(wait::LIMIT));
    let error = refused.expect_err("the first producer is fenced");
    let code = error.rdkafka_error_code();
    let is_fenced = matches!(
        code,
        Some(
            RDKafkaErrorCode::Fenced
                | RDKafkaErrorCode::ProducerFenced
                | RDKafkaErrorCode::InvalidProducerEpoch
        )
    );
    assert!(is_fenced, "{error:?}");
    let seen = read(bootstrap, &topic, 1, "read_committed").await;
    assert_eq!(seen[0].value.as_deref(), Some("alive"));
}

fn transactional(bootstrap: &str, id: &str) -> FutureProducer {
    let producer = producer(bootstrap, &[("transactional.id", id), ("transaction.timeout.ms", "120000")]);
    tokio::task::block_in_place(|| producer.init_transactions(wait::LIMIT)).expect("transactions begin");
    producer
}

fn metadata(bootstrap: &str, group: &str) -> ConsumerGroupMetadata {
    let consumer: StreamConsumer =
        client(bootstrap, &[("group.id", group)]).create().expect("a consumer is made");
    consumer.group_metadata().expect("a consumer in a group has metadata")
}

fn end(bootstrap: &str, topic: &str, isolation: &str) -> i64 {
    let config = client(bootstrap, &[("isolation.level", isolation)]);
    let consumer: BaseConsumer = config.create().expect("a consumer is made");
    consumer.fetch_watermarks(topic, 0, wait::LIMIT).expect("the broker answers").1
}
