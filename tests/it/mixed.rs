//! JVM and Sluice workers in one group: balanced, led by either, either killed, and replaced one by one while data
//! flows.

use connect_tests::{group::Member, kafka, wait};

use crate::group_support::Scene;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn jvm_and_sluice_workers_share_the_work_and_either_leads_and_is_killed() {
    let broker = kafka::shared();
    let mut scene = Scene::new("mixed", &broker.bootstrap(), 4).await;
    // The first member of a group leads it.
    let mut sluice = Member::sluice(&scene.group).await;
    let mut jvm = Member::jvm(&scene.group);
    scene.create(jvm.api()).await;
    scene.await_balance("led by Sluice", &[&sluice, &jvm]).await;
    scene.await_flow(wait::LIMIT).await;

    sluice.kill();
    scene.await_balance("of the JVM alone", &[&jvm]).await;
    let mut sluice = Member::sluice(&scene.group).await;
    scene.await_balance("led by the JVM", &[&sluice, &jvm]).await;
    // A change over the follower is made by the leader, and one task configuration goes the same way.
    let path = format!("/connectors/{}/config", scene.sinks[0].name);
    scene.sinks[0].config["tasks.max"] = "2".into();
    sluice.api().settled("PUT", &path, Some(&scene.sinks[0].config), 200).await;
    sluice.api().await_task(&scene.sinks[0].name, "RUNNING").await;
    scene.sinks[0].config["tasks.max"] = "1".into();
    sluice.api().settled("PUT", &path, Some(&scene.sinks[0].config), 200).await;
    scene.await_balance("after changes", &[&sluice, &jvm]).await;

    jvm.kill();
    scene.await_balance("of Sluice alone", &[&sluice]).await;
    // Partitions of a consumer that was killed wait for its session.
    scene.await_flow(wait::LIMIT).await;
    scene.check().await;
    assert!(sluice.stop().success(), "{}", sluice.log());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn three_jvm_workers_are_replaced_one_by_one_while_data_flows_and_nothing_is_lost() {
    let broker = kafka::shared();
    let mut scene = Scene::new("rolling", &broker.bootstrap(), 6).await;
    let mut jvms = vec![Member::jvm(&scene.group), Member::jvm(&scene.group), Member::jvm(&scene.group)];
    scene.create(jvms[0].api()).await;
    scene.await_balance("of the JVM", &jvms.iter().collect::<Vec<_>>()).await;
    let mut sluices: Vec<Member> = Vec::new();
    while let Some(mut jvm) = jvms.pop() {
        sluices.push(Member::sluice(&scene.group).await);
        jvm.stop();
        let members: Vec<&Member> = jvms.iter().chain(&sluices).collect();
        scene.await_balance(&format!("with {} workers replaced", sluices.len()), &members).await;
        scene.await_flow(wait::LIMIT).await;
    }
    let repeated = scene.check().await;
    println!("{repeated} lines came more than once");
    for mut sluice in sluices {
        assert!(sluice.stop().success(), "{}", sluice.log());
    }
}
