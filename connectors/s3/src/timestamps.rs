//! Timestamp extractors: which time a time-based directory is chosen by.

use jiff::Timestamp;
use jiff::civil::{Date, DateTime};
use jiff::tz::TimeZone;

use connect_core::data::{Value, logical};
use connect_core::error::ConnectError;
use connect_core::record::SinkRecord;

/// Where a record's time comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum TimestampExtractor {
    /// The time of processing; names then differ from run to run.
    Wallclock,
    /// The Kafka timestamp.
    Record,
    /// A field of the value, by path.
    RecordField(Vec<String>),
}

impl TimestampExtractor {
    /// Returns the extractor of a configured name: Confluent's short names or class names.
    pub(crate) fn parse(name: &str, field: &str) -> Option<Self> {
        let simple = name.rsplit(['.', '$']).next().unwrap_or(name);
        match simple.trim_end_matches("TimestampExtractor") {
            "Wallclock" => Some(Self::Wallclock),
            "Record" => Some(Self::Record),
            "RecordField" => Some(Self::RecordField(field.split('.').map(str::to_owned).collect())),
            _ => None,
        }
    }

    /// Returns a record's time in milliseconds since the epoch.
    ///
    /// # Errors
    /// A data error when the record has no such time.
    pub(crate) fn extract(&self, record: &SinkRecord, now_ms: i64) -> Result<i64, ConnectError> {
        match self {
            TimestampExtractor::Wallclock => Ok(now_ms),
            TimestampExtractor::Record => record_time(record),
            TimestampExtractor::RecordField(path) => {
                let value = record.value.value();
                let field = nested(&value, path)
                    .map_err(|reason| no_time(path, &reason))?
                    .ok_or_else(|| no_time(path, "the value is null"))?;
                field_time(field).ok_or_else(|| {
                    no_time(path, &format!("a value of class `{}` is not a time", field.java_class()))
                })
            }
        }
    }
}

/// Returns the Kafka timestamp of a record.
///
/// # Errors
/// A data error when it has none.
pub(crate) fn record_time(record: &SinkRecord) -> Result<i64, ConnectError> {
    record.timestamp.ok_or_else(|| {
        ConnectError::data(format!(
            "partitioning a record without timestamp at offset `{}` by time",
            record.offset
        ))
    })
}

/// Follows a path through structs and maps; `Ok(None)` where a null stands on the way.
///
/// # Errors
/// Returns what is wrong when a step does not exist.
pub(crate) fn nested<'a>(value: &'a Value, path: &[String]) -> Result<Option<&'a Value>, String> {
    let mut here = value;
    for name in path {
        here = match here {
            Value::Null => return Ok(None),
            Value::Struct(structure) => {
                structure.get(name).map_err(|_| format!("the schema has no field `{name}`"))?
            }
            Value::Map(map) => map.get(name).ok_or_else(|| format!("the map has no entry `{name}`"))?,
            other => return Err(format!("a value of class `{}` has no fields", other.java_class())),
        };
    }
    Ok((!here.is_null()).then_some(here))
}

fn no_time(path: &[String], reason: &str) -> ConnectError {
    ConnectError::data(format!("reading the time from field `{}`: {reason}", path.join(".")))
}

fn field_time(value: &Value) -> Option<i64> {
    match value {
        Value::Int32(number) => Some(i64::from(*number)),
        Value::Int64(number) | Value::Date(number) => Some(*number),
        Value::String(text) => text_time(text),
        _ => None,
    }
}

/// Reads milliseconds of up to 19 digits, or an ISO 8601 time; one without offset is taken as UTC.
fn text_time(text: &str) -> Option<i64> {
    let digits = text.strip_prefix('-').unwrap_or(text);
    if (1..=19).contains(&digits.len()) && digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return text.parse().ok();
    }
    if let Ok(instant) = text.parse::<Timestamp>() {
        return Some(instant.as_millisecond());
    }
    let civil = match text.parse::<DateTime>() {
        Ok(time) => time,
        Err(_) => text.parse::<Date>().ok()?.at(0, 0, 0, 0),
    };
    let instant = civil.to_zoned(TimeZone::UTC).ok()?;
    Some(instant.timestamp().as_millisecond())
}

/// Milliseconds of one day.
pub(crate) const DAY_MS: i64 = logical::MILLIS_PER_DAY;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_milliseconds_or_iso_times() {
        let cases = [
            ("1767225600000", Some(1_767_225_600_000)),
            ("-5", Some(-5)),
            ("2026-01-01T00:00:00Z", Some(1_767_225_600_000)),
            ("2026-01-01T02:00:00.000+02:00", Some(1_767_225_600_000)),
            ("2026-01-01T00:00:00", Some(1_767_225_600_000)),
            ("2026-01-01", Some(1_767_225_600_000)),
            ("yesterday", None),
            ("", None),
            ("-", None),
        ];
        for (text, expected) in cases {
            assert_eq!(text_time(text), expected, "{text}");
        }
    }

    #[test]
    fn names_are_short_or_of_classes() {
        let class =
            "io.confluent.connect.storage.partitioner.TimeBasedPartitioner$RecordFieldTimestampExtractor";
        let field = TimestampExtractor::RecordField(vec!["a".to_owned(), "b".to_owned()]);
        assert_eq!(TimestampExtractor::parse(class, "a.b"), Some(field));
        assert_eq!(TimestampExtractor::parse("Record", ""), Some(TimestampExtractor::Record));
        assert_eq!(TimestampExtractor::parse("Mine", ""), None);
    }
}
