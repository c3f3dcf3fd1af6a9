//! Under which subject a schema is registered.

use connect_core::config::Parsed;
use connect_core::converter::ConverterRole;
use connect_core::error::ConnectError;

/// A subject name strategy of Confluent's serializers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum NameStrategy {
    /// `<topic>-key` or `<topic>-value`.
    #[default]
    Topic,
    /// The full name of the record.
    Record,
    /// `<topic>-<record>`.
    TopicRecord,
}

/// Settings of the strategies.
const KEYS: [&str; 2] = ["key.subject.name.strategy", "value.subject.name.strategy"];

impl NameStrategy {
    /// Returns the strategy of a class, of any but Confluent's none.
    pub(crate) fn of_class(class: &str) -> Option<Self> {
        let (package, name) = class.trim().rsplit_once('.').unwrap_or(("", class.trim()));
        if !["", "io.confluent.kafka.serializers.subject"].contains(&package) {
            return None;
        }
        match name {
            // Without associations in the registry, which only Confluent's own servers have, it is the topic's.
            "TopicNameStrategy" | "AssociatedNameStrategy" => Some(NameStrategy::Topic),
            "RecordNameStrategy" => Some(NameStrategy::Record),
            "TopicRecordNameStrategy" => Some(NameStrategy::TopicRecord),
            _ => None,
        }
    }

    /// Checks the value of a strategy's key.
    pub(crate) fn check(key: &str, value: &Parsed) -> Result<(), String> {
        match value {
            Parsed::Text(class) if Self::of_class(class).is_none() => Err(unknown(key, class)),
            _ => Ok(()),
        }
    }

    /// Returns the subject.
    ///
    /// # Errors
    /// Fails (data) when the strategy needs the name of a record and the schema has none.
    pub(crate) fn subject(
        self,
        topic: &str,
        role: ConverterRole,
        record: Option<&str>,
    ) -> Result<String, ConnectError> {
        if self == NameStrategy::Topic {
            return Ok(format!("{topic}-{}", if role == ConverterRole::Key { "key" } else { "value" }));
        }
        let part = if role == ConverterRole::Key { "keys" } else { "values" };
        let record = record.ok_or_else(|| {
            ConnectError::data(format!(
                "In configuration {}, the message {part} must only be records with a name",
                if role == ConverterRole::Key { KEYS[0] } else { KEYS[1] }
            ))
        })?;
        Ok(match self {
            NameStrategy::Record => record.to_owned(),
            _ => format!("{topic}-{record}"),
        })
    }
}

fn unknown(key: &str, class: &str) -> String {
    format!(
        "Invalid value {class} for configuration {key}: must be TopicNameStrategy, RecordNameStrategy or \
         TopicRecordNameStrategy of package io.confluent.kafka.serializers.subject"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn subjects_are_named_by_the_strategy_of_the_role() {
        let class = "io.confluent.kafka.serializers.subject.TopicRecordNameStrategy";
        let subject =
            |class, role, record| NameStrategy::of_class(class).expect("known").subject("t", role, record);
        assert_eq!(subject(class, ConverterRole::Value, Some("a.B")).unwrap(), "t-a.B");
        assert_eq!(subject("RecordNameStrategy", ConverterRole::Key, Some("a.B")).unwrap(), "a.B");
        assert!(subject("RecordNameStrategy", ConverterRole::Key, None).is_err());
        assert_eq!(NameStrategy::Topic.subject("t", ConverterRole::Key, None).unwrap(), "t-key");
        assert!(NameStrategy::check(KEYS[0], &Parsed::Text("my.Strategy".to_owned())).is_err());
    }
}
