use std::sync::Arc;

use connect_core::data::{Datum, Value};
use connect_core::testkit::{BadConfig, props, record, records, sink_contract};

use crate::client::fake::FakeStream;

use super::*;

/// The connector with tasks that write to a stream in memory.
#[derive(Default)]
struct OnFakeStream(FirehoseSinkConnector);

#[async_trait]
impl Connector for OnFakeStream {
    fn version(&self) -> &'static str {
        self.0.version()
    }

    fn config_def(&self) -> ConfigDef {
        self.0.config_def()
    }

    fn validate(&self, props: &Props) -> ConfigReport {
        self.0.validate(props)
    }

    fn task_class(&self) -> &'static str {
        self.0.task_class()
    }

    async fn start(&mut self, context: ConnectorContext, props: &Props) -> Result<(), ConnectError> {
        self.0.start(context, props).await
    }

    fn task_configs(&self, max_tasks: usize) -> Result<Vec<Props>, ConnectError> {
        self.0.task_configs(max_tasks)
    }
}

impl SinkConnector for OnFakeStream {
    fn task(&self) -> Box<dyn SinkTask> {
        Box::new(FirehoseSinkTask::with_stream(Arc::new(FakeStream::accepting())))
    }
}

#[tokio::test(start_paused = true)]
async fn connector_keeps_the_contract_of_sinks() {
    let [mut plugin] = <[PluginInfo; 1]>::try_from(plugins()).unwrap_or_else(|_| panic!("one plug-in"));
    plugin.factory = Factory::Sink(|| Box::new(OnFakeStream::default()));
    let valid = props(&[("deliveryStream", "logs"), ("region", "eu-west-1"), ("batch", "true")]);
    let bad: BadConfig<'_> = &[
        ("deliveryStream", ""),
        ("batchSize", "501"),
        ("batchSizeInBytes", "4194305"),
        ("kinesisEndpoint", "ftp://localhost:4573"),
        ("record.delimiter", "\\x"),
    ];
    sink_contract(&plugin, &valid, bad, &Datum::schemaless(Value::string("x"))).await;
}

#[test]
fn preview_shows_the_requests_and_the_records_that_are_refused() {
    let settings = props(&[("deliveryStream", "logs"), ("record.delimiter", "\\n"), ("batchSize", "2")]);
    let text = |offset| Datum::schemaless(Value::string(format!("line {offset}")));
    let mut batch = records("t", 0, 0..3, text);
    batch.push(record("t", 0, 3, Datum::NULL));
    let connector = FirehoseSinkConnector::default();
    let preview = connector.preview(&settings, &batch, 0).expect("valid").expect("it can tell");
    let shown: Vec<(&str, &[u8], &[usize])> = preview
        .outputs
        .iter()
        .map(|output| (output.target.as_str(), output.content.as_slice(), output.records.as_slice()))
        .collect();
    assert_eq!(
        shown,
        [
            ("PutRecordBatch logs", &b"line 0\nline 1\n"[..], &[0, 1][..]),
            ("PutRecordBatch logs", b"line 2\n", &[2]),
        ]
    );
    assert_eq!(preview.failed.iter().map(|failure| failure.index).collect::<Vec<_>>(), [3]);
}
