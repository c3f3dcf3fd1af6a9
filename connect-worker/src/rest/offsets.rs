//! `/connectors/{c}/offsets`.

use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::{Method, StatusCode};
use serde::Serialize;
use serde_json::Value as Json;

use crate::herder::{ConnectorOffset, HerderError};
use crate::rest::answer::{Answer, ok};
use crate::rest::body;
use crate::rest::caller::Caller;
use crate::rest::error::RestError;
use crate::rest::peers::Onward;
use crate::rest::router::RestState;
use crate::rest::shape::MESSAGE;

const NO_OFFSETS: &str = "Cannot invoke \"org.apache.kafka.connect.runtime.rest.entities.ConnectorOffsets.offsets()\" \
                          because \"offsets\" is null";

#[derive(Serialize)]
struct Offsets {
    offsets: Vec<ConnectorOffset>,
}

#[derive(Serialize)]
struct Message {
    message: String,
}

/// `GET /connectors/{c}/offsets`.
pub(crate) async fn get(State(state): State<RestState>, Path(name): Path<String>) -> Answer {
    ok(&Offsets { offsets: state.herder.offsets(name).await? })
}

/// `PATCH /connectors/{c}/offsets`.
pub(crate) async fn alter(
    State(state): State<RestState>,
    Path(name): Path<String>,
    caller: Caller,
    body: Bytes,
) -> Answer {
    let offsets = body::offsets(&body).map_err(RestError::internal)?;
    let offsets = offsets.ok_or_else(|| RestError::internal(NO_OFFSETS))?;
    if offsets.is_empty() {
        let text = "Partitions / offsets need to be provided for an alter offsets request";
        return Err(RestError::new(StatusCode::BAD_REQUEST, text));
    }
    let outcome = state.herder.modify_offsets(name.clone(), Some(offsets)).await;
    let sent = || body::sent(&body).unwrap_or(Json::Null);
    let onward = || Onward::of(Method::PATCH, &name, "/offsets").with(sent()).expecting(&MESSAGE);
    answer(&state, outcome, &caller, onward).await
}

/// `DELETE /connectors/{c}/offsets`.
pub(crate) async fn reset(
    State(state): State<RestState>,
    Path(name): Path<String>,
    caller: Caller,
) -> Answer {
    let outcome = state.herder.modify_offsets(name.clone(), None).await;
    let onward = || Onward::of(Method::DELETE, &name, "/offsets").expecting(&MESSAGE);
    answer(&state, outcome, &caller, onward).await
}

async fn answer(
    state: &RestState,
    outcome: Result<String, HerderError>,
    caller: &Caller,
    onward: impl FnOnce() -> Onward,
) -> Answer {
    let outcome = outcome.map(|message| Message { message });
    ok(&state.shown(outcome, caller, onward).await?)
}
