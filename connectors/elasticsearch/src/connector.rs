//! The connectors: they check the configuration and give every task the same one; Kafka splits the partitions.

use connect_core::async_trait;
use connect_core::config::{ConfigDef, ConfigReport, Props};
use connect_core::connector::{Connector, ConnectorContext, SinkConnector};
use connect_core::error::ConnectError;
use connect_core::plugin::{Factory, PluginInfo};
use connect_core::preview::Preview;
use connect_core::record::SinkRecord;
use connect_core::task::SinkTask;

use crate::preview::preview;
use crate::probe;
use crate::settings::{Product, Settings};
use crate::task::DocumentSinkTask;

/// The version of Confluent's connector whose keys this one follows.
const ELASTICSEARCH_VERSION: &str = "15.1.0";
/// The version of Aiven's connector whose keys this one follows.
const OPENSEARCH_VERSION: &str = "4.0.1";

/// Valid values of keys whose absence would be wrong as well.
const PLACEHOLDERS: [(&str, &str); 2] =
    [("connection.url", "http://localhost"), ("data.stream.dataset", "dataset")];

/// Returns the plug-ins of this crate. Aiven's connector has been named in two ways.
pub fn plugins() -> Vec<PluginInfo> {
    let opensearch = |class| PluginInfo {
        class,
        version: OPENSEARCH_VERSION,
        factory: Factory::Sink(|| Box::new(DocumentSinkConnector::new(Product::OpenSearch))),
    };
    vec![
        PluginInfo {
            class: "io.confluent.connect.elasticsearch.ElasticsearchSinkConnector",
            version: ELASTICSEARCH_VERSION,
            factory: Factory::Sink(|| Box::new(DocumentSinkConnector::new(Product::Elasticsearch))),
        },
        opensearch("io.aiven.kafka.connect.opensearch.OpenSearchSinkConnector"),
        opensearch("io.aiven.kafka.connect.opensearch.OpensearchSinkConnector"),
    ]
}

/// Writes records to Elasticsearch or OpenSearch.
#[derive(Debug)]
struct DocumentSinkConnector {
    product: Product,
    props: Props,
}

impl DocumentSinkConnector {
    fn new(product: Product) -> Self {
        Self { product, props: Props::default() }
    }
}

#[async_trait]
impl Connector for DocumentSinkConnector {
    fn version(&self) -> &'static str {
        match self.product {
            Product::Elasticsearch => ELASTICSEARCH_VERSION,
            Product::OpenSearch => OPENSEARCH_VERSION,
        }
    }

    fn config_def(&self) -> ConfigDef {
        self.product.config_def()
    }

    fn validate(&self, props: &Props) -> ConfigReport {
        let parse = |props: &Props| Settings::parse(self.product, props);
        let (mut report, settings) = self.config_def().validate_across(props, &PLACEHOLDERS, parse);
        // The cluster is asked only about a configuration that is right by itself.
        if let Some(settings) = settings {
            probe::check(&settings, &mut report);
        }
        report
    }

    fn task_class(&self) -> &'static str {
        match self.product {
            Product::Elasticsearch => "io.confluent.connect.elasticsearch.ElasticsearchSinkTask",
            Product::OpenSearch => "io.aiven.kafka.connect.opensearch.OpenSearchSinkTask",
        }
    }

    async fn start(&mut self, _context: ConnectorContext, props: &Props) -> Result<(), ConnectError> {
        Settings::parse(self.product, props)?;
        self.props = props.clone();
        Ok(())
    }

    fn task_configs(&self, max_tasks: usize) -> Result<Vec<Props>, ConnectError> {
        Ok(vec![self.props.clone(); max_tasks])
    }
}

impl SinkConnector for DocumentSinkConnector {
    fn task(&self) -> Box<dyn SinkTask> {
        Box::new(DocumentSinkTask::new(self.product))
    }

    fn preview(
        &self,
        props: &Props,
        records: &[SinkRecord],
        now_ms: i64,
    ) -> Result<Option<Preview>, ConnectError> {
        Ok(Some(preview(Settings::parse(self.product, props)?, records, now_ms)))
    }
}
