//! Which offsets the objects of the S3 sink hold, read back by the readers of their formats: each record holds its
//! own offset as its number.

use std::collections::BTreeMap;

use connect_tests::{fault_s3::FaultS3, s3::Objects};

use crate::s3_formats::ids;

/// Returns what is wrong with the objects of a partition: offsets from 0 to `count` that are in none of them or in
/// several, and records that are not where they belong. Objects of other partitions are passed over.
pub(crate) fn faults_of(objects: &Objects, topic: &str, partition: i32, count: usize) -> Vec<String> {
    let mut faults = Vec::new();
    let mut held = vec![0_u32; count];
    for (key, first, bytes) in of_partition(objects, topic, partition) {
        for (offset, id) in (first..).zip(ids(key, bytes)) {
            match usize::try_from(offset).ok().and_then(|offset| held.get_mut(offset)) {
                Some(times) if id == offset => *times += 1,
                _ => faults.push(format!("`{key}` holds record {id} in the place of {offset}")),
            }
        }
    }
    let wrong = held.iter().enumerate().filter(|(_, times)| **times != 1);
    faults.extend(
        wrong.map(|(offset, times)| format!("offset {offset} of {partition} is there {times} times")),
    );
    faults.truncate(10);
    faults
}

/// Asserts that each record of each partition, `count` in all of them, is in exactly one object.
pub(crate) fn assert_each_offset_once(objects: &Objects, topic: &str, partitions: i32, count: usize) {
    let faults: Vec<String> =
        (0..partitions).flat_map(|partition| faults_of(objects, topic, partition, count)).collect();
    assert!(faults.is_empty(), "{faults:#?}");
}

/// Returns the offset up to which a partition is in objects without a gap.
pub(crate) fn stored(objects: &Objects, topic: &str, partition: i32) -> i64 {
    let lengths: BTreeMap<i64, i64> = of_partition(objects, topic, partition)
        .map(|(key, first, bytes)| (first, i64::try_from(ids(key, bytes).len()).expect("a count")))
        .collect();
    let mut next = 0;
    while let Some(length) = lengths.get(&next).filter(|length| **length > 0) {
        next += length;
    }
    next
}

/// Asserts that no object was ever written with other content than the first time.
pub(crate) fn assert_no_object_changed(proxy: &FaultS3) {
    let versions = proxy.versions();
    assert!(!versions.is_empty(), "the proxy saw no object");
    let is_changed = |contents: &[_]| contents.iter().any(|content| *content != contents[0]);
    let changed: Vec<_> = versions.iter().filter(|(_, contents)| is_changed(contents)).take(10).collect();
    assert!(changed.is_empty(), "objects were overwritten with other content: {changed:#?}");
}

fn of_partition<'a>(
    objects: &'a Objects,
    topic: &str,
    partition: i32,
) -> impl Iterator<Item = (&'a str, i64, &'a [u8])> {
    let start = format!("topics/{topic}/partition={partition}/{topic}+{partition}+");
    objects.iter().filter_map(move |(key, bytes)| {
        let first = key.strip_prefix(&start)?.split('.').next()?.parse().ok()?;
        Some((key.as_str(), first, bytes.as_slice()))
    })
}

#[test]
fn a_lost_a_repeated_and_a_misplaced_record_are_told() {
    let object = |first: i64, ids: &[i64]| {
        let lines: String = ids.iter().map(|id| format!("{{\"id\":{id}}}\n")).collect();
        (format!("topics/t/partition=0/t+0+{first:010}.json"), lines.into_bytes())
    };
    let fine = Objects::from([object(0, &[0, 1]), object(2, &[2, 3])]);
    assert_eq!((faults_of(&fine, "t", 0, 4).len(), stored(&fine, "t", 0)), (0, 4));
    assert_eq!(faults_of(&fine, "t", 0, 5).len(), 1, "one is lost");
    let twice = Objects::from([object(0, &[0, 1]), object(1, &[1])]);
    assert_eq!(faults_of(&twice, "t", 0, 2).len(), 1);
    let misplaced = Objects::from([object(0, &[1, 0])]);
    assert_eq!(faults_of(&misplaced, "t", 0, 2).len(), 4);
    assert_eq!(stored(&Objects::from([object(2, &[2])]), "t", 0), 0);
}
