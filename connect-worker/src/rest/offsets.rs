//! `/connectors/{c}/offsets`.

use axum::body::Bytes;
use axum::extract::{Path, State};
use serde::Serialize;

use crate::herder::ConnectorOffset;
use crate::rest::answer::{Answer, ok};
use crate::rest::body;
use crate::rest::error::RestError;
use crate::rest::router::RestState;

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
pub(crate) async fn alter(State(state): State<RestState>, Path(name): Path<String>, body: Bytes) -> Answer {
    let offsets = body::offsets(&body).map_err(RestError::internal)?;
    let offsets = offsets.ok_or_else(|| RestError::internal(NO_OFFSETS))?;
    if offsets.is_empty() {
        let text = "Partitions / offsets need to be provided for an alter offsets request";
        return Err(RestError::new(axum::http::StatusCode::BAD_REQUEST, text));
    }
    ok(&Message { message: state.herder.modify_offsets(name, Some(offsets)).await? })
}

/// `DELETE /connectors/{c}/offsets`.
pub(crate) async fn reset(State(state): State<RestState>, Path(name): Path<String>) -> Answer {
    ok(&Message { message: state.herder.modify_offsets(name, None).await? })
}
