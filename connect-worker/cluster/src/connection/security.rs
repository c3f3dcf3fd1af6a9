//! What stands between the socket and the requests: nothing, TLS, a login, or both.

use connect_core::config::Props;

use crate::connection::{ConnectionError, ErrorKind};

/// The security of connections, by `security.protocol` and its companions.
#[derive(Debug, Clone, Default)]
pub(crate) struct Security {}

impl Security {
    pub(crate) fn from_props(props: &Props) -> Result<Self, ConnectionError> {
        let protocol = props.get("security.protocol").map_or("PLAINTEXT", |text| text.trim());
        match protocol.to_ascii_uppercase().as_str() {
            "PLAINTEXT" => Ok(Self {}),
            _ => Err(ConnectionError::new(
                ErrorKind::Config,
                format!(
                    "`security.protocol` is `{protocol}`; use PLAINTEXT, SSL, SASL_PLAINTEXT or SASL_SSL"
                ),
            )),
        }
    }
}
