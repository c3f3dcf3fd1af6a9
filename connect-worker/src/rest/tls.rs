//! TLS between workers and for listeners: which `ssl.*` settings apply. What they mean is decided by `connect-cluster`.

use std::fmt;
use std::sync::{Arc, OnceLock};

use connect_cluster::connection::{client_config, server_config};
use connect_core::config::Props;
use rustls::{ClientConfig, ServerConfig};

/// Prefix of the settings of the main listeners, and of requests to other workers.
pub(crate) const LISTENERS: &str = "listeners.https.";
/// Prefix of the settings of the admin listeners.
pub(crate) const ADMIN_LISTENERS: &str = "admin.listeners.https.";

/// The client's side of TLS, read when it is first needed: a group that speaks plain HTTP has no stores.
#[derive(Default)]
pub(crate) struct ClientTls {
    props: Props,
    config: OnceLock<Result<Arc<ClientConfig>, String>>,
}

impl ClientTls {
    /// Returns the client's side by the settings of the listeners.
    pub(crate) fn from_props(props: &Props) -> Self {
        Self { props: chosen(props, LISTENERS), config: OnceLock::new() }
    }

    /// Returns the configuration. The first call reads the stores.
    ///
    /// # Errors
    /// Fails with a text that names the key.
    pub(crate) fn config(&self) -> Result<Arc<ClientConfig>, String> {
        let read = || client_config(&self.props).map_err(|error| error.to_string());
        self.config.get_or_init(read).clone()
    }
}

impl fmt::Debug for ClientTls {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("ClientTls")
    }
}

/// The server's side of TLS.
#[derive(Clone)]
pub struct ListenerTls(Arc<ServerConfig>);

impl ListenerTls {
    /// Reads the settings of listeners with a prefix.
    ///
    /// # Errors
    /// Fails with a text that names the key, and the prefix.
    pub(crate) fn from_props(props: &Props, prefix: &str) -> Result<Self, String> {
        let read = server_config(&chosen(props, prefix)).map(Self);
        read.map_err(|error| {
            format!("{error} (for https listeners, where all keys may begin with `{prefix}`)")
        })
    }

    /// Returns the configuration.
    pub(crate) fn config(&self) -> Arc<ServerConfig> {
        Arc::clone(&self.0)
    }
}

impl fmt::Debug for ListenerTls {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("ListenerTls")
    }
}

/// Returns the settings with a prefix, without it; where there are none, those without a prefix. All or nothing, as
/// `AbstractConfig.valuesWithPrefixAllOrNothing`.
fn chosen(props: &Props, prefix: &str) -> Props {
    let own =
        props.iter().filter_map(|(key, value)| Some((key.strip_prefix(prefix)?.to_owned(), value.clone())));
    let own: Props = own.collect();
    if own.is_empty() { props.clone() } else { own }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn props(pairs: &[(&str, &str)]) -> Props {
        pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn prefixed_settings_replace_all_others() {
        let both = props(&[("ssl.keystore.type", "JKS"), ("listeners.https.ssl.key.password", "x")]);
        assert_eq!(chosen(&both, LISTENERS), props(&[("ssl.key.password", "x")]));
        assert_eq!(chosen(&both, ADMIN_LISTENERS), both);
    }

    #[test]
    fn settings_that_hold_passwords_are_not_printed() {
        let tls = ClientTls::from_props(&props(&[("ssl.key.password", "open sesame")]));
        assert_eq!(format!("{tls:?}"), "ClientTls");
    }
}
