//! The end of a run that ends by itself.

use super::*;

/// A world that is read up to `goal` in partition 0.
fn world(name: &str, goal: i64) -> World {
    let mut world = World::new(name, &[]);
    let drain = Drain::new(Offsets::from([(partition(0), goal)]), &Offsets::new(), None);
    lock(&world.target).drain = Some(Arc::new(drain));
    world.append(0, 10);
    world.kafka.rebalance(Rebalance::Assigned(vec![partition(0)]));
    world
}

#[tokio::test]
async fn what_waits_to_be_put_is_put_before_the_task_is_drained_and_all_of_it_is_committed() {
    let mut world = world("drained", 8);
    lock(&world.target).failing_puts = 30;
    world.start();
    world.committed(0, 8).await;
    assert_eq!(lock(&world.target).drained, [8], "once, with everything up to the goal");
    assert!(world.stop().await);
}

#[tokio::test]
async fn drain_that_did_not_succeed_for_now_is_tried_again_and_nothing_is_committed_before() {
    let mut world = world("drained-again", 10);
    lock(&world.target).failing_drains = 2;
    world.start();
    world.committed(0, 10).await;
    assert_eq!(lock(&world.target).drained, [10, 10, 10]);
    assert!(world.stop().await);
}

#[tokio::test]
async fn task_whose_place_is_taken_while_it_is_drained_commits_nothing_and_says_nothing() {
    let mut world = world("drained-fenced", 10);
    lock(&world.target).drain_delay = Duration::from_secs(60);
    world.start();
    world.state(TaskState::Running).await;
    world.target_is("drained in time", |target| target.drained == [10]).await;
    world.gives_way().await;
    assert_eq!(world.kafka.committed(), Offsets::new());
}
