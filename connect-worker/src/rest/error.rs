//! Errors as answers: status and body in one place.

use std::fmt;

use axum::body::Body;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use serde_json::Value as Json;

use crate::herder::{HerderError, HerderErrorKind};

/// A refusal with its HTTP status.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct RestError {
    status: StatusCode,
    /// The status, unless another worker told otherwise.
    error_code: i64,
    /// Only another worker's error may come without one.
    message: Option<String>,
    /// What Jersey refuses before it knows which media type a resource produces has no content type.
    is_typed: bool,
}

#[derive(Serialize)]
struct ErrorBody<'a> {
    error_code: i64,
    message: Option<&'a str>,
}

impl RestError {
    /// Returns a refusal by a resource.
    pub(crate) fn new(status: StatusCode, message: impl Into<String>) -> Self {
        let error_code = i64::from(status.as_u16());
        Self { status, error_code, message: Some(message.into()), is_typed: true }
    }

    /// Returns a failure with status 500.
    pub(crate) fn internal(message: impl Into<String>) -> Self {
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, message)
    }

    /// Returns the refusal of a path parameter that cannot be converted.
    pub(crate) fn no_such_parameter() -> Self {
        Self::new(StatusCode::NOT_FOUND, http_text(StatusCode::NOT_FOUND))
    }

    /// Returns a refusal before any resource was found.
    pub(crate) fn unmatched(status: StatusCode) -> Self {
        Self { is_typed: false, ..Self::new(status, http_text(status)) }
    }

    /// Returns the refusal of another worker, whose body was bound to Kafka Connect's type.
    pub(crate) fn passed_on(status: StatusCode, body: &Json) -> Self {
        let message = body["message"].as_str().map(str::to_owned);
        Self { status, error_code: body["error_code"].as_i64().unwrap_or_default(), message, is_typed: true }
    }

    /// Returns the status.
    pub(crate) fn status(&self) -> StatusCode {
        self.status
    }

    /// Returns the text.
    pub(crate) fn message(&self) -> &str {
        self.message.as_deref().unwrap_or_default()
    }
}

fn http_text(status: StatusCode) -> String {
    format!("HTTP {} {}", status.as_u16(), status.canonical_reason().unwrap_or_default())
}

impl From<HerderError> for RestError {
    fn from(error: HerderError) -> Self {
        let status = match error.kind {
            HerderErrorKind::BadRequest => StatusCode::BAD_REQUEST,
            HerderErrorKind::NotFound => StatusCode::NOT_FOUND,
            HerderErrorKind::Conflict => StatusCode::CONFLICT,
            HerderErrorKind::Forbidden => StatusCode::FORBIDDEN,
            HerderErrorKind::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
            HerderErrorKind::Elsewhere | HerderErrorKind::RebalanceNeeded | HerderErrorKind::Internal => {
                StatusCode::INTERNAL_SERVER_ERROR
            }
        };
        Self::new(status, error.message)
    }
}

impl fmt::Display for RestError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}: {}", self.status.as_u16(), self.message())
    }
}

impl IntoResponse for RestError {
    fn into_response(self) -> Response {
        let body = ErrorBody { error_code: self.error_code, message: self.message.as_deref() };
        let text = serde_json::to_vec(&body).unwrap_or_default();
        let mut response = Response::new(Body::from(text));
        *response.status_mut() = self.status;
        if self.is_typed {
            let json = HeaderValue::from_static("application/json");
            response.headers_mut().insert(header::CONTENT_TYPE, json);
        }
        response
    }
}
