//! The configuration as the sink works with it: cross-key rules checked, names turned into what they stand for. A
//! key that asks for something not built is refused here, never ignored.

mod formats;
mod partitioning;
#[cfg(test)]
mod tests;

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use connect_core::config::{ConfigIssue, Props, Secret};
use connect_core::kit::RetryPolicy;

use crate::client::{AwsOptions, Encryption, StaticCredentials};
use crate::config::S3SinkConfig;
use crate::naming::ObjectNaming;
use crate::time_zone::parse_zone;
use crate::writer::{NullPolicy, Rules};

const STORAGE_CLASS: &str = "S3Storage";
const DEFAULT_PROVIDERS: [&str; 3] =
    ["DefaultCredentialsProvider", "DefaultAWSCredentialsProviderChain", "AwsDefaultCredentialsProvider"];
/// `s3.retry.backoff.ms` is capped as Confluent caps it.
const MAX_RETRY_DELAY: Duration = Duration::from_secs(24 * 3600);
/// Everything a task is made from.
#[derive(Debug)]
pub(crate) struct Settings {
    pub(crate) rules: Rules,
    pub(crate) aws: AwsOptions,
    pub(crate) retry: RetryPolicy,
    pub(crate) part_size: usize,
    /// Wait before a partition is read again.
    pub(crate) retry_wait: Duration,
    /// Bound on waiting for uploads when committing and closing.
    pub(crate) drain_limit: Duration,
    pub(crate) reports_nulls: bool,
    /// Existing objects met in a row before conditional writes give up.
    pub(crate) max_existing: u32,
}

impl Settings {
    /// Parses and checks a configuration.
    ///
    /// # Errors
    /// Returns every issue, not only the first.
    pub(crate) fn parse(props: &Props) -> Result<Self, Vec<ConfigIssue>> {
        let config = S3SinkConfig::parse(props)?;
        let mut issues = Issues::default();
        issues.refuse_unsupported(&config, props);
        issues.check_across(&config);
        let outputs = formats::outputs(&config, props, &mut issues);
        let encryption = encryption(&config, &mut issues);
        let partitioner = partitioning::partitioner(&config, &mut issues);
        let schedule = partitioning::schedule(&config, &mut issues);
        match (outputs, encryption, partitioner, issues.found.is_empty()) {
            (Some(outputs), Some(encryption), Some(partitioner), true) => {
                let has_side_files = config.store_keys || config.store_headers;
                let is_conditional = config.conditional_writes && schedule.is_some() && !has_side_files;
                Ok(Self {
                    aws: aws_options(&config, encryption, is_conditional),
                    retry: RetryPolicy {
                        base: Duration::from_millis(config.retry_backoff_ms.unsigned_abs()),
                        cap: MAX_RETRY_DELAY,
                        max_retries: config.part_retries,
                        max_elapsed: None,
                    },
                    part_size: config.part_size,
                    retry_wait: config.retry_backoff,
                    drain_limit: config.shutdown_timeout,
                    reports_nulls: config.report_null_values,
                    max_existing: config.max_files_scan,
                    rules: Rules {
                        naming: naming(&config),
                        rotate_interval_ms: positive(config.rotate_interval_ms)
                            .filter(|_| partitioner.is_time_based()),
                        partitioner,
                        flush_size: i64::from(config.flush_size),
                        schedule,
                        rotate_on_partition_change: config.rotate_on_partition_change,
                        max_open_files: usize::try_from(config.max_open_files).ok().filter(|most| *most > 0),
                        nulls: null_policy(&config.null_values),
                        tombstone: config.tombstone_partition.clone(),
                        outputs,
                        initial_capacity: config.elastic_buffer_init.min(config.part_size),
                    },
                })
            }
            _ => Err(issues.found),
        }
    }
}

/// Issues found so far.
#[derive(Debug, Default)]
pub(crate) struct Issues {
    found: Vec<ConfigIssue>,
}

impl Issues {
    /// Adds an issue in Kafka's form.
    pub(crate) fn invalid(&mut self, name: &str, value: impl std::fmt::Display, reason: &str) {
        let message = format!("Invalid value {value} for configuration {name}: {reason}");
        self.found.push(ConfigIssue { name: name.to_owned(), message });
    }

    fn refuse_unsupported(&mut self, config: &S3SinkConfig, props: &Props) {
        let given = |key: &str| props.get(key).map(String::as_str).unwrap_or_default().trim();
        let refused: [(bool, &str, &str); 8] = [
            (config.object_tagging, "s3.object.tagging", "tagging of objects is not supported"),
            (
                !config.object_tags.is_empty(),
                "s3.object.tagging.key.value.pairs",
                "tagging of objects is not supported",
            ),
            (!config.proxy_url.is_empty(), "s3.proxy.url", "proxies are not supported"),
            (
                config.proxy_user.as_ref().is_some_and(|user| !user.is_empty()),
                "s3.proxy.user",
                "proxies are not supported",
            ),
            (
                config.max_write_duration_ms != i64::MAX,
                "max.write.duration.ms",
                "bounding the time of one delivery is not supported; only the default is",
            ),
            (
                !config.schema_affix.eq_ignore_ascii_case("NONE"),
                "s3.schema.partition.affix.type",
                "schema names in paths are not supported; only `NONE` is",
            ),
            // As in the JVM, where an unknown value means `NONE`.
            (
                matches!(config.schema_compatibility.as_str(), "BACKWARD" | "FORWARD" | "FULL"),
                "schema.compatibility",
                "projecting records to another schema is not supported; only `NONE` is",
            ),
            (
                !DEFAULT_PROVIDERS.contains(&config.credentials_provider.simple_name()),
                "s3.credentials.provider.class",
                "only the default chain is supported (environment, profile, web identity, container and \
                 instance roles); set `aws.access.key.id` and `aws.secret.access.key` for static credentials",
            ),
        ];
        for (_, key, reason) in refused.into_iter().filter(|(is_refused, ..)| *is_refused) {
            self.invalid(key, given(key), reason);
        }
        if config.proxy_password.as_ref().is_some_and(|password| !password.is_blank()) {
            self.invalid("s3.proxy.password", Secret::HIDDEN, "proxies are not supported");
        }
        if config.storage.simple_name() != STORAGE_CLASS {
            let reason = "the storage must be io.confluent.connect.s3.storage.S3Storage";
            self.invalid("storage.class", &config.storage.0, reason);
        }
    }

    fn check_across(&mut self, config: &S3SinkConfig) {
        if config.null_values.eq_ignore_ascii_case("write") && !config.store_keys {
            let reason = "`write` stores the keys of null values, so `store.kafka.keys` must be true";
            self.invalid("behavior.on.null.values", &config.null_values, reason);
        }
        if config.wan_mode && config.path_style {
            let reason = "transfer acceleration needs `s3.path.style.access.enabled=false`";
            self.invalid("s3.wan.mode", true, reason);
        }
        let has_id = !config.access_key_id.trim().is_empty();
        let has_secret = config.secret_access_key.as_ref().is_some_and(|secret| !secret.is_blank());
        if has_id != has_secret {
            let reason =
                "`aws.access.key.id` and `aws.secret.access.key` must be given together or not at all";
            self.invalid("aws.access.key.id", &config.access_key_id, reason);
        }
    }
}

fn encryption(config: &S3SinkConfig, issues: &mut Issues) -> Option<Encryption> {
    let customer_key = config.sse_customer_key.as_ref().filter(|key| !key.is_blank());
    match (config.sse.as_str(), customer_key) {
        ("", _) => Some(Encryption::Bucket),
        ("AES256", Some(key)) => {
            if STANDARD.decode(key.expose()).is_ok_and(|bytes| bytes.len() == 32) {
                return Some(Encryption::Customer(key.clone()));
            }
            let reason = "the key must be 32 bytes in base64";
            issues.invalid("s3.sse.customer.key", Secret::HIDDEN, reason);
            None
        }
        // Confluent sends no header then: the bucket's default encryption applies.
        ("aws:kms", _) if config.sse_kms_key_id.trim().is_empty() => Some(Encryption::Bucket),
        (algorithm, _) => {
            let key_id = Some(config.sse_kms_key_id.clone());
            let kms_key_id = key_id.filter(|id| algorithm == "aws:kms" && !id.trim().is_empty());
            Some(Encryption::Server { algorithm: algorithm.to_owned(), kms_key_id })
        }
    }
}

fn aws_options(config: &S3SinkConfig, encryption: Encryption, is_conditional: bool) -> AwsOptions {
    let secret = config.secret_access_key.clone().filter(|secret| !secret.is_blank());
    AwsOptions {
        bucket: config.bucket.clone(),
        region: config.region.clone(),
        endpoint: config.store_url.as_deref().filter(|url| !url.trim().is_empty()).map(with_scheme),
        credentials: secret.map(|secret_access_key| StaticCredentials {
            access_key_id: config.access_key_id.clone(),
            secret_access_key,
        }),
        is_path_style: config.path_style,
        is_accelerated: config.wan_mode,
        acl: config.acl.clone().filter(|acl| !acl.is_empty()),
        encryption,
        sends_digest: config.send_digest,
        is_conditional,
    }
}

fn with_scheme(url: &str) -> String {
    if url.contains("://") { url.to_owned() } else { format!("https://{url}") }
}

fn naming(config: &S3SinkConfig) -> ObjectNaming {
    ObjectNaming {
        topics_dir: config.topics_dir.clone(),
        directory_delim: config.directory_delim.clone(),
        file_delim: config.file_delim.clone(),
        zero_pad_width: config.zero_pad_width,
    }
}

fn null_policy(name: &str) -> NullPolicy {
    match name.to_ascii_lowercase().as_str() {
        "ignore" => NullPolicy::Ignore,
        "write" => NullPolicy::Write,
        _ => NullPolicy::Fail,
    }
}

fn positive(number: i64) -> Option<i64> {
    Some(number).filter(|number| *number > 0)
}

/// Returns the zone of `timezone`, or an issue.
fn zone(config: &S3SinkConfig, issues: &mut Issues) -> Option<jiff::tz::TimeZone> {
    match parse_zone(&config.timezone) {
        Ok(zone) => Some(zone),
        Err(reason) => {
            issues.invalid("timezone", &config.timezone, &reason);
            None
        }
    }
}
