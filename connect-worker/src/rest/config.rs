//! The settings of the REST server, read from worker properties.

use axum::http::Method;
use connect_core::config::Props;
use regex::Regex;

use crate::rest::headers::HeaderRule;
use crate::rest::tls::{ADMIN_LISTENERS, LISTENERS, ListenerTls};
use crate::rest::{cors, headers};

const DEFAULT_LISTENERS: &str = "http://:8083";
const BAD_LISTENER: &str = "Listener doesn't have the right format (protocol://hostname:port).";

const EXTENSIONS: &str = "rest.extension.classes";
const NO_EXTENSIONS: &str = "extensions are classes of the JVM and are not loaded, so what they guard would be open to \
     everybody. Remove the key, and guard the worker otherwise: client certificates (`ssl.client.auth=required` with \
     an `https` listener), or a proxy that checks logins before a listener on `127.0.0.1`";

/// The scheme of a listener.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scheme {
    /// Plain HTTP.
    Http,
    /// HTTP over TLS.
    Https,
}

impl Scheme {
    /// Returns the scheme as URLs begin.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Scheme::Http => "http",
            Scheme::Https => "https",
        }
    }
}

/// Where to listen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListenerAddress {
    /// Scheme.
    pub scheme: Scheme,
    /// Host; empty is all interfaces.
    pub host: String,
    /// Port; 0 is chosen by the system.
    pub port: u16,
}

/// What `rest.advertised.*` say.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Advertised {
    /// Host.
    pub host: Option<String>,
    /// Port.
    pub port: Option<u16>,
    /// Scheme.
    pub scheme: Option<Scheme>,
}

/// The settings of the REST server.
#[derive(Debug, Clone)]
pub struct RestConfig {
    /// Main listeners, at least one.
    pub listeners: Vec<ListenerAddress>,
    /// Listeners of the admin resources; `None` puts them on the main ones, none at all disables them.
    pub admin_listeners: Option<Vec<ListenerAddress>>,
    /// TLS of main listeners, if one asks for it.
    pub tls: Option<ListenerTls>,
    /// TLS of admin listeners, if one asks for it.
    pub admin_tls: Option<ListenerTls>,
    /// What other workers are told.
    pub advertised: Advertised,
    /// Origins of cross-origin requests; none disables them.
    pub allowed_origins: Vec<Regex>,
    /// Methods of cross-origin requests.
    pub allowed_methods: Vec<Method>,
    /// Headers added to answers.
    pub header_rules: Vec<HeaderRule>,
}

impl RestConfig {
    /// Reads the settings from worker properties.
    ///
    /// # Errors
    /// Fails with a text that names the key and the value.
    pub fn from_props(props: &Props) -> Result<Self, String> {
        let text = |key: &str| props.get(key).map(String::as_str);
        let invalid = |key: &str, reason: String| {
            format!("Invalid value {} for configuration {key}: {reason}", text(key).unwrap_or_default())
        };
        if text(EXTENSIONS).is_some_and(|classes| !classes.trim().is_empty()) {
            return Err(invalid(EXTENSIONS, NO_EXTENSIONS.to_owned()));
        }
        let listeners = listeners(text("listeners").unwrap_or(DEFAULT_LISTENERS))
            .map_err(|reason| invalid("listeners", reason))?;
        if listeners.is_empty() {
            return Err(invalid("listeners", BAD_LISTENER.to_owned()));
        }
        let admin_listeners = text("admin.listeners").map(self::listeners).transpose();
        let admin_listeners = admin_listeners.map_err(|reason| invalid("admin.listeners", reason))?;
        let port = text("rest.advertised.port").map(|port| port.trim().parse()).transpose();
        let scheme = text("rest.advertised.listener").map(scheme).transpose();
        Ok(Self {
            tls: tls(&listeners, props, LISTENERS)?,
            admin_tls: tls(admin_listeners.as_deref().unwrap_or_default(), props, ADMIN_LISTENERS)?,
            listeners,
            admin_listeners,
            advertised: Advertised {
                host: text("rest.advertised.host.name")
                    .map(str::trim)
                    .filter(|host| !host.is_empty())
                    .map(str::to_owned),
                port: port
                    .map_err(|_| invalid("rest.advertised.port", "Not a number of type INT".to_owned()))?,
                scheme: scheme.map_err(|reason| invalid("rest.advertised.listener", reason))?,
            },
            allowed_origins: cors::origins(text("access.control.allow.origin").unwrap_or_default())
                .map_err(|reason| invalid("access.control.allow.origin", reason))?,
            allowed_methods: cors::methods(text("access.control.allow.methods").unwrap_or_default())
                .map_err(|reason| invalid("access.control.allow.methods", reason))?,
            header_rules: headers::rules(text("response.http.headers.config").unwrap_or_default())
                .map_err(|reason| invalid("response.http.headers.config", reason))?,
        })
    }

    /// Returns `host:port` of the advertised URL. `ports` are the bound ports of the listeners; `own_host` is used
    /// when neither the settings nor the listener name a host.
    pub fn worker_id(&self, ports: &[u16], own_host: &str) -> String {
        let (_, host, port) = self.advertised(ports, own_host);
        format!("{host}:{port}")
    }

    /// Returns the URL that other workers are told, with `/` at its end. The arguments are those of
    /// [`RestConfig::worker_id`].
    pub fn advertised_url(&self, ports: &[u16], own_host: &str) -> String {
        let (scheme, host, port) = self.advertised(ports, own_host);
        if host.contains(':') {
            format!("{}://[{host}]:{port}/", scheme.name())
        } else {
            format!("{}://{host}:{port}/", scheme.name())
        }
    }

    fn advertised<'a>(&'a self, ports: &[u16], own_host: &'a str) -> (Scheme, &'a str, u16) {
        let has_http = self.listeners.iter().any(|listener| listener.scheme == Scheme::Http);
        let default = if has_http { Scheme::Http } else { Scheme::Https };
        let scheme = self.advertised.scheme.unwrap_or(default);
        let listener = self.listeners.iter().zip(ports).find(|(listener, _)| listener.scheme == scheme);
        let listener_host =
            listener.map(|(listener, _)| listener.host.as_str()).filter(|host| !host.is_empty());
        let host = self.advertised.host.as_deref().or(listener_host).unwrap_or(own_host);
        let port = self.advertised.port.or(listener.map(|(_, port)| *port)).unwrap_or_default();
        (scheme, host, port)
    }
}

fn tls(listeners: &[ListenerAddress], props: &Props, prefix: &str) -> Result<Option<ListenerTls>, String> {
    let is_asked_for = listeners.iter().any(|listener| listener.scheme == Scheme::Https);
    is_asked_for.then(|| ListenerTls::from_props(props, prefix)).transpose()
}

fn listeners(text: &str) -> Result<Vec<ListenerAddress>, String> {
    text.split(',').map(str::trim).filter(|entry| !entry.is_empty()).map(listener).collect()
}

fn listener(text: &str) -> Result<ListenerAddress, String> {
    let wrong = || BAD_LISTENER.to_owned();
    let (protocol, rest) = text.split_once("://").ok_or_else(wrong)?;
    let (host, port) = rest.rsplit_once(':').ok_or_else(wrong)?;
    let host = host.trim_start_matches('[').trim_end_matches(']').to_owned();
    Ok(ListenerAddress { scheme: scheme(protocol)?, host, port: port.parse().map_err(|_| wrong())? })
}

fn scheme(text: &str) -> Result<Scheme, String> {
    match text.trim().to_ascii_lowercase().as_str() {
        "http" => Ok(Scheme::Http),
        "https" => Ok(Scheme::Https),
        _ => Err("String must be one of: http, https".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(pairs: &[(&str, &str)]) -> Result<RestConfig, String> {
        let props = pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
        RestConfig::from_props(&props)
    }

    #[test]
    fn worker_id_comes_from_settings_then_listener_then_own_host() {
        let cases: [(&[(&str, &str)], &str); 4] = [
            (&[], "own:8083"),
            (&[("listeners", "http://127.0.0.1:0")], "127.0.0.1:8083"),
            (&[("listeners", "http://[::1]:1"), ("rest.advertised.host.name", "h")], "h:8083"),
            (&[("rest.advertised.host.name", "h"), ("rest.advertised.port", "9")], "h:9"),
        ];
        for (pairs, id) in cases {
            assert_eq!(config(pairs).expect("valid").worker_id(&[8083], "own"), id, "{pairs:?}");
        }
    }

    #[test]
    fn advertised_url_has_the_scheme_that_is_asked_for_or_http() {
        let cases: [(&[(&str, &str)], &str); 3] = [
            (
                &[("listeners", "http://:0,http://other:1"), ("rest.advertised.host.name", "h")],
                "http://h:8083/",
            ),
            (&[("listeners", "http://a:0"), ("rest.advertised.listener", "https")], "https://own:0/"),
            (&[("listeners", "http://[::1]:1")], "http://[::1]:8083/"),
        ];
        for (pairs, url) in cases {
            assert_eq!(config(pairs).expect("valid").advertised_url(&[8083, 9], "own"), url, "{pairs:?}");
        }
    }

    #[test]
    fn https_without_a_key_is_refused() {
        let error = config(&[("listeners", "https://:8443")]).expect_err("no key");
        assert!(error.contains("`ssl.keystore.location`") && error.contains("`listeners.https.`"), "{error}");
    }

    #[test]
    fn bad_listeners_are_refused_with_kafkas_text() {
        let error = config(&[("listeners", "localhost")]).expect_err("no scheme");
        assert_eq!(error, format!("Invalid value localhost for configuration listeners: {BAD_LISTENER}"));
    }

    #[test]
    fn extensions_are_refused_because_what_they_guard_would_be_open() {
        let class = "org.apache.kafka.connect.rest.basic.auth.extension.BasicAuthSecurityRestExtension";
        let error = config(&[("rest.extension.classes", class)]).expect_err("it cannot be loaded");
        assert!(error.contains(class) && error.contains("would be open"), "{error}");
        assert!(config(&[("rest.extension.classes", " ")]).is_ok());
    }

    #[test]
    fn empty_admin_listeners_disable_the_admin_resources() {
        assert_eq!(config(&[("admin.listeners", "")]).expect("valid").admin_listeners, Some(Vec::new()));
        assert_eq!(config(&[]).expect("valid").admin_listeners, None);
    }
}
