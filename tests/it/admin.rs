//! The admin requests of the worker against a real broker.

use std::time::{Duration, Instant};

use connect_core::config::Props;
use connect_core::record::{Offsets, TopicPartition};
use connect_tests::{
    kafka::{self, unique},
    wait,
};
use connect_worker::kafka::admin::{Admin, AdminError, NewTopic, TopicCreation, TopicDescription};
use rdkafka::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer};

fn admin(bootstrap: &str) -> Admin {
    let props: Props = [("bootstrap.servers".to_owned(), bootstrap.to_owned())].into_iter().collect();
    Admin::new(&props).expect("usable settings").with_timeout(Duration::from_secs(30))
}

fn topic(name: &str, partitions: i32) -> NewTopic {
    let configs = [("cleanup.policy".to_owned(), "compact".to_owned())].into_iter().collect();
    NewTopic { name: name.to_owned(), partitions, replication_factor: 1, configs }
}

fn offsets(topic: &str, pairs: &[(i32, i64)]) -> Offsets {
    pairs.iter().map(|(partition, offset)| (TopicPartition::new(topic, *partition), *offset)).collect()
}

#[tokio::test]
async fn cluster_has_an_id_and_an_absent_one_is_named() {
    let kafka = kafka::shared();
    let id = admin(&kafka.bootstrap()).cluster_id().await.expect("the broker answers");
    assert!(!id.is_empty());

    let start = Instant::now();
    let nowhere = admin("127.0.0.1:1").with_timeout(Duration::from_secs(2));
    let error = nowhere.cluster_id().await.expect_err("nobody listens");
    assert!(matches!(error, AdminError::Unreachable { .. }), "{error:?}");
    let text = error.to_string();
    assert!(text.contains("bootstrap.servers `127.0.0.1:1`") && text.contains("refused"), "{text}");
    let error = nowhere.group_offsets("g").await.expect_err("nobody listens");
    assert!(matches!(error, AdminError::Unreachable { .. }), "{error:?}");
    assert!(start.elapsed() < wait::AT_ONCE, "waits are bounded: {:?}", start.elapsed());
}

#[tokio::test]
async fn topics_are_created_once_and_never_by_looking() {
    let kafka = kafka::shared();
    let (admin, name) = (admin(&kafka.bootstrap()), unique("admin"));
    assert_eq!(admin.describe_topic(&name).await, Ok(None));
    assert_eq!(admin.describe_topic(&name).await, Ok(None), "the first look did not create it");
    assert_eq!(admin.create_topic(&topic(&name, 3)).await, Ok(TopicCreation::Created));
    assert_eq!(admin.create_topic(&topic(&name, 3)).await, Ok(TopicCreation::Existed));
    let description = TopicDescription { partitions: 3, replication_factor: 1 };
    assert_eq!(admin.describe_topic(&name).await, Ok(Some(description)));

    let greedy = NewTopic { replication_factor: 7, ..topic(&unique("greedy"), 1) };
    let error = admin.create_topic(&greedy).await.expect_err("one broker only");
    assert!(error.to_string().to_lowercase().contains("replication factor"), "{error}");
    let broken =
        NewTopic { configs: Props::from([("no.such".into(), "1".into())]), ..topic(&unique("broken"), 1) };
    let error = admin.create_topic(&broken).await.expect_err("an unknown setting");
    assert!(error.to_string().contains("no.such"), "{error}");
    let chosen = NewTopic { partitions: -1, replication_factor: -1, ..topic(&unique("chosen"), 1) };
    assert_eq!(admin.create_topic(&chosen).await, Ok(TopicCreation::Created));
}

#[tokio::test]
async fn group_offsets_are_set_listed_and_deleted() {
    let kafka = kafka::shared();
    let (admin, name, group) = (admin(&kafka.bootstrap()), unique("admin"), unique("group"));
    assert_eq!(admin.create_topic(&topic(&name, 3)).await, Ok(TopicCreation::Created));
    assert_eq!(admin.group_offsets(&group).await, Ok(vec![]), "a missing group has none");
    assert_eq!(admin.delete_group(&group).await, Ok(()), "a missing group is deleted already");

    assert_eq!(admin.alter_group_offsets(&group, &offsets(&name, &[(0, 4), (2, 7)])).await, Ok(()));
    let mut listed = admin.group_offsets(&group).await.expect("listed");
    listed.sort();
    assert_eq!(listed, offsets(&name, &[(0, 4), (2, 7)]).into_iter().collect::<Vec<_>>());

    let gone = [TopicPartition::new(name.as_str(), 0), TopicPartition::new(name.as_str(), 1)];
    assert_eq!(admin.delete_group_offsets(&group, &gone).await, Ok(()));
    assert_eq!(admin.group_offsets(&group).await, Ok(vec![(TopicPartition::new(name.as_str(), 2), 7)]));

    let unknown = admin.alter_group_offsets(&group, &offsets(&name, &[(9, 1)])).await;
    assert!(matches!(unknown, Err(AdminError::UnknownPartition { .. })), "{unknown:?}");
    assert_eq!(admin.delete_group(&group).await, Ok(()));
    assert_eq!(admin.group_offsets(&group).await, Ok(vec![]));
    let missing = admin.delete_group_offsets(&unique("group"), &gone).await;
    assert_eq!(missing, Ok(()));
}

#[tokio::test(flavor = "multi_thread")]
async fn offsets_of_an_active_group_cannot_be_changed() {
    let kafka = kafka::shared();
    let (admin, name, group) = (admin(&kafka.bootstrap()), unique("admin"), unique("group"));
    assert_eq!(admin.create_topic(&topic(&name, 1)).await, Ok(TopicCreation::Created));
    let mut config = ClientConfig::new();
    config.set("bootstrap.servers", kafka.bootstrap()).set("group.id", &group);
    let consumer: BaseConsumer = config.create().expect("a consumer");
    consumer.subscribe(&[&name]).expect("subscribed");
    let deadline = Instant::now() + Duration::from_secs(30);
    while consumer.assignment().expect("assignment").count() == 0 {
        assert!(Instant::now() < deadline, "the group forms");
        tokio::task::block_in_place(|| consumer.poll(Duration::from_millis(100)));
    }

    let partition = TopicPartition::new(name.as_str(), 0);
    let outcomes = [
        admin.alter_group_offsets(&group, &offsets(&name, &[(0, 1)])).await,
        admin.delete_group(&group).await,
        admin.delete_group_offsets(&group, &[partition]).await,
    ];
    for outcome in outcomes {
        assert!(
            matches!(&outcome, Err(AdminError::GroupActive { group: named, .. }) if *named == group),
            "{outcome:?}"
        );
    }
}

#[tokio::test]
async fn end_offsets_follow_what_was_produced() {
    let kafka = kafka::shared();
    let (admin, name) = (admin(&kafka.bootstrap()), unique("admin"));
    kafka.client().create_topic(&name, 2).await;
    kafka.client().produce(&name, 1, (0..5).map(|index| format!("{index}"))).await;
    let partitions: Vec<_> = (0..2).map(|partition| TopicPartition::new(name.as_str(), partition)).collect();
    assert_eq!(admin.end_offsets(&partitions).await, Ok(offsets(&name, &[(0, 0), (1, 5)])));
    let unknown = [partitions[0].clone(), TopicPartition::new(name.as_str(), 9)];
    let error = admin.end_offsets(&unknown).await;
    assert!(matches!(error, Err(AdminError::UnknownPartition { .. })), "{error:?}");
}
