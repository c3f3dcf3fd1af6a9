//! TLS to a broker: whom to trust, who the client is, and what went wrong in words that name the setting.

use std::{io, sync::Arc};

use connect_core::config::Props;
use rustls::{
    AlertDescription, CertificateError, ClientConfig, DigitallySignedStruct, Error, RootCertStore,
    SignatureScheme, SupportedProtocolVersion,
    client::{
        WebPkiServerVerifier,
        danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
        verify_server_name,
    },
    crypto::{CryptoProvider, aws_lc_rs},
    pki_types::{CertificateDer, ServerName, UnixTime},
    server::ParsedCertificate,
    version::{TLS12, TLS13},
};
use tokio::net::TcpStream;
use tokio_rustls::{TlsConnector, client::TlsStream};

use crate::connection::{BrokerAddress, ConnectionError, ErrorKind, stores};

/// The client's side of TLS.
#[derive(Clone)]
pub(crate) struct Tls {
    config: Arc<ClientConfig>,
}

impl Tls {
    /// Reads `ssl.*`.
    pub(crate) fn from_props(props: &Props) -> Result<Self, ConnectionError> {
        let trusted = stores::trusted(props)?;
        let trust = match trusted {
            Some(trusted) => trusted,
            None => system_trust()?,
        };
        Self::new(props, trust, checks_names(props)?)
    }

    /// Reads `ssl.*` for a server outside of the cluster, which may have a certificate that the system trusts.
    pub(crate) fn from_props_and_system(props: &Props) -> Result<Self, ConnectionError> {
        let mut trust = stores::trusted(props)?.unwrap_or_default();
        match system_trust() {
            Ok(system) => trust.extend(system),
            Err(error) if trust.is_empty() => return Err(error),
            Err(_) => {}
        }
        Self::new(props, trust, true)
    }

    /// Returns the configuration, for other protocols than Kafka's.
    pub(crate) fn config(&self) -> Arc<ClientConfig> {
        Arc::clone(&self.config)
    }

    /// Shakes hands over an open connection.
    pub(crate) async fn connect(
        &self,
        address: &BrokerAddress,
        tcp: TcpStream,
    ) -> Result<TlsStream<TcpStream>, ConnectionError> {
        let name = ServerName::try_from(address.host.clone()).map_err(|_| {
            ConnectionError::new(ErrorKind::Config, format!("`{}` is not a host name for TLS", address.host))
        })?;
        TlsConnector::from(self.config.clone()).connect(name, tcp).await.map_err(|error| {
            explain(address, &error).unwrap_or_else(|| {
                let hint = if error.kind() == io::ErrorKind::UnexpectedEof {
                    "; does the listener speak TLS? (`security.protocol` is SSL or SASL_SSL)"
                } else {
                    ""
                };
                let text = format!("shaking hands with `{address}`: {error}{hint}");
                ConnectionError::new(ErrorKind::Lost, text)
            })
        })
    }

    fn new(
        props: &Props,
        trust: Vec<CertificateDer<'static>>,
        checks_names: bool,
    ) -> Result<Self, ConnectionError> {
        let provider = Arc::new(aws_lc_rs::default_provider());
        let verifier = Arc::new(Verifier::new(trust, checks_names, &provider)?);
        let builder = ClientConfig::builder_with_provider(provider)
            .with_protocol_versions(&versions(props)?)
            .map_err(|error| config_error(&format!("`ssl.enabled.protocols`: {error}")))?
            .dangerous()
            .with_custom_certificate_verifier(verifier);
        let config = match stores::identity(props)? {
            None => builder.with_no_client_auth(),
            Some(identity) => builder
                .with_client_auth_cert(identity.chain, identity.key)
                .map_err(|error| config_error(&format!("`ssl.keystore` cannot be used: {error}")))?,
        };
        Ok(Self { config: Arc::new(config) })
    }
}

impl std::fmt::Debug for Tls {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("Tls")
    }
}

/// Returns the error of a TLS failure inside `error`, if there is one.
pub(crate) fn explain(address: &BrokerAddress, error: &io::Error) -> Option<ConnectionError> {
    let inner = error.get_ref()?.downcast_ref::<Error>()?;
    let text = match inner {
        // A bad signature comes of another CA with the name of a trusted one.
        Error::InvalidCertificate(CertificateError::UnknownIssuer | CertificateError::BadSignature) => {
            "the broker's certificate is not trusted; put its CA into `ssl.truststore.location` or \
             `ssl.truststore.certificates`"
                .to_owned()
        }
        Error::InvalidCertificate(
            CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. },
        ) => format!(
            "the broker's certificate does not name the host `{}`; connect by a name in its subject alternative \
             names, or set `ssl.endpoint.identification.algorithm` to nothing",
            address.host
        ),
        Error::InvalidCertificate(CertificateError::Expired | CertificateError::ExpiredContext { .. }) => {
            "the broker's certificate has expired".to_owned()
        }
        Error::InvalidCertificate(cause) => format!("the broker's certificate is not accepted: {cause:?}"),
        Error::InvalidMessage(_) => {
            "the listener does not speak TLS; set `security.protocol` to PLAINTEXT or SASL_PLAINTEXT, or use \
             another port"
                .to_owned()
        }
        Error::AlertReceived(AlertDescription::CertificateRequired) => {
            "the broker wants a client certificate; set `ssl.keystore.location` or `ssl.keystore.key`"
                .to_owned()
        }
        Error::AlertReceived(
            alert @ (AlertDescription::BadCertificate
            | AlertDescription::UnknownCA
            | AlertDescription::CertificateUnknown
            | AlertDescription::CertificateExpired
            | AlertDescription::AccessDenied),
        ) => format!(
            "the broker refused the client's certificate, or the lack of one ({alert:?}); check `ssl.keystore.*`"
        ),
        other => other.to_string(),
    };
    Some(ConnectionError::new(ErrorKind::Tls, format!("shaking hands with `{address}`: {text}")))
}

fn system_trust() -> Result<Vec<CertificateDer<'static>>, ConnectionError> {
    let found = rustls_native_certs::load_native_certs();
    if found.certs.is_empty() {
        return Err(config_error(
            "the system has no certificates to trust; set `ssl.truststore.location` or `ssl.truststore.certificates`",
        ));
    }
    Ok(found.certs)
}

fn checks_names(props: &Props) -> Result<bool, ConnectionError> {
    let key = "ssl.endpoint.identification.algorithm";
    match props.get(key).map_or("https", |text| text.trim()).to_ascii_lowercase().as_str() {
        "" => Ok(false),
        "https" => Ok(true),
        other => {
            Err(config_error(&format!("`{key}` is `{other}`; use `https`, or nothing for no check of names")))
        }
    }
}

pub(crate) fn versions(props: &Props) -> Result<Vec<&'static SupportedProtocolVersion>, ConnectionError> {
    let key = "ssl.enabled.protocols";
    let Some(text) = props.get(key).filter(|text| !text.trim().is_empty()) else {
        return Ok(vec![&TLS13, &TLS12]);
    };
    let known = text.split(',').filter_map(|name| match name.trim() {
        "TLSv1.3" => Some(&TLS13),
        "TLSv1.2" => Some(&TLS12),
        _ => None,
    });
    let known: Vec<&'static SupportedProtocolVersion> = known.collect();
    if known.is_empty() {
        return Err(config_error(&format!("`{key}` is `{text}`; use TLSv1.3, TLSv1.2 or both")));
    }
    Ok(known)
}

fn config_error(text: &str) -> ConnectionError {
    ConnectionError::new(ErrorKind::Config, text)
}

/// Trusts what Java's trust manager trusts: chains to a trusted CA, and certificates that are trusted themselves,
/// such as a broker's self-signed one.
#[derive(Debug)]
struct Verifier {
    trusted: Vec<CertificateDer<'static>>,
    chains: Arc<WebPkiServerVerifier>,
    checks_names: bool,
}

impl Verifier {
    fn new(
        trusted: Vec<CertificateDer<'static>>,
        checks_names: bool,
        provider: &Arc<CryptoProvider>,
    ) -> Result<Self, ConnectionError> {
        let mut roots = RootCertStore::empty();
        // Certificates that are no CA, or that are odd, serve by being equal only.
        roots.add_parsable_certificates(trusted.iter().cloned());
        let chains = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider.clone())
            .build()
            .map_err(|error| config_error(&format!("`ssl.truststore` cannot be used: {error}")))?;
        Ok(Self { trusted, chains, checks_names })
    }
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        if self.trusted.iter().any(|trusted| trusted == end_entity) {
            if self.checks_names {
                verify_server_name(&ParsedCertificate::try_from(end_entity)?, server_name)?;
            }
            return Ok(ServerCertVerified::assertion());
        }
        let verified =
            self.chains.verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now);
        match verified {
            // The name is the last thing that is checked.
            Err(Error::InvalidCertificate(
                CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. },
            )) if !self.checks_names => Ok(ServerCertVerified::assertion()),
            verified => verified,
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.chains.verify_tls12_signature(message, cert, signed)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.chains.verify_tls13_signature(message, cert, signed)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.chains.supported_verify_schemes()
    }
}

#[cfg(test)]
mod tests;
