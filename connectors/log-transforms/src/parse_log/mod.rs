//! `ParseLog`: a line of text taken apart into fields.

mod access;
mod format;
mod pairs;

use bytes::Bytes;
use connect_core::config;
use connect_core::config::{ConfigDef, Props, Validator};
use connect_core::data::{Map, Value};
use connect_core::error::ConnectError;
use connect_core::record::ConnectRecord;
use connect_core::transform::{Outcome, Position, Transform};

use crate::fields::{first_issue, map_of, put, replace};
use crate::mismatch::{CHOICES, OnMismatch};
use crate::parse_log::format::{FORMATS, Format};

config! {
    /// Settings.
    struct Settings {
        /// How lines are written: `apache_common`, `apache_combined` and `nginx` access logs, `logfmt`, `key_value`
        /// (see the separators), `json`, or `regex` and `grok` with a pattern of your own.
        format: String = "format", High, valid Validator::OneOf(FORMATS);
        /// Pattern of `regex`, with a named group for each field, or of `grok`, such as
        /// `%{IP:client} %{NUMBER:took:float}`.
        pattern: String = "pattern", High, default "";
        /// Field that holds the line; empty when the whole value is the line.
        field: String = "field", High, default "";
        /// Field to put the parts under; empty to put them beside the others.
        target: String = "target", Medium, default "";
        /// Whether the line stays beside its parts; a line that was the whole value stays as `message`.
        keeps_source: bool = "keep.source", Medium, default "false";
        /// What separates pairs, for `key_value`; empty for white space.
        pair_separator: String = "pair.separator", Low, default "";
        /// What separates key and value, for `key_value`.
        value_separator: String = "value.separator", Low, default "=", valid Validator::NonEmpty;
        /// What becomes of a line that is written otherwise: `fail`, `keep` as it is, or `drop`.
        on_mismatch: String = "on.mismatch", Medium, default "fail", valid Validator::OneOf(CHOICES);
    }
}

/// Name under which a line that was the whole value is kept.
const MESSAGE: &str = "message";

/// `io.sluice.connect.transforms.ParseLog`.
#[derive(Default)]
pub(crate) struct ParseLog {
    format: Option<Format>,
    field: String,
    target: String,
    keeps_source: bool,
    on_mismatch: OnMismatch,
}

impl Transform for ParseLog {
    fn configure(&mut self, props: &Props) -> Result<(), ConnectError> {
        let settings = Settings::parse(props).map_err(first_issue)?;
        let separators = (settings.pair_separator.as_str(), settings.value_separator.as_str());
        self.format = Some(Format::new(&settings.format, &settings.pattern, separators)?);
        self.field = settings.field;
        self.target = settings.target;
        self.keeps_source = settings.keeps_source;
        self.on_mismatch = OnMismatch::of(&settings.on_mismatch);
        Ok(())
    }

    fn config_def(&self) -> ConfigDef {
        Settings::config_def()
    }

    fn apply(&self, record: &mut ConnectRecord, _position: Position) -> Result<Outcome, ConnectError> {
        let Some(format) = &self.format else { return Ok(Outcome::Keep) };
        if record.value.is_null() {
            return self.on_mismatch.outcome(|| "parsing a log line found none".to_owned());
        }
        let line = match self.line(record)? {
            Some(line) => line,
            None => {
                let field = &self.field;
                return self.on_mismatch.outcome(|| format!("parsing a log line found no text in `{field}`"));
            }
        };
        let Some(parts) = format.parse(&line) else {
            return self.on_mismatch.outcome(|| format!("parsing a log line that is not {}", format.name()));
        };
        self.put_parts(record, line, parts)?;
        Ok(Outcome::Keep)
    }
}

impl ParseLog {
    fn line(&self, record: &mut ConnectRecord) -> Result<Option<Value>, ConnectError> {
        let found = match self.field.as_str() {
            "" => Some(record.value.value().into_owned()),
            field => map_of(record, "parsing a log line in a field")?.get(field).cloned(),
        };
        Ok(found.and_then(|value| match value {
            Value::Bytes(bytes) => text_of(bytes),
            value @ Value::String(_) => Some(value),
            _ => None,
        }))
    }

    fn put_parts(&self, record: &mut ConnectRecord, line: Value, parts: Map) -> Result<(), ConnectError> {
        if self.field.is_empty() {
            let mut whole = Map::default();
            if self.keeps_source {
                put(&mut whole, MESSAGE, line);
            }
            self.add(&mut whole, parts);
            replace(record, whole);
            return Ok(());
        }
        let map = map_of(record, "parsing a log line in a field")?;
        if !self.keeps_source {
            map.entries.retain(|(name, _)| name.as_str() != Some(&self.field));
        }
        self.add(map, parts);
        Ok(())
    }

    fn add(&self, map: &mut Map, parts: Map) {
        if !self.target.is_empty() {
            return put(map, &self.target, Value::Map(parts));
        }
        for (name, value) in parts.entries {
            if let Some(name) = name.as_str() {
                put(map, name, value);
            }
        }
    }
}

fn text_of(bytes: Bytes) -> Option<Value> {
    std::str::from_utf8(&bytes).ok().map(Value::string)
}

#[cfg(test)]
mod tests;
