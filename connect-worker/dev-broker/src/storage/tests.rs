//! Tests of the storage modules together: a log in a temporary folder, closed and opened again.

use std::{collections::BTreeMap, fs, path::Path};

use kafka_protocol::{
    error::ResponseError,
    records::{Compression, Record, RecordBatchEncoder, RecordEncodeOptions, TimestampType},
};
use proptest::prelude::{any, prop_assert_eq, proptest};

use super::{
    batch::{self, BatchHeader},
    compaction,
    journal::Journal,
    partition::{Appended, PartitionLog},
    producers::AbortedRange,
    records,
    topic_config::{Overrides, TopicConfig, validate},
};
use crate::config::BrokerConfig;

/// Configurations as tests write them.
type Overridden<'a> = &'a [(&'a str, &'a str)];

/// A producer that writes small batches.
struct Writer {
    producer_id: i64,
    epoch: i16,
    sequence: i32,
    is_transactional: bool,
    compression: Compression,
    timestamp: i64,
}

impl Writer {
    fn plain() -> Self {
        Self::with_id(-1)
    }

    fn with_id(producer_id: i64) -> Self {
        Self {
            producer_id,
            epoch: if producer_id < 0 { -1 } else { 0 },
            sequence: if producer_id < 0 { -1 } else { 0 },
            is_transactional: false,
            compression: Compression::None,
            timestamp: 1000,
        }
    }

    fn transactional(producer_id: i64) -> Self {
        Self { is_transactional: true, ..Self::with_id(producer_id) }
    }

    /// Returns the next batch; a record without value is a tombstone.
    fn batch(&mut self, records: &[(&str, Option<&str>)]) -> Vec<u8> {
        let first = self.sequence;
        let make = |(index, (key, value)): (usize, &(&str, Option<&str>))| Record {
            transactional: self.is_transactional,
            control: false,
            delete_horizon: false,
            partition_leader_epoch: -1,
            producer_id: self.producer_id,
            producer_epoch: self.epoch,
            timestamp_type: TimestampType::Creation,
            offset: index as i64,
            sequence: if first < 0 { index as i32 - 1 } else { first + index as i32 },
            timestamp: self.timestamp,
            key: Some(key.as_bytes().to_vec().into()),
            value: value.map(|value| value.as_bytes().to_vec().into()),
            headers: Default::default(),
        };
        let records: Vec<Record> = records.iter().enumerate().map(make).collect();
        let options = RecordEncodeOptions { version: 2, compression: self.compression };
        let mut bytes = bytes::BytesMut::new();
        RecordBatchEncoder::encode(&mut bytes, &records, &options).unwrap();
        if self.sequence >= 0 {
            self.sequence += records.len() as i32;
        }
        bytes.to_vec()
    }
}

fn config(overrides: Overridden<'_>) -> TopicConfig {
    let overrides: Overrides =
        overrides.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
    for (key, value) in &overrides {
        validate(key, value).unwrap();
    }
    TopicConfig::new(&overrides, &BrokerConfig::new("unused"))
}

fn append(log: &mut PartitionLog, batch: &[u8], config: &TopicConfig) -> i64 {
    log.append(batch, config, 5000).unwrap().base_offset
}

/// Returns offset, key and value of everything below `upto`.
fn contents(log: &PartitionLog, upto: i64) -> Vec<(i64, String)> {
    let mut found = Vec::new();
    let mut from = log.start_offset();
    loop {
        let slice = log.read(from, upto, 1 << 20).unwrap().records;
        if slice.is_empty() {
            return found;
        }
        let mut rest = &slice[..];
        while let Some(header) = BatchHeader::parse(rest) {
            let (batch, later) = rest.split_at(header.size_bytes);
            assert!(header.is_intact(batch));
            if !header.is_control() {
                let records = records::decode(&header, batch).unwrap();
                let text = |record: records::RawRecord| {
                    let key = String::from_utf8(record.key.unwrap_or_default().to_vec()).unwrap();
                    (record.offset, if record.is_tombstone { format!("-{key}") } else { key })
                };
                found.extend(records.into_iter().map(text));
            }
            from = header.last_offset() + 1;
            rest = later;
        }
    }
}

fn log_files(dir: &Path) -> Vec<String> {
    let mut names: Vec<String> = fs::read_dir(dir)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name.ends_with(".log"))
        .collect();
    names.sort();
    names
}

fn compact(log: &mut PartitionLog, config: &TopicConfig, now_ms: i64) -> bool {
    let Some(plan) = compaction::plan(log, config, now_ms).unwrap() else { return false };
    compaction::install(log, plan.run().unwrap()).unwrap();
    true
}

proptest! {
    #[test]
    fn log_cut_at_any_byte_keeps_exactly_the_whole_batches_before_it(cut in any::<proptest::sample::Index>(), flip in any::<bool>()) {
        let dir = tempfile::tempdir().unwrap();
        let mut writer = Writer::with_id(7);
        let mut ends = vec![0];
        {
            let mut log = PartitionLog::open(dir.path()).unwrap();
            for _ in 0..8 {
                append(&mut log, &writer.batch(&[("a", Some("value")), ("b", Some("other"))]), &config(&[]));
                ends.push(log.size_bytes());
            }
        }
        let path = dir.path().join("00000000000000000000.log");
        let mut bytes = fs::read(&path).unwrap();
        let at = cut.index(bytes.len());
        if flip {
            // A damaged byte of a batch, its offset and leader epoch aside: these are not under its checksum.
            let batch = ends.partition_point(|end| *end <= at as u64) - 1;
            let within = at - ends[batch] as usize;
            let at = if within < 21 { ends[batch] as usize + 21 } else { at };
            bytes[at] ^= 0x40;
        } else {
            bytes.truncate(at);
        }
        fs::write(&path, &bytes).unwrap();
        let whole = ends.partition_point(|end| *end <= at as u64) - 1;

        let mut log = PartitionLog::open(dir.path()).unwrap();
        prop_assert_eq!(log.next_offset(), 2 * whole as i64);
        prop_assert_eq!(fs::metadata(&path).unwrap().len(), ends[whole]);
        prop_assert_eq!(contents(&log, i64::MAX).len(), 2 * whole);
        // The producer is known up to there: it goes on with the sequence behind the last whole batch.
        writer.sequence = 2 * whole as i32;
        prop_assert_eq!(append(&mut log, &writer.batch(&[("c", None)]), &config(&[])), 2 * whole as i64);
    }
}

#[test]
fn log_over_several_segments_reads_the_same_with_and_without_checkpoint() {
    let dir = tempfile::tempdir().unwrap();
    let config = config(&[("segment.bytes", "300")]);
    let mut writer = Writer::with_id(1);
    let mut log = PartitionLog::open(dir.path()).unwrap();
    for number in 0..20 {
        let key = format!("k{number}");
        append(&mut log, &writer.batch(&[(&key, Some("v"))]), &config);
    }
    let before = contents(&log, i64::MAX);
    assert_eq!(before.len(), 20);
    assert!(log_files(dir.path()).len() > 3);
    drop(log);
    let with_checkpoint = PartitionLog::open(dir.path()).unwrap();
    assert_eq!(contents(&with_checkpoint, i64::MAX), before);
    fs::remove_file(dir.path().join("checkpoint.json")).unwrap();
    let mut without = PartitionLog::open(dir.path()).unwrap();
    assert_eq!(contents(&without, i64::MAX), before);
    assert_eq!(append(&mut without, &writer.batch(&[("next", None)]), &config), 20);
}

#[test]
fn producer_is_checked_for_duplicates_gaps_and_old_epochs_also_after_reopening() {
    let dir = tempfile::tempdir().unwrap();
    let config = config(&[]);
    let mut writer = Writer::with_id(9);
    let first = writer.batch(&[("a", Some("1")), ("b", Some("2"))]);
    let second = writer.batch(&[("c", Some("3"))]);
    writer.sequence += 1;
    let gap = writer.batch(&[("d", Some("4"))]);
    let mut log = PartitionLog::open(dir.path()).unwrap();
    append(&mut log, &first, &config);
    append(&mut log, &second, &config);
    for _ in 0..2 {
        let again = log.append(&first, &config, 0);
        assert_eq!(again, Ok(Appended { base_offset: 0, append_time_ms: None }));
        assert_eq!(log.append(&gap, &config, 0), Err(ResponseError::OutOfOrderSequenceNumber));
        drop(log);
        log = PartitionLog::open(dir.path()).unwrap();
    }
    assert_eq!(log.next_offset(), 3);
    let mut newer = Writer { epoch: 1, ..Writer::with_id(9) };
    append(&mut log, &newer.batch(&[("e", Some("5"))]), &config);
    assert_eq!(log.append(&gap, &config, 0), Err(ResponseError::InvalidProducerEpoch));
}

#[test]
fn bad_batches_are_refused_and_leave_the_log_as_it_was() {
    let dir = tempfile::tempdir().unwrap();
    let mut log = PartitionLog::open(dir.path()).unwrap();
    let good = Writer::plain().batch(&[("a", Some("1"))]);
    let mut damaged = good.clone();
    *damaged.last_mut().unwrap() ^= 1;
    let two = [good.clone(), good.clone()].concat();
    let marker = batch::transaction_marker(1, 0, true, 0).to_vec();
    let mut keyless = Writer::plain().batch(&[("", Some("1"))]);
    let cases: [(&[u8], Overridden<'_>, ResponseError); 6] = [
        (&[], &[], ResponseError::CorruptMessage),
        (&good[..good.len() - 1], &[], ResponseError::CorruptMessage),
        (&damaged, &[], ResponseError::CorruptMessage),
        (&two, &[], ResponseError::InvalidRecord),
        (&marker, &[], ResponseError::InvalidRecord),
        (&good, &[("max.message.bytes", "60")], ResponseError::MessageTooLarge),
    ];
    for (batch, overrides, expected) in cases {
        assert_eq!(log.append(batch, &config(overrides), 0), Err(expected), "{batch:?}");
    }
    // A record without key: the length of the key, -1, is 1 as a zigzag number.
    let at = batch::HEADER_BYTES + 4;
    assert_eq!(keyless[at], 0);
    keyless[at] = 1;
    let header = BatchHeader::parse(&keyless).unwrap();
    let keyless = header.rebuild(&keyless[batch::HEADER_BYTES..], 1);
    let compacted = config(&[("cleanup.policy", "compact")]);
    assert_eq!(log.append(&keyless, &compacted, 0), Err(ResponseError::InvalidRecord));
    assert_eq!(log.next_offset(), 0);
}

#[test]
fn transaction_holds_back_stable_readers_and_aborted_ranges_survive_reopening() {
    let dir = tempfile::tempdir().unwrap();
    let config = config(&[]);
    let mut log = PartitionLog::open(dir.path()).unwrap();
    let mut aborting = Writer::transactional(1);
    let mut committing = Writer::transactional(2);
    append(&mut log, &aborting.batch(&[("a", Some("1"))]), &config);
    append(&mut log, &committing.batch(&[("b", Some("2"))]), &config);
    assert_eq!(log.last_stable_offset(), 0);
    log.append_marker(1, 0, false, &config, 0).unwrap();
    assert_eq!(log.last_stable_offset(), 1);
    log.append_marker(2, 0, true, &config, 0).unwrap();
    log.append_marker(2, 0, true, &config, 0).unwrap();
    assert_eq!((log.last_stable_offset(), log.next_offset()), (4, 4));
    let expected = [AbortedRange { producer_id: 1, first_offset: 0, last_offset: 2 }];
    for _ in 0..2 {
        assert_eq!(log.read(0, 4, 1 << 20).unwrap().aborted, expected);
        assert_eq!(log.read(3, 4, 1 << 20).unwrap().aborted, []);
        drop(log);
        log = PartitionLog::open(dir.path()).unwrap();
    }
}

#[test]
fn read_stops_at_the_byte_limit_but_always_returns_one_batch() {
    let dir = tempfile::tempdir().unwrap();
    let config = config(&[]);
    let mut log = PartitionLog::open(dir.path()).unwrap();
    let batch = Writer::plain().batch(&[("a", Some("1"))]);
    for _ in 0..10 {
        append(&mut log, &batch, &config);
    }
    let size = |from, upto, max| log.read(from, upto, max).unwrap().records.len() / batch.len();
    assert_eq!(size(0, i64::MAX, 1), 1);
    assert_eq!(size(0, i64::MAX, 3 * batch.len() + 5), 3);
    assert_eq!(size(4, 6, 1 << 20), 2);
    assert_eq!(size(10, i64::MAX, 1 << 20), 0);
}

#[test]
fn offset_of_a_time_is_found_across_segments() {
    let dir = tempfile::tempdir().unwrap();
    let config = config(&[("segment.bytes", "200")]);
    let mut log = PartitionLog::open(dir.path()).unwrap();
    for number in 0..10 {
        let mut writer = Writer { timestamp: 100 * number, compression: Compression::Lz4, ..Writer::plain() };
        append(&mut log, &writer.batch(&[("a", Some("1"))]), &config);
    }
    for (timestamp, expected) in
        [(0, Some((0, 0))), (350, Some((4, 400))), (900, Some((9, 900))), (901, None)]
    {
        assert_eq!(log.find_time(timestamp).unwrap(), expected, "{timestamp}");
    }
    assert_eq!(log.max_timestamp().unwrap(), 900);
    log.delete_before(6).unwrap();
    assert_eq!(log.find_time(0).unwrap(), Some((6, 600)));
}

#[test]
fn append_time_replaces_the_producers_time() {
    let dir = tempfile::tempdir().unwrap();
    let config = config(&[("message.timestamp.type", "LogAppendTime")]);
    let mut log = PartitionLog::open(dir.path()).unwrap();
    let appended = log.append(&Writer::plain().batch(&[("a", Some("1"))]), &config, 77).unwrap();
    assert_eq!(appended, Appended { base_offset: 0, append_time_ms: Some(77) });
    assert_eq!(log.find_time(77).unwrap(), Some((0, 77)));
    assert_eq!(contents(&log, i64::MAX).len(), 1);
}

#[test]
fn retention_deletes_whole_old_segments_by_size_and_by_age() {
    for overrides in [[("retention.bytes", "500")], [("retention.ms", "4200")]] {
        let dir = tempfile::tempdir().unwrap();
        let config = config(&[[("segment.bytes", "200")].as_slice(), &overrides].concat());
        let mut log = PartitionLog::open(dir.path()).unwrap();
        for number in 0..10 {
            let mut writer = Writer { timestamp: 1000 * number, ..Writer::plain() };
            append(&mut log, &writer.batch(&[("key", Some("a value of some length"))]), &config);
        }
        log.apply_retention(&config, 10_000).unwrap();
        let start = log.start_offset();
        assert!((3..=7).contains(&start), "{overrides:?} {start}");
        let left = contents(&log, i64::MAX);
        assert_eq!(left.first().map(|(offset, _)| *offset), Some(start));
        drop(log);
        let log = PartitionLog::open(dir.path()).unwrap();
        assert_eq!((log.start_offset(), contents(&log, i64::MAX)), (start, left));
    }
}

#[test]
fn deleted_records_stay_deleted_after_reopening_even_when_all_are() {
    let dir = tempfile::tempdir().unwrap();
    let config = config(&[]);
    let mut log = PartitionLog::open(dir.path()).unwrap();
    let mut writer = Writer::plain();
    for _ in 0..3 {
        append(&mut log, &writer.batch(&[("a", Some("1"))]), &config);
    }
    log.delete_before(3).unwrap();
    drop(log);
    let log = PartitionLog::open(dir.path()).unwrap();
    assert_eq!((log.start_offset(), log.next_offset()), (3, 3));
}

#[test]
fn compaction_keeps_the_newest_of_each_key_at_its_offset_in_every_codec() {
    let codecs =
        [Compression::None, Compression::Gzip, Compression::Snappy, Compression::Lz4, Compression::Zstd];
    for compression in codecs {
        let dir = tempfile::tempdir().unwrap();
        let config = config(&[
            ("cleanup.policy", "compact"),
            ("segment.bytes", "400"),
            ("min.cleanable.dirty.ratio", "0.01"),
        ]);
        let mut log = PartitionLog::open(dir.path()).unwrap();
        let mut writer = Writer { compression, ..Writer::with_id(3) };
        for _ in 0..10 {
            append(&mut log, &writer.batch(&[("a", Some("x")), ("b", Some("y")), ("c", Some("z"))]), &config);
        }
        append(&mut log, &writer.batch(&[("a", Some("last"))]), &config);
        let end_of_closed = log.active_base();
        let all = contents(&log, i64::MAX);
        assert!(compact(&mut log, &config, 0));
        // Of the closed segments the last of each key stays; the active one is untouched.
        let mut newest = BTreeMap::new();
        let (closed, active): (Vec<_>, Vec<_>) =
            all.into_iter().partition(|(offset, _)| *offset < end_of_closed);
        newest.extend(closed.into_iter().map(|(offset, key)| (key, offset)));
        let mut expected: Vec<(i64, String)> =
            newest.into_iter().map(|(key, offset)| (offset, key)).collect();
        expected.sort_unstable();
        expected.extend(active);
        assert_eq!(contents(&log, i64::MAX), expected, "{compression:?}");
        assert!(!compact(&mut log, &config, 0), "nothing is dirty any more");
        drop(log);
        let mut log = PartitionLog::open(dir.path()).unwrap();
        assert_eq!(contents(&log, i64::MAX), expected);
        assert_eq!(append(&mut log, &writer.batch(&[("d", None)]), &config), 31);
        // The next time the small remains are merged.
        for _ in 0..6 {
            append(&mut log, &writer.batch(&[("a", Some("x")), ("b", Some("y")), ("c", Some("z"))]), &config);
        }
        let before = log_files(dir.path()).len();
        assert!(compact(&mut log, &config, 0));
        assert!(log_files(dir.path()).len() < before);
    }
}

#[test]
fn compaction_drops_aborted_records_and_expired_tombstones_and_stops_at_an_open_transaction() {
    let dir = tempfile::tempdir().unwrap();
    let config = config(&[
        ("cleanup.policy", "compact"),
        ("segment.bytes", "1"),
        ("min.cleanable.dirty.ratio", "0"),
        ("delete.retention.ms", "100"),
    ]);
    let mut log = PartitionLog::open(dir.path()).unwrap();
    let mut plain = Writer::plain();
    let mut aborting = Writer::transactional(1);
    append(&mut log, &plain.batch(&[("a", Some("kept"))]), &config);
    append(&mut log, &aborting.batch(&[("a", Some("aborted"))]), &config);
    log.append_marker(1, 0, false, &config, 0).unwrap();
    append(&mut log, &plain.batch(&[("b", Some("dies"))]), &config);
    append(&mut log, &plain.batch(&[("b", None)]), &config);
    let mut open = Writer::transactional(2);
    append(&mut log, &open.batch(&[("c", Some("open"))]), &config);
    append(&mut log, &plain.batch(&[("a", Some("above"))]), &config);
    append(&mut log, &plain.batch(&[("a", Some("active"))]), &config);
    assert!(compact(&mut log, &config, 1050));
    let keys = |log: &PartitionLog| -> Vec<(i64, String)> { contents(log, i64::MAX) };
    let above = [(5, "c".to_owned()), (6, "a".to_owned()), (7, "a".to_owned())];
    assert_eq!(keys(&log), [&[(0, "a".to_owned()), (4, "-b".to_owned())], &above[..]].concat());
    log.append_marker(2, 0, true, &config, 0).unwrap();
    append(&mut log, &plain.batch(&[("d", Some("x"))]), &config);
    assert!(compact(&mut log, &config, 2000));
    assert_eq!(keys(&log), [(5, "c".to_owned()), (7, "a".to_owned()), (9, "d".to_owned())]);
}

#[test]
fn compaction_interrupted_at_any_step_is_finished_or_undone() {
    let config = config(&[
        ("cleanup.policy", "compact"),
        ("segment.bytes", "300"),
        ("min.cleanable.dirty.ratio", "0"),
    ]);
    for step in ["cleaned", "swap"] {
        let dir = tempfile::tempdir().unwrap();
        let mut log = PartitionLog::open(dir.path()).unwrap();
        let mut writer = Writer::plain();
        for _ in 0..12 {
            append(&mut log, &writer.batch(&[("a", Some("x"))]), &config);
        }
        let before = contents(&log, i64::MAX);
        let end_of_closed = log.active_base();
        let plan = compaction::plan(&log, &config, 0).unwrap().unwrap();
        plan.run().unwrap();
        drop(log);
        let cleaned: Vec<_> = fs::read_dir(dir.path())
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .filter(|path| path.extension().is_some_and(|extension| extension == "cleaned"))
            .collect();
        assert!(!cleaned.is_empty());
        if step == "swap" {
            // As after the rename that decides, of the first of the new segments.
            let mut bases = super::recovery::segment_bases(dir.path()).unwrap();
            bases.retain(|base| *base > 0 && dir.path().join(format!("{base:020}.cleaned")).exists());
            let end = bases.first().copied().unwrap_or(end_of_closed);
            let first = dir.path().join(format!("{:020}.cleaned", 0));
            fs::rename(first, dir.path().join(format!("0-{end}.swap"))).unwrap();
        }
        let log = PartitionLog::open(dir.path()).unwrap();
        let after = contents(&log, i64::MAX);
        assert_eq!(after.last(), before.last());
        assert_eq!(after.len() == before.len(), step == "cleaned");
        let leftovers = fs::read_dir(dir.path()).unwrap().filter(|entry| {
            let path = entry.as_ref().unwrap().path();
            path.extension().is_some_and(|extension| extension == "cleaned" || extension == "swap")
        });
        assert_eq!(leftovers.count(), 0);
    }
}

#[test]
fn journal_drops_a_torn_last_line_and_goes_on_behind_it() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("journal");
    let (mut journal, entries) = Journal::<String>::open(&path).unwrap();
    assert_eq!(entries, Vec::<String>::new());
    journal.append(&["one".to_owned(), "two".to_owned()]).unwrap();
    let whole = fs::read(&path).unwrap();
    for cut in 0..whole.len() {
        fs::write(&path, &whole[..cut]).unwrap();
        let (mut journal, entries) = Journal::<String>::open(&path).unwrap();
        let expected = whole[..cut].iter().filter(|byte| **byte == b'\n').count();
        assert_eq!(entries.len(), expected, "{cut}");
        journal.append(&["three".to_owned()]).unwrap();
        assert_eq!(Journal::<String>::open(&path).unwrap().1.len(), expected + 1);
    }
    journal.rewrite(&["only".to_owned()]).unwrap();
    journal.append(&["more".to_owned()]).unwrap();
    assert_eq!(Journal::<String>::open(&path).unwrap().1, ["only", "more"]);
}

#[test]
fn topic_configurations_are_checked_by_name_and_kind() {
    let cases = [
        ("retention.ms", "-1", true),
        ("retention.ms", "soon", false),
        ("cleanup.policy", "compact,delete", true),
        ("cleanup.policy", "burn", false),
        ("compression.type", "zstd", true),
        ("compression.type", "rar", false),
        ("preallocate", "yes", false),
        ("no.such.thing", "1", false),
    ];
    for (name, value, is_valid) in cases {
        assert_eq!(validate(name, value).is_ok(), is_valid, "{name}={value}");
    }
}

#[test]
fn sequences_wrap_to_zero() {
    assert_eq!(batch::add_sequence(i32::MAX, 1), 0);
    assert_eq!(batch::add_sequence(i32::MAX - 1, 3), 1);
    assert_eq!(batch::add_sequence(5, 2), 7);
}
