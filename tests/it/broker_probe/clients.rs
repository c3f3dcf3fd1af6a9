//! The probe with rdkafka's producer, consumer and admin client.

use std::{collections::BTreeMap, time::Duration};

use connect_tests::{kafka::unique, wait};
use rdkafka::{
    ClientConfig, Offset, TopicPartitionList,
    admin::{AdminOptions, AlterConfig, NewPartitions, NewTopic, ResourceSpecifier, TopicReplication},
    consumer::{BaseConsumer, CommitMode, Consumer, StreamConsumer},
    error::RDKafkaErrorCode,
    producer::FutureRecord,
};

use super::{Seen, admin, client, create_topic, flush, headers, producer, read, seen, send};

pub(super) async fn topics_are_created_described_altered_and_deleted(bootstrap: &str) {
    let (admin, topic) = (admin(bootstrap), unique("probe-admin"));
    let options = AdminOptions::new().operation_timeout(Some(wait::LIMIT));
    create_topic(bootstrap, &topic, 2, &[("cleanup.policy", "compact")]).await;

    let again = NewTopic::new(&topic, 2, TopicReplication::Fixed(1));
    let refused = NewTopic::new("bad name!", 1, TopicReplication::Fixed(1));
    let wrong = NewTopic::new("probe-wrong", 1, TopicReplication::Fixed(1)).set("retention.ms", "soon");
    let results = admin.create_topics(&[again, refused, wrong], &options).await.expect("the broker answers");
    let codes: Vec<RDKafkaErrorCode> =
        results.into_iter().map(|result| result.expect_err("a bad topic is refused").1).collect();
    let expected = [
        RDKafkaErrorCode::TopicAlreadyExists,
        RDKafkaErrorCode::InvalidTopic,
        RDKafkaErrorCode::InvalidConfig,
    ];
    assert_eq!(codes, expected);

    let grown = admin.create_partitions(&[NewPartitions::new(&topic, 5)], &options).await;
    assert_eq!(grown.expect("the broker answers"), [Ok(topic.clone())]);
    wait::until("five partitions", wait::LIMIT, async || match partitions(bootstrap, &topic) {
        5 => Ok(()),
        count => Err(count),
    })
    .await;

    let change = AlterConfig::new(ResourceSpecifier::Topic(&topic)).set("retention.ms", "60000");
    let altered = admin.alter_configs(&[change], &options).await.expect("the broker answers");
    assert!(altered.iter().all(Result::is_ok), "{altered:?}");
    wait::until("the altered configuration", wait::LIMIT, async || {
        match config(bootstrap, &topic, "retention.ms").await {
            value if value == "60000" => Ok(()),
            value => Err(value),
        }
    })
    .await;
    // AlterConfigs replaces everything, so the policy is the default again.
    assert_eq!(config(bootstrap, &topic, "cleanup.policy").await, "delete");

    let deleted = admin.delete_topics(&[&topic], &options).await.expect("the broker answers");
    assert_eq!(deleted, [Ok(topic.clone())]);
    let deleted = admin.delete_topics(&["probe-never-there"], &options).await.expect("the broker answers");
    let missing = ("probe-never-there".to_owned(), RDKafkaErrorCode::UnknownTopicOrPartition);
    assert_eq!(deleted, [Err(missing)]);
}

pub(super) async fn every_compression_comes_back_with_keys_headers_and_times(bootstrap: &str) {
    let topic = unique("probe-compression");
    // The records are old from the beginning.
    create_topic(bootstrap, &topic, 1, &[("retention.ms", "-1")]).await;
    let mut expected = Vec::new();
    for codec in ["none", "gzip", "snappy", "lz4", "zstd"] {
        let settings = [("compression.type", codec), ("enable.idempotence", "true"), ("linger.ms", "50")];
        let producer = producer(bootstrap, &settings);
        let mut sent = Vec::new();
        for number in 0..50 {
            let record = Seen {
                key: Some(format!("{codec}-{number}")),
                value: Some(codec.repeat(20)),
                headers: vec![("codec".to_owned(), codec.to_owned())],
                timestamp_ms: Some(1_700_000_000_000 + number),
            };
            let queued = FutureRecord::<str, str>::to(&topic)
                .partition(0)
                .timestamp(1_700_000_000_000 + number)
                .headers(headers("codec", codec));
            let (key, value) =
                (record.key.clone().unwrap_or_default(), record.value.clone().unwrap_or_default());
            sent.push(
                producer.send_result(queued.key(key.as_str()).payload(value.as_str())).expect("it is queued"),
            );
            expected.push(record);
        }
        for delivery in sent {
            delivery.await.expect("the producer lives").expect("the record is delivered");
        }
    }
    assert_eq!(read(bootstrap, &topic, expected.len(), "read_uncommitted").await, expected);
}

pub(super) async fn offsets_are_found_by_time_and_records_can_be_deleted(bootstrap: &str) {
    let topic = unique("probe-offsets");
    // The records are old from the beginning.
    create_topic(bootstrap, &topic, 1, &[("retention.ms", "-1")]).await;
    let producer = producer(bootstrap, &[]);
    for number in 0..10 {
        let record =
            FutureRecord::<str, str>::to(&topic).partition(0).payload("x").timestamp(1000 * (number + 1));
        let delivery = producer.send(record, wait::LIMIT).await.expect("the record is delivered");
        assert_eq!(delivery.offset, number);
    }
    assert_eq!(offset_at(bootstrap, &topic, 4500), Offset::Offset(4));
    assert_eq!(offset_at(bootstrap, &topic, 5000), Offset::Offset(4));
    assert_eq!(offset_at(bootstrap, &topic, 1), Offset::Offset(0));
    assert_eq!(offset_at(bootstrap, &topic, 99_000), Offset::End);
    assert_eq!(watermarks(bootstrap, &topic), (0, 10));

    let mut before = TopicPartitionList::new();
    before.add_partition_offset(&topic, 0, Offset::Offset(6)).expect("an offset is valid");
    let deleted = admin(bootstrap).delete_records(&before, &AdminOptions::new()).await;
    deleted.expect("the broker answers");
    assert_eq!(watermarks(bootstrap, &topic), (6, 10));
    assert_eq!(read(bootstrap, &topic, 4, "read_uncommitted").await.len(), 4);
}

pub(super) async fn cooperative_consumers_share_partitions_and_commit(bootstrap: &str) {
    let (topic, group) = (unique("probe-group"), unique("probe-consumers"));
    create_topic(bootstrap, &topic, 4, &[]).await;
    let producer = producer(bootstrap, &[]);
    for partition in 0..4 {
        let record = FutureRecord::<str, str>::to(&topic).partition(partition).payload("x");
        producer.send(record, wait::LIMIT).await.expect("the record is delivered");
    }
    let settings = [
        ("group.id", group.as_str()),
        ("partition.assignment.strategy", "cooperative-sticky"),
        ("auto.offset.reset", "earliest"),
        ("enable.auto.commit", "false"),
        ("session.timeout.ms", "6000"),
        ("heartbeat.interval.ms", "200"),
    ];
    let join = || {
        let consumer: StreamConsumer = client(bootstrap, &settings).create().expect("a consumer is made");
        consumer.subscribe(&[&topic]).expect("a topic is subscribed");
        consumer
    };
    let first = join();
    settle(&[&first], &[4]).await;
    let second = join();
    settle(&[&first, &second], &[2, 2]).await;
    for consumer in [&first, &second] {
        for (partition, _) in assigned(consumer) {
            let mut list = TopicPartitionList::new();
            list.add_partition_offset(&topic, partition, Offset::Offset(1)).expect("an offset is valid");
            let committed = tokio::task::block_in_place(|| consumer.commit(&list, CommitMode::Sync));
            committed.expect("offsets are committed");
        }
    }
    drop(second);
    settle(&[&first], &[4]).await;
    let committed: BTreeMap<i32, i64> = committed(bootstrap, &group, &topic, 4);
    assert_eq!(committed, (0..4).map(|partition| (partition, 1)).collect());
    drop(first);
    delete_group(bootstrap, &group).await;
}

pub(super) async fn compaction_keeps_the_last_value_of_each_key(bootstrap: &str) {
    let topic = unique("probe-compact");
    let configs = [
        ("cleanup.policy", "compact"),
        ("segment.ms", "200"),
        ("min.cleanable.dirty.ratio", "0.001"),
        ("delete.retention.ms", "0"),
    ];
    create_topic(bootstrap, &topic, 1, &configs).await;
    let producer = producer(bootstrap, &[("compression.type", "gzip"), ("linger.ms", "20")]);
    for round in 0..4 {
        for key in ["a", "b", "c"] {
            let record = FutureRecord::<str, str>::to(&topic).partition(0).key(key);
            let value = format!("{key}{round}");
            producer
                .send(record.payload(value.as_str()), wait::LIMIT)
                .await
                .expect("the record is delivered");
        }
    }
    send(&producer, &topic, "b", None).await;
    let limit = Duration::from_secs(120);
    wait::until("a compacted log", limit, async || {
        // Segments are closed by writes after their time, and only closed ones are compacted.
        let last = send(&producer, &topic, "tick", Some("tock")).await;
        let all = read_to(bootstrap, &topic, last).await;
        let mut kept: Vec<String> =
            all.iter().filter(|record| record.key.as_deref() != Some("tick")).map(text).collect();
        kept.sort();
        // The tombstone itself may stay for one more pass.
        kept.retain(|record| record != "b=");
        if kept == ["a=a3", "c=c3"] { Ok(()) } else { Err(kept) }
    })
    .await;
    flush(&producer);
}

fn text(record: &Seen) -> String {
    format!("{}={}", record.key.as_deref().unwrap_or_default(), record.value.as_deref().unwrap_or_default())
}

async fn read_to(bootstrap: &str, topic: &str, last: i64) -> Vec<Seen> {
    use rdkafka::Message;
    let config: ClientConfig = client(bootstrap, &[("group.id", "none"), ("enable.auto.commit", "false")]);
    let consumer: StreamConsumer = config.create().expect("a consumer is made");
    let mut list = TopicPartitionList::new();
    list.add_partition_offset(topic, 0, Offset::Beginning).expect("an offset is valid");
    consumer.assign(&list).expect("a partition is assigned");
    let mut records = Vec::new();
    loop {
        let next = tokio::time::timeout(wait::LIMIT, consumer.recv()).await.expect("the last record comes");
        let message = next.expect("a record is read");
        records.push(seen(&message));
        if message.offset() >= last {
            return records;
        }
    }
}

/// Polls the consumers until each holds as many partitions as expected.
async fn settle(consumers: &[&StreamConsumer], expected: &[usize]) {
    wait::until("a balanced group", wait::LIMIT, async || {
        for consumer in consumers {
            let polled = tokio::time::timeout(Duration::from_millis(20), consumer.recv()).await;
            if let Ok(polled) = polled {
                polled.expect("a record is read");
            }
        }
        let counts: Vec<usize> = consumers.iter().map(|consumer| assigned(consumer).len()).collect();
        if counts == expected { Ok(()) } else { Err(counts) }
    })
    .await;
}

fn assigned(consumer: &StreamConsumer) -> BTreeMap<i32, Offset> {
    let list = consumer.assignment().expect("the assignment is known");
    list.elements().iter().map(|element| (element.partition(), element.offset())).collect()
}

pub(super) fn committed(bootstrap: &str, group: &str, topic: &str, partitions: i32) -> BTreeMap<i32, i64> {
    let consumer: BaseConsumer =
        client(bootstrap, &[("group.id", group)]).create().expect("a consumer is made");
    let mut list = TopicPartitionList::new();
    list.add_partition_range(topic, 0, partitions - 1);
    let offsets = consumer.committed_offsets(list, wait::LIMIT).expect("the broker answers");
    let known = |element: rdkafka::topic_partition_list::TopicPartitionListElem<'_>| {
        element.offset().to_raw().filter(|offset| *offset >= 0).map(|offset| (element.partition(), offset))
    };
    offsets.elements().into_iter().filter_map(known).collect()
}

async fn delete_group(bootstrap: &str, group: &str) {
    wait::until("the group is empty and deleted", wait::LIMIT, async || {
        let results = admin(bootstrap).delete_groups(&[group], &AdminOptions::new()).await;
        let result = results.expect("the broker answers").remove(0);
        result.map_err(|(_, code)| code)
    })
    .await;
    let results = admin(bootstrap).delete_groups(&[group], &AdminOptions::new()).await;
    let code = results.expect("the broker answers").remove(0).expect_err("the group is gone").1;
    assert_eq!(code, RDKafkaErrorCode::GroupIdNotFound);
}

fn partitions(bootstrap: &str, topic: &str) -> usize {
    let consumer: BaseConsumer = client(bootstrap, &[]).create().expect("a consumer is made");
    let metadata = consumer.fetch_metadata(Some(topic), wait::LIMIT).expect("the broker answers");
    metadata.topics()[0].partitions().len()
}

async fn config(bootstrap: &str, topic: &str, name: &str) -> String {
    let resource = ResourceSpecifier::Topic(topic);
    let described = admin(bootstrap).describe_configs(&[resource], &AdminOptions::new()).await;
    let described = described.expect("the broker answers").remove(0).expect("the topic is described");
    described.get(name).and_then(|entry| entry.value.clone()).unwrap_or_default()
}

fn offset_at(bootstrap: &str, topic: &str, timestamp: i64) -> Offset {
    let consumer: BaseConsumer = client(bootstrap, &[]).create().expect("a consumer is made");
    let mut list = TopicPartitionList::new();
    list.add_partition_offset(topic, 0, Offset::Offset(timestamp)).expect("a time is valid");
    let found = consumer.offsets_for_times(list, wait::LIMIT).expect("the broker answers");
    found.elements()[0].offset()
}

fn watermarks(bootstrap: &str, topic: &str) -> (i64, i64) {
    let consumer: BaseConsumer = client(bootstrap, &[]).create().expect("a consumer is made");
    consumer.fetch_watermarks(topic, 0, wait::LIMIT).expect("the broker answers")
}
