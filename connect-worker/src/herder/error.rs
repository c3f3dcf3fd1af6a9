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
}

impl HerderError {
    /// Returns a refusal of a wrong request.
    pub fn bad_request(message: impl Into<String>) -> Self {
        Self { kind: HerderErrorKind::BadRequest, message: message.into() }
    }

    /// Returns a refusal because something is unknown.
    pub fn not_found(message: impl Into<String>) -> Self {
        Self { kind: HerderErrorKind::NotFound, message: message.into() }
    }

    /// Returns a refusal because of a conflict.
    pub fn conflict(message: impl Into<String>) -> Self {
        Self { kind: HerderErrorKind::Conflict, message: message.into() }
    }

    /// Returns a refusal by the worker's settings.
    pub fn forbidden(message: impl Into<String>) -> Self {
        Self { kind: HerderErrorKind::Forbidden, message: message.into() }
    }

    /// Returns a failure.
    pub fn internal(message: impl Into<String>) -> Self {
        Self { kind: HerderErrorKind::Internal, message: message.into() }
    }
}

impl fmt::Display for HerderError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.message)
    }
}

impl std::error::Error for HerderError {}
