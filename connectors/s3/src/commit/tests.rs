use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use connect_core::Bytes;
use connect_core::config::Props;
use connect_core::data::{Datum, Value};
use connect_core::error::ConnectError;
use connect_core::record::{Offsets, SinkRecord, TopicPartition};
use connect_core::task::{CloseReason, SinkTask};
use connect_core::testkit::{FakeClock, HandleCall, RecordingHandle, props, record, sink_context};

use crate::client::fake::{Call, FakeStore, Inject};
use crate::client::{ObjectStore, RecordStore};
use crate::naming::ObjectNaming;
use crate::settings::Settings;
use crate::task::S3SinkTask;

use super::offsets::alter_in;
use super::record::CommitRecord;
use super::*;

const RECORD: &str = "_commits/contract/t/0.json";

fn settings(extra: &[(&str, &str)]) -> Props {
    let mut all = props(&[
        ("name", "contract"),
        ("s3.bucket.name", "b"),
        ("topics.dir", ""),
        ("flush.size", "3"),
        ("retry.backoff.ms", "1000"),
        ("storage.class", "io.confluent.connect.s3.storage.S3Storage"),
        ("format.class", "io.confluent.connect.s3.format.json.JsonFormat"),
        ("sluice.s3.exactly.once", "true"),
    ]);
    all.extend(props(extra));
    all
}

/// A task that owns a partition, and what the worker would know.
struct Rig {
    task: S3SinkTask,
    clock: Arc<FakeClock>,
    handle: Arc<RecordingHandle>,
}

impl Rig {
    async fn start(store: &Arc<FakeStore>, group: Option<i64>, extra: &[(&str, &str)]) -> Self {
        let clock = Arc::new(FakeClock::new());
        // Owners differ by chance: a claim's name holds some.
        clock.set_chance(store.chance());
        let (mut context, handle) = sink_context(Arc::clone(&clock) as _);
        context.id.connector = "contract".into();
        let mut task = S3SinkTask::with_store(Arc::clone(store) as _);
        task.start(context, &settings(extra)).await.expect("a task starts");
        let committed = group.map(|offset| (partition(), offset)).into_iter().collect();
        task.open_at(&[partition()], &committed).await.expect("a partition opens");
        Self { task, clock, handle }
    }

    /// Starts and waits until records are taken.
    async fn ready(store: &Arc<FakeStore>, group: Option<i64>, extra: &[(&str, &str)]) -> Self {
        let mut rig = Self::start(store, group, extra).await;
        rig.settle().await.expect("the record is claimed");
        rig
    }

    /// Calls `put` without records until nothing is under way.
    async fn settle(&mut self) -> Result<(), ConnectError> {
        loop {
            let report = self.task.put(&[]).await?;
            assert!(report.failed.is_empty());
            match self.task.next_wakeup_ms() {
                Some(wait @ ..=10) => tokio::time::sleep(Duration::from_millis(wait.max(1))).await,
                _ => return Ok(()),
            }
        }
    }

    async fn put(&mut self, offsets: std::ops::Range<i64>) {
        let batch: Vec<SinkRecord> = offsets.map(text).collect();
        let report = self.task.put(&batch).await.expect("a batch is taken");
        assert!(report.failed.is_empty());
    }

    async fn commit(&mut self, consumed: i64) -> Option<i64> {
        let offsets = Offsets::from([(partition(), consumed)]);
        self.task.pre_commit(&offsets).await.expect("pre_commit works").get(&partition()).copied()
    }

    fn rewinds(&self) -> Vec<i64> {
        let offset = |call| match call {
            HandleCall::Rewind(_, offset) => Some(offset),
            _ => None,
        };
        self.handle.take().into_iter().filter_map(offset).collect()
    }
}

fn partition() -> TopicPartition {
    TopicPartition::new("t", 0)
}

fn text(offset: i64) -> SinkRecord {
    record("t", 0, offset, Datum::schemaless(Value::string(offset.to_string())))
}

fn name(offset: i64) -> String {
    format!("t/partition=0/t+0+{offset:010}.json")
}

/// Returns the objects of records from the first to before the second offset of each pair.
fn objects(files: &[(i64, i64)]) -> BTreeMap<String, String> {
    let lines = |first: i64, end: i64| (first..end).map(|offset| format!("\"{offset}\"\n")).collect();
    files.iter().map(|(first, end)| (name(*first), lines(*first, *end))).collect()
}

fn state(store: &FakeStore) -> CommitRecord {
    let text = store.record(RECORD).expect("there is a record");
    CommitRecord::parse(text.as_bytes()).expect("it can be read")
}

#[tokio::test(start_paused = true)]
async fn objects_become_visible_after_the_record_names_them() {
    let store = Arc::new(FakeStore::default());
    let mut rig = Rig::ready(&store, None, &[]).await;
    use Call::*;
    assert_eq!(store.take_calls(), [Head, Read, Write, Write, Write, List], "the store is checked once");
    rig.put(0..2).await;
    assert_eq!(rig.commit(2).await, None, "nothing is closed yet");
    rig.put(2..4).await;
    assert_eq!(rig.commit(4).await, Some(3));
    assert_eq!(store.take_calls(), [Create, Part, Write, Complete, Write]);
    assert_eq!(store.objects(), objects(&[(0, 3)]));
    let record = state(&store);
    assert_eq!((record.epoch, record.offset, record.objects), (1, Some(3), vec![]));
}

#[tokio::test(start_paused = true)]
async fn what_was_decided_is_finished_by_the_next_owner_who_reads_on_behind_it() {
    let store = Arc::new(FakeStore::default());
    store.inject(Call::Complete, [Inject::Hang]);
    let mut rig = Rig::ready(&store, None, &[("store.kafka.keys", "false")]).await;
    rig.put(0..3).await;
    assert_eq!(rig.commit(3).await, None, "the object is not visible");
    assert_eq!((state(&store).offset, state(&store).objects.len()), (Some(3), 1));
    drop(rig);

    let mut rig = Rig::ready(&store, None, &[]).await;
    assert_eq!(rig.rewinds(), [3], "the group has no offset, the record has");
    assert_eq!(store.objects(), objects(&[(0, 3)]));
    assert_eq!(rig.commit(3).await, Some(3));
    let record = state(&store);
    assert_eq!((record.epoch, record.offset, record.objects), (2, Some(3), vec![]));
}

#[tokio::test(start_paused = true)]
async fn owner_that_was_replaced_makes_nothing_visible_and_claims_again() {
    let store = Arc::new(FakeStore::default());
    let mut old = Rig::ready(&store, None, &[]).await;
    old.put(0..2).await;
    let mut new = Rig::ready(&store, None, &[]).await;
    old.put(2..3).await;
    assert_eq!(old.commit(3).await, None);
    assert_eq!(store.objects(), BTreeMap::new());
    new.put(0..3).await;
    assert_eq!(new.commit(3).await, Some(3));
    assert_eq!(store.objects(), objects(&[(0, 3)]));
    // Should the old one be the partition's owner after all, it goes on from the record.
    old.handle.take();
    old.clock.advance(Duration::from_secs(1));
    old.settle().await.expect("claims again");
    assert_eq!(old.rewinds(), [3]);
    assert_eq!(state(&store).epoch, 3);
    new.put(3..6).await;
    assert_eq!(new.commit(6).await, None, "now the new one is cut off");
    assert_eq!(store.objects(), objects(&[(0, 3)]));
}

#[tokio::test(start_paused = true)]
async fn lost_answers_are_found_out() {
    let store = Arc::new(FakeStore::default());
    store.inject(Call::Write, [Inject::LoseAnswer, Inject::LoseAnswer, Inject::Fail("SlowDown", 503)]);
    store.inject(Call::Complete, [Inject::LoseAnswer]);
    let mut rig = Rig::ready(&store, None, &[]).await;
    rig.put(0..3).await;
    assert_eq!(rig.commit(3).await, Some(3));
    assert_eq!(store.objects(), objects(&[(0, 3)]));
    assert_eq!(state(&store).epoch, 1, "the owner knew its own writes again");
}

#[tokio::test(start_paused = true)]
async fn closed_files_that_no_commit_names_are_given_up() {
    let store = Arc::new(FakeStore::default());
    let mut rig = Rig::ready(&store, None, &[("shutdown.timeout.ms", "100")]).await;
    store.inject(Call::Write, [Inject::Hang]);
    rig.put(0..9).await;
    rig.commit(9).await;
    assert_eq!(store.open_uploads(), 3);
    tokio::task::yield_now().await;
    rig.task.close(&[partition()], CloseReason::Revoked).await.expect("closes");
    assert_eq!(store.open_uploads(), 1, "what the request under way names is the next owner's");
    store.pass_seconds(5);
    let mut rig = Rig::ready(&store, None, &[]).await;
    assert_eq!(store.open_uploads(), 0, "which never was written");
    rig.put(0..3).await;
    assert_eq!(rig.commit(3).await, Some(3));
}

#[tokio::test(start_paused = true)]
async fn uploads_of_others_and_of_later_owners_are_spared() {
    let store = Arc::new(FakeStore::default());
    for key in ["t/partition=0/t+0+7.json", "t/partition=1/t+1+7.json", "t2/partition=0/t2+0+7.json"] {
        store.create_multipart(key, None).await.expect("begins");
    }
    Rig::ready(&store, None, &[]).await;
    assert_eq!(store.open_uploads(), 3, "one began in the second of the claim");
    store.pass_seconds(1);
    Rig::ready(&store, None, &[]).await;
    assert_eq!(store.open_uploads(), 2);
}

#[tokio::test(start_paused = true)]
async fn object_that_is_neither_there_nor_can_be_made_fails_the_task_until_someone_decides() {
    let store = Arc::new(FakeStore::default());
    store.inject(Call::Complete, [Inject::Hang]);
    let mut rig = Rig::ready(&store, None, &[]).await;
    rig.put(0..3).await;
    rig.commit(3).await;
    drop(rig);
    let left = state(&store).objects.remove(0);
    store.abort(&left.key, &left.upload).await.expect("aborts");

    let mut rig = Rig::start(&store, None, &[]).await;
    let error = rig.settle().await.expect_err("the commit cannot be finished");
    assert_eq!(
        error.to_string(),
        "finishing the commit of `t-0`: the object `t/partition=0/t+0+0000000000.json` is not there, and its \
         upload is gone; if it was complete and someone took it away, set the offset of the partition to `3`, \
         else to `none`, and its records are written again"
    );
    drop(rig);
    alter(&store, Some(0)).await;
    let mut rig = Rig::ready(&store, Some(0), &[]).await;
    rig.put(0..3).await;
    assert_eq!(rig.commit(3).await, Some(3));
    assert_eq!(store.objects(), objects(&[(0, 3)]));
}

async fn alter(store: &Arc<FakeStore>, offset: Option<i64>) {
    let settings = Settings::parse(&settings(&[])).expect("valid");
    let clock = Arc::new(FakeClock::new());
    clock.set_chance(store.chance());
    let changes = vec![(partition(), offset), (TopicPartition::new("never", 0), Some(5))];
    alter_in(Arc::clone(store) as _, &settings, "contract", &changes, clock).await.expect("sets the record");
}

#[tokio::test(start_paused = true)]
async fn offsets_set_from_outside_set_the_record_and_cut_off_tasks_still_running() {
    let store = Arc::new(FakeStore::default());
    let mut rig = Rig::ready(&store, None, &[]).await;
    rig.put(0..3).await;
    assert_eq!(rig.commit(3).await, Some(3));
    alter(&store, Some(1)).await;
    assert_eq!((state(&store).epoch, state(&store).offset), (2, Some(1)));
    assert_eq!(store.record("_commits/contract/never/0.json"), None, "its group's offset says enough");
    rig.put(3..6).await;
    assert_eq!(rig.commit(6).await, None, "where the record stands is not known");
    assert_eq!(store.objects(), objects(&[(0, 3)]), "the task was cut off");
    drop(rig);
    alter(&store, None).await;
    assert_eq!(state(&store).offset, None);
    let rig = Rig::ready(&store, None, &[]).await;
    assert_eq!(rig.rewinds(), Vec::<i64>::new(), "the group's offset counts");
}

#[tokio::test(start_paused = true)]
async fn records_before_the_group_caught_up_are_read_for_their_failures_alone() {
    let extra = [("partitioner.class", "FieldPartitioner"), ("partition.field.name", "f")];
    let store = Arc::new(FakeStore::default());
    let mut before = Rig::ready(&store, None, &[]).await;
    before.put(0..6).await;
    assert_eq!(before.commit(6).await, Some(6));
    let written = store.objects();
    store.take_calls();

    let mut rig = Rig::ready(&store, Some(2), &extra).await;
    assert_eq!(rig.rewinds(), Vec::<i64>::new(), "reading begins at the group's offset");
    let batch: Vec<SinkRecord> = (2..8).map(text).collect();
    let report = rig.task.put(&batch).await.expect("a batch is taken");
    let failed: Vec<usize> = report.failed.iter().map(|failure| failure.index).collect();
    assert_eq!(failed, [0, 1, 2, 3, 4, 5], "no text has a field: their letters may not have been sent");
    assert_eq!(rig.commit(8).await, Some(8));
    assert_eq!(store.objects(), written);
}

#[tokio::test(start_paused = true)]
async fn records_that_are_in_objects_are_not_written_again() {
    let store = Arc::new(FakeStore::default());
    let mut before = Rig::ready(&store, None, &[]).await;
    before.put(0..6).await;
    assert_eq!(before.commit(6).await, Some(6));
    let mut rig = Rig::ready(&store, Some(1), &[("flush.size", "2")]).await;
    rig.put(1..3).await;
    assert_eq!(rig.commit(3).await, Some(3), "committed in the record, whatever the group says");
    rig.put(3..10).await;
    assert_eq!(rig.commit(10).await, Some(10));
    assert_eq!(store.objects(), objects(&[(0, 3), (3, 6), (6, 8), (8, 10)]));
}

#[tokio::test(start_paused = true)]
async fn group_that_is_ahead_of_the_record_is_set_back_to_it() {
    let store = Arc::new(FakeStore::default());
    let mut before = Rig::ready(&store, None, &[]).await;
    before.put(0..3).await;
    assert_eq!(before.commit(3).await, Some(3));
    let rig = Rig::ready(&store, Some(9), &[]).await;
    assert_eq!(rig.rewinds(), [3]);
}

#[tokio::test(start_paused = true)]
async fn record_follows_records_that_a_transform_drops() {
    let store = Arc::new(FakeStore::default());
    let mut rig = Rig::ready(&store, None, &[]).await;
    rig.put(0..3).await;
    assert_eq!(rig.commit(5).await, Some(5));
    assert_eq!(state(&store).offset, Some(5));
    rig.put(5..6).await;
    assert_eq!(rig.commit(8).await, Some(5), "a file is open");
    assert_eq!(state(&store).offset, Some(5));
}

#[tokio::test(start_paused = true)]
async fn log_that_was_made_anew_is_written_from_its_beginning() {
    let store = Arc::new(FakeStore::default());
    let mut before = Rig::ready(&store, None, &[]).await;
    before.put(4..7).await;
    assert_eq!(before.commit(7).await, Some(7));
    let mut rig = Rig::ready(&store, None, &[]).await;
    assert_eq!(rig.rewinds(), [7]);
    rig.put(0..2).await;
    assert_eq!(rig.rewinds(), [7], "it is asked for once more");
    rig.settle().await.expect("goes on");
    rig.put(0..2).await;
    rig.settle().await.expect("claims");
    assert_eq!(rig.rewinds(), [0], "now it is sure");
    rig.put(0..3).await;
    assert_eq!(rig.commit(3).await, Some(3));
    assert_eq!(store.objects(), objects(&[(4, 7), (0, 3)]));
    assert_eq!(state(&store).offset, Some(3));
}

#[tokio::test(start_paused = true)]
async fn all_files_of_a_rotation_are_one_commit() {
    let store = Arc::new(FakeStore::default());
    let extra = [
        ("store.kafka.keys", "true"),
        ("keys.format.class", "io.confluent.connect.s3.format.json.JsonFormat"),
        ("s3.object.tagging", "true"),
    ];
    store.inject(Call::Complete, [Inject::Hang, Inject::Hang]);
    let mut rig = Rig::ready(&store, None, &extra).await;
    let keyed = |offset| {
        let mut record = text(offset);
        record.record.key = Datum::schemaless(Value::string("k"));
        record
    };
    let batch: Vec<SinkRecord> = (0..3).map(keyed).collect();
    let report = rig.task.put(&batch).await.expect("a batch is taken");
    assert!(report.failed.is_empty());
    rig.commit(3).await;
    let keys: Vec<String> = state(&store).objects.into_iter().map(|object| object.key).collect();
    assert_eq!(keys, [name(0), name(0).replace(".json", ".keys.json")]);
    assert_eq!(store.objects_count(), 0);
    drop(rig);
    Rig::ready(&store, None, &extra).await;
    assert_eq!(store.objects_count(), 2);
    assert_eq!(store.tags(&name(0)), ["startOffset=0", "endOffset=2", "recordCount=3"]);
}

#[tokio::test(start_paused = true)]
async fn files_without_a_new_record_are_closed_after_a_while_and_not_before() {
    let store = Arc::new(FakeStore::default());
    let mut rig = Rig::ready(&store, None, &[("flush.size", "100"), ("sluice.rotate.idle.ms", "2000")]).await;
    rig.put(0..1).await;
    rig.clock.advance(Duration::from_millis(1_500));
    rig.put(1..2).await;
    assert_eq!(rig.task.next_wakeup_ms(), Some(2_000));
    rig.clock.advance(Duration::from_millis(1_999));
    rig.put(0..0).await;
    assert_eq!(rig.commit(2).await, None);
    rig.clock.advance(Duration::from_millis(1));
    rig.put(0..0).await;
    assert_eq!(rig.commit(2).await, Some(2));
    assert_eq!(store.objects(), objects(&[(0, 2)]));
    assert_eq!(rig.task.next_wakeup_ms(), None, "nothing is open");
}

#[tokio::test(start_paused = true)]
async fn record_that_cannot_be_read_fails_the_task() {
    let store = Arc::new(FakeStore::default());
    store.set_record(RECORD, "{\"version\":9");
    let mut rig = Rig::start(&store, None, &[]).await;
    let error = rig.settle().await.expect_err("nothing is known");
    assert!(error.to_string().starts_with("reading commit record `_commits/contract/t/0.json`: "), "{error}");
}

#[tokio::test(start_paused = true)]
async fn store_that_ignores_conditions_is_refused() {
    for (known, header) in [(1, "If-None-Match"), (2, "If-Match")] {
        let store = Arc::new(FakeStore::unconditional_after(known));
        let mut rig = Rig::start(&store, None, &[]).await;
        let error = rig.settle().await.expect_err("nothing can be promised");
        assert_eq!(
            error.to_string(),
            format!(
                "checking bucket `b`: its store ignores `{header}`, so that `sluice.s3.exactly.once` cannot be \
                 kept; set it to false, or use a store with conditional writes"
            )
        );
    }
}

#[tokio::test(start_paused = true)]
async fn store_that_is_down_is_waited_for() {
    let store = Arc::new(FakeStore::default());
    store.set_down(true);
    let mut rig = Rig::start(&store, None, &[]).await;
    tokio::time::sleep(Duration::from_secs(60)).await;
    rig.put(0..3).await;
    assert_eq!(rig.commit(3).await, None);
    store.set_down(false);
    rig.clock.advance(Duration::from_secs(2));
    rig.settle().await.expect("claims");
    assert_eq!(rig.rewinds(), [0], "records that came before are asked for again");
    rig.put(0..3).await;
    assert_eq!(rig.commit(3).await, Some(3));
}

#[test]
fn records_lie_beside_the_data() {
    let naming = |topics_dir: &str| RecordNaming {
        dir: "_commits".to_owned(),
        objects: ObjectNaming {
            topics_dir: topics_dir.to_owned(),
            directory_delim: "/".to_owned(),
            file_delim: "+".to_owned(),
            zero_pad_width: 10,
        },
    };
    let place = naming("topics").place("sink", &TopicPartition::new("logs", 12));
    assert_eq!((place.key.as_str(), place.prefix.as_str()), ("_commits/sink/logs/12.json", "topics/logs/"));
    assert!(place.is_own("topics/logs/a=1/b=2/logs+12+0000000007.json"));
    assert!(!place.is_own("topics/logs/a=1/b=2/logs+1+0000000007.json"));
    assert!(!place.is_own("other/logs/logs+12+0000000007.json"));
    assert_eq!(naming(" ").place("sink", &TopicPartition::new("logs", 1)).prefix, "logs/");
}

#[test]
fn record_reads_as_it_is_written() {
    let object = Prepared {
        key: "k".to_owned(),
        upload: "u".to_owned(),
        parts: vec!["\"p\"".to_owned()],
        mark: "m-0".to_owned(),
        tags: vec![("a".to_owned(), "b".to_owned())],
    };
    let record = CommitRecord::new(&partition()).taken_over("c", "o").decided(7, vec![object]);
    assert_eq!(CommitRecord::parse(record.to_text().as_bytes()), Ok(record.clone()));
    assert!(
        CommitRecord::parse(record.to_text().replacen("\"version\":1", "\"version\":2", 1).as_bytes())
            .is_err()
    );
}

#[tokio::test(start_paused = true)]
async fn mark_tells_an_object_from_an_older_one_of_its_name() {
    let store = FakeStore::default();
    assert_eq!(store.mark("k").await.expect("answers"), None);
    store.put_object("k", Bytes::new()).await.expect("writes");
    assert_eq!(store.mark("k").await.expect("answers").as_deref(), Some(""));
    let upload = store.create_multipart("k", Some("m")).await.expect("begins");
    store.complete("k", &upload, &[]).await.expect("completes");
    assert_eq!(store.mark("k").await.expect("answers").as_deref(), Some("m"));
}
