use std::sync::Arc;

use connect_core::config::{ConfigIssue, Props};
use connect_core::data::{Datum, Value};
use connect_core::kit::ByteBudget;
use connect_core::record::{SinkRecord, TopicPartition};
use connect_core::task::SinkTask;
use connect_core::testkit::{FakeClock, props, record, sink_context};
use connector_formats::Payload;

use super::{AivenConfig, parse};
use crate::client::Encryption;
use crate::client::fake::FakeStore;
use crate::settings::{Dialect, Settings};
use crate::task::S3SinkTask;
use crate::writer::{Event, NotWritten, PartitionWriter, Rotated};

fn config(extra: &[(&str, &str)]) -> Props {
    let mut all = props(&[("aws.s3.bucket.name", "bucket")]);
    all.extend(props(extra));
    all
}

fn settings(extra: &[(&str, &str)]) -> Settings {
    parse(&config(extra)).expect("valid")
}

fn issues(extra: &[(&str, &str)]) -> Vec<String> {
    let found: Vec<ConfigIssue> = parse(&config(extra)).err().unwrap_or_default();
    found.into_iter().map(|issue| issue.name).collect()
}

/// Every key that the reference lists for this connector.
const LISTED: &[&str] = &[
    "aws.access.key.id",
    "aws.secret.access.key",
    "aws.credentials.provider",
    "aws.s3.bucket.name",
    "aws.s3.region",
    "aws.s3.endpoint",
    "aws.s3.prefix",
    "aws.s3.sse.algorithm",
    "aws.s3.part.size.bytes",
    "aws.s3.backoff.delay.ms",
    "aws.s3.backoff.max.delay.ms",
    "aws.s3.backoff.max.retries",
    "aws.sts.role.arn",
    "aws.sts.role.external.id",
    "aws.sts.role.session.name",
    "aws.sts.role.session.duration",
    "aws.sts.config.endpoint",
    "aws_access_key_id",
    "aws_secret_access_key",
    "aws_s3_bucket",
    "aws_s3_endpoint",
    "aws_s3_region",
    "aws_s3_prefix",
    "output_compression",
    "output_fields",
    "kafka.retry.backoff.ms",
    "file.name.template",
    "file.prefix.template",
    "file.compression.type",
    "file.max.records",
    "file.name.timestamp.timezone",
    "file.name.timestamp.source",
    "timestamp.timezone",
    "timestamp.source",
    "format.output.type",
    "format.output.fields",
    "format.output.fields.value.encoding",
    "format.output.envelope",
];

#[test]
fn every_key_of_aivens_sink_is_known() {
    let def = AivenConfig::config_def();
    let unknown: Vec<&&str> = LISTED.iter().filter(|name| def.key(name).is_none()).collect();
    assert!(unknown.is_empty(), "{unknown:?}");
}

#[test]
fn defaults_are_aivens() {
    let settings = settings(&[]);
    assert_eq!(settings.aws.region, "us-east-1");
    assert!(!settings.aws.is_path_style && settings.aws.endpoint.is_none() && settings.aws.role.is_none());
    assert_eq!((settings.part_size, settings.retry.max_retries), (5 * 1024 * 1024, 3));
    assert_eq!((settings.retry.base.as_millis(), settings.retry.cap.as_millis()), (100, 20_000));
    assert!(matches!(settings.aws.encryption, Encryption::Bucket));
}

#[test]
fn old_names_of_keys_stand_in_for_new_ones() {
    let old = props(&[
        ("aws_s3_bucket", "old-bucket"),
        ("aws_s3_region", "eu-west-1"),
        ("aws_s3_endpoint", "minio:9000"),
        ("aws_access_key_id", "id"),
        ("aws_secret_access_key", "secret"),
    ]);
    let settings = parse(&old).expect("valid");
    assert_eq!((settings.aws.bucket.as_str(), settings.aws.region.as_str()), ("old-bucket", "eu-west-1"));
    assert_eq!(settings.aws.endpoint.as_deref(), Some("https://minio:9000"));
    assert!(settings.aws.is_path_style && settings.aws.credentials.is_some());
    let mut both = old;
    both.extend(config(&[("aws.s3.region", "eu-north-1")]));
    let settings = parse(&both).expect("valid");
    assert_eq!((settings.aws.bucket.as_str(), settings.aws.region.as_str()), ("bucket", "eu-north-1"));
}

#[test]
fn roles_and_encryption_are_taken_over() {
    let settings = settings(&[
        ("aws.sts.role.arn", "arn:aws:iam::1:role/writer"),
        ("aws.sts.role.session.name", "session"),
        ("aws.sts.role.session.duration", "900"),
        ("aws.sts.config.endpoint", "sts.eu-west-1.amazonaws.com"),
        ("aws.s3.region", "eu-west-1"),
        ("aws.s3.sse.algorithm", "aws:kms"),
        ("aws.s3.part.size.bytes", "1000"),
        ("kafka.retry.backoff.ms", "70"),
    ]);
    let role = settings.aws.role.expect("a role");
    assert_eq!((role.session.as_str(), role.external_id), ("session", None));
    assert_eq!(role.endpoint.as_deref(), Some("https://sts.eu-west-1.amazonaws.com"));
    assert_eq!(role.duration.map(|length| length.as_secs()), Some(900));
    assert!(
        matches!(settings.aws.encryption, Encryption::Server { algorithm, .. } if algorithm == "aws:kms")
    );
    assert_eq!((settings.part_size, settings.retry_wait.as_millis()), (5 * 1024 * 1024, 70));
}

#[test]
fn what_cannot_be_is_refused_by_key() {
    type Case = (&'static [(&'static str, &'static str)], &'static str);
    let cases: &[Case] = &[
        (&[("file.name.template", "{{key}}"), ("file.max.records", "2")], "file.max.records"),
        (&[("file.name.template", "{{topic}}")], "file.name.template"),
        (&[("file.prefix.template", "{{what}}/")], "file.prefix.template"),
        (&[("aws.s3.prefix", "{{timestamp:unit=s}}")], "aws.s3.prefix"),
        (&[("file.name.timestamp.timezone", "Mars")], "file.name.timestamp.timezone"),
        (&[("timestamp.source", "nowhere")], "timestamp.source"),
        (
            &[("format.output.envelope", "false"), ("format.output.fields", "key,value")],
            "format.output.envelope",
        ),
        (&[("format.output.type", "unknown")], "format.output.type"),
        (&[("format.output.type", "avro"), ("avro.codec", "bzip2")], "avro.codec"),
        (&[("format.output.type", "avro"), ("format.output.fields", "key,key")], "format.output.fields"),
        (&[("output_fields", "unsupported")], "output_fields"),
        (&[("output_compression", "lz4")], "output_compression"),
        (&[("aws.credentials.provider", "com.example.Mine")], "aws.credentials.provider"),
        (&[("aws.access.key.id", "id")], "aws.access.key.id"),
        (&[("aws.s3.sse.algorithm", "ROT13")], "aws.s3.sse.algorithm"),
        (&[("aws.s3.part.size.bytes", "2000000001")], "aws.s3.part.size.bytes"),
        (&[("aws.s3.bucket.name", "a_b")], "aws.s3.bucket.name"),
        (&[("aws.sts.role.arn", "a"), ("aws.sts.config.endpoint", "https://sts.example")], "aws.s3.region"),
        (&[("aws.sts.role.session.duration", "50000")], "aws.sts.role.session.duration"),
        (&[("kafka.retry.backoff.ms", "86400001")], "kafka.retry.backoff.ms"),
    ];
    for (extra, expected) in cases {
        assert_eq!(issues(extra), [*expected], "{extra:?}");
    }
    let without = parse(&Props::new()).expect_err("no bucket");
    assert_eq!(without[0].message, "Neither aws.s3.bucket.name nor aws_s3_bucket properties have been set");
}

fn writer(extra: &[(&str, &str)]) -> PartitionWriter {
    PartitionWriter::new(Arc::new(settings(extra).rules), ByteBudget::new(usize::MAX), 0)
}

fn keyed(offset: i64, key: &str, value: &str) -> SinkRecord {
    let value = if value.is_empty() { Datum::NULL } else { Datum::schemaless(Value::string(value)) };
    let mut made = record("t", 0, offset, value);
    made.key = Datum::schemaless(Value::string(key));
    made
}

/// Returns names and contents of files that are not compressed.
fn shown(rotated: Rotated) -> Vec<(String, String)> {
    let chunks = rotated.files.into_iter().flat_map(|file| file.rest);
    let mut files: Vec<_> = chunks
        .map(|chunk| match chunk.payload {
            Payload::Bytes(bytes) => (chunk.key, String::from_utf8(bytes).expect("text")),
            other => panic!("{other:?}"),
        })
        .collect();
    files.sort();
    files
}

fn write(writer: &mut PartitionWriter, records: &[SinkRecord]) -> Vec<(String, String)> {
    let mut files = Vec::new();
    let mut taken = 0;
    while taken < records.len() {
        let mut not_written = NotWritten::default();
        let progress = writer.write(&records[taken..], 0, &mut not_written).expect("written");
        assert!(not_written.failed.is_empty() && not_written.ignored.is_empty(), "{not_written:?}");
        taken += progress.taken;
        if let Some(Event::Rotated(rotated)) = progress.event {
            files.extend(shown(rotated));
        }
    }
    files
}

fn pairs(files: &[(&str, &str)]) -> Vec<(String, String)> {
    files.iter().map(|(name, content)| ((*name).to_owned(), (*content).to_owned())).collect()
}

const PLAIN: (&str, &str) = ("file.compression.type", "none");
const LINES: (&str, &str) = ("format.output.type", "jsonl");

#[test]
fn files_hold_what_came_since_the_last_commit() {
    let mut writer = writer(&[PLAIN, LINES, ("format.output.fields", "value,offset")]);
    assert!(write(&mut writer, &[keyed(5, "a", "x"), keyed(6, "b", "")]).is_empty());
    let first = shown(writer.rotate(0).expect("closed"));
    assert_eq!(first, pairs(&[("t-0-5", "{\"offset\":5,\"value\":\"x\"}\n{\"offset\":6,\"value\":null}")]));
    assert!(write(&mut writer, &[keyed(7, "a", "y")]).is_empty());
    let second = shown(writer.rotate(0).expect("closed"));
    assert_eq!(second, pairs(&[("t-0-7", "{\"offset\":7,\"value\":\"y\"}")]));
}

#[test]
fn full_files_go_when_every_file_is_full() {
    let bare = ("format.output.envelope", "false");
    let mut writer = writer(&[PLAIN, LINES, bare, ("file.max.records", "2")]);
    let files = write(&mut writer, &[keyed(0, "a", "x"), keyed(1, "a", "y"), keyed(3, "a", "z")]);
    assert_eq!(files, pairs(&[("t-0-0", "\"x\"\n\"y\"")]));
    assert_eq!(writer.first_offset(), Some(3));
    let rest = shown(writer.rotate(0).expect("closed"));
    assert_eq!(rest, pairs(&[("t-0-3", "\"z\"")]));
}

#[test]
fn files_are_written_when_they_hold_so_many_bytes() {
    let mut writer = writer(&[PLAIN, LINES, ("format.output.envelope", "false"), ("file.max.bytes", "8")]);
    let files = write(&mut writer, &[keyed(0, "a", "xx"), keyed(1, "a", "yy"), keyed(2, "a", "z")]);
    assert_eq!(files, pairs(&[("t-0-0", "\"xx\"\n\"yy\"")]));
    assert_eq!(writer.first_offset(), Some(2));
}

#[test]
fn only_the_newest_record_of_a_key_is_written() {
    let csv = [PLAIN, ("file.name.template", "k{{key}}"), ("format.output.fields.value.encoding", "none")];
    let mut writer = writer(&csv);
    let records =
        [keyed(0, "0", "0"), keyed(1, "1", "1"), keyed(2, "0", "2"), keyed(3, "1", "3"), keyed(4, "2", "")];
    assert!(write(&mut writer, &records).is_empty());
    assert!(writer.spill(0).expect("nothing").is_empty(), "a file that may be replaced goes nowhere early");
    let rotated = writer.rotate(0).expect("closed");
    assert_eq!((rotated.first, rotated.next), (0, 5));
    assert_eq!(shown(rotated), pairs(&[("k0", "2"), ("k1", "3"), ("k2", "")]));
    assert_eq!(writer.held_bytes(), 0);
}

#[test]
fn a_record_that_cannot_be_written_leaves_the_older_one_of_its_key() {
    let mut writer =
        writer(&[PLAIN, ("file.name.template", "{{key}}"), ("format.output.fields.value.encoding", "none")]);
    assert!(write(&mut writer, &[keyed(0, "a", "old"), keyed(1, "b", "b")]).is_empty());
    let mut bad = keyed(2, "a", "");
    bad.value = Datum::schemaless(Value::Int32(1));
    let mut not_written = NotWritten::default();
    writer.write(&[bad], 0, &mut not_written).expect("taken");
    assert_eq!(not_written.failed.len(), 1);
    assert!(write(&mut writer, &[keyed(3, "b", "new")]).is_empty());
    assert_eq!(shown(writer.rotate(0).expect("closed")), pairs(&[("a", "old"), ("b", "new")]));
}

#[test]
fn names_are_templates_or_prefix_and_padded_offset() {
    let records = [keyed(7, "a", "x")];
    let cases: &[(&[(&str, &str)], &str)] = &[
        (&[PLAIN, LINES], "t-0-7"),
        (&[LINES], "t-0-7.gz"),
        (&[LINES, ("output_compression", "snappy")], "t-0-7.snappy"),
        (&[LINES, ("file.compression.type", "zstd"), ("output_compression", "none")], "t-0-7.zst"),
        (&[LINES, ("aws_s3_prefix", "prefix--")], "prefix--t-0-00000000000000000007.gz"),
        (&[LINES, ("aws.s3.prefix", "a/{{topic}}/"), PLAIN], "a/t/t-0-00000000000000000007"),
        (
            &[LINES, ("file.name.template", "x/{{topic}}.{{partition:padding=true}}.{{start_offset}}.json")],
            "x/t.0000000000.7.json",
        ),
        (&[LINES, ("file.prefix.template", "p/{{partition}}/"), PLAIN], "p/0/t-0-7"),
        (
            &[
                LINES,
                PLAIN,
                (
                    "file.name.template",
                    "{{timestamp:unit=YYYY}}-{{timestamp:unit=HH}}/{{topic}}{{partition}}{{start_offset}}",
                ),
                ("file.name.timestamp.timezone", "+02:00"),
            ],
            "1970-02/t07",
        ),
    ];
    for (extra, expected) in cases {
        let mut writer = writer(extra);
        assert!(write(&mut writer, &records).is_empty());
        let rotated = writer.rotate(0).expect("closed");
        assert_eq!(rotated.files[0].rest[0].key, *expected, "{extra:?}");
    }
    let mut avro = writer(&[("format.output.type", "avro"), ("format.output.fields", "offset")]);
    assert!(write(&mut avro, &records).is_empty());
    assert_eq!(avro.rotate(0).expect("closed").files[0].rest[0].key, "t-0-7.avro.gz");
}

/// A started task that writes to a store in memory, with so many bytes for its buffers.
async fn task(extra: &[(&str, &str)], budget: usize) -> (S3SinkTask, Arc<FakeStore>) {
    let store = Arc::new(FakeStore::default());
    let (mut context, _handle) = sink_context(Arc::new(FakeClock::new()));
    context.budget = ByteBudget::new(budget);
    let mut task = S3SinkTask::with_store(Arc::clone(&store) as _).in_dialect(Dialect::Aiven);
    task.start(context, &config(extra)).await.expect("a task starts");
    task.open(&[TopicPartition::new("t", 0)]).await.expect("a partition opens");
    (task, store)
}

async fn put(task: &mut S3SinkTask, records: &[SinkRecord]) {
    assert!(task.put(records).await.expect("taken").failed.is_empty());
}

async fn commit(task: &mut S3SinkTask, consumed: i64) -> Option<i64> {
    let partition = TopicPartition::new("t", 0);
    let consumed = [(partition.clone(), consumed)].into_iter().collect();
    task.pre_commit(&consumed).await.expect("answered").get(&partition).copied()
}

#[tokio::test(start_paused = true)]
async fn a_commit_writes_the_files_and_takes_the_offsets_behind_them() {
    let (mut task, store) = task(&[PLAIN, LINES, ("format.output.envelope", "false")], usize::MAX).await;
    put(&mut task, &[keyed(0, "a", "x"), keyed(1, "a", "y")]).await;
    assert_eq!(store.objects_count(), 0, "nothing is written before the commit");
    assert_eq!(commit(&mut task, 2).await, Some(2));
    assert_eq!(store.object("t-0-0").as_deref(), Some(&b"\"x\"\n\"y\""[..]));
    assert_eq!(commit(&mut task, 2).await, Some(2), "without records there is nothing to write");
    assert_eq!(store.objects_count(), 1);
    put(&mut task, &[keyed(2, "a", "z")]).await;
    store.set_down(true);
    assert_eq!(commit(&mut task, 3).await, Some(2), "what is not written is not committed");
}

#[tokio::test(start_paused = true)]
async fn many_keys_are_written_early_rather_than_run_out_of_memory() {
    let budget = 2 * 1024 * 1024;
    let (mut task, store) = task(&[PLAIN, ("file.name.template", "{{key}}")], budget).await;
    for offset in 0..600 {
        put(&mut task, &[keyed(offset, &format!("k{offset}"), &"x".repeat(100))]).await;
        // The old and the new value of a key, and one record above the bound.
        put(&mut task, &[keyed(1000 + offset, "again", "y")]).await;
    }
    assert!(store.objects_count() > 100, "{} objects", store.objects_count());
    assert_eq!(commit(&mut task, 2000).await, Some(2000));
    assert_eq!(store.objects_count(), 601);
}
