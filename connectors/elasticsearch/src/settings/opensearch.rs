//! The settings of the OpenSearch sink.

use std::sync::Arc;
use std::time::Duration;

use connect_core::config::{ConfigIssue, Props};

use super::checks::{TlsGiven, has_secret, is_set, tls_versions};
use super::elasticsearch::{DRAIN_LIMIT, null_policy};
use super::{
    Auth, Connection, Delivery, IdSource, Issues, Naming, Product, RefusalPolicy, ResourceKind, Routing,
    Rules, Settings, StreamTime, Tls, common,
};
use crate::config::{ExtraConfig, OpenSearchConfig};

const MAX_RETRY_ON_CONFLICT: usize = 3;
const MAX_MAPPINGS: usize = 10;
const IDLE_TIMEOUT: Duration = Duration::from_secs(60);
/// The original bounds a bulk request by its number of records alone; servers refuse more than 10 MiB on some plans.
const BATCH_BYTES: usize = 5 * 1024 * 1024;
const TIMESTAMP: &str = "@timestamp";

pub(super) fn parse(props: &Props) -> Result<Settings, Vec<ConfigIssue>> {
    let (config, extra) = match (OpenSearchConfig::parse(props), ExtraConfig::parse(props)) {
        (Ok(config), Ok(extra)) => (config, extra),
        (config, extra) => {
            let both = [config.err(), extra.err()];
            return Err(both.into_iter().flatten().flatten().collect());
        }
    };
    let mut issues = Issues::default();
    refuse_unsupported(&config, &mut issues);
    check_across(&config, &mut issues);
    let kind = match (existing(&config), config.stream_enabled) {
        (Some(_), _) => ResourceKind::External,
        (None, true) => ResourceKind::Stream,
        (None, false) => ResourceKind::Index,
    };
    let stream_template = (kind == ResourceKind::Stream)
        .then(|| (config.stream_template.clone(), config.stream_timestamp.clone()));
    let settings = Settings {
        product: Product::OpenSearch,
        connection: connection(&config, &extra, &mut issues),
        rules: rules(&config, &extra, props, &mut issues),
        creation: common::creation(Product::OpenSearch, kind, &extra, stream_template, &mut issues),
        delivery: delivery(&config, &extra),
    };
    if issues.found.is_empty() { Ok(settings) } else { Err(issues.found) }
}

/// Returns the kind of the existing resources in lower case.
fn existing(config: &OpenSearchConfig) -> Option<String> {
    Some(config.existing_type.to_ascii_lowercase()).filter(|kind| kind != "none")
}

fn refuse_unsupported(config: &OpenSearchConfig, issues: &mut Issues) {
    for (key, value) in [
        ("aws.sts.role.arn", &config.role_arn),
        ("aws.sts.role.external.id", &config.role_external_id),
        ("aws.sts.role.session.name", &config.role_session),
    ] {
        if let Some(value) = value.as_ref().filter(|value| !value.is_empty()) {
            let reason =
                "assuming a role is not supported; set `aws.access_key_id` and `aws.secret_access_key`";
            issues.invalid(key, value, reason);
        }
    }
}

fn check_across(config: &OpenSearchConfig, issues: &mut Issues) {
    let is_upsert = config.write_method.eq_ignore_ascii_case("upsert");
    let strategy = config.id_strategy.to_ascii_lowercase();
    if config.stream_enabled && is_upsert {
        issues.text("index.write.method", "Data streams do not support upsert index write method");
    }
    if is_upsert && config.key_ignore && strategy != "record.key" {
        let reason = format!("{strategy} is not supported for index upsert. Supported is: record.key");
        issues.invalid("key.ignore.id.strategy", &config.id_strategy, &reason);
    }
    if config.routing.eq_ignore_ascii_case("value") {
        if config.routing_path.is_none() {
            let text = "The 'routing.type.record.value.path' setting must be configured when using the 'value' routing type";
            issues.text("routing.type.record.value.path", text);
        } else if config.null_values.eq_ignore_ascii_case("delete") {
            let text = "The 'routing.type.record.value.path' can't be used together with 'behavior.on.null.values' set to 'delete'";
            issues.text("routing.type.record.value.path", text);
        }
    }
    if config.stream_enabled && existing(config).as_deref() == Some("data_stream") {
        let text = "Existing datastream mappings and datastream configurations are mutually exclusive. Please configure only one of these options";
        issues.text("data.stream.enabled", text);
    }
    let has_basic = config.username.is_some() && config.password.is_some();
    if has_basic && signs(config) {
        let text = "Only one authentication method can be used: basic authentication or AWS signatures";
        issues.text("connection.username", text);
    }
    if is_set(&config.access_key_id) != has_secret(&config.secret_access_key) {
        let text = "'aws.access_key_id' and 'aws.secret_access_key' must be set together.";
        issues.both(["aws.access_key_id", "aws.secret_access_key"], text);
    }
    if signs(config) {
        for (key, value) in [("aws.region", &config.region), ("aws.service.signing.name", &config.service)] {
            if !is_set(value) {
                issues.invalid(key, value.as_deref().unwrap_or("null"), "it is needed to sign requests");
            }
        }
    }
}

fn signs(config: &OpenSearchConfig) -> bool {
    is_set(&config.access_key_id) && has_secret(&config.secret_access_key)
}

fn connection(config: &OpenSearchConfig, extra: &ExtraConfig, issues: &mut Issues) -> Connection {
    let versions = tls_versions(
        &TlsGiven {
            prefix: "connection.ssl.",
            truststore_type: &config.truststore_type,
            keystore_type: &config.keystore_type,
            secrets: [
                ("truststore.password", &config.truststore_password),
                ("keystore.password", &config.keystore_password),
                ("key.password", &config.key_password),
            ],
            ciphers: config.tls_ciphers.as_deref().unwrap_or_default(),
            enabled: &config.tls_enabled,
        },
        issues,
    );
    let auth = match (&config.access_key_id, &config.secret_access_key) {
        (Some(id), Some(secret)) if signs(config) => Auth::Aws {
            access_key_id: id.clone(),
            secret_access_key: secret.clone(),
            region: config.region.clone().unwrap_or_default(),
            service: config.service.clone().unwrap_or_default(),
        },
        _ => common::auth(&config.username, &config.password, extra, issues),
    };
    let scheme = if signs(config) { "https" } else { "http" };
    Connection {
        urls: common::urls(&config.urls, scheme, false, issues),
        auth,
        connect_timeout: Duration::from_millis(u64::from(config.connect_timeout_ms)),
        read_timeout: Duration::from_millis(u64::from(config.read_timeout_ms)),
        idle_timeout: IDLE_TIMEOUT,
        is_compressed: false,
        tls: Tls {
            truststore_file: config.truststore_location.clone(),
            keystore_file: config.keystore_location.clone(),
            skips_host_name: config.endpoint_identification.is_empty(),
            trusts_all: config.trust_all,
            versions,
            ..Tls::default()
        },
        proxy: None,
    }
}

fn rules(config: &OpenSearchConfig, extra: &ExtraConfig, props: &Props, issues: &mut Issues) -> Rules {
    let naming = if existing(config).is_some() {
        let entries = config.existing_mapping.clone().unwrap_or_default();
        let key = "topic.to.existing.resource.mapping";
        Naming::Mapped(Arc::new(common::resource_mapping(key, &entries, MAX_MAPPINGS, props, issues)))
    } else if config.stream_enabled {
        Naming::PrefixedStream(config.stream_prefix.clone())
    } else {
        common::index_naming(extra, issues)
    };
    let is_stream = config.stream_enabled || existing(config).as_deref() == Some("data_stream");
    let routing = match config.routing.to_ascii_lowercase().as_str() {
        "key" => Routing::Key,
        "value" => Routing::Value(pointer(config.routing_path.as_deref().unwrap_or_default())),
        _ => common::routing(extra, issues),
    };
    let key_ignore = ["topic.key.ignore", "key.ignore"];
    let schema_ignore = ["topic.schema.ignore", "schema.ignore"];
    Rules {
        product: Product::OpenSearch,
        naming,
        key_ignore: common::per_topic(config.key_ignore, &config.topic_key_ignore, key_ignore, false, issues),
        ignored_key_id: match config.id_strategy.to_ascii_lowercase().as_str() {
            "none" => IdSource::Cluster,
            "record.key" => IdSource::Key,
            _ => IdSource::Coordinates,
        },
        schema_ignore: common::per_topic(
            config.schema_ignore,
            &config.topic_schema_ignore,
            schema_ignore,
            false,
            issues,
        ),
        compacts_maps: config.compact_maps,
        has_cluster_ids: false,
        id_format: common::template("document.id.format", &extra.id_format, issues),
        routing,
        nulls: null_policy(&config.null_values),
        is_upsert: config.write_method.eq_ignore_ascii_case("upsert"),
        retry_on_conflict: config.max_in_flight.min(MAX_RETRY_ON_CONFLICT),
        version_header: None,
        stream: is_stream.then(|| match config.stream_timestamp == TIMESTAMP {
            true => StreamTime::RecordIfMissing,
            false => StreamTime::Unchanged,
        }),
        indexed_at: common::given(&extra.indexed_at),
    }
}

/// Splits a JSON pointer into its steps.
fn pointer(text: &str) -> Vec<String> {
    text.split('/').skip(1).map(|step| step.replace("~1", "/").replace("~0", "~")).collect()
}

fn delivery(config: &OpenSearchConfig, extra: &ExtraConfig) -> Delivery {
    let policy = |name: &str| match name.to_ascii_lowercase().as_str() {
        "ignore" => RefusalPolicy::Ignore { is_reported: false },
        "warn" => RefusalPolicy::Warn { is_reported: false },
        "report" => RefusalPolicy::Warn { is_reported: true },
        _ => RefusalPolicy::Fail,
    };
    Delivery {
        batch_records: config.batch_size,
        batch_bytes: BATCH_BYTES,
        max_in_flight: config.max_in_flight,
        max_buffered: config.max_buffered,
        linger: config.linger,
        drain_limit: DRAIN_LIMIT.min(config.flush_timeout),
        is_synchronous: false,
        max_retries: config.max_retries,
        retry_backoff: config.retry_backoff,
        drops_invalid: config.drop_invalid,
        malformed: policy(&config.malformed),
        conflicts: policy(config.conflicts.as_deref().unwrap_or("ignore")),
        pipeline: common::given(&extra.pipeline),
        reports_nulls: false,
    }
}
