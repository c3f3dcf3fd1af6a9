//! The predicates `HasHeaderKey`, `RecordIsTombstone` and `TopicNameMatches`, and the transform `Filter`.

use connect_core::config;
use connect_core::config::{ConfigDef, Parsed, Props, Validator};
use connect_core::error::ConnectError;
use connect_core::record::ConnectRecord;
use connect_core::transform::{Outcome, Position, Predicate, Transform};

use crate::java_regex::{Pattern, valid_regex};
use crate::settings::first_issue;

/// `org.apache.kafka.connect.transforms.Filter`: drops every record it is asked about.
#[derive(Default)]
pub(crate) struct Filter;

impl Transform for Filter {
    fn configure(&mut self, _props: &Props) -> Result<(), ConnectError> {
        Ok(())
    }

    fn config_def(&self) -> ConfigDef {
        ConfigDef::default()
    }

    fn apply(&self, _record: &mut ConnectRecord, _position: Position) -> Result<Outcome, ConnectError> {
        Ok(Outcome::Drop)
    }
}

config! {
    /// Settings of `HasHeaderKey`.
    struct HeaderSettings {
        /// Name of the header.
        name: String = "name", Medium, valid Validator::NonEmpty;
    }
}

/// `org.apache.kafka.connect.transforms.predicates.HasHeaderKey`.
#[derive(Default)]
pub(crate) struct HasHeaderKey {
    name: String,
}

impl Predicate for HasHeaderKey {
    fn configure(&mut self, props: &Props) -> Result<(), ConnectError> {
        self.name = HeaderSettings::parse(props).map_err(first_issue)?.name;
        Ok(())
    }

    fn config_def(&self) -> ConfigDef {
        HeaderSettings::config_def()
    }

    fn test(&self, record: &ConnectRecord) -> Result<bool, ConnectError> {
        Ok(record.headers.last_with_name(&self.name).is_some())
    }
}

/// `org.apache.kafka.connect.transforms.predicates.RecordIsTombstone`.
#[derive(Default)]
pub(crate) struct RecordIsTombstone;

impl Predicate for RecordIsTombstone {
    fn configure(&mut self, _props: &Props) -> Result<(), ConnectError> {
        Ok(())
    }

    fn config_def(&self) -> ConfigDef {
        ConfigDef::default()
    }

    fn test(&self, record: &ConnectRecord) -> Result<bool, ConnectError> {
        Ok(record.value.is_null())
    }
}

config! {
    /// Settings of `TopicNameMatches`.
    struct TopicSettings {
        /// Regular expression that the whole topic name must match.
        pattern: String = "pattern", Medium, valid Validator::Custom(valid_pattern);
    }
}

/// `org.apache.kafka.connect.transforms.predicates.TopicNameMatches`.
#[derive(Default)]
pub(crate) struct TopicNameMatches {
    pattern: Option<Pattern>,
}

impl Predicate for TopicNameMatches {
    fn configure(&mut self, props: &Props) -> Result<(), ConnectError> {
        let text = TopicSettings::parse(props).map_err(first_issue)?.pattern;
        self.pattern = Some(Pattern::compile(&text).map_err(ConnectError::config)?);
        Ok(())
    }

    fn config_def(&self) -> ConfigDef {
        TopicSettings::config_def()
    }

    fn test(&self, record: &ConnectRecord) -> Result<bool, ConnectError> {
        self.pattern.as_ref().map_or(Ok(false), |pattern| pattern.matches(&record.topic))
    }
}

fn valid_pattern(name: &str, value: &Parsed) -> Result<(), String> {
    Validator::NonEmpty.check(name, value)?;
    valid_regex(name, value)
}
