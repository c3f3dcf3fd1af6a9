//! TLS of the registry's client from PEM settings.

use std::fs;
use std::sync::Arc;

use connect_core::error::ConnectError;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ClientConfig, RootCertStore};

use super::settings::RegistryConfig;

/// Returns the TLS settings: the given trusted certificates, else the system's; the client's certificate, if any.
///
/// # Errors
/// Fails (config) when a file cannot be read or holds no usable PEM.
pub(super) fn client_config(config: &RegistryConfig) -> Result<ClientConfig, ConnectError> {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let builder = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| ConnectError::config("choosing TLS versions").because(error))?
        .with_root_certificates(roots(config)?);
    let location = config.keystore_location.as_deref();
    let file = location.map(|path| read("ssl.keystore.location", path)).transpose()?;
    let key_pem = config.keystore_key.as_ref().map(|key| key.expose()).or(file.as_deref());
    let chain_pem = config.keystore_chain.as_ref().map(|chain| chain.expose()).or(file.as_deref());
    let (Some(key_pem), Some(chain_pem)) = (key_pem, chain_pem) else {
        return Ok(builder.with_no_client_auth());
    };
    let key = PrivateKeyDer::from_pem_slice(key_pem.as_bytes()).map_err(|error| {
        ConnectError::config("reading the client's private key from `ssl.keystore`")
            .because(error.to_string())
    })?;
    let chain = certificates("ssl.keystore", chain_pem)?;
    builder.with_client_auth_cert(chain, key).map_err(|error| {
        ConnectError::config("using the client's certificate of `ssl.keystore`").because(error)
    })
}

fn roots(config: &RegistryConfig) -> Result<RootCertStore, ConnectError> {
    let mut roots = RootCertStore::empty();
    let given = match (&config.truststore_certificates, &config.truststore_location) {
        (Some(pem), _) => Some(pem.expose().to_owned()),
        (None, Some(path)) => Some(read("ssl.truststore.location", path)?),
        (None, None) => None,
    };
    match given {
        Some(pem) => {
            for certificate in certificates("ssl.truststore", &pem)? {
                roots.add(certificate).map_err(|error| {
                    ConnectError::config("trusting a certificate of `ssl.truststore`").because(error)
                })?;
            }
        }
        None => {
            // A system's store may hold certificates that cannot be used; those that can be are enough.
            roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        }
    }
    Ok(roots)
}

fn read(key: &str, path: &str) -> Result<String, ConnectError> {
    fs::read_to_string(path)
        .map_err(|error| ConnectError::config(format!("reading `{path}` of `{key}`")).because(error))
}

fn certificates(key: &str, pem: &str) -> Result<Vec<CertificateDer<'static>>, ConnectError> {
    let parsed: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem.as_bytes()).collect();
    match parsed {
        Ok(certificates) if !certificates.is_empty() => Ok(certificates),
        Ok(_) => Err(ConnectError::config(format!("reading certificates of `{key}`: there is none in PEM"))),
        Err(error) => {
            Err(ConnectError::config(format!("reading certificates of `{key}`")).because(error.to_string()))
        }
    }
}
