use proptest::prelude::*;

use connect_core::testkit::props;

use super::*;
use crate::settings::Settings;

fn limits() -> Limits {
    Limits {
        max_entries: 3,
        max_bytes: 100,
        max_entry_bytes: 1000,
        joined_records: 1,
        joined_bytes: 50,
        linger: Duration::from_millis(100),
        keeps_order: false,
    }
}

fn item(partition: i32, offset: i64, size: usize, now: Instant) -> Item {
    Item {
        data: Bytes::from(vec![b'x'; size]),
        partition: TopicPartition::new("t", partition),
        offset,
        generation: 0,
        since: now,
        attempts: 0,
        due: None,
        is_alone: false,
        record: None,
    }
}

fn offsets(request: Option<&Vec<Entry>>) -> Vec<Vec<i64>> {
    let entries = request.into_iter().flatten();
    entries.map(|entry| entry.items.iter().map(|item| item.offset).collect()).collect()
}

#[test]
fn requests_end_before_the_entry_that_would_pass_a_limit() {
    let now = Instant::now();
    let mut queue = Queue::new(limits());
    for (offset, size) in [(0, 40), (1, 60), (2, 1), (3, 1), (4, 1), (5, 1), (6, 300), (7, 1)] {
        queue.push(item(0, offset, size, now));
    }
    let mut requests = Vec::new();
    while let Some(request) = queue.next_request(now) {
        requests.push(offsets(Some(&request)));
    }
    // One record that is larger than a request goes in one of its own.
    assert_eq!(
        requests,
        [
            vec![vec![0], vec![1]],
            vec![vec![2], vec![3], vec![4]],
            vec![vec![5]],
            vec![vec![6]],
            vec![vec![7]]
        ]
    );
    assert_eq!((queue.len(), queue.bytes()), (0, 0));
}

/// Returns how many records are in each entry of each request for records of these sizes, at the service's own limits.
fn requests(extra: &[(&str, &str)], sizes: impl IntoIterator<Item = usize>) -> Vec<Vec<usize>> {
    let mut keys = props(&[("deliveryStream", "logs"), ("batchSizeInBytes", "4194304")]);
    keys.extend(props(extra));
    let now = Instant::now();
    let mut queue = Queue::new(Settings::parse(&keys).expect("valid").limits);
    for (offset, size) in (0..).zip(sizes) {
        queue.push(item(0, offset, size, now));
    }
    let next = || queue.next_request(now);
    std::iter::from_fn(next).map(|entries| entries.iter().map(|entry| entry.items.len()).collect()).collect()
}

#[test]
fn a_request_holds_four_mebibytes_to_the_byte_and_not_one_more() {
    const LARGE: usize = 1000 * 1024;
    let rest = 4 * 1024 * 1024 - 4 * LARGE;
    let of = |last| requests(&[], [LARGE, LARGE, LARGE, LARGE, last]);
    assert_eq!(of(rest - 1), [vec![1; 5]]);
    assert_eq!(of(rest), [vec![1; 5]]);
    assert_eq!(of(rest + 1), [vec![1; 4], vec![1]]);
}

#[test]
fn a_request_holds_five_hundred_entries_and_not_one_more() {
    assert_eq!(requests(&[], vec![1; 500]), [vec![1; 500]]);
    assert_eq!(requests(&[], vec![1; 501]), [vec![1; 500], vec![1]]);
}

#[test]
fn an_entry_of_several_records_ends_at_its_limits_and_not_one_later() {
    let joined = [("aggregation.max.records", "500")];
    assert_eq!(requests(&joined, vec![1; 501]), [[500, 1]]);
    let half = 500 * 1024;
    assert_eq!(requests(&joined, [half, half - 1]), [[2]]);
    assert_eq!(requests(&joined, [half, half]), [[2]]);
    assert_eq!(requests(&joined, [half, half + 1]), [[1, 1]]);
}

#[test]
fn records_are_joined_up_to_the_limits_of_an_entry() {
    let now = Instant::now();
    let mut queue = Queue::new(Limits { joined_records: 3, ..limits() });
    for (offset, size) in [(0, 5), (1, 5), (2, 5), (3, 30), (4, 30)] {
        queue.push(item(0, offset, size, now));
    }
    let mut alone = item(0, 5, 1, now);
    alone.is_alone = true;
    queue.push(alone);
    let request = queue.next_request(now).expect("entries");
    assert_eq!(offsets(Some(&request)), [vec![0, 1, 2], vec![3], vec![4]]);
    assert_eq!(request[0].data().len(), 15);
    queue.push(item(0, 6, 1, now));
    let request = queue.next_request(now).expect("entries");
    assert_eq!(offsets(Some(&request)), [vec![5], vec![6]], "a record that stands alone is not joined");
}

#[test]
fn requests_wait_for_the_linger_time_unless_they_are_full() {
    let now = Instant::now();
    let mut queue = Queue::new(limits());
    assert_eq!(queue.due(now), None);
    queue.push(item(0, 0, 1, now));
    assert_eq!(queue.due(now), Some(now + Duration::from_millis(100)));
    queue.push(item(0, 1, 1, now));
    queue.push(item(0, 2, 1, now));
    assert_eq!(queue.due(now), Some(now));
}

#[test]
fn delayed_records_come_first_when_their_time_has_come_and_do_not_hold_others() {
    let now = Instant::now();
    let mut queue = Queue::new(limits());
    let mut failed = item(0, 0, 1, now);
    failed.due = Some(now + Duration::from_secs(1));
    queue.put_back(vec![failed]);
    assert_eq!(queue.due(now), Some(now + Duration::from_secs(1)));
    queue.push(item(0, 1, 1, now));
    assert_eq!(offsets(queue.next_request(now).as_ref()), [[1]]);
    assert!(queue.next_request(now).is_none());
    queue.push(item(0, 2, 1, now));
    assert_eq!(offsets(queue.next_request(now + Duration::from_secs(1)).as_ref()), [[0], [2]]);
}

#[test]
fn where_order_is_kept_a_partition_waits_for_its_request_and_its_failed_records() {
    let now = Instant::now();
    let mut queue = Queue::new(Limits { keeps_order: true, max_entries: 2, ..limits() });
    for offset in 0..4 {
        queue.push(item(0, offset, 1, now));
    }
    queue.push(item(1, 10, 1, now + Duration::from_millis(1)));
    let mut first = queue.next_request(now).expect("entries");
    assert_eq!(offsets(Some(&first)), [[0], [1]]);
    assert_eq!(offsets(queue.next_request(now).as_ref()), [[10]], "the other partition goes on");
    assert!(queue.next_request(now).is_none());
    let mut failed = first.remove(1).items.remove(0);
    failed.due = Some(now + Duration::from_secs(1));
    queue.release(&failed.partition);
    queue.put_back(vec![failed]);
    assert!(queue.next_request(now).is_none(), "nothing passes the failed record");
    assert_eq!(offsets(queue.next_request(now + Duration::from_secs(1)).as_ref()), [[1], [2]]);
}

proptest! {
    #[test]
    fn nothing_is_lost_no_limit_is_passed_and_order_is_kept(
        sizes in prop::collection::vec((0i32..3, 0usize..130), 1..60),
        joined_records in 1usize..4,
        keeps_order: bool,
        fails in prop::collection::vec(any::<bool>(), 200),
    ) {
        let now = Instant::now();
        let limits = Limits { joined_records, keeps_order, ..limits() };
        let mut queue = Queue::new(limits);
        for (offset, (partition, size)) in (0..).zip(&sizes) {
            queue.push(item(*partition, offset, *size, now));
        }
        let mut fails = fails.into_iter();
        let mut accepted: BTreeMap<i32, Vec<i64>> = BTreeMap::new();
        let mut count = 0;
        while let Some(request) = queue.next_request(now) {
            let bytes: usize = request.iter().map(|entry| entry.size_bytes).sum();
            prop_assert!(request.len() <= limits.max_entries);
            prop_assert!(bytes <= limits.max_bytes || request.iter().map(|entry| entry.items.len()).sum::<usize>() == 1);
            // A request fails whole here, so order of acceptance is that of the offsets.
            let is_failed = fails.next().unwrap_or(false);
            let mut again = Vec::new();
            for entry in request {
                prop_assert!(entry.items.len() <= joined_records);
                for item in entry.items {
                    queue.release(&item.partition);
                    if is_failed {
                        again.push(item);
                    } else {
                        count += 1;
                        accepted.entry(item.partition.partition).or_default().push(item.offset);
                    }
                }
            }
            queue.put_back(again);
        }
        prop_assert_eq!(count, sizes.len());
        prop_assert!(queue.is_empty() && queue.bytes() == 0);
        if keeps_order {
            for offsets in accepted.values() {
                prop_assert!(offsets.is_sorted());
            }
        }
    }
}
