//! Why a broker cannot be talked to.

use thiserror::Error;

/// What kind of trouble it is; decides whether trying again can help.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ErrorKind {
    /// A setting is wrong.
    Config,
    /// The broker refused the credentials, or does not offer the mechanism.
    Authentication,
    /// The two sides do not agree on TLS, or one does not trust the other.
    Tls,
    /// The broker does not know a request, or none of its versions that this client knows.
    Unsupported,
    /// A host name is not known now.
    UnknownHost,
    /// No connection is accepted.
    Unreachable,
    /// An open connection broke.
    Lost,
    /// There was no answer in time.
    Timeout,
    /// The answer makes no sense.
    Protocol,
}

/// An error of a connection; its text is whole, with what to do where something can be done.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{text}")]
pub struct ConnectionError {
    kind: ErrorKind,
    text: String,
}

impl ConnectionError {
    /// Returns an error with its text.
    pub fn new(kind: ErrorKind, text: impl Into<String>) -> Self {
        Self { kind, text: text.into() }
    }

    /// Returns the kind.
    pub fn kind(&self) -> ErrorKind {
        self.kind
    }

    /// Returns whether the same call can succeed later without a human.
    pub fn is_retriable(&self) -> bool {
        use ErrorKind::{Authentication, Config, Tls, Unsupported};
        !matches!(self.kind, Config | Authentication | Tls | Unsupported)
    }
}

/// Returns names as texts give them: in backticks, with commas between.
pub(crate) fn quoted<'a>(names: impl Iterator<Item = &'a str>) -> String {
    names.map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_told_in_backticks() {
        assert_eq!(quoted(["PLAIN", "GSSAPI"].into_iter()), "`PLAIN`, `GSSAPI`");
    }
}
