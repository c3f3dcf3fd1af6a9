//! What a sink task subscribes to: topic names, or a pattern that is matched against the cluster's topics.
//!
//! Patterns are matched here and not in librdkafka, whose regular expressions are not Java's.

use std::time::{Duration, Instant};

use connect_core::config::Props;
use connect_core::error::ConnectError;
use regex::Regex;

use crate::kafka::port::{BatchConsumer, KafkaError};

const INTERNAL_TOPICS: [&str; 2] = ["__consumer_offsets", "__transaction_state"];

/// The subscription of a sink task.
pub(crate) enum Subscription {
    /// Fixed names.
    Names(Vec<String>),
    /// All topics whose whole name matches.
    Pattern { pattern: Regex, refresh: Duration, due: Instant, topics: Vec<String> },
}

impl Subscription {
    /// Returns the subscription of a connector.
    ///
    /// # Errors
    /// Fails with a config error when not exactly one of `topics` and `topics.regex` is set, or the pattern is bad.
    pub(crate) fn parse(connector: &Props, consumer: &Props, now: Instant) -> Result<Self, ConnectError> {
        let text = |key: &str| connector.get(key).map(|value| value.trim()).filter(|value| !value.is_empty());
        match (text("topics"), text("topics.regex")) {
            (Some(names), None) => {
                let names = names.split(',').map(str::trim).filter(|name| !name.is_empty());
                Ok(Subscription::Names(names.map(str::to_owned).collect()))
            }
            (None, Some(pattern)) => {
                let refresh = consumer.get("metadata.max.age.ms").and_then(|value| value.trim().parse().ok());
                let refresh = Duration::from_millis(refresh.unwrap_or(300_000));
                let pattern = Regex::new(&format!("^(?:{pattern})$")).map_err(|error| {
                    ConnectError::config(format!(
                        "Invalid value {pattern} for configuration topics.regex: {error}"
                    ))
                })?;
                Ok(Subscription::Pattern { pattern, refresh, due: now, topics: Vec::new() })
            }
            (Some(_), Some(_)) => Err(ConnectError::config(
                "topics and topics.regex are mutually exclusive options, but both are set.",
            )),
            (None, None) => Err(ConnectError::config("Must configure one of topics or topics.regex")),
        }
    }

    /// Subscribes at the start.
    ///
    /// # Errors
    /// Fails when the client refuses the names.
    pub(crate) fn begin(&self, consumer: &mut dyn BatchConsumer) -> Result<(), KafkaError> {
        match self {
            Subscription::Names(names) => consumer.subscribe(names),
            Subscription::Pattern { .. } => Ok(()),
        }
    }

    /// Returns whether the cluster's topics should be looked at again.
    pub(crate) fn is_due(&self, now: Instant) -> bool {
        matches!(self, Subscription::Pattern { due, .. } if *due <= now)
    }

    /// Matches the pattern against the cluster's topics and subscribes to those found, if they changed.
    ///
    /// # Errors
    /// Fails when the client refuses the names. An unreachable cluster is not an error: the look-up comes again.
    pub(crate) async fn refresh(
        &mut self,
        consumer: &mut dyn BatchConsumer,
        now: Instant,
    ) -> Result<(), KafkaError> {
        let Subscription::Pattern { pattern, refresh, due, topics } = self else { return Ok(()) };
        let mut found = match consumer.topics().await {
            Ok(found) => found,
            Err(error) => {
                tracing::warn!(%error, "looking up topics for `topics.regex`; it is tried again");
                *due = now + Duration::from_secs(1);
                return Ok(());
            }
        };
        *due = now + *refresh;
        found.retain(|topic| pattern.is_match(topic) && !INTERNAL_TOPICS.contains(&topic.as_str()));
        found.sort();
        if found == *topics || found.is_empty() {
            return Ok(());
        }
        tracing::info!(topics = ?found, "subscribing to the topics that match `topics.regex`");
        consumer.subscribe(&found)?;
        *topics = found;
        Ok(())
    }
}
