//! One scripted source task on an in-process Kafka.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use connect_core::async_trait;
use connect_core::config::{ConfigDef, Props};
use connect_core::connector::{Connector, ConnectorContext, SourceConnector};
use connect_core::data::{Datum, Map, Value};
use connect_core::error::ConnectError;
use connect_core::headers::Headers;
use connect_core::kit::SystemClock;
use connect_core::plugin::{Factory, PluginInfo, Registry};
use connect_core::record::{ConnectRecord, SourceRecord};
use connect_core::task::{SourceTask, SourceTaskContext, TaskId, TransactionContext};
use tokio::sync::{Notify, mpsc};
use tokio::time::timeout;

use crate::config::{WorkerConfig, WorkerMode};
use crate::kafka::memory_producer::MemoryTransactions;
use crate::obs::metrics::MetricsRegistry;
use crate::stores::offsets::{ExactlyOnceOffsets, OffsetStore, SourceOffsetStores};
use crate::task::exactly_once::{ExactlyOnce, SourceFencing};
use crate::task::handle::{TargetState, TaskEvent, TaskHandle, TaskKind, TaskReport, TaskSpec, TaskState};
use crate::task::services::{TaskServices, always_ours, native_consumers};
use crate::task::spawner::Spawner;

const STRING: &str = "org.apache.kafka.connect.storage.StringConverter";
const LIMIT: Duration = Duration::from_secs(60);

type Entry = (Bytes, Option<Bytes>);

pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What a test tells its source, and what the source heard.
#[derive(Default)]
pub(super) struct Script {
    polls: Mutex<VecDeque<Poll>>,
    more: Notify,
    heard: Mutex<Vec<String>>,
    /// Number that the source counts up to when it has no polls of its own.
    pub(super) count: Mutex<u64>,
}

/// One poll: values (`-` is a tombstone) or an error, and calls of the transaction context before it returns.
struct Poll {
    values: Result<Vec<&'static str>, &'static str>,
    asks: fn(&dyn TransactionContext),
}

impl Script {
    pub(super) fn poll(&self, values: &[&'static str]) {
        self.poll_asking(values, |_| {});
    }

    pub(super) fn poll_asking(&self, values: &[&'static str], asks: fn(&dyn TransactionContext)) {
        lock(&self.polls).push_back(Poll { values: Ok(values.to_vec()), asks });
        self.more.notify_one();
    }

    pub(super) fn fail(&self, reason: &'static str) {
        lock(&self.polls).push_back(Poll { values: Err(reason), asks: |_| {} });
        self.more.notify_one();
    }

    /// Returns what the source was told since the last call: `value:was_written` of a record, or `commit`; repeated
    /// commits are one.
    pub(super) fn heard(&self) -> Vec<String> {
        let mut heard = std::mem::take(&mut *lock(&self.heard));
        heard.dedup_by(|one, other| *one == "commit" && *other == "commit");
        heard
    }
}

static WORLDS: Mutex<Vec<(String, Arc<Script>, MemoryTransactions)>> = Mutex::new(Vec::new());

#[derive(Default)]
struct TestSource {
    script: Arc<Script>,
    kafka: MemoryTransactions,
    context: Option<SourceTaskContext>,
    next: u64,
}

fn map(key: &str, value: i64) -> Map {
    Map { entries: vec![(Value::String(key.into()), Value::Int64(value))] }
}

#[async_trait]
impl SourceTask for TestSource {
    async fn start(&mut self, context: SourceTaskContext, props: &Props) -> Result<(), ConnectError> {
        let name = &props["name"];
        let (_, script, kafka) =
            lock(&WORLDS).iter().find(|(known, _, _)| known == name).expect("registered").clone();
        kafka.step("start");
        let stored = context.offsets.offsets(&[map("p", 0)]).await?.remove(0);
        if let Some((_, Value::Int64(next))) = stored.as_ref().and_then(|offset| offset.entries.first()) {
            self.next = next.cast_unsigned();
        }
        (self.script, self.kafka, self.context) = (script, kafka, Some(context));
        Ok(())
    }

    async fn poll(&mut self) -> Result<Vec<SourceRecord>, ConnectError> {
        loop {
            tokio::task::yield_now().await;
            let poll = lock(&self.script.polls).pop_front();
            let count = *lock(&self.script.count);
            let values: Vec<String> = match poll {
                Some(Poll { values, asks }) => {
                    if let Some(context) = self.context.as_ref().and_then(|it| it.transactions.as_ref()) {
                        asks(context.as_ref());
                    }
                    values.map_err(ConnectError::fatal)?.into_iter().map(str::to_owned).collect()
                }
                None if self.next < count => {
                    (self.next..count.min(self.next + 3)).map(|number| number.to_string()).collect()
                }
                None => {
                    self.script.more.notified().await;
                    continue;
                }
            };
            return Ok(values.into_iter().map(|value| self.record(&value)).collect());
        }
    }

    fn commit_record(&mut self, record: &SourceRecord, was_written: bool) {
        let value = record.value.value();
        lock(&self.script.heard).push(format!("{}:{was_written}", value.as_str().unwrap_or("-")));
    }

    async fn commit(&mut self) -> Result<(), ConnectError> {
        lock(&self.script.heard).push("commit".to_owned());
        Ok(())
    }

    async fn stop(&mut self) -> Result<(), ConnectError> {
        self.kafka.step("stop");
        Ok(())
    }
}

impl TestSource {
    /// A value may name its topic: `topic/value`.
    fn record(&mut self, value: &str) -> SourceRecord {
        self.next += 1;
        let (topic, value) = value.split_once('/').unwrap_or(("t", value));
        let value = if value == "-" { Datum::NULL } else { Datum::schemaless(Value::String(value.into())) };
        SourceRecord {
            record: ConnectRecord {
                topic: topic.into(),
                partition: None,
                key: Datum::NULL,
                value,
                timestamp: None,
                headers: Headers::new(),
            },
            source_partition: Some(Arc::new(map("p", 0))),
            source_offset: Some(Arc::new(map("o", self.next.cast_signed()))),
        }
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
        "test.Source"
    }

    async fn start(&mut self, _: ConnectorContext, _: &Props) -> Result<(), ConnectError> {
        Ok(())
    }

    fn task_configs(&self, _: usize) -> Result<Vec<Props>, ConnectError> {
        Ok(Vec::new())
    }
}

impl SourceConnector for TestConnector {
    fn task(&self) -> Box<dyn SourceTask> {
        Box::<TestSource>::default()
    }
}

/// The group of workers: agrees, unless told otherwise.
struct Group {
    kafka: MemoryTransactions,
    refusal: Option<&'static str>,
}

#[async_trait]
impl SourceFencing for Group {
    async fn fence(&self, _: &Arc<str>) -> Result<(), ConnectError> {
        self.kafka.step("fence");
        Ok(())
    }

    async fn verify(&self, id: &TaskId, generation: u64) -> Result<(), ConnectError> {
        self.kafka.step(&format!("verify {} {generation}", id.task));
        self.refusal.map_or(Ok(()), |text| Err(ConnectError::fatal(text)))
    }
}

/// Reads the offsets that transactions committed.
struct Stores {
    kafka: MemoryTransactions,
    secondary: Arc<Mutex<Vec<Entry>>>,
}

struct Committed(MemoryTransactions);

struct Appended(Arc<Mutex<Vec<Entry>>>);

#[async_trait]
impl SourceOffsetStores for Stores {
    async fn open(&self, _: &TaskId, _: &Props) -> Result<Arc<dyn OffsetStore>, ConnectError> {
        Err(ConnectError::fatal("tasks here write exactly once"))
    }

    async fn open_exactly_once(&self, _: &TaskId, _: &Props) -> Result<ExactlyOnceOffsets, ConnectError> {
        self.kafka.step("open");
        Ok(ExactlyOnceOffsets {
            topic: "offsets".into(),
            store: Arc::new(Committed(self.kafka.clone())),
            secondary: Some(Arc::new(Appended(Arc::clone(&self.secondary)))),
        })
    }

    async fn open_connector(&self, _: &str, _: &Props) -> Result<Arc<dyn OffsetStore>, ConnectError> {
        Err(ConnectError::fatal("nothing here asks for offsets by REST"))
    }
}

#[async_trait]
impl OffsetStore for Committed {
    async fn get(&self, keys: &[Bytes]) -> Result<Vec<Option<Bytes>>, ConnectError> {
        let all: Vec<_> =
            self.0.committed().into_iter().flatten().filter(|it| it.topic == "offsets").collect();
        let newest = |key: &Bytes| {
            let key = std::str::from_utf8(key).ok();
            let found = all.iter().rev().find(|written| written.key.as_deref() == key)?;
            found.value.clone().map(Bytes::from)
        };
        Ok(keys.iter().map(newest).collect())
    }

    async fn set(&self, _: Vec<Entry>) -> Result<(), ConnectError> {
        Err(ConnectError::fatal("the task's producer writes"))
    }

    async fn entries(&self) -> Result<Vec<(Bytes, Bytes)>, ConnectError> {
        Ok(Vec::new())
    }
}

#[async_trait]
impl OffsetStore for Appended {
    async fn get(&self, keys: &[Bytes]) -> Result<Vec<Option<Bytes>>, ConnectError> {
        Ok(vec![None; keys.len()])
    }

    async fn set(&self, entries: Vec<Entry>) -> Result<(), ConnectError> {
        lock(&self.0).extend(entries);
        Ok(())
    }

    async fn entries(&self) -> Result<Vec<(Bytes, Bytes)>, ConnectError> {
        Ok(Vec::new())
    }
}

/// One task.
pub(super) struct World {
    pub(super) kafka: MemoryTransactions,
    pub(super) script: Arc<Script>,
    pub(super) secondary: Arc<Mutex<Vec<Entry>>>,
    pub(super) spec: TaskSpec,
    pub(super) handle: Option<TaskHandle>,
    events: mpsc::UnboundedReceiver<TaskEvent>,
    sender: mpsc::UnboundedSender<TaskEvent>,
    spawner: Spawner,
}

fn props(pairs: &[(&str, &str)]) -> Props {
    pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
}

impl World {
    /// Returns a task named `name`, which must be the test's own, not started yet.
    pub(super) fn new(name: &str, extra: &[(&str, &str)]) -> Self {
        let mut plugins = connectors::registry().plugins().to_vec();
        let factory = Factory::Source(|| Box::new(TestConnector));
        plugins.push(PluginInfo { class: "test.SourceConnector", version: "1", factory });
        let registry = Registry::new(plugins);
        let worker = props(&[
            ("bootstrap.servers", "b:1"),
            ("key.converter", STRING),
            ("value.converter", STRING),
            ("offset.storage.file.filename", "/nonexistent/offsets"),
        ]);
        let worker = WorkerConfig::parse(&worker, WorkerMode::Standalone, &registry).expect("worker");
        let (kafka, script) = (MemoryTransactions::default(), Arc::<Script>::default());
        let secondary = Arc::default();
        let services = TaskServices {
            metrics: MetricsRegistry::for_tests(),
            worker: Arc::new(worker),
            offsets: Arc::new(Committed(kafka.clone())),
            source_stores: Some(Arc::new(Stores { kafka: kafka.clone(), secondary: Arc::clone(&secondary) })),
            clock: Arc::new(SystemClock),
            consumers: native_consumers(),
            members: None,
            producers: kafka.producers(),
            right: always_ours(),
        };
        lock(&WORLDS).push((name.to_owned(), Arc::clone(&script), kafka.clone()));
        let mut connector_props = props(&[("name", name), ("connector.class", "test.SourceConnector")]);
        connector_props.extend(props(extra));
        let fencing = Arc::new(Group { kafka: kafka.clone(), refusal: None });
        let spec = TaskSpec {
            id: TaskId { connector: Arc::from(name), task: 0 },
            run: 1,
            kind: TaskKind::Source,
            task_props: connector_props.clone(),
            connector_props,
            target: TargetState::Started,
            registry,
            topic_resets: Default::default(),
            exactly_once: Some(ExactlyOnce { fencing, generation: 7 }),
        };
        let (sender, events) = mpsc::unbounded_channel();
        Self { kafka, script, secondary, spec, handle: None, events, sender, spawner: Spawner::new(services) }
    }

    /// Makes the group refuse the task after it took its transactional id.
    pub(super) fn refuse(&mut self, text: &'static str) {
        let fencing = Arc::new(Group { kafka: self.kafka.clone(), refusal: Some(text) });
        self.spec.exactly_once = Some(ExactlyOnce { fencing, generation: 7 });
    }

    pub(super) fn start(&mut self) {
        self.handle = Some(self.spawner.start(self.spec.clone(), self.sender.clone()));
    }

    /// Waits for a state and returns its trace.
    pub(super) async fn state(&mut self, wanted: TaskState) -> Option<String> {
        loop {
            let event = timeout(LIMIT, self.events.recv()).await.expect("an event in time");
            if let TaskReport::State { state, trace } = event.expect("open channel").report
                && state == wanted
            {
                return trace;
            }
        }
    }

    pub(super) async fn stop(&mut self) {
        let deadline = std::time::Instant::now() + LIMIT;
        assert!(self.handle.take().expect("started").join(deadline).await, "the task ends in time");
    }

    /// Abandons the task, as a worker that dies does.
    pub(super) async fn kill(&mut self) {
        let handle = self.handle.take().expect("started");
        handle.join(std::time::Instant::now()).await;
    }

    /// Returns committed transactions as text: values by topic, offsets as their number.
    pub(super) fn committed(&self) -> Vec<String> {
        let text = |records: Vec<crate::kafka::memory_producer::Written>| {
            let one = |it: crate::kafka::memory_producer::Written| match it.topic.as_str() {
                "offsets" => format!("@{}", it.value.unwrap_or_default()),
                _ => it.value.unwrap_or_else(|| "-".to_owned()),
            };
            records.into_iter().map(one).collect::<Vec<_>>().join(" ")
        };
        self.kafka.committed().into_iter().map(text).collect()
    }

    /// Waits until something holds.
    pub(super) async fn until(&self, what: &str, holds: impl Fn(&Self) -> bool) {
        let waited = timeout(LIMIT, async {
            while !holds(self) {
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
        });
        assert!(waited.await.is_ok(), "{what}; committed: {:?}", self.committed());
    }
}
