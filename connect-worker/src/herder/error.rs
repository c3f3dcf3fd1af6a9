//! Why the herder refuses a request, in Kafka Connect's words.

use std::fmt;

/// The kind of a refusal; `rest` turns it into an HTTP status.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HerderErrorKind {
    /// The request itself is wrong.
    BadRequest,
    /// The connector or task is unknown.
    NotFound,
    /// The connector exists already, or another operation is in the way.
    Conflict,
    /// The worker's settings forbid it.
    Forbidden,
    /// Another worker must do it: the leader, or the owner of the connector or task. `forward_to` tells its URL.
    Elsewhere,
    /// A rebalance is due that this request must not precede.
    RebalanceNeeded,
    /// The worker cannot serve the request yet.
    Unavailable,
    /// Anything else.
    Internal,
}

/// A refusal with the text shown to the caller.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HerderError {
    /// Kind.
    pub kind: HerderErrorKind,
    /// Text for the caller.
    pub message: String,
    /// Only for [`HerderErrorKind::Elsewhere`]: the URL of the worker to ask, ends with `/`; `None` while nobody
    /// knows it.
    pub forward_to: Option<String>,
}

impl HerderError {
    /// Returns a refusal of a kind.
    pub fn new(kind: HerderErrorKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into(), forward_to: None }
    }

    /// Returns a refusal because another worker must do it.
    pub fn elsewhere(message: impl Into<String>, forward_to: Option<String>) -> Self {
        Self { forward_to, ..Self::new(HerderErrorKind::Elsewhere, message) }
    }

    /// Returns a refusal of a wrong request.
    pub fn bad_request(message: impl Into<String>) -> Self {
        Self::new(HerderErrorKind::BadRequest, message)
    }

    /// Returns a refusal because something is unknown.
    pub fn not_found(message: impl Into<String>) -> Self {
        Self::new(HerderErrorKind::NotFound, message)
    }

    /// Returns a refusal because of a conflict.
    pub fn conflict(message: impl Into<String>) -> Self {
        Self::new(HerderErrorKind::Conflict, message)
    }

    /// Returns a refusal by the worker's settings.
    pub fn forbidden(message: impl Into<String>) -> Self {
        Self::new(HerderErrorKind::Forbidden, message)
    }

    /// Returns a failure.
    pub fn internal(message: impl Into<String>) -> Self {
        Self::new(HerderErrorKind::Internal, message)
    }
}

impl fmt::Display for HerderError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.message)
    }
}

impl std::error::Error for HerderError {}
