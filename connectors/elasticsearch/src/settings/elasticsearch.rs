//! The settings of the Elasticsearch sink.

use std::sync::Arc;
use std::time::Duration;

use connect_core::config::{ConfigIssue, Props};

use super::checks::{TlsGiven, has_secret, is_set, tls_versions};
use super::{
    Connection, Delivery, IdSource, Issues, Naming, NullPolicy, Product, Proxy, RefusalPolicy, ResourceKind,
    Rules, Settings, StreamTime, Tls, common,
};
use crate::config::{ElasticsearchConfig, ExtraConfig};

/// Longest wait of a commit for records on their way, unless it is synchronous.
pub(super) const DRAIN_LIMIT: Duration = Duration::from_secs(3);
/// Most `retry_on_conflict` of an update.
const MAX_RETRY_ON_CONFLICT: usize = 5;

pub(super) fn parse(props: &Props) -> Result<Settings, Vec<ConfigIssue>> {
    let (config, extra) = match (ElasticsearchConfig::parse(props), ExtraConfig::parse(props)) {
        (Ok(config), Ok(extra)) => (config, extra),
        (config, extra) => {
            let both = [config.err(), extra.err()];
            return Err(both.into_iter().flatten().flatten().collect());
        }
    };
    let mut issues = Issues::default();
    refuse_unsupported(&config, &mut issues);
    check_across(&config, &mut issues);
    let kind = resource_kind(&config, &mut issues);
    let settings = Settings {
        product: Product::Elasticsearch,
        connection: connection(&config, &extra, &mut issues),
        rules: rules(&config, &extra, props, &mut issues),
        creation: common::creation(Product::Elasticsearch, kind, &extra, None, &mut issues),
        delivery: delivery(&config, &extra),
    };
    if issues.found.is_empty() { Ok(settings) } else { Err(issues.found) }
}

fn refuse_unsupported(config: &ElasticsearchConfig, issues: &mut Issues) {
    for (key, value) in [
        ("kerberos.user.principal", &config.kerberos_principal),
        ("kerberos.keytab.path", &config.kerberos_keytab),
    ] {
        if let Some(value) = value.as_ref().filter(|value| !value.is_empty()) {
            let reason = "Kerberos is not supported; use basic authentication or `api.key.value`";
            issues.invalid(key, value, reason);
        }
    }
    let engine = config.tls_engine.as_ref().map(|class| class.0.as_str());
    for (key, value, usual) in [
        ("elastic.https.ssl.provider", config.tls_provider.as_deref(), ""),
        ("elastic.https.ssl.secure.random.implementation", config.tls_random.as_deref(), ""),
        ("elastic.https.ssl.keymanager.algorithm", Some(config.tls_key_manager.as_str()), "SunX509"),
        ("elastic.https.ssl.trustmanager.algorithm", Some(config.tls_trust_manager.as_str()), "PKIX"),
        ("elastic.https.ssl.engine.factory.class", engine, ""),
    ] {
        if let Some(value) = value.filter(|value| *value != usual) {
            issues.invalid(key, value, "it chooses a part of the JVM, and there is none here; leave it out");
        }
    }
}

fn check_across(config: &ElasticsearchConfig, issues: &mut Issues) {
    if config.linger > config.flush_timeout {
        let (linger, flush) = (config.linger.as_millis(), config.flush_timeout.as_millis());
        let text = format!("'linger.ms' ({linger}) can not be larger than 'flush.timeout.ms' ({flush}).");
        issues.both(["linger.ms", "flush.timeout.ms"], &text);
    }
    let (batch, in_flight) = (config.batch_size, config.max_in_flight);
    if config.max_buffered < batch.saturating_mul(in_flight) {
        let text = format!(
            "'max.buffered.records' ({}) must be larger than or equal to 'batch.size' ({batch}) x \
             max.in.flight.requests ({in_flight}).",
            config.max_buffered
        );
        for key in ["max.buffered.records", "batch.size", "max.in.flight.requests"] {
            issues.text(key, text.as_str());
        }
    }
    if config.proxy_host.is_empty() {
        if !config.proxy_username.is_empty() {
            issues.text("proxy.username", "'proxy.host' must be set to use 'proxy.username'.");
        }
        if has_secret(&config.proxy_password) {
            issues.text("proxy.password", "'proxy.host' must be set to use 'proxy.password'.");
        }
    } else if config.proxy_username.is_empty() == has_secret(&config.proxy_password) {
        let text = "Either both or neither 'proxy.username' and 'proxy.password' can be set.";
        issues.both(["proxy.username", "proxy.password"], text);
    }
    check_write_method(config, issues);
    if has_tls_files(config) && config.security_protocol != "SSL" {
        let text = "'elastic.security.protocol' must be set to 'SSL' to use SSL configs.";
        issues.text("elastic.security.protocol", text);
    }
}

fn check_write_method(config: &ElasticsearchConfig, issues: &mut Issues) {
    let is_upsert = config.write_method.eq_ignore_ascii_case("UPSERT");
    let deletes = config.null_values.eq_ignore_ascii_case("DELETE");
    if is_stream(config) && is_upsert {
        let text = "Upserts are not supported with data streams. write.method must not be UPSERT when using data streams.";
        issues.text("write.method", text);
    }
    if is_stream(config) && deletes {
        let text = "Deletes are not supported with data streams. behavior.on.null.values must not be DELETE when using data streams.";
        issues.text("behavior.on.null.values", text);
    }
    if is_upsert && config.autogenerated_ids {
        let reason = "updates need document ids; use `write.method=INSERT`";
        issues.invalid("use.autogenerated.ids", true, reason);
    }
    if !is_stream(config) && !config.stream_timestamps.is_empty() {
        let text = "Mapping a field to the '@timestamp' field is only necessary when working with data streams. 'data.stream.timestamp.field' must not be set when not using data streams.";
        issues.text("data.stream.timestamp.field", text);
    }
}

fn has_tls_files(config: &ElasticsearchConfig) -> bool {
    is_set(&config.truststore_location)
        || is_set(&config.keystore_location)
        || has_secret(&config.truststore_certificates)
        || has_secret(&config.keystore_key)
}

fn is_named_stream(config: &ElasticsearchConfig) -> bool {
    !config.stream_type.eq_ignore_ascii_case("NONE") && !config.stream_dataset.is_empty()
}

fn is_stream(config: &ElasticsearchConfig) -> bool {
    let usage = config.external_usage.to_ascii_uppercase();
    is_named_stream(config) || matches!(usage.as_str(), "DATASTREAM" | "ALIAS_DATASTREAM")
}

fn resource_kind(config: &ElasticsearchConfig, issues: &mut Issues) -> ResourceKind {
    let has_type = !config.stream_type.eq_ignore_ascii_case("NONE");
    if has_type == config.stream_dataset.is_empty() {
        let text = "Either both or neither 'data.stream.dataset' and 'data.stream.type' must be set.";
        issues.both(["data.stream.dataset", "data.stream.type"], text);
    }
    let is_external = !config.external_usage.eq_ignore_ascii_case("DISABLED");
    if is_external == config.external_mapping.is_empty() {
        let text = "Invalid configuration: external.resource.usage and topic.to.external.resource.mapping must be configured together. Either both must be set, or both must be empty.";
        issues.both(["external.resource.usage", "topic.to.external.resource.mapping"], text);
    }
    if is_external && (has_type || !config.stream_dataset.is_empty()) {
        let text = "Resource mapping mode and data stream configs are mutually exclusive. When using external.resource.usage, data stream configs (data.stream.dataset, data.stream.type) must not be set.";
        for key in ["external.resource.usage", "data.stream.dataset", "data.stream.type"] {
            issues.text(key, text);
        }
    }
    match (is_external, is_named_stream(config)) {
        (true, _) => ResourceKind::External,
        (false, true) => ResourceKind::Stream,
        (false, false) => ResourceKind::Index,
    }
}

fn connection(config: &ElasticsearchConfig, extra: &ExtraConfig, issues: &mut Issues) -> Connection {
    let versions = tls_versions(
        &TlsGiven {
            prefix: "elastic.https.ssl.",
            truststore_type: &config.truststore_type,
            keystore_type: &config.keystore_type,
            secrets: [
                ("truststore.password", &config.truststore_password),
                ("keystore.password", &config.keystore_password),
                ("key.password", &config.key_password),
            ],
            ciphers: &config.tls_ciphers,
            enabled: &config.tls_enabled,
        },
        issues,
    );
    Connection {
        urls: common::urls(&config.urls, "http", true, issues),
        auth: common::auth(&config.username, &config.password, extra, issues),
        connect_timeout: Duration::from_millis(u64::from(config.connect_timeout_ms)),
        read_timeout: Duration::from_millis(u64::from(config.read_timeout_ms)),
        idle_timeout: Duration::from_millis(u64::from(config.idle_ms)),
        is_compressed: config.compression,
        tls: Tls {
            truststore_file: config.truststore_location.clone(),
            truststore_pem: config.truststore_certificates.clone(),
            keystore_file: config.keystore_location.clone(),
            chain_pem: config.keystore_chain.clone(),
            key_pem: config.keystore_key.clone(),
            skips_host_name: config.endpoint_identification.is_empty(),
            trusts_all: false,
            versions,
        },
        proxy: (!config.proxy_host.is_empty()).then(|| Proxy {
            host: config.proxy_host.clone(),
            port: u16::try_from(config.proxy_port).unwrap_or(u16::MAX),
            credentials: config
                .proxy_password
                .clone()
                .filter(|_| !config.proxy_username.is_empty())
                .map(|password| (config.proxy_username.clone(), password)),
        }),
    }
}

fn rules(config: &ElasticsearchConfig, extra: &ExtraConfig, props: &Props, issues: &mut Issues) -> Rules {
    let is_external = !config.external_usage.eq_ignore_ascii_case("DISABLED");
    let naming = if is_external {
        let key = "topic.to.external.resource.mapping";
        let most = config.max_external_mappings;
        let mapping = common::resource_mapping(key, &config.external_mapping, most, props, issues);
        Naming::Mapped(Arc::new(mapping))
    } else if is_named_stream(config) {
        let start = format!("{}-{}-", config.stream_type, config.stream_dataset).to_lowercase();
        match config.stream_namespace.split_once("${topic}") {
            Some((before, after)) => {
                Naming::Stream { prefix: start + before, suffix: after.to_owned(), has_topic: true }
            }
            None => Naming::Stream {
                prefix: start + &config.stream_namespace,
                suffix: String::new(),
                has_topic: false,
            },
        }
    } else {
        common::index_naming(extra, issues)
    };
    let key_ignore = ["topic.key.ignore", "key.ignore"];
    let schema_ignore = ["topic.schema.ignore", "schema.ignore"];
    let times = &config.stream_timestamps;
    Rules {
        product: Product::Elasticsearch,
        naming,
        key_ignore: common::per_topic(config.key_ignore, &config.topic_key_ignore, key_ignore, true, issues),
        ignored_key_id: IdSource::Coordinates,
        schema_ignore: common::per_topic(
            config.schema_ignore,
            &config.topic_schema_ignore,
            schema_ignore,
            true,
            issues,
        ),
        compacts_maps: config.compact_maps,
        has_cluster_ids: config.autogenerated_ids,
        id_format: common::template("document.id.format", &extra.id_format, issues),
        routing: common::routing(extra, issues),
        nulls: null_policy(&config.null_values),
        is_upsert: config.write_method.eq_ignore_ascii_case("UPSERT"),
        retry_on_conflict: config.max_in_flight.min(MAX_RETRY_ON_CONFLICT),
        version_header: common::given(&config.version_header),
        stream: is_stream(config).then(|| match times.is_empty() {
            true => StreamTime::Record,
            false => StreamTime::Fields(times.clone()),
        }),
        indexed_at: common::given(&extra.indexed_at),
    }
}

pub(super) fn null_policy(name: &str) -> NullPolicy {
    match name.to_ascii_lowercase().as_str() {
        "ignore" => NullPolicy::Ignore,
        "delete" => NullPolicy::Delete,
        _ => NullPolicy::Fail,
    }
}

fn delivery(config: &ElasticsearchConfig, extra: &ExtraConfig) -> Delivery {
    Delivery {
        batch_records: config.batch_size,
        batch_bytes: usize::try_from(config.bulk_bytes).unwrap_or(usize::MAX),
        max_in_flight: config.max_in_flight,
        max_buffered: config.max_buffered,
        linger: config.linger,
        drain_limit: if config.is_synchronous { config.flush_timeout } else { DRAIN_LIMIT },
        is_synchronous: config.is_synchronous,
        max_retries: config.max_retries,
        retry_backoff: config.retry_backoff,
        drops_invalid: config.drop_invalid,
        malformed: match config.malformed.to_ascii_uppercase().as_str() {
            "IGNORE" => RefusalPolicy::Ignore { is_reported: true },
            "WARN" => RefusalPolicy::Warn { is_reported: true },
            _ => RefusalPolicy::Fail,
        },
        conflicts: RefusalPolicy::Ignore { is_reported: false },
        pipeline: common::given(&extra.pipeline),
        reports_nulls: true,
    }
}
