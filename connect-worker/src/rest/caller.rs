//! Who calls, how, and whether the call may be sent on: the part of a request that no resource names itself.

use std::convert::Infallible;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{HeaderMap, Method, StatusCode, header};
use serde::Serialize;
use serde_json::Value as Json;

use crate::herder::{HerderError, HerderErrorKind};
use crate::rest::answer::encoded;
use crate::rest::config::Scheme;
use crate::rest::error::RestError;
use crate::rest::peers::{Answered, Onward};
use crate::rest::router::RestState;
use crate::rest::shape::Bean;
use crate::rest::uri::query;

const NO_LEADER: &str = "Cannot complete request momentarily due to no known leader URL, likely because a rebalance was \
                         underway.";
const LOST: &str = "Cannot complete request because of a conflicting operation (e.g. worker rebalance)";
const STALE: &str = "Cannot complete request momentarily due to stale configuration (typically caused by a concurrent \
                     config change)";

/// A request's headers, query and listener.
#[derive(Debug)]
pub(crate) struct Caller {
    pub(crate) headers: HeaderMap,
    pub(crate) query: Vec<(String, String)>,
    scheme: Scheme,
}

impl<S: Sync> FromRequestParts<S> for Caller {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Infallible> {
        Ok(Self {
            headers: parts.headers.clone(),
            query: query(parts.uri.query()),
            scheme: parts.extensions.get::<Scheme>().copied().unwrap_or(Scheme::Http),
        })
    }
}

impl Caller {
    /// Returns the absolute URL under which a connector is found.
    pub(crate) fn location(&self, connector: &str) -> String {
        let host = self.headers.get(header::HOST).and_then(|host| host.to_str().ok()).unwrap_or("localhost");
        format!("{}://{host}{}", self.scheme.name(), connector_path(connector, ""))
    }

    /// Returns what the caller said about forwarding.
    fn forward(&self) -> Option<bool> {
        let given = self.query.iter().find(|(key, _)| key == "forward");
        given.map(|(_, value)| value.eq_ignore_ascii_case("true"))
    }
}

/// Where a request was answered.
#[derive(Debug)]
pub(crate) enum Done<T> {
    /// Here.
    Here(T),
    /// By the worker it was sent on to.
    There(Answered),
}

/// Returns the path of a connector's resource, its name encoded.
pub(crate) fn connector_path(connector: &str, rest: &str) -> String {
    format!("/connectors/{}{rest}", encoded(connector))
}

impl Onward {
    /// Returns a request about a connector, without a body.
    pub(crate) fn of(method: Method, connector: &str, rest: &str) -> Self {
        Self {
            method,
            path: connector_path(connector, rest),
            query: String::new(),
            body: None,
            expects: None,
        }
    }

    /// Returns the request with a body.
    pub(crate) fn with(self, body: Json) -> Self {
        Self { body: Some(body), ..self }
    }

    /// Returns the request with the type of its answer.
    pub(crate) fn expecting(self, bean: &'static Bean) -> Self {
        Self { expects: Some(bean), ..self }
    }
}

impl RestState {
    /// Passes on what the herder answered, or sends the request to the worker that the herder names, as
    /// `HerderRequestHandler.completeOrForwardRequest` does: a request takes two hops at most.
    ///
    /// # Errors
    /// Fails as the herder or the other worker did, or when nobody knows whom to ask.
    pub(crate) async fn done<T>(
        &self,
        outcome: Result<T, HerderError>,
        caller: &Caller,
        onward: impl FnOnce() -> Onward,
    ) -> Result<Done<T>, RestError> {
        let error = match outcome {
            Ok(value) => return Ok(Done::Here(value)),
            Err(error) => error,
        };
        let conflict = |text: &str| Err(RestError::new(StatusCode::CONFLICT, text));
        match error.kind {
            HerderErrorKind::RebalanceNeeded => conflict(STALE),
            HerderErrorKind::Elsewhere if caller.forward() == Some(false) => {
                let onward = onward();
                tracing::error!(method = %onward.method, path = onward.path, "not found the right worker in two hops");
                conflict(LOST)
            }
            HerderErrorKind::Elsewhere => match (error.forward_to, &self.peers) {
                (Some(url), Some(peers)) => {
                    let is_first = caller.forward().is_none();
                    peers.forward(&url, onward(), is_first, &caller.headers).await.map(Done::There)
                }
                _ => conflict(NO_LEADER),
            },
            _ => Err(error.into()),
        }
    }

    /// As [`RestState::done`], for what has no answer.
    ///
    /// # Errors
    /// As there.
    pub(crate) async fn void(
        &self,
        outcome: Result<(), HerderError>,
        caller: &Caller,
        onward: impl FnOnce() -> Onward,
    ) -> Result<(), RestError> {
        self.done(outcome, caller, onward).await.map(drop)
    }

    /// As [`RestState::done`], for an answer that looks the same wherever it comes from.
    ///
    /// # Errors
    /// As there.
    pub(crate) async fn shown<T: Serialize>(
        &self,
        outcome: Result<T, HerderError>,
        caller: &Caller,
        onward: impl FnOnce() -> Onward,
    ) -> Result<Json, RestError> {
        match self.done(outcome, caller, onward).await? {
            Done::Here(value) => {
                serde_json::to_value(value).map_err(|error| RestError::internal(error.to_string()))
            }
            Done::There(answered) => Ok(answered.body),
        }
    }
}
