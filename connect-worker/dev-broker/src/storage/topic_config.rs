//! The topic configurations: which exist, their defaults, and the values the log acts on.
//!
//! Every configuration of Kafka's `TopicConfig` is accepted and shown; those about replicas, tiers and flushing
//! have nothing to act on here.

use std::collections::BTreeMap;

use crate::config::BrokerConfig;

/// How a configuration's value is read; the numbers are those of `ConfigDef.Type` in `DescribeConfigs`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Boolean = 1,
    String = 2,
    Int = 3,
    Long = 5,
    Double = 6,
    List = 7,
}

/// One topic configuration.
pub(crate) struct Definition {
    pub(crate) name: &'static str,
    pub(crate) default: &'static str,
    pub(crate) kind: Kind,
    /// Allowed values; empty when the kind alone decides.
    allowed: &'static [&'static str],
}

const FOREVER: &str = "9223372036854775807";

const fn free(name: &'static str, default: &'static str, kind: Kind) -> Definition {
    Definition { name, default, kind, allowed: &[] }
}

const fn choice(
    name: &'static str,
    default: &'static str,
    kind: Kind,
    allowed: &'static [&'static str],
) -> Definition {
    Definition { name, default, kind, allowed }
}

/// Every topic configuration, in the order of Kafka's documentation.
pub(crate) const DEFINITIONS: &[Definition] = &[
    choice("cleanup.policy", "delete", Kind::List, &["delete", "compact"]),
    free("compression.gzip.level", "-1", Kind::Int),
    free("compression.lz4.level", "9", Kind::Int),
    choice(
        "compression.type",
        "producer",
        Kind::String,
        &["producer", "uncompressed", "gzip", "snappy", "lz4", "zstd"],
    ),
    free("compression.zstd.level", "3", Kind::Int),
    free("delete.retention.ms", "86400000", Kind::Long),
    free("file.delete.delay.ms", "60000", Kind::Long),
    free("flush.messages", FOREVER, Kind::Long),
    free("flush.ms", FOREVER, Kind::Long),
    free("follower.replication.throttled.replicas", "", Kind::List),
    free("index.interval.bytes", "4096", Kind::Int),
    free("leader.replication.throttled.replicas", "", Kind::List),
    free("local.retention.bytes", "-2", Kind::Long),
    free("local.retention.ms", "-2", Kind::Long),
    free("max.compaction.lag.ms", FOREVER, Kind::Long),
    free("max.message.bytes", "1048588", Kind::Int),
    free("message.timestamp.after.max.ms", "3600000", Kind::Long),
    free("message.timestamp.before.max.ms", FOREVER, Kind::Long),
    choice("message.timestamp.type", "CreateTime", Kind::String, &["CreateTime", "LogAppendTime"]),
    free("min.cleanable.dirty.ratio", "0.5", Kind::Double),
    free("min.compaction.lag.ms", "0", Kind::Long),
    free("min.insync.replicas", "1", Kind::Int),
    free("preallocate", "false", Kind::Boolean),
    free("remote.log.copy.disable", "false", Kind::Boolean),
    free("remote.log.delete.on.disable", "false", Kind::Boolean),
    free("remote.storage.enable", "false", Kind::Boolean),
    free("retention.bytes", "-1", Kind::Long),
    free("retention.ms", "604800000", Kind::Long),
    free("segment.bytes", "1073741824", Kind::Int),
    free("segment.index.bytes", "10485760", Kind::Int),
    free("segment.jitter.ms", "0", Kind::Long),
    free("segment.ms", "604800000", Kind::Long),
    free("unclean.leader.election.enable", "false", Kind::Boolean),
];

/// Values set on a topic itself, by name.
pub(crate) type Overrides = BTreeMap<String, String>;

/// The values a partition's log acts on.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct TopicConfig {
    pub(crate) is_compacted: bool,
    pub(crate) is_deleted: bool,
    pub(crate) is_append_time: bool,
    /// -1 is no limit.
    pub(crate) retention_bytes: i64,
    /// -1 is no limit.
    pub(crate) retention_ms: i64,
    pub(crate) segment_bytes: u64,
    pub(crate) segment_ms: i64,
    pub(crate) max_message_bytes: usize,
    pub(crate) min_cleanable_dirty_ratio: f64,
    pub(crate) min_compaction_lag_ms: i64,
    pub(crate) delete_retention_ms: i64,
}

impl TopicConfig {
    /// Returns the effective values of `overrides`, which were checked by [`validate`].
    pub(crate) fn new(overrides: &Overrides, broker: &BrokerConfig) -> Self {
        let text = |name| effective(name, overrides, broker);
        let number = |name| text(name).parse().unwrap_or(-1);
        let policy = text("cleanup.policy");
        Self {
            is_compacted: policy.contains("compact"),
            is_deleted: policy.contains("delete"),
            is_append_time: text("message.timestamp.type") == "LogAppendTime",
            retention_bytes: number("retention.bytes"),
            retention_ms: number("retention.ms"),
            segment_bytes: number("segment.bytes").max(1) as u64,
            segment_ms: number("segment.ms"),
            max_message_bytes: number("max.message.bytes").max(0) as usize,
            min_cleanable_dirty_ratio: text("min.cleanable.dirty.ratio").parse().unwrap_or(0.5),
            min_compaction_lag_ms: number("min.compaction.lag.ms"),
            delete_retention_ms: number("delete.retention.ms"),
        }
    }
}

/// Returns the definition of `name`.
pub(crate) fn definition(name: &str) -> Option<&'static Definition> {
    DEFINITIONS.iter().find(|definition| definition.name == name)
}

/// Returns the value of `name` for a topic with `overrides`.
pub(crate) fn effective(name: &str, overrides: &Overrides, broker: &BrokerConfig) -> String {
    match overrides.get(name) {
        Some(value) => value.clone(),
        None => default_value(name, broker),
    }
}

/// Returns the value of `name` for a topic that does not set it.
pub(crate) fn default_value(name: &str, broker: &BrokerConfig) -> String {
    match name {
        "segment.bytes" => broker.segment_bytes.to_string(),
        "retention.bytes" => broker.retention_bytes.to_string(),
        _ => definition(name).map_or("", |definition| definition.default).to_owned(),
    }
}

/// Checks one value.
///
/// # Errors
/// The sentence to send back with `INVALID_CONFIG`.
pub(crate) fn validate(name: &str, value: &str) -> Result<(), String> {
    let Some(definition) = definition(name) else {
        return Err(format!("Unknown topic config name: {name}"));
    };
    let is_valid = match definition.kind {
        Kind::Boolean => matches!(value, "true" | "false"),
        Kind::Int => value.parse::<i32>().is_ok(),
        Kind::Long => value.parse::<i64>().is_ok(),
        Kind::Double => value.parse::<f64>().is_ok(),
        Kind::String => definition.allowed.is_empty() || definition.allowed.contains(&value),
        Kind::List => {
            let mut items = value.split(',').map(str::trim).filter(|item| !item.is_empty());
            definition.allowed.is_empty() || items.all(|item| definition.allowed.contains(&item))
        }
    };
    if is_valid { Ok(()) } else { Err(format!("Invalid value {value} for configuration {name}")) }
}
