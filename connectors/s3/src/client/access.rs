//! What the SDK's clients share, and the proxy that requests go through.

use aws_sdk_s3::config::StalledStreamProtectionConfig;
use aws_smithy_http_client::proxy::ProxyConfig;
use aws_smithy_http_client::tls::Provider;
use aws_smithy_http_client::tls::rustls_provider::CryptoMode;
use aws_smithy_http_client::{Builder, Connector};

use connect_core::config::Secret;
use connector_aws::SdkConfig;

use super::aws::AwsOptions;

/// A proxy that requests go through.
#[derive(Debug, Clone)]
pub(crate) struct Proxy {
    /// URL with scheme, without user information.
    pub(crate) url: String,
    pub(crate) user: Option<(String, Secret)>,
}

impl Proxy {
    /// Returns the proxy of the configured texts: user and password may stand in the URL.
    ///
    /// # Errors
    /// Returns what is wrong with the URL.
    pub(crate) fn parse(url: &str, user: Option<&str>, password: Option<&Secret>) -> Result<Self, String> {
        let (scheme, rest) = url.split_once("://").unwrap_or(("https", url));
        if !matches!(scheme, "http" | "https") {
            return Err("the scheme of a proxy is http or https".to_owned());
        }
        let (inside, host) = match rest.rsplit_once('@') {
            Some((inside, host)) => (Some(inside), host),
            None => (None, rest),
        };
        let given = user.filter(|user| !user.is_empty());
        let password = || password.cloned().unwrap_or_else(|| Secret::new(String::new()));
        let user = match (given, inside.map(|text| text.split_once(':').unwrap_or((text, "")))) {
            (Some(user), _) => Some((user.to_owned(), password())),
            (None, Some((user, secret))) => Some((user.to_owned(), Secret::new(secret.to_owned()))),
            (None, None) => None,
        };
        let proxy = Self { url: format!("{scheme}://{}", host.trim_end_matches('/')), user };
        ProxyConfig::all(proxy.url.as_str()).map_err(|error| error.to_string())?;
        Ok(proxy)
    }

    fn config(&self) -> ProxyConfig {
        let proxy = ProxyConfig::all(self.url.as_str()).unwrap_or_else(|_| ProxyConfig::disabled());
        match &self.user {
            Some((user, password)) => proxy.with_basic_auth(user, password.expose()),
            None => proxy,
        }
    }
}

/// Returns what all clients of the sink share; credentials are looked up with the first request.
pub(super) async fn shared_config(options: &AwsOptions) -> SdkConfig {
    // A stalled upload meets the time limit of its request.
    let stalls = StalledStreamProtectionConfig::disabled();
    let mut loader = connector_aws::loader("S3Sink", Some(&options.region), options.credentials.as_ref())
        .stalled_stream_protection(stalls);
    if let Some(proxy) = options.proxy.clone() {
        let client = Builder::new().build_with_connector_fn(move |settings, components| {
            let mut connector = Connector::builder();
            connector.set_connector_settings(settings.cloned());
            if let Some(components) = components {
                connector.set_sleep_impl(components.sleep_impl());
            }
            let tls = Provider::Rustls(CryptoMode::AwsLc);
            connector.proxy_config(proxy.config()).tls_provider(tls).build()
        });
        loader = loader.http_client(client);
    }
    loader.load().await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn proxies_are_read_with_and_without_user() {
        let secret = Secret::new("s".to_owned());
        type User = Option<(&'static str, &'static str)>;
        let cases: [(&str, Option<&str>, &str, User); 4] = [
            ("http://p:3128", None, "http://p:3128", None),
            ("p:3128/", None, "https://p:3128", None),
            ("http://a:b@p:1", None, "http://p:1", Some(("a", "b"))),
            ("http://a:b@p:1", Some("u"), "http://p:1", Some(("u", "s"))),
        ];
        for (url, user, expected, credentials) in cases {
            let proxy = Proxy::parse(url, user, Some(&secret)).expect("a proxy");
            assert_eq!(proxy.url, expected);
            let found = proxy.user.as_ref().map(|(user, password)| (user.as_str(), password.expose()));
            assert_eq!(found, credentials, "{url}");
        }
        assert!(Proxy::parse("socks5://p:1", None, None).is_err());
    }
}
