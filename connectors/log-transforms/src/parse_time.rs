//! `ParseTime`: times as logs write them, brought to one form, and to the record's timestamp if that is wanted.

use connect_core::config;
use connect_core::config::{ConfigDef, Props, Validator};
use connect_core::data::{Map, Value};
use connect_core::error::ConnectError;
use connect_core::record::ConnectRecord;
use connect_core::transform::{Outcome, Position, Transform};
use jiff::fmt::strtime;
use jiff::tz::TimeZone;
use jiff::{Timestamp, Zoned, civil};

use crate::fields::{first_issue, map_of, put};
use crate::mismatch::{CHOICES, OnMismatch};

config! {
    /// Settings.
    struct Settings {
        /// Field that holds the time.
        field: String = "field", High, valid Validator::NonEmpty;
        /// How times are written, tried in order: `iso8601`, `epoch` (seconds, milliseconds, microseconds or
        /// nanoseconds, told by size), `clf` (`10/Oct/2026:13:55:36 -0700`), `rfc2822`, `syslog`
        /// (`Oct 10 13:55:36`, of the year that brings it nearest to the record's timestamp), or a pattern with `%`
        /// as `strftime` knows it.
        formats: Vec<String> = "formats", High, default "iso8601,epoch", valid Validator::NonEmptyList;
        /// Time zone of times that name none.
        zone: String = "time.zone", Medium, default "UTC", valid Validator::NonEmpty;
        /// Field to write to; empty for the same field.
        target: String = "target", Medium, default "";
        /// What to write: `unix_ms`, `iso8601` (in UTC, milliseconds) or `timestamp` (a date value).
        ty: String = "target.type", Medium, default "unix_ms",
            valid Validator::OneOf(&["unix_ms", "iso8601", "timestamp"]);
        /// Whether the record's timestamp becomes this time.
        sets_timestamp: bool = "set.timestamp", Medium, default "false";
        /// What becomes of a record whose time cannot be read: `fail`, `keep` as it is, or `drop`.
        on_mismatch: String = "on.mismatch", Medium, default "fail", valid Validator::OneOf(CHOICES);
    }
}

/// A way to write times.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Format {
    Iso8601,
    Epoch,
    Clf,
    Rfc2822,
    Syslog,
    Pattern(String),
}

/// `io.sluice.connect.transforms.ParseTime`.
pub(crate) struct ParseTime {
    field: String,
    formats: Vec<Format>,
    zone: TimeZone,
    target: String,
    ty: String,
    sets_timestamp: bool,
    on_mismatch: OnMismatch,
}

impl Default for ParseTime {
    fn default() -> Self {
        Self {
            field: String::new(),
            formats: Vec::new(),
            zone: TimeZone::UTC,
            target: String::new(),
            ty: String::new(),
            sets_timestamp: false,
            on_mismatch: OnMismatch::Fail,
        }
    }
}

impl Transform for ParseTime {
    fn configure(&mut self, props: &Props) -> Result<(), ConnectError> {
        let settings = Settings::parse(props).map_err(first_issue)?;
        let zone = &settings.zone;
        self.zone = TimeZone::get(zone).map_err(|error| {
            ConnectError::config(format!("Invalid value {zone} for configuration time.zone: {error}"))
        })?;
        self.formats = settings.formats.iter().map(|text| format(text)).collect::<Result<_, _>>()?;
        self.target = if settings.target.is_empty() { settings.field.clone() } else { settings.target };
        self.field = settings.field;
        self.ty = settings.ty;
        self.sets_timestamp = settings.sets_timestamp;
        self.on_mismatch = OnMismatch::of(&settings.on_mismatch);
        Ok(())
    }

    fn config_def(&self) -> ConfigDef {
        Settings::config_def()
    }

    fn apply(&self, record: &mut ConnectRecord, _position: Position) -> Result<Outcome, ConnectError> {
        let near = record.timestamp;
        let map = map_of(record, "parsing a time")?;
        let Some(time) = self.read(map, near) else {
            let field = &self.field;
            return self.on_mismatch.outcome(|| format!("parsing the time in `{field}` found none"));
        };
        let millis = time.as_millisecond();
        let value = match self.ty.as_str() {
            "iso8601" => Value::string(format!("{time:.3}")),
            "timestamp" => Value::Date(millis),
            _ => Value::Int64(millis),
        };
        put(map, &self.target, value);
        if self.sets_timestamp {
            record.timestamp = Some(millis);
        }
        Ok(Outcome::Keep)
    }
}

impl ParseTime {
    fn read(&self, map: &Map, near: Option<i64>) -> Option<Timestamp> {
        let value = map.get(&self.field)?;
        let text = match value {
            Value::String(text) => text.trim().to_owned(),
            Value::Int64(number) => number.to_string(),
            Value::Int32(number) => number.to_string(),
            Value::Float64(number) => number.to_string(),
            Value::Date(millis) => return Timestamp::from_millisecond(*millis).ok(),
            _ => return None,
        };
        self.formats.iter().find_map(|format| self.parse(format, &text, near))
    }

    fn parse(&self, format: &Format, text: &str, near: Option<i64>) -> Option<Timestamp> {
        match format {
            Format::Iso8601 => {
                let with_zone = || text.parse::<Timestamp>().ok();
                with_zone().or_else(|| self.in_zone(text.parse::<civil::DateTime>().ok()?))
            }
            Format::Epoch => epoch(text),
            Format::Clf => strtime::parse("%d/%b/%Y:%H:%M:%S %z", text).ok()?.to_timestamp().ok(),
            Format::Rfc2822 => jiff::fmt::rfc2822::parse(text).ok().map(|zoned: Zoned| zoned.timestamp()),
            Format::Syslog => self.syslog(text, near?),
            Format::Pattern(pattern) => {
                let parsed = strtime::parse(pattern, text).ok()?;
                parsed.to_timestamp().ok().or_else(|| self.in_zone(parsed.to_datetime().ok()?))
            }
        }
    }

    /// Returns the time of a text without a year: of the years around `near`, the one that brings it nearest.
    fn syslog(&self, text: &str, near: i64) -> Option<Timestamp> {
        let year = Timestamp::from_millisecond(near).ok()?.to_zoned(self.zone.clone()).year();
        let of_year = |year: i16| {
            let parsed = strtime::parse("%Y %b %e %H:%M:%S", format!("{year} {text}")).ok()?;
            self.in_zone(parsed.to_datetime().ok()?)
        };
        let times = [year.checked_sub(1)?, year, year.checked_add(1)?].into_iter().filter_map(of_year);
        times.min_by_key(|time| time.as_millisecond().abs_diff(near))
    }

    fn in_zone(&self, time: civil::DateTime) -> Option<Timestamp> {
        time.to_zoned(self.zone.clone()).ok().map(|zoned| zoned.timestamp())
    }
}

fn format(text: &str) -> Result<Format, ConnectError> {
    Ok(match text {
        "iso8601" => Format::Iso8601,
        "epoch" => Format::Epoch,
        "clf" => Format::Clf,
        "rfc2822" => Format::Rfc2822,
        "syslog" => Format::Syslog,
        pattern if pattern.contains('%') => Format::Pattern(pattern.to_owned()),
        other => {
            return Err(ConnectError::config(format!(
                "Invalid value {other} for configuration formats: `iso8601`, `epoch`, `clf`, `rfc2822`, `syslog` or a \
                 pattern with `%` is needed"
            )));
        }
    })
}

/// Returns the time of a number since 1970. Its size tells the unit: seconds reach 11 digits in the year 5138.
fn epoch(text: &str) -> Option<Timestamp> {
    let number: f64 = text.parse().ok()?;
    let unit = match number.abs() {
        size if size < 1e11 => 1e3,
        size if size < 1e14 => 1.0,
        size if size < 1e17 => 1e-3,
        _ => 1e-6,
    };
    // Whole numbers keep their last digit; 2^53 milliseconds are beyond the years that times have.
    let millis = (number * unit).round();
    #[expect(clippy::cast_possible_truncation, reason = "the range is checked before")]
    let millis = (millis.abs() < 9e15).then_some(millis as i64)?;
    Timestamp::from_millisecond(millis).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn millis(formats: &str, text: Value) -> Option<i64> {
        let mut transform = ParseTime::default();
        let pairs = [("field", "t"), ("formats", formats), ("time.zone", "Europe/Zurich")];
        let props = pairs.map(|(key, value)| (key.to_owned(), value.to_owned())).into_iter().collect();
        transform.configure(&props).expect("configured");
        let map = Map { entries: vec![(Value::string("t"), text)] };
        // 2026-01-02T00:00:00Z.
        transform.read(&map, Some(1_767_312_000_000)).map(|time| time.as_millisecond())
    }

    #[test]
    fn times_are_read_in_each_format() {
        let text = |text: &str| Value::string(text);
        let cases = [
            ("iso8601", text("2023-11-14T22:13:20.123Z"), Some(1_700_000_000_123)),
            ("iso8601", text("2023-11-14T23:13:20.123+01:00"), Some(1_700_000_000_123)),
            // Without a zone: the one that is set, an hour ahead in winter.
            ("iso8601", text("2023-11-14 23:13:20"), Some(1_700_000_000_000)),
            ("epoch", Value::Int64(1_700_000_000), Some(1_700_000_000_000)),
            ("epoch", Value::Int64(1_700_000_000_123), Some(1_700_000_000_123)),
            ("epoch", text("1700000000123456"), Some(1_700_000_000_123)),
            ("epoch", Value::Float64(1_700_000_000.5), Some(1_700_000_000_500)),
            ("clf", text("14/Nov/2023:22:13:20 +0000"), Some(1_700_000_000_000)),
            ("rfc2822", text("Tue, 14 Nov 2023 22:13:20 +0000"), Some(1_700_000_000_000)),
            // Nearest to the second of January 2026: the end of December was last year.
            ("syslog", text("Dec 31 23:00:00"), Some(1_767_218_400_000)),
            ("syslog", text("Jan  2 01:00:00"), Some(1_767_312_000_000)),
            ("%d.%m.%Y %H:%M", text("14.11.2023 23:13"), Some(1_699_999_980_000)),
            ("epoch,iso8601", text("2023-11-14T22:13:20Z"), Some(1_700_000_000_000)),
            ("iso8601", text("yesterday"), None),
            ("epoch", text("1e300"), None),
            ("iso8601", Value::Null, None),
        ];
        for (formats, value, expected) in cases {
            assert_eq!(millis(formats, value.clone()), expected, "{formats} {value:?}");
        }
    }

    #[test]
    fn unknown_formats_and_zones_are_refused() {
        for (key, value) in [("formats", "soon"), ("time.zone", "Mars/Base")] {
            let pairs = [("field", "t"), (key, value)];
            let props = pairs.map(|(key, value)| (key.to_owned(), value.to_owned())).into_iter().collect();
            let error = ParseTime::default().configure(&props).expect_err("refused").to_string();
            assert!(error.starts_with(&format!("Invalid value {value} for configuration {key}")), "{error}");
        }
    }
}
