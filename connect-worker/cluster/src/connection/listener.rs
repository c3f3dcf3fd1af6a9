//! TLS of the REST interface, both sides, by the same stores as connections to brokers.

use std::sync::Arc;

use connect_core::config::Props;
use rustls::{
    ClientConfig, RootCertStore, ServerConfig,
    crypto::aws_lc_rs,
    server::{WebPkiClientVerifier, danger::ClientCertVerifier},
};

use crate::connection::{
    ConnectionError, ErrorKind, stores,
    tls::{Tls, versions},
};

/// Returns the client's side of TLS by `ssl.*`.
///
/// # Errors
/// Fails when a setting or a store cannot be used; the text names the key.
pub fn client_config(props: &Props) -> Result<Arc<ClientConfig>, ConnectionError> {
    Ok(Tls::from_props(props)?.config())
}

/// Returns the server's side of TLS by `ssl.*`, with `ssl.client.auth` as `none`, `requested` or `required`.
///
/// # Errors
/// Fails when a setting or a store cannot be used, or the key store is missing; the text names the key.
pub fn server_config(props: &Props) -> Result<Arc<ServerConfig>, ConnectionError> {
    let identity = stores::identity(props)?.ok_or_else(|| {
        config_error("a listener with TLS needs a key: set `ssl.keystore.location` or `ssl.keystore.key`")
    })?;
    let provider = Arc::new(aws_lc_rs::default_provider());
    let builder = ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(&versions(props)?)
        .map_err(|error| config_error(&format!("`ssl.enabled.protocols`: {error}")))?;
    let builder = match client_verifier(props)? {
        None => builder.with_no_client_auth(),
        Some(verifier) => builder.with_client_cert_verifier(verifier),
    };
    let config = builder
        .with_single_cert(identity.chain, identity.key)
        .map_err(|error| config_error(&format!("`ssl.keystore` cannot be used: {error}")))?;
    Ok(Arc::new(config))
}

fn client_verifier(props: &Props) -> Result<Option<Arc<dyn ClientCertVerifier>>, ConnectionError> {
    let key = "ssl.client.auth";
    let wish = props.get(key).map_or("none", |text| text.trim());
    let is_required = match wish.to_ascii_lowercase().as_str() {
        "" | "none" => return Ok(None),
        "requested" => false,
        "required" => true,
        _ => return Err(config_error(&format!("`{key}` is `{wish}`; use none, requested or required"))),
    };
    let trusted = stores::trusted(props)?.ok_or_else(|| {
        config_error(&format!(
            "`{key}` is `{wish}`, but nobody is trusted: set `ssl.truststore.location` or `ssl.truststore.certificates`"
        ))
    })?;
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(trusted);
    let provider = Arc::new(aws_lc_rs::default_provider());
    let builder = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider);
    let builder = if is_required { builder } else { builder.allow_unauthenticated() };
    let built = builder.build().map_err(|error| config_error(&format!("`ssl.truststore`: {error}")))?;
    Ok(Some(built))
}

fn config_error(text: &str) -> ConnectionError {
    ConnectionError::new(ErrorKind::Config, text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(pairs: &[(&str, &str)]) -> String {
        let props = pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
        server_config(&props).expect_err("refused").to_string()
    }

    fn with_key<'a>(key: &'a str, chain: &'a str, more: &[(&'a str, &'a str)]) -> Vec<(&'a str, &'a str)> {
        let own = [("ssl.keystore.key", key), ("ssl.keystore.certificate.chain", chain)];
        own.into_iter().chain(more.iter().copied()).collect()
    }

    #[test]
    fn server_needs_a_key_and_those_it_asks_for_certificates_someone_to_trust() {
        let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).expect("a certificate");
        let (key, chain) = (made.signing_key.serialize_pem(), made.cert.pem());
        assert!(refusal(&[]).contains("`ssl.keystore.location`"));
        let nobody = refusal(&with_key(&key, &chain, &[("ssl.client.auth", "required")]));
        assert!(nobody.contains("`ssl.client.auth` is `required`, but nobody is trusted"), "{nobody}");
        let unknown = refusal(&with_key(&key, &chain, &[("ssl.client.auth", "maybe")]));
        assert!(unknown.contains("use none, requested or required"), "{unknown}");
        let good = with_key(
            &key,
            &chain,
            &[("ssl.client.auth", "requested"), ("ssl.truststore.certificates", &chain)],
        );
        let props = good.into_iter().map(|(key, value)| (key.to_owned(), value.to_owned())).collect();
        assert!(server_config(&props).is_ok());
    }
}
