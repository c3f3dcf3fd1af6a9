//! The settings of connections, read from properties with the names of the Java client.

use std::time::Duration;

use connect_core::config::Props;

use crate::connection::{BrokerAddress, ConnectionError, ErrorKind, security::Security};

/// How to reach the brokers. `Debug` shows no secret.
#[derive(Debug, Clone)]
pub struct ConnectionSettings {
    /// Brokers to begin with.
    pub bootstrap: Vec<BrokerAddress>,
    /// Name of this client in requests; brokers begin member ids with it.
    pub client_id: String,
    /// `request.timeout.ms`, 40 s.
    pub request_timeout: Duration,
    /// `reconnect.backoff.ms`, 50 ms.
    pub reconnect_backoff: Duration,
    /// `reconnect.backoff.max.ms`, 1 s.
    pub reconnect_backoff_max: Duration,
    /// `retry.backoff.ms`, 100 ms.
    pub retry_backoff: Duration,
    /// `retry.backoff.max.ms`, 1 s.
    pub retry_backoff_max: Duration,
    /// `socket.connection.setup.timeout.ms`, 10 s: for one address of one host, then for TLS, then for the broker's
    /// first answer.
    pub setup_timeout: Duration,
    pub(crate) security: Security,
}

impl ConnectionSettings {
    /// Reads the settings among `props`; other keys are left alone.
    ///
    /// # Errors
    /// Fails when a value cannot be used; the text names the key.
    pub fn from_props(props: &Props) -> Result<Self, ConnectionError> {
        let bootstrap = props.get("bootstrap.servers").map_or("", String::as_str);
        Ok(Self {
            bootstrap: BrokerAddress::parse_list(bootstrap)?,
            client_id: props.get("client.id").map_or_else(String::new, |id| id.trim().to_owned()),
            request_timeout: millis(props, "request.timeout.ms", 40_000)?,
            reconnect_backoff: millis(props, "reconnect.backoff.ms", 50)?,
            reconnect_backoff_max: millis(props, "reconnect.backoff.max.ms", 1000)?,
            retry_backoff: millis(props, "retry.backoff.ms", 100)?,
            retry_backoff_max: millis(props, "retry.backoff.max.ms", 1000)?,
            setup_timeout: millis(props, "socket.connection.setup.timeout.ms", 10_000)?,
            security: Security::from_props(props)?,
        })
    }

    /// Returns the same settings with another client id.
    #[must_use]
    pub fn with_client_id(mut self, client_id: impl Into<String>) -> Self {
        self.client_id = client_id.into();
        self
    }
}

fn millis(props: &Props, key: &str, default: u64) -> Result<Duration, ConnectionError> {
    let Some(text) = props.get(key) else { return Ok(Duration::from_millis(default)) };
    let parsed = text.trim().parse().ok().filter(|number| *number <= i64::MAX as u64);
    parsed.map(Duration::from_millis).ok_or_else(|| {
        ConnectionError::new(
            ErrorKind::Config,
            format!("`{key}` is `{text}`; give a number of milliseconds, 0 or more"),
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(pairs: &[(&str, &str)]) -> Result<ConnectionSettings, ConnectionError> {
        let pairs = pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned()));
        ConnectionSettings::from_props(&pairs.collect())
    }

    #[test]
    fn defaults_are_those_of_the_java_worker() {
        let settings = read(&[("bootstrap.servers", "a:1")]).expect("valid");
        let times = [
            settings.request_timeout,
            settings.reconnect_backoff,
            settings.reconnect_backoff_max,
            settings.retry_backoff,
            settings.retry_backoff_max,
            settings.setup_timeout,
        ];
        assert_eq!(times.map(|time| time.as_millis()), [40_000, 50, 1000, 100, 1000, 10_000]);
    }

    #[test]
    fn wrong_number_is_refused_with_its_key() {
        let error = read(&[("bootstrap.servers", "a:1"), ("request.timeout.ms", "-1")]).expect_err("refused");
        assert_eq!(
            error.to_string(),
            "`request.timeout.ms` is `-1`; give a number of milliseconds, 0 or more"
        );
    }
}
