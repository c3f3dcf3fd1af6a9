//! The configuration as the sink works with it: keys of either product checked against each other and turned into
//! what they stand for. A key that asks for something not built is refused here, never ignored.

mod checks;
mod common;
mod elasticsearch;
mod opensearch;
#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use connect_core::config::{ConfigDef, ConfigIssue, Props, Secret};

pub(crate) use checks::Issues;

use crate::config::{ElasticsearchConfig, ExtraConfig, OpenSearchConfig};
use crate::template::Template;

/// Which connector's keys and rules apply.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Product {
    Elasticsearch,
    OpenSearch,
}

impl Product {
    /// Returns all keys of the connector.
    pub(crate) fn config_def(self) -> ConfigDef {
        let mut def = match self {
            Product::Elasticsearch => ElasticsearchConfig::config_def(),
            Product::OpenSearch => OpenSearchConfig::config_def(),
        };
        def.keys.extend(ExtraConfig::config_def().keys);
        def
    }

    pub(crate) fn name(self) -> &'static str {
        match self {
            Product::Elasticsearch => "Elasticsearch",
            Product::OpenSearch => "OpenSearch",
        }
    }
}

/// Everything a task is made from.
#[derive(Debug, Clone)]
pub(crate) struct Settings {
    pub(crate) product: Product,
    pub(crate) connection: Connection,
    pub(crate) rules: Rules,
    pub(crate) creation: Creation,
    pub(crate) delivery: Delivery,
}

/// How the cluster is reached.
#[derive(Debug, Clone)]
pub(crate) struct Connection {
    /// Base URLs without a trailing slash.
    pub(crate) urls: Vec<String>,
    pub(crate) auth: Auth,
    pub(crate) connect_timeout: Duration,
    pub(crate) read_timeout: Duration,
    pub(crate) idle_timeout: Duration,
    pub(crate) is_compressed: bool,
    pub(crate) tls: Tls,
    pub(crate) proxy: Option<Proxy>,
}

/// How requests are authorised.
#[derive(Debug, Clone)]
pub(crate) enum Auth {
    None,
    Basic { user: String, password: Secret },
    ApiKey(Secret),
    Aws { access_key_id: String, secret_access_key: Secret, region: String, service: String },
}

/// TLS settings; files are read when the client is made.
#[derive(Debug, Clone, Default)]
pub(crate) struct Tls {
    pub(crate) truststore_file: Option<String>,
    pub(crate) truststore_pem: Option<Secret>,
    pub(crate) keystore_file: Option<String>,
    pub(crate) chain_pem: Option<Secret>,
    pub(crate) key_pem: Option<Secret>,
    pub(crate) skips_host_name: bool,
    pub(crate) trusts_all: bool,
    /// Whether TLS 1.2 and TLS 1.3 may be used.
    pub(crate) versions: (bool, bool),
}

/// The proxy before the cluster.
#[derive(Debug, Clone)]
pub(crate) struct Proxy {
    pub(crate) host: String,
    pub(crate) port: u16,
    pub(crate) credentials: Option<(String, Secret)>,
}

/// How records become operations.
#[derive(Debug, Clone)]
pub(crate) struct Rules {
    pub(crate) product: Product,
    pub(crate) naming: Naming,
    pub(crate) key_ignore: PerTopic,
    pub(crate) ignored_key_id: IdSource,
    pub(crate) schema_ignore: PerTopic,
    pub(crate) compacts_maps: bool,
    /// Whether the cluster chooses all ids.
    pub(crate) has_cluster_ids: bool,
    pub(crate) id_format: Option<Template>,
    pub(crate) routing: Routing,
    pub(crate) nulls: NullPolicy,
    pub(crate) is_upsert: bool,
    pub(crate) retry_on_conflict: usize,
    pub(crate) version_header: Option<String>,
    /// Timestamps of documents in data streams; `None` writes to indices.
    pub(crate) stream: Option<StreamTime>,
    pub(crate) indexed_at: Option<String>,
}

/// A setting for all or for some topics.
#[derive(Debug, Clone, Default)]
pub(crate) struct PerTopic {
    pub(crate) all: bool,
    pub(crate) topics: Vec<String>,
}

impl PerTopic {
    pub(crate) fn holds(&self, topic: &str) -> bool {
        self.all || self.topics.iter().any(|listed| listed == topic)
    }
}

/// Where the resource of a record comes from.
#[derive(Debug, Clone)]
pub(crate) enum Naming {
    /// An index by a template.
    Index(Template),
    /// A data stream: what stands before and after the topic.
    Stream { prefix: String, suffix: String, has_topic: bool },
    /// A data stream of OpenSearch: prefix and topic.
    PrefixedStream(Option<String>),
    /// Resources that exist already.
    Mapped(Arc<HashMap<String, String>>),
}

/// Where a document's id comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum IdSource {
    Key,
    Coordinates,
    Cluster,
}

/// Where a document's routing comes from.
#[derive(Debug, Clone)]
pub(crate) enum Routing {
    None,
    Key,
    /// JSON pointer, split at its slashes.
    Value(Vec<String>),
    Format(Template),
}

/// What happens to records with a null value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum NullPolicy {
    Ignore,
    Delete,
    Fail,
}

/// How the `@timestamp` of a document is made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum StreamTime {
    /// Always the record's.
    Record,
    /// The first of these fields that is present, else none.
    Fields(Vec<String>),
    /// The record's where the document has none.
    RecordIfMissing,
    /// As the document is.
    Unchanged,
}

/// What is made on demand, before the first document.
#[derive(Debug, Clone)]
pub(crate) struct Creation {
    pub(crate) kind: ResourceKind,
    pub(crate) settings: Option<serde_json::Value>,
    pub(crate) mappings: Option<serde_json::Value>,
    pub(crate) template: Option<(String, serde_json::Value)>,
    pub(crate) policy: Option<(String, Option<serde_json::Value>)>,
    /// OpenSearch: name of the template of data streams, and their timestamp field.
    pub(crate) stream_template: Option<(Option<String>, String)>,
}

/// The kind of the resources written to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ResourceKind {
    Index,
    Stream,
    /// They exist already.
    External,
}

/// How operations are sent.
#[derive(Debug, Clone)]
pub(crate) struct Delivery {
    pub(crate) batch_records: usize,
    pub(crate) batch_bytes: usize,
    pub(crate) max_in_flight: usize,
    pub(crate) max_buffered: usize,
    pub(crate) linger: Duration,
    /// How long a commit waits for records on their way.
    pub(crate) drain_limit: Duration,
    pub(crate) is_synchronous: bool,
    /// `None` goes on until the cluster works again.
    pub(crate) max_retries: Option<u32>,
    pub(crate) retry_backoff: Duration,
    pub(crate) drops_invalid: bool,
    pub(crate) malformed: RefusalPolicy,
    pub(crate) conflicts: RefusalPolicy,
    pub(crate) pipeline: Option<String>,
    /// Whether null values that are passed over are reported as errant.
    pub(crate) reports_nulls: bool,
}

/// What happens to records that the cluster refuses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum RefusalPolicy {
    /// Passes over it; `is_reported` reports it as errant first.
    Ignore { is_reported: bool },
    /// As above with a warning.
    Warn { is_reported: bool },
    /// Reports it, then fails the task.
    Fail,
}

impl Settings {
    /// Parses and checks a configuration.
    ///
    /// # Errors
    /// Returns every issue, not only the first.
    pub(crate) fn parse(product: Product, props: &Props) -> Result<Self, Vec<ConfigIssue>> {
        match product {
            Product::Elasticsearch => elasticsearch::parse(props),
            Product::OpenSearch => opensearch::parse(props),
        }
    }
}
