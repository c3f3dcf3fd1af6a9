//! The loop against an in-process Kafka: what is committed, when, and what a failure or a newer task leaves behind.

mod world;

use bytes::Bytes;

use crate::kafka::memory_producer::CommitFault;
use crate::task::exactly_once::tests::world::{World, lock};
use crate::task::handle::{TargetState, TaskState};

const BY_CONNECTOR: (&str, &str) = ("transaction.boundary", "connector");
const BY_INTERVAL: [(&str, &str); 2] =
    [("transaction.boundary", "interval"), ("transaction.boundary.interval.ms", "3600000")];

#[tokio::test]
async fn task_starts_only_after_older_ones_are_fenced_and_its_turn_is_checked() {
    let mut world = World::new("once-order", &[]);
    world.start();
    world.state(TaskState::Running).await;
    world.stop().await;
    let expected = ["fence", "init", "verify 0 7", "open", "start", "stop", "close"];
    assert_eq!(world.kafka.steps(), expected);

    let mut late = World::new("once-late", &[]);
    late.refuse("Cannot start source task once-late-0 with exactly-once support");
    late.start();
    let trace = late.state(TaskState::Failed).await.expect("a trace");
    assert!(trace.contains("Cannot start source task once-late-0"), "{trace}");
    assert_eq!(late.kafka.steps(), ["fence", "init", "verify 0 7", "close"]);
}

#[tokio::test]
async fn each_poll_is_one_transaction_with_its_offset_and_records_are_told_after_it() {
    let drops = [
        ("transforms", "drop"),
        ("transforms.drop.type", "org.apache.kafka.connect.transforms.Filter"),
        ("transforms.drop.predicate", "null"),
        ("predicates", "null"),
        ("predicates.null.type", "org.apache.kafka.connect.transforms.predicates.RecordIsTombstone"),
    ];
    let mut world = World::new("once-poll", &drops);
    world.kafka.fail_commit(CommitFault::Slow);
    world.script.poll(&["a", "-", "b"]);
    world.start();
    world.until("the first batch is committed", |it| it.committed().len() == 1).await;
    world.script.poll(&["-"]);
    world.script.poll(&["c"]);
    world.until("the third batch is committed", |it| it.committed().len() == 2).await;
    world.stop().await;

    assert_eq!(world.committed(), [r#"a b @{"o":3}"#, r#"c @{"o":5}"#]);
    let heard = ["a:true", "-:false", "b:true", "commit", "-:false", "commit", "c:true", "commit"];
    assert_eq!(world.script.heard(), heard);
    let entry = |value: &'static str| {
        (Bytes::from_static(br#"["once-poll",{"p":0}]"#), Some(Bytes::from_static(value.as_bytes())))
    };
    assert_eq!(*lock(&world.secondary), [entry(r#"{"o":3}"#), entry(r#"{"o":5}"#)]);
}

#[tokio::test]
async fn connector_commits_and_aborts_where_it_says() {
    let mut world = World::new("once-connector", &[BY_CONNECTOR]);
    world.script.poll_asking(&["a", "b", "c"], |context| context.commit_after(1));
    world.script.poll_asking(&["d"], |context| context.commit());
    // The offsets of aborted records are committed, so that they are not read again.
    world.script.poll_asking(&["e", "f", "g"], |context| context.abort_after(1));
    world.script.poll_asking(&[], |context| context.abort());
    // Nothing is open any more: ignored.
    world.script.poll_asking(&[], |context| context.abort());
    world.script.poll(&["h"]);
    world.start();
    world.until("everything is sent", |it| it.committed().len() == 4 && it.kafka.is_open()).await;
    world.stop().await;

    let expected = [r#"a b @{"o":2}"#, r#"c d @{"o":4}"#, r#"@{"o":6}"#, r#"@{"o":7}"#];
    assert_eq!(world.committed(), expected);
    // The task did not ask for the end of what holds `h`.
    assert_eq!((world.kafka.aborted(), world.kafka.is_open()), (3, false));
    let heard = world.script.heard();
    assert_eq!(heard[..3], ["a:true", "b:true", "commit"]);
    assert_eq!(heard[6..11], ["e:false", "f:false", "commit", "g:false", "commit"]);
}

#[tokio::test]
async fn asking_for_both_ends_of_a_transaction_fails_the_task() {
    let mut world = World::new("once-both", &[BY_CONNECTOR]);
    world.script.poll_asking(&["a"], |context| {
        context.commit();
        context.abort();
    });
    world.start();
    let trace = world.state(TaskState::Failed).await.expect("a trace");
    assert!(trace.contains("both commit and abort of same transaction"), "{trace}");
    assert_eq!(world.committed(), [""; 0]);
}

#[tokio::test]
async fn failing_task_commits_nothing_and_leaves_nothing_open() {
    let mut world = World::new("once-failing", &BY_INTERVAL);
    world.script.poll(&["a", "b"]);
    world.script.fail("source is broken");
    world.start();
    let trace = world.state(TaskState::Failed).await.expect("a trace");
    assert!(trace.contains("source is broken"), "{trace}");
    assert_eq!((world.committed(), world.kafka.aborted(), world.kafka.is_open()), (vec![], 1, false));
    assert_eq!(world.script.heard(), [""; 0]);
}

#[tokio::test]
async fn record_that_was_not_written_fails_the_whole_transaction() {
    let mut world = World::new("once-unwritten", &[]);
    world.kafka.fail_commit(CommitFault::Abortable);
    world.script.poll(&["a"]);
    world.start();
    let trace = world.state(TaskState::Failed).await.expect("a trace");
    assert!(trace.contains("Failed to flush offsets and/or records for task once-unwritten-0"), "{trace}");
    assert!(trace.contains("a record was not written"), "{trace}");
    assert_eq!((world.committed(), world.kafka.aborted()), (vec![], 1));
}

#[tokio::test]
async fn fenced_task_fails_and_adds_nothing() {
    let mut world = World::new("once-zombie", &BY_INTERVAL);
    world.script.poll(&["a"]);
    world.start();
    world.until("a record is sent", |it| it.kafka.is_open()).await;
    world.kafka.fence("-once-zombie-0");
    world.script.poll(&["b"]);
    let trace = world.state(TaskState::Failed).await.expect("a trace");
    assert!(trace.contains("fenced by a newer producer"), "{trace}");
    assert_eq!((world.committed(), world.kafka.is_open()), (vec![], false));
}

#[tokio::test]
async fn pause_and_stop_commit_what_is_open_and_the_interval_needs_no_new_batch() {
    let mut world = World::new("once-rest", &BY_INTERVAL);
    world.script.poll(&["a"]);
    world.start();
    world.until("a record is sent", |it| it.kafka.is_open()).await;
    world.handle.as_ref().expect("started").set_target(TargetState::Paused);
    world.state(TaskState::Paused).await;
    assert_eq!(world.committed(), [r#"a @{"o":1}"#]);
    world.script.poll(&["b"]);
    world.handle.as_ref().expect("started").set_target(TargetState::Started);
    world.until("a record is sent", |it| it.kafka.is_open()).await;
    world.stop().await;
    assert_eq!(world.committed(), [r#"a @{"o":1}"#, r#"b @{"o":2}"#]);

    let often = [BY_INTERVAL[0], ("transaction.boundary.interval.ms", "30")];
    let mut silent = World::new("once-silent", &often);
    silent.script.poll(&["a"]);
    silent.start();
    silent.until("the interval ends without another batch", |it| it.committed().len() == 1).await;
    silent.stop().await;
}

#[tokio::test]
async fn record_for_the_own_offsets_topic_fails_the_task() {
    let mut world = World::new("once-own-topic", &[]);
    world.script.poll(&["a", "offsets/b"]);
    world.start();
    let trace = world.state(TaskState::Failed).await.expect("a trace");
    assert!(trace.contains("Source tasks may not produce to their own offsets topics"), "{trace}");
    assert_eq!(world.committed(), [""; 0]);
}

/// Kills the task at random moments, with faults of the commit, and starts it again, as another worker does.
#[tokio::test]
async fn every_number_is_committed_once_whatever_is_killed() {
    for seed in 0..60 {
        let mut random = fastrand::Rng::with_seed(seed);
        let by = ["poll", "interval"][seed as usize % 2];
        let boundary = [("transaction.boundary", by), ("transaction.boundary.interval.ms", "1")];
        let mut world = World::new(&format!("once-simulated-{seed}"), &boundary);
        let count = 200;
        *lock(&world.script.count) = count;
        let numbers = |it: &World| -> Vec<String> {
            let all = it.kafka.committed().into_iter().flatten().filter(|written| written.topic == "t");
            all.filter_map(|written| written.value).collect()
        };
        let mut rounds = 0;
        while (numbers(&world).len() as u64) < count {
            rounds += 1;
            assert!(rounds < 2_000, "seed {seed}: no progress");
            match random.u8(..8) {
                0 => world.kafka.fail_commit(CommitFault::DoneButLost),
                1 => world.kafka.fail_commit(CommitFault::Abortable),
                2 => world.kafka.fail_commit(CommitFault::Slow),
                _ => {}
            }
            world.start();
            for _ in 0..random.u32(1..400) {
                tokio::task::yield_now().await;
            }
            if random.bool() {
                world.stop().await;
            } else {
                world.kill().await;
            }
        }
        let expected: Vec<String> = (0..count).map(|number| number.to_string()).collect();
        assert_eq!(numbers(&world), expected, "seed {seed}");
    }
}
