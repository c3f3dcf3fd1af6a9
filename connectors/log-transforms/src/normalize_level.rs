//! `NormalizeLevel`: the many names of log levels brought to six.

use connect_core::config;
use connect_core::config::{ConfigDef, Props, Validator};
use connect_core::data::Value;
use connect_core::error::ConnectError;
use connect_core::record::ConnectRecord;
use connect_core::transform::{Outcome, Position, Transform};

use crate::fields::{first_issue, map_of, put};

config! {
    /// Settings.
    struct Settings {
        /// Fields that may hold the level; the first that is there counts.
        fields: Vec<String> = "fields", High, default "level,severity,loglevel,lvl", valid Validator::NonEmptyList;
        /// Field to write the level to.
        target: String = "target", Medium, default "level", valid Validator::NonEmpty;
        /// What numbers mean: `syslog` (0 to 7, lower is worse), `tens` (10 to 60, as Bunyan, Pino and Python count), or
        /// `auto` (below 10 syslog, else tens).
        numbers: String = "numbers", Low, default "auto", valid Validator::OneOf(&["auto", "syslog", "tens"]);
        /// Level of records with none, or an unknown one; empty to leave them as they are.
        default: String = "default", Low, default "";
    }
}

/// `io.sluice.connect.transforms.NormalizeLevel`.
#[derive(Default)]
pub(crate) struct NormalizeLevel {
    fields: Vec<String>,
    target: String,
    numbers: String,
    default: String,
}

impl Transform for NormalizeLevel {
    fn configure(&mut self, props: &Props) -> Result<(), ConnectError> {
        let settings = Settings::parse(props).map_err(first_issue)?;
        self.fields = settings.fields;
        self.target = settings.target;
        self.numbers = settings.numbers;
        self.default = settings.default;
        Ok(())
    }

    fn config_def(&self) -> ConfigDef {
        Settings::config_def()
    }

    fn apply(&self, record: &mut ConnectRecord, _position: Position) -> Result<Outcome, ConnectError> {
        if record.value.is_null() {
            return Ok(Outcome::Keep);
        }
        let map = map_of(record, "normalising a level")?;
        let found = self.fields.iter().find_map(|field| map.get(field).filter(|value| !value.is_null()));
        let level = found.and_then(|value| self.level(value));
        if let Some(level) = level.or((!self.default.is_empty()).then_some(self.default.as_str())) {
            put(map, &self.target, Value::string(level));
        }
        Ok(Outcome::Keep)
    }
}

impl NormalizeLevel {
    fn level(&self, value: &Value) -> Option<&'static str> {
        match value {
            Value::String(text) => {
                let text = text.trim();
                named(text).or_else(|| self.numbered(text.parse().ok()?))
            }
            Value::Int64(number) => self.numbered(*number),
            Value::Int32(number) => self.numbered(i64::from(*number)),
            _ => None,
        }
    }

    fn numbered(&self, number: i64) -> Option<&'static str> {
        let is_syslog = match self.numbers.as_str() {
            "syslog" => true,
            "tens" => false,
            _ => number < 10,
        };
        match (is_syslog, number) {
            (true, 0..=2) | (false, 60..=69) => Some("FATAL"),
            (true, 3) | (false, 50..=59) => Some("ERROR"),
            (true, 4) | (false, 40..=49) => Some("WARN"),
            (true, 5 | 6) | (false, 30..=39) => Some("INFO"),
            (true, 7) | (false, 20..=29) => Some("DEBUG"),
            (false, 10..=19) => Some("TRACE"),
            _ => None,
        }
    }
}

fn named(text: &str) -> Option<&'static str> {
    match text.to_ascii_lowercase().as_str() {
        "trace" | "finest" | "finer" | "all" | "verbose" | "trc" | "v" | "t" => Some("TRACE"),
        "debug" | "fine" | "dbg" | "d" => Some("DEBUG"),
        "info" | "information" | "informational" | "notice" | "config" | "inf" | "i" => Some("INFO"),
        "warn" | "warning" | "wrn" | "w" => Some("WARN"),
        "error" | "err" | "severe" | "e" => Some("ERROR"),
        "fatal" | "critical" | "crit" | "alert" | "emerg" | "emergency" | "panic" | "ftl" | "f" => {
            Some("FATAL")
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_numbers_come_to_six_levels() {
        let level = |numbers: &str, value: Value| {
            NormalizeLevel { numbers: numbers.to_owned(), ..NormalizeLevel::default() }.level(&value)
        };
        let cases = [
            ("auto", Value::string(" Warning "), Some("WARN")),
            ("auto", Value::string("SEVERE"), Some("ERROR")),
            ("auto", Value::string("emerg"), Some("FATAL")),
            ("auto", Value::Int64(3), Some("ERROR")),
            ("auto", Value::Int64(30), Some("INFO")),
            ("auto", Value::string("7"), Some("DEBUG")),
            ("tens", Value::Int64(3), None),
            ("syslog", Value::Int64(30), None),
            ("auto", Value::string("loud"), None),
            ("auto", Value::Boolean(true), None),
        ];
        for (numbers, value, expected) in cases {
            assert_eq!(level(numbers, value.clone()), expected, "{numbers} {value:?}");
        }
    }
}
