//! Batches that a target refuses whole.

use super::*;

/// A world whose target refuses the given records of partition 0, of which `count` arrive in one batch.
fn world(name: &str, count: usize, refused: &[i64], extra: &[(&str, &str)]) -> World {
    let mut world = World::new(name, extra);
    world.append(0, count);
    lock(&world.target).refused = refused.iter().map(|offset| (partition(0), *offset)).collect();
    world.kafka.rebalance(Rebalance::Assigned(vec![partition(0)]));
    world
}

const TOLERANT: [(&str, &str); 1] = [("errors.tolerance", "all")];

pub(super) fn metric(world: &World, name: &str) -> Option<u64> {
    let text = world.metrics.render();
    let line = text.lines().find(|line| line.starts_with(&format!("kafka_connect_{name}{{")))?;
    line.rsplit(' ').next()?.parse().ok()
}

#[tokio::test]
async fn records_at_fault_are_skipped_and_the_others_are_taken_once_in_order() {
    let cases: [(&str, usize, &[i64], usize); 6] = [
        ("first", 64, &[0], 13),
        ("last", 64, &[63], 13),
        ("several", 100, &[3, 4, 50, 99], 50),
        ("neighbours", 2, &[0, 1], 3),
        ("all", 40, &(0..40).collect::<Vec<_>>(), 79),
        ("alone", 1, &[0], 1),
    ];
    for (name, count, refused, most_puts) in cases {
        let mut world = world(&format!("refused-{name}"), count, refused, &TOLERANT);
        world.start();
        world.committed(0, count as i64).await;
        world.append(0, 3);
        world.committed(0, count as i64 + 3).await;
        let good: Vec<_> = (0..count as i64 + 3)
            .filter(|offset| !refused.contains(offset))
            .map(|offset| (partition(0), offset))
            .collect();
        {
            let target = lock(&world.target);
            assert_eq!(target.taken, good, "{name}");
            assert!(target.puts.len() <= most_puts + 3, "{name}: {:?}", target.puts);
        }
        let errors = refused.len() as u64;
        let seen =
            ["failures", "errors"].map(|what| metric(&world, &format!("task_error_total_record_{what}")));
        assert_eq!(seen, [Some(errors); 2], "{name}");
        assert_eq!(metric(&world, "task_error_total_records_skipped"), Some(errors), "{name}");
        let sent = metric(&world, "sink_task_sink_record_send_total");
        assert_eq!(sent, Some(count as u64 + 3 - errors), "{name}");
        assert!(world.stop().await);
    }
}

#[tokio::test]
async fn refused_batch_fails_the_task_unless_errors_are_tolerated() {
    let mut world = world("refused-strict", 10, &[4], &[]);
    world.start();
    let trace = world.state(TaskState::Failed).await.expect("a trace");
    assert!(trace.contains("Exiting WorkerSinkTask due to unrecoverable exception."), "{trace}");
    assert!(trace.contains("DataException: 400 from the target"), "{trace}");
    assert!(world.stop().await);
    assert_eq!((lock(&world.target).puts.clone(), world.kafka.committed()), (vec![10], Offsets::new()));
}

#[tokio::test]
async fn error_that_does_not_promise_that_nothing_was_delivered_fails_the_task_though_errors_are_tolerated() {
    let mut world = world("refused-unsure", 10, &[], &TOLERANT);
    lock(&world.target).fatal = true;
    world.start();
    let trace = world.state(TaskState::Failed).await.expect("a trace");
    assert!(trace.contains("target is broken"), "{trace}");
    assert!(world.stop().await);
    assert_eq!(world.kafka.committed(), Offsets::new());
}

#[tokio::test]
async fn part_that_is_to_be_tried_again_comes_again_alone_and_nothing_is_committed_before() {
    let mut world = world("refused-busy", 16, &[9], &TOLERANT);
    lock(&world.target).busy_with = Some(((partition(0), 12), u32::MAX));
    world.start();
    // 16, 8 taken, 8, 4, 2, 1 taken, 1 refused, 2 taken, then the part that the target is too busy for.
    let puts = [16, 8, 8, 4, 2, 1, 1, 2, 4, 4, 4];
    world.target_is("tried again", |target| target.puts.starts_with(&puts)).await;
    world.append(0, 1);
    assert_eq!(world.kafka.committed(), Offsets::new(), "the batch is not delivered yet");
    lock(&world.target).busy_with = None;
    world.committed(0, 17).await;
    let good: Vec<_> = (0..17).filter(|offset| *offset != 9).map(|offset| (partition(0), offset)).collect();
    assert_eq!(lock(&world.target).taken, good);
    assert!(world.stop().await);
}

#[tokio::test]
async fn partition_that_is_lost_amid_the_parts_takes_its_records_along() {
    let mut world = world("refused-lost", 8, &[1], &TOLERANT);
    lock(&world.target).busy_with = Some(((partition(0), 3), u32::MAX));
    world.append(1, 4);
    world.kafka.rebalance(Rebalance::Assigned(vec![partition(1)]));
    world.start();
    world.target_is("in the midst of the parts", |target| target.puts.len() >= 8).await;
    world.kafka.rebalance(Rebalance::Lost(vec![partition(0)]));
    world.append(1, 2);
    world.committed(1, 6).await;
    let of_the_other: Vec<_> =
        lock(&world.target).taken.iter().filter(|(owner, _)| *owner == partition(1)).cloned().collect();
    assert_eq!(of_the_other, (0..6).map(|offset| (partition(1), offset)).collect::<Vec<_>>());
    assert_eq!(world.kafka.committed().get(&partition(0)), None);
    assert!(world.stop().await);
}

#[tokio::test]
async fn many_slow_parts_do_not_keep_a_task_from_stopping_nor_commit_what_is_left() {
    let all: Vec<i64> = (0..500).collect();
    let mut world = world("refused-slow", 500, &all, &TOLERANT);
    lock(&world.target).put_delay = Duration::from_millis(30);
    world.start();
    world.state(TaskState::Running).await;
    world.target_is("in the midst of the parts", |target| target.puts.len() >= 20).await;
    assert!(world.stop().await, "the task ends");
    assert_eq!(world.kafka.committed(), Offsets::new());
}
