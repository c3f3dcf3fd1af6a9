//! Aiven's configuration as the sink works with it: old names resolved, rules across keys checked.

use std::sync::Arc;
use std::time::Duration;

use connect_core::config::{ConfigIssue, Props};
use connect_core::kit::RetryPolicy;
use connector_aws::{Role, StaticCredentials, with_scheme};
use connector_formats::{
    AvroCodec, AvroConfig, AvroFormat, Compression, Envelope, EnvelopeFormat, EnvelopeStyle, LineFormat,
    OutputField, ParquetCodec, ParquetFormat, Part, RecordFormat,
};

use super::config::AivenConfig;
use super::grouping::{Grouping, OldNames, TimeSource};
use super::template::{AivenTemplate, Mode};
use crate::client::{AwsOptions, Encryption};
use crate::naming::ObjectNaming;
use crate::partitioner::Partitioner;
use crate::settings::{Issues, Settings, is_default_chain};
use crate::time_zone::parse_zone;
use crate::upload::MIN_PART_BYTES;
use crate::writer::{Affix, Compatibility, NullPolicy, Output, Rules};

const DEFAULT_TEMPLATE: &str = "{{topic}}-{{partition}}-{{start_offset}}";
const DEFAULT_REGION: &str = "us-east-1";
const GLOBAL_TOKEN_SERVICE: &str = "https://sts.amazonaws.com";
const SESSION: &str = "sluice-s3-sink";
/// Wait before records are read again, as Confluent's sink has it; Kafka Connect's own retries at once.
const RETRY_WAIT: Duration = Duration::from_secs(5);
/// Aiven's task writes all files before it lets offsets be committed; longer waits are taken up with the next commit.
const COMMIT_LIMIT: Duration = Duration::from_secs(30);
/// As that of Confluent's format: records encoded at once where that costs time.
const ENCODED_CHUNK_BYTES: usize = 1024 * 1024;
const INITIAL_CAPACITY: usize = 4096;

/// Parses and checks a configuration.
///
/// # Errors
/// Returns every issue, not only the first.
pub(crate) fn parse(props: &Props) -> Result<Settings, Vec<ConfigIssue>> {
    let config = AivenConfig::parse(props)?;
    let mut issues = Issues::default();
    let grouping = grouping(&config, &mut issues);
    let part_size = usize::try_from(config.part_size).unwrap_or(usize::MAX).max(MIN_PART_BYTES);
    let format = record_format(&config, &mut issues);
    let aws = aws_options(&config, &mut issues);
    let (Some(grouping), Some(format), Some(aws), true) = (grouping, format, aws, issues.is_empty()) else {
        return Err(issues.into_found());
    };
    let chunk_size = match &format {
        // A file that may be replaced stays whole.
        _ if grouping.compacts() => usize::MAX,
        RecordFormat::Parquet(_) => part_size,
        format if format.is_plain() => part_size,
        _ => ENCODED_CHUNK_BYTES,
    };
    let output = Output { part: Part::Value, format, extension: String::new(), chunk_size };
    Ok(Settings {
        aws,
        retry: RetryPolicy {
            base: Duration::from_millis(config.backoff_ms),
            cap: Duration::from_millis(config.max_backoff_ms),
            max_retries: config.max_retries,
            max_elapsed: None,
        },
        part_size,
        retry_wait: config.retry_backoff_ms.map_or(RETRY_WAIT, Duration::from_millis),
        drain_limit: COMMIT_LIMIT,
        tagging: None,
        reports_nulls: false,
        records: None,
        max_existing: 0,
        rules: rules(grouping, output, usize::try_from(config.max_bytes).ok().filter(|most| *most > 0)),
    })
}

/// Returns the writer's rules: nothing closes files but commits, full files and shortage of memory.
fn rules(grouping: Grouping, output: Output, rotate_bytes: Option<usize>) -> Rules {
    Rules {
        naming: ObjectNaming {
            topics_dir: String::new(),
            directory_delim: "/".to_owned(),
            file_delim: "-".to_owned(),
            zero_pad_width: 0,
        },
        partitioner: Partitioner::Default,
        grouping: Some(Arc::new(grouping)),
        flush_size: i64::MAX,
        rotate_interval_ms: None,
        schedule: None,
        idle_ms: None,
        rotate_on_partition_change: false,
        max_open_files: None,
        rotate_bytes,
        compatibility: Compatibility::None,
        affix: Affix::None,
        nulls: NullPolicy::Keep,
        tombstone: String::new(),
        outputs: vec![output],
        initial_capacity: INITIAL_CAPACITY,
    }
}

fn grouping(config: &AivenConfig, issues: &mut Issues) -> Option<Grouping> {
    let has_schemas = matches!(config.output_type.to_ascii_lowercase().as_str(), "avro" | "parquet");
    let extension = format!(
        "{}{}",
        if config.output_type.eq_ignore_ascii_case("avro") { ".avro" } else { "" },
        compression(config).extension()
    );
    let prefix = config.prefix_template.clone().unwrap_or_default();
    let name = config.name_template.clone().unwrap_or_else(|| format!("{DEFAULT_TEMPLATE}{extension}"));
    let compiled = AivenTemplate::compile(&format!("{prefix}{name}"));
    let compiled = compiled.and_then(|template| template.mode().map(|mode| (template, mode)));
    let time =
        time_source("file.name.timestamp.timezone", &config.name_timezone, &config.name_time_source, issues);
    let old_names = old_names(config, extension, issues);
    let (template, mode) = match compiled {
        Ok(compiled) => compiled,
        Err(reason) => {
            let key = if prefix.is_empty() { "file.name.template" } else { "file.prefix.template" };
            issues.invalid(key, format!("{prefix}{name}"), &reason);
            return None;
        }
    };
    if mode == Mode::Compact && config.max_records > 1 {
        let reason = format!(
            "with `file.name.template` `{name}` only the newest record of each key is written, so it must be 1 or not \
             set"
        );
        issues.invalid("file.max.records", config.max_records, &reason);
    }
    let max_records = Some(config.max_records).filter(|most| *most > 0);
    Some(Grouping { template, mode, time: time?, max_records, by_schema: has_schemas, old_names: old_names? })
}

/// Returns how objects are named under a prefix; `Some(None)` without one.
#[expect(clippy::option_option, reason = "the outer one says whether the prefix is valid")]
fn old_names(config: &AivenConfig, extension: String, issues: &mut Issues) -> Option<Option<OldNames>> {
    let time = time_source("timestamp.timezone", &config.old_timezone, &config.old_time_source, issues)?;
    let Some(prefix) = config.prefix.as_ref().or(config.old_prefix.as_ref()) else { return Some(None) };
    match AivenTemplate::compile_prefix(prefix) {
        Ok(prefix) => Some(Some(OldNames { prefix, time, extension })),
        Err(reason) => {
            let key = if config.prefix.is_some() { "aws.s3.prefix" } else { "aws_s3_prefix" };
            issues.invalid(key, prefix, &reason);
            None
        }
    }
}

fn time_source(key: &str, zone: &str, source: &str, issues: &mut Issues) -> Option<TimeSource> {
    let is_event = source.eq_ignore_ascii_case("event");
    match parse_zone(zone) {
        Ok(zone) => Some(TimeSource { is_event, zone }),
        Err(reason) => {
            issues.invalid(key, zone, &reason);
            None
        }
    }
}

fn compression(config: &AivenConfig) -> Compression {
    let name = config.compression.as_ref().or(config.old_compression.as_ref());
    match name.map_or("gzip", String::as_str).to_ascii_lowercase().as_str() {
        "none" => Compression::None,
        "snappy" => Compression::SnappyJava,
        "zstd" => Compression::Zstd(-1),
        _ => Compression::Gzip(-1),
    }
}

fn record_format(config: &AivenConfig, issues: &mut Issues) -> Option<RecordFormat> {
    let envelope = envelope(config, issues)?;
    let compression = compression(config);
    let avro = AvroConfig {
        enhanced: config.enhanced_avro,
        meta_data: config.connect_meta_data,
        optional_map_keys: config.optional_map_keys,
        ..AvroConfig::default()
    };
    let style = match config.output_type.to_ascii_lowercase().as_str() {
        "avro" => {
            let Some(codec) = AvroCodec::parse(&config.avro_codec) else {
                let reason = "this codec is not built in; use null, deflate, snappy or zstandard";
                issues.invalid("avro.codec", &config.avro_codec, reason);
                return None;
            };
            let format = AvroFormat::new(avro, codec).with_envelope(envelope).compressed(compression);
            return Some(RecordFormat::Avro(Arc::new(format)));
        }
        "parquet" => {
            let codec = ParquetCodec::parse(compression.name())?;
            let format = ParquetFormat::new(avro, codec, None).with_envelope(envelope);
            return Some(RecordFormat::Parquet(Arc::new(format)));
        }
        "json" => EnvelopeStyle::JsonArray,
        "jsonl" => EnvelopeStyle::JsonLines,
        _ => EnvelopeStyle::Csv { has_raw_values: config.value_encoding == "none" },
    };
    let lines = LineFormat::Envelope(EnvelopeFormat::new(envelope, style));
    Some(RecordFormat::Lines(Arc::new(lines), compression))
}

fn envelope(config: &AivenConfig, issues: &mut Issues) -> Option<Envelope> {
    let given =
        [&config.output_fields, &config.old_output_fields].into_iter().find(|names| !names.is_empty());
    let mut fields: Vec<OutputField> =
        given.into_iter().flatten().filter_map(|name| OutputField::parse(name)).collect();
    if fields.is_empty() {
        fields.push(OutputField::Value);
    }
    if !config.envelope && fields.len() != 1 {
        let reason = "without an envelope, `format.output.fields` must contain only one field";
        issues.invalid("format.output.envelope", false, reason);
        return None;
    }
    let is_framed = matches!(config.output_type.to_ascii_lowercase().as_str(), "avro" | "parquet");
    if is_framed && (1..fields.len()).any(|index| fields[..index].contains(&fields[index])) {
        let reason = "a record of Avro or Parquet holds each field once";
        issues.invalid("format.output.fields", format!("[{}]", config.output_fields.join(", ")), reason);
        return None;
    }
    Some(Envelope { fields, wraps: config.envelope })
}

fn aws_options(config: &AivenConfig, issues: &mut Issues) -> Option<AwsOptions> {
    let bucket = config.bucket.as_ref().or(config.old_bucket.as_ref());
    if bucket.is_none() {
        issues.missing(
            "aws.s3.bucket.name",
            "Neither aws.s3.bucket.name nor aws_s3_bucket properties have been set",
        );
    }
    let id = config.access_key_id.as_ref().or(config.old_access_key_id.as_ref());
    let secret = config.secret_access_key.as_ref().or(config.old_secret_access_key.as_ref());
    let (id, secret) = (id.filter(|id| !id.is_blank()), secret.filter(|secret| !secret.is_blank()));
    if id.is_some() != secret.is_some() {
        let text = "`aws.access.key.id` and `aws.secret.access.key` must be given together or not at all";
        issues.missing("aws.access.key.id", text);
    }
    if let Some(provider) = config.credentials_provider.as_ref().filter(|class| !is_default_chain(class)) {
        let reason = "the provider is not known; use the default chain (environment, profile, web identity, container \
             and instance roles), `aws.sts.role.arn`, or `aws.access.key.id` and `aws.secret.access.key`";
        issues.invalid("aws.credentials.provider", &provider.0, reason);
    }
    let encryption = encryption(config, issues);
    let role = role(config, issues);
    let region = config.region.as_ref().or(config.old_region.as_ref());
    let endpoint = config.endpoint.as_ref().or(config.old_endpoint.as_ref());
    Some(AwsOptions {
        bucket: bucket?.clone(),
        region: region.map_or(DEFAULT_REGION, String::as_str).to_owned(),
        // As in Aiven's client, an endpoint of one's own knows buckets by paths.
        is_path_style: endpoint.is_some(),
        endpoint: endpoint.map(|url| with_scheme(url)),
        credentials: id.zip(secret).map(|(id, secret)| StaticCredentials {
            access_key_id: id.expose().to_owned(),
            secret_access_key: secret.clone(),
        }),
        role,
        proxy: None,
        is_accelerated: false,
        acl: None,
        encryption: encryption?,
        sends_digest: false,
        is_conditional: false,
    })
}

fn encryption(config: &AivenConfig, issues: &mut Issues) -> Option<Encryption> {
    match config.sse_algorithm.as_deref() {
        None => Some(Encryption::Bucket),
        Some(algorithm @ ("AES256" | "aws:kms" | "aws:kms:dsse")) => {
            Some(Encryption::Server { algorithm: algorithm.to_owned(), kms_key_id: None })
        }
        Some(other) => {
            issues.invalid("aws.s3.sse.algorithm", other, "use AES256, aws:kms or aws:kms:dsse");
            None
        }
    }
}

fn role(config: &AivenConfig, issues: &mut Issues) -> Option<Role> {
    let arn = config.role_arn.clone()?;
    let endpoint = Some(config.sts_endpoint.as_str()).filter(|url| *url != GLOBAL_TOKEN_SERVICE);
    if endpoint.is_some() && config.region.is_none() {
        let text = "aws.s3.region should be specified together with aws.sts.config.endpoint";
        issues.missing("aws.s3.region", text);
    }
    Some(Role {
        arn,
        session: config.role_session.clone().unwrap_or_else(|| SESSION.to_owned()),
        external_id: config.role_external_id.clone(),
        region: None,
        duration: Some(Duration::from_secs(config.role_duration)),
        endpoint: endpoint.map(with_scheme),
    })
}
