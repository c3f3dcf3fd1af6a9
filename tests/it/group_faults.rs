//! Three Sluice workers, one of which is killed, stopped, frozen; and a broker that goes away.

use std::time::{Duration, Instant};

use connect_tests::{
    group::{Member, Picture, await_picture},
    kafka::{self, Kafka},
    wait,
};

use crate::group_support::Scene;

/// Session time-out of the workers of a test.
const SESSION: Duration = Duration::from_secs(6);
const SINKS: usize = 6;

/// Three workers with balanced work and flowing data.
async fn three(scene: &Scene) -> Vec<Member> {
    let mut members = Vec::new();
    for _ in 0..3 {
        members.push(Member::sluice(&scene.group).await);
    }
    scene.create(members[0].api()).await;
    scene.await_balance("of three", &members.iter().collect::<Vec<_>>()).await;
    scene.await_flow(wait::LIMIT).await;
    members
}

fn ids(members: &[Member]) -> Vec<String> {
    members.iter().map(Member::worker_id).collect()
}

/// Waits until all work runs on `members`, and returns how long that took since `start`.
async fn await_moved(members: &[Member], start: Instant, limit: Duration) -> Duration {
    let ids = ids(members);
    await_picture("the work elsewhere", limit, members[0].api(), |picture| {
        picture.runs_on(&ids, SINKS, SINKS)
    })
    .await;
    start.elapsed()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_work_of_a_killed_worker_runs_elsewhere_a_session_later_and_its_data_flows() {
    let broker = kafka::shared();
    let mut scene = Scene::new("killed-worker", &broker.bootstrap(), SINKS).await;
    let mut members = three(&scene).await;
    // The leader is the hardest to lose.
    let mut killed = members.remove(0);
    let start = Instant::now();
    killed.kill();
    let moved = await_moved(&members, start, wait::LIMIT).await;
    scene.await_flow(wait::LIMIT).await;
    let flowed = start.elapsed();
    println!("killed: tasks elsewhere after {moved:?}, data everywhere after {flowed:?}");
    assert!(
        moved < wait::AT_ONCE && flowed < wait::AT_ONCE,
        "tasks elsewhere after {moved:?}, data after {flowed:?}"
    );
    scene.check().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_work_of_a_worker_that_stops_flows_elsewhere_at_once_and_comes_back_with_it() {
    let broker = kafka::shared();
    let mut scene = Scene::new("stopped-worker", &broker.bootstrap(), SINKS).await;
    scene.group = scene.group.property("scheduled.rebalance.max.delay.ms", "60000");
    let mut members = three(&scene).await;
    for place in ["follower", "leader"] {
        let mut stopped = if place == "leader" { members.remove(0) } else { members.pop().expect("three") };
        let stopping = std::thread::spawn(move || {
            let status = stopped.stop();
            (Instant::now(), status, stopped.log())
        });
        let start = Instant::now();
        let moved = await_moved(&members, start, wait::LIMIT).await;
        scene.await_flow(wait::LIMIT).await;
        let flowed = start.elapsed();
        let (_, status, log) = stopping.join().expect("the worker ends");
        assert!(status.success(), "{log}");
        println!("{place} stopped: tasks elsewhere after {moved:?}, data everywhere after {flowed:?}");
        // A leader takes its knowledge of who said good-bye with it; the next one begins without delays.
        assert!(flowed < wait::AT_ONCE, "{place}: data flows after {flowed:?}");
        members.push(Member::sluice(&scene.group).await);
        scene.await_balance("with a new worker", &members.iter().collect::<Vec<_>>()).await;
    }
    assert_eq!(scene.check().await, 0, "nothing comes twice when workers stop in an orderly way");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_worker_that_was_frozen_past_its_session_gives_up_its_work_and_takes_its_share_again() {
    let broker = kafka::shared();
    let mut scene = Scene::new("frozen-worker", &broker.bootstrap(), SINKS).await;
    let mut members = three(&scene).await;
    let frozen = members.pop().expect("three");
    frozen.signal("STOP");
    let moved = await_moved(&members, Instant::now(), wait::LIMIT).await;
    println!("frozen: tasks elsewhere after {moved:?}");
    frozen.signal("CONT");
    members.push(frozen);
    scene.await_balance("after the thaw", &members.iter().collect::<Vec<_>>()).await;
    scene.await_flow(wait::LIMIT).await;
    scene.check().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn workers_live_through_the_restart_of_their_only_broker() {
    let mut broker = Kafka::start();
    let mut scene = Scene::new("restarted-broker", &broker.bootstrap(), SINKS).await;
    let members = three(&scene).await;
    scene.flow.pause().await;
    broker.kill();
    // Longer than the session of the workers.
    tokio::time::sleep(SESSION + Duration::from_secs(2)).await;
    broker.restart();
    scene.flow.resume(broker.client());
    scene.await_flow(wait::LIMIT * 2).await;
    scene.await_balance("after the restart", &members.iter().collect::<Vec<_>>()).await;
    wait::until("an answer of every worker", wait::LIMIT, async || {
        for member in &members {
            let picture = Picture::of(member.api()).await.map_err(|answer| format!("{answer:?}"))?;
            if picture.tasks.len() != SINKS {
                return Err(format!("{picture:?}"));
            }
        }
        Ok(())
    })
    .await;
    scene.check().await;
}
