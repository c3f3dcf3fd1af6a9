//! Why there is nothing to show.

use connect_core::error::ConnectError;

use crate::plugins::ValidateError;

/// Why records cannot be run at all.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub(crate) struct PreviewError {
    /// HTTP status.
    pub(crate) status: u16,
    /// What is wrong.
    pub(crate) message: String,
}

impl PreviewError {
    /// Returns the error of something the caller gave.
    pub(crate) fn bad(message: impl Into<String>) -> Self {
        Self { status: 400, message: message.into() }
    }

    pub(super) fn config(error: ConnectError) -> Self {
        let mut message = error.context().to_owned();
        let mut cause = std::error::Error::source(&error);
        while let Some(inner) = cause {
            message.push_str(&format!(": {inner}"));
            cause = inner.source();
        }
        Self::bad(message)
    }

    pub(super) fn validation(error: ValidateError) -> Self {
        Self { status: if error.status == 404 { 404 } else { 400 }, message: error.message }
    }
}
