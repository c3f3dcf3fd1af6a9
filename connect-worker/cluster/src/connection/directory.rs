//! Finds a broker that answers: those of `bootstrap.servers`, then those that the cluster told of.

use kafka_protocol::messages::MetadataRequest;

use crate::connection::{BrokerAddress, BrokerConnection, ConnectionError, ConnectionSettings, ErrorKind};

/// The brokers that are known, and where to begin with the next attempt.
#[derive(Debug)]
pub struct Directory {
    settings: ConnectionSettings,
    told: Vec<BrokerAddress>,
    next: usize,
}

impl Directory {
    /// Returns a directory that knows the bootstrap brokers.
    pub fn new(settings: ConnectionSettings) -> Self {
        let next = fastrand::usize(..settings.bootstrap.len().max(1));
        Self { settings, told: Vec::new(), next }
    }

    /// Returns the settings.
    pub fn settings(&self) -> &ConnectionSettings {
        &self.settings
    }

    /// Connects to one given broker.
    ///
    /// # Errors
    /// Fails when the broker cannot be reached or refuses this client.
    pub async fn connect(&self, address: &BrokerAddress) -> Result<BrokerConnection, ConnectionError> {
        BrokerConnection::open(address, &self.settings).await
    }

    /// Connects to the first broker that answers, each being tried once.
    ///
    /// # Errors
    /// Fails with an error that no retry mends, if there is one, else with the last error of each broker.
    pub async fn connect_any(&mut self) -> Result<BrokerConnection, ConnectionError> {
        let candidates = self.candidates();
        let mut errors: Vec<ConnectionError> = Vec::new();
        for step in 0..candidates.len() {
            let index = (self.next + step) % candidates.len();
            match self.try_one(&candidates[index]).await {
                Ok(connection) => {
                    self.next = index;
                    return Ok(connection);
                }
                Err(error) => errors.push(error),
            }
        }
        self.next += 1;
        Err(summary(errors))
    }

    fn candidates(&self) -> Vec<BrokerAddress> {
        let mut all = self.settings.bootstrap.clone();
        all.extend(self.told.iter().filter(|told| !self.settings.bootstrap.contains(told)).cloned());
        all
    }

    /// Connects, and asks once who else is in the cluster, so that the bootstrap brokers may be gone later.
    async fn try_one(&mut self, address: &BrokerAddress) -> Result<BrokerConnection, ConnectionError> {
        let mut connection = self.connect(address).await?;
        let request = MetadataRequest::default().with_topics(Some(Vec::new()));
        let response = connection.call(&request).await?;
        let known = response.brokers.iter().filter_map(|broker| {
            let port = u16::try_from(broker.port).ok()?;
            Some(BrokerAddress { host: broker.host.to_string(), port })
        });
        self.told = known.collect();
        Ok(connection)
    }
}

fn summary(mut errors: Vec<ConnectionError>) -> ConnectionError {
    if let Some(index) = errors.iter().position(|error| !error.is_retriable()) {
        return errors.swap_remove(index);
    }
    match errors.len() {
        1 => errors.swap_remove(0),
        _ => {
            let kind = errors.first().map_or(ErrorKind::Unreachable, ConnectionError::kind);
            let texts: Vec<String> = errors.iter().map(ToString::to_string).collect();
            ConnectionError::new(kind, texts.join("; "))
        }
    }
}
