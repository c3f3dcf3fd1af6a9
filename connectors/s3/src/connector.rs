//! The connector: checks the configuration and gives every task the same one; Kafka splits the partitions.

use connect_core::async_trait;
use connect_core::config::{ConfigDef, ConfigReport, Props};
use connect_core::connector::{Connector, ConnectorContext, SinkConnector, SinkOffsetChanges};
use connect_core::error::ConnectError;
use connect_core::plugin::{Factory, PluginInfo};
use connect_core::preview::Preview;
use connect_core::record::SinkRecord;
use connect_core::task::SinkTask;

use crate::aiven::AivenConfig;
use crate::commit;
use crate::config::S3SinkConfig;
use crate::settings::Dialect;
use crate::task::S3SinkTask;
use crate::writer::preview;

const CLASS: &str = "io.confluent.connect.s3.S3SinkConnector";
const AIVEN_CLASS: &str = "io.aiven.kafka.connect.s3.AivenKafkaConnectS3SinkConnector";

/// Valid values of the keys that must be given.
const PLACEHOLDERS: [(&str, &str); 5] = [
    ("s3.bucket.name", "bucket"),
    ("flush.size", "1"),
    ("storage.class", "io.confluent.connect.s3.storage.S3Storage"),
    ("format.class", "io.confluent.connect.s3.format.json.JsonFormat"),
    ("aws.s3.bucket.name", "bucket"),
];

/// Returns the plug-ins of this crate.
pub fn plugins() -> Vec<PluginInfo> {
    let confluent = Factory::Sink(|| Box::new(S3SinkConnector::default()));
    let aiven = Factory::Sink(|| Box::new(S3SinkConnector::reading(Dialect::Aiven)));
    vec![
        PluginInfo { class: CLASS, version: Dialect::Confluent.version(), factory: confluent },
        PluginInfo { class: AIVEN_CLASS, version: Dialect::Aiven.version(), factory: aiven },
    ]
}

/// Writes records to objects in S3.
#[derive(Debug, Default)]
struct S3SinkConnector {
    dialect: Dialect,
    props: Props,
}

impl S3SinkConnector {
    fn reading(dialect: Dialect) -> Self {
        Self { dialect, ..Self::default() }
    }
}

#[async_trait]
impl Connector for S3SinkConnector {
    fn version(&self) -> &'static str {
        self.dialect.version()
    }

    fn config_def(&self) -> ConfigDef {
        match self.dialect {
            Dialect::Confluent => S3SinkConfig::config_def(),
            Dialect::Aiven => AivenConfig::config_def(),
        }
    }

    fn validate(&self, props: &Props) -> ConfigReport {
        self.config_def().validate_across(props, &PLACEHOLDERS, |props| self.dialect.parse(props)).0
    }

    fn task_class(&self) -> &'static str {
        match self.dialect {
            Dialect::Confluent => "io.confluent.connect.s3.S3SinkTask",
            Dialect::Aiven => "io.aiven.kafka.connect.s3.S3SinkTask",
        }
    }

    async fn start(&mut self, _context: ConnectorContext, props: &Props) -> Result<(), ConnectError> {
        self.dialect.parse(props)?;
        self.props = props.clone();
        Ok(())
    }

    fn task_configs(&self, max_tasks: usize) -> Result<Vec<Props>, ConnectError> {
        Ok(vec![self.props.clone(); max_tasks])
    }
}

impl SinkConnector for S3SinkConnector {
    fn task(&self) -> Box<dyn SinkTask> {
        Box::new(S3SinkTask::reading(self.dialect))
    }

    fn alter_offsets(&self, props: &Props, offsets: &SinkOffsetChanges) -> Result<bool, ConnectError> {
        match self.dialect {
            Dialect::Confluent => commit::alter(props, offsets),
            // Its tasks go by the offsets of the consumer group alone.
            Dialect::Aiven => Ok(false),
        }
    }

    fn preview(
        &self,
        props: &Props,
        records: &[SinkRecord],
        now_ms: i64,
    ) -> Result<Option<Preview>, ConnectError> {
        Ok(Some(preview(self.dialect.parse(props)?, records, now_ms)))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use connect_core::data::{Datum, Value};
    use connect_core::testkit::{BadConfig, props, sink_contract};

    use crate::client::fake::FakeStore;

    use super::*;

    /// The connector with tasks that write to a store in memory.
    #[derive(Default)]
    struct OnFakeStore(S3SinkConnector);

    #[async_trait]
    impl Connector for OnFakeStore {
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

    impl SinkConnector for OnFakeStore {
        fn task(&self) -> Box<dyn SinkTask> {
            let store = Arc::new(FakeStore::default());
            Box::new(S3SinkTask::with_store(store).in_dialect(self.0.dialect))
        }
    }

    #[tokio::test(start_paused = true)]
    async fn connector_keeps_the_contract_of_sinks() {
        let mut plugin = plugins().into_iter().next().expect("the first plug-in");
        plugin.factory = Factory::Sink(|| Box::new(OnFakeStore::default()));
        let valid = props(&[
            ("s3.bucket.name", "b"),
            ("flush.size", "2"),
            ("storage.class", "io.confluent.connect.s3.storage.S3Storage"),
            ("format.class", "io.confluent.connect.s3.format.json.JsonFormat"),
        ]);
        let bad: BadConfig<'_> = &[
            ("flush.size", "many"),
            ("format.class", "io.confluent.connect.s3.format.orc.OrcFormat"),
            ("s3.part.size", "1"),
        ];
        sink_contract(&plugin, &valid, bad, &Datum::schemaless(Value::string("x"))).await;
    }

    #[test]
    fn offsets_of_a_sink_with_aivens_keys_are_those_of_its_group() {
        let changes = SinkOffsetChanges::default();
        let altered = S3SinkConnector::reading(Dialect::Aiven)
            .alter_offsets(&props(&[("aws.s3.bucket.name", "bucket")]), &changes);
        assert!(!altered.expect("nothing to set"));
    }

    #[tokio::test(start_paused = true)]
    async fn connector_keeps_the_contract_of_sinks_with_aivens_keys() {
        let mut plugin = plugins().into_iter().nth(1).expect("the second plug-in");
        plugin.factory = Factory::Sink(|| Box::new(OnFakeStore(S3SinkConnector::reading(Dialect::Aiven))));
        let valid = props(&[("aws.s3.bucket.name", "bucket"), ("format.output.type", "jsonl")]);
        let bad: BadConfig<'_> = &[
            ("aws.s3.bucket.name", "B"),
            ("file.name.template", "{{topic}}"),
            ("file.compression.type", "lz4"),
            ("format.output.fields", "key,unsupported"),
            ("aws.s3.backoff.max.retries", "35"),
        ];
        sink_contract(&plugin, &valid, bad, &Datum::schemaless(Value::string("x"))).await;
    }
}
