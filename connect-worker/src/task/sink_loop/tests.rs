//! Simulations of the sink loop against an in-process Kafka: seeded faults, and an oracle that checks at every commit
//! that nothing is committed which is not durable, and at the end that nothing was lost.

mod commits;
mod drained;
mod refused;

use std::collections::BTreeSet;
use std::sync::atomic::AtomicBool;
use std::sync::{Mutex, MutexGuard, PoisonError};

use connect_core::async_trait;
use connect_core::config::{ConfigDef, Props};
use connect_core::connector::{Connector, ConnectorContext, SinkConnector};
use connect_core::kit::SystemClock;
use connect_core::plugin::{Factory, PluginInfo, Registry};
use connect_core::task::{SinkTaskHandle, TaskId};
use tokio::sync::mpsc;
use tokio::time::timeout;

use super::*;
use crate::config::{WorkerConfig, WorkerMode};
use crate::kafka::memory::MemoryKafka;
use crate::kafka::producer::native_transactional_producers;
use crate::obs::metrics::MetricsRegistry;
use crate::stores::offsets::FileOffsetStore;
use crate::task::drain::{Drain, DrainingConsumer};
use crate::task::handle::{TaskEvent, TaskHandle, TaskKind, TaskReport};
use crate::task::members::{StaticMember, StaticMembers, StopReason};
use crate::task::spawner::Spawner;

const BYTES: &str = "org.apache.kafka.connect.converters.ByteArrayConverter";

/// What the test's target system holds, and how it misbehaves.
#[derive(Default)]
struct Target {
    durable: BTreeSet<(TopicPartition, i64)>,
    buffered: Vec<(TopicPartition, i64)>,
    failing_puts: u32,
    fatal: bool,
    put_delay: Duration,
    closes: Vec<CloseReason>,
    handle: Option<Arc<dyn SinkTaskHandle>>,
    /// Paused, and read again from its offset, by the next `pre_commit`.
    pre_commit_pauses: Option<TopicPartition>,
    /// Read again from an offset at the next `pre_commit`; what is not durable is dropped.
    pre_commit_rewinds: Option<(TopicPartition, i64)>,
    rewound: Vec<(TopicPartition, i64)>,
    failing_pre_commits: u32,
    /// Records that make the target refuse a batch whole.
    refused: BTreeSet<(TopicPartition, i64)>,
    /// A record whose parts are answered with retriable errors this many times once the batch was refused.
    busy_with: Option<((TopicPartition, i64), u32)>,
    /// Records in the order in which they were taken, and what was asked of the target.
    taken: Vec<(TopicPartition, i64)>,
    puts: Vec<usize>,
    /// How far everything is read; what is put becomes durable by `drain` alone then.
    drain: Option<Arc<Drain>>,
    failing_drains: u32,
    drain_delay: Duration,
    /// Records that waited to become durable, at each call of `drain`.
    drained: Vec<usize>,
    /// Where the target stands: partitions are read from there on, as `open` asks.
    stands_at: Option<(TopicPartition, i64)>,
}

impl Target {
    fn make_durable(&mut self) {
        let buffered = std::mem::take(&mut self.buffered);
        self.durable.extend(buffered);
    }

    /// Answers as a target that refuses whole batches.
    fn refuse(&mut self, batch: &[SinkRecord]) -> Result<(), ConnectError> {
        if batch.is_empty() {
            return Ok(());
        }
        self.puts.push(batch.len());
        let places = || batch.iter().map(|record| (record.original_partition(), record.offset));
        if places().any(|place| self.refused.contains(&place)) {
            return Err(ConnectError::data("400 from the target").refusing_batch());
        }
        if let Some((place, times)) = &mut self.busy_with
            && *times > 0
            && places().any(|other| other == *place)
        {
            *times -= 1;
            return Err(ConnectError::retriable("target is busy").retry_after(Duration::from_millis(10)));
        }
        self.taken.extend(places());
        Ok(())
    }
}

static TARGETS: Mutex<Vec<(String, Arc<Mutex<Target>>)>> = Mutex::new(Vec::new());

fn lock(target: &Mutex<Target>) -> MutexGuard<'_, Target> {
    target.lock().unwrap_or_else(PoisonError::into_inner)
}

struct TestSink {
    target: Arc<Mutex<Target>>,
}

#[async_trait]
impl SinkTask for TestSink {
    async fn start(&mut self, context: SinkTaskContext, props: &Props) -> Result<(), ConnectError> {
        let targets = TARGETS.lock().expect("targets");
        let name = &props["target"];
        self.target = Arc::clone(&targets.iter().find(|(known, _)| known == name).expect("registered").1);
        lock(&self.target).handle = Some(context.handle);
        Ok(())
    }

    async fn open(&mut self, _: &[TopicPartition]) -> Result<(), ConnectError> {
        let target = lock(&self.target);
        if let (Some((partition, offset)), Some(handle)) = (&target.stands_at, &target.handle) {
            handle.rewind(partition.clone(), *offset);
        }
        Ok(())
    }

    async fn put(&mut self, batch: &[SinkRecord]) -> Result<PutReport, ConnectError> {
        let delay = lock(&self.target).put_delay;
        tokio::time::sleep(delay).await;
        let mut target = lock(&self.target);
        if target.fatal {
            return Err(ConnectError::fatal("target is broken"));
        }
        if target.failing_puts > 0 && !batch.is_empty() {
            target.failing_puts -= 1;
            return Err(ConnectError::retriable("target is busy").retry_after(Duration::from_millis(10)));
        }
        if let (Some((partition, offset)), Some(first)) = (target.rewound.last(), batch.first())
            && first.original_partition() == *partition
        {
            assert_eq!(first.offset, *offset, "a rewind comes before anything else is delivered");
            target.rewound.clear();
        }
        target.refuse(batch)?;
        target.buffered.extend(batch.iter().map(|record| (record.original_partition(), record.offset)));
        Ok(PutReport::accepted())
    }

    async fn pre_commit(&mut self, consumed: &Offsets) -> Result<Offsets, ConnectError> {
        let mut target = lock(&self.target);
        if let (Some(handle), Some(partition)) = (target.handle.clone(), target.pre_commit_pauses.take()) {
            handle.pause(&[partition]);
        }
        if let (Some(handle), Some((partition, offset))) =
            (target.handle.clone(), target.pre_commit_rewinds.take())
        {
            handle.rewind(partition.clone(), offset);
            target.rewound.push((partition, offset));
            return Ok(Offsets::new());
        }
        if target.failing_pre_commits > 0 {
            target.failing_pre_commits -= 1;
            target.buffered.clear();
            return Err(ConnectError::retriable("target is busy"));
        }
        if target.drain.is_none() {
            target.make_durable();
            return Ok(consumed.clone());
        }
        let next = |partition: &TopicPartition| {
            let durable = target.durable.iter().filter(|(owner, _)| owner == partition);
            durable.map(|(_, offset)| offset + 1).max()
        };
        Ok(consumed.keys().filter_map(|partition| Some((partition.clone(), next(partition)?))).collect())
    }

    async fn drain(&mut self) -> Result<(), ConnectError> {
        let delay = {
            let mut target = lock(&self.target);
            let waiting = target.buffered.len();
            target.drained.push(waiting);
            target.drain_delay
        };
        tokio::time::sleep(delay).await;
        let mut target = lock(&self.target);
        if target.failing_drains > 0 {
            target.failing_drains -= 1;
            return Err(ConnectError::retriable("target is busy"));
        }
        target.make_durable();
        Ok(())
    }

    async fn close(&mut self, _: &[TopicPartition], reason: CloseReason) -> Result<(), ConnectError> {
        let mut target = lock(&self.target);
        target.buffered.clear();
        target.closes.push(reason);
        Ok(())
    }
}

struct TestConnector;

#[async_trait]
impl Connector for TestConnector {
    fn version(&self) -> &'static str {
        "1"
    }

    fn config_def(&self) -> ConfigDef {
        ConfigDef::default()
    }

    fn task_class(&self) -> &'static str {
        "test.Sink"
    }

    async fn start(&mut self, _: ConnectorContext, _: &Props) -> Result<(), ConnectError> {
        Ok(())
    }

    fn task_configs(&self, _: usize) -> Result<Vec<Props>, ConnectError> {
        Ok(Vec::new())
    }
}

impl SinkConnector for TestConnector {
    fn task(&self) -> Box<dyn SinkTask> {
        Box::new(TestSink { target: Arc::default() })
    }
}

/// Members that were removed from their groups.
static REMOVED: Mutex<Vec<String>> = Mutex::new(Vec::new());

struct Removals;

#[async_trait]
impl StaticMembers for Removals {
    async fn remove(&self, member: &StaticMember) -> Result<(), ConnectError> {
        REMOVED.lock().expect("removals").push(format!("{} {}", member.group, member.instance_id));
        Ok(())
    }
}

/// One task on an in-process Kafka.
struct World {
    kafka: MemoryKafka,
    target: Arc<Mutex<Target>>,
    handle: Option<TaskHandle>,
    events: mpsc::UnboundedReceiver<TaskEvent>,
    sender: mpsc::UnboundedSender<TaskEvent>,
    spawner: Spawner,
    spec: TaskSpec,
    has_right: Arc<AtomicBool>,
    appended: Vec<(TopicPartition, i64)>,
    metrics: Arc<MetricsRegistry>,
}

fn props(pairs: &[(&str, &str)]) -> Props {
    pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
}

fn partition(number: i32) -> TopicPartition {
    TopicPartition::new("t", number)
}

impl World {
    fn new(name: &str, extra: &[(&str, &str)]) -> Self {
        let mut plugins = connectors::registry().plugins().to_vec();
        plugins.push(PluginInfo {
            class: "test.SinkConnector",
            version: "1",
            factory: Factory::Sink(|| Box::new(TestConnector)),
        });
        let registry = Registry::new(plugins);
        let worker = props(&[
            ("bootstrap.servers", "b:1"),
            ("key.converter", BYTES),
            ("value.converter", BYTES),
            ("offset.storage.file.filename", "/nonexistent/offsets"),
            ("offset.flush.interval.ms", "20"),
        ]);
        let worker = WorkerConfig::parse(&worker, WorkerMode::Standalone, &registry).expect("worker");
        let kafka = MemoryKafka::default();
        let consumers = kafka.clone();
        let has_right = Arc::new(AtomicBool::new(true));
        let seen_right = Arc::clone(&has_right);
        let metrics = MetricsRegistry::for_tests();
        let target = Arc::<Mutex<Target>>::default();
        let read_to = Arc::clone(&target);
        let services = TaskServices {
            metrics: Arc::clone(&metrics),
            worker: Arc::new(worker),
            offsets: Arc::new(
                FileOffsetStore::open(std::env::temp_dir().join("sluice-sink-loop-offsets"))
                    .expect("a missing file is fine"),
            ),
            clock: Arc::new(SystemClock),
            source_stores: None,
            members: Some(Arc::new(Removals)),
            producers: native_transactional_producers(),
            right: Arc::new(move || seen_right.load(Ordering::SeqCst)),
            consumers: Arc::new(move |_| {
                Ok(match &lock(&read_to).drain {
                    Some(drain) => Box::new(DrainingConsumer::new(consumers.consumer(), Arc::clone(drain))),
                    None => consumers.consumer(),
                })
            }),
        };
        let mut connector_props = props(&[
            ("name", name),
            ("connector.class", "test.SinkConnector"),
            ("topics", "t"),
            ("target", name),
        ]);
        connector_props.extend(props(extra));
        TARGETS.lock().expect("targets").push((name.to_owned(), Arc::clone(&target)));
        let (sender, events) = mpsc::unbounded_channel();
        let spec = TaskSpec {
            id: TaskId { connector: Arc::from(name), task: 0 },
            run: 1,
            kind: TaskKind::Sink,
            task_props: connector_props.clone(),
            connector_props,
            target: TargetState::Started,
            registry,
            topic_resets: Default::default(),
            exactly_once: None,
        };
        let spawner = Spawner::new(services);
        let appended = Vec::new();
        Self { kafka, target, handle: None, events, sender, spawner, spec, has_right, appended, metrics }
    }

    fn start(&mut self) {
        self.handle = Some(self.spawner.start(self.spec.clone(), self.sender.clone()));
    }

    fn append(&mut self, number: i32, count: usize) {
        for _ in 0..count {
            let offset = self.kafka.append(&partition(number), "v");
            self.appended.push((partition(number), offset));
        }
    }

    async fn state(&mut self, wanted: TaskState) -> Option<String> {
        loop {
            let event = timeout(Duration::from_secs(60), self.events.recv()).await.expect("an event in time");
            if let TaskReport::State { state, trace } = event.expect("open channel").report
                && state == wanted
            {
                return trace;
            }
        }
    }

    /// Waits until the committed offset of a partition reaches `offset`, checking the oracle on the way.
    async fn committed(&self, number: i32, offset: i64) {
        let reached = async {
            while self.kafka.committed().get(&partition(number)).is_none_or(|committed| *committed < offset) {
                self.check_committed_is_durable();
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
        };
        let outcome = timeout(Duration::from_secs(60), reached).await;
        assert!(outcome.is_ok(), "waiting for {offset} in {number}, committed {:?}", self.kafka.committed());
        self.check_committed_is_durable();
    }

    /// Waits until the target is as wanted.
    async fn target_is(&self, what: &str, is_wanted: impl Fn(&Target) -> bool) {
        let reached = async {
            while !is_wanted(&lock(&self.target)) {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        };
        timeout(Duration::from_secs(60), reached).await.expect(what);
    }

    fn check_committed_is_durable(&self) {
        let committed = self.kafka.committed();
        let target = lock(&self.target);
        for (partition, offset) in &self.appended {
            if committed.get(partition).is_some_and(|next| offset < next) {
                let place = (partition.clone(), *offset);
                assert!(
                    target.durable.contains(&place) || target.refused.contains(&place),
                    "{partition}@{offset} committed early"
                );
            }
        }
    }

    fn check_nothing_is_lost(&self) {
        let target = lock(&self.target);
        for record in &self.appended {
            let is_there = target.durable.contains(record) || target.refused.contains(record);
            assert!(is_there, "{record:?} is lost");
        }
    }

    /// Has another take the place of the task, which ends without a word.
    async fn gives_way(&mut self) {
        self.kafka.fence();
        let closed = async {
            while !self.kafka.is_closed() {
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
        };
        timeout(Duration::from_secs(60), closed).await.expect("closed in time");
        assert!(self.stop().await, "the task ends");
        assert_eq!(lock(&self.target).closes, [CloseReason::Lost]);
        while let Ok(event) = self.events.try_recv() {
            assert!(!matches!(event.report, TaskReport::State { .. }), "{event:?}");
        }
    }

    async fn stop(&mut self) -> bool {
        let handle = self.handle.take().expect("started");
        handle.join(Instant::now() + Duration::from_secs(60)).await
    }
}

#[tokio::test]
async fn task_whose_place_was_taken_commits_nothing_and_says_nothing() {
    let mut world = World::new("fenced", &[]);
    world.append(0, 10);
    world.kafka.rebalance(Rebalance::Assigned(vec![partition(0)]));
    world.start();
    world.state(TaskState::Running).await;
    world.committed(0, 10).await;
    world.kafka.fail_commits(u32::MAX);
    world.append(0, 5);
    world.target_is("delivered in time", |target| target.durable.len() >= 15).await;
    world.kafka.fail_commits(0);
    world.gives_way().await;
    assert_eq!(world.kafka.committed(), Offsets::from([(partition(0), 10)]));
}

#[tokio::test]
async fn task_of_a_worker_whose_place_may_be_anothers_writes_and_commits_nothing_more() {
    let mut world = World::new("rightless", &[]);
    world.append(0, 10);
    world.kafka.rebalance(Rebalance::Assigned(vec![partition(0)]));
    world.start();
    world.committed(0, 10).await;
    world.has_right.store(false, Ordering::SeqCst);
    world.append(0, 5);
    // Long enough for several polls, puts and commits.
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert!(world.stop().await, "the task ends");
    assert_eq!(lock(&world.target).durable.len(), 10);
    assert_eq!(lock(&world.target).closes, [CloseReason::Lost]);
    assert_eq!(world.kafka.committed(), Offsets::from([(partition(0), 10)]));
}

#[tokio::test]
async fn static_member_keeps_its_place_only_for_a_next_owner_that_can_take_it() {
    let all_members_are_sluice = true;
    let cases = [
        ("good", Some(StopReason::EndsForGood), true),
        ("moved", Some(StopReason::MayMove { all_members_are_sluice }), false),
        ("to-jvm", Some(StopReason::MayMove { all_members_are_sluice: false }), true),
        ("restarted", Some(StopReason::RestartsHere), false),
        ("failed", None, true),
    ];
    for (name, reason, is_removed) in cases {
        let name = format!("member-{name}");
        let mut world = World::new(&name, &[("consumer.override.group.instance.id", &name)]);
        world.kafka.rebalance(Rebalance::Assigned(vec![partition(0)]));
        world.start();
        world.state(TaskState::Running).await;
        match reason {
            Some(reason) => {
                world.handle.as_ref().expect("started").stop_for(reason);
                world.state(TaskState::Unassigned).await;
            }
            None => {
                lock(&world.target).fatal = true;
                world.append(0, 1);
                world.state(TaskState::Failed).await;
            }
        }
        assert!(world.stop().await, "the task ends");
        let removed = REMOVED.lock().expect("removals").contains(&format!("connect-{name} {name}"));
        assert_eq!(removed, is_removed, "{name}");
    }
}

#[tokio::test]
async fn records_are_delivered_and_committed_and_the_rest_at_stop() {
    let mut world = World::new("plain", &[]);
    world.append(0, 10);
    world.kafka.rebalance(Rebalance::Assigned(vec![partition(0)]));
    world.start();
    world.state(TaskState::Running).await;
    world.committed(0, 10).await;
    world.append(0, 5);
    tokio::time::sleep(Duration::from_millis(5)).await;
    assert!(world.stop().await);
    world.committed(0, 15).await;
    world.check_nothing_is_lost();
    assert!(world.kafka.is_closed());
    assert_eq!(lock(&world.target).closes, [CloseReason::Stopping]);
}

#[tokio::test]
async fn retriable_error_brings_the_same_batch_again() {
    let mut world = World::new("retry", &[]);
    lock(&world.target).failing_puts = 3;
    world.append(0, 10);
    world.kafka.rebalance(Rebalance::Assigned(vec![partition(0)]));
    world.start();
    world.committed(0, 10).await;
    let durable = lock(&world.target).durable.len();
    assert_eq!(durable, 10);
    assert!(world.stop().await);
}

#[tokio::test]
async fn fatal_error_fails_the_task_and_commits_nothing_undelivered() {
    let mut world = World::new("fatal", &[]);
    lock(&world.target).fatal = true;
    world.append(0, 10);
    world.kafka.rebalance(Rebalance::Assigned(vec![partition(0)]));
    world.start();
    let trace = world.state(TaskState::Failed).await.expect("a trace");
    assert!(trace.contains("target is broken"), "{trace}");
    assert_eq!(world.kafka.committed(), Offsets::new());
}

#[tokio::test]
async fn revoked_partition_is_committed_and_a_lost_one_is_not() {
    let mut world = World::new("rebalance", &[]);
    world.append(0, 10);
    world.append(1, 10);
    world.kafka.rebalance(Rebalance::Assigned(vec![partition(0), partition(1)]));
    world.start();
    world.committed(0, 10).await;
    world.committed(1, 10).await;
    world.kafka.fail_commits(u32::MAX);
    world.append(0, 4);
    tokio::time::sleep(Duration::from_millis(60)).await;
    world.kafka.fail_commits(0);
    world.kafka.rebalance(Rebalance::Revoked(vec![partition(0)]));
    world.committed(0, 14).await;
    world.kafka.rebalance(Rebalance::Lost(vec![partition(1)]));
    while lock(&world.target).closes.len() < 2 {
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    assert_eq!(lock(&world.target).closes, [CloseReason::Revoked, CloseReason::Lost]);
    assert!(world.stop().await);
}

#[tokio::test]
async fn pause_holds_records_back_and_resume_delivers_them() {
    let mut world = World::new("pause", &[]);
    world.append(0, 3);
    world.kafka.rebalance(Rebalance::Assigned(vec![partition(0)]));
    world.start();
    world.committed(0, 3).await;
    world.handle.as_ref().expect("started").set_target(TargetState::Paused);
    world.state(TaskState::Paused).await;
    world.append(0, 3);
    tokio::time::sleep(Duration::from_millis(50)).await;
    assert_eq!(lock(&world.target).durable.len(), 3);
    world.handle.as_ref().expect("started").set_target(TargetState::Started);
    world.committed(0, 6).await;
    assert!(world.stop().await);
}

#[tokio::test]
async fn task_that_hangs_in_put_is_abandoned_at_the_deadline() {
    let mut world = World::new("hang", &[]);
    lock(&world.target).put_delay = Duration::from_secs(3_600);
    world.append(0, 1);
    world.kafka.rebalance(Rebalance::Assigned(vec![partition(0)]));
    world.start();
    world.state(TaskState::Running).await;
    let handle = world.handle.take().expect("started");
    assert!(!handle.join(Instant::now() + Duration::from_millis(100)).await);
    assert_eq!(world.kafka.committed(), Offsets::new());
}

#[tokio::test]
async fn pause_asked_for_while_closing_does_not_hold_the_partition_when_it_returns() {
    let mut world = World::new("stale-pause", &[]);
    world.append(0, 3);
    world.kafka.rebalance(Rebalance::Assigned(vec![partition(0)]));
    world.start();
    world.committed(0, 3).await;
    // `pre_commit` is asked again only when the partition is closed.
    world.handle.as_ref().expect("started").set_target(TargetState::Paused);
    world.state(TaskState::Paused).await;
    tokio::time::sleep(Duration::from_millis(60)).await;
    lock(&world.target).pre_commit_pauses = Some(partition(0));
    world.kafka.rebalance(Rebalance::Revoked(vec![partition(0)]));
    while lock(&world.target).closes.is_empty() {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    tokio::time::sleep(Duration::from_millis(60)).await;
    world.handle.as_ref().expect("started").set_target(TargetState::Started);
    world.kafka.rebalance(Rebalance::Assigned(vec![partition(0)]));
    world.append(0, 3);
    world.committed(0, 6).await;
    assert!(world.stop().await);
}

#[tokio::test]
async fn rewind_asked_for_by_pre_commit_comes_before_the_next_records() {
    let mut world = World::new("rewind-in-pre-commit", &[]);
    world.append(0, 10);
    world.kafka.rebalance(Rebalance::Assigned(vec![partition(0)]));
    world.start();
    world.committed(0, 10).await;
    for round in 0..30 {
        lock(&world.target).pre_commit_rewinds = Some((partition(0), 0));
        let deadline = Instant::now() + Duration::from_secs(60);
        while lock(&world.target).pre_commit_rewinds.is_some() {
            assert!(Instant::now() < deadline, "`pre_commit` is asked, and the task lives");
            world.append(0, 1);
            tokio::time::sleep(Duration::from_micros(200 * (round % 7))).await;
        }
    }
    world.append(0, 1);
    let end = world.appended.len() as i64;
    world.committed(0, end).await;
    assert!(world.stop().await);
}

#[tokio::test]
async fn batch_that_goes_with_a_lost_partition_leaves_the_others_reading() {
    let mut world = World::new("lost-redelivery", &[]);
    world.append(0, 3);
    world.kafka.rebalance(Rebalance::Assigned(vec![partition(0), partition(1)]));
    lock(&world.target).failing_puts = u32::MAX;
    world.start();
    world.state(TaskState::Running).await;
    tokio::time::sleep(Duration::from_millis(50)).await;
    world.kafka.rebalance(Rebalance::Lost(vec![partition(0)]));
    while lock(&world.target).closes.is_empty() {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    lock(&world.target).failing_puts = 0;
    world.append(1, 3);
    world.committed(1, 3).await;
    assert!(world.stop().await);
}

#[tokio::test]
async fn task_that_rewinds_in_open_is_read_from_there() {
    let mut world = World::new("open-rewinds", &[]);
    lock(&world.target).stands_at = Some((partition(0), 7));
    world.append(0, 10);
    world.kafka.rebalance(Rebalance::Assigned(vec![partition(0)]));
    world.start();
    let committed = async {
        while world.kafka.committed().get(&partition(0)) != Some(&10) {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    };
    timeout(Duration::from_secs(60), committed).await.expect("committed");
    let durable: Vec<i64> = lock(&world.target).durable.iter().map(|(_, offset)| *offset).collect();
    assert_eq!(durable, [7, 8, 9]);
    assert!(world.stop().await);
}

/// Any interleaving of appends, rebalances, failing puts and failing commits: nothing lost, nothing committed early.
#[tokio::test]
async fn simulation_with_seeded_faults_loses_nothing() {
    let seeds: Vec<u64> = match std::env::var("SLUICE_SEED") {
        Ok(seed) => vec![seed.parse().expect("a number")],
        Err(_) => (0..40).map(|_| fastrand::u64(..)).collect(),
    };
    for seed in seeds {
        println!("SLUICE_SEED={seed}");
        simulate(seed).await;
    }
}

async fn simulate(seed: u64) {
    let mut random = fastrand::Rng::with_seed(seed);
    let mut world = World::new(&format!("simulation-{seed}"), &[("errors.tolerance", "all")]);
    let all = vec![partition(0), partition(1)];
    world.kafka.rebalance(Rebalance::Assigned(all.clone()));
    world.start();
    for _ in 0..40 {
        match random.u32(0..10) {
            0 => lock(&world.target).failing_puts = random.u32(1..3),
            1 => world.kafka.fail_commits(random.u32(1..3)),
            2 | 3 => {
                let reason = if random.bool() { Rebalance::Revoked } else { Rebalance::Lost };
                world.kafka.rebalance(reason(all.clone()));
                world.kafka.rebalance(Rebalance::Assigned(all.clone()));
            }
            4 => lock(&world.target).put_delay = Duration::from_millis(random.u64(0..4)),
            5 => {
                let number = random.i32(0..2);
                // Refused before it can be read.
                let mut target = lock(&world.target);
                let offset = world.kafka.append(&partition(number), "bad");
                target.refused.insert((partition(number), offset));
                world.appended.push((partition(number), offset));
            }
            _ => {
                let number = random.i32(0..2);
                world.append(number, random.usize(1..20));
            }
        }
        world.check_committed_is_durable();
        tokio::time::sleep(Duration::from_millis(random.u64(0..5))).await;
    }
    world.append(0, 1);
    world.append(1, 1);
    for number in [0, 1] {
        let end = world.appended.iter().filter(|(owner, _)| *owner == partition(number)).count();
        world.committed(number, end as i64).await;
    }
    world.check_nothing_is_lost();
    assert!(world.stop().await);
}
