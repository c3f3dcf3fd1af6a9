use std::sync::Arc;

use crate::kafka::memory::MemoryKafka;
use crate::kafka::port::{BatchConsumer, Rebalance};

use super::*;

fn partition(number: i32) -> TopicPartition {
    TopicPartition::new("t", number)
}

fn offsets(pairs: &[(i32, i64)]) -> Offsets {
    pairs.iter().map(|(number, offset)| (partition(*number), *offset)).collect()
}

/// Returns a cluster whose partition 0 holds `count` records, and a consumer of it that drains.
fn reading(count: usize, drain: &Arc<Drain>) -> (MemoryKafka, DrainingConsumer) {
    let kafka = MemoryKafka::default();
    for number in 0..count {
        kafka.append(&partition(0), &number.to_string());
    }
    let mut consumer = DrainingConsumer::new(kafka.consumer(), Arc::clone(drain));
    kafka.rebalance(Rebalance::Assigned(vec![partition(0)]));
    let assigned = consumer.next_rebalance().expect("an assignment");
    consumer.finish_rebalance(&assigned, &Offsets::new()).expect("assigned");
    (kafka, consumer)
}

fn polled(consumer: &mut DrainingConsumer, max: usize) -> Vec<i64> {
    let mut batch = RawBatch::default();
    consumer.poll(max, &mut batch).expect("polled");
    batch.records.iter().map(|record| record.offset).collect()
}

#[tokio::test]
async fn records_behind_the_goal_are_not_handed_on_and_done_is_after_the_commit() {
    let drain = Arc::new(Drain::new(offsets(&[(0, 3), (1, 0)]), &Offsets::new(), None));
    assert_eq!(drain.behind(), 3);
    let (_kafka, mut consumer) = reading(5, &drain);
    let now = Instant::now();
    assert!(!consumer.wants_commit(now));
    assert_eq!(polled(&mut consumer, 10), [0, 1, 2]);
    assert_eq!(drain.stage(now), Stage::Working);
    assert!(consumer.wants_commit(now) && !consumer.wants_commit(now), "once in a while");
    consumer.commit(&offsets(&[(0, 2)])).await.expect("committed");
    assert_eq!(drain.tally(), Tally { records: 3, uncommitted: 1 });
    consumer.commit(&offsets(&[(0, 3)])).await.expect("committed");
    assert_eq!(drain.stage(now), Stage::Done);
    assert_eq!(drain.tally(), Tally { records: 3, uncommitted: 0 });
}

#[tokio::test]
async fn no_more_records_are_read_than_allowed() {
    let drain = Arc::new(Drain::new(offsets(&[(0, 100)]), &Offsets::new(), Some(7)));
    let (_kafka, mut consumer) = reading(20, &drain);
    assert_eq!(polled(&mut consumer, 5).len(), 5);
    assert_eq!(polled(&mut consumer, 5), [5, 6]);
    assert!(polled(&mut consumer, 5).is_empty());
    consumer.commit(&offsets(&[(0, 7)])).await.expect("committed");
    assert_eq!(drain.stage(Instant::now()), Stage::Done);
}

#[tokio::test]
async fn partitions_given_up_are_read_again_from_what_is_committed() {
    let drain = Arc::new(Drain::new(offsets(&[(0, 4)]), &Offsets::new(), Some(4)));
    let (_kafka, mut consumer) = reading(4, &drain);
    assert_eq!(polled(&mut consumer, 10).len(), 4);
    consumer.commit(&offsets(&[(0, 1)])).await.expect("committed");
    consumer.finish_rebalance(&Rebalance::Revoked(vec![partition(0)]), &Offsets::new()).expect("revoked");
    assert_eq!(drain.stage(Instant::now()), Stage::Working);
    assert_eq!(drain.tally(), Tally { records: 1, uncommitted: 0 });
    assert_eq!(drain.reserve(10), 3, "room for those that come again");
}

#[test]
fn offsets_committed_before_or_by_others_count() {
    let drain = Drain::new(offsets(&[(0, 5), (1, 5)]), &offsets(&[(0, 5)]), None);
    assert_eq!((drain.behind(), drain.stage(Instant::now())), (5, Stage::Working));
    drain.note_committed(&offsets(&[(1, 6)]));
    assert_eq!((drain.behind(), drain.stage(Instant::now())), (0, Stage::Done));
}

#[test]
fn the_end_of_a_partition_counts_although_no_record_stands_there() {
    let drain = Drain::new(offsets(&[(0, 5)]), &Offsets::new(), None);
    drain.admit(10, &mut RawBatch::default(), vec![partition(0), partition(9)]);
    assert_eq!(drain.stage(Instant::now()), Stage::Done);
}

#[tokio::test]
async fn what_a_sink_keeps_back_ends_the_wait_unless_its_target_is_in_trouble() {
    let drain = Arc::new(Drain::new(offsets(&[(0, 2)]), &Offsets::new(), None));
    let (_kafka, mut consumer) = reading(2, &drain);
    polled(&mut consumer, 10);
    let start = Instant::now();
    consumer.tell_trouble(true);
    for second in 0..20 {
        consumer.wants_commit(start + Duration::from_secs(second));
    }
    let later = start + Duration::from_secs(20);
    assert_eq!(drain.stage(later), Stage::Working);
    consumer.tell_trouble(false);
    assert_eq!(drain.stage(later), Stage::KeptBack);
}
