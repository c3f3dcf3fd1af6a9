//! A task on the cluster in this process, and what the worker would know of it.

use std::ops::Range;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;

use connect_core::config::Props;
use connect_core::data::{Datum, Map, Value};
use connect_core::error::ConnectError;
use connect_core::kit::SystemClock;
use connect_core::plugin::{Factory, PluginInfo};
use connect_core::record::{Offsets, SinkRecord, TopicPartition};
use connect_core::task::{PutReport, SinkTask};
use connect_core::testkit::{RecordingHandle, RecordingReporter, props, record, sink_context};

use crate::fake::FakeCluster;

pub(crate) const ELASTICSEARCH: &str = "io.confluent.connect.elasticsearch.ElasticsearchSinkConnector";
pub(crate) const OPENSEARCH: &str = "io.aiven.kafka.connect.opensearch.OpenSearchSinkConnector";
const LIMIT: Duration = Duration::from_secs(90);

pub(crate) struct Rig {
    pub(crate) task: Box<dyn SinkTask>,
    pub(crate) cluster: FakeCluster,
    pub(crate) handle: Arc<RecordingHandle>,
    pub(crate) reporter: Arc<RecordingReporter>,
}

impl Rig {
    pub(crate) async fn start(extra: &[(&str, &str)]) -> Self {
        Self::start_as(ELASTICSEARCH, extra).await
    }

    pub(crate) async fn start_as(class: &str, extra: &[(&str, &str)]) -> Self {
        Self::start_on(FakeCluster::start().await, class, extra).await
    }

    pub(crate) async fn start_on(cluster: FakeCluster, class: &str, extra: &[(&str, &str)]) -> Self {
        let (mut context, handle) = sink_context(Arc::new(SystemClock));
        let reporter = Arc::new(RecordingReporter::default());
        context.errant_reporter = Some(Arc::clone(&reporter) as _);
        let mut task = new_task(class);
        task.start(context, &settings(&cluster, extra)).await.expect("a task starts");
        task.open(&[partition()]).await.expect("a partition opens");
        Self { task, cluster, handle, reporter }
    }

    /// Puts a batch of which every record must be taken.
    pub(crate) async fn put(&mut self, batch: &[SinkRecord]) {
        let report = self.try_put(batch).await.expect("a batch is taken");
        assert!(report.failed.is_empty(), "{:?}", report.failed);
    }

    pub(crate) async fn try_put(&mut self, batch: &[SinkRecord]) -> Result<PutReport, ConnectError> {
        self.task.put(batch).await
    }

    pub(crate) async fn commit(&mut self, consumed: i64) -> Option<i64> {
        let offsets = Offsets::from([(partition(), consumed)]);
        self.task.pre_commit(&offsets).await.expect("pre_commit works").get(&partition()).copied()
    }

    /// Does what the worker's loop does while there are no records, until everything before `next` may be committed.
    pub(crate) async fn settle(&mut self, next: i64) {
        let start = Instant::now();
        loop {
            self.put(&[]).await;
            let committed = self.commit(next).await;
            if committed == Some(next) {
                return;
            }
            assert!(start.elapsed() < LIMIT, "waited {LIMIT:?} for offset {next}; last {committed:?}");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    /// Does the same until the task fails, and returns how.
    pub(crate) async fn fail(&mut self) -> ConnectError {
        let start = Instant::now();
        loop {
            if let Err(error) = self.try_put(&[]).await {
                return error;
            }
            assert!(start.elapsed() < LIMIT, "waited {LIMIT:?} for a failure");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
}

pub(crate) fn plugin(class: &str) -> PluginInfo {
    let all = connector_elasticsearch::plugins();
    all.into_iter().find(|plugin| plugin.class == class).expect("the class is a plug-in")
}

fn new_task(class: &str) -> Box<dyn SinkTask> {
    let Factory::Sink(make) = plugin(class).factory else { panic!("`{class}` is a sink") };
    make().task()
}

pub(crate) fn settings(cluster: &FakeCluster, extra: &[(&str, &str)]) -> Props {
    let mut all = props(&[
        ("connection.url", cluster.url.as_str()),
        ("key.ignore", "true"),
        ("schema.ignore", "true"),
        ("linger.ms", "0"),
        ("retry.backoff.ms", "10"),
    ]);
    all.extend(props(extra));
    all.retain(|_, value| value != "(unset)");
    all
}

pub(crate) fn partition() -> TopicPartition {
    TopicPartition::new("logs", 0)
}

/// Returns a record with JSON text as its value, as the JSON converter leaves it, and no key.
pub(crate) fn json(offset: i64, text: &str) -> SinkRecord {
    let datum = Datum::from_json(Bytes::copy_from_slice(text.as_bytes()), |_| Value::Map(Map::default()));
    record("logs", 0, offset, datum)
}

pub(crate) fn keyed(offset: i64, key: &str, text: &str) -> SinkRecord {
    let mut record = json(offset, text);
    record.key = Datum::schemaless(Value::string(key));
    record
}

/// Returns a tombstone.
pub(crate) fn tombstone(offset: i64, key: Datum) -> SinkRecord {
    let mut tombstone = record("logs", 0, offset, Datum::NULL);
    tombstone.key = key;
    tombstone
}

pub(crate) fn batch(offsets: Range<i64>) -> Vec<SinkRecord> {
    offsets.map(|offset| json(offset, &format!("{{\"n\":{offset}}}"))).collect()
}

pub(crate) fn id(offset: i64) -> String {
    format!("logs+0+{offset}")
}
