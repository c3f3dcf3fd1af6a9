//! What went wrong with a request to the registry.

use connect_core::error::ConnectError;

/// The outcome of a request that did not succeed.
#[derive(Debug)]
pub(super) enum RegistryError {
    /// No instance answered, or answered with a failure that may pass.
    Unavailable(String),
    /// The registry answered and refused.
    Refused { url: String, status: u16, code: i64, message: String },
    /// The answer is not what the registry's API promises.
    Malformed(String),
}

impl RegistryError {
    /// Returns whether the registry says that what was asked for does not exist.
    pub(super) fn is_not_found(&self) -> bool {
        matches!(self, RegistryError::Refused { status: 404, .. })
    }

    /// Returns the error of a converter that was doing `context`.
    pub(super) fn into_connect(self, context: String) -> ConnectError {
        match self {
            RegistryError::Unavailable(reason) => ConnectError::retriable(context).because(reason),
            RegistryError::Refused { url, status: status @ (401 | 403), message, .. } => {
                ConnectError::config(context).because(format!(
                    "the registry refuses the credentials: {message}; status: {status}; registry: {url}"
                ))
            }
            RegistryError::Refused { url, status, code, message } => ConnectError::data(context)
                .because(format!("{message}; status: {status}; error code: {code}; registry: {url}")),
            RegistryError::Malformed(reason) => ConnectError::data(context).because(reason),
        }
    }
}
