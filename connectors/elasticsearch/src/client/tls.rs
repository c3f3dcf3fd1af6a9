//! TLS settings from PEM files and texts.

use std::fs;
use std::sync::Arc;

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, Error, RootCertStore, SignatureScheme,
    SupportedProtocolVersion, version,
};

use connect_core::config::Secret;
use connect_core::error::ConnectError;

use crate::settings::Tls;

/// Returns the client's TLS settings.
///
/// # Errors
/// Fails (config) when a file cannot be read or holds no usable PEM.
pub(super) fn client_config(tls: &Tls) -> Result<ClientConfig, ConnectError> {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let versions: &[&'static SupportedProtocolVersion] = match tls.versions {
        (true, false) => &[&version::TLS12],
        (false, true) => &[&version::TLS13],
        _ => &[&version::TLS12, &version::TLS13],
    };
    let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
        .with_protocol_versions(versions)
        .map_err(|error| ConnectError::config("choosing TLS versions").because(error))?;
    let roots = Arc::new(roots(tls)?);
    let builder = if tls.trusts_all || tls.skips_host_name {
        let verifier = match tls.trusts_all {
            true => None,
            false => {
                let build = WebPkiServerVerifier::builder_with_provider(roots, Arc::clone(&provider)).build();
                Some(
                    build.map_err(|error| {
                        ConnectError::config("reading trusted certificates").because(error)
                    })?,
                )
            }
        };
        builder.dangerous().with_custom_certificate_verifier(Arc::new(Lenient { verifier, provider }))
    } else {
        builder.with_root_certificates(roots)
    };
    let Some((chain, key)) = identity(tls)? else { return Ok(builder.with_no_client_auth()) };
    builder
        .with_client_auth_cert(chain, key)
        .map_err(|error| ConnectError::config("using the client's certificate").because(error))
}

fn roots(tls: &Tls) -> Result<RootCertStore, ConnectError> {
    let mut roots = RootCertStore::empty();
    match given(&tls.truststore_pem, &tls.truststore_file, "truststore")? {
        Some(pem) => {
            for certificate in certificates("truststore", &pem)? {
                roots.add(certificate).map_err(|error| {
                    ConnectError::config("trusting a certificate of the truststore").because(error)
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

type Identity = (Vec<CertificateDer<'static>>, PrivateKeyDer<'static>);

fn identity(tls: &Tls) -> Result<Option<Identity>, ConnectError> {
    let chain = given(&tls.chain_pem, &tls.keystore_file, "keystore")?;
    let key = given(&tls.key_pem, &tls.keystore_file, "keystore")?;
    match (chain, key) {
        (None, None) => Ok(None),
        (Some(chain), Some(key)) => {
            let key = PrivateKeyDer::from_pem_slice(key.as_bytes()).map_err(|error| {
                ConnectError::config("reading the client's private key of the keystore")
                    .because(error.to_string())
            })?;
            Ok(Some((certificates("keystore", &chain)?, key)))
        }
        _ => Err(ConnectError::config(
            "using a keystore: both a certificate chain and a private key are needed",
        )),
    }
}

fn given(pem: &Option<Secret>, file: &Option<String>, store: &str) -> Result<Option<String>, ConnectError> {
    if let Some(pem) = pem.as_ref().filter(|pem| !pem.is_blank()) {
        return Ok(Some(pem.expose().to_owned()));
    }
    let Some(path) = file.as_ref().filter(|path| !path.trim().is_empty()) else { return Ok(None) };
    let read = fs::read_to_string(path);
    read.map(Some)
        .map_err(|error| ConnectError::config(format!("reading `{path}` of the {store}")).because(error))
}

fn certificates(store: &str, pem: &str) -> Result<Vec<CertificateDer<'static>>, ConnectError> {
    let parsed: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem.as_bytes()).collect();
    match parsed {
        Ok(certificates) if !certificates.is_empty() => Ok(certificates),
        Ok(_) => Err(ConnectError::config(format!("reading the {store}: it holds no certificate in PEM"))),
        Err(error) => Err(ConnectError::config(format!("reading the {store}")).because(error.to_string())),
    }
}

/// Checks certificates less than usual, as the user asked: not for the host's name, or not at all.
#[derive(Debug)]
struct Lenient {
    /// Checks all but the name; `None` trusts every certificate.
    verifier: Option<Arc<WebPkiServerVerifier>>,
    provider: Arc<CryptoProvider>,
}

impl ServerCertVerifier for Lenient {
    fn verify_server_cert(
        &self,
        certificate: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let Some(verifier) = &self.verifier else { return Ok(ServerCertVerified::assertion()) };
        match verifier.verify_server_cert(certificate, intermediates, name, ocsp, now) {
            Err(Error::InvalidCertificate(
                CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. },
            )) => Ok(ServerCertVerified::assertion()),
            outcome => outcome,
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        rustls::crypto::verify_tls12_signature(message, certificate, signature, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        rustls::crypto::verify_tls13_signature(message, certificate, signature, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}
