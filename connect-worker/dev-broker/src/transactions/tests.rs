//! Tests of the transaction coordinator over real topics in a temporary folder.

use bytes::BytesMut;
use kafka_protocol::records::{Compression, Record, RecordBatchEncoder, RecordEncodeOptions, TimestampType};
use tempfile::TempDir;

use super::*;
use crate::{config::BrokerConfig, groups::offsets::Committed, storage::topic_config::Overrides};

/// The coordinator with what it acts on.
struct Scene {
    dir: TempDir,
    topics: Topics,
    offsets: GroupOffsets,
    transactions: Transactions,
}

impl Scene {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let scene = Self::open(dir);
        scene.topics.create("t", 2, Overrides::new()).unwrap();
        scene
    }

    fn open(dir: TempDir) -> Self {
        let topics = Topics::open(&BrokerConfig::new(dir.path())).unwrap();
        let mut offsets = GroupOffsets::open(dir.path()).unwrap();
        let mut transactions = Transactions::open(dir.path()).unwrap();
        transactions.finish_interrupted(&topics, &mut offsets).unwrap();
        Self { dir, topics, offsets, transactions }
    }

    /// Opens the same folder again, as after a crash.
    fn reopen(self) -> Self {
        Self::open(self.dir)
    }

    fn init(&mut self) -> ProducerEpoch {
        self.init_claiming(None).unwrap()
    }

    fn init_claiming(&mut self, claimed: Option<ProducerEpoch>) -> Result<ProducerEpoch, ResponseError> {
        self.transactions.init_producer("id", 1000, claimed, &self.topics, &mut self.offsets)
    }

    /// Adds partition 0 and writes a record to it.
    fn write(&mut self, producer: ProducerEpoch) {
        self.transactions.add_partitions("id", producer, vec![partition(0)]).unwrap();
        let record = Record {
            transactional: true,
            control: false,
            delete_horizon: false,
            partition_leader_epoch: -1,
            producer_id: producer.id,
            producer_epoch: producer.epoch,
            timestamp_type: TimestampType::Creation,
            offset: 0,
            sequence: 0,
            timestamp: 0,
            key: None,
            value: None,
            headers: Default::default(),
        };
        let mut batch = BytesMut::new();
        let options = RecordEncodeOptions { version: 2, compression: Compression::None };
        RecordBatchEncoder::encode(&mut batch, [&record], &options).unwrap();
        let topic = self.topics.get("t").unwrap();
        topic.partitions[0].lock().log.append(&batch, &topic.config, 0).unwrap();
    }

    fn end(&mut self, producer: ProducerEpoch, is_commit: bool) -> Result<(), ResponseError> {
        self.transactions.end("id", producer, is_commit, &self.topics, &mut self.offsets)
    }

    /// Returns the last stable offset, the end, and the number of aborted transactions of partition 0.
    fn log(&self) -> (i64, i64, usize) {
        let topic = self.topics.get("t").unwrap();
        let log = &topic.partitions[0].lock().log;
        let aborted = log.read(0, i64::MAX, 1 << 20).unwrap().aborted.len();
        (log.last_stable_offset(), log.next_offset(), aborted)
    }

    fn committed(&self) -> Option<i64> {
        Some(self.offsets.of_group("g")?[&partition(0)].offset)
    }
}

fn partition(partition: i32) -> TopicPartition {
    TopicPartition { topic: "t".to_owned(), partition }
}

fn change(offset: i64) -> OffsetChange {
    OffsetChange {
        group: "g".to_owned(),
        partition: partition(0),
        committed: Some(Committed { offset, leader_epoch: -1, metadata: String::new() }),
    }
}

#[test]
fn commit_and_abort_write_markers_and_may_be_repeated_but_not_changed() {
    let mut scene = Scene::new();
    let producer = scene.init();
    assert_eq!(scene.end(producer, true), Err(ResponseError::InvalidTxnState));
    scene.write(producer);
    assert_eq!(scene.log(), (0, 1, 0));
    assert_eq!(scene.end(producer, true), Ok(()));
    assert_eq!(scene.end(producer, true), Ok(()));
    assert_eq!(scene.end(producer, false), Err(ResponseError::InvalidTxnState));
    assert_eq!(scene.log(), (2, 2, 0));
}

#[test]
fn new_producer_aborts_what_the_old_one_left_open_and_fences_it() {
    let mut scene = Scene::new();
    let old = scene.init();
    scene.write(old);
    let new = scene.init();
    assert_eq!(new.id, old.id);
    assert!(new.epoch > old.epoch);
    assert_eq!(scene.log(), (2, 2, 1));
    assert_eq!(scene.end(old, true), Err(ResponseError::ProducerFenced));
    let added = scene.transactions.add_partitions("id", old, vec![partition(1)]);
    assert_eq!(added, Err(ResponseError::ProducerFenced));
    assert_eq!(scene.init_claiming(Some(old)), Err(ResponseError::ProducerFenced));
    assert_eq!(scene.init_claiming(Some(new)), Ok(new.next()));
}

#[test]
fn write_is_allowed_only_to_a_partition_of_the_open_transaction() {
    let mut scene = Scene::new();
    let producer = scene.init();
    let check = |scene: &Scene, index| scene.transactions.check_write("id", producer, &partition(index));
    assert_eq!(check(&scene, 0), Err(ResponseError::InvalidTxnState));
    scene.write(producer);
    assert_eq!((check(&scene, 0), check(&scene, 1)), (Ok(()), Err(ResponseError::InvalidTxnState)));
    scene.init();
    assert_eq!(check(&scene, 0), Err(ResponseError::InvalidProducerEpoch));
    let unknown = scene.transactions.check_write("other", producer, &partition(0));
    assert_eq!(unknown, Err(ResponseError::InvalidProducerIdMapping));
}

#[test]
fn offsets_wait_for_the_commit_and_vanish_with_an_abort() {
    let mut scene = Scene::new();
    let producer = scene.init();
    for (offset, is_commit, expected) in [(5, true, Some(5)), (9, false, Some(5))] {
        scene.transactions.add_offsets("id", producer, vec![change(offset)]).unwrap();
        assert!(scene.transactions.has_pending_offset("g", &partition(0)));
        assert_ne!(scene.committed(), Some(offset));
        scene.end(producer, is_commit).unwrap();
        assert!(!scene.transactions.has_pending_offset("g", &partition(0)));
        assert_eq!(scene.committed(), expected);
    }
}

#[test]
fn decided_commit_is_finished_after_a_crash_and_an_open_transaction_stays_open() {
    let mut scene = Scene::new();
    let producer = scene.init();
    scene.write(producer);
    scene.transactions.add_offsets("id", producer, vec![change(3)]).unwrap();
    let mut scene = scene.reopen();
    assert_eq!(scene.log(), (0, 1, 0));
    assert!(scene.transactions.has_pending_offset("g", &partition(0)));
    scene.transactions.decide("id", true, producer).unwrap();
    let mut scene = scene.reopen();
    assert_eq!((scene.log(), scene.committed()), ((2, 2, 0), Some(3)));
    assert_eq!(scene.end(producer, true), Ok(()));
}

#[test]
fn transaction_that_takes_too_long_is_aborted_and_its_producer_fenced() {
    let mut scene = Scene::new();
    let producer = scene.init();
    scene.write(producer);
    let started = scene.transactions.all()["id"].started_ms;
    for (at, expected) in [(started + 999, (0, 1, 0)), (started + 1000, (2, 2, 1))] {
        scene.transactions.abort_expired(&scene.topics, &mut scene.offsets, at).unwrap();
        assert_eq!(scene.log(), expected);
    }
    assert_eq!(scene.end(producer, true), Err(ResponseError::ProducerFenced));
}

#[test]
fn producer_ids_are_never_given_out_twice() {
    let mut scene = Scene::new();
    let mut seen = std::collections::BTreeSet::new();
    for _ in 0..3 {
        for _ in 0..1200 {
            assert!(seen.insert(scene.transactions.new_producer().unwrap().id));
        }
        scene = scene.reopen();
    }
}

#[test]
fn worn_out_epoch_is_followed_by_a_new_id() {
    let mut scene = Scene::new();
    let mut producer = scene.init();
    scene.transactions.by_id.get_mut("id").unwrap().producer.epoch = i16::MAX - 1;
    producer.epoch = i16::MAX - 1;
    let next = scene.init_claiming(Some(producer)).unwrap();
    assert_ne!(next.id, producer.id);
    assert_eq!(next.epoch, 0);
}
