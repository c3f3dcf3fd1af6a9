//! Partitioner and wall-clock rotation, from their keys.

use jiff::tz::TimeZone;

use crate::config::S3SinkConfig;
use crate::joda::JodaPattern;
use crate::partitioner::{Partitioner, TimePartitioner};
use crate::template::Template;
use crate::timestamps::{DAY_MS, TimestampExtractor};

use super::{Issues, positive, zone};

const HOUR_MS: i64 = 3_600_000;

/// Returns the partitioner, or adds what is wrong to `issues`.
pub(super) fn partitioner(config: &S3SinkConfig, issues: &mut Issues) -> Option<Partitioner> {
    let delim = &config.directory_delim;
    let day = format!("'year'=YYYY{delim}'month'=MM{delim}'day'=dd");
    match config.partitioner.simple_name() {
        "DefaultPartitioner" => {
            warn_about_interval(config);
            Some(Partitioner::Default)
        }
        "FieldPartitioner" => {
            warn_about_interval(config);
            field_partitioner(config, issues)
        }
        "TimeBasedPartitioner" => {
            let duration_ms = config.partition_duration_ms;
            if duration_ms <= 0 {
                issues.invalid(
                    "partition.duration.ms",
                    duration_ms,
                    "TimeBasedPartitioner needs a positive duration",
                );
            }
            if config.path_format.trim().is_empty() {
                issues.invalid("path.format", "\"\"", "TimeBasedPartitioner needs a pattern");
            }
            let pattern = config.path_format.strip_suffix(delim.as_str()).unwrap_or(&config.path_format);
            time_partitioner(config, duration_ms.max(1), pattern, issues)
        }
        "HourlyPartitioner" => time_partitioner(config, HOUR_MS, &format!("{day}{delim}'hour'=HH"), issues),
        "DailyPartitioner" => time_partitioner(config, DAY_MS, &day, issues),
        "TemplatePartitioner" => template_partitioner(config, issues),
        _ => {
            let reason = "the partitioner is not supported; use DefaultPartitioner, FieldPartitioner, \
                TimeBasedPartitioner, HourlyPartitioner or DailyPartitioner of \
                io.confluent.connect.storage.partitioner, or io.sluice.connect.s3.TemplatePartitioner";
            issues.invalid("partitioner.class", &config.partitioner.0, reason);
            None
        }
    }
}

/// Returns the interval and zone of the wall-clock rotation, if it is on.
pub(super) fn schedule(config: &S3SinkConfig, issues: &mut Issues) -> Option<(i64, TimeZone)> {
    let interval_ms = positive(config.rotate_schedule_interval_ms)?;
    if config.timezone.trim().is_empty() {
        let reason = "`timezone` must be set for rotation by the wall clock";
        issues.invalid("timezone", "\"\"", reason);
        return None;
    }
    zone(config, issues).map(|zone| (interval_ms, zone))
}

fn warn_about_interval(config: &S3SinkConfig) {
    if config.rotate_interval_ms > 0 {
        tracing::warn!(
            interval_ms = config.rotate_interval_ms,
            partitioner = %config.partitioner.0,
            "`rotate.interval.ms` is ignored: the partitioner is not based on time"
        );
    }
}

fn field_partitioner(config: &S3SinkConfig, issues: &mut Issues) -> Option<Partitioner> {
    let names = &config.partition_fields;
    let is_blank = |name: &String| name.split('.').any(|segment| segment.trim().is_empty());
    if names.is_empty() || names.iter().any(is_blank) {
        let reason = "FieldPartitioner needs names of fields, none of them and no dotted segment blank";
        issues.invalid("partition.field.name", format!("[{}]", names.join(", ")), reason);
        return None;
    }
    let path = |name: &String| (name.clone(), name.split('.').map(str::to_owned).collect());
    let fields = names.iter().map(path).collect();
    Some(Partitioner::Field { fields, delim: config.directory_delim.clone() })
}

fn template_partitioner(config: &S3SinkConfig, issues: &mut Issues) -> Option<Partitioner> {
    let zone = match config.timezone.trim() {
        "" => TimeZone::UTC,
        _ => zone(config, issues)?,
    };
    let extractor = extractor(config, issues);
    match Template::compile(&config.partition_template, extractor?, zone) {
        Ok(template) => Some(Partitioner::Template(template)),
        Err(reason) => {
            issues.invalid("sluice.partition.template", &config.partition_template, &reason);
            None
        }
    }
}

fn extractor(config: &S3SinkConfig, issues: &mut Issues) -> Option<TimestampExtractor> {
    let extractor = TimestampExtractor::parse(&config.timestamp_extractor, &config.timestamp_field);
    if extractor.is_none() {
        let reason = "the extractor is not supported; use Wallclock, Record or RecordField";
        issues.invalid("timestamp.extractor", &config.timestamp_extractor, reason);
    }
    extractor
}

fn time_partitioner(
    config: &S3SinkConfig,
    duration_ms: i64,
    pattern: &str,
    issues: &mut Issues,
) -> Option<Partitioner> {
    let locale = config.locale.trim();
    if locale.is_empty() {
        issues.invalid("locale", "\"\"", "time-based partitioners need a locale, for example en-US");
    }
    let zone = if config.timezone.trim().is_empty() {
        issues.invalid("timezone", "\"\"", "time-based partitioners need a time zone");
        None
    } else {
        zone(config, issues)
    };
    let extractor = extractor(config, issues);
    let pattern = match JodaPattern::compile(pattern) {
        Ok(compiled) => compiled,
        Err(reason) => {
            issues.invalid("path.format", pattern, &reason);
            return None;
        }
    };
    if pattern.has_words() && !locale.to_ascii_lowercase().starts_with("en") {
        let reason = "the pattern prints names of months or days, which are supported in English only";
        issues.invalid("locale", locale, reason);
    }
    Some(Partitioner::Time(TimePartitioner { duration_ms, pattern, zone: zone?, extractor: extractor? }))
}
