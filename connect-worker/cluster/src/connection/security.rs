//! What stands between the socket and the requests: nothing, TLS, a login, or both.

use connect_core::config::Props;

use crate::connection::{ConnectionError, ErrorKind, sasl::Sasl, tls::Tls};

/// The security of connections, by `security.protocol` and its companions.
#[derive(Debug, Clone, Default)]
pub(crate) struct Security {
    pub(crate) tls: Option<Tls>,
    pub(crate) sasl: Option<Sasl>,
}

impl Security {
    pub(crate) fn from_props(props: &Props) -> Result<Self, ConnectionError> {
        let protocol = props.get("security.protocol").map_or("PLAINTEXT", |text| text.trim());
        let (has_tls, has_sasl) = match protocol.to_ascii_uppercase().as_str() {
            "PLAINTEXT" => (false, false),
            "SSL" => (true, false),
            "SASL_PLAINTEXT" => (false, true),
            "SASL_SSL" => (true, true),
            _ => {
                return Err(ConnectionError::new(
                    ErrorKind::Config,
                    format!(
                        "`security.protocol` is `{protocol}`; use PLAINTEXT, SSL, SASL_PLAINTEXT or SASL_SSL"
                    ),
                ));
            }
        };
        Ok(Self {
            tls: has_tls.then(|| Tls::from_props(props)).transpose()?,
            sasl: has_sasl.then(|| Sasl::from_props(props)).transpose()?,
        })
    }
}
