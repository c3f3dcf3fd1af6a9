//! The internal resources, by which workers of a group ask the leader. Requests are signed, and checked here.

use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::{Method, StatusCode};
use serde_json::Value as Json;

use crate::herder::HerderError;
use crate::rest::answer::{Answer, empty};
use crate::rest::body;
use crate::rest::caller::Caller;
use crate::rest::error::RestError;
use crate::rest::peers::Onward;
use crate::rest::router::RestState;
use crate::rest::signature::Signature;

const NO_TASKS: &str =
    "Kafka Connect in standalone mode does not support externally setting task configurations.";
const NO_FENCING: &str = "Kafka Connect in standalone mode does not support exactly-once source connectors.";

/// `POST /connectors/{c}/tasks`.
pub(crate) async fn put_tasks(
    State(state): State<RestState>,
    Path(name): Path<String>,
    caller: Caller,
    body: Bytes,
) -> Answer {
    let configs = body::task_configs(&body).map_err(RestError::internal)?;
    check(&state, &caller, &body, NO_TASKS)?;
    let sent = body::configs_json(&configs);
    let outcome = state.herder.write_task_configs(name.clone(), configs).await;
    let onward = || Onward::of(Method::POST, &name, "/tasks").with(sent);
    state.void(outcome, &caller, onward).await?;
    empty(StatusCode::NO_CONTENT)
}

/// `PUT /connectors/{c}/fence`.
pub(crate) async fn fence(
    State(state): State<RestState>,
    Path(name): Path<String>,
    caller: Caller,
    body: Bytes,
) -> Answer {
    check(&state, &caller, &body, NO_FENCING)?;
    let outcome = state.herder.fence(name.clone()).await;
    state.void(outcome, &caller, || Onward::of(Method::PUT, &name, "/fence")).await?;
    empty(StatusCode::NO_CONTENT)
}

/// `PUT /cluster/departures/{member}`: a member is about to leave for good. Kafka Connect has no such resource; its
/// leader answers 404, and those who ask live with that.
pub(crate) async fn depart(
    State(state): State<RestState>,
    Path(member): Path<String>,
    caller: Caller,
    body: Bytes,
) -> Answer {
    if state.peers.is_none() {
        return Err(RestError::unmatched(StatusCode::NOT_FOUND));
    }
    check(&state, &caller, &body, "")?;
    // The signature covers the body alone: what the path says must stand there.
    let named = serde_json::from_slice::<Json>(&body).ok();
    if named.as_ref().and_then(|named| named["member_id"].as_str()) != Some(member.as_str()) {
        let text = "The body of a departure must name the same member as its path";
        return Err(RestError::new(StatusCode::BAD_REQUEST, text));
    }
    state.herder.note_departure(member).await?;
    empty(StatusCode::NO_CONTENT)
}

/// Checks who asks. A worker without a group refuses with `standalone`.
fn check(state: &RestState, caller: &Caller, body: &[u8], standalone: &str) -> Result<(), RestError> {
    let signature = Signature::of(&caller.headers)?;
    match &state.peers {
        Some(peers) => peers.check(signature.as_ref(), body, &state.herder.session()),
        None => Err(HerderError::internal(standalone).into()),
    }
}
