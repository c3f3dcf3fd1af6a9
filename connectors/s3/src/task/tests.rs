use std::collections::BTreeMap;
use std::time::Duration;

use proptest::prelude::*;

use connect_core::data::{Datum, Value};
use connect_core::kit::ByteBudget;
use connect_core::testkit::{FakeClock, HandleCall, RecordingHandle, props, record, sink_context};

use crate::client::fake::{Call, FakeStore, Inject};

use super::*;

fn settings(extra: &[(&str, &str)]) -> Props {
    let mut all = props(&[
        ("s3.bucket.name", "b"),
        ("topics.dir", ""),
        ("flush.size", "3"),
        ("retry.backoff.ms", "1000"),
        ("storage.class", "io.confluent.connect.s3.storage.S3Storage"),
        ("format.class", "io.confluent.connect.s3.format.json.JsonFormat"),
    ]);
    all.extend(props(extra));
    all
}

/// A task on a fake store, and what the worker would know.
struct Rig {
    task: S3SinkTask,
    store: Arc<FakeStore>,
    clock: Arc<FakeClock>,
    handle: Arc<RecordingHandle>,
}

impl Rig {
    async fn start(store: FakeStore, extra: &[(&str, &str)]) -> Self {
        Self::start_with(store, extra, usize::MAX).await
    }

    async fn start_with(store: FakeStore, extra: &[(&str, &str)], budget: usize) -> Self {
        let (store, clock) = (Arc::new(store), Arc::new(FakeClock::new()));
        let (mut context, handle) = sink_context(Arc::clone(&clock) as _);
        context.budget = ByteBudget::new(budget);
        let mut task = S3SinkTask::with_store(Arc::clone(&store) as _);
        task.start(context, &settings(extra)).await.expect("a task starts");
        task.open(&[partition()]).await.expect("a partition opens");
        Self { task, store, clock, handle }
    }

    async fn put(&mut self, offsets: std::ops::Range<i64>) {
        let batch: Vec<SinkRecord> = offsets.map(|offset| text(offset, "x")).collect();
        let report = self.task.put(&batch).await.expect("a batch is taken");
        assert!(report.failed.is_empty());
    }

    async fn put_one(&mut self, record: SinkRecord) {
        let report = self.task.put(&[record]).await.expect("a record is taken");
        assert!(report.failed.is_empty());
    }

    async fn commit(&mut self, consumed: i64) -> Option<i64> {
        let offsets = Offsets::from([(partition(), consumed)]);
        self.task.pre_commit(&offsets).await.expect("pre_commit works").get(&partition()).copied()
    }
}

fn partition() -> TopicPartition {
    TopicPartition::new("t", 0)
}

fn text(offset: i64, text: &str) -> SinkRecord {
    record("t", 0, offset, Datum::schemaless(Value::string(text)))
}

fn name(offset: i64) -> String {
    format!("t/partition=0/t+0+{offset:010}.json")
}

fn three(offset: i64) -> (String, String) {
    (name(offset), "\"x\"\n\"x\"\n\"x\"\n".to_owned())
}

#[tokio::test(start_paused = true)]
async fn only_written_objects_are_committed() {
    let mut rig = Rig::start(FakeStore::default(), &[]).await;
    rig.put(0..2).await;
    assert_eq!(rig.commit(2).await, None, "nothing is closed yet");
    rig.put(2..7).await;
    assert_eq!(rig.commit(7).await, Some(6));
    assert_eq!(rig.store.objects(), BTreeMap::from([three(0), three(3)]));
    rig.put(7..9).await;
    assert_eq!(rig.commit(12).await, Some(12), "records dropped before the task count as done");
}

#[tokio::test(start_paused = true)]
async fn a_batch_whose_put_was_interrupted_is_committed_up_to_the_end_of_a_file() {
    for (taken, committed) in [(10, 9), (9, 9), (3, 3)] {
        let mut rig = Rig::start(FakeStore::default(), &[]).await;
        rig.put(0..taken).await;
        assert_eq!(rig.commit(1).await, Some(committed), "of {taken} records, before the worker counts them");
    }
}

#[tokio::test(start_paused = true)]
async fn files_that_are_not_full_are_written_and_committed_at_the_end_of_a_run() {
    let formats = [
        ("json.JsonFormat", "json"),
        ("avro.AvroFormat", "avro"),
        ("parquet.ParquetFormat", "snappy.parquet"),
    ];
    let schema = connect_core::data::SchemaBuilder::structure();
    let schema = schema.field("n", connect_core::data::Schema::of(connect_core::data::Type::Int64));
    let schema = schema.build().expect("one field");
    let row = |offset: i64| {
        let fields = connect_core::data::Struct::from_parts(Arc::clone(&schema), vec![Value::Int64(offset)]);
        record("t", 0, offset, Datum::new(Some(Arc::clone(&schema)), Value::Struct(Box::new(fields))))
    };
    for (format, extension) in formats {
        let format = format!("io.confluent.connect.s3.format.{format}");
        let mut rig = Rig::start(FakeStore::default(), &[("format.class", &format)]).await;
        rig.task.drain().await.expect("drains nothing");
        for offset in 0..5 {
            rig.put_one(row(offset)).await;
        }
        assert_eq!(rig.commit(5).await, Some(3), "{format}");
        rig.task.drain().await.expect("drains");
        assert_eq!(rig.store.objects_count(), 2, "{format}");
        assert_eq!(rig.commit(5).await, Some(5), "{format}");
        rig.task.drain().await.expect("drains nothing more");
        let wanted = format!("t/partition=0/t+0+0000000003.{extension}");
        assert!(rig.store.object(&wanted).is_some(), "{format}");
        assert_eq!(rig.store.objects_count(), 2, "{format}");
    }
}

#[tokio::test(start_paused = true)]
async fn drain_waits_for_uploads_however_long_they_take_and_tells_of_those_that_did_not_succeed() {
    let mut rig = Rig::start(FakeStore::default(), &[]).await;
    rig.store.set_down(true);
    rig.put(0..2).await;
    rig.task.drain().await.expect("the records come again");
    assert_eq!(rig.commit(2).await, Some(0));
    let calls = rig.handle.take();
    assert!(calls.contains(&HandleCall::Rewind(partition(), 0)), "{calls:?}");
    rig.store.set_down(false);
    rig.clock.advance(Duration::from_secs(1));
    rig.put(0..0).await;
    rig.put(0..2).await;
    rig.store.inject(Call::Put, [Inject::Hang]);
    let drained = tokio::time::timeout(Duration::from_secs(3600), rig.task.drain()).await;
    assert!(drained.is_err(), "an upload is under way: {drained:?}");
}

#[tokio::test(start_paused = true)]
async fn small_file_takes_one_request() {
    let mut rig = Rig::start(FakeStore::default(), &[]).await;
    rig.put(0..3).await;
    rig.commit(3).await;
    assert_eq!(rig.store.take_calls(), [Call::Head, Call::Put]);
}

#[tokio::test(start_paused = true)]
async fn large_file_is_written_in_parts() {
    let mut rig =
        Rig::start(FakeStore::default(), &[("s3.part.size", "5242880"), ("flush.size", "13")]).await;
    let value = "y".repeat(1024 * 1024);
    for offset in 0..13 {
        rig.put_one(text(offset, &value)).await;
    }
    assert_eq!(rig.commit(13).await, Some(13));
    assert_eq!(
        rig.store.take_calls(),
        [Call::Head, Call::Create, Call::Part, Call::Part, Call::Part, Call::Complete]
    );
    assert_eq!(rig.store.object(&name(0)).map(|bytes| bytes.len()), Some(13 * (1024 * 1024 + 3)));
    assert_eq!(rig.store.open_uploads(), 0);
}

#[tokio::test(start_paused = true)]
async fn passing_faults_are_retried_and_leave_no_trace() {
    let store = FakeStore::default();
    store.inject(Call::Head, [Inject::Fail("", 503)]);
    let faults = [Inject::Fail("SlowDown", 503), Inject::LoseAnswer, Inject::Fail("InternalError", 200)];
    store.inject(Call::Put, faults);
    let mut rig = Rig::start(store, &[]).await;
    rig.put(0..3).await;
    assert_eq!(rig.commit(3).await, Some(3));
    assert_eq!(rig.store.objects(), BTreeMap::from([three(0)]));
    assert_eq!(rig.handle.take(), [], "the worker is not troubled");
}

#[tokio::test(start_paused = true)]
async fn internal_error_of_complete_is_retried() {
    let store = FakeStore::default();
    store.inject(Call::Complete, [Inject::Fail("InternalError", 200)]);
    let mut rig = Rig::start(store, &[("s3.part.size", "5242880"), ("flush.size", "6")]).await;
    let value = "y".repeat(1024 * 1024);
    for offset in 0..6 {
        rig.put_one(text(offset, &value)).await;
    }
    assert_eq!(rig.commit(6).await, Some(6));
}

#[tokio::test(start_paused = true)]
async fn outage_rewinds_to_the_first_unfinished_record_and_heals_itself() {
    let mut rig = Rig::start(FakeStore::default(), &[]).await;
    rig.put(0..3).await;
    assert_eq!(rig.commit(3).await, Some(3));
    rig.store.set_down(true);
    rig.put(3..8).await;
    assert_eq!(rig.commit(8).await, Some(3), "an outage moves no offset");
    let calls = rig.handle.take();
    assert_eq!(calls[..2], [HandleCall::Pause(vec![partition()]), HandleCall::Rewind(partition(), 3)]);
    assert!(
        matches!(&calls[2], HandleCall::Trouble(Some(text)) if text.contains("ServiceUnavailable")),
        "{calls:?}"
    );
    rig.put(8..9).await;
    assert_eq!(
        rig.commit(9).await,
        Some(3),
        "records after the rewind are not taken while the partition waits"
    );
    rig.store.set_down(false);
    assert_eq!(rig.task.next_wakeup_ms(), Some(1000));
    rig.clock.advance(Duration::from_secs(1));
    rig.put(0..0).await;
    assert_eq!(rig.handle.take(), [HandleCall::Resume(vec![partition()])]);
    rig.put(3..9).await;
    assert_eq!(rig.commit(9).await, Some(9));
    assert_eq!(rig.handle.take(), [HandleCall::Trouble(None)]);
    assert_eq!(rig.store.objects(), BTreeMap::from([three(0), three(3), three(6)]));
}

#[tokio::test(start_paused = true)]
async fn refused_credentials_fail_the_task_with_advice() {
    let store = FakeStore::default();
    store.inject(Call::Put, [Inject::Fail("InvalidAccessKeyId", 403)]);
    let mut rig = Rig::start(store, &[]).await;
    rig.put(0..3).await;
    assert_eq!(rig.commit(3).await, None);
    let error = rig.task.put(&[]).await.expect_err("a fatal error");
    assert!(!error.is_retriable() && error.context().contains("`aws.access.key.id`"), "{error}");
}

#[tokio::test(start_paused = true)]
async fn bucket_is_looked_for_at_the_start() {
    let cases = [
        (Inject::Fail("", 404), Some("bucket `b`: it does not exist; create it or correct `s3.bucket.name`")),
        (Inject::Fail("", 403), None),
        (Inject::Fail("", 301), None),
    ];
    for (inject, expected) in cases {
        let store = Arc::new(FakeStore::default());
        store.inject(Call::Head, [inject.clone()]);
        let (context, _) = sink_context(Arc::new(FakeClock::new()));
        let started = S3SinkTask::with_store(store).start(context, &settings(&[])).await;
        match expected {
            None => assert!(started.is_ok(), "{inject:?}"),
            Some(text) => {
                let error = started.expect_err("no bucket");
                assert!(error.context().contains(text), "{error}");
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn revoked_partition_keeps_what_is_closed_and_drops_the_rest() {
    let mut rig = Rig::start(FakeStore::default(), &[("s3.part.size", "5242880"), ("flush.size", "7")]).await;
    let value = "y".repeat(1024 * 1024);
    for offset in 0..13 {
        rig.put_one(text(offset, &value)).await;
    }
    assert_eq!(rig.commit(13).await, Some(7));
    rig.task.close(&[partition()], CloseReason::Revoked).await.expect("closes");
    assert_eq!((rig.store.objects().len(), rig.store.open_uploads()), (1, 0), "parts are given up");
    assert!(rig.store.take_calls().contains(&Call::Abort));
}

#[tokio::test(start_paused = true)]
async fn lost_partition_writes_nothing_any_more() {
    let store = FakeStore::default();
    store.inject(Call::Put, [Inject::Hang, Inject::Hang]);
    let mut rig = Rig::start(store, &[]).await;
    rig.put(0..6).await;
    assert_eq!(rig.commit(6).await, None, "both uploads are under way");
    rig.task.close(&[partition()], CloseReason::Lost).await.expect("closes");
    tokio::time::sleep(Duration::from_secs(60)).await;
    assert_eq!(rig.store.objects(), BTreeMap::new());
    rig.task.open(&[partition()]).await.expect("opens again");
    rig.put(0..3).await;
    assert_eq!(rig.commit(3).await, Some(3));
}

#[tokio::test(start_paused = true)]
async fn stopped_task_does_not_wait_for_a_store_that_hangs() {
    let store = FakeStore::default();
    store.inject(Call::Put, std::iter::repeat_n(Inject::Hang, 100));
    let (context, _) = sink_context(Arc::new(FakeClock::new()));
    let stop = context.stop.clone();
    let mut task = S3SinkTask::with_store(Arc::new(store));
    task.start(context, &settings(&[("flush.size", "1")])).await.expect("starts");
    let batch: Vec<SinkRecord> = (0..100).map(|offset| text(offset, "x")).collect();
    stop.cancel();
    assert!(task.put(&batch).await.is_err(), "too much is under way to take all of it");
    let offered = task.pre_commit(&Offsets::from([(partition(), 0)])).await.expect("works");
    assert!(offered.is_empty());
    task.close(&[partition()], CloseReason::Stopping).await.expect("closes");
    task.stop().await.expect("stops");
}

#[tokio::test(start_paused = true)]
async fn memory_stays_within_its_bound() {
    let limit = 8 * 1024 * 1024;
    let mut rig = Rig::start_with(FakeStore::default(), &[("flush.size", "100")], limit).await;
    let value = "y".repeat(1024 * 1024);
    for offset in 0..30 {
        rig.put_one(text(offset, &value)).await;
        let used = rig.task.work.as_ref().map(Work::used_bytes);
        assert!(used.is_some_and(|used| used <= limit), "{used:?} at {offset}");
    }
    assert!(rig.store.take_calls().contains(&Call::Part), "the file is written early, in parts");
    assert_eq!(rig.commit(30).await, None, "and is not closed early");
}

#[tokio::test(start_paused = true)]
async fn small_files_are_closed_early_rather_than_run_out_of_memory() {
    let mut rig = Rig::start_with(FakeStore::default(), &[("flush.size", "1000")], 64 * 1024).await;
    let value = "y".repeat(10_000);
    for offset in 0..30 {
        rig.put_one(text(offset, &value)).await;
    }
    assert!(rig.commit(30).await.is_some_and(|offset| offset > 0));
}

#[tokio::test(start_paused = true)]
async fn gzip_objects_hold_the_same_records() {
    let mut rig = Rig::start(FakeStore::default(), &[("s3.compression.type", "gzip")]).await;
    rig.put(0..3).await;
    assert_eq!(rig.commit(3).await, Some(3));
    let object = rig.store.object("t/partition=0/t+0+0000000000.json.gz").expect("written");
    assert_eq!(object[..2], [0x1f, 0x8b]);
}

#[tokio::test(start_paused = true)]
async fn objects_are_tagged_once_they_are_there() {
    let settings = [("s3.object.tagging", "true"), ("s3.object.tagging.key.value.pairs", "team:logs")];
    let mut rig = Rig::start(FakeStore::default(), &settings).await;
    rig.put(0..3).await;
    assert_eq!(rig.commit(3).await, Some(3));
    assert_eq!(rig.store.take_calls(), [Call::Head, Call::Put, Call::Tag]);
    assert_eq!(rig.store.tags(&name(0)), ["startOffset=0", "endOffset=2", "recordCount=3", "team=logs"]);
}

#[tokio::test(start_paused = true)]
async fn tagging_that_does_not_succeed_is_passed_over_or_fails_the_task() {
    let refused = || (0..9).map(|_| Inject::Fail("AccessDenied", 403));
    for (policy, is_fatal) in [("ignore", false), ("fail", true)] {
        let settings = [("s3.object.tagging", "true"), ("s3.object.behavior.on.tagging.error", policy)];
        let mut rig = Rig::start(FakeStore::default(), &settings).await;
        rig.store.inject(Call::Tag, refused());
        rig.put(0..3).await;
        assert_eq!(rig.commit(3).await, (!is_fatal).then_some(3), "{policy}");
        assert_eq!(rig.task.put(&[]).await.is_err(), is_fatal, "{policy}");
    }
}

/// Writes `rounds` records to each of 3,000 directories and counts the bytes that are held meanwhile.
async fn three_thousand_directories(format: &str, rounds: i64, size: usize) {
    const FILES: i64 = 3_000;
    const LIMIT: usize = 256 * 1024 * 1024;
    const BATCH: i64 = 500;
    let settings = [
        ("flush.size", "1000000000"),
        ("format.class", format),
        ("partitioner.class", "io.sluice.connect.s3.TemplatePartitioner"),
        ("sluice.partition.template", "${key}"),
    ];
    let mut rig = Rig::start_with(FakeStore::default(), &settings, LIMIT).await;
    let schema = connect_core::data::SchemaBuilder::structure();
    let schema = schema.field("b", connect_core::data::Schema::of(connect_core::data::Type::Bytes));
    let schema = schema.build().expect("one field");
    let bytes = Value::Bytes(connect_core::Bytes::from(vec![7; size]));
    let value = match format.ends_with("ParquetFormat") {
        true => {
            let row = connect_core::data::Struct::from_parts(Arc::clone(&schema), vec![bytes]);
            Datum::new(Some(schema), Value::Struct(Box::new(row)))
        }
        false => Datum::schemaless(bytes),
    };
    let mut most = 0;
    for start in (0..FILES * rounds).step_by(500) {
        let batch: Vec<SinkRecord> = (start..start + BATCH)
            .map(|offset| {
                let mut made = record("t", 0, offset, value.clone());
                made.key = Datum::schemaless(Value::Int64(offset % FILES));
                made
            })
            .collect();
        let report = rig.task.put(&batch).await.expect("a batch is taken");
        assert!(report.failed.is_empty());
        most = most.max(rig.task.work().expect("started").used_bytes());
    }
    // A batch is taken whole before room is made again.
    let slack = usize::try_from(BATCH).unwrap_or_default() * (size + 1024);
    assert!(most > LIMIT / 2 && most <= LIMIT + slack, "{most} bytes were held at most");
    let committed = rig.commit(FILES * rounds).await.expect("files were closed early");
    assert!(committed >= FILES, "{committed}");
    assert!(rig.store.objects_count() >= 3_000);
}

#[tokio::test(start_paused = true)]
async fn three_thousand_open_files_stay_within_256_mebibytes() {
    three_thousand_directories("io.confluent.connect.s3.format.bytearray.ByteArrayFormat", 3, 40_000).await;
    three_thousand_directories("io.confluent.connect.s3.format.parquet.ParquetFormat", 3, 40_000).await;
}

#[tokio::test(start_paused = true)]
async fn conditional_write_goes_on_behind_the_record_that_exists() {
    let schedule = [("rotate.schedule.interval.ms", "60000"), ("timezone", "UTC"), ("flush.size", "3")];
    let store = FakeStore::conditional();
    let mut rig = Rig::start(store, &schedule).await;
    rig.put(0..3).await;
    assert_eq!(rig.commit(3).await, Some(3));
    // A run that was not committed reads the same records again, and cuts them differently.
    rig.task.open(&[partition()]).await.expect("opens");
    rig.put(0..3).await;
    assert_eq!(rig.commit(3).await, Some(1), "the object that exists holds at least its first record");
    assert_eq!(rig.handle.take()[1], HandleCall::Rewind(partition(), 1));
    rig.clock.advance(Duration::from_secs(1));
    rig.put(0..0).await;
    rig.put(1..4).await;
    assert_eq!(rig.commit(4).await, Some(4));
    assert_eq!(rig.store.objects().into_keys().collect::<Vec<_>>(), [name(0), name(1)]);
}

#[tokio::test(start_paused = true)]
async fn topics_renamed_to_one_name_are_refused_before_they_overwrite_each_other() {
    let mut rig = Rig::start(FakeStore::default(), &[]).await;
    let renamed = |topic: &str| {
        let mut made = record(topic, 0, 0, Datum::schemaless(Value::string("x")));
        made.record.topic = "all".into();
        made
    };
    rig.put_one(renamed("t")).await;
    let error = rig.task.put(&[renamed("other")]).await.expect_err("the same names");
    assert!(error.context().contains("`other-0` and of `t-0` both as `all-0`"), "{error}");
}

/// What a worker would do: reads again where it is told to, commits now and then, and loses the task at random.
struct Worker {
    log: Vec<SinkRecord>,
    position: i64,
    committed: i64,
    is_paused: bool,
}

impl Worker {
    async fn step(&mut self, rig: &mut Rig, size: i64, commits: bool) {
        let end = (self.position + size).min(i64::try_from(self.log.len()).expect("small"));
        let batch = if self.is_paused { 0..0 } else { self.position..end };
        let slice =
            usize::try_from(batch.start).expect("positive")..usize::try_from(batch.end).expect("positive");
        let put = rig.task.put(&self.log[slice]).await;
        assert!(put.expect("no fatal fault is injected").failed.is_empty());
        self.position = self.position.max(batch.end);
        if commits && let Some(offset) = rig.commit(self.position).await {
            self.check(rig, offset);
            self.committed = offset;
        }
        for call in rig.handle.take() {
            match call {
                HandleCall::Rewind(_, offset) => self.position = offset,
                HandleCall::Pause(_) => self.is_paused = true,
                HandleCall::Resume(_) => self.is_paused = false,
                _ => {}
            }
        }
    }

    /// Every record before the offset is in an object.
    fn check(&self, rig: &Rig, offset: i64) {
        assert!(offset >= self.committed, "the offset goes back from {} to {offset}", self.committed);
        let objects = rig.store.objects();
        let written: std::collections::BTreeSet<i64> = objects
            .values()
            .flat_map(|text| {
                text.lines().map(|line| line.trim_matches('"').parse::<i64>().expect("an offset"))
            })
            .collect();
        for record in 0..offset {
            assert!(written.contains(&record), "offset {offset} is committed without record {record}");
        }
    }
}

fn fault() -> impl Strategy<Value = Inject> {
    prop_oneof![
        Just(Inject::Fail("SlowDown", 503)),
        Just(Inject::Fail("InternalError", 200)),
        Just(Inject::Fail("NoSuchUpload", 404)),
        Just(Inject::Fail("", 500)),
        Just(Inject::LoseAnswer),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]
    #[test]
    fn faults_and_crashes_lose_nothing_and_write_the_same_objects(
        steps in proptest::collection::vec((1i64..9, any::<bool>(), 0u8..20), 1..40),
        faults in proptest::collection::vec(fault(), 0..40),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().expect("builds");
        runtime.block_on(Box::pin(async {
            let log: Vec<SinkRecord> = (0..60).map(|offset| text(offset, &offset.to_string())).collect();
            let mut rig = Rig::start(FakeStore::default(), &[("s3.part.retries", "1")]).await;
            rig.store.inject(Call::Put, faults);
            let mut worker = Worker { log, position: 0, committed: 0, is_paused: false };
            for (size, commits, dice) in steps {
                worker.step(&mut rig, size, commits).await;
                rig.clock.advance(Duration::from_millis(700));
                if dice == 0 {
                    // Killed and started again from the committed offset.
                    rig.task.open(&[partition()]).await.expect("opens");
                    rig.handle.take();
                    (worker.position, worker.is_paused) = (worker.committed, false);
                }
            }
            for _ in 0..200 {
                rig.clock.advance(Duration::from_secs(2));
                worker.step(&mut rig, 9, true).await;
            }
            assert_eq!(worker.committed, 60);
            let expected: BTreeMap<String, String> = (0..20).map(|file| {
                let first = file * 3;
                (name(first), format!("\"{first}\"\n\"{}\"\n\"{}\"\n", first + 1, first + 2))
            }).collect();
            assert_eq!(rig.store.objects(), expected);
        }));
    }

    #[test]
    fn files_closed_together_are_committed_together(
        minutes in proptest::collection::vec(0i64..180, 40),
        steps in proptest::collection::vec((1i64..9, any::<bool>(), 0u8..20), 1..40),
        faults in proptest::collection::vec(fault(), 0..40),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().expect("builds");
        runtime.block_on(Box::pin(async {
            let log: Vec<SinkRecord> = (0..).zip(&minutes).map(|(offset, minute)| {
                let mut made = text(offset, &offset.to_string());
                made.record.timestamp = Some(1_767_225_600_000 + minute * 60_000);
                made
            }).collect();
            let settings = [
                ("flush.size", "7"),
                ("s3.part.retries", "0"),
                ("partitioner.class", "io.confluent.connect.storage.partitioner.HourlyPartitioner"),
                ("timestamp.extractor", "Record"),
                ("locale", "en"),
                ("timezone", "UTC"),
            ];
            let mut rig = Rig::start(FakeStore::default(), &settings).await;
            rig.store.inject(Call::Put, faults);
            let mut worker = Worker { log, position: 0, committed: 0, is_paused: false };
            for (size, commits, dice) in steps {
                worker.step(&mut rig, size, commits).await;
                rig.clock.advance(Duration::from_millis(700));
                if dice == 0 {
                    rig.task.open(&[partition()]).await.expect("opens");
                    rig.handle.take();
                    (worker.position, worker.is_paused) = (worker.committed, false);
                }
            }
            for _ in 0..200 {
                rig.clock.advance(Duration::from_secs(2));
                worker.step(&mut rig, 9, true).await;
            }
            assert_eq!(worker.committed, 35);
            let mut written: Vec<i64> = rig.store.objects().values()
                .flat_map(|text| text.lines().map(|line| line.trim_matches('"').parse().expect("an offset")).collect::<Vec<i64>>())
                .collect();
            written.sort_unstable();
            assert_eq!(written, (0..35).collect::<Vec<i64>>(), "once each, whatever was tried again");
        }));
    }
}
