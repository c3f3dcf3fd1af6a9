//! The configuration as the sink works with it: cross-key rules checked, names turned into what they stand for. A
//! key that asks for something not built is refused here, never ignored.

mod access;
mod formats;
mod partitioning;
#[cfg(test)]
mod tests;

use std::time::Duration;

use connect_core::config::{ConfigIssue, Props};
use connect_core::kit::RetryPolicy;

use crate::aiven;
use crate::client::AwsOptions;
use crate::commit::RecordNaming;
use crate::config::S3SinkConfig;
use crate::naming::ObjectNaming;
use crate::time_zone::parse_zone;
use crate::writer::{Affix, Compatibility, NullPolicy, Rules};
pub(crate) use access::is_default_chain;

const STORAGE_CLASS: &str = "S3Storage";
/// `s3.retry.backoff.ms` is capped as Confluent caps it.
const MAX_RETRY_DELAY: Duration = Duration::from_secs(24 * 3600);

/// Whose keys a configuration is written in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Dialect {
    /// Those of Confluent's sink.
    #[default]
    Confluent,
    /// Those of Aiven's.
    Aiven,
}

impl Dialect {
    /// Parses and checks a configuration.
    ///
    /// # Errors
    /// Returns every issue, not only the first.
    pub(crate) fn parse(self, props: &Props) -> Result<Settings, Vec<ConfigIssue>> {
        match self {
            Dialect::Confluent => Settings::parse(props),
            Dialect::Aiven => aiven::parse(props),
        }
    }

    /// Returns the version of the connector whose keys and names are followed.
    pub(crate) fn version(self) -> &'static str {
        match self {
            Dialect::Confluent => "12.2.0",
            Dialect::Aiven => "3.4.3",
        }
    }
}

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
    /// Tags that objects get; `None` without any.
    pub(crate) tagging: Option<Tagging>,
    pub(crate) reports_nulls: bool,
    /// Where commit records lie, if commits go by them.
    pub(crate) records: Option<RecordNaming>,
    /// Existing objects met in a row before conditional writes give up.
    pub(crate) max_existing: u32,
}

/// How objects are tagged.
#[derive(Debug, Clone)]
pub(crate) struct Tagging {
    /// Tags beside offsets and count of the records.
    pub(crate) more: Vec<(String, String)>,
    /// Whether an object that cannot be tagged fails the task.
    pub(crate) is_required: bool,
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
        let aws = access::aws_options(&config, &mut issues);
        let tagging = tagging(&config, &mut issues);
        let partitioner = partitioning::partitioner(&config, &mut issues);
        let schedule = partitioning::schedule(&config, &mut issues);
        match (outputs, aws, partitioner, issues.found.is_empty()) {
            (Some(outputs), Some(aws), Some(partitioner), true) => {
                let has_side_files = config.store_keys || config.store_headers;
                // With commit records no object is written twice, and none of an older name stands in the way.
                let is_conditional = config.conditional_writes
                    && schedule.is_some()
                    && !has_side_files
                    && !config.exactly_once;
                Ok(Self {
                    aws: AwsOptions { is_conditional, ..aws },
                    retry: RetryPolicy {
                        base: Duration::from_millis(config.retry_backoff_ms.unsigned_abs()),
                        cap: MAX_RETRY_DELAY,
                        max_retries: config.part_retries,
                        max_elapsed: None,
                    },
                    part_size: config.part_size,
                    retry_wait: config.retry_backoff,
                    drain_limit: config.shutdown_timeout,
                    tagging,
                    reports_nulls: config.report_null_values,
                    max_existing: config.max_files_scan,
                    records: config
                        .exactly_once
                        .then(|| RecordNaming { dir: config.commits_dir.clone(), objects: naming(&config) }),
                    rules: Rules {
                        naming: naming(&config),
                        rotate_interval_ms: positive(config.rotate_interval_ms)
                            .filter(|_| partitioner.is_time_based()),
                        partitioner,
                        grouping: None,
                        flush_size: i64::from(config.flush_size),
                        schedule,
                        idle_ms: positive(config.rotate_idle_ms),
                        rotate_on_partition_change: config.rotate_on_partition_change,
                        max_open_files: usize::try_from(config.max_open_files).ok().filter(|most| *most > 0),
                        rotate_bytes: usize::try_from(config.rotate_bytes).ok().filter(|most| *most > 0),
                        compatibility: Compatibility::parse(&config.schema_compatibility),
                        affix: affix(&config.schema_affix),
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
    /// Returns whether nothing was found.
    pub(crate) fn is_empty(&self) -> bool {
        self.found.is_empty()
    }

    /// Returns what was found.
    pub(crate) fn into_found(self) -> Vec<ConfigIssue> {
        self.found
    }

    /// Adds an issue with a text of its own.
    pub(crate) fn missing(&mut self, name: &str, message: &str) {
        self.found.push(ConfigIssue { name: name.to_owned(), message: message.to_owned() });
    }

    /// Adds an issue in Kafka's form.
    pub(crate) fn invalid(&mut self, name: &str, value: impl std::fmt::Display, reason: &str) {
        let message = format!("Invalid value {value} for configuration {name}: {reason}");
        self.found.push(ConfigIssue { name: name.to_owned(), message });
    }

    fn refuse_unsupported(&mut self, config: &S3SinkConfig, props: &Props) {
        let given = |key: &str| props.get(key).map(String::as_str).unwrap_or_default().trim();
        if config.max_write_duration_ms != i64::MAX {
            let reason = "bounding the time of one delivery is not supported; only the default is";
            self.invalid("max.write.duration.ms", given("max.write.duration.ms"), reason);
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
        let inside = format!("{}{}", config.topics_dir, config.directory_delim);
        if config.exactly_once
            && format!("{}{}", config.commits_dir, config.directory_delim).starts_with(&inside)
        {
            let reason =
                "readers of the data would find the records: give a directory outside of `topics.dir`";
            self.invalid("sluice.s3.commits.dir", &config.commits_dir, reason);
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

fn naming(config: &S3SinkConfig) -> ObjectNaming {
    ObjectNaming {
        topics_dir: config.topics_dir.clone(),
        directory_delim: config.directory_delim.clone(),
        file_delim: config.file_delim.clone(),
        zero_pad_width: config.zero_pad_width,
    }
}

/// Returns how objects are tagged. Confluent takes further tags only beside those of the offsets.
fn tagging(config: &S3SinkConfig, issues: &mut Issues) -> Option<Tagging> {
    let mut more = Vec::new();
    for tag in config.object_tags.iter().filter(|tag| !tag.trim().is_empty()) {
        match tag.split_once(':') {
            Some((key, value)) if !key.trim().is_empty() => {
                let value = value.split(':').next().unwrap_or_default();
                more.push((key.trim().to_owned(), value.trim().to_owned()));
            }
            _ => issues.invalid("s3.object.tagging.key.value.pairs", tag, "a tag is given as `key:value`"),
        }
    }
    let is_required = config.tagging_errors.eq_ignore_ascii_case("fail");
    config.object_tagging.then_some(Tagging { more, is_required })
}

fn affix(name: &str) -> Affix {
    match name.to_ascii_uppercase().as_str() {
        "PREFIX" => Affix::Prefix,
        "SUFFIX" => Affix::Suffix,
        _ => Affix::None,
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
