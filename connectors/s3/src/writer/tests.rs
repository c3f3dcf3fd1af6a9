use std::collections::BTreeMap;

use proptest::prelude::*;

use connect_core::data::{Datum, Schema, SchemaBuilder, SchemaRef, Struct, Type, Value};
use connect_core::testkit::{props, record};

use crate::settings::Settings;

use super::*;

const T0: i64 = 1_767_261_600_000; // 2026-01-01T10:00:00Z
const MINUTE: i64 = 60_000;

fn rules(extra: &[(&str, &str)]) -> Rules {
    let mut all = props(&[
        ("s3.bucket.name", "b"),
        ("topics.dir", ""),
        ("storage.class", "io.confluent.connect.s3.storage.S3Storage"),
        ("format.class", "io.confluent.connect.s3.format.json.JsonFormat"),
        ("locale", "en-US"),
        ("timezone", "UTC"),
    ]);
    all.extend(props(extra));
    Settings::parse(&all).expect("valid settings").rules
}

fn writer(rules: Rules, now_ms: i64) -> PartitionWriter {
    PartitionWriter::new(Arc::new(rules), ByteBudget::new(usize::MAX), now_ms)
}

/// Objects by name and what may be committed, after the records were written one call a batch.
#[derive(Debug, Default, PartialEq)]
struct Outcome {
    objects: BTreeMap<String, String>,
    committed: Option<i64>,
    failed: Vec<String>,
}

impl Outcome {
    fn take(&mut self, rotated: Rotated) {
        self.committed = Some(rotated.next);
        for chunk in rotated.files.into_iter().flat_map(|file| file.rest) {
            self.objects.insert(chunk.key, text_of(chunk.payload));
        }
    }
}

fn text_of(payload: connector_formats::Payload) -> String {
    match payload {
        connector_formats::Payload::Bytes(bytes) => String::from_utf8(bytes).expect("text"),
        other => panic!("{other:?} is no text"),
    }
}

fn feed(writer: &mut PartitionWriter, records: &[SinkRecord], now_ms: i64, outcome: &mut Outcome) {
    let mut taken = 0;
    while taken < records.len() {
        let mut not_written = NotWritten::default();
        let progress = writer.write(&records[taken..], now_ms, &mut not_written).expect("no null");
        outcome.failed.extend(not_written.failed.iter().map(|failure| failure.error.to_string()));
        taken += progress.taken;
        match progress.event {
            Some(Event::Rotated(rotated)) => outcome.take(rotated),
            Some(Event::Full(_)) => panic!("no buffer is full"),
            None => {}
        }
    }
}

fn run(extra: &[(&str, &str)], records: &[SinkRecord]) -> Outcome {
    let mut writer = writer(rules(extra), T0);
    let mut outcome = Outcome::default();
    feed(&mut writer, records, T0, &mut outcome);
    outcome
}

fn outcome(objects: &[(&str, &str)], committed: Option<i64>) -> Outcome {
    let objects = objects.iter().map(|(key, text)| ((*key).to_owned(), (*text).to_owned())).collect();
    Outcome { objects, committed, failed: Vec::new() }
}

fn text(offset: i64, text: &str) -> SinkRecord {
    record("t", 0, offset, Datum::schemaless(Value::string(text)))
}

fn at(offset: i64, time_ms: i64) -> SinkRecord {
    let mut made = text(offset, "x");
    made.record.timestamp = Some(time_ms);
    made
}

fn schema(version: i32) -> SchemaRef {
    let field = Schema::of(Type::String);
    SchemaBuilder::structure().name("v").version(version).field("f", field).build().expect("valid")
}

fn structure(offset: i64, field: &str, schema: &SchemaRef) -> SinkRecord {
    let mut value = Struct::new(Arc::clone(schema));
    value.put("f", Value::string(field)).expect("a field");
    record("t", 0, offset, Datum::new(Some(Arc::clone(schema)), Value::Struct(Box::new(value))))
}

/// Vector 1 of the reference.
#[test]
fn default_partitioner_closes_files_by_count() {
    let records: Vec<SinkRecord> = (0..7).map(|offset| text(offset, "x")).collect();
    let expected = outcome(
        &[
            ("t/partition=0/t+0+0000000000.json", "\"x\"\n\"x\"\n\"x\"\n"),
            ("t/partition=0/t+0+0000000003.json", "\"x\"\n\"x\"\n\"x\"\n"),
        ],
        Some(6),
    );
    assert_eq!(run(&[("flush.size", "3")], &records), expected);
}

/// Vector 2.
#[test]
fn field_partitioner_shares_the_count_among_directories() {
    let schema = schema(1);
    let fields = ["a", "b", "a", "b"];
    let records: Vec<SinkRecord> =
        (0..).zip(fields).map(|(offset, field)| structure(offset, field, &schema)).collect();
    let settings = [
        ("flush.size", "4"),
        ("partitioner.class", "io.confluent.connect.storage.partitioner.FieldPartitioner"),
        ("partition.field.name", "f"),
    ];
    let expected = outcome(
        &[
            ("t/f=a/t+0+0000000000.json", "{\"f\":\"a\"}\n{\"f\":\"a\"}\n"),
            ("t/f=b/t+0+0000000001.json", "{\"f\":\"b\"}\n{\"f\":\"b\"}\n"),
        ],
        Some(4),
    );
    assert_eq!(run(&settings, &records), expected);
}

const HOURLY: [(&str, &str); 4] = [
    ("flush.size", "100"),
    ("partitioner.class", "io.confluent.connect.storage.partitioner.HourlyPartitioner"),
    ("timestamp.extractor", "Record"),
    ("rotate.interval.ms", "600000"),
];
const HOUR_10: &str = "t/year=2026/month=01/day=01/hour=10/t+0+";

/// Vectors 3 and 4.
#[test]
fn record_time_closes_files_and_so_does_another_directory() {
    let mut writer = writer(rules(&HOURLY), T0);
    let mut seen = Outcome::default();
    feed(&mut writer, &[at(0, T0), at(1, T0 + 5 * MINUTE), at(2, T0 + 11 * MINUTE)], T0, &mut seen);
    let first = format!("{HOUR_10}0000000000.json");
    assert_eq!(seen, outcome(&[(&first, "\"x\"\n\"x\"\n")], Some(2)));
    feed(&mut writer, &[at(3, T0 - MINUTE)], T0, &mut seen);
    let second = format!("{HOUR_10}0000000002.json");
    assert_eq!(seen, outcome(&[(&first, "\"x\"\n\"x\"\n"), (&second, "\"x\"\n")], Some(3)));
    seen.take(writer.rotate(T0).expect("laid out"));
    assert!(seen.objects.contains_key("t/year=2026/month=01/day=01/hour=09/t+0+0000000003.json"), "{seen:?}");
}

/// Vector 5.
#[test]
fn late_records_may_open_a_second_directory() {
    let settings = [&HOURLY[..], &[("rotate.file.on.partition.change", "false")]].concat();
    let mut writer = writer(rules(&settings), T0);
    let mut seen = Outcome::default();
    feed(&mut writer, &[at(2, T0 + 11 * MINUTE), at(3, T0 - MINUTE)], T0, &mut seen);
    assert_eq!(seen, Outcome::default());
    seen.take(writer.rotate(T0).expect("laid out"));
    assert_eq!((seen.objects.len(), seen.committed), (2, Some(4)));
}

/// Vector 6.
#[test]
fn every_other_schema_closes_the_files() {
    let (old, new) = (schema(1), schema(2));
    let schemas = [&old, &new, &old, &new];
    let records: Vec<SinkRecord> =
        (0..).zip(schemas).map(|(offset, schema)| structure(offset, "x", schema)).collect();
    let seen = run(&[("flush.size", "100")], &records);
    let names: Vec<&str> = seen.objects.keys().map(String::as_str).collect();
    let expected: Vec<String> =
        (0..3).map(|offset| format!("t/partition=0/t+0+000000000{offset}.json")).collect();
    assert_eq!((names, seen.committed), (expected.iter().map(String::as_str).collect(), Some(3)));
}

#[test]
fn equal_schemas_behind_other_pointers_share_a_file() {
    let records: Vec<SinkRecord> = (0..4).map(|offset| structure(offset, "x", &schema(1))).collect();
    assert_eq!(run(&[("flush.size", "4")], &records).objects.len(), 1);
}

#[test]
fn records_without_schema_do_not_join_those_with_one() {
    let seen = run(&[("flush.size", "2")], &[structure(0, "x", &schema(1)), text(1, "y"), text(2, "z")]);
    assert_eq!(
        seen,
        outcome(
            &[
                ("t/partition=0/t+0+0000000000.json", "{\"f\":\"x\"}\n"),
                ("t/partition=0/t+0+0000000001.json", "\"y\"\n\"z\"\n"),
            ],
            Some(3)
        )
    );
}

/// Vector 8.
#[test]
fn wall_clock_closes_files_of_an_idle_partition() {
    let settings = [("flush.size", "100"), ("rotate.schedule.interval.ms", "900000")];
    let mut writer = writer(rules(&settings), T0 + 7 * MINUTE);
    let mut seen = Outcome::default();
    feed(&mut writer, &[text(0, "x")], T0 + 8 * MINUTE, &mut seen);
    assert_eq!(writer.due_ms(), Some(T0 + 15 * MINUTE));
    assert!(writer.idle(T0 + 15 * MINUTE - 1).expect("laid out").is_none());
    seen.take(writer.idle(T0 + 15 * MINUTE).expect("laid out").expect("due"));
    assert_eq!(seen, outcome(&[("t/partition=0/t+0+0000000000.json", "\"x\"\n")], Some(1)));
    assert!(writer.idle(T0 + 90 * MINUTE).expect("laid out").is_none(), "nothing is open");
    feed(&mut writer, &[text(1, "x")], T0 + 91 * MINUTE, &mut seen);
    assert_eq!(
        writer.due_ms(),
        Some(T0 + 105 * MINUTE),
        "the time that passed with nothing open does not count"
    );
}

/// Vector 9.
#[test]
fn record_time_does_not_close_files_of_an_idle_partition() {
    let mut writer = writer(rules(&HOURLY), T0);
    feed(&mut writer, &[at(0, T0)], T0, &mut Outcome::default());
    assert!(writer.idle(T0 + 60 * MINUTE).expect("laid out").is_none());
}

/// Vector 10.
#[test]
fn tombstones_write_their_keys_to_their_own_directory() {
    let settings = [
        ("flush.size", "2"),
        ("store.kafka.keys", "true"),
        ("keys.format.class", "io.confluent.connect.s3.format.json.JsonFormat"),
        ("behavior.on.null.values", "write"),
    ];
    let mut records = [text(0, "x"), record("t", 0, 1, Datum::NULL)];
    for made in &mut records {
        made.record.key = Datum::schemaless(Value::string("k"));
    }
    let expected = outcome(
        &[
            ("t/partition=0/t+0+0000000000.json", "\"x\"\n"),
            ("t/partition=0/t+0+0000000000.keys.json", "\"k\"\n"),
            ("t/tombstone/t+0+0000000001.keys.json", "\"k\"\n"),
        ],
        Some(2),
    );
    assert_eq!(run(&settings, &records), expected);
}

#[test]
fn records_that_cannot_be_written_leave_no_trace() {
    let settings = [
        ("flush.size", "2"),
        ("store.kafka.keys", "true"),
        ("keys.format.class", "io.confluent.connect.s3.format.json.JsonFormat"),
    ];
    let mut records = [text(0, "no key"), text(1, "a"), text(2, "no key"), text(3, "b")];
    for index in [1, 3] {
        records[index].record.key = Datum::schemaless(Value::string("k"));
    }
    let seen = run(&settings, &records);
    let expected = outcome(
        &[
            ("t/partition=0/t+0+0000000001.json", "\"a\"\n\"b\"\n"),
            ("t/partition=0/t+0+0000000001.keys.json", "\"k\"\n\"k\"\n"),
        ],
        Some(4),
    );
    assert_eq!((&seen.objects, seen.committed, seen.failed.len()), (&expected.objects, Some(4), 2));
}

#[test]
fn null_values_fail_or_are_skipped() {
    let null = [record("t", 0, 0, Datum::NULL)];
    let mut not_written = NotWritten::default();
    let failed = writer(rules(&[("flush.size", "1")]), T0).write(&null, T0, &mut not_written);
    assert!(failed.is_err_and(|error| error.context().contains("`behavior.on.null.values`")));
    let settings = [("flush.size", "1"), ("behavior.on.null.values", "IGNORE")];
    let progress = writer(rules(&settings), T0).write(&null, T0, &mut not_written).expect("skipped");
    assert_eq!((progress.taken, not_written.ignored), (1, vec![0]));
}

#[test]
fn renamed_topics_name_the_files() {
    let mut renamed = [text(0, "x"), text(1, "y")];
    renamed[0].record.topic = "new".into();
    let seen = run(&[("flush.size", "2")], &renamed);
    let names: Vec<&str> = seen.objects.keys().map(String::as_str).collect();
    assert_eq!(names, ["new/partition=0/new+0+0000000000.json", "t/partition=0/t+0+0000000001.json"]);
}

#[test]
fn headers_are_written_beside_the_values() {
    let settings = [
        ("flush.size", "1"),
        ("store.kafka.headers", "true"),
        ("headers.format.class", "io.confluent.connect.s3.format.json.JsonFormat"),
    ];
    let mut made = text(0, "x");
    made.record.headers.add("a", Datum::schemaless(Value::string("1")));
    made.record.headers.add("n", Datum::schemaless(Value::Int32(7)));
    let seen = run(&settings, &[made]);
    let headers = &seen.objects["t/partition=0/t+0+0000000000.headers.json"];
    assert_eq!(headers, "{\"headers\":[{\"key\":\"a\",\"value\":\"1\"},{\"key\":\"n\",\"value\":\"7\"}]}\n");
}

#[test]
fn open_files_stay_below_their_limit() {
    let schema = schema(1);
    let settings = [
        ("flush.size", "100"),
        ("partitioner.class", "io.confluent.connect.storage.partitioner.FieldPartitioner"),
        ("partition.field.name", "f"),
        ("partitioner.max.open.files", "2"),
    ];
    let fields = ["a", "b", "a", "c"];
    let records: Vec<SinkRecord> =
        (0..).zip(fields).map(|(offset, field)| structure(offset, field, &schema)).collect();
    let seen = run(&settings, &records);
    assert_eq!((seen.objects.len(), seen.committed), (2, Some(3)));
}

proptest! {
    #[test]
    fn batches_do_not_matter(
        times in proptest::collection::vec(0i64..90, 1..60),
        cuts in proptest::collection::vec(1usize..9, 60),
        flush_size in 1usize..9,
    ) {
        let flush_size = flush_size.to_string();
        let settings = [&HOURLY[1..], &[("flush.size", flush_size.as_str())]].concat();
        let records: Vec<SinkRecord> = (0..).zip(&times).map(|(offset, minute)| at(offset, T0 + minute * MINUTE)).collect();
        let whole = run(&settings, &records);
        let mut writer = writer(rules(&settings), T0);
        let mut pieces = Outcome::default();
        let mut rest = records.as_slice();
        for cut in cuts {
            let (piece, tail) = rest.split_at(cut.min(rest.len()));
            feed(&mut writer, piece, T0, &mut pieces);
            rest = tail;
        }
        prop_assert_eq!(&whole, &pieces);

    }

    #[test]
    fn reading_again_from_a_committed_offset_writes_the_same_objects(
        texts in proptest::collection::vec("[a-z]{0,5}", 1..80),
        flush_size in 1usize..9,
        restart in 0usize..9,
    ) {
        let size = flush_size.to_string();
        let records: Vec<SinkRecord> = (0..).zip(&texts).map(|(offset, value)| text(offset, value)).collect();
        let whole = run(&[("flush.size", &size)], &records);
        let from = (restart * flush_size).min(records.len());
        let again = run(&[("flush.size", &size)], &records[from..]);
        // Overwritten with equal bytes, nothing beside them.
        for (key, text) in &again.objects {
            prop_assert_eq!(whole.objects.get(key), Some(text));
        }
    }
}

/// Vectors 6 and 7: versions 1, 2, 1, 2.
#[test]
fn schema_compatibility_decides_which_files_there_are() {
    let first = schema(1);
    let second = Arc::new(Schema { version: Some(2), ..(*first).clone() });
    let records: Vec<SinkRecord> = (0..)
        .zip([&first, &second, &first, &second, &second])
        .map(|(offset, schema)| structure(offset, "x", schema))
        .collect();
    let line = "{\"f\":\"x\"}\n";
    let (one, three) = (line.to_owned(), line.repeat(3));
    let name = |offset: i64| format!("t/partition=0/t+0+{offset:010}.json");
    let cases = [
        ("NONE", vec![(name(0), one.clone()), (name(1), one.clone()), (name(2), one.clone())], Some(3)),
        ("BACKWARD", vec![(name(0), one.clone()), (name(1), three)], Some(4)),
        ("FULL", vec![(name(0), one.clone()), (name(1), line.repeat(3))], Some(4)),
        // Newer values are written under the older schema, so nothing is closed before the count.
        ("FORWARD", vec![(name(0), line.repeat(3))], Some(3)),
    ];
    for (mode, objects, committed) in cases {
        let flush = if mode == "NONE" { "9" } else { "3" };
        let outcome = run(&[("flush.size", flush), ("schema.compatibility", mode)], &records);
        assert_eq!(
            (outcome.objects, outcome.committed),
            (objects.into_iter().collect(), committed),
            "{mode}"
        );
    }
}

#[test]
fn values_without_a_version_are_refused_where_versions_count() {
    let bare = Arc::new(Schema { version: None, ..(*schema(1)).clone() });
    let other = Arc::new(Schema { doc: Some("other".to_owned()), ..(*bare).clone() });
    let records = [structure(0, "x", &bare), structure(1, "x", &other)];
    let outcome = run(&[("flush.size", "9"), ("schema.compatibility", "BACKWARD")], &records);
    assert_eq!(outcome.failed, ["Schema version required for BACKWARD compatibility"]);
}

#[test]
fn files_are_closed_by_bytes_as_well() {
    let records: Vec<SinkRecord> = (0..5).map(|offset| text(offset, "12345678")).collect();
    let outcome = run(&[("flush.size", "100"), ("sluice.rotate.size.bytes", "20")], &records);
    assert_eq!(outcome.committed, Some(4), "two records of eleven bytes make a file");
    assert_eq!(outcome.objects.len(), 2);
}

#[test]
fn names_of_schemas_stand_in_the_path_where_asked_for() {
    for (affix, directory) in
        [("PREFIX", "schema_name=v/partition=0"), ("SUFFIX", "partition=0/schema_name=v")]
    {
        let settings = [("flush.size", "1"), ("s3.schema.partition.affix.type", affix)];
        let outcome = run(&settings, &[structure(0, "x", &schema(1)), text(1, "y")]);
        let names: Vec<String> = outcome.objects.into_keys().collect();
        let mut wanted = vec![
            format!("t/{directory}/t+0+0000000000.json"),
            format!("t/{}/t+0+0000000001.json", directory.replace("=v", "=null")),
        ];
        wanted.sort();
        assert_eq!(names, wanted);
    }
}

#[test]
fn interleaved_schemas_fill_files_of_their_own_where_their_names_stand_in_the_path() {
    let settings = [("flush.size", "4"), ("s3.schema.partition.affix.type", "PREFIX")];
    let mixed = [structure(0, "a", &schema(1)), text(1, "b"), structure(2, "c", &schema(1)), text(3, "d")];
    let outcome = run(&settings, &mixed);
    let lines = |content: &String| content.lines().count();
    let files: Vec<(&str, usize)> =
        outcome.objects.iter().map(|(name, content)| (name.as_str(), lines(content))).collect();
    assert_eq!(
        files,
        [
            ("t/schema_name=null/partition=0/t+0+0000000001.json", 2),
            ("t/schema_name=v/partition=0/t+0+0000000000.json", 2)
        ]
    );
}

#[test]
fn fields_of_json_objects_make_directories_too() {
    let object = |offset: i64, entries: &[(&str, Value)]| {
        let entries = entries.iter().map(|(key, value)| (Value::string(*key), value.clone())).collect();
        let map = connect_core::data::Map { entries };
        record("t", 0, offset, Datum::schemaless(Value::Map(map)))
    };
    let settings = [
        ("flush.size", "2"),
        ("partitioner.class", "io.confluent.connect.storage.partitioner.FieldPartitioner"),
        ("partition.field.name", "f"),
    ];
    let records = [object(0, &[("f", Value::Int64(1))]), object(1, &[("g", Value::Int64(2))]), text(2, "x")];
    let outcome = run(&settings, &records);
    let names: Vec<&str> = outcome.objects.keys().map(String::as_str).collect();
    assert_eq!(names, ["t/f=1/t+0+0000000000.json", "t/f=null/t+0+0000000001.json"]);
    assert_eq!(outcome.failed.len(), 1, "a text has no fields");
}
