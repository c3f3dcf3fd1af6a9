//! A membership in the group of a JVM worker.

use std::collections::BTreeSet;

use connect_cluster::protocol::AssignmentError;
use connect_tests::{
    group::Group,
    jvm_connect::JvmConnect,
    kafka::{shared, unique},
};
use serde_json::json;

use super::echo::{Echo, plain, settings};

#[tokio::test(flavor = "multi_thread")]
async fn jvm_leader_gives_work_to_a_member_and_takes_it_back_when_that_leaves() {
    let kafka = shared();
    let group = Group::new(&kafka.bootstrap(), &unique("mixed"));
    let jvm = JvmConnect::member(&group);
    for name in ["one", "two"] {
        let file = jvm.folder().join(name);
        std::fs::write(&file, "line\n").expect("a file is written");
        let config = json!({
            "connector.class": "org.apache.kafka.connect.file.FileStreamSourceConnector",
            "file": file, "topic": unique("mixed-lines"), "tasks.max": "1",
        });
        jvm.api().create(name, &config).await;
        jvm.api().await_task(name, "RUNNING").await;
    }

    let mut member = Echo::new(settings(&plain(&kafka.bootstrap()), group.name(), "echo").expect("valid"));
    // The leader revokes first and assigns in the round after.
    let (id, assignment) = loop {
        let (_, id, assignment) = member.assigned().await;
        assert_ne!(assignment.leader, id);
        assert_eq!((assignment.error, assignment.version), (AssignmentError::None, 2));
        if !assignment.assigned.is_empty() {
            break (id, assignment);
        }
    };
    assert!(id.starts_with("sluice-echo-"), "{id}");
    assert_eq!(assignment.leader_url, format!("{}/", jvm.api().url()));
    let given = (assignment.assigned.connectors.len(), assignment.assigned.tasks.len());
    assert_eq!(given, (1, 1), "{assignment:?}");

    let clients: BTreeSet<bool> = member
        .handle
        .members()
        .await
        .expect("described")
        .iter()
        .map(|listed| listed.client_id.starts_with("sluice"))
        .collect();
    assert_eq!(clients, BTreeSet::from([false, true]));
    member.handle.leave().await;
    for name in ["one", "two"] {
        jvm.api().await_task(name, "RUNNING").await;
    }
}
