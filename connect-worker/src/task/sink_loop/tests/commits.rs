//! What a commit asks of the task first, and what its refusal means.

use super::refused::metric;
use super::*;

fn count(world: &World) -> Option<u64> {
    metric(world, "sink_task_offset_commit_seq_no")
}

#[tokio::test]
async fn commits_are_counted_from_the_first_record_on() {
    let mut world = World::new("commits-counted", &[]);
    world.kafka.rebalance(Rebalance::Assigned(vec![partition(0)]));
    world.start();
    world.state(TaskState::Running).await;
    // Many times `offset.flush.interval.ms`.
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert!(count(&world).is_none_or(|count| count == 0), "{:?}", count(&world));
    world.append(0, 10);
    world.committed(0, 10).await;
    world.append(0, 1);
    world.committed(0, 11).await;
    assert!(count(&world) >= Some(1), "{:?}", count(&world));
    assert!(world.stop().await);
}

#[tokio::test]
async fn pre_commit_that_fails_brings_what_is_not_committed_again() {
    let mut world = World::new("pre-commit-fails", &[]);
    world.append(0, 10);
    world.kafka.rebalance(Rebalance::Assigned(vec![partition(0)]));
    world.start();
    world.committed(0, 10).await;
    lock(&world.target).failing_pre_commits = 1;
    world.target_is("asked once", |target| target.failing_pre_commits == 0).await;
    lock(&world.target).failing_pre_commits = 3;
    world.append(0, 5);
    world.committed(0, 15).await;
    world.check_nothing_is_lost();
    assert!(world.stop().await);
}

#[tokio::test]
async fn pre_commit_that_fails_before_a_partition_goes_commits_nothing_and_the_task_lives() {
    let mut world = World::new("pre-commit-fails-closing", &[]);
    world.append(0, 10);
    world.kafka.rebalance(Rebalance::Assigned(vec![partition(0)]));
    world.start();
    world.committed(0, 10).await;
    lock(&world.target).failing_pre_commits = u32::MAX;
    world.append(0, 5);
    world.target_is("put", |target| target.taken.contains(&(partition(0), 14))).await;
    world.kafka.rebalance(Rebalance::Revoked(vec![partition(0)]));
    world.target_is("closed", |target| target.closes == [CloseReason::Revoked]).await;
    assert_eq!(world.kafka.committed().get(&partition(0)), Some(&10));
    lock(&world.target).failing_pre_commits = 0;
    world.kafka.rebalance(Rebalance::Assigned(vec![partition(0)]));
    world.committed(0, 15).await;
    world.check_nothing_is_lost();
    assert!(world.stop().await);
}
